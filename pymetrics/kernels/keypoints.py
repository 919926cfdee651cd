"""Object keypoint similarity (OKS): the mean of exp(-e) over keypoints. The operations and their order are fixed.

The kernels stand on both sides of exp, which numpy computes between them: its last bit differs between numpy, Numba and
C++. A pair of poses has one term for each keypoint that is visible in the ground truth; for all keypoints, if none is.
"""

import numpy as np

from .means import pairwise_sum
from .registry import helper, kernel

EPSILON = 2.0**-52  # numpy.spacing(1)


@kernel(parallel=True, outputs=("areas",), cuda=False)
def keypoint_areas(points, areas, begin, end):
    """The area of the smallest box around all keypoints of each pose; NaN where a coordinate is.

    points: float64 (N, J, 3), x, y and what is not read; J is 1 or more. areas: float64 (N,). Units are poses.
    """
    for n in range(begin, end):
        area = 1.0
        for axis in range(2):
            low, high = points[n, 0, axis], points[n, 0, axis]
            for k in range(points.shape[1]):
                value = points[n, k, axis]
                if value < low or value != value:
                    low = value
                if value > high or value != value:
                    high = value
            area = high - low if axis == 0 else area * (high - low)
        areas[n] = area


@kernel(parallel=True, outputs=("exponents",), cuda=False)
def keypoint_exponents(
    dt_points, dt_rows, gt_points, gt_boxes, gt_scales, gt_rows, variances, highest, dt_offsets, gt_offsets,
    term_offsets, exponents, begin, end,
):  # fmt: skip
    """The exponents e of every detection with every ground truth of the same problem.

    e is the squared distance, divided by the keypoint's variance, the ground truth's scale and 2. Where no keypoint of
    the ground truth is visible, it is the distance to the ground truth's box, doubled on each side.

    dt_points, gt_points: float64 (N, J, 3), (G, J, 3), x, y and in ground truth visibility, above 0 where visible.
    gt_boxes: float64 (G, 4), x, y, width, height. gt_scales: float64 (G,), square pixels. variances: float64 (J,).
    highest: float; exponents above it become -1, which keypoint_overlaps knows (SLOW_EXP).
    dt_rows, gt_rows: int32, rows. dt_offsets, gt_offsets: int64 (P + 1,), where each problem's begin in them.
    exponents: float64; problem p fills exponents[term_offsets[p] : term_offsets[p + 1]], by detection, then ground
    truth, then term. Units are problems.
    """
    n_points = variances.shape[0]
    for p in range(begin, end):
        at = term_offsets[p]
        for d in range(dt_offsets[p], dt_offsets[p + 1]):
            a = dt_rows[d]
            for g in range(gt_offsets[p], gt_offsets[p + 1]):
                b = gt_rows[g]
                scale = gt_scales[b] + EPSILON
                n_visible = 0
                for k in range(n_points):
                    if gt_points[b, k, 2] > 0:
                        n_visible += 1
                for k in range(n_points):
                    if n_visible > 0 and not gt_points[b, k, 2] > 0:
                        continue
                    x, y = dt_points[a, k, 0], dt_points[a, k, 1]
                    if n_visible > 0:
                        dx, dy = x - gt_points[b, k, 0], y - gt_points[b, k, 1]
                    else:
                        dx, dy = beyond(x, gt_boxes[b, 0], gt_boxes[b, 2]), beyond(y, gt_boxes[b, 1], gt_boxes[b, 3])
                    exponent = (dx * dx + dy * dy) / variances[k] / scale / 2.0
                    exponents[at] = -1.0 if exponent > highest else exponent
                    at += 1


@helper
def beyond(x, low, size):
    """How far x lies before low - size or behind low + 2 size; NaN where one of them is."""
    before, behind = low - size - x, x - (low + size * 2.0)
    return (0.0 if before <= 0 else before) + (0.0 if behind <= 0 else behind)


@kernel(parallel=True, outputs=("out",), cuda=False)
def keypoint_overlaps(terms, most, n_terms, dt_offsets, gt_offsets, term_offsets, out_offsets, out, begin, end):
    """The means of the terms of every pair, added in numpy's pairwise order.

    terms: float64, laid out as the exponents. most: float; terms above it stand for 0 (SLOW_EXP).
    n_terms: int64, of each ground truth, from gt_offsets[p] on those of problem p.
    dt_offsets, gt_offsets: int64 (P + 1,).
    out: float64; problem p fills out[out_offsets[p] : out_offsets[p + 1]], row-major. Units are problems.
    """
    for p in range(begin, end):
        at, first = out_offsets[p], term_offsets[p]
        for _d in range(dt_offsets[p], dt_offsets[p + 1]):
            for g in range(gt_offsets[p], gt_offsets[p + 1]):
                found = terms[first : first + n_terms[g]].copy()
                for i in range(n_terms[g]):
                    found[i] = 0.0 if found[i] > most else found[i]
                out[at] = pairwise_sum(found) / np.float64(n_terms[g])
                first += n_terms[g]
                at += 1
