"""pycocotools' names over this library's engine: `from pymetrics.coco import COCO, COCOeval, mask`."""

from typing import Any

from .coco import COCO
from .cocoeval import COCOeval
from .params import Params
from .strict import init_as_pycocotools, set_strict

__all__ = ["COCO", "COCOeval", "Params", "init_as_pycocotools", "mask", "set_strict"]


def __getattr__(name: str) -> Any:
    """`mask` is imported when it is first asked for."""
    if name != "mask":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return import_module(f"{__name__}.mask")
