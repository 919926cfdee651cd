"""Miss rate over false positives per image (FPPI), and the log-average miss rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._records import record
from ..evaluation.result import Result
from ..evaluation.summary import UNDEFINED
from .confidence import count_along_scores
from .counted import counted_at, ratio

if TYPE_CHECKING:
    from .._arrays import F64

POINTS = tuple(10.0 ** (i / 4) for i in range(-8, 1))  # 0.01 to 1, evenly in the logarithm
FLOOR = 1e-10


@record
class MissRateCurve:
    """One category, after each of its N detections that are not ignored, by falling score.

    scores: float64 (N,). fppi: float64 (N,), false positives so far per image evaluated. miss_rate: float64 (N,), the
    share of ground truths that are not found yet. n_gt: ground truths that count. at_points: float64 (9,), the miss
    rate at the last detection whose fppi is at most the point, 1 where there is none. log_average: exp of the mean of
    ln(max(1e-10, at_points)). Without ground truth miss rates and log_average are -1.
    """

    scores: F64
    fppi: F64
    miss_rate: F64
    n_gt: int
    at_points: F64
    log_average: float

    def __repr__(self) -> str:
        return f"<MissRateCurve log_average={self.log_average:.4f} of {len(self.scores)} detections>"


@record
class MissRate:
    """Miss rate over false positives per image, per category.

    iou: the IoU threshold. points: float64 (9,), the FPPI of the average, 0.01 to 1. category_ids: (K,). per_class: K
    curves. log_average: the mean over the categories that have ground truth, or -1.
    """

    iou: float
    points: F64
    category_ids: Any
    per_class: list[MissRateCurve]
    log_average: float

    def __repr__(self) -> str:
        return f"<MissRate iou={self.iou:g}: log_average={self.log_average:.4f}>"


def miss_rate(result: Result, iou: float = 0.5) -> MissRate:
    """The miss rate at false positives per image, and its average over nine points evenly spaced in the logarithm.

    As Dollár, Wojek, Schiele and Perona define it (Pedestrian Detection: An Evaluation of the State of the Art, PAMI
    2012): exp(mean(ln(max(1e-10, m)))), m the miss rate at the last point of the curve whose FPPI is at most 0.01,
    ..., 1; 1 if there is none. Of equal scores the detection of the earlier image comes first.

    Args:
        result: of an evaluation; outcomes are enough, so also of a merged Accumulator.
        iou: the IoU threshold. Where it is not one of the protocol's, the data is matched again.

    Raises:
        ValueError: iou is no number in [0, 1]; or it is not one of the protocol's thresholds and the data is not at
            hand.
    """
    counted = counted_at(result, iou)
    scores, tp, fp, starts = count_along_scores(counted, result.protocol.limit, each=True)
    fppi = fp / max(counted.outcomes.n_images, 1)  # without images there are no detections
    n_gt = counted.n_gt().tolist()
    per_class = [
        _curve(scores[first:last], fppi[first:last], tp[first:last], total)
        for first, last, total in zip(starts[:-1].tolist(), starts[1:].tolist(), n_gt, strict=True)
    ]
    defined = [curve.log_average for curve in per_class if curve.n_gt > 0]
    mean = sum(defined) / len(defined) if defined else UNDEFINED
    return MissRate(counted.iou, np.array(POINTS), counted.outcomes.category_ids, per_class, mean)


def _curve(scores: F64, fppi: F64, tp: Any, n_gt: int) -> MissRateCurve:
    if n_gt == 0:
        undefined = np.full(len(scores), UNDEFINED)
        return MissRateCurve(scores, fppi, undefined, 0, np.full(len(POINTS), UNDEFINED), UNDEFINED)
    missed = 1 - ratio(tp, np.full(len(tp), n_gt))
    reached = [int(np.count_nonzero(fppi <= point)) for point in POINTS]  # fppi never falls
    at_points = np.array([missed[n - 1] if n else 1.0 for n in reached])
    return MissRateCurve(
        scores, fppi, missed, n_gt, at_points, float(np.exp(np.log(np.maximum(FLOOR, at_points)).mean()))
    )
