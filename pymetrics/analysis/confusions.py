"""The confusion matrix at many scores, from one matching."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..evaluation import stages
from ..evaluation.cells import group
from ..evaluation.columns import Columns
from ..evaluation.matches import is_set
from ..evaluation.protocol import tables
from ..evaluation.result import Result
from .counted import require_data, require_number, single_threshold

if TYPE_CHECKING:
    from .._arrays import F64, I32, I64


def confusions(result: Result, scores: Iterable[float], iou: float = 0.5) -> list[I64]:
    """The matrices of `confusion(result, iou, score)`, int64 (K + 1, K + 1), for each of several scores.

    Matching within categories gives each detection the same ground truth whatever the score from which detections
    count, and overlaps are the same, too. So both are computed once.

    Raises:
        ValueError: iou is no number in [0, 1], a score is no number; or the data is not at hand.
    """
    iou = require_number("iou", iou, 0, 1)
    scores = [require_number(f"scores[{i}]", score) for i, score in enumerate(scores)]
    columns, cells = require_data(result, "confusion")
    t = result.protocol.place_of_threshold(iou)
    protocol = single_threshold(result.protocol, iou if t is None else result.protocol.iou_thresholds[t])
    outcomes, found = stages.match(columns, cells, protocol, keep_matches=True)
    assert found is not None
    hits, ignored = is_set(outcomes.matched, 0), is_set(outcomes.ignored, 0)
    right, wrong = hits & ~ignored, ~hits & ~ignored
    counts = np.zeros(len(columns.gt.image), np.bool_)
    counts[cells.gt_rows] = ~is_set(stages.ignored_words(columns, cells, protocol), 0)
    # The score of the detection that took each ground truth.
    taken_at = np.full(len(columns.gt.image), -np.inf)
    right_score, right_gt = cells.scores[right], found.gt_of[right, 0]
    taken_at[right_gt] = right_score
    wrong_rows = cells.dt_rows[wrong]
    dt, gt = _pairs(columns, counts, wrong_rows, float(tables(protocol).thresholds[0]))
    k = len(columns.axes.category_ids)
    wrong_score, wrong_category = cells.scores[wrong], columns.dt.category[wrong_rows].astype(np.int64)
    right_category = columns.dt.category[cells.dt_rows[right]].astype(np.int64)
    gt_rows = np.flatnonzero(counts)
    gt_category = columns.gt.category.astype(np.int64)
    matrices = []
    for score in scores:
        reached = ~(right_score < score)
        numbers = [right_category[reached] * (k + 2)]  # the diagonal
        predicted = np.bincount(wrong_category[~(wrong_score < score)], minlength=k)
        missed = np.bincount(gt_category[gt_rows[~_reaches(taken_at[gt_rows], score)]], minlength=k)
        is_there = ~(columns.dt.scores[dt] < score) & ~_reaches(taken_at[gt], score)
        found_dt, found_gt = _take_in_turn(dt[is_there], gt[is_there])
        actual_of_pairs, predicted_of_pairs = gt_category[found_gt], columns.dt.category[found_dt].astype(np.int64)
        numbers.append(actual_of_pairs * (k + 1) + predicted_of_pairs)
        matrix = np.bincount(np.concatenate(numbers), minlength=(k + 1) ** 2).reshape(k + 1, k + 1).astype(np.int64)
        matrix[k, :k] = predicted - np.bincount(predicted_of_pairs, minlength=k)
        matrix[:k, k] = missed - np.bincount(actual_of_pairs, minlength=k)
        matrices.append(matrix)
    return matrices


def _reaches(taken_at: Any, score: float) -> Any:
    """Whether a detection from this score on took each ground truth; -inf: none ever did."""
    return (taken_at > -np.inf) & ~(taken_at < score)


def _pairs(columns: Columns, gt_counts: Any, wrong_rows: I32, threshold: float) -> tuple[I32, I32]:
    """Rows of detections and ground truths of one image and two categories with an overlap from the threshold on.

    By image, then detection by falling score, then falling overlap, of equal ones the later ground truth first.
    """
    is_wrong = np.zeros(len(columns.dt.image), np.bool_)
    is_wrong[wrong_rows] = True
    left = replace(
        columns,
        gt=replace(columns.gt, category=np.where(gt_counts, columns.gt.category, np.int32(-1))),
        dt=replace(columns.dt, category=np.where(is_wrong, columns.dt.category, np.int32(-1))),
    )
    cells = group(left, len(is_wrong), by="image")
    chosen: list[tuple[Any, Any]] = [(np.empty(0, np.int32), np.empty(0, np.int32))]
    for part, d, g in cells.blocks():
        overlaps = columns.shape.overlaps(left.dt, left.gt, part)
        dt_rows, gt_rows = cells.dt_rows[d], cells.gt_rows[g]
        n_dt, n_gt = np.diff(part.dt_offsets), np.diff(part.gt_offsets)
        near = np.flatnonzero(overlaps >= threshold)
        cell = np.repeat(np.arange(len(n_dt)), n_dt * n_gt)[near]
        place = near - part.pair_offsets()[:-1][cell]
        one, other = np.divmod(place, n_gt[cell])
        one, other = one + part.dt_offsets[cell], other + part.gt_offsets[cell]
        order = np.lexsort((-other, -overlaps[near], one))
        one, other = one[order], other[order]
        differs = columns.dt.category[dt_rows[one]] != columns.gt.category[gt_rows[other]]
        chosen.append((dt_rows[one][differs], gt_rows[other][differs]))
    dt, gt = (np.concatenate(values) for values in zip(*chosen, strict=True))
    return dt, gt


def _take_in_turn(dt: I32, gt: I32) -> tuple[list[int], list[int]]:
    """The pairs that remain if each detection takes its first ground truth that no earlier detection took."""
    taken: set[int] = set()
    found_dt: list[int] = []
    found_gt: list[int] = []
    for one, other in zip(dt.tolist(), gt.tolist(), strict=True):
        if other not in taken and not (found_dt and found_dt[-1] == one):
            taken.add(other)
            found_dt.append(one)
            found_gt.append(other)
    return found_dt, found_gt
