"""Confusion matrix with background: what each object was taken for, and what each detection really was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import kernels
from .._records import record
from ..evaluation import stages
from ..evaluation.cells import Cells, group
from ..evaluation.columns import Columns
from ..evaluation.matches import is_set, source_rows
from ..evaluation.protocol import Protocol, tables
from ..evaluation.result import Result
from .confusion_rules import RULES, pairs_by_rule
from .counted import require_data, require_number, single_threshold

if TYPE_CHECKING:
    from .._arrays import F64, I32, I64, Ids


@record
class Mistakes:
    """Objects and detections off the diagonal, N rows: pairs of two categories, false positives, missed objects.

    image: ids, (N,). actual, predicted: int64 (N,), rows and columns of the matrix; K is background. gt, dt: int64
    (N,), rows of the user's data, as in `Result.matches`; -1 for background. score: float64 (N,), of the detection, or
    0. overlap: float64 (N,), of the pair, or 0.
    """

    image: Ids
    actual: I64
    predicted: I64
    gt: I64
    dt: I64
    score: F64
    overlap: F64

    def __len__(self) -> int:
        return len(self.actual)

    def __repr__(self) -> str:
        return f"<Mistakes of {len(self)} rows>"


@record
class Confusion:
    """Counts of (actual category, predicted category) at one IoU threshold and score, with background.

    iou, score: the thresholds. category_ids: (K,). names: K + 1 texts, names of the categories (their ids, where there
    are no names), then "background". matrix: int64 (K + 1, K + 1). A row is an actual category, a column a predicted
    one; both end in background. The row of background holds detections without an object, its column objects without a
    detection. The diagonal is `result.at(score, iou).tp` by category. A row adds up to the ground truths that count, a
    column to the detections from the score on that are not ignored. mistakes: what is off the diagonal.
    """

    iou: float
    score: float
    category_ids: Ids
    names: tuple[str, ...]
    matrix: I64
    mistakes: Mistakes

    def top(self, n: int = 10, background: bool = False) -> list[dict[str, Any]]:
        """The pairs of categories that are confused most often: rows of actual, predicted, count, images.

        actual and predicted are names; images the ids of the images where it happens, ascending. By falling count, of
        equal counts in the order of the matrix.

        Args:
            n: at most so many.
            background: also false positives (actual: background) and missed objects (predicted: background).

        Raises:
            ValueError: n is no integer from 0 on.
        """
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 0:
            raise ValueError(f"n must be an integer from 0 on, got {n!r}")
        width = len(self.names) - (0 if background else 1)
        counts = self.matrix[:width, :width].copy()
        np.fill_diagonal(counts, 0)
        order = np.argsort(-counts.ravel(), kind="stable")[: min(int(n), np.count_nonzero(counts))]
        rows = []
        for actual, predicted in (divmod(place, width) for place in order.tolist()):
            here = (self.mistakes.actual == actual) & (self.mistakes.predicted == predicted)
            rows.append(
                {"actual": self.names[actual], "predicted": self.names[predicted],
                 "count": int(counts[actual, predicted]), "images": np.unique(self.mistakes.image[here]).tolist()}
            )  # fmt: skip
        return rows

    def __repr__(self) -> str:
        right, n_gt = int(np.trace(self.matrix)), int(self.matrix[:-1].sum())
        counts = f"{right} of {n_gt} objects found as what they are"
        return f"<Confusion iou={self.iou:g} score={self.score:g}: {len(self.category_ids)} categories, {counts}>"


def confusion(
    result: Result, iou: float | None = None, score: float | None = None, rule: str = "protocol"
) -> Confusion:
    """The confusion matrix of the detections that reach a score.

    First the protocol's own matching within categories, at this threshold and the area range "all". Then each
    detection that is left, by falling score (of equal scores the earlier row), takes the ground truth that is left,
    counts and is of another category in its image, with the highest overlap of at least iou (of equals the later).
    What is left after that is paired with background.

    By another tool's rule the numbers are that tool's; boxes alone, all detections of an image; crowds and ground
    truths to be ignored, which these tools do not know, are left out. "ultralytics" (8.4.190,
    ConfusionMatrix.process_batch; its rows are our columns): by falling score each detection takes the free ground
    truth of any category with the highest overlap above iou (of equals the first). "supervision" (0.31.2,
    ConfusionMatrix.from_detections): pairs with an overlap above iou, those of one category first, then by falling
    overlap; scores play no part. Both compute in float32, of corners; where these were given as float32, an overlap may
    differ from theirs in its last bit, for boxes are kept as x, y, width, height.

    Args:
        result: of `evaluate`, or of an Accumulator with keep_data=True: the data is beside the result.
        iou: the IoU threshold; any number in [0, 1]; None for .5, .45 by "ultralytics".
        score: detections count from this score on, itself included, by "ultralytics" above it; None for .25, .3 by
            "supervision".
        rule: "protocol", "ultralytics" or "supervision".

    Raises:
        ValueError: an argument is none of these; the data is not at hand; or a tool's rule is asked for and the data is
            no boxes.
    """
    if rule != "protocol" and rule not in RULES:
        raise ValueError(f'rule must be "protocol", "ultralytics" or "supervision", got {rule!r}')
    own = RULES.get(rule)
    iou = require_number("iou", (own.iou if own else 0.5) if iou is None else iou, 0, 1)
    score = require_number("score", (own.score if own else 0.25) if score is None else score)
    columns, cells = require_data(result, "confusion")
    n_categories = len(columns.axes.category_ids)
    if own is not None:
        if columns.shape.iou_type != "bbox":
            raise ValueError(f"rule={rule!r} needs boxes, got the IoU type {columns.shape.iou_type!r}")
        gt, dt, overlap = pairs_by_rule(columns, rule, iou, score)
        is_right = (gt >= 0) & (dt >= 0)
        is_right[is_right] = columns.gt.category[gt[is_right]] == columns.dt.category[dt[is_right]]
        diagonal = columns.dt.category[dt[is_right]]
        mistakes = _mistakes(columns, gt[~is_right], dt[~is_right], overlap[~is_right], n_categories)
    else:
        t = result.protocol.place_of_threshold(iou)
        protocol = single_threshold(result.protocol, iou if t is None else result.protocol.iou_thresholds[t])
        iou = protocol.iou_thresholds[0]
        diagonal, mistakes = _by_protocol(columns, cells, protocol, score)
    pairs = [diagonal.astype(np.int64) * (n_categories + 2), mistakes.actual * (n_categories + 1) + mistakes.predicted]
    counts = np.bincount(np.concatenate(pairs), minlength=(n_categories + 1) ** 2)
    names = _names(columns.axes.category_ids.tolist(), columns.axes.category_names)
    matrix = counts.reshape(n_categories + 1, n_categories + 1).astype(np.int64)
    return Confusion(iou, score, columns.axes.category_ids, names, matrix, mistakes)


def _by_protocol(columns: Columns, cells: Cells, protocol: Protocol, score: float) -> tuple[I32, Mistakes]:
    """The categories of what is right, int32 (TP,), and all else, at the protocol's only threshold."""
    cells = _from_score(cells, score)
    outcomes, found = stages.match(columns, cells, protocol, keep_matches=True)
    assert found is not None
    hits, ignored = is_set(outcomes.matched, 0), is_set(outcomes.ignored, 0)
    right = hits & ~ignored
    is_free = ~is_set(stages.ignored_words(columns, cells, protocol), 0)
    gt_free = np.zeros(len(columns.gt.image), np.bool_)
    gt_free[cells.gt_rows] = is_free
    gt_free[found.gt_of[right, 0]] = False
    dt_free = np.zeros(len(columns.dt.image), np.bool_)
    dt_free[cells.dt_rows[~hits & ~ignored]] = True
    gt, dt, overlap = _match_across(columns, gt_free, dt_free, float(tables(protocol).thresholds[0]))
    mistakes = _mistakes(columns, gt, dt, overlap, len(columns.axes.category_ids))
    return columns.dt.category[cells.dt_rows[right]], mistakes


