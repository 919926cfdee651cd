"""A category in ranges of scores, so that not all of its detections are at hand at once; the bits of `accumulate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import kernels
from .._records import record
from ..kernels.accumulate import hits_needed
from .protocol import Protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._arrays import F64, I64, U64


@record
class RangeRows:
    """The detections of one category within a range of scores; equal scores in the order of image and rank.

    scores: float64 (D,). matched, ignored: uint64 (D, W), as in Outcomes. limit_index: uint8 (D,), see limit_index_of.
    """

    scores: F64
    matched: U64
    ignored: U64
    limit_index: NDArray[np.uint8]


@record
class RangeCounts:
    """What is counted up to the end of a range. hits, counted: int64 (B, M), true positives and detections that count,
    by bit and limit. top: float64 (M,), the range's highest score within each limit, NaN where there is none."""

    hits: I64
    counted: I64
    top: F64


@record
class RangePeaks:
    """highest, scores_at: float64 (B, M, R) of a range, as the kernel accumulate_range gives them."""

    highest: F64
    scores_at: F64


def score_bounds(scores: F64, weights: Any, most: float) -> F64:
    """The lowest score of each range but the last, falling: each range has at most the weight `most`.

    scores: (N,), in any order, of a sample; each stands for its weight. Equal scores stay together, whatever their
    weight.
    """
    order = np.argsort(scores)[::-1]
    falling, total = scores[order], np.cumsum(np.asarray(weights, np.float64)[order])
    last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True)) if len(falling) else np.empty(0, np.int64)
    falling, total = falling[last], total[last]
    bounds, at = [], -1
    while at < len(falling) - 1:
        before = total[at] if at >= 0 else 0.0
        at = max(at + 1, int(_not_above(total, before + most)) - 1)
        bounds.append(falling[at])
    return np.array(bounds[:-1], np.float64)


def range_of(scores: F64, bounds: F64) -> NDArray[np.int64]:
    """int64 (N,): the range of each score, 0 for the highest scores. bounds: of score_bounds."""
    return len(bounds) - _not_above(bounds[::-1], scores)


def limit_index_of(rank: Any, protocol: Protocol) -> NDArray[np.uint8]:
    """uint8 (N,): the first of the protocol's limits that each rank in an image is within; their number if none is."""
    return _not_above(protocol.tables.max_dets, rank).astype(np.uint8)


def _not_above(ascending: Any, values: Any) -> NDArray[np.int64]:
    """How many of some ascending numbers are not above each value."""
    return np.asarray(np.searchsorted(ascending, values, side="right"))


def count_range(rows: RangeRows, protocol: Protocol) -> RangeCounts:
    """The counts of one range alone."""
    nothing = np.zeros((protocol.n_bits, len(protocol.max_dets)), np.int64)
    return walk_range(rows, np.empty((len(protocol.area_ranges), 0), np.int64), nothing, nothing)[0]


def walk_range(rows: RangeRows, needed: I64, hits: I64, counted: I64) -> tuple[RangeCounts, RangePeaks]:
    """The counts with those of the ranges before, and this range's precisions. needed: of RangeCurves. hits, counted:
    int64 (B, M), of all ranges of higher scores."""
    new_hits, new_counted = np.empty_like(hits), np.empty_like(counted)
    highest, scores_at = (np.empty((*hits.shape, needed.shape[1])) for _ in range(2))
    top = np.empty(hits.shape[1], np.int64)
    kernels.accumulate_range(
        rows.scores, rows.matched, rows.ignored, rows.limit_index, needed, hits, counted, new_hits, new_counted,
        highest, scores_at, top,
    )  # fmt: skip
    of_top = np.append(rows.scores, np.nan)[top]
    return RangeCounts(new_hits, new_counted, of_top), RangePeaks(highest, scores_at)


class RangeCurves:
    """The curves of one category, whose ranges come by falling score.

    needed: int64 (A, R), the true positives at which recall thresholds are reached, ascending. hits, counted: int64
    (B, M), of the ranges so far.
    """

    def __init__(self, protocol: Protocol, positives: Any) -> None:
        """positives: (A,), the category's ground truths that count, by area range."""
        thresholds = np.asarray(protocol.recall_thresholds, np.float64)
        shape = protocol.n_bits, len(protocol.max_dets)
        self._protocol, self._positives = protocol, np.asarray(positives, np.int64)
        self._order = np.argsort(thresholds, kind="stable")
        with np.errstate(all="ignore"):
            rows = [[hits_needed(r, n) for r in thresholds[self._order]] for n in self._positives]
        self.needed = np.array(rows, np.int64).reshape(len(protocol.area_ranges), len(thresholds))
        self.hits, self.counted = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self._top = np.full(shape[1], np.nan)
        self._highest, self._scores_at = (np.zeros((*shape, len(thresholds))) for _ in range(2))

    def walk(self, rows: RangeRows) -> None:
        """The next range, of the rows themselves."""
        self.add(*walk_range(rows, self.needed, self.hits, self.counted))

    def add(self, counts: RangeCounts, peaks: RangePeaks) -> None:
        """The next range, of what walk_range gave."""
        place = np.maximum(self._needed_by_bit(), 1)
        is_new = (self.hits[:, :, None] < place) & (place <= counts.hits[:, :, None])
        self._scores_at[is_new] = peaks.scores_at[is_new]
        np.maximum(self._highest, peaks.highest, out=self._highest)
        self._top = np.where(np.isnan(self._top), counts.top, self._top)
        self.hits, self.counted = counts.hits, counts.counted

    def arrays(self) -> tuple[F64, F64, F64]:
        """precision (T, R, A, M), recall (T, A, M) and scores (T, R, A, M), as `stages.accumulate` of the category."""
        needed, hits = self._needed_by_bit(), self.hits[:, :, None]
        positives = np.repeat(self._positives, len(self._protocol.iou_thresholds))[:, None]
        is_reached = (needed <= hits) & ~np.isnan(self._top)[:, None]
        envelope = np.maximum.accumulate(self._highest[:, :, ::-1], axis=2)[:, :, ::-1]
        scores_at = np.where(needed == 0, self._top[:, None], self._scores_at)
        back = np.argsort(self._order)
        is_reached = np.logical_and.accumulate(is_reached[:, :, back], axis=2)  # UNREACHED_RECALL
        curves = [
            np.where(positives[:, :, None] > 0, np.where(is_reached, values[:, :, back], 0.0), -1.0)
            for values in (envelope, scores_at)
        ]
        recall = np.where(positives > 0, self.hits / np.maximum(positives, 1), -1.0)
        shape = len(self._protocol.area_ranges), len(self._protocol.iou_thresholds), self.hits.shape[1]
        precision, scores = (values.reshape(*shape, len(back)).transpose(1, 3, 0, 2) for values in curves)
        recall = recall.reshape(shape).transpose(1, 0, 2)
        return np.ascontiguousarray(precision), np.ascontiguousarray(recall), np.ascontiguousarray(scores)

    def _needed_by_bit(self) -> I64:
        """int64 (B, 1, R): a row of `needed` for each bit."""
        return np.repeat(self.needed, len(self._protocol.iou_thresholds), axis=0)[:, None, :]
