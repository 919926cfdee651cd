"""Outlines of bitmaps along the edges of pixels, as polygons."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Directions of an edge that has the mask on its right: right, down, left, up, as (x, y).
STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))


def outlines_of(bitmap: NDArray[Any]) -> list[list[float]]:
    """The outlines of a bitmap (height, width), those of its holes too: x1, y1, x2, y2, ... of the corners, each once.

    Filled by the rule "evenodd" they are the bitmap. Parts that touch at a corner alone are outlined apart.
    """
    rows, columns = (np.flatnonzero(bitmap.any(axis)) for axis in (1, 0))
    if not len(rows):
        return []
    top, left = int(rows[0]), int(columns[0])
    padded = np.pad(np.asarray(bitmap, bool)[top : rows[-1] + 1, left : columns[-1] + 1], 1)
    # by corner (x, y): the directions of the edges that begin there
    leaves: dict[tuple[int, int], list[int]] = {}
    up_left, up_right, down_left, down_right = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    for direction, begins in enumerate((
        down_right & ~up_right, down_left & ~down_right, up_left & ~down_left, up_right & ~up_left,
    )):  # fmt: skip
        for y, x in np.argwhere(begins).tolist():
            leaves.setdefault((x + left, y + top), []).append(direction)
    outlines = []
    while leaves:
        start = next(iter(leaves))
        outlines.append(_walk(leaves, start))
    return outlines


def _walk(leaves: dict[tuple[int, int], list[int]], start: tuple[int, int]) -> list[float]:
    """The corners of the outline from a corner on; its edges are taken out of `leaves`.

    Where two parts touch, two edges arrive and two leave: each goes on to its right, so that the parts stay apart.
    """
    at, points = start, []
    came = None
    while came is None or at != start or (came + 1) % 4 in leaves.get(at, ()):
        ways = leaves[at]
        way = ways[0] if came is None or len(ways) == 1 else (came + 1) % 4
        ways.remove(way)
        if not ways:
            del leaves[at]
        if way != came:
            points.append(at)
        at, came = (at[0] + STEPS[way][0], at[1] + STEPS[way][1]), way
    if _is_straight(points[-1], points[0], points[1]):
        del points[0]
    return [float(value) for point in points for value in point]


def _is_straight(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> bool:
    return (b[0] - a[0]) * (c[1] - b[1]) == (b[1] - a[1]) * (c[0] - b[0])
