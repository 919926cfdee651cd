"""intersection_over_union, where torchmetrics has it."""

from ...detection.overlaps import intersection_over_union

__all__ = ["intersection_over_union"]
