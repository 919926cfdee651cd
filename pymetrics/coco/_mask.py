"""The functions of `mask` under the name of pycocotools' compiled module, where they take and give lists."""

from .mask import area, decode, encode, frPyObjects, iou, merge, toBbox

__all__ = ["area", "decode", "encode", "frPyObjects", "iou", "merge", "toBbox"]
