"""Object detection metrics: pycocotools' numbers to the last bit, from C++ or, without it, from Numba.

>>> import pymetrics
>>> result = pymetrics.evaluate("ground_truth.json", "detections.json")   # doctest: +SKIP
>>> print(result)                                                         # doctest: +SKIP

Importing this package imports neither torch nor numba: the names below are fetched when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import _config
from ._config import get_num_threads, set_num_threads
from ._version import VERSION

__version__ = VERSION

_MODULE_OF = {
    "COCO": "coco",
    "COCOeval": "coco",
    "Accumulator": "evaluation.accumulator",
    "Detections": "formats.columns",
    "GroundTruths": "formats.columns",
    "Outcomes": "evaluation.outcomes",
    "Protocol": "evaluation.protocol",
    "Result": "evaluation.result",
    "box_iou": "evaluation.overlaps",
    "check": "analysis.check",
    "compare": "analysis.compare",
    "convert": "formats.convert",
    "draw": "pictures.draw",
    "evaluate": "evaluation.evaluate",
    "explain_difference": "analysis.explain",
    "mask": "coco",
    "match": "evaluation.match",
    "read": "evaluation.read_sources",
    "read_report": "report",
    "show_config": "_show_config",
}

_SUBPACKAGES = ("analysis", "coco", "detection", "distributed", "functional", "pictures", "report", "trackers")

__all__ = [
    "COCO",
    "Accumulator",
    "COCOeval",
    "Detections",
    "GroundTruths",
    "Outcomes",
    "Protocol",
    "Result",
    "__version__",
    "box_iou",
    "check",
    "compare",
    "convert",
    "draw",
    "evaluate",
    "explain_difference",
    "get_num_threads",
    "mask",
    "match",
    "read",
    "read_report",
    "set_num_threads",
    "show_config",
]

if TYPE_CHECKING:
    from ._show_config import show_config
    from .analysis.check import check
    from .analysis.compare import compare
    from .analysis.explain import explain_difference
    from .coco import COCO, COCOeval, mask
    from .evaluation.accumulator import Accumulator
    from .evaluation.evaluate import evaluate
    from .evaluation.match import match
    from .evaluation.outcomes import Outcomes
    from .evaluation.overlaps import box_iou
    from .evaluation.protocol import Protocol
    from .evaluation.read_sources import read
    from .evaluation.result import Result
    from .formats.columns import Detections, GroundTruths
    from .formats.convert import convert
    from .pictures.draw import draw
    from .report import read_report


def __getattr__(name: str) -> Any:
    """Fetch a public name from its module, or a subpackage, at its first use (PEP 562)."""
    if name in _SUBPACKAGES:
        return import_module(f"{__name__}.{name}")
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBPACKAGES})


_config.check_at_import()
