"""Matching in which a detection points at one ground truth, taken or not: PASCAL VOC's and Open Images'."""

import numpy as np

from .registry import kernel

WRONG, RIGHT, IGNORED = 0, 1, 2
TO_IGNORE, GROUP = 1, 2  # bits of the kind of a ground truth


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


@kernel(parallel=True, outputs=("status", "group_of"), cuda=False)
def match_groups(dt, gt, gt_kind, dt_offsets, gt_offsets, threshold, status, group_of, begin, end):
    """As match_pointing, with boxes that are max - min wide, and with groups, which take what is not right.

    No detection points at a group. One that is neither right nor ignored goes to the group that covers most of its area
    (of equals the first), if that is at least the share `threshold`, and is ignored.

    dt: float64 (D, 4), gt: float64 (G, 4): x1, y1, x2, y2; detections have an area above 0. gt_kind: uint8 (G,), bits:
    1, to be ignored; 2, a group. dt_offsets, gt_offsets: int64 (C + 1,). status: uint8 (D,): 0 wrong, 1 right,
    2 ignored. group_of: int32 (D,), the place of the group among the G, or -1. Units are cells.
    """
    for c in range(begin, end):
        first, n_gt = gt_offsets[c], gt_offsets[c + 1] - gt_offsets[c]
        found = np.zeros(n_gt, np.uint8)
        for d in range(dt_offsets[c], dt_offsets[c + 1]):
            dt_area = (dt[d, 2] - dt[d, 0]) * (dt[d, 3] - dt[d, 1])
            best, place, most, group = -np.inf, -1, -np.inf, -1
            for g in range(first, first + n_gt):
                w = max(min(dt[d, 2], gt[g, 2]) - max(dt[d, 0], gt[g, 0]), 0.0)
                h = max(min(dt[d, 3], gt[g, 3]) - max(dt[d, 1], gt[g, 1]), 0.0)
                common = w * h
                if gt_kind[g] & GROUP:
                    if common / dt_area > most:
                        most, group = common / dt_area, g
                else:
                    gt_area = (gt[g, 2] - gt[g, 0]) * (gt[g, 3] - gt[g, 1])
                    overlap = common / (dt_area + gt_area - common)
                    if overlap > best:
                        best, place = overlap, g - first
            status[d], group_of[d] = WRONG, -1
            if place >= 0 and best >= threshold:
                if gt_kind[first + place] & TO_IGNORE:
                    status[d] = IGNORED
                elif found[place] == 0:
                    status[d], found[place] = RIGHT, 1
            if status[d] == WRONG and group >= 0 and most >= threshold:
                status[d], group_of[d] = IGNORED, group
