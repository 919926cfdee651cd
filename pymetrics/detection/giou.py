"""GeneralizedIntersectionOverUnion: torchmetrics' metric, which keeps boxes in place of matrices."""

from __future__ import annotations

from . import overlaps
from .iou import IntersectionOverUnion


class GeneralizedIntersectionOverUnion(IntersectionOverUnion):
    """Mean generalized IoU of all pairs of a detection and a ground truth of one image. See IntersectionOverUnion."""

    _iou_type: overlaps.Kind = "giou"
    _invalid_val: float = -1.0
