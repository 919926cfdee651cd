"""Kinds of errors, and how much average precision each costs (TIDE)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import kernels
from .._records import record
from ..evaluation.cells import Cells, group, sort_rows
from ..evaluation.columns import CROWD, IGNORE, Columns
from ..evaluation.matches import source_rows
from ..evaluation.result import Result
from .counted import require_data, require_number

if TYPE_CHECKING:
    from .._arrays import F64, I32, I64, Ids

KINDS = ("", "Cls", "Loc", "Both", "Dupe", "Bkg")  # by the kernel's number
MAIN = ("Cls", "Loc", "Both", "Dupe", "Bkg", "Miss")
LIMIT = 100  # detections of an image, of all categories together
RECALLS = np.arange(101) / 100


@record
class Errors:
    """Detections that are errors, and ground truths that are missed: N rows, by image.

    kind: texts, (N,): Cls, Loc, Both, Dupe, Bkg, Miss. image: ids, (N,). dt, gt: int64 (N,), rows of the user's data,
    as in `Result.matches`, or -1: the detection; the ground truth that the error is about. score: float64 (N,), or 0.
    """

    kind: Any
    image: Ids
    dt: I64
    gt: I64
    score: F64

    def __len__(self) -> int:
        return len(self.dt)

    def __repr__(self) -> str:
        return f"<Errors of {len(self)} rows>"


class Tide(Mapping[str, float]):
    """What each kind of error costs: a mapping of names to points of average precision (0 to 100).

    Cls: the right place, another category. Loc: the right category, too low an overlap. Both: neither, yet not
    background. Dupe: another detection has the ground truth. Bkg: background. Miss: ground truths without a detection
    that could be mended. Each number is by how much the average precision rises if this kind of error is mended, never
    below 0. FalsePos and FalseNeg: the same for all false positives, and for all ground truths not found.

    ap: the average precision at the overlap `positive`, in points. counts: how many errors there are, by name.
    """

    def __init__(self, points: _Points, positive: float, background: float) -> None:
        self._points = points
        self.positive, self.background = positive, background
        self.ap = points.average(points.counted, points.is_right, points.order)
        self.counts = points.counts()
        self._costs = {name: max(points.mended(name) - self.ap, 0.0) for name in MAIN} | points.special(self.ap)

    @cached_property
    def errors(self) -> Errors:
        """The errors one by one."""
        return self._points.errors()

    def __getitem__(self, name: str) -> float:
        return self._costs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._costs)

    def __len__(self) -> int:
        return len(self._costs)

    def __str__(self) -> str:
        lines = [f"{name:<8} {cost:6.2f} {self.counts.get(name, ''):>8}".rstrip() for name, cost in self.items()]
        return "\n".join([f"AP at {self.positive:g}: {self.ap:.2f}", *lines])

    def __repr__(self) -> str:
        return f"<Tide AP={self.ap:.2f} {' '.join(f'{name}={cost:.2f}' for name, cost in self.items())}>"


def tide(result: Result, positive: float = 0.5, background: float = 0.1) -> Tide:
    """How much average precision each kind of error costs.

    The matching is TIDE's, not the protocol's: the 100 highest detections of an image, of all categories together; of
    equal overlaps the first ground truth. A detection that is not right is tested for these errors, in this order:
    Loc (overlap with its category from `background` to `positive`), Cls (overlap of at least `positive` with another
    category), Dupe, Bkg (no overlap above `background`), Both. Detections that a crowd takes are tested, too, though
    they do not count. The average precision is the mean over 101 recalls and over the categories that have ground truth
    or detections. Ground truths to be ignored that are no crowds are taken for crowds.

    Source: D. Bolya, S. Foley, J. Hays, J. Hoffman, ECCV 2020; equal to tidecv 1.0.1, images in ascending order of ids.

    Args:
        result: of `evaluate`, which keeps the data beside the result.
        positive: the overlap from which on a detection is right, in (0, 1].
        background: the overlap up to which it is background, above 0 and at most `positive`.

    Raises:
        ValueError: a threshold is out of range; or the data is not at hand, as after an Accumulator.
    """
    positive, background = require_number("positive", positive, 0, 1), require_number("background", background, 0, 1)
    if not 0 < background <= positive:
        raise ValueError(f"background must be above 0 and at most positive, {positive:g}, got {background:g}")
    columns, _ = require_data(result, "tide")
    cells = group(columns, LIMIT, by="image")
    return Tide(_Points(columns, cells, positive, background), positive, background)


def _counts(numbers: Any, n: int) -> I64:
    """int64 (n,): how often each of the numbers 0 to n - 1 is there."""
    return np.bincount(numbers, minlength=n).astype(np.int64)


class _Points:
    """The detections of all images, in order, and what the kernel says of them."""

    def __init__(self, columns: Columns, cells: Cells, positive: float, background: float) -> None:
        self.columns, self.cells = columns, cells
        n_dt, n_gt = len(cells.dt_rows), len(cells.gt_rows)
        self.category = columns.dt.category[cells.dt_rows]
        self.gt_category = columns.gt.category[cells.gt_rows]
        flags = columns.gt.flags[cells.gt_rows] if len(columns.gt.flags) else np.zeros(n_gt, np.uint8)
        self.gt_ignored = (flags & (CROWD | IGNORE) != 0).astype(np.uint8)
        self.kind, self._counted, self.mends = (np.empty(n_dt, np.uint8) for _ in range(3))
        self.error_gt, self.gt_state = np.empty(n_dt, np.int32), np.empty(n_gt, np.uint8)
        for part, d, g in cells.blocks():
            kernels.find_errors(
                columns.shape.overlaps(columns.dt, columns.gt, part), part.pair_offsets(), self.category[d],
                part.dt_offsets, self.gt_category[g], self.gt_ignored[g], part.gt_offsets, positive, background,
                self.kind[d], self._counted[d], self.error_gt[d], self.mends[d], self.gt_state[g], 0, len(part),
            )  # fmt: skip
            self.error_gt[d][self.error_gt[d] >= 0] += g.start
        self.counted, self.is_right = self._counted != 0, self.kind == 0
        self.order = np.arange(n_dt)
        # In a mended curve, errors stand before right ones of the same score.
        self.errors_first = np.concatenate([np.flatnonzero(~self.is_right), np.flatnonzero(self.is_right)])
        self.n_gt = self._by_category(self.gt_category[self.gt_ignored == 0])

    def _by_category(self, category: Any) -> I64:
        return _counts(category, len(self.columns.axes.category_ids))

    def average(
        self, present: Any, hits: Any, order: Any, category: I32 | None = None, n_gt: I64 | None = None,
        scores: F64 | None = None,
    ) -> float:  # fmt: skip
        """The mean average precision, in points, of the detections that are present, as hits or not."""
        category = self.category if category is None else category
        n_gt = self.n_gt if n_gt is None else n_gt
        scores = self.cells.scores if scores is None else scores
        rows = order[present[order]]
        by_category, starts = sort_rows(category[rows], np.zeros(len(rows), np.int32), len(n_gt), 1)
        rows = rows[by_category]
        average = np.empty(len(n_gt))
        kernels.average_precision(
            scores[rows], hits[rows].astype(np.uint8), starts, n_gt, RECALLS, average, 0, len(n_gt)
        )
        is_there = (np.diff(starts) > 0) | (n_gt > 0)
        return float(average[is_there].sum() * 100 / max(np.count_nonzero(is_there), 1))

    def mended(self, name: str) -> float:
        """The mean average precision with one kind of error mended."""
        n_gt, category = self.n_gt, self.category
        if name == "Miss":
            n_gt = n_gt - self._by_category(self.gt_category[self.gt_state == 2])
            return self.average(self.counted, self.is_right, self.errors_first, category, n_gt)
        mine, mends = self.kind == KINDS.index(name), self.mends != 0
        if name == "Cls":
            category = category.copy()
            category[mine & mends] = self.gt_category[self.error_gt[mine & mends]]
        present, hits = np.where(mine, mends, self.counted), self.is_right | (mine & mends)
        return self.average(present, hits, self.errors_first, category)

    def special(self, ap: float) -> dict[str, float]:
        """FalsePos: right detections have the score 1, others 0. FalseNeg: no ground truth but those found."""
        scores = np.where(self.is_right, 1.0, 0.0)
        found = self._by_category(self.category[self.is_right])
        return {
            "FalsePos": self.average(self.counted, self.is_right, self.errors_first, scores=scores) - ap,
            "FalseNeg": self.average(self.counted, self.is_right, self.errors_first, n_gt=found) - ap,
        }

    def counts(self) -> dict[str, int]:
        counts = _counts(self.kind, len(KINDS)).tolist()
        return {name: counts[KINDS.index(name)] for name in MAIN[:-1]} | {"Miss": int(np.sum(self.gt_state == 2))}

    def errors(self) -> Errors:
        columns, cells = self.columns, self.cells
        wrong, missed = np.flatnonzero(~self.is_right), np.flatnonzero(self.gt_state == 2)
        none = np.full(len(missed), -1)
        about = self.error_gt[wrong]
        gt_rows = source_rows(columns.gt.source_row, cells.gt_rows)
        gt = np.where(about >= 0, gt_rows[about], -1) if len(gt_rows) else np.full(len(wrong), -1)
        image = np.concatenate([columns.dt.image[cells.dt_rows[wrong]], columns.gt.image[cells.gt_rows[missed]]])
        order = np.argsort(image, kind="stable")

        def rows(values: Any, of_missed: Any) -> Any:
            return np.concatenate([values, of_missed])[order]

        kinds = np.array(KINDS)[self.kind[wrong]]
        return Errors(
            kind=rows(kinds, np.full(len(missed), "Miss")), image=columns.axes.image_ids[image[order]],
            dt=rows(source_rows(columns.dt.source_row, cells.dt_rows[wrong]), none), gt=rows(gt, gt_rows[missed]),
            score=rows(cells.scores[wrong], np.zeros(len(missed))),
        )  # fmt: skip
