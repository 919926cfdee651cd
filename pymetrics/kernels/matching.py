"""Greedy matching, all area ranges and thresholds at once: each (area, threshold) pair is a bit of W 64-bit words.

pycocotools gives each detection, by falling score, the free ground truth of the highest overlap (of equals the later
one), regular ones before ignored ones, once per area range and threshold. The choice of a ground truth depends on the
pair only through who is eligible, so that one walk down the candidates serves all pairs, each bit taking the first
candidate that it may. Marks such as NAN_OVERLAP name rows of docs/coco-quirks.md.
"""

import numpy as np

from .boxes import iou
from .registry import helper, kernel

ONE, NONE = np.uint64(1), np.uint64(0)
CROWD, ID_ZERO, IGNORE, KEEPS_FREE = 1, 2, 4, 1


@kernel(parallel=True, outputs=("n_gt", "matched", "ignored", "match_of", "match_iou"))
def match_boxes(
    dt_boxes, dt_area, dt_flags, rows, offsets, gt_boxes, gt_area, gt_flags, gt_order, cell_gt,
    thresholds, reach, area_ranges, area_words, n_gt, matched, ignored, match_of, match_iou, begin, end,
):  # fmt: skip
    """Match the boxes of each cell.

    dt_boxes, gt_boxes: float64 (N, 4), (G, 4). dt_area: float64 (N,), or empty: width * height. gt_area: float64 (G,).
    dt_flags: uint8 (N,) of KEEPS_FREE, or empty. gt_flags: uint8 (G,) of CROWD, ID_ZERO, IGNORE.
    rows, offsets: from rank_detections. gt_order, cell_gt: from join_cells.
    thresholds: float64 (T,), ascending. reach: uint64 (T + 1, W), the bits that an overlap reaches which is not below
    the first so many thresholds. area_ranges: float64 (A, 2). area_words: uint64 (A, W), the bits of each area range.
    n_gt: int32 (C, A). matched, ignored: uint64 (D, W). match_of: int32 (D, A * T), row of the ground truth or -1, and
    match_iou: float64 (D, A * T), or both empty. Units are cells.
    """
    n_words = matched.shape[1]
    for c in range(begin, end):
        first_dt, first_gt = offsets[c], cell_gt[c]
        n_dt, n_truths = offsets[c + 1] - first_dt, cell_gt[c + 1] - first_gt
        last_dt = first_dt + n_dt
        leave_unmatched(matched[first_dt:last_dt], match_of[first_dt:last_dt], match_iou[first_dt:last_dt])
        for d in range(first_dt, last_dt):
            row = rows[d]
            area = dt_area[row] if dt_area.shape[0] > 0 else dt_boxes[row, 2] * dt_boxes[row, 3]
            outside_words(area, area_ranges, area_words, ignored[d])
        for a in range(n_gt.shape[1]):
            n_gt[c, a] = 0
        if n_truths == 0:
            continue
        gt_ignored = np.empty((n_truths, n_words), np.uint64)
        flags = np.empty(n_truths, np.uint8)
        for g in range(n_truths):
            row = gt_order[first_gt + g]
            flags[g] = gt_flags[row]
            if flags[g] & (CROWD | IGNORE):
                for w in range(n_words):
                    gt_ignored[g, w] = reach[thresholds.shape[0], w]
                continue
            outside_words(gt_area[row], area_ranges, area_words, gt_ignored[g])
            for a in range(n_gt.shape[1]):
                if not (gt_area[row] < area_ranges[a, 0] or gt_area[row] > area_ranges[a, 1]):
                    n_gt[c, a] += 1
        ious = np.empty((n_dt, n_truths), np.float64)
        free = np.zeros(n_dt, np.uint8)
        for d in range(n_dt):
            row = rows[first_dt + d]
            if dt_flags.shape[0] > 0:
                free[d] = dt_flags[row]
            for g in range(n_truths):
                ious[d, g] = iou(dt_boxes, row, gt_boxes, gt_order[first_gt + g], flags[g] & CROWD != 0)
        match_cell(
            ious, gt_ignored, flags, free, thresholds, reach, matched[first_dt:last_dt], ignored[first_dt:last_dt],
            match_of[first_dt:last_dt], match_iou[first_dt:last_dt],
        )  # fmt: skip
        for d in range(first_dt, min(last_dt, match_of.shape[0])):
            for b in range(match_of.shape[1]):
                if match_of[d, b] >= 0:
                    match_of[d, b] = gt_order[first_gt + match_of[d, b]]


@kernel(parallel=True, outputs=("matched", "ignored", "match_of", "match_iou"))
def match_ious(
    ious, iou_offsets, dt_offsets, gt_offsets, gt_ignored, gt_flags, thresholds, reach,
    matched, ignored, match_of, match_iou, begin, end,
):  # fmt: skip
    """Match by given overlaps; detections of a problem by falling score.

    ious: float64; problem p's are ious[iou_offsets[p] : iou_offsets[p + 1]], row-major. dt_offsets, gt_offsets: int64
    (P + 1,). gt_ignored: uint64 (G, W). The rest as for match_boxes, but match_of counts ground truths from the first
    of the problem, and areas of detections are not looked at. Units are problems.
    """
    for p in range(begin, end):
        d0, d1, g0, g1 = dt_offsets[p], dt_offsets[p + 1], gt_offsets[p], gt_offsets[p + 1]
        leave_unmatched(matched[d0:d1], match_of[d0:d1], match_iou[d0:d1])
        leave_unmatched(ignored[d0:d1], match_of[d0:d1], match_iou[d0:d1])
        match_cell(
            ious[iou_offsets[p] : iou_offsets[p + 1]].reshape(d1 - d0, g1 - g0), gt_ignored[g0:g1], gt_flags[g0:g1],
            np.zeros(d1 - d0, np.uint8), thresholds, reach, matched[d0:d1], ignored[d0:d1],
            match_of[d0:d1], match_iou[d0:d1],
        )  # fmt: skip


