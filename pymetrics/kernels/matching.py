"""Greedy matching, all area ranges and thresholds at once: each (area, threshold) pair is a bit of W 64-bit words.

pycocotools gives each detection, by falling score, the free ground truth of the highest overlap (of equals the later
one), regular ones before ignored ones, once per area range and threshold. The choice of a ground truth depends on the
pair only through which of them are eligible. So one pass over the candidates serves all pairs: each bit takes the
first candidate that is eligible for it. Marks such as NAN_OVERLAP name rows of docs/coco-quirks.md.
"""

import numpy as np

from .boxes import iou
from .registry import helper, kernel

ONE, NONE = np.uint64(1), np.uint64(0)
# Bits of the flags of ground truths; of detections: its id is 0 or below, so that its ground truth stays free (quirk).
CROWD, ID_ZERO, IGNORE = 1, 2, 4
KEEPS_FREE = 1


@kernel(parallel=True, outputs=("words", "n_inside"))
def area_words(area, flags, always, rows, offsets, area_ranges, area_bits, words, n_inside, begin, end):
    """The area ranges that rows are outside of, as bits, and how many rows of each cell are inside.

    area: float64 (N,). flags: uint8 (N,), or empty: none is set. always: flags; a row that has one of them gets the
    bits of every area range. rows, offsets: int32 (M,), int64 (C + 1,), the rows of each cell.
    area_ranges: float64 (A, 2). area_bits: uint64 (A, W), the bits of each area range.
    words: uint64 (M, W). n_inside: int32 (C, A), rows in the area range without a flag of `always`; or (0, A).
    Units are cells.
    """
    for c in range(begin, end):
        for a in range(area_ranges.shape[0] if n_inside.shape[0] > 0 else 0):
            n_inside[c, a] = 0
        for i in range(offsets[c], offsets[c + 1]):
            row = rows[i]
            if flags.shape[0] > 0 and flags[row] & always:
                set_all(area_bits, words[i])
                continue
            outside_words(area[row], area_ranges, area_bits, words[i])
            for a in range(area_ranges.shape[0] if n_inside.shape[0] > 0 else 0):
                if not (area[row] < area_ranges[a, 0] or area[row] > area_ranges[a, 1]):  # CLOSED_AREAS
                    n_inside[c, a] += 1


@kernel(parallel=True, outputs=("matched", "ignored", "match_of", "match_iou"))
def match_cells(
    overlaps, overlap_offsets, dt_rows, dt_flags, dt_ignored, dt_offsets, gt_rows, gt_flags, gt_ignored, gt_offsets,
    thresholds, reached_bits, matched, ignored, match_of, match_iou, begin, end,
):  # fmt: skip
    """Match the detections of each cell to its ground truths by given overlaps.

    overlaps: float64; those of cell c are overlaps[overlap_offsets[c] : overlap_offsets[c + 1]], (detections, ground
    truths), row-major. overlap_offsets, dt_offsets, gt_offsets: int64 (C + 1,).
    dt_rows: int32 (D,), by falling score in each cell. gt_rows: int32 (G,). dt_flags, gt_flags: uint8, by row: flags of
    KEEPS_FREE, or empty: none is set; flags of CROWD, ID_ZERO, IGNORE.
    dt_ignored: uint64 (D, W), the bits for which a detection is ignored if it takes no ground truth; or (0, W).
    gt_ignored: uint64 (G, W), the bits for which a ground truth is ignored.
    thresholds: float64 (T,), ascending. reached_bits: uint64 (T + 1, W), the bits that an overlap reaches which is not
    below the first so many thresholds.
    matched, ignored: uint64 (D, W). match_of: int32 (D, A * T), the row of the ground truth that was taken or -1, and
    match_iou: float64 (D, A * T), their overlap or 0; or both of length 0. Units are cells.
    """
    n_words = matched.shape[1]
    for c in range(begin, end):
        d0, d1, g0, g1 = dt_offsets[c], dt_offsets[c + 1], gt_offsets[c], gt_offsets[c + 1]
        leave_unmatched(matched[d0:d1], match_of[d0:d1], match_iou[d0:d1])
        for d in range(d0, d1):
            for w in range(n_words):
                ignored[d, w] = dt_ignored[d, w] if dt_ignored.shape[0] > 0 else NONE
        match_cell(
            overlaps[overlap_offsets[c] : overlap_offsets[c + 1]].reshape(d1 - d0, g1 - g0),
            dt_rows[d0:d1], dt_flags, gt_rows[g0:g1], gt_flags, gt_ignored[g0:g1], thresholds, reached_bits,
            matched[d0:d1], ignored[d0:d1], match_of[d0:d1], match_iou[d0:d1],
        )  # fmt: skip


