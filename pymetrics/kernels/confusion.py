"""Matching across categories: which object of another category a detection found."""

import numpy as np

from .registry import kernel


@kernel(parallel=True, outputs=("match_of", "match_iou"), cuda=False)
def match_across(
    overlaps, overlap_offsets, dt_category, dt_offsets, gt_category, gt_offsets, threshold, match_of, match_iou,
    begin, end,
):  # fmt: skip
    """Each detection takes the free ground truth of another category in its cell with the highest overlap.

    Detections come in their order; of equal overlaps the later ground truth is taken.
    overlaps: float64; those of cell c are overlaps[overlap_offsets[c] : overlap_offsets[c + 1]], (detections, ground
    truths), row-major. overlap_offsets, dt_offsets, gt_offsets: int64 (C + 1,). dt_category: int32 (D,), gt_category:
    int32 (G,). threshold: a number, the least overlap.
    match_of: int32 (D,), the place of the ground truth among the G, or -1. match_iou: float64 (D,), their overlap, or
    0. Units are cells.
    """
    for c in range(begin, end):
        first, n_gt = gt_offsets[c], gt_offsets[c + 1] - gt_offsets[c]
        taken = np.zeros(n_gt, np.uint8)
        row = overlap_offsets[c]
        for d in range(dt_offsets[c], dt_offsets[c + 1]):
            best, place = threshold, -1
            for g in range(n_gt):
                if taken[g] == 0 and gt_category[first + g] != dt_category[d] and overlaps[row + g] >= best:
                    best, place = overlaps[row + g], g
            row += n_gt
            match_of[d], match_iou[d] = -1, 0.0
            if place >= 0:
                taken[place] = 1
                match_of[d], match_iou[d] = first + place, best
