"""torchmetrics.functional.detection's functions of boxes; needs torch and torchmetrics, and not torchvision."""

from ..detection.overlaps import (
    complete_intersection_over_union,
    distance_intersection_over_union,
    generalized_intersection_over_union,
    intersection_over_union,
)

__all__ = [
    "complete_intersection_over_union",
    "distance_intersection_over_union",
    "generalized_intersection_over_union",
    "intersection_over_union",
]
