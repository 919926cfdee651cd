"""Bootstrap over images: how often each image is drawn, and the summary of each draw."""

import numpy as np

from .accumulate import BIT, EPSILON, read_curve
from .cells import falling_key, sort_keys
from .means import mean
from .registry import helper, kernel

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST_FACTOR = np.uint64(0xBF58476D1CE4E5B9)
SECOND_FACTOR = np.uint64(0x94D049BB133111EB)


@kernel(parallel=True, outputs=("weights",), cuda=False)
def draw_weights(hashes, quantiles, weights, begin, end):
    """How often each image is drawn in each replicate: Poisson(1), from the image and the replicate's number alone.

    hashes: uint64 (N,), one of each image. quantiles: uint64 (Q,), the distribution function at 0, 1, ... in units of
    2^-64. weights: uint8 (B, N): of splitmix64(hash + b) the number of quantiles that it reaches. Units are replicates.
    """
    for b in range(begin, end):
        for i in range(hashes.shape[0]):
            drawn = splitmix(hashes[i] + np.uint64(b))
            n = 0
            for q in range(quantiles.shape[0]):
                n += drawn >= quantiles[q]
            weights[b, i] = n


@helper
def splitmix(x):
    """splitmix64 (Steele, Lea, Flood, OOPSLA 2014): one step from the state x, modulo 2^64."""
    x = x + GOLDEN
    x = (x ^ (x >> np.uint64(30))) * FIRST_FACTOR
    x = (x ^ (x >> np.uint64(27))) * SECOND_FACTOR
    return x ^ (x >> np.uint64(31))


@kernel(parallel=True, outputs=("means", "class_means"), cuda=False)
def replicate_means(
    scores, matched, ignored, offsets, n_gt, category_cells, cell_image, weights, max_dets, recall_thresholds,
    n_thresholds, queries, members, means, class_means, begin, end,
):  # fmt: skip
    """The summary of each weighting of the images: the numbers of the data set in which they stand so often.

    An image of weight w counts as w copies, each an image of its own, one behind the other in the order of images. So
    a draw of images with repetition (bootstrap) gives what an evaluation of the drawn data set gives, to the last bit;
    of equal scores in one image and category the copies take turns (d1 d2 d1 d2).

    scores: float64 (D,). matched, ignored: uint64 (D, W). offsets: int64 (C + 1,). n_gt: int32 (C, A).
    category_cells: int64 (K + 1,). cell_image: int32 (C,), columns of `weights`. weights: uint8 (B, N). max_dets: int64
    (M,), ascending. recall_thresholds: float64 (R,). n_thresholds: T.
    queries: int64 (Q, 5): 0 for precision or 1 for recall; a threshold, or -1 for all; an area range; a limit; a group.
    members: uint8 (G, K), not 0 where a category belongs to a group.
    means: float64 (B, Q): means over thresholds, recall thresholds and the group's categories with ground truth, -1
    where there are none. class_means: float64 (B, K, P): the first P queries of each category alone, whatever the
    group. Both are added in numpy's order. Units are replicates.
    """
    n_categories, n_limits, n_recalls = category_cells.shape[0] - 1, max_dets.shape[0], recall_thresholds.shape[0]
    n, n_queries, n_areas = scores.shape[0], queries.shape[0], n_gt.shape[1]
    # The detections of each category by falling score; where the run of one cell and score ends; their limits.
    order, run_end = np.empty(n, np.int64), np.empty(n, np.int64)
    limit_index, image = np.empty(n, np.int64), np.empty(n, np.int64)
    rank_all(scores, offsets, category_cells, cell_image, max_dets, order, run_end, limit_index, image)
    precision = np.empty((n_thresholds, n_recalls, n_categories), np.float64)
    recall = np.empty((n_thresholds, n_categories), np.float64)
    positives = np.empty(n_categories, np.int64)
    values = np.empty(precision.size + recall.size, np.float64)
    for b in range(begin, end):
        for a in range(n_areas):
            for m in range(n_limits):
                wanted = False
                for q in range(n_queries):
                    wanted |= queries[q, 2] == a and queries[q, 3] == m
                if not wanted:
                    continue
                for k in range(n_categories):
                    positives[k] = 0
                    for c in range(category_cells[k], category_cells[k + 1]):
                        positives[k] += np.int64(n_gt[c, a]) * np.int64(weights[b, cell_image[c]])
                    first, last = offsets[category_cells[k]], offsets[category_cells[k + 1]]
                    for t in range(n_thresholds):
                        curve(
                            matched, ignored, weights[b], order, run_end, limit_index, image, first, last, m,
                            a * n_thresholds + t, positives[k], recall_thresholds, precision[t, :, k], recall[t, k:],
                        )  # fmt: skip
                for q in range(n_queries):
                    if queries[q, 2] != a or queries[q, 3] != m:
                        continue
                    t0 = max(queries[q, 1], 0)
                    t1 = n_thresholds if queries[q, 1] < 0 else t0 + 1
                    n_rows, n_values = 1 if queries[q, 0] else n_recalls, 0
                    for t in range(t0, t1):
                        for r in range(n_rows):
                            for k in range(n_categories):
                                if positives[k] > 0 and members[queries[q, 4], k] != 0:
                                    values[n_values] = recall[t, k] if queries[q, 0] else precision[t, r, k]
                                    n_values += 1
                    means[b, q] = mean(values[:n_values])
                    if q >= class_means.shape[2]:
                        continue
                    for k in range(n_categories):
                        n_values = 0
                        for t in range(t0, t1):
                            for r in range(n_rows):
                                values[n_values] = recall[t, k] if queries[q, 0] else precision[t, r, k]
                                n_values += 1
                        class_means[b, k, q] = mean(values[:n_values]) if positives[k] > 0 else -1.0