@kernel(parallel=True, outputs=("n_gt", "matched", "ignored", "match_of", "match_iou"))
def match_boxes(
    dt_boxes, dt_area, dt_rows, dt_flags, dt_offsets, gt_boxes, gt_area, gt_rows, gt_flags, gt_offsets,
    thresholds, reached_bits, area_ranges, area_bits, n_gt, matched, ignored, match_of, match_iou, begin, end,
):  # fmt: skip
    """Match boxes: area_words of both sides, the overlaps of each cell and match_cells in one pass, the same bytes.

    dt_boxes, gt_boxes: float64 (N, 4), (G, 4). dt_area: float64 (N,), or empty: width * height. gt_area: float64 (G,).
    n_gt: int32 (C, A), the ground truths of each cell that count, by area range.
    The rest as for area_words and match_cells. Units are cells.
    """
    n_words = matched.shape[1]
    for c in range(begin, end):
        d0, d1, g0, g1 = dt_offsets[c], dt_offsets[c + 1], gt_offsets[c], gt_offsets[c + 1]
        n_dt, n_truths = d1 - d0, g1 - g0
        leave_unmatched(matched[d0:d1], match_of[d0:d1], match_iou[d0:d1])
        for d in range(d0, d1):
            row = dt_rows[d]
            area = dt_area[row] if dt_area.shape[0] > 0 else dt_boxes[row, 2] * dt_boxes[row, 3]
            outside_words(area, area_ranges, area_bits, ignored[d])
        for a in range(n_gt.shape[1]):
            n_gt[c, a] = 0
        if n_truths == 0:
            continue
        gt_ignored = np.empty((n_truths, n_words), np.uint64)
        for g in range(n_truths):
            row = gt_rows[g0 + g]
            if gt_flags[row] & (CROWD | IGNORE):  # IGNORE_FLAG
                set_all(area_bits, gt_ignored[g])
                continue
            outside_words(gt_area[row], area_ranges, area_bits, gt_ignored[g])
            for a in range(n_gt.shape[1]):
                if not (gt_area[row] < area_ranges[a, 0] or gt_area[row] > area_ranges[a, 1]):  # CLOSED_AREAS
                    n_gt[c, a] += 1
        overlaps = np.empty((n_dt, n_truths), np.float64)
        for d in range(n_dt):
            for g in range(n_truths):
                row = gt_rows[g0 + g]
                overlaps[d, g] = iou(dt_boxes, dt_rows[d0 + d], gt_boxes, row, gt_flags[row] & CROWD != 0)
        match_cell(
            overlaps, dt_rows[d0:d1], dt_flags, gt_rows[g0:g1], gt_flags, gt_ignored, thresholds, reached_bits,
            matched[d0:d1], ignored[d0:d1], match_of[d0:d1], match_iou[d0:d1],
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
def outside_words(area, area_ranges, area_bits, out):
    """The bits of the area ranges that an area is not in (CLOSED_AREAS)."""
    for w in range(out.shape[0]):
        out[w] = NONE
    for a in range(area_ranges.shape[0]):
        if area < area_ranges[a, 0] or area > area_ranges[a, 1]:  # CLOSED_AREAS
            for w in range(out.shape[0]):
                out[w] |= area_bits[a, w]


@helper
def set_all(area_bits, out):
    """The bits of every area range."""
    for w in range(out.shape[0]):
        out[w] = NONE
        for a in range(area_bits.shape[0]):
            out[w] |= area_bits[a, w]


@helper
def match_cell(
    overlaps, dt_rows, dt_flags, gt_rows, gt_flags, gt_ignored, thresholds, reached_bits,
    matched, ignored, match_of, match_iou,
):  # fmt: skip
    """Match one cell; the arguments are the cell's parts of those of match_cells.

    matched, match_of and match_iou come as leave_unmatched leaves them; `ignored` holds what dt_ignored says.
    """
    n_dt, n_gt = overlaps.shape
    n_words = matched.shape[1]
    keep = match_of.shape[0] > 0
    literal = False
    for d in range(n_dt):
        for g in range(n_gt):
            literal |= overlaps[d, g] != overlaps[d, g]  # NAN_OVERLAP
    taken = np.zeros((n_gt, n_words), np.uint64)
    order = np.empty(n_gt, np.int64)
    found, found_ignored = np.empty(n_words, np.uint64), np.empty(n_words, np.uint64)
    for d in range(n_dt):
        keeps_free = dt_flags.shape[0] > 0 and dt_flags[dt_rows[d]] & KEEPS_FREE != 0
        for w in range(n_words):
            found[w] = found_ignored[w] = NONE
        if literal:  # NAN_OVERLAP
            for b in range(count_pairs(thresholds, reached_bits)):
                match_literally(
                    d, b, overlaps, keeps_free, gt_rows, gt_flags, gt_ignored, thresholds, reached_bits,
                    taken, matched, found_ignored, match_of, match_iou,
                )  # fmt: skip
        n = 0  # the candidates, by falling overlap; of equals the later first
        for g in range(0 if literal else n_gt):
            if overlaps[d, g] >= thresholds[0]:
                i = n
                while i > 0 and overlaps[d, order[i - 1]] <= overlaps[d, g]:  # LAST_OF_EQUALS
                    order[i] = order[i - 1]
                    i -= 1
                order[i] = g
                n += 1
        for ignorable in range(2):  # first the ground truths that count; then, for bits without a match, ignored ones
            for i in range(n):
                g = order[i]
                flags = gt_flags[gt_rows[g]]
                n_reached = 0
                while n_reached < thresholds.shape[0] and overlaps[d, g] >= thresholds[n_reached]:
                    n_reached += 1
                for w in range(n_words):
                    got = reached_bits[n_reached, w] & ~found[w]
                    if ignorable == 0:  # COUNTED_FIRST
                        got &= ~gt_ignored[g, w] & ~taken[g, w]  # TAKEN_ONCE
                    elif flags & CROWD:  # CROWD_UNION: any number of detections may take a crowd
                        got &= gt_ignored[g, w]
                    else:
                        got &= gt_ignored[g, w] & ~taken[g, w]
                    if got == NONE:
                        continue
                    found[w] |= got
                    if not keeps_free:  # KEEPS_FREE
                        taken[g, w] |= got
                    if not flags & ID_ZERO:
                        matched[d, w] |= got
                    if ignorable == 1:  # TAKER_IGNORED
                        found_ignored[w] |= got
                    if keep:
                        for b in range(w * 64, min(w * 64 + 64, match_of.shape[1])):
                            if (got >> np.uint64(b - w * 64)) & ONE:
                                match_of[d, b] = gt_rows[g]
                                match_iou[d, b] = overlaps[d, g]
        for w in range(n_words):
            ignored[d, w] = found_ignored[w] | (ignored[d, w] & ~matched[d, w])  # MATCHED_OUTSIDE


@helper
def count_pairs(thresholds, reached_bits):
    """The number of (area, threshold) pairs: the bits that the highest overlap reaches."""
    n = 0
    for w in range(reached_bits.shape[1]):
        for b in range(64):
            n += (reached_bits[thresholds.shape[0], w] >> np.uint64(b)) & ONE == ONE
    return n


@helper
def match_literally(
    d, b, overlaps, keeps_free, gt_rows, gt_flags, gt_ignored, thresholds, reached_bits,
    taken, matched, found_ignored, match_of, match_iou,
):  # fmt: skip
    """One detection at one (area, threshold) pair by pycocotools' own loop, for overlaps that have no order."""
    w, bit = b // 64, ONE << np.uint64(b % 64)
    n_reached = 0  # the pair's threshold is the last one that reaches the bit
    while not reached_bits[n_reached + 1, w] & bit:
        n_reached += 1
    best, m, m_ignored = thresholds[n_reached], -1, False
    for ignorable in range(2):
        if m >= 0 and not m_ignored:  # COUNTED_FIRST
            break
        for g in range(overlaps.shape[1]):
            if (gt_ignored[g, w] & bit != NONE) != (ignorable == 1):
                continue
            if taken[g, w] & bit and not gt_flags[gt_rows[g]] & CROWD:  # CROWD_UNION
                continue
            if overlaps[d, g] < best:  # NAN_OVERLAP
                continue
            best, m, m_ignored = overlaps[d, g], g, ignorable == 1  # NAN_OVERLAP
    if m < 0:
        return
    if not keeps_free:  # KEEPS_FREE
        taken[m, w] |= bit
    if not gt_flags[gt_rows[m]] & ID_ZERO:
        matched[d, w] |= bit
    if m_ignored:
        found_ignored[w] |= bit
    if match_of.shape[0] > 0:
        match_of[d, b] = gt_rows[m]
        match_iou[d, b] = overlaps[d, m]
