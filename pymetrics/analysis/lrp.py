"""Localisation recall precision: one error made of localisation, false positives and missed objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import kernels
from .._records import record
from ..evaluation.result import Result
from ..evaluation.summary import UNDEFINED
from .counted import overlaps_at

if TYPE_CHECKING:
    from .._arrays import F64, Ids


@record
class Lrp:
    """The optimal localisation recall precision of each category, and means over categories.

    iou: the threshold. category_ids: (K,). values: float64 (K, 5): olrp, loc, fp, fn, threshold of each category; -1
    where undefined: without ground truth all; without true positives loc, fp and threshold.
    """

    iou: float
    category_ids: Ids
    category_names: Any
    values: F64

    @property
    def molrp(self) -> float:
        """The mean of olrp over the categories where it is defined, or -1."""
        return self._mean(0)

    @property
    def loc(self) -> float:
        """The mean of the localisation errors 1 - overlap, or -1."""
        return self._mean(1)

    @property
    def fp(self) -> float:
        """The mean of 1 - precision, or -1."""
        return self._mean(2)

    @property
    def fn(self) -> float:
        """The mean of 1 - recall, or -1."""
        return self._mean(3)

    @property
    def per_class(self) -> list[dict[str, Any]]:
        """A row for each category, axis K: id, name, olrp, loc, fp, fn, threshold: the score where olrp is reached."""
        names = ("olrp", "loc", "fp", "fn", "threshold")
        return [
            {"id": id, "name": self.category_names.get(id), **dict(zip(names, line, strict=True))}
            for id, line in zip(self.category_ids.tolist(), self.values.tolist(), strict=True)
        ]

    def _mean(self, column: int) -> float:
        values = self.values[:, column]
        values = values[values > UNDEFINED]
        return float(np.mean(values)) if len(values) else UNDEFINED

    def __repr__(self) -> str:
        return f"<Lrp iou={self.iou:g}: molrp={self.molrp:.4f} loc={self.loc:.4f} fp={self.fp:.4f} fn={self.fn:.4f}>"


def lrp(result: Result, iou: float = 0.5) -> Lrp:
    """The optimal localisation recall precision (oLRP), lower is better, 0 is perfect, 1 is worst.

    Of the detections down to a score, with the protocol's matching, the area range "all" and the last limit:
    LRP = (sum over TP of (1 - overlap) / (1 - iou) + FP + FN) / (TP + FP + FN). oLRP is its first minimum along falling
    scores. There loc is the mean of 1 - overlap over the true positives, fp = FP / (TP + FP), fn = FN / ground truths.

    Source: K. Oksuz, B. Cam, S. Kalkan, E. Akbas, PAMI 2021; equal to the authors' code for COCO.

    Args:
        result: of `evaluate`, which keeps the data beside the result, or with matches that were kept.
        iou: the IoU threshold, in [0, 1).

    Raises:
        ValueError: iou is no such number; or neither the data nor matches at this threshold are at hand.
    """
    if iou == 1:
        raise ValueError("iou must be below 1, for the error divides by 1 - iou")
    counted, overlap = overlaps_at(result, iou, "lrp")
    outcomes = counted.outcomes
    lowest = np.empty((len(outcomes.category_ids), 5))
    kernels.lowest_lrp(
        outcomes.scores, outcomes.matched, outcomes.ignored, outcomes.offsets, outcomes.category_cells, counted.n_gt(),
        counted.bit, overlap, counted.iou, lowest, 0, len(lowest),
    )  # fmt: skip
    return Lrp(counted.iou, outcomes.category_ids, outcomes.category_names, lowest)
