"""torchmetrics' detection metrics by the same names and with the same numbers, on this library's engine.

>>> from pymetrics.detection import MeanAveragePrecision   # doctest: +SKIP

Needs torch and torchmetrics, and neither torchvision nor pycocotools.
"""

from .mean_ap import MeanAveragePrecision

__all__ = ["MeanAveragePrecision"]