@helper
def leave_unmatched(words, match_of, match_iou):
    """No bit is set, no ground truth taken."""
    for d in range(words.shape[0]):
        for w in range(words.shape[1]):
            words[d, w] = NONE
    for d in range(match_of.shape[0]):
        for b in range(match_of.shape[1]):
            match_of[d, b], match_iou[d, b] = -1, 0.0


@helper
def outside_words(area, area_ranges, area_words, out):
    """The bits of the area ranges that an area is not in (CLOSED_AREAS)."""
    for w in range(out.shape[0]):
        out[w] = NONE
    for a in range(area_ranges.shape[0]):
        if area < area_ranges[a, 0] or area > area_ranges[a, 1]:
            for w in range(out.shape[0]):
                out[w] |= area_words[a, w]


@helper
def match_cell(
    ious, gt_ignored, gt_flags, dt_flags, thresholds, reach, matched, ignored, match_of, match_iou
):  # fmt: skip
    """Match one cell; detections by falling score. It knows nothing of what overlaps.

    The outputs come as leave_unmatched leaves them, but `ignored` holds the bits of the area ranges that a detection is
    outside of: ignored where it finds no match.
    """
    n_dt, n_gt = ious.shape
    n_words = matched.shape[1]
    keep = match_of.shape[0] > 0
    literal = False
    for d in range(n_dt):
        for g in range(n_gt):
            literal |= ious[d, g] != ious[d, g]
    taken = np.zeros((n_gt, n_words), np.uint64)
    order = np.empty(n_gt, np.int64)
    found, found_ignored = np.empty(n_words, np.uint64), np.empty(n_words, np.uint64)
    for d in range(n_dt):
        for w in range(n_words):
            found[w] = found_ignored[w] = NONE
        if literal:  # NAN_OVERLAP
            for b in range(reach_bits(thresholds, reach)):
                match_literally(
                    d, b, ious, gt_ignored, gt_flags, dt_flags, thresholds, reach,
                    taken, matched, found_ignored, match_of, match_iou,
                )  # fmt: skip
        n = 0  # the candidates, by falling overlap; of equals the later first (LAST_OF_EQUALS)
        for g in range(0 if literal else n_gt):
            if ious[d, g] >= thresholds[0]:
                i = n
                while i > 0 and ious[d, order[i - 1]] <= ious[d, g]:
                    order[i] = order[i - 1]
                    i -= 1
                order[i] = g
                n += 1
        for ignorable in range(2):  # the regular ground truths, then the ignored ones for who found none
            for i in range(n):
                g = order[i]
                level = 0
                while level < thresholds.shape[0] and ious[d, g] >= thresholds[level]:
                    level += 1
                for w in range(n_words):
                    got = reach[level, w] & ~found[w]
                    if ignorable == 0:
                        got &= ~gt_ignored[g, w] & ~taken[g, w]
                    elif gt_flags[g] & CROWD:  # never used up
                        got &= gt_ignored[g, w]
                    else:
                        got &= gt_ignored[g, w] & ~taken[g, w]
                    if got == NONE:
                        continue
                    found[w] |= got
                    if not dt_flags[d] & KEEPS_FREE:
                        taken[g, w] |= got
                    if not gt_flags[g] & ID_ZERO:
                        matched[d, w] |= got
                    if ignorable == 1:
                        found_ignored[w] |= got
                    if keep:
                        for b in range(w * 64, min(w * 64 + 64, match_of.shape[1])):
                            if (got >> np.uint64(b - w * 64)) & ONE:
                                match_of[d, b] = g
                                match_iou[d, b] = ious[d, g]
        for w in range(n_words):
            ignored[d, w] = found_ignored[w] | (ignored[d, w] & ~matched[d, w])  # MATCHED_OUTSIDE


@helper
def reach_bits(thresholds, reach):
    """The number of (area, threshold) pairs: the bits that the highest overlap reaches."""
    n = 0
    for w in range(reach.shape[1]):
        for b in range(64):
            n += (reach[thresholds.shape[0], w] >> np.uint64(b)) & ONE == ONE
    return n


@helper
def match_literally(
    d, b, ious, gt_ignored, gt_flags, dt_flags, thresholds, reach, taken, matched, found_ignored, match_of, match_iou
):  # fmt: skip
    """One detection at one (area, threshold) pair by pycocotools' own loop, for overlaps that have no order."""
    w, bit = b // 64, ONE << np.uint64(b % 64)
    level = 0  # the pair's threshold is the last one that reaches the bit
    while not reach[level + 1, w] & bit:
        level += 1
    best, m, m_ignored = thresholds[level], -1, False
    for ignorable in range(2):
        if m >= 0 and not m_ignored:
            break
        for g in range(ious.shape[1]):
            if (gt_ignored[g, w] & bit != NONE) != (ignorable == 1):
                continue
            if taken[g, w] & bit and not gt_flags[g] & CROWD:
                continue
            if ious[d, g] < best:
                continue
            best, m, m_ignored = ious[d, g], g, ignorable == 1
    if m < 0:
        return
    if not dt_flags[d] & KEEPS_FREE:
        taken[m, w] |= bit
    if not gt_flags[m] & ID_ZERO:
        matched[d, w] |= bit
    if m_ignored:
        found_ignored[w] |= bit
    if match_of.shape[0] > 0:
        match_of[d, b] = m
        match_iou[d, b] = ious[d, m]