def _from_score(cells: Cells, score: float) -> Cells:
    """The cells without detections of lower scores. Those come last in a cell, so that no other match changes."""
    reaches = ~(cells.scores < score)
    before = np.concatenate([[0], np.cumsum(reaches)])
    return replace(
        cells, dt_offsets=before[cells.dt_offsets], dt_rows=cells.dt_rows[reaches], scores=cells.scores[reaches]
    )


def _match_across(columns: Columns, gt_free: Any, dt_free: Any, threshold: float) -> tuple[I32, I32, F64]:
    """Pairs of rows that are free and of different categories, then what is left, paired with -1; their overlaps.

    gt_free, dt_free: bool, by row of the columns.
    """
    left = replace(
        columns,
        gt=replace(columns.gt, category=np.where(gt_free, columns.gt.category, np.int32(-1))),
        dt=replace(columns.dt, category=np.where(dt_free, columns.dt.category, np.int32(-1))),
    )
    cells = group(left, len(dt_free), by="image")
    match_of, overlap = np.empty(len(cells.dt_rows), np.int32), np.empty(len(cells.dt_rows))
    for part, d, g in cells.blocks():
        _match_block(left, part, threshold, match_of[d], overlap[d])
        match_of[d][match_of[d] >= 0] += g.start
    took = match_of >= 0
    is_missed = np.ones(len(cells.gt_rows), np.bool_)
    is_missed[match_of[took]] = False
    missed, none = cells.gt_rows[is_missed], np.int32(-1)
    gt = np.concatenate([np.where(took, cells.gt_rows[match_of], none) if len(is_missed) else match_of, missed])
    dt = np.concatenate([cells.dt_rows, np.full(len(missed), none)])
    return gt, dt, np.concatenate([overlap, np.zeros(len(missed))])


