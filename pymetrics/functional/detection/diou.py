"""distance_intersection_over_union, where torchmetrics has it."""

from ...detection.overlaps import distance_intersection_over_union

__all__ = ["distance_intersection_over_union"]
