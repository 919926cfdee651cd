"""Outlines of bitmaps: filled by the rule "evenodd" they are the bitmap."""

from __future__ import annotations

from typing import Any

import numpy as np

from pymetrics.pictures.outlines import outlines_of


def filled(outlines: list[list[float]], height: int, width: int) -> Any:
    """bool (height, width): pixels with an odd number of upright edges to their left."""
    crossed = np.zeros((height, width), int)
    for points in outlines:
        corners = np.array(points).reshape(-1, 2)
        for (x, y), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            assert (x == x2) != (y == y2)  # along the edges of pixels, and no corner twice
            crossed[int(min(y, y2)) : int(max(y, y2)), int(x) :] += x == x2
    return crossed % 2 == 1


def test_random_bitmaps() -> None:
    rng = np.random.default_rng(0)
    for _ in range(1000):
        height, width = rng.integers(1, 9, 2).tolist()
        bitmap = rng.random((height, width)) < rng.random()
        outlines = outlines_of(bitmap)
        assert np.array_equal(filled(outlines, height, width), bitmap)
        for points in outlines:  # no corner in the middle of a straight line
            steps = np.diff(np.array([*points, *points[:4]]).reshape(-1, 2), axis=0)
            assert (steps[:-1, 0] * steps[1:, 1] != steps[:-1, 1] * steps[1:, 0]).all()


def test_parts_that_touch_at_a_corner_are_apart() -> None:
    assert sorted(map(len, outlines_of(np.eye(3)))) == [8, 8, 8]
    assert outlines_of(np.zeros((3, 4))) == []
    assert [sorted(zip(p[::2], p[1::2], strict=True)) for p in outlines_of(np.ones((2, 3)))] == [
        [(0, 0), (0, 2), (3, 0), (3, 2)]
    ]
