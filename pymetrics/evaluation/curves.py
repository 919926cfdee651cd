"""Precision over recall at one IoU threshold: the curves behind the means."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy

from .._records import record
from .outcomes import Outcomes
from .summary import UNDEFINED

if TYPE_CHECKING:
    import numpy.typing

    from ..analysis import Confidence

    Array = numpy.typing.NDArray[numpy.float64]


@record
class Curves:
    """Precision at the protocol's recall thresholds, for one IoU threshold, area range and limit on detections.

    iou, area, max_dets: which.
    recall: float64 [R].
    precision: float64 [K, R], as pycocotools interpolates it: the best at this recall or a higher one, 0 where the
        recall is not reached.
    scores: float64 [K, R], the score of the detection that reaches this recall.
    mean: float64 [R], the precision averaged over the categories that have ground truth.

    outcomes: what the curves were made from; None where it is not at hand.

    -1 stands for undefined: no ground truth.
    """

    iou: float
    area: str
    max_dets: int
    recall: Array
    precision: Array
    scores: Array
    mean: Array
    outcomes: Outcomes | None

    @cached_property
    def confidence(self) -> Confidence:
        """Precision, recall and F1 at every distinct score: .micro, .macro and .per_class, made on first use.

        Raises:
            ValueError: the outcomes are not at hand.
        """
        if self.outcomes is None:
            raise ValueError("these curves were made without the outcomes of single detections, which this reads")
        from ..analysis import confidence_of

        return confidence_of(self.outcomes, self.iou, self.area, self.max_dets)


def curves(
    precision: Any, scores: Any, outcomes: Outcomes, iou: float | None, area: str | None, max_dets: int | None
) -> Curves:
    """One slice of precision and scores, float64 [T, R, K, A, M]; the rest as `Result.curves`."""
    protocol = outcomes.protocol
    names, limits = protocol.area_names, protocol.max_dets
    if iou is None:
        iou = protocol.main_iou
    if area is None:
        area = names[protocol.whole_area]
    t = protocol.place_of_threshold(iou)
    if t is None:
        raise protocol.unknown_threshold(iou)
    if area not in names:
        raise ValueError(f"area must be one of the protocol's {names}, got {area!r}")
    if max_dets is not None and max_dets not in limits:
        raise ValueError(f"max_dets must be one of the protocol's {limits}, got {max_dets!r}")
    a, m = names.index(area), len(limits) - 1 if max_dets is None else limits.index(max_dets)
    lines, cutoffs = (numpy.ascontiguousarray(values[t, :, :, a, m].T) for values in (precision, scores))
    defined = lines[(lines != UNDEFINED).any(axis=1)]
    mean = defined.mean(axis=0) if len(defined) else numpy.full(lines.shape[1], UNDEFINED)
    return Curves(
        protocol.iou_thresholds[t],
        area,
        limits[m],
        numpy.array(protocol.recall_thresholds),
        lines,
        cutoffs,
        mean,
        outcomes,
    )
