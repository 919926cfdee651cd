"""Labels that may be wrong: what a model finds where no label is, and labels that no model finds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._records import record
from ..evaluation import stages
from ..evaluation.cells import group
from ..evaluation.columns import Columns
from ..evaluation.matches import is_set, source_rows
from ..evaluation.result import Result
from .compare import require_same
from .confidence import BestThreshold, best_threshold
from .counted import require_data, require_number, require_result, single_threshold

if TYPE_CHECKING:
    from .._arrays import F64


@record
class Suspects:
    """Labels that may be missing or wrong. Rows are dicts.

    missing: places where a label may be missing, the highest score first: result (its name), image, file_name,
    category, dt (the row of the detection), score, overlap (the highest with any ground truth of the image).
    doubtful: labels that no result finds, by image: image, file_name, category, gt (the row of the ground truth).
    file_name: of the image in COCO data; None where the data has none.
    """

    missing: list[dict[str, Any]]
    doubtful: list[dict[str, Any]]

    def __repr__(self) -> str:
        return f"<Suspects: {len(self.missing)} labels may be missing, {len(self.doubtful)} are found by no model>"


def suspects(
    results: Result | Mapping[str, Result], iou: float = 0.5, overlap: float = 0.1, score: float = 0.05
) -> Suspects:
    """Labels to look at again.

    A label may be missing where a false positive has at least the score of the highest macro F1, and an overlap below
    `overlap` with every ground truth of its image, of any category. A label is doubtful if no result has a detection
    that finds it at the IoU threshold with at least the score `score`.

    Args:
        results: a Result of `evaluate`, which keeps the data beside it; or several by name, on the same ground truth.
        iou: the IoU threshold of finding, in [0, 1].
        overlap: false positives with as much as this are near a label.
        score: the least score of a detection that finds a label.

    Raises:
        TypeError: results is neither a Result nor a dict of them.
        ValueError: a number is out of range; the data is not at hand; or the results differ in protocol or truth.
    """
    overlap, score = require_number("overlap", overlap, 0, 1), require_number("score", score)
    named = {"": results} if isinstance(results, Result) else results
    if not isinstance(named, Mapping) or not named:
        raise TypeError(f"results must be a Result or a dict of Results by name, got {type(results).__name__}")
    for name, result in named.items():
        require_result(result, f"results[{name!r}]")
    (first_name, first), *others = named.items()
    for name, other in others:
        require_same(first_name, first, name, other)
    found = [_of_one(name, result, iou, overlap, score) for name, result in named.items()]
    missing = [row for rows, _ in found for row in rows]
    missing.sort(key=lambda row: -row["score"])
    lost = set.intersection(*({row["gt"] for row in rows} for _, rows in found))
    return Suspects(missing, [row for row in found[0][1] if row["gt"] in lost])


def _of_one(name: str, result: Result, iou: float, least: float, score: float) -> tuple[list[Any], list[Any]]:
    columns, cells = require_data(result, "suspects")
    iou = require_number("iou", iou, 0, 1)
    t = result.protocol.place_of_threshold(iou)
    protocol = single_threshold(result.protocol, iou if t is None else result.protocol.iou_thresholds[t])
    outcomes, found = stages.match(columns, cells, protocol, keep_matches=True)
    assert found is not None
    hits, ignored = is_set(outcomes.matched, 0), is_set(outcomes.ignored, 0)

    best = best_threshold(result, "f1", iou)
    assert isinstance(best, BestThreshold)
    from_score = math.inf if best.threshold is None else best.threshold
    wrong = cells.dt_rows[~hits & ~ignored & (cells.scores >= from_score)]
    highest = _highest_overlaps(columns, wrong)
    far = np.flatnonzero(highest < least)
    ids, categories = columns.axes.image_ids.tolist(), columns.axes.category_ids.tolist()
    name_of = columns.axes.image_names
    rows, dt = wrong[far], columns.dt
    missing = [
        {
            "result": name, "image": ids[i], "file_name": name_of.get(ids[i]), "category": categories[k], "dt": row,
            "score": s, "overlap": value,
        }
        for i, k, row, s, value in zip(
            dt.image[rows].tolist(), dt.category[rows].tolist(), source_rows(dt.source_row, rows).tolist(),
            dt.scores[rows].tolist(), highest[far].tolist(), strict=True,
        )
    ]  # fmt: skip
    counts = np.zeros(len(columns.gt.image), bool)
    counts[cells.gt_rows] = ~is_set(stages.ignored_words(columns, cells, protocol), 0)
    counts[found.gt_of[hits & ~ignored & (cells.scores >= score), 0]] = False
    rows, gt = np.flatnonzero(counts), columns.gt
    rows = rows[np.argsort(gt.image[rows], kind="stable")]
    unfound = [
        {"image": ids[i], "file_name": name_of.get(ids[i]), "category": categories[k], "gt": row}
        for i, k, row in zip(
            gt.image[rows].tolist(), gt.category[rows].tolist(), source_rows(gt.source_row, rows).tolist(), strict=True
        )
    ]
    return missing, unfound


def _highest_overlaps(columns: Columns, rows: Any) -> F64:
    """float64 (N,): the highest overlap of each of these detections with the ground truths of its image, or 0."""
    chosen = np.full(len(columns.dt.image), -1, np.int32)
    chosen[rows] = 0
    cells = group(replace(columns, dt=replace(columns.dt, category=chosen)), len(chosen), by="image")
    highest = np.zeros(len(columns.dt.image))
    for part, _, _ in cells.blocks():
        overlaps, offsets = columns.shape.overlaps(columns.dt, columns.gt, part), part.pair_offsets().tolist()
        for c, (first, last) in enumerate(itertools.pairwise(offsets)):
            if last > first:
                here = part.dt_rows[part.dt_offsets[c] : part.dt_offsets[c + 1]]
                highest[here] = overlaps[first:last].reshape(len(here), -1).max(axis=1)
    return highest[rows]
