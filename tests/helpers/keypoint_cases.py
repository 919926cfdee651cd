"""Generated poses, and calls of the kernels that compare them."""

from __future__ import annotations

from typing import Any

import numpy as np

from helpers.ragged import offsets_of, problems

Rng = np.random.Generator
Args = dict[str, Any]


def make_points(rng: Rng, n: int, n_points: int) -> Any:
    """float64 (n, n_points, 3); some poses without a visible keypoint, now and then values that are not finite."""
    points = np.empty((n, n_points, 3))
    points[:, :, :2] = rng.integers(0, 60, (n, n_points, 2)) + rng.choice([0, 0.25, rng.random()])
    points[:, :, 2] = rng.integers(0, 3, (n, n_points))
    points[rng.random(n) < 0.3, :, 2] = 0
    points[rng.random(n) < 0.1, :, 2] = rng.choice([-1, np.nan, 0.5])
    if rng.random() < 0.1 and points.size:
        points.flat[rng.integers(points.size)] = rng.choice([np.nan, np.inf, -np.inf, 1e200])
    return points


def terms_of(points: Any, rows: Any) -> Any:
    """int64: how many terms each ground truth of these rows has."""
    n_visible = np.count_nonzero(points[rows][:, :, 2] > 0, axis=1)
    return np.where(n_visible > 0, n_visible, points.shape[1]).astype(np.int64)


def term_offsets_of(n_terms: Any, dt_offsets: Any, gt_offsets: Any) -> Any:
    return offsets_of(np.diff(dt_offsets) * np.diff(offsets_of(n_terms)[gt_offsets]))


def keypoint_areas(rng: Rng, size: int) -> Args:
    points = make_points(rng, size, int(rng.choice([1, 3, 17])))
    return {"points": points, "areas": np.empty(size), "begin": 0, "end": size}


def keypoint_exponents(rng: Rng, size: int) -> Args:
    dt_offsets, gt_offsets, _ = problems(rng, size)
    n_points = int(rng.choice([1, 3, 17]))
    dt_points, gt_points = make_points(rng, 6, n_points), make_points(rng, 5, n_points)
    dt_rows, gt_rows = (rng.integers(0, n, ends[-1]).astype(np.int32) for n, ends in ((6, dt_offsets), (5, gt_offsets)))
    offsets = term_offsets_of(terms_of(gt_points, gt_rows), dt_offsets, gt_offsets)
    return {
        "dt_points": dt_points, "dt_rows": dt_rows, "gt_points": gt_points,
        "gt_boxes": rng.choice([0.0, 5.0, 20.5, 40.0, -3.0, np.inf, np.nan], (5, 4), p=[0.2] * 3 + [0.1] * 4),
        "gt_scales": rng.choice([0.0, 100.5, 1e4, 1e-300, np.nan], 5), "gt_rows": gt_rows,
        "variances": rng.choice([0.01, 0.0121, 0.3], n_points), "highest": float(rng.choice([np.inf, 750.0, 2.0])),
        "dt_offsets": dt_offsets, "gt_offsets": gt_offsets, "term_offsets": offsets,
        "exponents": np.empty(offsets[-1]), "begin": 0, "end": len(dt_offsets) - 1,
    }  # fmt: skip


def keypoint_overlaps(rng: Rng, size: int) -> Args:
    dt_offsets, gt_offsets, out_offsets = problems(rng, size)
    n_terms = rng.choice([1, 7, 8, 9, 17, 128, 129, 300], gt_offsets[-1]).astype(np.int64)
    offsets = term_offsets_of(n_terms, dt_offsets, gt_offsets)
    terms = np.exp(-rng.choice([0.1, 10.0]) * rng.random(offsets[-1]))
    terms[rng.random(len(terms)) < 0.05] = 0
    return {
        "terms": terms, "most": float(rng.choice([np.inf, 1.0, 0.5])), "n_terms": n_terms, "dt_offsets": dt_offsets,
        "gt_offsets": gt_offsets, "term_offsets": offsets,
        "out_offsets": out_offsets, "out": np.empty(out_offsets[-1]), "begin": 0, "end": len(dt_offsets) - 1,
    }  # fmt: skip


CALLS = (keypoint_areas, keypoint_exponents, keypoint_overlaps)
