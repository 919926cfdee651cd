"""Rotated boxes of users: centre, size and angle, or four corners; and their conversion to the columns of kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._records import record
from .values import Where, widen

if TYPE_CHECKING:
    from numpy.typing import NDArray

# How far off a rectangle a corner may lie: so many parts of the shorter side and so many of the longer one.
TOLERANCE = (0.01, 1e-6)
QUARTER_TURNS = 1e-15  # a sine or cosine below this is 0: the multiples of pi / 2 are no float64 numbers, but 0


def to_rotated(boxes: Any, layout: str) -> NDArray[np.float64]:
    """Rotated boxes as centre x, y, width, height, cosine and sine of the angle; computed in float64.

    boxes: "cxcywhr" (N, 5) or "xyxyxyxy" (N, 8), of finite values: a numpy array, or CPU tensor of bfloat16.

    These columns lose less than the four corners would: the rounding of a corner is that of its distance from the
    image's origin, while kernels subtract the centres of two boxes before they round. Cosine and sine are computed by
    numpy, here, so that every backend has the same bits.

    Returns:
        float64 (N, 6), C-contiguous.
    """
    values = np.ascontiguousarray(widen(boxes), np.float64)
    out = np.empty((len(values), 6))
    if layout == "xyxyxyxy":
        found = _rectangles(values)
        out[:, :2], out[:, 2], out[:, 3], out[:, 4:] = found.centre, found.width, found.height, found.along
        return out
    out[:, :4] = values[:, :4]
    angles = np.ascontiguousarray(values[:, 4])
    cos, sin = np.cos(angles), np.sin(angles)
    out[:, 4] = _exact_turns(cos, sin)
    out[:, 5] = _exact_turns(sin, cos)
    return out


def _exact_turns(values: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sines or cosines, and the others: 0, 1 or -1 where the angle is a multiple of pi / 2 but for its rounding."""
    values = np.where(np.abs(others) < QUARTER_TURNS, np.copysign(1.0, values), values)
    return np.where(np.abs(values) < QUARTER_TURNS, 0.0, values)


def check_rectangles(boxes: Any, where: Where) -> None:
    """Refuse corners (N, 8) that are not those of a rectangle, in order. Raises ValueError, naming row and value."""
    values = np.ascontiguousarray(widen(boxes), np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        found = _rectangles(values)
        shorter, longer = np.minimum(found.width, found.height), np.maximum(found.width, found.height)
        most = TOLERANCE[0] * shorter + TOLERANCE[1] * longer
        wrong = ~(found.off <= most)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"{where('boxes', row)} must be the four corners of a rectangle, in order around it: one lies "
            f"{found.off[row]:.3g} off, {most[row]:.3g} may be rounding; got {boxes[row].tolist()}"
        )


@record
class Rectangles:
    """The rectangles that fit corners best.

    centre: (N, 2). width, height: (N,), the lengths of the sides from corner 0 to 1 and from 1 to 2. along: (N, 2),
    the direction of the width. off: (N,), the distance of the corner that lies furthest from the rectangle's own.
    """

    centre: NDArray[np.float64]
    width: NDArray[np.float64]
    height: NDArray[np.float64]
    along: NDArray[np.float64]
    off: NDArray[np.float64]


def _rectangles(values: NDArray[np.float64]) -> Rectangles:
    corners = values.reshape(-1, 4, 2)
    a, b, c, d = (corners[:, i] for i in range(4))
    centre = a + ((b - a) + (c - a) + (d - a)) / 4
    across, down = ((b - a) + (c - d)) / 2, ((d - a) + (c - b)) / 2
    width, height = np.hypot(across[:, 0], across[:, 1]), np.hypot(down[:, 0], down[:, 1])
    # The direction of the longer side is the more exact one. Turned by a quarter, it is that of the other side.
    longer = np.maximum(width, height)
    turned = np.stack([down[:, 1], -down[:, 0]], axis=1)
    along = np.where((width >= height)[:, None], across, turned) / np.where(longer > 0, longer, 1.0)[:, None]
    along[longer == 0] = 1.0, 0.0
    beside = np.stack([-along[:, 1], along[:, 0]], axis=1)
    half_w = (np.sign((along * across).sum(axis=1)) * width / 2)[:, None] * along
    half_h = (np.sign((beside * down).sum(axis=1)) * height / 2)[:, None] * beside
    fitted = np.stack([-half_w - half_h, half_w - half_h, half_w + half_h, half_h - half_w], axis=1)
    distance = (corners - a[:, None]) - ((centre - a)[:, None] + fitted)
    off = np.hypot(distance[:, :, 0], distance[:, :, 1]).max(axis=1, initial=0.0)
    return Rectangles(centre, width, height, along, off)