def _match_block(columns: Columns, cells: Cells, threshold: float, match_of: I32, overlap: F64) -> None:
    overlaps = columns.shape.overlaps(columns.dt, columns.gt, cells)
    kernels.match_across(
        overlaps, cells.pair_offsets(), columns.dt.category[cells.dt_rows], cells.dt_offsets,
        columns.gt.category[cells.gt_rows], cells.gt_offsets, threshold, match_of, overlap, 0, len(cells),
    )  # fmt: skip


def _mistakes(columns: Columns, gt: I32, dt: I32, overlap: F64, background: int) -> Mistakes:
    """gt, dt: rows of the columns, or -1."""
    dt_side, gt_side, is_gt, is_dt = columns.dt, columns.gt, gt >= 0, dt >= 0

    def read(values: Any, is_row: Any, otherwise: Any) -> Any:
        out = np.full(len(is_row), otherwise)
        out[is_row] = values
        return out

    image = read(dt_side.image[dt[is_dt]], is_dt, 0)
    image[is_gt] = gt_side.image[gt[is_gt]]
    return Mistakes(
        image=columns.axes.image_ids[image],
        actual=read(gt_side.category[gt[is_gt]], is_gt, background),
        predicted=read(dt_side.category[dt[is_dt]], is_dt, background),
        gt=read(source_rows(gt_side.source_row, gt[is_gt]), is_gt, -1),
        dt=read(source_rows(dt_side.source_row, dt[is_dt]), is_dt, -1),
        score=read(dt_side.scores[dt[is_dt]], is_dt, 0.0),
        overlap=overlap,
    )


def _names(ids: Sequence[Any], name_of: Any) -> tuple[str, ...]:
    return (*(str(name_of.get(id, id)) for id in ids), "background")
