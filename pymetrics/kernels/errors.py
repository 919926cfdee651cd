"""What is wrong with detections: kinds of errors, localisation recall precision, and precision averaged over recall."""

import numpy as np

from .cells import falling_key, sort_keys
from .registry import helper, kernel

RIGHT, CLASS, BOX, OTHER, DUPLICATE, BACKGROUND = 0, 1, 2, 3, 4, 5
FOUND, MENDABLE, MISSED = 0, 1, 2


@kernel(parallel=True, outputs=("kind", "counted", "error_gt", "mends", "gt_state"), cuda=False)
def find_errors(
    overlaps, overlap_offsets, dt_category, dt_offsets, gt_category, gt_ignored, gt_offsets, positive, background,
    kind, counted, error_gt, mends, gt_state, begin, end,
):  # fmt: skip
    """TIDE's matching in images, and the kind of error of each detection that is not right.

    Each detection, in order, takes the free ground truth of its category with the highest overlap (of equals the first)
    if that is at least `positive`. One without, of which an ignored ground truth of its category covers more than
    `positive`, does not count. All without are tested for errors: localisation, class, duplicate, background, other.

    overlaps: float64; those of image c are overlaps[overlap_offsets[c] : overlap_offsets[c + 1]], (detections, ground
    truths), row-major. overlap_offsets, dt_offsets, gt_offsets: int64 (C + 1,). dt_category: int32 (D,), gt_category:
    int32 (G,), gt_ignored: uint8 (G,). positive, background: overlaps.
    kind: uint8 (D,): 0 right, 1 class, 2 localisation, 3 both (other), 4 duplicate, 5 background. counted: uint8 (D,).
    error_gt: int32 (D,), the place among the G of the ground truth that was taken, or that the error is about, or -1.
    mends: uint8 (D,): 1 where mending the error would make the detection find its ground truth. gt_state: uint8 (G,):
    0 found or ignored, 1 missed but for an error that can be mended, 2 missed. Units are images.
    """
    for c in range(begin, end):
        first, last = gt_offsets[c], gt_offsets[c + 1]
        n_gt, n_ordinary = last - first, 0
        taken, row = np.zeros(n_gt, np.uint8), overlap_offsets[c]
        for g in range(n_gt):
            gt_state[first + g] = FOUND if gt_ignored[first + g] else MISSED
            n_ordinary += gt_ignored[first + g] == 0
        for d in range(dt_offsets[c], dt_offsets[c + 1]):
            best, place = 0.0, -1
            for g in range(n_gt):
                is_same = gt_category[first + g] == dt_category[d] and gt_ignored[first + g] == 0
                if is_same and taken[g] == 0 and overlaps[row + g] > best:
                    best, place = overlaps[row + g], g
            kind[d], counted[d], error_gt[d], mends[d] = BACKGROUND, 1, -1, 0
            if place >= 0 and best >= positive:
                kind[d], error_gt[d], taken[place], gt_state[first + place] = RIGHT, first + place, 1, FOUND
            else:
                for g in range(n_gt):
                    is_same = gt_category[first + g] == dt_category[d] and gt_ignored[first + g] != 0
                    if is_same and overlaps[row + g] > positive:
                        counted[d] = 0
            row += n_gt
        row = overlap_offsets[c]
        for d in range(dt_offsets[c], dt_offsets[c + 1]):
            if kind[d] != RIGHT and n_ordinary > 0:
                same, other, used = -1, -1, -1  # the first of the highest overlap
                for g in range(n_gt):
                    if gt_ignored[first + g]:
                        continue
                    if gt_category[first + g] != dt_category[d]:
                        if other < 0 or overlaps[row + g] > overlaps[row + other]:
                            other = g
                        continue
                    if same < 0 or overlaps[row + g] > overlaps[row + same]:
                        same = g
                    if taken[g] and (used < 0 or overlaps[row + g] > overlaps[row + used]):
                        used = g
                at = -1
                if same >= 0 and background <= overlaps[row + same] <= positive:
                    kind[d], at = BOX, same
                elif other >= 0 and overlaps[row + other] >= positive:
                    kind[d], at = CLASS, other
                elif used >= 0 and overlaps[row + used] >= positive:
                    kind[d], at = DUPLICATE, used
                else:
                    far_from_same = same < 0 or overlaps[row + same] <= background
                    far_from_other = other < 0 or overlaps[row + other] <= background
                    kind[d] = BACKGROUND if far_from_same and far_from_other else OTHER
                if at >= 0:
                    error_gt[d] = first + at
                    if kind[d] != DUPLICATE and gt_state[first + at] == MISSED:
                        mends[d], gt_state[first + at] = 1, MENDABLE
            row += n_gt


