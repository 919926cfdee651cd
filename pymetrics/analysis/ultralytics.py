"""The numbers of Ultralytics' validation of boxes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import kernels
from .._records import record
from ..evaluation.cells import group
from ..evaluation.columns import Columns
from ..evaluation.protocol import PRESETS
from ..evaluation.result import Result
from .confusion_rules import corners, counts_for_tools
from .counted import require_data, require_integer, require_number

if TYPE_CHECKING:
    from .._arrays import F64, I64, Ids

THRESHOLDS = np.array(PRESETS["torchmetrics"].iou_thresholds, np.float32)  # torch.linspace(.5, .95, 10)
RECALLS = np.linspace(0, 1, 101)
CONFIDENCES = np.linspace(0, 1, 1000)
MATCHINGS = ("confidence_first", "overlap_first")
TINY = 1e-16
HALF_WINDOW = 50  # of 1,000 confidences: smoothed over 101


@record
class Ultralytics:
    """Ultralytics' numbers of boxes, of the categories with ground truth. Of none, all are 0.

    category_ids: (C,). n_gt: int64 (C,). average: float64 (C, 10), average precisions at the IoU thresholds .5 to .95.
    precision, recall, f1: float64 (C,), at `confidence`, where the mean F1, smoothed, is first highest.
    """

    category_ids: Ids
    category_names: Any
    n_gt: I64
    average: F64
    precision: F64
    recall: F64
    f1: F64
    confidence: float

    @property
    def map(self) -> float:
        """mAP50-95: the mean over categories and thresholds."""
        return float(self.average.mean()) if len(self.n_gt) else 0.0

    @property
    def map_50(self) -> float:
        """mAP50."""
        return float(self.average[:, 0].mean()) if len(self.n_gt) else 0.0

    @property
    def map_75(self) -> float:
        """mAP75."""
        return float(self.average[:, 5].mean()) if len(self.n_gt) else 0.0

    @property
    def mean_precision(self) -> float:
        """The mean of the precisions."""
        return float(self.precision.mean()) if len(self.n_gt) else 0.0

    @property
    def mean_recall(self) -> float:
        """The mean of the recalls."""
        return float(self.recall.mean()) if len(self.n_gt) else 0.0

    @property
    def per_class(self) -> list[dict[str, Any]]:
        """A row for each category with ground truth: id, name, n_gt, precision, recall, f1, map_50, map."""
        columns = {
            "n_gt": self.n_gt, "precision": self.precision, "recall": self.recall, "f1": self.f1,
            "map_50": self.average[:, 0], "map": self.average.mean(axis=1),
        }  # fmt: skip
        lines = zip(*(values.tolist() for values in columns.values()), strict=True)
        return [
            {"id": id, "name": self.category_names.get(id), **dict(zip(columns, line, strict=True))}
            for id, line in zip(self.category_ids.tolist(), lines, strict=True)
        ]

    def __repr__(self) -> str:
        return (
            f"<Ultralytics P={self.mean_precision:.3f} R={self.mean_recall:.3f} mAP50={self.map_50:.3f} "
            f"mAP50-95={self.map:.3f} at confidence {self.confidence:.3f}>"
        )


def ultralytics(
    result: Result, confidence: float = 0.001, max_dets: int = 300, matching: str = "confidence_first"
) -> Ultralytics:
    """The numbers that Ultralytics 8.4.190 prints for these boxes: P, R, mAP50, mAP50-95.

    Its matching is not the protocol's: overlaps in float32 with 1e-7 in the denominator; at each of ten thresholds by
    itself, by falling confidence, a detection takes the free ground truth of its category with the highest overlap of
    at least the threshold (of equals the first). Its average precision: the falling envelope, from precision 1 at
    recall 0 to 0 beyond the last recall, interpolated at 101 recalls, trapezoids (a perfect category has .995). The
    mean is over categories with ground truth. P, R and F1 are those at the confidence where the mean of the F1 curves,
    smoothed by a window of 101 of 1,000 confidences, is first highest. Crowds and ground truths to be ignored, which it
    does not know, are left out. Equal to its `ap_per_class`; of equal confidences the earlier image and row comes first
    (its sort is not stable).

    Args:
        result: of `evaluate`, or of an Accumulator with keep_data=True: the data is beside the result.
        confidence: detections above it count.
        max_dets: the most detections of an image, of all categories together.
        matching: "confidence_first", as above. "overlap_first": as older releases match (8.4.80, 8.4.140):
            each detection points at the ground truth of its category with the highest overlap (of equals the last),
            taken or not; of those that point at one the most confident counts.

    Raises:
        TypeError: max_dets is no integer.
        ValueError: an argument is out of range; the data is not at hand, or is no boxes.
    """
    if matching not in MATCHINGS:
        raise ValueError(f"matching must be one of {MATCHINGS}, got {matching!r}")
    least, max_dets = require_number("confidence", confidence), require_integer("max_dets", max_dets, 1, 2**31 - 1)
    columns, _ = require_data(result, "ultralytics")
    if columns.shape.iou_type != "bbox":
        raise ValueError(f"ultralytics needs boxes, got the IoU type {columns.shape.iou_type!r}")
    hits, scores, category = _hits(columns, least, max_dets, matching)
    n_gt = np.zeros(len(columns.axes.category_ids), np.int64)
    np.add.at(n_gt, columns.gt.category[counts_for_tools(columns) & (columns.gt.category >= 0)], 1)
    order = np.argsort(-scores, kind="stable")
    hits, scores, category = hits[order], scores[order], category[order]
    with_truth = np.flatnonzero(n_gt)
    average = np.zeros((len(with_truth), len(THRESHOLDS)))
    curves = np.zeros((2, len(with_truth), len(CONFIDENCES)))  # precision, recall
    for row, k in enumerate(with_truth.tolist()):
        rows = np.flatnonzero(category == k)
        if len(rows) == 0:
            continue
        recall, precision = recall_and_precision(hits[rows], n_gt[k])
        falling = -scores[rows]
        curves[0, row] = np.interp(-CONFIDENCES, falling, precision[:, 0], left=1)
        curves[1, row] = np.interp(-CONFIDENCES, falling, recall[:, 0], left=0)
        for t in range(len(THRESHOLDS)):
            average[row, t] = average_precision(recall[:, t], precision[:, t], RECALLS)
    f1 = 2 * curves[0] * curves[1] / (curves[0] + curves[1] + TINY)
    best = int(_smoothed(f1.mean(axis=0)).argmax()) if len(with_truth) else 0
    return Ultralytics(
        columns.axes.category_ids[with_truth], columns.axes.category_names, n_gt[with_truth], average,
        curves[0, :, best], curves[1, :, best], f1[:, best], float(CONFIDENCES[best]),
    )  # fmt: skip


def _hits(columns: Columns, least: float, max_dets: int, matching: str) -> tuple[Any, Any, Any]:
    """int64 (N, 10): hits at each threshold; float32 (N,): confidences; int32 (N,): categories. By image."""
    scores, none = columns.dt.scores.astype(np.float32), np.int32(-1)
    left = replace(
        columns,
        gt=replace(columns.gt, category=np.where(counts_for_tools(columns), columns.gt.category, none)),
        dt=replace(
            columns.dt, category=np.where(scores > np.float32(least), columns.dt.category, none),
            scores=scores.astype(np.float64),
        ),
    )  # fmt: skip
    cells = group(left, max_dets, by="image")
    hits = np.zeros((len(cells.dt_rows), len(THRESHOLDS)), np.int64)
    dt, gt = corners(columns.dt.shape), corners(columns.gt.shape)
    for part, d, _ in cells.blocks():
        offsets = part.pair_offsets()
        overlaps, match_of = np.empty(offsets[-1]), np.empty(len(part.dt_rows), np.int32)
        kernels.corner_iou(
            dt[part.dt_rows], gt[part.gt_rows], part.dt_offsets, part.gt_offsets, offsets, 0, overlaps, 0, len(part)
        )
        categories = columns.dt.category[part.dt_rows], columns.gt.category[part.gt_rows]
        for t, threshold in enumerate(np.nextafter(THRESHOLDS, np.float32(0))):  # above the number before: from it on
            shared: tuple[Any, ...] = (
                overlaps, offsets, categories[0], part.dt_offsets, categories[1], part.gt_offsets, float(threshold)
            )  # fmt: skip
            if matching == "confidence_first":
                kernels.match_unclaimed(*shared, 0, match_of, 0, len(part))
            else:
                kernels.match_overlap_first(*shared, match_of, 0, len(part))
            hits[d, t] = match_of >= 0
    return hits, scores[cells.dt_rows], columns.dt.category[cells.dt_rows]


def recall_and_precision(hits: Any, n_gt: Any) -> tuple[F64, F64]:
    """float64 (n, T) each, after each detection. hits: 0 or 1, (n, T), by falling confidence. n_gt: above 0."""
    tp = hits.cumsum(axis=0)
    return tp / (n_gt + TINY), tp / np.arange(1, len(hits) + 1)[:, None]


def average_precision(recall: F64, precision: F64, at: Any) -> float:
    """Trapezoids under the falling envelope at recalls `at`, float64 (R,). recall, precision: float64 (n,), n > 0."""
    recalls = np.concatenate([[0.0], recall, [recall[-1], 1.0]])
    envelope = np.maximum.accumulate(np.concatenate([[1.0], precision, [0.0, 0.0]])[::-1])[::-1]
    heights = np.interp(at, recalls, envelope)
    return float((np.diff(at) * (heights[1:] + heights[:-1]) / 2.0).sum())  # as numpy.trapezoid adds


def _smoothed(values: F64) -> F64:
    """Means over a window, the ends repeated."""
    n = 2 * HALF_WINDOW + 1
    ends = np.ones(HALF_WINDOW)
    smooth: F64 = np.convolve(np.concatenate([ends * values[0], values, ends * values[-1]]), np.ones(n) / n, "valid")
    return smooth
