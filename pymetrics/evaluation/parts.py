"""Outcomes that stay in parts: curves of one category after another, without a second copy of all.

A category with more than DETECTIONS_AT_ONCE detections is cut by score into ranges, of which one is copied at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..formats.ids import joined_ids, positions
from . import stages
from .merging import joined_names, merged
from .outcomes import Outcomes
from .protocol import Protocol
from .result import Result
from .score_ranges import RangeCurves, RangeRows, limit_index_of, range_of, score_bounds
from .totals import Totals, totals_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

DETECTIONS_AT_ONCE = 1 << 22  # of the categories whose curves are made at a time, and of a range of one of them
SAMPLE = 1 << 16  # scores of a category, by which it is cut


class PartedResult(Result):
    """A Result of outcomes of different images, the images of each part below those of the next.

    `outcomes` joins them, which takes three times their memory for a moment; numbers and curves do not need it.
    """

    def __init__(self, parts: Sequence[Outcomes]) -> None:
        super().__init__(head_of(parts))
        self._parts = list(parts)

    @cached_property
    def outcomes(self) -> Outcomes:
        """What matching found, on the host."""
        whole = merged(self._parts)
        self._parts = [whole]
        return whole

    @cached_property
    def totals(self) -> Totals:
        """The axes, and the counts of images and by category."""
        head = self._outcomes
        counts = np.zeros((2, len(head.category_ids)), np.int64)
        for part in self._parts:
            of_part = totals_of(part)
            counts[:, positions(part.category_ids, head.category_ids)] += of_part.n_gt, of_part.n_dt
        return replace(
            totals_of(head), n_images=sum(part.n_images for part in self._parts), n_gt=counts[0], n_dt=counts[1]
        )

    @cached_property
    def _arrays(self) -> tuple[Any, Any]:
        return accumulate_parts(self._parts, self._outcomes, keep_scores=False)[:2]

    @cached_property
    def scores(self) -> Any:
        """float64 [T, R, K, A, M]: score at which each precision is reached; -1 where no ground truth is."""
        return accumulate_parts(self._parts, self._outcomes, keep_scores=True)[2]

    def __reduce__(self) -> Any:
        return PartedResult, (self._parts,)


def head_of(parts: Sequence[Outcomes]) -> Outcomes:
    """Outcomes of no image, with the categories of all parts, and their names and groups."""
    none = replace(
        parts[0], image_ids=np.empty(0, np.int64), category_cells=np.zeros(len(parts[0].category_ids) + 1, np.int64),
        cell_image=np.empty(0, np.int32), offsets=np.zeros(1, np.int64), n_gt=parts[0].n_gt[:0],
        scores=parts[0].scores[:0], matched=parts[0].matched[:0], ignored=parts[0].ignored[:0],
    )  # fmt: skip
    names, groups = joined_names(parts)
    ids = joined_ids(*(part.category_ids for part in parts))
    cells = np.zeros(len(ids) + 1, np.int64)
    return replace(none, category_ids=ids, category_cells=cells, category_names=names, category_groups=groups)


def _pieces(
    parts: Sequence[Outcomes], places: Sequence[NDArray[np.int32]], k: int
) -> Iterator[tuple[Outcomes, slice, slice]]:
    """Of each part with the category k: the part, the category's cells, and their detections."""
    for part, place in zip(parts, places, strict=True):
        if place[k] >= 0:
            cells = slice(*part.category_cells[place[k] : place[k] + 2].tolist())
            yield part, cells, slice(*part.offsets[[cells.start, cells.stop]].tolist())


def _of_categories(
    parts: Sequence[Outcomes], places: Sequence[NDArray[np.int32]], head: Outcomes, first: int, last: int
) -> Outcomes:
    """The outcomes of the categories first to last - 1."""
    found: dict[str, list[Any]] = {name: [] for name in ("counts", "n_gt", "scores", "matched", "ignored")}
    n_cells = []
    for k in range(first, last):
        n_cells.append(0)
        for part, cells, dt in _pieces(parts, places, k):
            n_cells[-1] += cells.stop - cells.start
            found["counts"].append(np.diff(part.offsets[cells.start : cells.stop + 1]))
            found["n_gt"].append(part.n_gt[cells])
            for name in ("scores", "matched", "ignored"):
                found[name].append(getattr(part, name)[dt])
    whole = {name: np.concatenate([getattr(head, name), *found[name]]) for name in found if name != "counts"}
    counts = np.concatenate([np.empty(0, np.int64), *found["counts"]])
    return replace(
        head, category_ids=head.category_ids[first:last], category_cells=np.append(0, np.cumsum(n_cells)),
        cell_image=np.zeros(len(counts), np.int32), offsets=np.append(0, np.cumsum(counts)), n_gt=whole["n_gt"],
        scores=whole["scores"], matched=whole["matched"], ignored=whole["ignored"],
    )  # fmt: skip


