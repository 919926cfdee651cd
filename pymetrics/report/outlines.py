"""Boxes and masks as paths of SVG, in the pixels of a thumbnail."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..pictures.outlines import outlines_of

STAIR = 3  # cells of the longest edge that may be part of a stair
CELLS = 120  # along the longer side of an image: how finely the outline of a mask is drawn


def box_path(corners: Sequence[float], scale: float) -> str:
    """A box x1, y1, x2, y2, or the corners of a rotated one, x1, y1, ..., x4, y4."""
    found = [round(value * scale) for value in corners]
    if len(found) == 4:
        x1, y1, x2, y2 = found
        return f"M{x1} {y1}H{x2}V{y2}H{x1}z"
    return "M" + "L".join(f"{x} {y}" for x, y in zip(found[::2], found[1::2], strict=True)) + "z"


def mask_path(bitmap: Any, scale: float) -> str:
    """The outline of a mask, bool (height, width): through the middles of the edges of its cells, so without stairs."""
    step = max(1, math.ceil(max(bitmap.shape) / CELLS))
    parts = []
    for outline in outlines_of(bitmap[step // 2 :: step, step // 2 :: step]):
        corners = list(zip(outline[::2], outline[1::2], strict=True))
        middles = [point for a, c in zip(corners, corners[1:] + corners[:1], strict=True) for point in _middle(a, c)]
        points = [(round(x * step * scale), round(y * step * scale)) for x, y in middles]
        kept = [
            point
            for i, point in enumerate(points)
            if not _is_between(points[i - 1], point, points[(i + 1) % len(points)])
        ]
        if len(kept) > 2:
            parts.append("M" + "L".join(f"{x} {y}" for x, y in kept) + "z")
    return "".join(parts)


def _middle(a: tuple[float, float], c: tuple[float, float]) -> list[tuple[float, float]]:
    """The middle of an edge of few cells, as stairs have; of a longer one two points near its ends."""
    length = abs(c[0] - a[0]) + abs(c[1] - a[1])
    share = min(STAIR / 2 / length, 0.5)
    near = (a[0] + (c[0] - a[0]) * share, a[1] + (c[1] - a[1]) * share)
    far = (c[0] - (c[0] - a[0]) * share, c[1] - (c[1] - a[1]) * share)
    return [near] if share == 0.5 else [near, far]


def _is_between(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> bool:
    """Whether the corner b of a path changes nothing."""
    return a == b or (b[0] - a[0]) * (c[1] - b[1]) == (b[1] - a[1]) * (c[0] - b[0])