@kernel(parallel=True, outputs=("average",), cuda=False)
def average_precision(scores, hits, starts, n_gt, recall_thresholds, average, begin, end):
    """The mean over recall thresholds of the highest precision at this recall or a higher one, 0 where there is none.

    Precision after n points is TP / n. Without recall thresholds: the area under the highest precisions, each times the
    step of recall to it.

    scores: float64 (N,). hits: uint8 (N,), 1 for a true positive. starts: int64 (K + 1,), where the points of each
    category begin. n_gt: int64 (K,). recall_thresholds: float64 (R,). average: float64 (K,), 0 without ground truth.
    Of equal scores the order stays. Units are categories.
    """
    bits = scores.view(np.uint64)
    for k in range(begin, end):
        first, n = starts[k], starts[k + 1] - starts[k]
        average[k] = 0.0
        if n_gt[k] == 0 or n == 0:
            continue
        order, keys = np.empty(n, np.int32), np.empty(n, np.uint64)
        words, spare = np.empty(n, np.uint64), np.empty(n, np.uint64)
        for i in range(n):
            keys[i] = falling_key(bits[first + i])
        sort_keys(keys, order, words, spare)
        precision, recall = np.empty(n, np.float64), np.empty(n, np.float64)
        n_tp, total = np.int64(0), 0.0
        for i in range(n):
            n_tp += hits[first + order[i]]
            precision[i], recall[i] = np.float64(n_tp) / np.float64(i + 1), np.float64(n_tp) / np.float64(n_gt[k])
        for i in range(n - 1, 0, -1):
            precision[i - 1] = max(precision[i - 1], precision[i])
        for r in range(recall_thresholds.shape[0]):
            i = first_reaching(recall, recall_thresholds[r])
            if i < n:
                total += precision[i]
        if recall_thresholds.shape[0] > 0:
            average[k] = total / np.float64(recall_thresholds.shape[0])
            continue
        before = 0.0
        for i in range(n):
            if recall[i] != before:
                total += (recall[i] - before) * precision[i]
                before = recall[i]
        average[k] = total


@helper
def first_reaching(numbers, least):
    """The place of the first of some rising numbers that is at least `least`; their count, where none is."""
    low, high = 0, numbers.shape[0]
    while low < high:
        middle = (low + high) // 2
        if numbers[middle] < least:
            low = middle + 1
        else:
            high = middle
    return low


@kernel(parallel=True, outputs=("lowest",), cuda=False)
def lowest_lrp(scores, matched, ignored, offsets, category_cells, n_gt, bit, overlap, threshold, lowest, begin, end):
    """Localisation recall precision: where along falling scores the error is lowest, and what it is made of.

    After each detection: ((TP - sum of overlaps) / (1 - threshold) + FP + FN) / (TP + FP + FN).

    scores: float64 (D,). matched, ignored: uint64 (D, W); bit: the one that is read. offsets: int64 (C + 1,).
    category_cells: int64 (K + 1,). n_gt: int64 (K,). overlap: float64 (D,), of each detection with what it took.
    lowest: float64 (K, 5): the first minimum; mean of 1 - overlap of true positives; FP / (TP + FP); FN / ground
    truths; the score there. -1 where undefined. Units are categories.
    """
    bits = scores.view(np.uint64)
    word, mask = bit // 64, np.uint64(1) << np.uint64(bit % 64)
    for k in range(begin, end):
        first, total = offsets[category_cells[k]], n_gt[k]
        n = offsets[category_cells[k + 1]] - first
        for j in range(5):
            lowest[k, j] = -1.0
        if total == 0:
            continue
        order, keys = np.empty(n, np.int32), np.empty(n, np.uint64)
        words, spare = np.empty(n, np.uint64), np.empty(n, np.uint64)
        n_hits = 0
        for i in range(n):
            keys[i] = falling_key(bits[first + i])
            n_hits += (matched[first + i, word] & ~ignored[first + i, word] & mask) != 0
        lowest[k, 0], lowest[k, 3] = 1.0, 1.0
        if n_hits == 0:
            continue
        sort_keys(keys, order, words, spare)
        tp, fp, sum_overlap, least = np.int64(0), np.int64(0), 0.0, np.inf
        for i in range(n):
            d = first + order[i]
            if ignored[d, word] & mask == 0:
                if matched[d, word] & mask:
                    tp += 1
                    sum_overlap += overlap[d]
                else:
                    fp += 1
            fn = total - tp
            loss = np.float64(tp) - sum_overlap
            whole = np.float64(tp + fp + fn)
            error = (loss / (1.0 - threshold) + np.float64(fp) + np.float64(fn)) / whole
            if error < least:
                least = error
                lowest[k, 0], lowest[k, 3], lowest[k, 4] = error, np.float64(fn) / np.float64(total), scores[d]
                lowest[k, 1] = loss / np.float64(tp) if tp > 0 else -1.0
                lowest[k, 2] = np.float64(fp) / np.float64(tp + fp) if tp + fp > 0 else -1.0
