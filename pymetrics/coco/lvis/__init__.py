"""lvis-api's names over this library's engine: `from pymetrics.coco.lvis import LVIS, LVISEval, LVISResults`."""

from .dataset import LVIS
from .evaluation import LVISEval, Params
from .results import LVISResults

__all__ = ["LVIS", "LVISEval", "LVISResults", "Params"]
