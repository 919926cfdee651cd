"""Outcomes as Arrow's tables, a row for each detection, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..evaluation.cells import sort_rows
from ..evaluation.outcomes import Outcomes
from ..evaluation.protocol import Protocol
from ..evaluation.shapes import Shape
from ..formats.ids import joined_ids, positions
from ..formats.tables import arrow

if TYPE_CHECKING:
    from numpy.typing import NDArray

OF_GROUND_TRUTH = -1  # in the place of a rank


def table_of(outcomes: Outcomes) -> Any:
    """The rows that match_partition describes."""
    pa = arrow.pyarrow("table")
    n_dt, n_words = len(outcomes.scores), outcomes.protocol.n_words
    category = np.repeat(np.arange(len(outcomes.category_ids)), np.diff(outcomes.category_cells))
    per_cell = np.diff(outcomes.offsets)
    with_gt = np.flatnonzero(_has_row(outcomes, per_cell))
    cells = np.concatenate([np.repeat(np.arange(len(category)), per_cell), with_gt])
    rank = np.concatenate([np.arange(n_dt) - np.repeat(outcomes.offsets[:-1], per_cell), np.full(len(with_gt), -1)])

    def column(values: NDArray[Any], dtype: Any) -> Any:
        out = np.zeros(len(cells), dtype)
        out[:n_dt] = values
        return pa.array(out)

    n_areas = outcomes.n_gt.shape[1]
    lengths = np.concatenate([np.zeros(n_dt, np.int32), np.full(len(with_gt), n_areas, np.int32)])
    counts = pa.ListArray.from_arrays(
        pa.array(np.append(0, np.cumsum(lengths)).astype(np.int32)),
        pa.array(np.ascontiguousarray(outcomes.n_gt[with_gt]).reshape(-1), pa.int32()),
        mask=pa.array(rank >= 0),
    )
    columns = {
        "category": pa.array(outcomes.category_ids[category[cells]]),
        "image": pa.array(outcomes.image_ids[outcomes.cell_image[cells]]),
        "rank": pa.array(rank.astype(np.int32)),
        "score": column(outcomes.scores, np.float64),
    }
    for name in ("matched", "ignored"):
        words = getattr(outcomes, name)
        for w in range(n_words):
            columns[f"{name}_{w}"] = column(words[:, w].view(np.int64), np.int64)
    return pa.table({**columns, "n_gt": counts})


def _has_row(outcomes: Outcomes, per_cell: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The cells whose ground truths get a row: those that count in some area range, and cells without detections."""
    found: NDArray[np.bool_] = outcomes.n_gt.any(axis=1) | (per_cell == 0)
    return found


def outcomes_of(table: Any, protocol: Protocol, shape: Shape) -> Outcomes:
    """The inverse of table_of, of rows in any order and of many partitions.

    Raises:
        ValueError: rows of one image and category came from two partitions, or some are missing.
    """
    arrays = {name: table.column(name).combine_chunks() for name in table.schema.names}
    category_id, image_id = (arrow.ids(arrays[name], _place(name)) for name in ("category", "image"))
    category_ids, image_ids = joined_ids(category_id), joined_ids(image_id)
    category, image = positions(category_id, category_ids), positions(image_id, image_ids)
    rank = arrow.numbers(arrays["rank"], _place("rank"))
    by_rank = np.argsort(rank, kind="stable")
    order, _ = sort_rows(category[by_rank], image[by_rank], len(category_ids), len(image_ids))
    order = by_rank[order]
    category, image, rank = category[order], image[order], rank[order]
    is_new = np.append(True, (category[1:] != category[:-1]) | (image[1:] != image[:-1]))[: len(rank)]
    cell = np.cumsum(is_new) - 1
    n_cells = int(is_new.sum())
    is_gt = rank == OF_GROUND_TRUTH
    first = np.flatnonzero(is_new)
    expected = np.arange(len(rank)) - np.repeat(first, np.diff(np.append(first, len(rank))))
    expected -= np.repeat(is_gt[first], np.diff(np.append(first, len(rank))))
    if not np.array_equal(rank, expected):
        row = int(np.argmax(rank != expected))
        what = f"{category_ids[category[row]].item()!r} of image {image_ids[image[row]].item()!r}"
        if row and rank[row] == rank[row - 1]:
            raise ValueError(f"the rows of category {what} came from two partitions, or twice from one")
        raise ValueError(f"rows of category {what} are missing: rank {expected[row]} is not there")
    n_areas = len(protocol.area_ranges)
    n_gt = np.zeros((n_cells, n_areas), np.int32)
    counts, lengths = arrow.lists(arrays["n_gt"], _place("n_gt"))
    if not np.array_equal(lengths[order], np.where(is_gt, n_areas, 0)):
        raise ValueError(f"n_gt must hold {n_areas} numbers in rows of rank -1, and be null in others")
    row_of_gt = np.cumsum(lengths > 0) - 1
    n_gt[cell[is_gt]] = arrow.numbers(counts, _place("n_gt")).reshape(-1, n_areas)[row_of_gt[order[is_gt]]]
    dt = order[~is_gt]
    words = {
        name: np.stack(
            [arrow.numbers(arrays[f"{name}_{w}"], _place(name))[dt].view(np.uint64) for w in range(protocol.n_words)],
            axis=1,
        )
        for name in ("matched", "ignored")
    }
    per_cell = np.diff(np.append(first, len(rank))) - is_gt[first]
    cells_of = np.zeros(len(category_ids), np.int64)
    np.add.at(cells_of, category[first], 1)
    return Outcomes(
        protocol=protocol, shape=shape, image_ids=image_ids, category_ids=category_ids,
        category_cells=np.append(0, np.cumsum(cells_of)), cell_image=image[first].astype(np.int32),
        offsets=np.append(0, np.cumsum(per_cell)), n_gt=n_gt,
        scores=arrow.numbers(arrays["score"], _place("score"))[dt].astype(np.float64),
        matched=words["matched"], ignored=words["ignored"],
    )  # fmt: skip


def _place(name: str) -> arrow.Place:
    return lambda row: f"table[{name!r}]" + ("" if row is None else f"[{row}]")
