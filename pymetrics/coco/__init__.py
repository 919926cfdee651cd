"""pycocotools' names over this library's engine: `from pymetrics.coco import COCO, COCOeval, mask`."""

from typing import Any

from .coco import COCO
from .cocoeval import COCOeval
from .params import Params

__all__ = ["COCO", "COCOeval", "Params", "mask"]


def __getattr__(name: str) -> Any:
    """`mask` is imported when it is first asked for."""
    if name != "mask":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return import_module(f"{__name__}.mask")
