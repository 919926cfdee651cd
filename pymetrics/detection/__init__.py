"""torchmetrics' detection metrics by the same names and with the same numbers, on this library's engine.

>>> from pymetrics.detection import MeanAveragePrecision   # doctest: +SKIP

Needs torch and torchmetrics, and neither torchvision nor pycocotools.
"""

try:
    from .ciou import CompleteIntersectionOverUnion
    from .diou import DistanceIntersectionOverUnion
    from .giou import GeneralizedIntersectionOverUnion
    from .iou import IntersectionOverUnion
    from .mean_ap import MeanAveragePrecision
    from .panoptic_qualities import ModifiedPanopticQuality, PanopticQuality
    from .trainer import TrainerMetrics
except ImportError as error:
    raise ImportError(
        f"pymetrics.detection needs torch and torchmetrics ({error}): pip install 'pymetrics-detection[torch]'"
    ) from error

__all__ = [
    "CompleteIntersectionOverUnion",
    "DistanceIntersectionOverUnion",
    "GeneralizedIntersectionOverUnion",
    "IntersectionOverUnion",
    "MeanAveragePrecision",
    "ModifiedPanopticQuality",
    "PanopticQuality",
    "TrainerMetrics",
]
