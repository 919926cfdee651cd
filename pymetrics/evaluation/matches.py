"""Matches: which ground truth each detection took, in rows of the user's own data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._records import record
from ..formats.ranges import gather_ranges, offsets_of
from ..kernels import arrays
from . import stages
from .cells import Cells, sort_rows
from .columns import Columns
from .protocol import Protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._arrays import F64, I32, I64, U64, Ids

STATUS = np.array(["fp", "tp", "ignored"])


@record
class MatchTable:
    """Detections of all categories, by category and falling score: N rows.

    image: ids, (N,). category: ids, (N,). dt: int64 (N,), the row of the detection. gt: int64 (N,), the row of the
    ground truth that it took, or -1. score: float64 (N,). overlap: float64 (N,), with that ground truth; 0 without one.
    status: "tp", "fp" or "ignored" (N,); ignored detections count neither for nor against.

    Rows are those of the user's data: of a COCO file the place in its list, of arrays and columns the row, of lists of
    dicts the row of all items joined. From an Accumulator, a row is the place among those of its image in its update.
    """

    image: NDArray[Any]
    category: NDArray[Any]
    dt: NDArray[np.int64]
    gt: NDArray[np.int64]
    score: NDArray[np.float64]
    overlap: NDArray[np.float64]
    status: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.dt)


@record
class MissTable:
    """Ground truths that count and that no detection took. image, category: ids, (N,). gt: int64 (N,), their rows."""

    image: NDArray[Any]
    category: NDArray[Any]
    gt: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.gt)


@record
class Matches:
    """The matches of all detections within the protocol's last limit, by area range and threshold. On the host.

    With T thresholds and A area ranges kept they take about 30 + 12 * A * T bytes a detection: 150 for COCO's ten
    thresholds and the range "all".

    protocol: with the area ranges that were kept. image_ids, category_ids: the axes.
    category_cells, cell_image, dt_offsets, gt_offsets: as in Cells. dt_row: int64 (D,). gt_row: int64 (G,).
    scores: float64 (D,). gt_of: int32 (D, A * T), the place of the ground truth in its cell, or -1. overlap: float64
    (D, A * T). matched, ignored: uint64 (D, W). gt_ignored: uint64 (G, W), the bits for which it does not count.
    """

    protocol: Protocol
    image_ids: Ids
    category_ids: Ids
    category_cells: I64
    cell_image: I32
    dt_offsets: I64
    gt_offsets: I64
    dt_row: I64
    gt_row: I64
    scores: F64
    gt_of: I32
    overlap: F64
    matched: U64
    ignored: U64
    gt_ignored: U64

    def __repr__(self) -> str:
        return f"<Matches of {len(self.dt_row)} detections and {len(self.gt_row)} ground truths>"

    def at(self, iou: float = 0.5, area: str = "all") -> MatchTable:
        """The matches at one threshold and area range.

        Raises:
            ValueError: the protocol lacks the threshold, or the area range was not kept.
        """
        bit = self._bit(iou, area)
        matched, ignored = (is_set(words, bit) for words in (self.matched, self.ignored))
        cell = np.repeat(np.arange(len(self.cell_image)), np.diff(self.dt_offsets))
        place = self.gt_of[:, bit]
        took = place >= 0
        gt = np.full(len(place), -1, np.int64)
        gt[took] = self.gt_row[self.gt_offsets[cell[took]] + place[took]]
        order = np.argsort(-self.scores, kind="stable")
        category = self._category()[cell]
        order = order[np.argsort(category[order], kind="stable")]
        status = STATUS[np.where(ignored, 2, matched.astype(np.int64))]
        return MatchTable(
            image=self.image_ids[self.cell_image[cell]][order],
            category=self.category_ids[category][order],
            dt=self.dt_row[order],
            gt=gt[order],
            score=self.scores[order],
            overlap=self.overlap[order, bit],
            status=status[order],
        )

    def missed(self, iou: float = 0.5, area: str = "all") -> MissTable:
        """The ground truths that count in the area range and that no detection took at the threshold.

        Raises:
            ValueError: as `at`.
        """
        bit = self._bit(iou, area)
        cell = np.repeat(np.arange(len(self.cell_image)), np.diff(self.dt_offsets))
        place = self.gt_of[:, bit]
        took = place >= 0
        is_missed = ~is_set(self.gt_ignored, bit)
        is_missed[self.gt_offsets[cell[took]] + place[took]] = False
        found = np.flatnonzero(is_missed)
        cell = np.repeat(np.arange(len(self.cell_image)), np.diff(self.gt_offsets))[found]
        return MissTable(
            image=self.image_ids[self.cell_image[cell]],
            category=self.category_ids[self._category()[cell]],
            gt=self.gt_row[found],
        )

    def _category(self) -> Any:
        return np.repeat(np.arange(len(self.category_ids)), np.diff(self.category_cells))

    def _bit(self, iou: float, area: str) -> int:
        t, areas = self.protocol.place_of_threshold(iou), self.protocol.area_names
        if t is None:
            raise self.protocol.unknown_threshold(iou)
        if area not in areas:
            raise ValueError(
                f"area must be one of those kept, {areas}, got {area!r}: say area={areas[0]!r}, or name another of the "
                "protocol's ranges in keep_matches"
            )
        return areas.index(area) * len(self.protocol.iou_thresholds) + t


def is_set(words: Any, bit: int) -> Any:
    """bool (N,): one (area range, threshold) pair of words, uint64 (N, W)."""
    return (words[:, bit // 64] >> np.uint64(bit % 64)) & np.uint64(1) != 0


def areas_to_keep(keep_matches: bool | Sequence[str], protocol: Protocol) -> tuple[str, ...]:
    """The names of the area ranges whose matches are kept; none for False, "all" (or the first) for True.

    Raises:
        TypeError: keep_matches is neither a bool nor names.
        ValueError: the protocol has no such area range.
    """
    names = protocol.area_names
    if not isinstance(keep_matches, (bool, np.bool_, Iterable)):
        raise TypeError(f"keep_matches must be True, False or names of area ranges, got {keep_matches!r}")
    if isinstance(keep_matches, (bool, np.bool_)):
        return (names[protocol.whole_area],) if keep_matches else ()
    wanted = (keep_matches,) if isinstance(keep_matches, str) else tuple(keep_matches)
    for name in wanted:
        if name not in names:
            raise ValueError(f"keep_matches must be True or name area ranges of the protocol, {names}; got {name!r}")
    return tuple(name for name in names if name in wanted)


def match_rows(columns: Columns, cells: Cells, protocol: Protocol, areas: Sequence[str]) -> Matches:
    """The Matches of an evaluation at some of the protocol's area ranges: one more matching, of these ranges alone."""
    part = protocol.with_areas(areas)
    outcomes, found = stages.match(columns, cells, part, keep_matches=True)
    assert found is not None
    gt_ignored = stages.ignored_words(columns, cells, part)
    outcomes, cells, columns, found = outcomes.on_host(), cells.on_host(), columns.on_host(), found.on_host()
    place = np.full(len(columns.gt.image) + 1, -1, np.int32)  # the last one is that of row -1: no ground truth
    place[cells.gt_rows] = np.arange(len(cells.gt_rows)) - np.repeat(cells.gt_offsets[:-1], np.diff(cells.gt_offsets))
    return Matches(
        protocol=part,
        image_ids=columns.axes.image_ids,
        category_ids=columns.axes.category_ids,
        category_cells=cells.category_cells,
        cell_image=cells.image,
        dt_offsets=cells.dt_offsets,
        gt_offsets=cells.gt_offsets,
        dt_row=source_rows(columns.dt.source_row, cells.dt_rows),
        gt_row=source_rows(columns.gt.source_row, cells.gt_rows),
        scores=cells.scores,
        gt_of=place[found.gt_of],
        overlap=found.overlap,
        matched=outcomes.matched,
        ignored=outcomes.ignored,
        gt_ignored=arrays.to_host(gt_ignored)[: len(cells.gt_rows)],
    )


