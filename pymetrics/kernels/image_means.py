"""The summary of each image as if it were evaluated alone."""

import numpy as np

from .accumulate import BIT, EPSILON, read_curve
from .means import mean
from .registry import helper, kernel


@kernel(parallel=True, outputs=("means",), cuda=False)
def image_means(
    matched, ignored, offsets, n_gt, image_cells, cell_category, max_dets, recall_thresholds, n_thresholds, queries,
    members, means, begin, end,
):  # fmt: skip
    """The numbers of a summary of each image alone.

    Cells are by (image, category); detections in a cell by falling score. matched, ignored: uint64 (D, W). offsets:
    int64 (C + 1,). n_gt: int32 (C, A). image_cells: int64 (N + 1,), where the cells of each image begin. cell_category:
    int32 (C,). max_dets: int64 (M,), ascending. recall_thresholds: float64 (R,). n_thresholds: T.
    queries, members: as for replicate_means. means: float64 (N, Q), -1 where there is no ground truth; added in numpy's
    order. Units are images.
    """
    n_areas, n_limits, n_recalls, n_queries = n_gt.shape[1], max_dets.shape[0], recall_thresholds.shape[0], len(queries)
    for i in range(begin, end):
        first, n_cells = image_cells[i], image_cells[i + 1] - image_cells[i]
        precision = np.empty((n_thresholds, n_recalls, n_cells), np.float64)
        recall = np.empty((n_thresholds, n_cells), np.float64)
        values = np.empty(precision.size + recall.size, np.float64)
        for a in range(n_areas):
            for m in range(n_limits):
                wanted = False
                for q in range(n_queries):
                    wanted |= queries[q, 2] == a and queries[q, 3] == m
                if not wanted:
                    continue
                for j in range(n_cells):
                    c = first + j
                    last = min(offsets[c + 1], offsets[c] + max(max_dets[m], 0))  # LIMIT_BY_IMAGE
                    for t in range(n_thresholds):
                        cell_curve(
                            matched, ignored, offsets[c], last, a * n_thresholds + t, np.int64(n_gt[c, a]),
                            recall_thresholds, precision[t, :, j], recall[t, j:],
                        )  # fmt: skip
                for q in range(n_queries):
                    if queries[q, 2] != a or queries[q, 3] != m:
                        continue
                    t0 = max(queries[q, 1], 0)
                    t1 = n_thresholds if queries[q, 1] < 0 else t0 + 1
                    n_rows, n_values = 1 if queries[q, 0] else n_recalls, 0
                    for t in range(t0, t1):
                        for r in range(n_rows):
                            for j in range(n_cells):
                                if n_gt[first + j, a] > 0 and members[queries[q, 4], cell_category[first + j]] != 0:
                                    values[n_values] = recall[t, j] if queries[q, 0] else precision[t, r, j]
                                    n_values += 1
                    means[i, q] = mean(values[:n_values])


@helper
def cell_curve(matched, ignored, first, last, pair, positives, recall_thresholds, precision, recall):
    """Precision (R,) and recall[0] of one cell at one (area range, threshold) pair."""
    word, bit = pair // 64, BIT << np.uint64(pair % 64)
    ratio = np.empty(max(last - first, 0), np.float64)  # after each true positive
    hits, counted = np.int64(0), np.int64(0)
    for d in range(first, last):
        if ignored[d, word] & bit:
            continue
        counted += 1
        if matched[d, word] & bit:
            ratio[hits] = np.float64(hits + 1) / (np.float64(counted) + EPSILON)  # FIRST_PRECISION
            hits += 1
    read_curve(ratio, hits, positives, recall_thresholds, precision, recall)
