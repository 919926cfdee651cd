"""A table of images, the worst first: the summary of each image alone, and its counts at a score."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import kernels
from ..evaluation.cells import sort_rows
from ..evaluation.outcomes import Outcomes
from ..evaluation.protocol import tables
from ..evaluation.result import Result
from ..evaluation.summary import UNDEFINED
from ..formats.ranges import offsets_of
from .at import at
from .bootstrap import queries_of
from .confidence import BestThreshold, best_threshold

if TYPE_CHECKING:
    from .._arrays import F64


def per_image(result: Result, iou: float = 0.5, score: float | None = None) -> list[dict[str, Any]]:
    """One row per image, the worst first: id, file_name, every key of the summary, n_gt, n_dt, tp, fp, fn, precision,
    recall, f1. file_name is None where the data does not name the image or is not at hand.

    The summary's numbers (map, map_50, ...) are those of evaluating this image alone. The counts and ratios are those
    of `at`. By rising f1, then falling fp + fn, then in the order of ids; images whose f1 is undefined come last. -1
    stands for undefined.

    Args:
        result: of an evaluation; outcomes are enough, so also of a merged Accumulator.
        iou: the IoU threshold of the counts. Where it is not one of the protocol's, the data is matched again.
        score: detections count from this score on; None for the score of the highest macro F1.

    Raises:
        ValueError: as `at`.
    """
    if score is None:
        best = best_threshold(result, "f1", iou)
        assert isinstance(best, BestThreshold)
        score = -math.inf if best.threshold is None else best.threshold
    found = at(result, score, iou)
    keys = [row.key for row in result.rows]
    summary_of = dict(zip(result.outcomes.image_ids.tolist(), image_stats(result.outcomes).tolist(), strict=True))
    name_of = {} if result.columns is None else result.columns.axes.image_names
    return [
        {
            "id": row["id"],
            "file_name": name_of.get(row["id"]),
            **dict(zip(keys, summary_of[row["id"]], strict=True)),
            **row,
        }
        for row in found.per_image
    ]


def image_stats(outcomes: Outcomes) -> F64:
    """float64 (images, rows of the summary): the summary of each image alone, of outcomes on the host."""
    cells, category, starts = _by_image(outcomes)
    rows, protocol = outcomes.protocol.rows, outcomes.protocol
    known, queries, members = queries_of(outcomes, rows)
    stats, means = np.full((outcomes.n_images, len(rows)), UNDEFINED), np.empty((outcomes.n_images, len(known)))
    kernels.image_means(
        cells.matched, cells.ignored, cells.offsets, cells.n_gt, starts, category, tables(protocol).max_dets,
        tables(protocol).recall_thresholds, len(protocol.iou_thresholds), queries, members, means, 0, len(means),
    )  # fmt: skip
    stats[:, known] = means
    return stats


def _by_image(outcomes: Outcomes) -> tuple[Outcomes, Any, Any]:
    """The cells with ground truth by (image, category), the category of each, and where each image begins.

    A cell without ground truth has nothing but undefined numbers, which no mean counts.
    """
    counts = (outcomes.n_gt > 0).any(axis=1)
    order, _ = sort_rows(np.where(counts, 0, -1).astype(np.int32), outcomes.cell_image, 1, outcomes.n_images)
    n_dt = np.diff(outcomes.offsets)
    n, n_words, n_areas = int(n_dt[order].sum()), outcomes.matched.shape[1], outcomes.n_gt.shape[1]
    moved: dict[str, Any] = {
        "offsets": np.empty(len(order) + 1, np.int64), "cell_image": np.empty(len(order), np.int32),
        "n_gt": np.empty((len(order), n_areas), np.int32), "scores": np.empty(n),
        "matched": np.empty((n, n_words), np.uint64), "ignored": np.empty((n, n_words), np.uint64),
    }  # fmt: skip
    kernels.move_cells(
        order, outcomes.offsets[:-1], n_dt, outcomes.cell_image, outcomes.n_gt, outcomes.scores,
        outcomes.matched, outcomes.ignored, *moved.values(),
    )  # fmt: skip
    image = moved["cell_image"]
    firsts = np.flatnonzero(np.diff(image, prepend=-1))
    n_cells = np.zeros(outcomes.n_images, np.int64)
    n_cells[image[firsts]] = np.diff(firsts, append=len(image))
    category = np.repeat(np.arange(len(outcomes.category_ids), dtype=np.int32), np.diff(outcomes.category_cells))[order]
    return replace(outcomes, **moved), category, offsets_of(n_cells)
