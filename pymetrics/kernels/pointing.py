"""Matching in which a detection points at one ground truth, taken or not: PASCAL VOC's."""

import numpy as np

from .registry import kernel

WRONG, RIGHT, IGNORED = 0, 1, 2


@kernel(parallel=True, outputs=("status",), cuda=False)
def match_pointing(dt, gt, gt_ignored, dt_offsets, gt_offsets, threshold, status, begin, end):
    """Each detection, in order, points at the ground truth of its cell with the highest overlap, of equals the first.

    If the overlap is at least `threshold`, the detection is ignored where the ground truth is, else right where no
    detection found the ground truth before, else wrong. Overlaps are those of pixels, the last ones included:
    a box is max - min + 1 wide.

    dt: float64 (D, 4), gt: float64 (G, 4): x1, y1, x2, y2, the last two included. gt_ignored: uint8 (G,). dt_offsets,
    gt_offsets: int64 (C + 1,). status: uint8 (D,): 0 wrong, 1 right, 2 ignored. Units are cells.
    """
    for c in range(begin, end):
        first, n_gt = gt_offsets[c], gt_offsets[c + 1] - gt_offsets[c]
        found = np.zeros(n_gt, np.uint8)
        for d in range(dt_offsets[c], dt_offsets[c + 1]):
            best, place = -np.inf, -1
            for g in range(first, first + n_gt):
                w = min(dt[d, 2], gt[g, 2]) - max(dt[d, 0], gt[g, 0]) + 1.0
                h = min(dt[d, 3], gt[g, 3]) - max(dt[d, 1], gt[g, 1]) + 1.0
                if w > 0.0 and h > 0.0:
                    dt_area = (dt[d, 2] - dt[d, 0] + 1.0) * (dt[d, 3] - dt[d, 1] + 1.0)
                    gt_area = (gt[g, 2] - gt[g, 0] + 1.0) * (gt[g, 3] - gt[g, 1] + 1.0)
                    overlap = w * h / (dt_area + gt_area - w * h)
                    if overlap > best:
                        best, place = overlap, g - first
            status[d] = WRONG
            if place >= 0 and best >= threshold:
                if gt_ignored[first + place]:
                    status[d] = IGNORED
                elif found[place] == 0:
                    status[d], found[place] = RIGHT, 1
