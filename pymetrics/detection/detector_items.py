"""What detectors return, as the dicts of tensors that update() takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from ..formats import detectors


def as_items(items: Any, box_format: str) -> Any:
    """The same, with dicts of tensors in place of detectors' outputs; boxes of theirs are in box_format.

    A list of plain dicts is returned as it is.
    """
    if not isinstance(items, Sequence) or all(_is_plain(item) for item in items):
        return items
    return [_as_item(item, box_format) for item in items]


def _is_plain(item: Any) -> bool:
    return type(item) is dict and "boxes" in item and type(item["boxes"]) is torch.Tensor


def _as_item(item: Any, box_format: str) -> Any:
    if detectors.is_output(item):
        found = {name: _as_tensor(value) for name, value in detectors.as_item(item).items()}
        layout = "xyxy"
    elif isinstance(item, Mapping) and hasattr(item.get("boxes"), "canvas_size"):
        found = dict(item)
        layout = str(getattr(item["boxes"].format, "name", box_format)).lower()
    else:
        return item
    if isinstance(found.get("boxes"), torch.Tensor):
        found["boxes"] = _converted(found["boxes"].as_subclass(torch.Tensor), layout, box_format)
    return found


def _as_tensor(value: Any) -> Any:
    return torch.from_numpy(np.ascontiguousarray(value)) if isinstance(value, np.ndarray) else value


def _converted(boxes: torch.Tensor, layout: str, wanted: str) -> torch.Tensor:
    if layout == wanted or not boxes.numel():
        return boxes
    a, b, c, d = boxes.unbind(-1)
    if layout == "cxcywh":
        a, b = a - 0.5 * c, b - 0.5 * d
    if layout == "xyxy":
        c, d = c - a, d - b
    if wanted == "xyxy":
        c, d = a + c, b + d
    if wanted == "cxcywh":
        a, b = a + 0.5 * c, b + 0.5 * d
    return torch.stack((a, b, c, d), -1)
