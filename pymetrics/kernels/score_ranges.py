"""A category in ranges of scores: what `accumulate` does in one of them, from the counts of those before."""

import numpy as np

from .accumulate import EPSILON
from .cells import falling_key, sort_keys
from .registry import kernel

BIT = np.uint64(1)


@kernel(outputs=("hits", "counted", "highest", "scores_at", "top"), cuda=False)
def accumulate_range(
    scores, matched, ignored, limit_index, needed, hits_before, counted_before,
    hits, counted, highest, scores_at, top,
):  # fmt: skip
    """Counts up to the end of a range of scores, and its highest precision from each recall threshold on.

    A bit b = a * T + t stands for area range a, threshold t; there are B = A * T.

    scores: float64 (D,), the detections of one category within the range; equal scores in their order. matched,
    ignored: uint64 (D, W). limit_index: uint8 (D,), the first of M limits that a detection's rank is within, M of none.
    needed: int64 (A, R), ascending in a row, the true positives at which each recall threshold is reached.
    hits_before, counted_before: int64 (B, M), true positives and detections that count, of all higher scores. hits,
    counted: the same with this range. highest: float64 (B, M, R), the highest precision at this range's true positives
    for which r is the last recall threshold that is reached; 0 where there are none. scores_at: float64 (B, M, R), the
    score at which r is reached; 0 where it is not within this range. top: int64 (M,), the detection of the highest
    score within each limit, or -1.
    """
    n_bits, n_limits = hits_before.shape
    n_areas, n_recalls = needed.shape
    n, n_thresholds = scores.shape[0], n_bits // n_areas
    bits, order = scores.view(np.uint64), np.empty(n, np.int32)
    keys, words, spare = np.empty(n, np.uint64), np.empty(n, np.uint64), np.empty(n, np.uint64)
    for i in range(n):
        keys[i] = falling_key(bits[i])
    sort_keys(keys, order, words, spare)
    reached = np.zeros((n_bits, n_limits), np.int64)
    for m in range(n_limits):
        top[m] = -1
        for b in range(n_bits):
            hits[b, m], counted[b, m] = hits_before[b, m], counted_before[b, m]
            for r in range(n_recalls):
                highest[b, m, r], scores_at[b, m, r] = 0.0, 0.0
                if max(needed[b // n_thresholds, r], 1) <= hits_before[b, m]:
                    reached[b, m] = r + 1
    for i in range(n):
        d = order[i]
        for m in range(limit_index[d], n_limits):
            if top[m] < 0:
                top[m] = d
            for b in range(n_bits):
                w, bit = b // 64, BIT << np.uint64(b % 64)
                if ignored[d, w] & bit != np.uint64(0):
                    continue
                counted[b, m] += 1
                if matched[d, w] & bit == np.uint64(0):
                    continue
                hits[b, m] += 1
                r = reached[b, m]
                while r < n_recalls and max(needed[b // n_thresholds, r], 1) <= hits[b, m]:
                    scores_at[b, m, r] = scores[d]
                    r += 1
                reached[b, m] = r
                if r > 0:
                    ratio = np.float64(hits[b, m]) / (np.float64(counted[b, m]) + EPSILON)
                    highest[b, m, r - 1] = max(highest[b, m, r - 1], ratio)