def accumulate_parts(parts: Sequence[Outcomes], head: Outcomes, keep_scores: bool) -> tuple[Any, Any, Any]:
    """As stages.accumulate, of all parts together."""
    places = [positions(head.category_ids, part.category_ids) for part in parts]
    sizes = np.zeros(len(head.category_ids), np.int64)
    for part, place in zip(parts, places, strict=True):
        n_dt = np.diff(part.offsets[part.category_cells])
        sizes += np.where(place >= 0, np.append(n_dt, 0)[place], 0)
    can_be_cut = head.protocol.n_bits > 0 and len(head.protocol.max_dets) > 0
    found = []
    for first, last in _at_once(sizes):
        if can_be_cut and sizes[first] > DETECTIONS_AT_ONCE:
            arrays = _in_ranges(list(_pieces(parts, places, first)), head.protocol)
            found.append(arrays if keep_scores else (*arrays[:2], arrays[2][:0]))
        else:
            found.append(stages.accumulate(_of_categories(parts, places, head, first, last), keep_scores))
    if not found:
        return stages.accumulate(head, keep_scores)
    if len(found) == 1:
        return found[0]
    precision, recall, scores = (np.concatenate([arrays[i] for arrays in found], axis=-3) for i in range(3))
    return precision, recall, scores


def _at_once(sizes: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """The first and the last + 1 of categories of at most DETECTIONS_AT_ONCE detections together, or of one."""
    ends, first = np.cumsum(sizes), 0
    while first < len(sizes):
        before = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.count_nonzero(ends <= before + DETECTIONS_AT_ONCE)))
        yield first, last
        first = last


def _in_ranges(pieces: Sequence[tuple[Outcomes, slice, slice]], protocol: Protocol) -> tuple[Any, Any, Any]:
    """As stages.accumulate of one category, whose detections are copied range by range of scores."""
    n = sum(dt.stop - dt.start for _, _, dt in pieces)
    rng = np.random.default_rng(0)
    sample, positives, limits = [], np.zeros(len(protocol.area_ranges), np.int64), []
    for part, cells, dt in pieces:
        positives += part.n_gt[cells].sum(axis=0)
        scores = part.scores[dt]
        n_sampled = -(-SAMPLE * len(scores) // n)
        sample.append(scores[rng.integers(0, len(scores), n_sampled)] if n_sampled < len(scores) else scores)
        offsets = part.offsets[cells.start : cells.stop + 1] - dt.start
        rank = np.arange(len(scores), dtype=np.int32) - np.repeat(offsets[:-1].astype(np.int32), np.diff(offsets))
        limits.append(limit_index_of(rank, protocol))
    chosen = np.concatenate(sample)
    bounds = score_bounds(chosen, np.full(len(chosen), n / len(chosen)), DETECTIONS_AT_ONCE)
    kind = np.min_scalar_type(len(bounds))
    ranges = [range_of(part.scores[dt], bounds).astype(kind) for part, _, dt in pieces]
    curves = RangeCurves(protocol, positives)
    for i in range(len(bounds) + 1):
        columns: list[list[Any]] = [[], [], [], []]
        for (part, _, dt), of_part, limit_index in zip(pieces, ranges, limits, strict=True):
            rows = np.flatnonzero(of_part == i)
            values = part.scores[dt], part.matched[dt], part.ignored[dt], limit_index
            for column, value in zip(columns, values, strict=True):
                column.append(value[rows])
        curves.walk(RangeRows(*map(np.concatenate, columns)))
    precision, recall, scores_at = curves.arrays()
    return precision[:, :, None], recall[:, None], scores_at[:, :, None]