@helper
def rank_all(scores, offsets, category_cells, cell_image, max_dets, order, run_end, limit_index, image):
    """Fill order, run_end, limit_index, image: int64 (D,), the detections of a category in its range of them.

    order: the rows by falling score. run_end: of each place in this order, where the equal scores of its cell end.
    limit_index, image: of each row the first limit that its rank in its cell is within, and its image.
    """
    bits = scores.view(np.uint64)
    for k in range(category_cells.shape[0] - 1):
        first = offsets[category_cells[k]]
        n = offsets[category_cells[k + 1]] - first
        places, cell = np.empty(n, np.int32), np.empty(n, np.int64)
        keys, words, spare = np.empty(n, np.uint64), np.empty(n, np.uint64), np.empty(n, np.uint64)
        for i in range(n):
            keys[i] = falling_key(bits[first + i])
        sort_keys(keys, places, words, spare)
        for c in range(category_cells[k], category_cells[k + 1]):
            m = 0
            for i in range(offsets[c], offsets[c + 1]):
                while m < max_dets.shape[0] and max_dets[m] <= i - offsets[c]:  # LIMIT_BY_IMAGE
                    m += 1
                limit_index[i], image[i], cell[i - first] = m, cell_image[c], c
        for i in range(n - 1, -1, -1):
            order[first + i], run_end[first + i] = first + places[i], first + i + 1
            if i + 1 < n and cell[places[i]] == cell[places[i + 1]] and keys[places[i]] == keys[places[i + 1]]:
                run_end[first + i] = run_end[first + i + 1]


@helper
def curve(
    matched, ignored, weight, order, run_end, limit_index, image, first, last, limit, pair, positives,
    recall_thresholds, precision, recall,
):  # fmt: skip
    """Precision (R,) and recall[0] of one category in one replicate, at one (area range, threshold) pair and limit."""
    word, bit = pair // 64, BIT << np.uint64(pair % 64)
    n = 0
    for i in range(first, last):
        n += int(weight[image[i]])
    ratio = np.empty(n, np.float64)  # after each true positive
    hits, counted, i = np.int64(0), np.int64(0), first
    while i < last:
        for _ in range(weight[image[order[i]]]):
            for j in range(i, run_end[i]):
                d = order[j]
                if limit_index[d] > limit or ignored[d, word] & bit:
                    continue
                counted += 1
                if matched[d, word] & bit:
                    ratio[hits] = np.float64(hits + 1) / (np.float64(counted) + EPSILON)  # FIRST_PRECISION
                    hits += 1
        i = run_end[i]
    read_curve(ratio, hits, positives, recall_thresholds, precision, recall)
