"""Masks compared by Boundary IoU: of the masks, or of their boundaries alone, whichever is lower."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..._records import record, value_record
from ...formats.source import Source
from ..cells import Cells
from ..columns import CROWD, Side
from .masks import Masks, mask_overlaps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...formats.runs import RunColumns


@record
class BoundaryColumns:
    """N masks, and their boundaries: RunColumns, on the host."""

    masks: RunColumns
    boundaries: RunColumns


@value_record
class Boundary(Masks):
    """Columns: BoundaryColumns. boundary_dilation_ratio: how deep a boundary is, in parts of the image's diagonal."""

    boundary_dilation_ratio: float = 0.02
    iou_type: ClassVar[str] = "boundary"

    def __post_init__(self) -> None:
        ratio = self.boundary_dilation_ratio
        if isinstance(ratio, bool) or not isinstance(ratio, (int, float, np.number)) or not 0 < ratio < np.inf:
            raise ValueError(f"boundary_dilation_ratio must be a finite number above 0, got {ratio!r}")
        vars(self)["boundary_dilation_ratio"] = float(ratio)

    @property
    def params(self) -> Mapping[str, Any]:
        return {"boundary_dilation_ratio": self.boundary_dilation_ratio}

    def read(self, source: Source, image_sizes: Any) -> Any:
        masks = super().read(source, image_sizes).decoded()
        return BoundaryColumns(masks, masks.boundaries(self.boundary_dilation_ratio))

    def area(self, columns: Any) -> Any:
        return super().area(columns.masks)

    def take(self, columns: Any, rows: Any) -> Any:
        return BoundaryColumns(columns.masks.take(rows), columns.boundaries.take(rows))

    def overlaps(self, dt: Side, gt: Side, cells: Cells, least: float = 0.0) -> Any:
        crowd = gt.flags[cells.gt_rows] & CROWD
        out = mask_overlaps(dt.shape.masks, gt.shape.masks, crowd, cells, least)
        near = mask_overlaps(dt.shape.boundaries, gt.shape.boundaries, crowd, cells, least)
        np.minimum(out, near, out=out, where=_counts(crowd, cells))
        return out


def _counts(crowd: NDArray[np.uint8], cells: Cells) -> Any:
    """Which overlaps are with ground truths that are no crowds: bool, or True for all."""
    if not crowd.any():
        return True
    offsets, n_gt = cells.pair_offsets(), np.diff(cells.gt_offsets)
    cell = np.repeat(np.arange(len(cells)), np.diff(offsets))
    row = cells.gt_offsets[cell] + (np.arange(offsets[-1]) - offsets[cell]) % n_gt[cell]
    return crowd[row] == 0
