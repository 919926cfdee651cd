"""The flat columns that every source of data becomes; nothing past this line knows dicts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from ..kernels import arrays

CROWD, ID_ZERO, IGNORE = 1, 2, 4  # bits of gt_flags
KEEPS_FREE = 1  # bit of dt_flags: the detection's id is 0 or below, so that its ground truth stays free (quirk)


@dataclass(frozen=True)
class Columns:
    """One evaluation's data. Arrays are C-contiguous, all on one device; N detections, G ground truths.

    image_ids: every image of the evaluation, ascending and unique; int64 or str, on the host.
    category_ids: (K,) int64, in the order of axis K; on the host.
    category_names: names of the category ids, where the source has them.
    dt_image, gt_image: int32 positions in image_ids; negative rows are left out.
    dt_category, gt_category: int32 positions in category_ids; negative rows are left out.
    dt_boxes, gt_boxes: float64 (rows, 4) as x, y, width, height.
    dt_scores: float64 (N,).
    dt_area: float64 (N,), or of length 0 where it is the box's width * height.
    gt_area: float64 (G,).
    dt_flags: uint8 (N,) of KEEPS_FREE, or of length 0 where no flag is set.
    gt_flags: uint8 (G,) of CROWD | ID_ZERO | IGNORE.
    """

    image_ids: Any
    category_ids: Any
    dt_image: Any
    dt_category: Any
    dt_boxes: Any
    dt_scores: Any
    dt_area: Any
    dt_flags: Any
    gt_image: Any
    gt_category: Any
    gt_boxes: Any
    gt_area: Any
    gt_flags: Any
    category_names: dict[int, str] = field(default_factory=dict)

    def on_host(self) -> Columns:
        """The same with numpy arrays; itself where they are that already."""
        found = {name: arrays.to_host(value) for name, value in vars(self).items()}
        return self if all(found[name] is value for name, value in vars(self).items()) else replace(self, **found)
