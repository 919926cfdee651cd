"""generalized_intersection_over_union, where torchmetrics has it."""

from ...detection.overlaps import generalized_intersection_over_union

__all__ = ["generalized_intersection_over_union"]
