"""Rotated boxes: centre, width, height and angle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ... import kernels
from ..._records import value_record
from ...formats.boxes import as_raw_boxes
from ...formats.source import Source
from ...kernels import arrays
from ..cells import Cells
from ..columns import CROWD, Side


@value_record
class Rotated:
    """Columns: float64 (N, 6), centre x, y, width, height in pixels, cosine and sine of the angle. On the host."""

    iou_type: ClassVar[str] = "obb"
    unusual: ClassVar[None] = None
    match: ClassVar[None] = None

    @property
    def params(self) -> Mapping[str, Any]:
        return {}

    def read(self, source: Source, image_sizes: Any) -> Any:
        from ...formats.rotated import to_rotated

        raw = as_raw_boxes(source.shape, self.iou_type, source.side)
        return to_rotated(raw.values, raw.format.layout)

    def area(self, columns: Any) -> Any:
        return columns[:, 2] * columns[:, 3]

    def take(self, columns: Any, rows: Any) -> Any:
        return columns[rows]

    def on_host(self, columns: Any) -> Any:
        return arrays.to_host(columns)

    def overlaps(self, dt: Side, gt: Side, cells: Cells, least: float = 0.0) -> Any:
        offsets = cells.pair_offsets()
        out = arrays.empty(int(offsets[-1]), "float64", cells.scores)
        kernels.rotated_iou(
            dt.shape[cells.dt_rows], gt.shape[cells.gt_rows], gt.flags[cells.gt_rows] & CROWD,
            cells.dt_offsets, cells.gt_offsets, offsets, out, 0, len(cells),
        )  # fmt: skip
        return out
