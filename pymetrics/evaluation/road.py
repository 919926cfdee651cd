"""The road: columns -> cells -> outcomes -> precision, recall, scores -> means. Only kernels touch data here.

No arithmetic on arrays stands in this file, so that it runs wherever its arrays live; a test holds it to that. On a GPU
it waits once, for the numbers of cells and of the detections in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import kernels
from ..kernels import beside, empty, fetch, shortened, upload
from .columns import Columns
from .outcomes import Outcomes
from .protocol import Protocol, Tables, tables


def match(columns: Columns, protocol: Protocol, iou_type: str = "bbox", keep_matches: bool = False) -> Outcomes:
    """Group the columns into cells and match each cell's detections to its ground truths.

    keep_matches: also say which ground truth each detection took (dt_rows, match_of, match_iou).
    """
    like = columns.dt_scores
    table = _tables(protocol, like)
    n_categories, n_images = len(columns.category_ids), len(columns.image_ids)
    n_areas, n_words = len(protocol.area_ranges), protocol.n_words
    limit = max((0, *protocol.max_dets))

    dt_order, dt_starts = _sort_rows(columns.dt_category, columns.dt_image, n_categories, n_images)
    gt_order, gt_starts = _sort_rows(columns.gt_category, columns.gt_image, n_categories, n_images)
    most = min(dt_order.shape[0] + gt_order.shape[0], n_categories * n_images)  # cells there can be
    category_cells = empty(n_categories + 1, "int64", like)
    cell_image = empty(most, "int32", like)
    cell_dt, cell_gt, offsets = (empty(most + 1, "int64", like) for _ in range(3))
    kernels.join_cells(
        columns.dt_image, dt_order, dt_starts, columns.gt_image, gt_order, gt_starts, limit,
        category_cells, cell_image, cell_dt, cell_gt, offsets,
    )  # fmt: skip
    n_cells, n_kept = fetch(category_cells[-1:], offsets[-1:])
    cell_image, cell_dt, cell_gt = cell_image[:n_cells], cell_dt[: n_cells + 1], cell_gt[: n_cells + 1]
    offsets = offsets[: n_cells + 1]
    rows, ranked = empty(n_kept, "int32", like), empty(n_kept, "float64", like)
    kernels.rank_detections(columns.dt_scores, dt_order, cell_dt, offsets, rows, ranked, 0, n_cells)
    del dt_order, cell_dt  # the peak comes below

    n_gt = empty((n_cells, n_areas), "int32", like)
    matched, ignored = (empty((n_kept, n_words), "uint64", like) for _ in range(2))
    match_of = empty((n_kept if keep_matches else 0, protocol.n_bits), "int32", like)
    match_iou = empty((n_kept if keep_matches else 0, protocol.n_bits), "float64", like)
    kernels.match_boxes(
        columns.dt_boxes, columns.dt_area, rows, columns.dt_flags, offsets,
        columns.gt_boxes, columns.gt_area, gt_order, columns.gt_flags, cell_gt,
        table.thresholds, table.reach, table.area_ranges, table.area_words,
        n_gt, matched, ignored, match_of, match_iou, 0, n_cells,
    )  # fmt: skip
    return Outcomes(
        protocol=protocol, iou_type=iou_type,
        image_ids=columns.image_ids, category_ids=columns.category_ids, category_names=columns.category_names,
        category_cells=category_cells, cell_image=cell_image, offsets=offsets, n_gt=n_gt,
        scores=ranked, matched=matched, ignored=ignored,
        dt_rows=rows if keep_matches else None,
        match_of=match_of if keep_matches else None,
        match_iou=match_iou if keep_matches else None,
    )  # fmt: skip


def _sort_rows(category: Any, image: Any, n_categories: int, n_images: int) -> tuple[Any, Any]:
    if category.shape[0] >= 2**31:
        raise ValueError(f"one evaluation holds fewer than 2**31 rows, got {category.shape[0]}: use an Accumulator")
    order = empty(category.shape[0], "int32", category)
    starts = empty(n_categories + 1, "int64", category)
    kernels.sort_rows(category, image, n_images, order, starts)
    return shortened(order, starts[-1:]), starts


def _tables(protocol: Protocol, like: Any) -> Tables:
    return Tables(**{name: beside(table, like) for name, table in vars(tables(protocol)).items()})


def accumulate(outcomes: Outcomes, keep_scores: bool = True) -> tuple[Any, Any, Any]:
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
        table.area_words, table.max_dets, table.recall_thresholds, precision, recall, scores, 0, counts[0],
    )  # fmt: skip
    return precision, recall, scores


def accumulate_replicates(outcomes: Outcomes, weights: Any) -> tuple[Any, Any]:
    """precision (B, T, R, K, A, M), recall (B, T, K, A, M) of B draws of the images with repetition (bootstrap).

    weights: uint8 (B, images), how often each image is drawn, beside the outcomes.
    """
    protocol, table, like = outcomes.protocol, _tables(outcomes.protocol, outcomes.scores), outcomes.scores
    n_thresholds, n_recalls = len(protocol.iou_thresholds), len(protocol.recall_thresholds)
    counts = (len(outcomes.category_ids), len(protocol.area_ranges), len(protocol.max_dets))
    precision = empty((weights.shape[0], n_thresholds, n_recalls, *counts), "float64", like)
    recall = empty((weights.shape[0], n_thresholds, *counts), "float64", like)
    kernels.accumulate_replicates(
        outcomes.scores, outcomes.matched, outcomes.ignored, outcomes.offsets, outcomes.n_gt, outcomes.category_cells,
        outcomes.cell_image, weights, table.max_dets, table.recall_thresholds, precision, recall, 0, counts[0],
    )  # fmt: skip
    return precision, recall


def means(values: Any, queries: Sequence[tuple[int | None, int, int]]) -> Any:
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
    columns, first_rows, last_rows = (upload([row[i] for row in at], values) for i in range(3))
    out = empty(len(queries), "float64", values)
    kernels.mean_valid(table, columns, first_rows, last_rows, out, 0, len(queries))
    return out


def arrange(
    chunks: Sequence[Outcomes],
    places: Sequence[tuple[Any, Any]],
    image_ids: Any,
    category_ids: Any,
    names: dict[int, str],
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
            chunk.category_cells, upload(categories, like), chunk.cell_image, upload(images, like), chunk.offsets, det,
            category[part], image[part], starts[part], counts[part],
        )  # fmt: skip
        cell, det = cell + size[0], det + size[1]
    order, category_cells = _sort_rows(category, image, len(category_ids), len(image_ids))
    (n_new,) = fetch(category_cells[-1:])
    order = order[:n_new]
    offsets, cell_image = empty(n_new + 1, "int64", like), empty(n_new, "int32", like)
    n_gt, scores = empty((n_new, n_areas), "int32", like), empty(n_kept, "float64", like)
    matched, ignored = (empty((n_kept, n_words), "uint64", like) for _ in range(2))
    kernels.move_cells(
        order, starts, counts, image, stack("n_gt", (n_cells, n_areas), "int32", 0),
        stack("scores", (n_kept,), "float64", 1), stack("matched", (n_kept, n_words), "uint64", 1),
        stack("ignored", (n_kept, n_words), "uint64", 1), offsets, cell_image, n_gt, scores, matched, ignored,
    )  # fmt: skip
    (n_kept,) = fetch(offsets[-1:])
    return Outcomes(
        protocol=first.protocol, iou_type=first.iou_type,
        image_ids=image_ids, category_ids=category_ids, category_names=names,
        category_cells=category_cells, cell_image=cell_image, offsets=offsets, n_gt=n_gt,
        scores=scores[:n_kept], matched=matched[:n_kept], ignored=ignored[:n_kept],
    )  # fmt: skip
