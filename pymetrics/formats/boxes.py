"""Box formats: what the four numbers of a box mean, and their way to x, y, width, height."""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

LAYOUTS = ("xyxy", "xywh", "cxcywh")


class BoxFormat(NamedTuple):
    """layout: "xyxy" (corners), "xywh" (corner, size) or "cxcywh" (centre, size). normalized: in parts of the image."""

    layout: str
    normalized: bool = False


NAMES = {
    **{layout: BoxFormat(layout) for layout in LAYOUTS},
    "pascal_voc": BoxFormat("xyxy"),
    "coco": BoxFormat("xywh"),
    "yolo": BoxFormat("cxcywh", normalized=True),
    "albumentations": BoxFormat("xyxy", normalized=True),
}


def as_box_format(box_format: str, normalized: bool = False) -> BoxFormat:
    """The format of a name; "yolo" and "albumentations" are normalized by themselves.

    Raises:
        ValueError: no such format.
    """
    if not isinstance(box_format, str) or box_format not in NAMES:
        raise ValueError(f"box_format must be one of {', '.join(NAMES)}; got {box_format!r}")
    layout, is_normalized = NAMES[box_format]
    return BoxFormat(layout, bool(is_normalized or normalized))


def to_xywh(boxes: Any, layout: str) -> NDArray[np.float64]:
    """Boxes as x, y, width, height: computed in their own dtype, rounding included, then widened to float64.

    boxes: (N, 4) numpy array, or bfloat16 tensor, which numpy has no dtype for; integers are computed in float64.
    The centre goes through the corners, as in torchvision: the width is (cx + w / 2) - (cx - w / 2).

    Returns:
        float64 (N, 4), C-contiguous and writeable; `boxes` itself where it is all that already.
    """
    if layout == "xywh":
        return np.require(widen(boxes), np.float64, ["C", "A", "W", "E"])
    if isinstance(boxes, np.ndarray) and boxes.dtype.kind in "iu":
        boxes = boxes.astype(np.float64)
    out = np.empty((len(boxes), 4))
    step = 16384  # rows at a time, and by columns: five times as fast as all at once
    with np.errstate(over="ignore", invalid="ignore"):
        for begin, j in product(range(0, len(boxes), step), (0, 1)):
            rows = slice(begin, begin + step)
            low, high = boxes[rows, j], boxes[rows, j + 2]
            if layout == "cxcywh":
                half = 0.5 * high
                low, high = low - half, low + half
            out[rows, j], out[rows, j + 2] = widen(low), widen(high - low)
    return out


def scale(boxes: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normalized x, y, width, height in pixels. sizes: float64 (N, 2), height and width of each box's image."""
    return boxes * sizes[:, [1, 0, 1, 0]]


def widen(values: Any) -> NDArray[Any]:
    """A numpy array of the values: bfloat16 tensors, which numpy has no dtype for, become float32."""
    return values if isinstance(values, np.ndarray) else values.float().numpy()
