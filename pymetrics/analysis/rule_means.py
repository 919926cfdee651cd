"""From matched detections to one number: interpolation, categories without ground truth, mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .. import kernels
from ..evaluation import stages
from ..evaluation.outcomes import Outcomes
from ..formats.ranges import sums_of_ranges
from .rules import Rules
from .supervision import means_of_defined
from .ultralytics import average_precision, recall_and_precision


def mean_by_rules(
    rules: Rules, outcomes: Outcomes, matched: Any, ignored: Any, has_truths: Any, t: int | None
) -> float:
    """The mean of average precisions over categories and IoU thresholds.

    outcomes: of one area range and one limit, with ground truth. matched, ignored: bool (D, T), what its words hold; no
    detection is both. has_truths: bool (K,), there is a ground truth, may it count or not. t: of this threshold alone;
    None: of all.
    """
    n_gt = sums_of_ranges(outcomes.n_gt[:, 0], outcomes.category_cells)
    starts = outcomes.offsets[outcomes.category_cells]
    n_counted = np.diff(np.concatenate([[0], np.cumsum((~ignored).any(axis=1))])[starts])
    is_zero = (n_gt == 0) & (n_counted > 0) & (rules.empty_categories == "zero")
    if rules.interpolation in ("coco", "supervision"):
        protocol = replace(outcomes.protocol, recall_thresholds=rules.recall_thresholds, lenient=True)
        precision = stages.accumulate(replace(outcomes, protocol=protocol), keep_scores=False)[0]
        precision[:, :, is_zero] = 0.0
        if rules.interpolation == "supervision":
            kept = np.ascontiguousarray(precision[:, :, has_truths | is_zero, 0, 0].astype(np.float32))
            scores = means_of_defined(kept, (1, 2))
            return float(scores.mean() if t is None else scores[t])
        return float(stages.means(precision, [(t, 0, 0)])[0])
    average = (_ultralytics if rules.interpolation == "ultralytics" else _voc)(
        np.array(rules.recall_thresholds), outcomes.scores, matched, ignored, starts, n_gt
    )
    average = average[(n_gt > 0) | is_zero]
    return float(average.mean() if t is None else average[:, t].mean())


def _ultralytics(recalls: Any, scores: Any, matched: Any, ignored: Any, starts: Any, n_gt: Any) -> Any:
    """float64 (K, T)."""
    average = np.zeros((len(n_gt), matched.shape[1]))
    for k in np.flatnonzero((n_gt > 0) & (np.diff(starts) > 0)).tolist():
        rows = starts[k] + np.argsort(-scores[starts[k] : starts[k + 1]], kind="stable")
        if not ignored[rows].any():
            recall, precision = recall_and_precision(matched[rows], n_gt[k])
            for t in range(matched.shape[1]):
                average[k, t] = average_precision(recall[:, t], precision[:, t], recalls)
            continue
        for t in range(matched.shape[1]):
            kept = rows[~ignored[rows, t]]
            if len(kept):
                recall, precision = recall_and_precision(matched[kept, t : t + 1], n_gt[k])
                average[k, t] = average_precision(recall[:, 0], precision[:, 0], recalls)
    return average


def _voc(recalls: Any, scores: Any, matched: Any, ignored: Any, starts: Any, n_gt: Any) -> Any:
    """float64 (K, T)."""
    average = np.empty((len(n_gt), matched.shape[1]))
    for t in range(matched.shape[1]):
        kept, column = ~ignored[:, t], np.empty(len(n_gt))
        places = np.concatenate([[0], np.cumsum(kept)])[starts]
        kernels.average_precision(
            scores[kept], matched[kept, t].astype(np.uint8), places, n_gt, recalls, column, 0, len(n_gt)
        )
        average[:, t] = column
    return average


def bits_of(words: Any, n: int) -> Any:
    """bool (D, n) of uint64 (D, W)."""
    t = np.arange(n)
    return (words[:, t // 64] >> (t % 64).astype(np.uint64)) & np.uint64(1) != 0


def words_of(bits: Any) -> Any:
    """uint64 (D, W) of bool (D, n)."""
    words = np.zeros((len(bits), max(1, -(-bits.shape[1] // 64))), np.uint64)
    for t in range(bits.shape[1]):
        words[:, t // 64] |= bits[:, t].astype(np.uint64) << np.uint64(t % 64)
    return words
