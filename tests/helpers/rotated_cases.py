"""Rotated boxes for tests: corners, shapely's overlaps, pairs of every kind, and a scene."""

from __future__ import annotations

from typing import Any

import numpy as np

Rng = np.random.Generator
CATEGORIES = (1, 2, 5)
# Without a grid GEOS finds no area in common, where the truth is 1, for one in a thousand pairs that differ in the last
# bits ("half a turn", "sides swapped"). On one, corners move by as much, and overlaps by 3e-11 at most.
GRID = 1e-12


def corners(boxes: Any) -> Any:
    """(N, 8) corners in order, of boxes (N, 5): centre, size, angle."""
    x, y, w, h, angle = np.asarray(boxes, np.float64).T
    cos, sin = np.cos(angle), np.sin(angle)
    along, beside = np.stack([cos * w, sin * w], 1) / 2, np.stack([-sin * h, cos * h], 1) / 2
    centre = np.stack([x, y], 1)
    parts = [centre - along - beside, centre + along - beside, centre + along + beside, centre - along + beside]
    return np.concatenate(parts, axis=1)


def overlaps(shapely: Any, dt: Any, gt: Any, crowd: Any = False) -> Any:
    """float64 (N,): shapely's overlap of each box with its partner, (N, 5) both.

    In the frame of the first one's centre, for shapely's corners are rounded at their distance from the origin.
    """
    dt, gt = np.array(dt, np.float64), np.array(gt, np.float64)
    gt[:, :2] -= dt[:, :2]
    dt[:, :2] = 0
    has_area = (dt[:, 2:4] > 0).all(axis=1) & (gt[:, 2:4] > 0).all(axis=1)
    ours, theirs = (shapely.polygons(corners(boxes).reshape(-1, 4, 2)) for boxes in (dt, gt))
    inside = np.zeros(len(dt))
    inside[has_area] = shapely.area(shapely.intersection(ours[has_area], theirs[has_area], grid_size=GRID))
    areas = shapely.area(ours), shapely.area(theirs)
    union = np.where(crowd, areas[0], areas[0] + areas[1] - inside)
    return np.divide(inside, union, out=np.zeros(len(dt)), where=has_area)


def make_boxes(rng: Rng, n: int, spread: float = 100) -> Any:
    """(n, 5), sides from 0.1 to 100, any angle."""
    sides = np.exp(rng.uniform(np.log(0.1), np.log(100), (n, 2)))
    return np.column_stack([rng.uniform(0, spread, (n, 2)), sides, rng.uniform(-7, 7, n)])


def moved(boxes: Any, along: Any, beside: Any) -> Any:
    """Boxes moved by so many widths and heights."""
    out = np.array(boxes)
    x, y = boxes[:, 2] * along, boxes[:, 3] * beside
    out[:, 0] += x * np.cos(boxes[:, 4]) - y * np.sin(boxes[:, 4])
    out[:, 1] += x * np.sin(boxes[:, 4]) + y * np.cos(boxes[:, 4])
    return out


def pairs(rng: Rng, n: int) -> dict[str, tuple[Any, Any]]:
    """About n pairs of every kind, by the kind's name: boxes (N, 5) and their partners."""
    boxes = make_boxes(rng, n)
    zeros, ones, signs = np.zeros(n), np.ones(n), rng.choice([-1, 1], n)
    near = boxes + rng.normal(0, 1, boxes.shape) * np.array([0.3, 0.3, 0.2, 0.2, 0]) * boxes[:, [2, 3, 2, 3, 4]]
    near[:, 2:4], near[:, 4] = np.abs(near[:, 2:4]) + 1e-3, boxes[:, 4] + rng.normal(0, 0.3, n)
    half_turn = np.array([0, 0, 0, 0, np.pi])
    turned, swapped = boxes + half_turn, boxes[:, [0, 1, 3, 2, 4]] + half_turn / 2
    inner = moved(boxes, rng.uniform(-0.05, 0.05, n), rng.uniform(-0.05, 0.05, n))
    inner[:, 2:4] = boxes[:, 2:4].min(axis=1, keepdims=True) * rng.uniform(0.01, 0.6, (n, 2))
    inner[:, 4] += rng.uniform(-3, 3, n)
    thin = np.column_stack([boxes[:, :2], rng.uniform(50, 200, n), rng.uniform(0.1, 1, n), boxes[:, 4]])
    parallel = moved(boxes, rng.uniform(-1, 1, n), rng.uniform(-1, 1, n))
    parallel[:, 4] += signs * 10.0 ** rng.uniform(-17, -6, n)
    flat = boxes.copy()
    flat[np.arange(n), rng.integers(2, 4, n)] = 0
    return {
        "anywhere": (make_boxes(rng, n, 60), make_boxes(rng, n, 60)),
        "near": (boxes, near),
        "identical": (boxes, boxes),
        "half a turn": (boxes, turned),
        "sides swapped": (boxes, swapped),
        "touching sides": (boxes, moved(boxes, signs, zeros)),
        "touching corners": (boxes, moved(boxes, signs, ones)),
        "a side in common": (boxes, moved(boxes, signs * rng.uniform(0, 1, n), zeros)),
        "contained": (boxes, inner),
        "containing": (inner, boxes),
        "crossing": (thin, thin + np.column_stack([zeros, zeros, zeros, zeros, rng.uniform(0.05, 3, n)])),
        "nearly parallel": (boxes, parallel),
        "zero area": (flat, near),
        "both of zero area": (flat, flat),
    }


def scene(seed: int, n_images: int = 6, whole_numbers: bool = False) -> tuple[dict[str, Any], dict[str, Any]]:
    """Keywords of GroundTruths and Detections, but for box_format: boxes (N, 5), some of crowds, some to be ignored."""
    rng = np.random.default_rng(seed)
    n_gt, n_dt = 6 * n_images, 15 * n_images
    boxes = np.column_stack([rng.uniform(20, 90, (n_gt, 2)), rng.uniform(8, 60, (n_gt, 2)), rng.uniform(-4, 4, n_gt)])
    image, labels = rng.integers(0, n_images, n_gt), rng.choice(CATEGORIES, n_gt)
    near = rng.integers(0, n_gt, n_dt)
    found = boxes[near] + rng.normal(0, 1, (n_dt, 5)) * [3, 3, 4, 4, 0.15]
    found[:, 2:4] = np.abs(found[:, 2:4]) + 1
    if whole_numbers:
        boxes, found = boxes.round(), found.round()
        boxes[:, 4], found[:, 4] = 0, 0
    gt = {
        "image": image, "boxes": boxes, "labels": labels, "crowd": rng.random(n_gt) < 0.15,
        "ignore": rng.random(n_gt) < 0.1, "images": np.arange(n_images), "categories": dict.fromkeys(CATEGORIES, "x"),
    }  # fmt: skip
    dt = {"image": image[near], "boxes": found, "labels": labels[near], "scores": rng.integers(1, 20, n_dt) / 20}
    return gt, dt
