"""Outcomes that stay in parts: curves of one category after another, without a second copy of all."""

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
from .result import Result
from .totals import Totals, totals_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

DETECTIONS_AT_ONCE = 1 << 22  # of the categories whose curves are made at a time, but for one that has more


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
        counts = [(totals.n_gt, totals.n_dt) for totals in map(totals_of, by_category(self._parts, head))]
        n_gt, n_dt = (np.concatenate([np.empty(0, np.int64), *(pair[i] for pair in counts)]) for i in range(2))
        return replace(totals_of(head), n_images=sum(part.n_images for part in self._parts), n_gt=n_gt, n_dt=n_dt)

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


def by_category(parts: Sequence[Outcomes], head: Outcomes) -> Iterator[Outcomes]:
    """Outcomes of some categories after another, in the order of axis K; positions of images mean nothing in them."""
    places = [positions(head.category_ids, part.category_ids) for part in parts]
    sizes = np.zeros(len(head.category_ids), np.int64)
    for part, place in zip(parts, places, strict=True):
        n_dt = np.diff(part.offsets[part.category_cells])
        sizes += np.where(place >= 0, np.append(n_dt, 0)[place], 0)
    ends, first = np.cumsum(sizes), 0
    while first < len(sizes):
        before = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.count_nonzero(ends <= before + DETECTIONS_AT_ONCE)))
        yield _of_categories(parts, places, head, first, last)
        first = last


def _of_categories(
    parts: Sequence[Outcomes], places: Sequence[NDArray[np.int32]], head: Outcomes, first: int, last: int
) -> Outcomes:
    """The outcomes of the categories first to last - 1."""
    found: dict[str, list[Any]] = {name: [] for name in ("counts", "n_gt", "scores", "matched", "ignored")}
    n_cells = []
    for k in range(first, last):
        n_cells.append(0)
        for part, place in zip(parts, places, strict=True):
            if place[k] < 0:
                continue
            cells = slice(*part.category_cells[place[k] : place[k] + 2].tolist())
            dt = slice(*part.offsets[[cells.start, cells.stop]].tolist())
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
    found = [stages.accumulate(part, keep_scores) for part in by_category(parts, head)]
    if not found:
        return stages.accumulate(head, keep_scores)
    if len(found) == 1:
        return found[0]
    precision, recall, scores = (np.concatenate([arrays[i] for arrays in found], axis=-3) for i in range(3))
    return precision, recall, scores
