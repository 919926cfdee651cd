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

    from ...formats.runs import RunColumns


@value_record
class Masks:
    """Columns: RunColumns, on the host."""

    iou_type: ClassVar[str] = "segm"
    unusual: ClassVar[None] = None
    match: ClassVar[None] = None

    @property
    def params(self) -> Mapping[str, Any]:
        return {}

    def read(self, source: Source, image_sizes: Any) -> Any:
        from ...formats.masks import as_raw_masks

        return as_raw_masks(source.shape, source.side, self.iou_type).columns(image_sizes, source.where)

    def area(self, columns: Any) -> Any:
        return columns.measures.areas.astype(np.float64)

    def take(self, columns: Any, rows: Any) -> Any:
        return columns.take(rows)

    def on_host(self, columns: Any) -> Any:
        return columns

    def overlaps(self, dt: Side, gt: Side, cells: Cells) -> Any:
        return mask_overlaps(dt.shape, gt.shape, gt.flags[cells.gt_rows] & CROWD, cells)


def mask_overlaps(dt: RunColumns, gt: RunColumns, crowd: NDArray[np.uint8], cells: Cells) -> NDArray[np.float64]:
    """All overlaps of every cell, as Shape.overlaps. crowd: uint8, of the ground truths of the cells."""
    offsets = cells.pair_offsets()
    out = np.empty(offsets[-1])
    kernels.mask_iou(
        *dt.for_overlaps, cells.dt_rows, *gt.for_overlaps, cells.gt_rows, crowd, cells.dt_offsets, cells.gt_offsets,
        offsets, out, 0, len(cells),
    )  # fmt: skip
    return out
