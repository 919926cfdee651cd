"""Overlaps and matching as other tools do it: Ultralytics, supervision."""

import numpy as np

from .cells import falling_key, sort_keys
from .registry import kernel

SMALL = np.float32(1e-7)
ZERO = np.float32(0)


@kernel(parallel=True, outputs=("out",), cuda=False)
def corner_iou(dt, gt, dt_offsets, gt_offsets, out_offsets, kind, out, begin, end):
    """Overlaps of boxes given by corners in float32.

    dt: float32 (D, 4), gt: float32 (G, 4): x1, y1, x2, y2. dt_offsets, gt_offsets, out_offsets: int64 (C + 1,).
    kind: 0, Ultralytics': intersection / (area + area - intersection + 1e-7), all in float32; 1, supervision's: in
    float64, the quotient rounded to float32, 0 where the union is not above 0. out: float64, those of cell c are
    out[out_offsets[c] : out_offsets[c + 1]], (detections, ground truths), row-major. Units are cells.
    """
    for c in range(begin, end):
        at = out_offsets[c]
        for d in range(dt_offsets[c], dt_offsets[c + 1]):
            for g in range(gt_offsets[c], gt_offsets[c + 1]):
                if kind == 0:
                    w = max(min(gt[g, 2], dt[d, 2]) - max(gt[g, 0], dt[d, 0]), ZERO)
                    h = max(min(gt[g, 3], dt[d, 3]) - max(gt[g, 1], dt[d, 1]), ZERO)
                    inter = w * h
                    areas = (gt[g, 2] - gt[g, 0]) * (gt[g, 3] - gt[g, 1]) + (dt[d, 2] - dt[d, 0]) * (
                        dt[d, 3] - dt[d, 1]
                    )
                    out[at] = np.float64(inter / (areas - inter + SMALL))
                else:
                    g0, g1, g2, g3 = (
                        np.float64(gt[g, 0]),
                        np.float64(gt[g, 1]),
                        np.float64(gt[g, 2]),
                        np.float64(gt[g, 3]),
                    )
                    d0, d1, d2, d3 = (
                        np.float64(dt[d, 0]),
                        np.float64(dt[d, 1]),
                        np.float64(dt[d, 2]),
                        np.float64(dt[d, 3]),
                    )
                    whole = max(min(g2, d2) - max(g0, d0), 0.0) * max(min(g3, d3) - max(g1, d1), 0.0)
                    union = (g2 - g0) * (g3 - g1) + (d2 - d0) * (d3 - d1) - whole
                    out[at] = np.float64(np.float32(whole / union)) if union > 0.0 else 0.0
                at += 1


@kernel(parallel=True, outputs=("match_of",), cuda=False)
def match_unclaimed(
    overlaps, overlap_offsets, dt_category, dt_offsets, gt_category, gt_offsets, threshold, across, match_of,
    begin, end,
):  # fmt: skip
    """Each detection, in order, takes the free ground truth that overlaps it most, by more than `threshold`.

    Of equal overlaps the first ground truth is taken. overlaps: float64; those of cell c are
    overlaps[overlap_offsets[c] : overlap_offsets[c + 1]], (detections, ground truths), row-major. overlap_offsets,
    dt_offsets, gt_offsets: int64 (C + 1,). dt_category: int32 (D,), gt_category: int32 (G,). across: 1, whatever the
    category; 0, of the same category alone. match_of: int32 (D,), the place among the G, or -1. Units are cells.
    """
    for c in range(begin, end):
        first, n_gt = gt_offsets[c], gt_offsets[c + 1] - gt_offsets[c]
        taken, row = np.zeros(n_gt, np.uint8), overlap_offsets[c]
        for d in range(dt_offsets[c], dt_offsets[c + 1]):
            best, place = threshold, -1
            for g in range(n_gt):
                fits = across != 0 or gt_category[first + g] == dt_category[d]
                if fits and taken[g] == 0 and overlaps[row + g] > best:
                    best, place = overlaps[row + g], g
            row += n_gt
            match_of[d] = -1
            if place >= 0:
                taken[place] = 1
                match_of[d] = first + place


@kernel(parallel=True, outputs=("match_of",), cuda=False)
def match_overlap_first(
    overlaps, overlap_offsets, dt_category, dt_offsets, gt_category, gt_offsets, threshold, match_of, begin, end
):
    """Each detection points at the ground truth of its category that overlaps it most; the first one to point takes it.

    It points if the overlap is more than `threshold`, at a taken ground truth too; of equal overlaps at the last one.
    Arguments as for match_unclaimed. Units are cells.
    """
    for c in range(begin, end):
        first, n_gt = gt_offsets[c], gt_offsets[c + 1] - gt_offsets[c]
        taken, row = np.zeros(n_gt, np.uint8), overlap_offsets[c]
        for d in range(dt_offsets[c], dt_offsets[c + 1]):
            best, place = threshold, -1
            for g in range(n_gt):
                if gt_category[first + g] != dt_category[d]:
                    continue
                if overlaps[row + g] > best or (place >= 0 and overlaps[row + g] == best):
                    best, place = overlaps[row + g], g
            row += n_gt
            match_of[d] = -1
            if place >= 0 and taken[place] == 0:
                taken[place] = 1
                match_of[d] = first + place


@kernel(parallel=True, outputs=("match_of",), cuda=False)
def match_pairs(
    overlaps, overlap_offsets, dt_category, dt_offsets, gt_category, gt_offsets, threshold, match_of, begin, end
):
    """Pairs of more than `threshold`: those of one category first, then by falling overlap; each side is taken once.

    Of equal overlaps the pair of the earlier ground truth comes first, then that of the earlier detection. Arguments as
    for match_unclaimed. Units are cells.
    """
    for c in range(begin, end):
        first_dt, first, row = dt_offsets[c], gt_offsets[c], overlap_offsets[c]
        n_dt, n_gt = dt_offsets[c + 1] - first_dt, gt_offsets[c + 1] - first
        taken, n = np.zeros(n_gt, np.uint8), n_dt * n_gt
        for d in range(n_dt):
            match_of[first_dt + d] = -1
        pairs, keys = np.empty(n, np.int64), np.empty(n, np.uint64)
        order, words, spare = np.empty(n, np.int32), np.empty(n, np.uint64), np.empty(n, np.uint64)
        for other in range(2):
            n_pairs = 0
            for g in range(n_gt):
                for d in range(n_dt):
                    at = d * n_gt + g
                    is_other = gt_category[first + g] != dt_category[first_dt + d]
                    if is_other == (other == 1) and overlaps[row + at] > threshold:
                        pairs[n_pairs] = at
                        keys[n_pairs] = falling_key(overlaps[row + at : row + at + 1].view(np.uint64)[0])
                        n_pairs += 1
            sort_keys(keys[:n_pairs], order, words, spare)
            for i in range(n_pairs):
                d, g = pairs[order[i]] // n_gt, pairs[order[i]] % n_gt
                if taken[g] == 0 and match_of[first_dt + d] < 0:
                    taken[g] = 1
                    match_of[first_dt + d] = first + g
