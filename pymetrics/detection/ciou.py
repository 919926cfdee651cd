"""CompleteIntersectionOverUnion: torchmetrics' metric, which keeps boxes in place of matrices."""

from __future__ import annotations

from . import overlaps
from .iou import IntersectionOverUnion


class CompleteIntersectionOverUnion(IntersectionOverUnion):
    """Mean complete IoU of all pairs of a detection and a ground truth of one image. See IntersectionOverUnion."""

    _iou_type: overlaps.Kind = "ciou"
    _invalid_val: float = -2.0
