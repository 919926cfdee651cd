"""The confusion matrix at many scores, from one matching."""

from __future__ import annotations

from collections.abc import Sequence
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
    from .._arrays import I32, I64


class Confusions:
    """The matrices of `confusion(result, iou, score)` for one score after another.

    Matching within categories gives each detection the same ground truth whatever the score from which detections
    count, and overlaps are the same, too. So both are computed once.

    Args:
        result, iou: as `confusion`.

    Raises:
        ValueError: iou is no number in [0, 1]; or the data is not at hand.
    """

    def __init__(self, result: Result, iou: float = 0.5) -> None:
        iou = require_number("iou", iou, 0, 1)
        columns, cells = require_data(result, "confusion")
        t = result.protocol.place_of_threshold(iou)
        protocol = single_threshold(result.protocol, iou if t is None else result.protocol.iou_thresholds[t])
        outcomes, found = stages.match(columns, cells, protocol, keep_matches=True)
        assert found is not None
        hits, ignored = is_set(outcomes.matched, 0), is_set(outcomes.ignored, 0)
        right, wrong = hits & ~ignored, ~hits & ~ignored
        counts = np.zeros(len(columns.gt.image), np.bool_)
        counts[cells.gt_rows] = ~is_set(stages.ignored_words(columns, cells, protocol), 0)
        self._right_score, self._wrong_score = cells.scores[right], cells.scores[wrong]
        # The score of the detection that took each ground truth.
        self._taken_at = np.full(len(counts), -np.inf)
        self._taken_at[found.gt_of[right, 0]] = self._right_score
        right_rows, wrong_rows = cells.dt_rows[right], cells.dt_rows[wrong]
        self._dt_category, self._gt_category = (side.category.astype(np.int64) for side in (columns.dt, columns.gt))
        self._right_category, self._wrong_category = self._dt_category[right_rows], self._dt_category[wrong_rows]
        self._dt, self._gt = _pairs(columns, counts, wrong_rows, float(tables(protocol).thresholds[0]))
        self._pair_score = columns.dt.scores[self._dt]
        self._gt_rows = np.flatnonzero(counts)
        self._n = len(columns.axes.category_ids)

    def matrix(self, score: float, members: Sequence[int] | None = None, pairs: tuple[I64, I64] | None = None) -> I64:
        """int64 (K + 1, K + 1), as `Confusion.matrix`.

        members: positions of m categories; the matrix is then int64 (m + 1, m + 1), the same without all others.
        pairs: what `pairs` gives at this score, where it is at hand.
        """
        n, taken_at, gt_rows = self._n, self._taken_at, self._gt_rows
        chosen = np.arange(n) if members is None else np.asarray(members, np.int64)
        right = _counts(self._right_category[~(self._right_score < score)], n)
        false = _counts(self._wrong_category[~(self._wrong_score < score)], n)
        missed = _counts(self._gt_category[gt_rows[~_reaches(taken_at[gt_rows], score)]], n)
        actual, predicted = self.pairs(score) if pairs is None else pairs
        m, place = len(chosen), np.full(n, -1)
        place[chosen] = np.arange(m)
        is_there = (place[actual] >= 0) & (place[predicted] >= 0)
        places = place[actual[is_there]] * (m + 1) + place[predicted[is_there]]
        matrix = _counts(places, (m + 1) ** 2).reshape(m + 1, m + 1)
        matrix[np.arange(m), np.arange(m)] = right[chosen]
        matrix[m, :m] = (false - _counts(predicted, n))[chosen]
        matrix[:m, m] = (missed - _counts(actual, n))[chosen]
        return matrix

    def pairs(self, score: float) -> tuple[I64, I64]:
        """Actual and predicted category of each object taken for another category: positions, int64 (N,)."""
        is_there = ~(self._pair_score < score) & ~_reaches(self._taken_at[self._gt], score)
        dt, gt = _take_in_turn(self._dt[is_there], self._gt[is_there])
        return self._gt_category[gt], self._dt_category[dt]


def _counts(numbers: Any, n: int) -> I64:
    """int64 (n,): how often each of the numbers 0 to n - 1 is there."""
    return np.bincount(numbers, minlength=n).astype(np.int64)


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
        differs = columns.dt.category[dt_rows[one]] != columns.gt.category[gt_rows[other]]
        one, other, near = one[differs], other[differs], near[differs]
        order = np.lexsort((-other, -overlaps[near], one))
        chosen.append((dt_rows[one[order]], gt_rows[other[order]]))
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
