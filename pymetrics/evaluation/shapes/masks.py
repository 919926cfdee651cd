"""Masks: run lengths, column by column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ... import kernels
from ..._records import value_record
from ...formats.source import Source
from ..cells import Cells
from ..columns import CROWD, Side

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...formats.run_texts import TextColumns
    from ...formats.runs import RunColumns


@value_record
class Masks:
    """Columns: RunColumns, or of detections in files TextColumns, on the host."""

    iou_type: ClassVar[str] = "segm"
    unusual: ClassVar[None] = None
    match: ClassVar[None] = None

    @property
    def params(self) -> Mapping[str, Any]:
        return {}

    def read(self, source: Source, image_sizes: Any) -> Any:
        from ...formats.masks import as_raw_masks

        found = as_raw_masks(source.shape, source.side, self.iou_type).columns(image_sizes, source.where)
        return found.decoded() if source.side == "gt" else found

    def area(self, columns: Any) -> Any:
        return columns.measures.areas.astype(np.float64)

    def take(self, columns: Any, rows: Any) -> Any:
        return columns.take(rows)

    def on_host(self, columns: Any) -> Any:
        return columns

    def overlaps(self, dt: Side, gt: Side, cells: Cells, least: float = 0.0) -> Any:
        return mask_overlaps(dt.shape, gt.shape, gt.flags[cells.gt_rows] & CROWD, cells, least)


def mask_overlaps(
    dt: RunColumns | TextColumns, gt: RunColumns | TextColumns, crowd: NDArray[np.uint8], cells: Cells, least: float
) -> NDArray[np.float64]:
    """All overlaps of every cell, as Shape.overlaps. crowd: uint8, of the ground truths of the cells."""
    from ...formats.run_texts import TextColumns

    offsets = cells.pair_offsets()
    out = np.empty(offsets[-1])
    kernel = kernels.text_iou if isinstance(dt, TextColumns) else kernels.mask_iou
    kernel(
        *dt.for_overlaps, cells.dt_rows, *gt.decoded().for_overlaps, cells.gt_rows, crowd, cells.dt_offsets,
        cells.gt_offsets, offsets, float(least), out, 0, len(cells),
    )  # fmt: skip
    return out
