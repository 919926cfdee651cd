"""Counts at a score, and along all scores: true and false positives of one (area range, threshold) pair."""

import numpy as np

from .cells import falling_key, sort_keys
from .registry import helper, kernel

ONE, NONE = np.uint64(1), np.uint64(0)


@kernel(parallel=True, outputs=("n_dt", "tp", "fp"), cuda=False)
def count_at(scores, matched, ignored, offsets, bit, score, n_dt, tp, fp, begin, end):
    """The detections of each cell that reach a score, and the true and false positives among them.

    scores: float64 (D,). matched, ignored: uint64 (D, W). offsets: int64 (C + 1,). bit: the (area range, threshold)
    pair. score: a number; detections below it do not count. n_dt, tp, fp: int32 (C,). Units are cells.
    """
    word, place = bit // 64, np.uint64(bit % 64)
    for c in range(begin, end):
        n_dt[c] = tp[c] = fp[c] = 0
        for d in range(offsets[c], offsets[c + 1]):
            if scores[d] < score:
                continue
            n_dt[c] += 1
            if (ignored[d, word] >> place) & ONE != NONE:
                continue
            if (matched[d, word] >> place) & ONE != NONE:
                tp[c] += 1
            else:
                fp[c] += 1


@kernel(parallel=True, outputs=("point_scores", "tp", "fp", "n_points"), cuda=False)
def count_along_scores(
    scores, matched, ignored, offsets, category_cells, bit, limit, each, point_scores, tp, fp, n_points, begin, end
):
    """True and false positives of each category along its falling scores: a point for each distinct score.

    scores: float64 (D,). matched, ignored: uint64 (D, W). offsets: int64 (C + 1,). category_cells: int64 (K + 1,).
    bit: the (area range, threshold) pair. limit: the most detections of a cell that count. each: 1 gives a point for
    each detection that is not ignored, in the order of `accumulate`, instead.
    point_scores: float64 (D,); tp, fp: int64 (D,), counts of the detections that reach the point's score. The points
    of category k begin at offsets[category_cells[k]]; n_points: int64 (K,), how many there are. Units are categories.
    """
    word, place = bit // 64, np.uint64(bit % 64)
    bits = scores.view(np.uint64)
    for k in range(begin, end):
        first = offsets[category_cells[k]]
        most = offsets[category_cells[k + 1]] - first
        rows, order = np.empty(most, np.int64), np.empty(most, np.int32)
        keys, words, spare = np.empty(most, np.uint64), np.empty(most, np.uint64), np.empty(most, np.uint64)
        n = 0
        for c in range(category_cells[k], category_cells[k + 1]):
            for d in range(offsets[c], offsets[c] + min(limit, offsets[c + 1] - offsets[c])):
                rows[n], keys[n] = d, falling_key(bits[d])
                n += 1
        sort_keys(keys[:n], order, words, spare)
        n_tp, n_fp, at = 0, 0, first
        for i in range(n):
            d = rows[order[i]]
            counts = (ignored[d, word] >> place) & ONE == NONE
            if counts:
                if (matched[d, word] >> place) & ONE != NONE:
                    n_tp += 1
                else:
                    n_fp += 1
            if counts if each else i + 1 == n or keys[order[i + 1]] != keys[order[i]]:
                point_scores[at], tp[at], fp[at] = scores[d], n_tp, n_fp
                at += 1
        n_points[k] = at - first


@kernel(outputs=("point_scores", "sum_tp", "sum_fp", "means", "counts"), cuda=False)
def join_along_scores(scores, tp, fp, starts, n_gt, beta_squared, point_scores, sum_tp, sum_fp, means, counts):
    """All categories together, along the distinct scores of all of them, falling: counts added up, and means.

    scores: float64 (N,); tp, fp: int64 (N,): points of one category after another, those of category k from starts[k]
    to starts[k + 1], falling. starts: int64 (K + 1,). n_gt: int64 (K,), ground truths that count. beta_squared: a
    number.
    point_scores: float64 (N,). sum_tp, sum_fp: int64 (N,). means: float64 (N, 3), of precision, recall and F-beta over
    the categories with ground truth; -1 if there is none. A category without counted detections has precision 0. The
    sum of a mean is that of a binary tree over the categories: neighbours are added, then neighbours of these sums.
    counts: int64 (2,), of points, and of categories with ground truth.
    """
    n, n_categories = scores.shape[0], n_gt.shape[0]
    bits = scores.view(np.uint64)
    order, category = np.empty(n, np.int32), np.empty(n, np.int32)
    keys, words, spare = np.empty(n, np.uint64), np.empty(n, np.uint64), np.empty(n, np.uint64)
    for k in range(n_categories):
        for i in range(starts[k], starts[k + 1]):
            category[i], keys[i] = k, falling_key(bits[i])
    sort_keys(keys, order, words, spare)
    width = 1
    while width < n_categories:
        width *= 2
    tree = np.zeros((2 * width, 3), np.float64)  # node i has the children 2 i and 2 i + 1; leaf k is node width + k
    last_tp, last_fp = np.zeros(n_categories, np.int64), np.zeros(n_categories, np.int64)
    n_defined = 0
    for k in range(n_categories):
        n_defined += n_gt[k] > 0
    all_tp, all_fp, at = np.int64(0), np.int64(0), 0
    for i in range(n):
        row = order[i]
        k = category[row]
        all_tp += tp[row] - last_tp[k]
        all_fp += fp[row] - last_fp[k]
        last_tp[k], last_fp[k] = tp[row], fp[row]
        if n_gt[k] > 0:
            set_leaf(tree, width + k, tp[row], fp[row], n_gt[k], beta_squared)
        if i + 1 == n or keys[order[i + 1]] != keys[row]:
            point_scores[at], sum_tp[at], sum_fp[at] = scores[row], all_tp, all_fp
            for j in range(3):
                means[at, j] = tree[1, j] / np.float64(n_defined) if n_defined > 0 else -1.0
            at += 1
    counts[0], counts[1] = at, n_defined


@helper
def set_leaf(tree, leaf, tp, fp, n_gt, beta_squared):
    """Precision, recall and F-beta of one category into its leaf, and into the sums above it."""
    hits, weighted = np.float64(tp), (1.0 + beta_squared) * np.float64(tp)
    tree[leaf, 0] = hits / np.float64(tp + fp) if tp + fp > 0 else 0.0
    tree[leaf, 1] = hits / np.float64(n_gt)
    whole = weighted + beta_squared * np.float64(max(n_gt - tp, 0)) + np.float64(fp)
    tree[leaf, 2] = weighted / whole if whole > 0 else 0.0
    node = leaf // 2
    while node > 0:
        for j in range(3):
            tree[node, j] = tree[2 * node, j] + tree[2 * node + 1, j]
        node //= 2
