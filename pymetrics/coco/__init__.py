"""pycocotools' names over this library's engine: `from pymetrics.coco import COCO, COCOeval, mask`."""

from . import mask
from .coco import COCO
from .cocoeval import COCOeval
from .params import Params

__all__ = ["COCO", "COCOeval", "Params", "mask"]
