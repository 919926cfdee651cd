"""pycocotools' names over this library's engine: `from pymetrics.coco import COCO, COCOeval, mask`."""

from typing import Any

from .coco import COCO
from .cocoeval import COCOeval
from .params import Params
from .strict import init_as_pycocotools, set_strict

__all__ = ["COCO", "COCOeval", "CocoEvaluator", "Params", "init_as_pycocotools", "mask", "set_strict"]


def __getattr__(name: str) -> Any:
    """`mask` and `CocoEvaluator` are imported when they are first asked for."""
    from importlib import import_module

    if name == "CocoEvaluator":
        return import_module(f"{__name__}.evaluator").CocoEvaluator
    if name != "mask":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.mask")