def source_rows(source_row: Any, rows: Any) -> NDArray[np.int64]:
    """The rows of the user's data that are rows of a Side."""
    return np.asarray(rows if source_row is None else source_row[rows], np.int64)


def arrange_matches(
    chunks: Sequence[Matches], places: Sequence[tuple[Any, Any]], image_ids: Any, category_ids: Any
) -> Matches:
    """Several Matches as one, in the order of (category, image); arguments as for stages.arrange."""

    def joined(name: str) -> Any:
        return np.concatenate([getattr(chunk, name) for chunk in chunks])

    category = np.concatenate([to[chunk._category()] for chunk, (to, _) in zip(chunks, places, strict=True)])
    image = np.concatenate([to[chunk.cell_image] for chunk, (_, to) in zip(chunks, places, strict=True)])
    order, category_cells = sort_rows(
        category.astype(np.int32), image.astype(np.int32), len(category_ids), len(image_ids)
    )
    found: dict[str, Any] = {}
    sides = {
        "dt_offsets": ("dt_row", "scores", "gt_of", "overlap", "matched", "ignored"),
        "gt_offsets": ("gt_row", "gt_ignored"),
    }
    for offsets, columns in sides.items():
        counts = np.concatenate([np.diff(getattr(chunk, offsets)) for chunk in chunks])
        rows, found[offsets] = gather_ranges(offsets_of(counts)[:-1][order], counts[order])
        found |= {name: joined(name)[rows] for name in columns}
    return replace(
        chunks[0], image_ids=image_ids, category_ids=category_ids, category_cells=category_cells,
        cell_image=image[order].astype(np.int32), **found,
    )  # fmt: skip
