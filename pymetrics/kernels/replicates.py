"""Precision and recall of many weightings of the images (bootstrap); see accumulate.py."""

import numpy as np

from .accumulate import BIT, EPSILON, hits_needed
from .cells import falling_key, sort_keys
from .registry import kernel


@kernel(parallel=True, outputs=("precision", "recall"))
def accumulate_replicates(
    scores, matched, ignored, offsets, n_gt, category_cells, cell_image, weights, max_dets, recall_thresholds,
    precision, recall, begin, end,
):  # fmt: skip
    """Precision at recall thresholds and last recall of each category, with weights of images, of many replicates.

    An image of weight w counts as w copies, one behind the other in the order of images: its ground truths count w
    times, and its detections, ranked within each copy, stand w times in the order of falling score, the copies of a
    detection side by side. So a draw of images with repetition (bootstrap) is evaluated as if it were a data set, to
    the last bit, with one exception: where detections of one image and category have equal scores, that data set has
    them by turns (d1 d2 d1 d2), and this one d1 d1 d2 d2.

    cell_image: int32 (C,) columns of `weights`. weights: uint8 (B, images); those of all detections add up to less than
    2^32. precision: float64 (B, T, R, K, A, M). recall: float64 (B, T, K, A, M). All else is as for `accumulate`.
    Units are categories.
    """
    n_replicates, n_thresholds, n_areas, n_limits = recall.shape[0], recall.shape[1], recall.shape[3], recall.shape[4]
    n_recalls = recall_thresholds.shape[0]
    bits = scores.view(np.uint64)
    for k in range(begin, end):
        first_cell, last_cell = category_cells[k], category_cells[k + 1]
        first = offsets[first_cell]
        n = offsets[last_cell] - first
        order, limit_index, image = np.empty(n, np.int32), np.empty(n, np.int64), np.empty(n, np.int64)
        keys, words, spare = np.empty(n, np.uint64), np.empty(n, np.uint64), np.empty(n, np.uint64)
        for i in range(n):
            keys[i] = falling_key(bits[first + i])
        sort_keys(keys, order, words, spare)
        for c in range(first_cell, last_cell):
            m = 0
            for i in range(offsets[c], offsets[c + 1]):
                while m < n_limits and max_dets[m] <= i - offsets[c]:  # LIMIT_BY_IMAGE
                    m += 1
                limit_index[i - first], image[i - first] = m, cell_image[c]

        reached, ratio = np.empty(n, np.int64), np.empty(n, np.float64)
        for b in range(n_replicates):
            for a in range(n_areas):
                positives = np.int64(0)
                for c in range(first_cell, last_cell):
                    positives += np.int64(n_gt[c, a]) * np.int64(weights[b, cell_image[c]])
                for m in range(n_limits):
                    for t in range(n_thresholds):
                        pair = a * n_thresholds + t
                        # After each true positive: how many there are, and the precision.
                        n_rows, hits, counted = 0, np.int64(0), np.int64(0)
                        for i in range(n):
                            d = first + order[i]
                            weight = np.int64(weights[b, image[order[i]]])
                            if limit_index[order[i]] > m or weight == 0:
                                continue
                            bit = BIT << np.uint64(pair % 64)
                            if ignored[d, pair // 64] & bit:
                                continue
                            counted += weight
                            if matched[d, pair // 64] & bit:
                                hits += weight
                                # Of the copies the last is the most precise: (h + 1) / (c + 1) >= h / c.
                                reached[n_rows] = hits
                                ratio[n_rows] = np.float64(hits) / (np.float64(counted) + EPSILON)  # FIRST_PRECISION
                                n_rows += 1
                        for j in range(n_rows - 1, 0, -1):  # ENVELOPE
                            if ratio[j] > ratio[j - 1]:
                                ratio[j - 1] = ratio[j]
                        recall[b, t, k, a, m] = np.float64(hits) / np.float64(positives) if positives > 0 else -1.0
                        stopped = False
                        for r in range(n_recalls):
                            if positives == 0:
                                precision[b, t, r, k, a, m] = -1.0
                                continue
                            need = hits_needed(recall_thresholds[r], positives)
                            stopped = stopped or need > hits  # UNREACHED_RECALL: all after it stays 0
                            precision[b, t, r, k, a, m] = 0.0
                            if not stopped and hits > 0:
                                j = 0
                                while reached[j] < need:
                                    j += 1
                                precision[b, t, r, k, a, m] = ratio[j]
