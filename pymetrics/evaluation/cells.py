"""Cells: the rows of one evaluation, grouped by image and category or by image. All groupings are made here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .. import kernels
from .._records import record
from ..kernels import arrays
from ..kernels.arrays import empties, empty, first_rows, to_ints
from .columns import Columns

if TYPE_CHECKING:
    from .._arrays import F64, I32, I64

PAIRS_AT_ONCE = 1 << 22  # overlaps in memory at one time, but for a cell that has more: 32 MiB


@record
class Cells:
    """Cells that hold any row: C of them, with D detections and G ground truths. Arrays are on the columns' device.

    category_cells: int64 (K + 1,); the cells of category k are category_cells[k] : category_cells[k + 1]. Grouped by
        image there is one category.
    image: int32 (C,), positions in image_ids, ascending within a category.
    dt_offsets: int64 (C + 1,); dt_rows: int32 (D,), rows of the detections: by falling score in each cell, of equal
        scores the earlier row first, at most `limit` of them.
    gt_offsets: int64 (C + 1,); gt_rows: int32 (G,), rows of the ground truths, ascending in each cell.
    scores: float64 (D,), of the detections.
    """

    category_cells: I64
    image: I32
    dt_offsets: I64
    dt_rows: I32
    gt_offsets: I64
    gt_rows: I32
    scores: F64

    def __len__(self) -> int:
        return int(self.image.shape[0])

    def on_host(self) -> Cells:
        """The same with numpy arrays; itself where they are that already."""
        if isinstance(self.scores, np.ndarray):
            return self
        found = {name: arrays.to_host(value) for name, value in vars(self).items()}
        found["gt_rows"] = found["gt_rows"][: found["gt_offsets"][-1]]  # on a GPU there may be more than are in cells
        return replace(self, **found)

    def category(self) -> Any:
        """int64 (C,): the category of each cell, a position on axis K. On the host."""
        return np.repeat(np.arange(len(self.category_cells) - 1), np.diff(self.category_cells))

    def pair_offsets(self) -> Any:
        """int64 (C + 1,): where the overlaps of each cell begin, if those of all cells stand one after another."""
        n_pairs = (self.dt_offsets[1:] - self.dt_offsets[:-1]) * (self.gt_offsets[1:] - self.gt_offsets[:-1])
        offsets = empty(len(self) + 1, "int64", self.scores)
        offsets[0] = 0
        offsets[1:] = n_pairs.cumsum(0)
        return offsets

    def blocks(self, at_once: int = PAIRS_AT_ONCE) -> Iterator[tuple[Cells, slice, slice]]:
        """Consecutive cells with at most `at_once` pairs together, or one cell with more.

        Each with the places of its detections and of its ground truths among those of all cells. On the host.
        """
        ends = self.pair_offsets()
        first = 0
        while first < len(self):
            last = int(np.searchsorted(ends, ends[first] + at_once, side="right")) - 1
            last = max(last, first + 1)
            dt, gt = (slice(int(o[first]), int(o[last])) for o in (self.dt_offsets, self.gt_offsets))
            part = Cells(
                category_cells=np.clip(self.category_cells, first, last) - first,
                image=self.image[first:last],
                dt_offsets=self.dt_offsets[first : last + 1] - dt.start,
                dt_rows=self.dt_rows[dt],
                gt_offsets=self.gt_offsets[first : last + 1] - gt.start,
                gt_rows=self.gt_rows[gt],
                scores=self.scores[dt],
            )
            yield part, dt, gt
            first = last


def group(columns: Columns, limit: int, by: Literal["image_category", "image"] = "image_category") -> Cells:
    """Group the rows of both sides. On a GPU the host waits once, for the numbers of cells and of detections.

    limit: the most detections of one cell; those of the highest scores are kept.
    by: "image_category"; or "image", whose cells hold all categories of an image.
    """
    gt, dt, like = columns.gt, columns.dt, columns.dt.scores
    n_images, n_categories = len(columns.axes.image_ids), len(columns.axes.category_ids)
    gt_category, dt_category = gt.category, dt.category
    if by == "image":  # negative ones stay negative: those rows are left out
        dt_category, gt_category, n_categories = dt_category.clip(max=0), gt_category.clip(max=0), 1
    n_dt, n_gt = dt.image.shape[0], gt.image.shape[0]
    _require_room(max(n_dt, n_gt))
    most = min(n_dt + n_gt, n_categories * n_images)  # cells there can be
    # What Outcomes keep stands apart from what goes with the Cells.
    image, dt_offsets, scores = empties(like, (most, "int32"), (most + 1, "int64"), (n_dt, "float64"))
    dt_order, gt_rows, dt_rows, all_dt_offsets, gt_offsets = empties(
        like, (n_dt, "int32"), (n_gt, "int32"), (n_dt, "int32"), (most + 1, "int64"), (most + 1, "int64")
    )
    dt_order, dt_starts = sort_rows(dt_category, dt.image, n_categories, n_images, dt_order)
    gt_rows, gt_starts = sort_rows(gt_category, gt.image, n_categories, n_images, gt_rows)
    category_cells = empty(n_categories + 1, "int64", like)
    kernels.join_cells(
        dt.image, dt_order, dt_starts, gt.image, gt_rows, gt_starts, limit,
        category_cells, image, all_dt_offsets, gt_offsets, dt_offsets,
    )  # fmt: skip
    n_cells, n_kept = to_ints(category_cells[-1:], dt_offsets[-1:])
    dt_offsets, gt_offsets = dt_offsets[: n_cells + 1], gt_offsets[: n_cells + 1]
    dt_rows, scores = dt_rows[:n_kept], scores[:n_kept]
    kernels.rank_detections(dt.scores, dt_order, all_dt_offsets[: n_cells + 1], dt_offsets, dt_rows, scores, 0, n_cells)
    return Cells(category_cells, image[:n_cells], dt_offsets, dt_rows, gt_offsets, gt_rows, scores)


def sort_rows(category: Any, image: Any, n_categories: int, n_images: int, order: Any = None) -> tuple[Any, Any]:
    """The rows in the order of (category, image, row), int32, and where each category begins, int64 (K + 1,).

    order: room for it, int32 (N,), or None.

    Rows with a negative category or image are left out; on a GPU the order may be longer than what is written of it.

    Raises:
        ValueError: there are 2**31 rows or more.
    """
    _require_room(category.shape[0])
    if order is None:
        order = empty(category.shape[0], "int32", category)
    starts = empty(n_categories + 1, "int64", category)
    kernels.sort_rows(category, image, n_images, order, starts)
    return first_rows(order, starts[-1:]), starts


def _require_room(n_rows: int) -> None:
    if n_rows >= 2**31:
        raise ValueError(f"one evaluation holds fewer than 2**31 rows, got {n_rows}: use an Accumulator")
