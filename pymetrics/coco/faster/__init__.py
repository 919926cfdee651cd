"""faster-coco-eval's names on this engine: `from pymetrics.coco.faster import COCO, COCOeval_faster, mask`."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from . import coco, cocoeval
from .coco import COCO
from .cocoeval import COCOeval, COCOeval_faster, Params

__all__ = ["COCO", "COCOeval", "COCOeval_faster", "FasterCocoEvaluator", "Params", "init_as_pycocotools", "mask"]


def init_as_pycocotools() -> None:
    """Let `import pycocotools` and its modules coco, cocoeval and mask find this package, from now on.

    As faster-coco-eval's function of this name; pymetrics.coco.init_as_pycocotools gives pycocotools' own behaviour.
    """
    sys.modules["pycocotools"] = sys.modules[__name__]
    sys.modules["pycocotools.coco"] = coco
    sys.modules["pycocotools.cocoeval"] = cocoeval
    sys.modules["pycocotools.mask"] = import_module("pymetrics.coco.mask")


def __getattr__(name: str) -> Any:
    """`mask` and `FasterCocoEvaluator` are imported when they are first asked for."""
    if name == "mask":
        return import_module("pymetrics.coco.mask")
    if name == "FasterCocoEvaluator":
        return import_module(f"{__name__}.evaluator").FasterCocoEvaluator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
