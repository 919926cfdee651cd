"""The stages of an evaluation: columns and cells -> outcomes -> precision, recall, scores -> means.

Only kernels compute here: the file does no arithmetic on arrays, so that it works on the host and on a GPU (a test
checks this).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .. import kernels
from .._records import record
from ..kernels.arrays import cached_on, empties, empty, to_device, to_host, to_ints
from .cells import Cells, sort_rows
from .columns import CROWD, IGNORE, Columns, Side
from .outcomes import Outcomes
from .protocol import Protocol, Tables
from .shapes import Shape

if TYPE_CHECKING:
    from .._arrays import F64, I32, U64, Ids


MANY_PRECISIONS = 1 << 26  # 512 MiB


@record
class RowMatches:
    """Which ground truth each detection of some cells took, by (area range, threshold) pair a * T + t.

    gt_of: int32 (D, A * T), its row in Columns.gt, or -1. overlap: float64 (D, A * T), their overlap, or 0.
    """

    gt_of: I32
    overlap: F64

    def on_host(self) -> RowMatches:
        """The same with numpy arrays."""
        return RowMatches(to_host(self.gt_of), to_host(self.overlap))


def match(
    columns: Columns, cells: Cells, protocol: Protocol, keep_matches: bool = False
) -> tuple[Outcomes, RowMatches | None]:
    """Match each cell's detections to its ground truths: Outcomes, and RowMatches or None.

    keep_matches: also say which ground truth each detection took.
    """
    like, table = cells.scores, _tables(protocol, cells.scores)
    n_kept = cells.scores.shape[0]
    words = (n_kept, protocol.n_words), "uint64"
    n_gt, matched, ignored = empties(like, ((len(cells), len(protocol.area_ranges)), "int32"), words, words)
    gt_of = empty((n_kept if keep_matches else 0, protocol.n_bits), "int32", like)
    overlap = empty((n_kept if keep_matches else 0, protocol.n_bits), "float64", like)
    least = min(protocol.tables.thresholds.tolist(), default=0.0)
    match_shape = columns.shape.match or _match_by_overlaps(columns.shape, least)
    match_shape(columns.dt, columns.gt, cells, table, n_gt, matched, ignored, gt_of, overlap)
    outcomes = Outcomes(
        protocol=protocol, shape=columns.shape, image_ids=columns.axes.image_ids,
        category_ids=columns.axes.category_ids, category_names=columns.axes.category_names,
        category_groups=columns.axes.category_groups,
        category_cells=cells.category_cells, cell_image=cells.image, offsets=cells.dt_offsets, n_gt=n_gt,
        scores=cells.scores, matched=matched, ignored=ignored,
    )  # fmt: skip
    return outcomes, RowMatches(gt_of, overlap) if keep_matches else None


def _match_by_overlaps(shape: Shape, least: float) -> Callable[..., None]:
    """The matching of a shape without a fused kernel: overlaps in blocks of cells, each followed by match_cells.

    least: the lowest threshold; of overlaps below it, it does not matter what they are.
    """

    def match_shape(dt: Side, gt: Side, cells: Cells, table: Tables, *outputs: Any) -> None:
        n_gt, matched, ignored, gt_of, overlap = outputs
        dt_words, gt_words = (empty((rows.shape[0], matched.shape[1]), "uint64", matched) for rows in (
            cells.dt_rows, cells.gt_rows
        ))  # fmt: skip
        area = dt.area if dt.area.shape[0] else shape.area(dt.shape)
        kernels.area_words(
            area, dt.flags, 0, cells.dt_rows, cells.dt_offsets, table.area_ranges, table.area_bits, dt_words,
            n_gt[:0], 0, len(cells),
        )  # fmt: skip
        kernels.area_words(
            gt.area, gt.flags, CROWD | IGNORE, cells.gt_rows, cells.gt_offsets, table.area_ranges, table.area_bits,
            gt_words, n_gt, 0, len(cells),
        )  # fmt: skip
        for part, d, g in cells.blocks():
            kernels.match_cells(
                shape.overlaps(dt, gt, part, least), part.pair_offsets(), part.dt_rows, dt.flags, dt_words[d],
                part.dt_offsets, part.gt_rows, gt.flags, gt_words[g], part.gt_offsets, table.thresholds,
                table.reached_bits, matched[d], ignored[d], gt_of[d], overlap[d], 0, len(part),
            )  # fmt: skip

    return match_shape


def ignored_words(columns: Columns, cells: Cells, protocol: Protocol) -> U64:
    """uint64 (G, W): the bits for which each ground truth of the cells does not count."""
    table, gt = _tables(protocol, cells.scores), columns.gt
    words = empty((cells.gt_rows.shape[0], protocol.n_words), "uint64", cells.scores)
    nothing = empty((0, len(protocol.area_ranges)), "int32", cells.scores)
    kernels.area_words(
        gt.area, gt.flags, CROWD | IGNORE, cells.gt_rows, cells.gt_offsets, table.area_ranges, table.area_bits,
        words, nothing, 0, len(cells),
    )  # fmt: skip
    return words


def _tables(protocol: Protocol, like: Any) -> Tables:
    found = protocol.tables
    if cached_on(found.thresholds, like) is found.thresholds:
        return found
    return Tables(**{name: cached_on(table, like) for name, table in vars(found).items()})


def accumulate(outcomes: Outcomes, keep_scores: bool = True) -> tuple[F64, F64, F64]:
    """precision (T, R, K, A, M), recall (T, K, A, M), scores (T, R, K, A, M); float64, -1 where is no ground truth.

    keep_scores: without it there are none of them, (0, R, K, A, M).
    """
    protocol, table = outcomes.protocol, _tables(outcomes.protocol, outcomes.scores)
    n_thresholds, n_recalls = len(protocol.iou_thresholds), len(protocol.recall_thresholds)
    counts = (len(outcomes.category_ids), len(protocol.area_ranges), len(protocol.max_dets))
    precision = empty((n_thresholds, n_recalls, *counts), "float64", outcomes.scores)
    scores = empty((n_thresholds if keep_scores else 0, n_recalls, *counts), "float64", outcomes.scores)
    recall = empty((n_thresholds, *counts), "float64", outcomes.scores)
    kernels.accumulate(
        outcomes.scores, outcomes.matched, outcomes.ignored, outcomes.offsets, outcomes.n_gt, outcomes.category_cells,
        table.area_bits, table.max_dets, table.recall_thresholds, precision, recall, scores, 0, counts[0],
    )  # fmt: skip
    return precision, recall, scores


def accumulate_last(outcomes: Outcomes) -> tuple[F64, F64] | None:
    """Where precision would be huge: (T, R, K, A, 1), at the last limit alone, and recall (T, K, A, M); else None.

    The same numbers as accumulate's in a part of the memory and of the time that its pages take; detections are read
    twice.
    """
    protocol, n_categories = outcomes.protocol, len(outcomes.category_ids)
    n_precisions = protocol.n_bits * len(protocol.recall_thresholds) * n_categories * len(protocol.max_dets)
    if n_precisions < MANY_PRECISIONS or len(protocol.max_dets) < 2:
        return None
    last = replace(protocol, max_dets=protocol.max_dets[-1:], lenient=True)
    without_curves = replace(protocol, recall_thresholds=(), lenient=True)
    precision, _, _ = accumulate(replace(outcomes, protocol=last), keep_scores=False)
    _, recall, _ = accumulate(replace(outcomes, protocol=without_curves), keep_scores=False)
    return precision, recall


def means(values: F64, queries: Sequence[tuple[int | None, int, int]]) -> F64:
    """Means of the entries above -1 of slices (t or all, area range, limit); -1 where there is none.

    values: precision (T, R, K, A, M) or recall (T, K, A, M). The sum runs in the order of numpy.mean(s[s > -1]).
    """
    n_areas, n_limits = values.shape[-2:]
    table = values.reshape(-1, n_areas * n_limits)
    per_threshold = table.shape[0] // max(1, values.shape[0])
    n_rows = table.shape[0]
    at = [
        (a * n_limits + m, 0 if t is None else t * per_threshold, n_rows if t is None else (t + 1) * per_threshold)
        for t, a, m in queries
    ]
    columns, firsts, lasts = (to_device([row[i] for row in at], values) for i in range(3))
    out = empty(len(queries), "float64", values)
    kernels.mean_valid(table, columns, firsts, lasts, out, 0, len(queries))
    return out


def arrange(
    chunks: Sequence[Outcomes],
    places: Sequence[tuple[I32, I32]],
    image_ids: Ids,
    category_ids: Ids,
    names: Mapping[int, str],
    groups: Mapping[str, tuple[int, ...]],
) -> Outcomes:
    """Several Outcomes as one, in the order of (category, image).

    places: for each chunk the int32 positions of its categories in `category_ids` and of its images in `image_ids`;
    negative leaves out. No two chunks may hold the same image.
    """
    first, like = chunks[0], chunks[0].scores
    sizes = [(chunk.cell_image.shape[0], chunk.scores.shape[0]) for chunk in chunks]
    n_cells, n_kept = (sum(size) for size in zip(*sizes, strict=True))
    n_areas, n_words = first.n_gt.shape[1], first.matched.shape[1]

    def stack(name: str, shape: tuple[int, ...], dtype: str, which: int) -> Any:
        out, at = empty(shape, dtype, like), 0
        for chunk, size in zip(chunks, sizes, strict=True):
            out[at : at + size[which]] = getattr(chunk, name)
            at += size[which]
        return out

    category, image, starts, counts = (empty(n_cells, dtype, like) for dtype in ("int32", "int32", "int64", "int64"))
    cell, det = 0, 0
    for chunk, size, (categories, images) in zip(chunks, sizes, places, strict=True):
        part = slice(cell, cell + size[0])
        kernels.place_cells(
            chunk.category_cells, to_device(categories, like), chunk.cell_image, to_device(images, like), chunk.offsets,
            det, category[part], image[part], starts[part], counts[part],
        )  # fmt: skip
        cell, det = cell + size[0], det + size[1]
    order, category_cells = sort_rows(category, image, len(category_ids), len(image_ids))
    (n_new,) = to_ints(category_cells[-1:])
    order = order[:n_new]
    offsets, cell_image = empty(n_new + 1, "int64", like), empty(n_new, "int32", like)
    n_gt, scores = empty((n_new, n_areas), "int32", like), empty(n_kept, "float64", like)
    matched, ignored = (empty((n_kept, n_words), "uint64", like) for _ in range(2))
    kernels.move_cells(
        order, starts, counts, image, stack("n_gt", (n_cells, n_areas), "int32", 0),
        stack("scores", (n_kept,), "float64", 1), stack("matched", (n_kept, n_words), "uint64", 1),
        stack("ignored", (n_kept, n_words), "uint64", 1), offsets, cell_image, n_gt, scores, matched, ignored,
    )  # fmt: skip
    (n_kept,) = to_ints(offsets[-1:])
    return Outcomes(
        protocol=first.protocol, shape=first.shape,
        image_ids=image_ids, category_ids=category_ids, category_names=names, category_groups=groups,
        category_cells=category_cells, cell_image=cell_image, offsets=offsets, n_gt=n_gt,
        scores=scores[:n_kept], matched=matched[:n_kept], ignored=ignored[:n_kept],
    )  # fmt: skip
