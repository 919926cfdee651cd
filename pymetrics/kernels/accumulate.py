"""From outcomes to precision, recall and scores: counts in integers along falling score, one division each.

Precision is computed only at true positives. Between two true positives it decreases, so the running maximum is always
at a true positive. Exception: recall threshold 0 selects the first detection.
"""

import numpy as np

from .cells import falling_key, sort_keys
from .registry import helper, kernel

EPSILON = np.float64(2.220446049250313e-16)  # FIRST_PRECISION: numpy.spacing(1)
BIT = np.uint64(1)
UNREACHED = np.int64(1 << 62)


@kernel(parallel=True, outputs=("precision", "recall", "scores_at"), linear=True)
def accumulate(
    scores, matched, ignored, offsets, n_gt, category_cells, area_bits, max_dets, recall_thresholds,
    precision, recall, scores_at, begin, end,
):  # fmt: skip
    """Precision at recall thresholds, last recall, and the scores there, of each category.

    scores: float64 (D,). matched, ignored: uint64 (D, W). offsets: int64 (C + 1,). n_gt: int32 (C, A).
    category_cells: int64 (K + 1,). area_bits: uint64 (A, W). max_dets: int64 (M,), ascending. recall_thresholds:
    float64 (R,), in any order. precision, scores_at: float64 (T, R, K, A, M). recall: float64 (T, K, A, M). All three
    are -1 where there is no ground truth. scores_at of shape (0, R, K, A, M): not wanted. Units are categories.
    """
    n_thresholds, n_areas, n_limits = recall.shape[0], recall.shape[2], recall.shape[3]
    n_recalls, n_bits, n_words = recall_thresholds.shape[0], n_areas * n_thresholds, matched.shape[1]
    bits, keep_scores = scores.view(np.uint64), scores_at.shape[0] > 0
    for k in range(begin, end):
        first_cell, last_cell = category_cells[k], category_cells[k + 1]
        first = offsets[first_cell]
        n = offsets[last_cell] - first

        # The detections of all cells by falling score, and for each the first limit that its rank is within.
        order, limit_index = np.empty(n, np.int32), np.empty(n, np.int64)
        keys, words, spare = np.empty(n, np.uint64), np.empty(n, np.uint64), np.empty(n, np.uint64)
        for i in range(n):
            keys[i] = falling_key(bits[first + i])
        sort_keys(keys, order, words, spare)
        for c in range(first_cell, last_cell):
            m = 0
            for i in range(offsets[c], offsets[c + 1]):
                while m < n_limits and max_dets[m] <= i - offsets[c]:  # LIMIT_BY_IMAGE
                    m += 1
                limit_index[i - first] = m

        # How many true positives there will be: one list of precisions for each limit and bit.
        lists = np.zeros(n_limits * n_bits + 1, np.int64)
        for i in range(n):
            for w in range(n_words):
                hits = matched[first + i, w] & ~ignored[first + i, w]
                while hits != np.uint64(0):
                    b = w * 64 + lowest_bit(hits)
                    hits &= hits - BIT
                    for m in range(limit_index[i], n_limits):
                        lists[m * n_bits + b + 1] += 1
        for i in range(n_limits * n_bits):
            lists[i + 1] += lists[i]
        ratio, place = np.empty(lists[-1], np.float64), np.empty(lists[-1], np.int32)

        # The walk. Of a detection, an area range mostly ignores all thresholds or none: `seen` counts by area and
        # limit, `less` corrects it by bit.
        filled = np.zeros((n_limits, n_bits), np.int64)
        seen = np.zeros((n_limits, n_areas), np.int64)
        less = np.zeros((n_limits, n_bits), np.int64)
        top = np.empty(n_limits, np.int64)
        for m in range(n_limits):
            top[m] = -1
        for i in range(n):
            d = first + order[i]
            for m in range(limit_index[order[i]], n_limits):
                if top[m] < 0:
                    top[m] = d
                for a in range(n_areas):
                    counted = False
                    for w in range(n_words):
                        counted |= (ignored[d, w] & area_bits[a, w]) != area_bits[a, w]
                    if not counted:
                        continue
                    seen[m, a] += 1
                    for w in range(n_words):
                        out = ignored[d, w] & area_bits[a, w]
                        while out != np.uint64(0):
                            less[m, w * 64 + lowest_bit(out)] += 1
                            out &= out - BIT
                for w in range(n_words):
                    hits = matched[d, w] & ~ignored[d, w]
                    while hits != np.uint64(0):
                        b = w * 64 + lowest_bit(hits)
                        hits &= hits - BIT
                        at = lists[m * n_bits + b] + filled[m, b]
                        filled[m, b] += 1
                        counted_so_far = seen[m, b // n_thresholds] - less[m, b]
                        ratio[at] = np.float64(filled[m, b]) / (np.float64(counted_so_far) + EPSILON)  # FIRST_PRECISION
                        place[at] = d - first

        for a in range(n_areas):
            positives = np.int64(0)
            for c in range(first_cell, last_cell):
                positives += n_gt[c, a]
            need = np.empty(n_recalls, np.int64)
            for r in range(n_recalls):
                need[r] = hits_needed(recall_thresholds[r], positives)
            for m in range(n_limits):
                for t in range(n_thresholds):
                    if positives == 0:  # NO_DETECTIONS: with ground truth it is 0
                        recall[t, k, a, m] = -1.0
                        for r in range(n_recalls):
                            precision[t, r, k, a, m] = -1.0
                            if keep_scores:
                                scores_at[t, r, k, a, m] = -1.0
                        continue
                    start = lists[m * n_bits + a * n_thresholds + t]
                    n_hits = lists[m * n_bits + a * n_thresholds + t + 1] - start
                    for j in range(n_hits - 1, 0, -1):  # ENVELOPE
                        if ratio[start + j] > ratio[start + j - 1]:
                            ratio[start + j - 1] = ratio[start + j]
                    recall[t, k, a, m] = np.float64(n_hits) / np.float64(positives)
                    reached = top[m] >= 0
                    for r in range(n_recalls):
                        reached = reached and need[r] <= n_hits  # UNREACHED_RECALL: all after it stays 0
                        precision[t, r, k, a, m] = 0.0
                        if keep_scores:
                            scores_at[t, r, k, a, m] = 0.0
                        if not reached:
                            continue
                        at = start + max(need[r], 1) - 1
                        if n_hits > 0:
                            precision[t, r, k, a, m] = ratio[at]
                        if keep_scores:  # SCORE_AT_ZERO: the highest score
                            scores_at[t, r, k, a, m] = scores[top[m]] if need[r] == 0 else scores[first + place[at]]


@helper
def lowest_bit(word):
    """The place of the lowest bit that is set; the word is not 0."""
    low = word & (~word + BIT)
    place = 0
    if low & np.uint64(0xFFFFFFFF00000000):
        place += 32
    if low & np.uint64(0xFFFF0000FFFF0000):
        place += 16
    if low & np.uint64(0xFF00FF00FF00FF00):
        place += 8
    if low & np.uint64(0xF0F0F0F0F0F0F0F0):
        place += 4
    if low & np.uint64(0xCCCCCCCCCCCCCCCC):
        place += 2
    if low & np.uint64(0xAAAAAAAAAAAAAAAA):
        place += 1
    return place


@helper
def hits_needed(threshold, positives):
    """The fewest true positives whose recall, as a float64, is not below the threshold."""
    if positives <= 0 or not threshold <= 1e9:
        return UNREACHED
    total = np.float64(positives)
    need = max(np.int64(0), np.int64(np.ceil(max(threshold, 0.0) * total)) - 1)
    while np.float64(need) / total < threshold:
        need += 1
    while need > 0 and np.float64(need - 1) / total >= threshold:
        need -= 1
    return need


@helper
def read_curve(ratio, hits, positives, recall_thresholds, precision, recall):
    """Precision (R,) and recall[0] of one curve. ratio: precision after each of the hits; changed."""
    for j in range(hits - 1, 0, -1):  # ENVELOPE
        if ratio[j] > ratio[j - 1]:
            ratio[j - 1] = ratio[j]
    recall[0] = np.float64(hits) / np.float64(positives) if positives > 0 else -1.0
    reached = True
    for r in range(recall_thresholds.shape[0]):
        need = hits_needed(recall_thresholds[r], positives)
        reached = reached and need <= hits  # UNREACHED_RECALL: all after it stays 0
        precision[r] = ratio[max(need, 1) - 1] if reached and hits > 0 else 0.0
