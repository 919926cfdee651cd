"""Boxes: x, y, width, height, without an angle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ... import kernels
from ..._records import value_record
from ..._warnings import warn
from ...formats.boxes import RawBoxes, as_raw_boxes, tensors_to_xywh, to_xywh
from ...formats.source import Source
from ...kernels import arrays
from ..cells import Cells
from ..columns import CROWD, Side

if TYPE_CHECKING:
    from ..protocol import Tables


@value_record
class Boxes:
    """Columns: float64 (N, 4), x, y, width, height in pixels."""

    iou_type: ClassVar[str] = "bbox"

    @property
    def params(self) -> Mapping[str, Any]:
        return {}

    def read(self, source: Source, image_sizes: Any) -> Any:
        raw = as_raw_boxes(source.shape, self.iou_type, source.side)
        values, (layout, is_normalized) = raw.values, raw.format
        if not isinstance(source.category, np.ndarray):
            return tensors_to_xywh(values, layout)
        boxes = to_xywh(values, layout)
        if layout == "xyxy" and len(boxes) and min(boxes[:, 2].min(), boxes[:, 3].min()) < 0:
            # Without index and values, so that Python shows it once and not for every batch of a young detector.
            warn(
                f"{source.side} has boxes whose x2, y2 lie before x1, y1: they overlap nothing; "
                "if they hold x, y, width, height, say box_format='xywh'"
            )
        return raw.scaled(boxes, image_sizes) if is_normalized and image_sizes is not None else boxes

    def area(self, columns: Any) -> Any:
        return columns[:, 2] * columns[:, 3]

    def take(self, columns: Any, rows: Any) -> Any:
        return columns[rows]

    def on_host(self, columns: Any) -> Any:
        return arrays.to_host(columns)

    def unusual(self, columns: Any, raw: RawBoxes) -> Any:
        """What is not finite, boxes that end before they begin, or all lie in [0, 1]."""
        torch = arrays.torch()
        found = (~torch.isfinite(columns)).any().reshape(1).to(torch.int64)
        if columns.shape[0]:
            found += (columns[:, 2:] < 0).any() + (raw.values.min() >= 0) * (raw.values.max() <= 1)
        return found

    def overlaps(self, dt: Side, gt: Side, cells: Cells, least: float = 0.0) -> Any:
        offsets = cells.pair_offsets()
        (n_pairs,) = arrays.to_ints(offsets[-1:])
        out = arrays.empty(n_pairs, "float64", cells.scores)
        kernels.box_iou(
            dt.shape[cells.dt_rows], gt.shape[cells.gt_rows], gt.flags[cells.gt_rows] & CROWD,
            cells.dt_offsets, cells.gt_offsets, offsets, 0, out, 0, len(cells),
        )  # fmt: skip
        return out

    def match(self, dt: Side, gt: Side, cells: Cells, table: Tables, *outputs: Any) -> None:
        """outputs: n_gt, matched, ignored, match_of, match_iou of the kernel."""
        kernels.match_boxes(
            dt.shape, dt.area, cells.dt_rows, dt.flags, cells.dt_offsets,
            gt.shape, gt.area, cells.gt_rows, gt.flags, cells.gt_offsets,
            table.thresholds, table.reached_bits, table.area_ranges, table.area_bits, *outputs, 0, len(cells),
        )  # fmt: skip
