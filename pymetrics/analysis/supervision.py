"""The numbers of supervision's MeanAveragePrecision of boxes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .._records import record, value_record
from ..evaluation import stages
from ..evaluation.cells import Cells, group
from ..evaluation.columns import CROWD, IGNORE, Columns, Side
from ..evaluation.protocol import COCO_AREA_NAMES, Protocol
from ..evaluation.result import Result
from ..evaluation.shapes.boxes import Boxes
from ..evaluation.summary import UNDEFINED
from .counted import require_data, require_integer

if TYPE_CHECKING:
    from .._arrays import F64, I64, Ids

SIZES = COCO_AREA_NAMES  # axis 0 of the numbers: "all", "small", "medium", "large"
EPSILON = np.spacing(1.0)


@record
class Supervision:
    """supervision's numbers of boxes, of the categories that have ground truths, crowds and ignored ones among them.

    category_ids: (C,). n_gt: int64 (C,), ground truths that count. scores: float64 (4, 10), means over categories, and
    average: float64 (4, C, 10), average precisions; both of all objects, small, medium and large ones, at the IoU
    thresholds .5 to .95; -1 without ground truth.
    """

    category_ids: Ids
    category_names: Any
    n_gt: I64
    scores: F64
    average: F64

    @property
    def map(self) -> float:
        """map50_95: the mean over the thresholds."""
        return self._mean(0)

    @property
    def map_50(self) -> float:
        """map50."""
        return float(self.scores[0, 0])

    @property
    def map_75(self) -> float:
        """map75."""
        return float(self.scores[0, 5])

    @property
    def map_small(self) -> float:
        """map50_95 of small objects."""
        return self._mean(1)

    @property
    def map_medium(self) -> float:
        """map50_95 of medium objects."""
        return self._mean(2)

    @property
    def map_large(self) -> float:
        """map50_95 of large objects."""
        return self._mean(3)

    @property
    def per_class(self) -> list[dict[str, Any]]:
        """A row for each category that has ground truths: id, name, n_gt, map_50, map."""
        rows = zip(self.category_ids.tolist(), self.n_gt.tolist(), self.average[0], strict=True)
        return [
            {
                "id": id, "name": self.category_names.get(id), "n_gt": n, "map_50": float(values[0]),
                "map": float(values.mean()),
            }
            for id, n, values in rows
        ]  # fmt: skip

    def _mean(self, size: int) -> float:
        values = self.scores[size]
        defined = values[values > UNDEFINED]
        return float(defined.mean()) if len(defined) else UNDEFINED

    def __repr__(self) -> str:
        return f"<Supervision map={self.map:.4f} map_50={self.map_50:.4f} map_75={self.map_75:.4f}>"


def supervision(result: Result, max_dets: int = 100) -> Supervision:
    """The numbers of supervision 0.31.2, `supervision.metrics.MeanAveragePrecision` with boxes.

    Its rule is COCO's, and ground truths to be ignored are ignored. It differs in these: widths and heights are those
    between the corners, computed anew from x + width; 2^-52 is added to each union; a given area of ground truths or
    detections is rounded to float32; precisions are kept in float32, and means are taken of them. Categories are
    those with ground truths. Equal to the package to the last bit, for images in the order of their ids.

    Args:
        result: of `evaluate`, or of an Accumulator with keep_data=True: the data is beside the result.
        max_dets: the most detections of an image and category, the last of its `max_detection_thresholds`.

    Raises:
        TypeError: max_dets is no integer.
        ValueError: max_dets is out of range; the data is not at hand, or is no boxes.
    """
    max_dets = require_integer("max_dets", max_dets, 1, 2**31 - 1)
    columns, _ = require_data(result, "supervision")
    if columns.shape.iou_type != "bbox":
        raise ValueError(f"supervision needs boxes, got the IoU type {columns.shape.iou_type!r}")
    protocol, columns = Protocol(max_dets=(max_dets,)), _as_it_reads(columns)
    outcomes, _ = stages.match(columns, group(columns, max_dets), protocol)
    precision, _, _ = stages.accumulate(outcomes, keep_scores=False)
    n_rows, n_gt = (np.zeros(len(columns.axes.category_ids), np.int64) for _ in range(2))
    known, counts = columns.gt.category >= 0, columns.gt.flags == 0
    np.add.at(n_rows, columns.gt.category[known], 1)
    np.add.at(n_gt, columns.gt.category[known & counts], 1)
    with_truths = np.flatnonzero(n_rows)
    kept = precision[..., 0][:, :, with_truths].astype(np.float32)  # (T, R, C, A)
    n_thresholds, n_sizes = kept.shape[0], kept.shape[3]
    scores, average = np.empty((n_sizes, n_thresholds)), np.empty((n_sizes, len(with_truths), n_thresholds))
    for a in range(n_sizes):
        of_size = np.ascontiguousarray(kept[..., a])
        scores[a], average[a] = means_of_defined(of_size, (1, 2)), means_of_defined(of_size, 1).T
    return Supervision(
        columns.axes.category_ids[with_truths], columns.axes.category_names, n_gt[with_truths], scores, average
    )


def means_of_defined(values: Any, axes: Any) -> Any:
    """Means over axes of the values that are not -1, or -1; added in float64."""
    defined = values != np.float32(UNDEFINED)
    sums = np.where(defined, values, np.float32(0)).sum(axis=axes, dtype=np.float64)
    counts = defined.sum(axis=axes)
    return np.divide(sums, counts, out=np.full(sums.shape, UNDEFINED), where=counts > 0)


def _as_it_reads(columns: Columns) -> Columns:
    """The columns without what it does not know: ids of annotations; areas that were given rounded to float32."""
    gt, dt = columns.gt, columns.dt
    flags = gt.flags & (CROWD | IGNORE) if len(gt.flags) else np.zeros(len(gt.image), np.uint8)
    return replace(
        columns, shape=CornerBoxes(), gt=replace(gt, flags=flags, area=rounded_area(gt, columns)),
        dt=replace(dt, flags=np.empty(0, np.uint8), area=rounded_area(dt, columns) if len(dt.area) else dt.area),
    )  # fmt: skip


def rounded_area(side: Side, columns: Columns) -> F64:
    """float64 (N,): areas that were given rounded to float32, else those of the boxes."""
    own = columns.shape.area(side.shape)
    is_given = not np.array_equal(side.area, own)
    return side.area.astype(np.float32).astype(np.float64) if is_given else own


@value_record
class CornerBoxes(Boxes):
    """Boxes, compared as supervision compares them."""

    match: ClassVar[None] = None  # type: ignore[assignment]  # no fused kernel

    def overlaps(self, dt: Side, gt: Side, cells: Cells, least: float = 0.0) -> F64:
        n_dt, n_gt = np.diff(cells.dt_offsets), np.diff(cells.gt_offsets)
        n_pairs = np.repeat(n_gt, n_dt)  # of each detection
        d = np.repeat(np.arange(len(cells.dt_rows)), n_pairs)
        first = np.repeat(cells.gt_offsets[:-1], n_dt) - (np.cumsum(n_pairs) - n_pairs)
        g = np.arange(len(d)) + np.repeat(first, n_pairs)
        (dt_corners, dt_area), (gt_corners, gt_area) = (
            _corners(side.shape[rows]) for side, rows in ((dt, cells.dt_rows), (gt, cells.gt_rows))
        )
        d_box, g_box = dt_corners[d], gt_corners[g]
        width, height = (
            np.maximum(np.minimum(d_box[:, j + 2], g_box[:, j + 2]) - np.maximum(d_box[:, j], g_box[:, j]), 0.0)
            for j in (0, 1)
        )
        common = width * height
        is_crowd = (gt.flags[cells.gt_rows] & CROWD != 0)[g]
        union = np.where(is_crowd, dt_area[d] + EPSILON, dt_area[d] + gt_area[g] - common + EPSILON)
        return common / union


def _corners(boxes: F64) -> tuple[F64, F64]:
    """float64 (N, 4): x1, y1, x2, y2; float64 (N,): areas between them. boxes: x, y, width, height."""
    first, last = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    sizes = np.maximum(last - first, 0.0)
    return np.concatenate([first, last], axis=1), sizes[:, 0] * sizes[:, 1]
