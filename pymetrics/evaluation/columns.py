"""Columns: the arrays that every source becomes. No later stage knows where the data came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._records import record
from ..kernels import arrays

if TYPE_CHECKING:
    from .._arrays import F64, I32, I64, U8, Ids
    from .shapes import Shape

CROWD, ID_ZERO, IGNORE, GROUP_OF = 1, 2, 4, 8  # bits of the flags of ground truths
KEEPS_FREE = 1  # bit of the flags of detections: its id is 0 or below, so that its ground truth stays free (quirk)


@record
class Side:
    """Ground truths or detections: N rows. Arrays are C-contiguous, all on one device.

    image, category: int32 (N,), positions on the axes; negative rows are left out.
    shape: what is compared; only the evaluation's shape knows what this is (of boxes float64 (N, 4): x, y, width,
        height).
    area: float64 (N,) square pixels; of detections it may have length 0 where it is the shape's own.
    flags: uint8 (N,): CROWD | ID_ZERO | IGNORE | GROUP_OF of ground truths, the last one for Open Images' rule alone;
        KEEPS_FREE of detections, of length 0 where none is set.
    scores: float64 (N,); of length 0 for ground truths.
    source_row: int (N,), the row of the source that each row is; None where it is the same. On the host.
    """

    image: I32
    category: I32
    shape: Any
    area: F64
    flags: U8
    scores: F64
    source_row: I64 | None = None


@record
class Axes:
    """The images and categories of an evaluation. On the host.

    image_ids: every image, ascending and unique; int64 or str. category_ids: (K,) int64 or str, axis K.
    category_names: names of categories by id, where the source has them.
    category_groups: ids of the members of groups of categories, by the group's name.
    image_sizes: float64 (images, 2), height and width of each image in pixels, NaN where it is not known; or None.
    image_names: names of images (of their files) by id, where the source has them.
    """

    image_ids: Ids
    category_ids: Ids
    category_names: Mapping[Any, str] = field(default_factory=dict)
    category_groups: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    image_sizes: F64 | None = None
    image_names: Mapping[Any, str] = field(default_factory=dict)


@record
class Columns:
    """The data of one evaluation."""

    gt: Side
    dt: Side
    axes: Axes
    shape: Shape

    def on_host(self) -> Columns:
        """The same with numpy arrays; itself where they are that already."""
        if isinstance(self.dt.scores, np.ndarray):
            return self
        return replace(self, gt=self._side_on_host(self.gt), dt=self._side_on_host(self.dt))

    def _side_on_host(self, side: Side) -> Side:
        values = {name: arrays.to_host(value) for name, value in vars(side).items() if name != "shape"}
        return replace(side, shape=self.shape.on_host(side.shape), **values)
