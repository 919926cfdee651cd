"""Columns of a source that are tensors on a GPU: what is taken there without a copy to the host.

Only columns of the expected shapes and dtypes are taken. The readers of host data raise the errors for all others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..kernels import arrays
from ..kernels.arrays import torch
from .boxes import BoxFormat

INTEGERS = ("torch.int64", "torch.int32", "torch.int16", "torch.int8", "torch.uint8")
NUMBERS = (*INTEGERS, "torch.float64", "torch.float32", "torch.float16", "torch.bfloat16", "torch.bool")
KEYS = {
    "gt": {"labels": "labels", "boxes": "boxes", "crowd": "iscrowd", "ignore": "ignore", "area": "area"},
    "dt": {"labels": "labels", "boxes": "boxes", "scores": "scores"},
}


def as_tensors(columns: Mapping[str, Any], box_format: BoxFormat) -> dict[str, Any] | None:
    """The columns of a Source, where all of them are tensors on one GPU; None: they are read on the host.

    columns: by name, boxes (N, n_columns), labels (N,) and others (N,); None where there is none. They come back as
    int64 image and labels, float64 scores and area; the others in their own dtypes.
    """
    tensors = {name: arrays.as_tensor(values) for name, values in columns.items() if values is not None}
    boxes = tensors["boxes"]
    if not arrays.is_on_device(boxes) or not arrays.has_cuda_kernels(boxes):
        return None
    if not all(arrays.is_tensor(tensor) and tensor.device == boxes.device for tensor in tensors.values()):
        return None
    if any(tensor.layout != torch().strided for tensor in tensors.values()):
        return None
    n = tensors["labels"].shape[0] if tensors["labels"].ndim == 1 else -1
    for name, tensor in tensors.items():
        shape = (n, box_format.n_columns) if name == "boxes" else (n,)
        dtypes = INTEGERS if name in ("labels", "image") else NUMBERS
        if tuple(tensor.shape) != shape or str(tensor.dtype) not in dtypes:
            return None
    return {name: _converted(name, tensor.detach()) for name, tensor in tensors.items()}


def joined_on_device(items: Sequence[Any], side: str, image_ids: Any, box_format: BoxFormat) -> dict[str, Any] | None:
    """Lists of one dict per image, joined: as as_tensors gives them, with `image`; None: they are read on the host.

    side: "gt" or "dt". image_ids: int64, one for each item, on the host.
    """
    if not items or not all(isinstance(item, Mapping) for item in items):
        return None
    first = items[0].get("boxes")
    if not arrays.is_on_device(first) or not arrays.has_cuda_kernels(first) or image_ids.dtype.kind != "i":
        return None
    if any(hasattr(item.get("boxes"), "format") for item in items):  # torchvision's own boxes say their layout
        return None
    given = {name: key for name, key in KEYS[side].items() if key in items[0]}
    if not {"labels", "boxes"} <= given.keys() or (side == "dt" and "scores" not in given):
        return None
    if any({key for key in KEYS[side].values() if key in item} != set(given.values()) for item in items):
        return None
    parts = {name: [item[key] for item in items] for name, key in given.items()}
    if not _are_alike(parts, first.device, box_format):
        return None
    counts = np.array([part.shape[0] for part in parts["labels"]], np.int64)
    columns = {name: torch().cat(tensors) for name, tensors in parts.items()}
    every = arrays.to_device(image_ids, first)
    columns["image"] = torch().repeat_interleave(every, arrays.to_device(counts, first), output_size=int(counts.sum()))
    return as_tensors(columns, box_format)


def _are_alike(parts: dict[str, list[Any]], device: Any, box_format: BoxFormat) -> bool:
    """Whether every column of every image is a tensor there, of one row per label; of one dtype each."""
    lengths = [part.shape[0] if arrays.is_tensor(part) and part.ndim == 1 else -1 for part in parts["labels"]]
    for name, tensors in parts.items():
        shapes = [(n, box_format.n_columns) if name == "boxes" else (n,) for n in lengths]
        for tensor, shape in zip(tensors, shapes, strict=True):
            if not arrays.is_tensor(tensor) or tuple(tensor.shape) != shape or tensor.device != device:
                return False
        if len({tensor.dtype for tensor in tensors}) > 1:
            return False
    return True


def _converted(name: str, tensor: Any) -> Any:
    if name in ("boxes", "crowd", "ignore", "group_of"):
        return tensor
    dtype = torch().int64 if name in ("labels", "image") else torch().float64
    return tensor.to(dtype).contiguous()
