"""Outlines of masks as COCO's polygons, along the edges of pixels; OpenCV follows them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SCALE = 2  # OpenCV's outlines go through the centres of pixels: in a picture of twice the size these tell the sides


def polygons_of(bitmap: NDArray[np.uint8]) -> list[list[float]]:
    """The outer outlines of a bitmap (height, width): for each part of it x1, y1, x2, y2, ...

    Raises:
        ImportError: OpenCV is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise ImportError(
            "mask.to_polygons needs OpenCV: pip install 'pymetrics-detection[opencv]', or opencv-python-headless"
        ) from error
    rows, columns = (np.flatnonzero(bitmap.any(axis)) for axis in (1, 0))
    if not len(rows):
        return []
    top, left = rows[0], columns[0]
    large = bitmap[top : rows[-1] + 1, left : columns[-1] + 1].repeat(SCALE, 0).repeat(SCALE, 1)
    contours, _ = cv2.findContours(np.ascontiguousarray(large), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    corners = [_corners(contour.reshape(-1, 2)) + np.array([left, top]) for contour in contours]
    return [points.ravel().astype(float).tolist() for points in corners]


def _corners(points: Any) -> Any:
    """The corners of an outline along the edges of pixels. points: int (n, 2), of the pixels twice as small."""
    edges = (points + 1) // SCALE  # each small pixel to the nearest corner of a large one
    edges = edges[(edges != np.roll(edges, 1, 0)).any(1)]
    before, after = edges - np.roll(edges, 1, 0), np.roll(edges, -1, 0) - edges
    return edges[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]]
