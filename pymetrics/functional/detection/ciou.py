"""complete_intersection_over_union, where torchmetrics has it."""

from ...detection.overlaps import complete_intersection_over_union

__all__ = ["complete_intersection_over_union"]
