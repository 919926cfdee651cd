"""Overlaps of rotated boxes: centre x, y, width, height, cosine and sine. The operations and their order are fixed.

The width of a box lies along (cosine, sine), its height along (-sine, cosine). The cosines and sines are given, for the
last bit of what computes them differs between compilers.
"""

import numpy as np

from .registry import helper, kernel

INFINITY = np.inf
# Of a polygon with n corners a cut leaves at most n + n / 2: of 4, cut four times, at most 6, 9, 13, 19. (Of a convex
# one, computed without rounding, 8.)
MOST_CORNERS = 20


@kernel(parallel=True, outputs=("out",), cuda=False)
def rotated_iou(dt, gt, crowd, dt_offsets, gt_offsets, out_offsets, out, begin, end):
    """Overlaps of every detection with every ground truth of the same problem, in [0, 1].

    dt, gt: float64 (N, 6), (G, 6), centre x, y, width, height, cosine and sine of the angle. Boxes whose width, height
    or area is not above 0, or with a value that is not finite, overlap nothing.
    crowd: uint8 (G,); against a crowd the union is the detection's own area.
    dt_offsets, gt_offsets: int64 (P + 1,), the problems' rows.
    out: float64; problem p fills out[out_offsets[p] : out_offsets[p + 1]], row-major. Units are problems.
    """
    corners = np.empty((2, 2, MOST_CORNERS), np.float64)
    for p in range(begin, end):
        at = out_offsets[p]
        for d in range(dt_offsets[p], dt_offsets[p + 1]):
            for g in range(gt_offsets[p], gt_offsets[p + 1]):
                out[at] = rotated_overlap(dt, d, gt, g, crowd[g] != 0, corners)
                at += 1


@helper
def rotated_overlap(dt, d, gt, g, crowd, corners):
    """Intersection over union. corners: float64 (2, 2, MOST_CORNERS), scratch.

    All is computed in the frame of the detection: its centre is the origin, its sides lie along the axes. So distances
    from the origin of the image are lost by subtraction before anything is rounded, and each cut is at a number.
    """
    dt_area, gt_area = dt[d, 2] * dt[d, 3], gt[g, 2] * gt[g, 3]
    if not (dt[d, 2] > 0 and gt[g, 2] > 0 and 0 < dt_area < INFINITY and 0 < gt_area < INFINITY):
        return 0.0
    dt_cos, dt_sin, gt_cos, gt_sin = dt[d, 4], dt[d, 5], gt[g, 4], gt[g, 5]
    cos, sin = dt_cos * gt_cos + dt_sin * gt_sin, dt_cos * gt_sin - dt_sin * gt_cos
    if sin == 0:  # the rounded cosine may differ from 1; parallel boxes are to overlap as boxes without an angle do
        cos = 1.0 if cos > 0 else -1.0
    if cos == 0:
        sin = 1.0 if sin > 0 else -1.0
    right, down = gt[g, 0] - dt[d, 0], gt[g, 1] - dt[d, 1]
    x, y = right * dt_cos + down * dt_sin, down * dt_cos - right * dt_sin
    half_w, half_h = 0.5 * dt[d, 2], 0.5 * dt[d, 3]
    wx, wy = 0.5 * gt[g, 2] * cos, 0.5 * gt[g, 2] * sin
    hx, hy = -(0.5 * gt[g, 3] * sin), 0.5 * gt[g, 3] * cos
    if not (abs(x) < half_w + (abs(wx) + abs(hx)) and abs(y) < half_h + (abs(wy) + abs(hy))):
        return 0.0
    for i in range(4):
        w = 1.0 if i == 0 or i == 3 else -1.0
        h = 1.0 if i < 2 else -1.0
        corners[0, 0, i] = x + (w * wx + h * hx)
        corners[0, 1, i] = y + (w * wy + h * hy)
    n = clip(corners[0], 4, 0, 1.0, half_w, corners[1])
    n = clip(corners[1], n, 0, -1.0, half_w, corners[0])
    n = clip(corners[0], n, 1, 1.0, half_h, corners[1])
    n = clip(corners[1], n, 1, -1.0, half_h, corners[0])
    twice = 0.0
    for i in range(n):
        j = i + 1 if i + 1 < n else 0
        twice += corners[0, 0, i] * corners[0, 1, j] - corners[0, 0, j] * corners[0, 1, i]
    intersection = 0.5 * twice
    if dt_area < intersection:  # by rounding
        intersection = dt_area
    if gt_area < intersection:
        intersection = gt_area
    if not intersection > 0:  # a NaN, of coordinates above 1e307, included
        return 0.0
    return intersection / (dt_area if crowd else dt_area + gt_area - intersection)


@helper
def clip(corners, n, axis, sign, bound, out):
    """Cut a polygon at sign * coordinate <= bound (Sutherland and Hodgman, 1974), and return how many corners it has.

    corners: float64 (2, n), x and y in order around the polygon. out: the same of what is left.
    """
    n_left = 0
    for i in range(n):
        j = i + 1 if i + 1 < n else 0
        here, there = sign * corners[axis, i], sign * corners[axis, j]
        if here <= bound:
            out[axis, n_left] = corners[axis, i]
            out[1 - axis, n_left] = corners[1 - axis, i]
            n_left += 1
        if (here <= bound) != (there <= bound):
            part = (bound - here) / (there - here)
            out[axis, n_left] = sign * bound
            out[1 - axis, n_left] = corners[1 - axis, i] + part * (corners[1 - axis, j] - corners[1 - axis, i])
            n_left += 1
    return n_left
