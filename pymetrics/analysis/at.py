"""Precision, recall, F1 and counts of the detections that reach one score, at one IoU threshold."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import kernels
from .._records import record
from ..evaluation.outcomes import Outcomes
from ..evaluation.result import Result
from ..evaluation.summary import UNDEFINED
from ..formats.ranges import sums_of_ranges
from .counted import MAX_BETA, Counted, counted_at, f_beta, ratio, require_number, tree_mean

if TYPE_CHECKING:
    from .._arrays import I32


@record
class Macro:
    """Means over the categories that have ground truth; a category without counted detections has precision 0.

    precision, recall, f1: floats, -1 where no category has ground truth. n_categories: how many have.
    """

    at: AtThreshold

    @property
    def n_categories(self) -> int:
        """The categories with ground truth."""
        return int(np.count_nonzero(self.at._per_category["n_gt"]))

    @property
    def precision(self) -> float:
        """The mean of the precisions."""
        counts = self.at._per_category
        return self._mean(np.maximum(ratio(counts["tp"], counts["tp"] + counts["fp"]), 0.0))

    @property
    def recall(self) -> float:
        """The mean of the recalls."""
        counts = self.at._per_category
        return self._mean(ratio(counts["tp"], counts["n_gt"]))

    @property
    def f1(self) -> float:
        """The mean of F1."""
        return self.fbeta(1.0)

    def fbeta(self, beta: float) -> float:
        """The mean of F-beta. Raises ValueError for a beta outside [0, 1e6]."""
        beta, counts = require_number("beta", beta, 0, MAX_BETA), self.at._per_category
        return self._mean(f_beta(counts["tp"], counts["fp"], counts["fn"], beta))

    def _mean(self, values: Any) -> float:
        return tree_mean(values, self.at._per_category["n_gt"] > 0)

    def __repr__(self) -> str:
        return f"<Macro precision={self.precision:.3f} recall={self.recall:.3f} f1={self.f1:.3f}>"


@record
class AtThreshold:
    """The detections with a score of at least `score`, counted at one IoU threshold and the area range "all".

    Only detections within the protocol's last limit appear. Those that a crowd or an ignored ground truth takes count
    neither for nor against. precision, recall, f1, tp, fp, fn are of all categories together (micro: sums of counts);
    macro holds means over categories. -1 stands for undefined: precision without counted detections, recall without
    ground truth, f1 without either.

    score, iou: the thresholds. n_images: int.
    """

    counted: Counted
    score: float
    cell_n_dt: I32
    cell_tp: I32
    cell_fp: I32

    @property
    def iou(self) -> float:
        """The IoU threshold."""
        return self.counted.iou

    @property
    def n_images(self) -> int:
        """The images evaluated, those without objects too."""
        return self._outcomes.n_images

    @cached_property
    def tp(self) -> int:
        """True positives."""
        return int(self._per_category["tp"].sum())

    @cached_property
    def fp(self) -> int:
        """False positives."""
        return int(self._per_category["fp"].sum())

    @cached_property
    def fn(self) -> int:
        """Ground truths that count and that no detection of at least this score took."""
        return int(self._per_category["fn"].sum())

    @property
    def precision(self) -> float:
        """TP / (TP + FP), or -1."""
        return float(ratio(self.tp, self.tp + self.fp))

    @property
    def recall(self) -> float:
        """TP / ground truths that count, or -1."""
        return float(ratio(self.tp, self._per_category["n_gt"].sum()))

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FN + FP), or -1."""
        return self.fbeta(1.0)

    def fbeta(self, beta: float) -> float:
        """(1 + beta²) TP / ((1 + beta²) TP + beta² FN + FP), or -1. Raises ValueError for a beta outside [0, 1e6]."""
        return float(f_beta(self.tp, self.fp, self.fn, require_number("beta", beta, 0, MAX_BETA)))

    @property
    def macro(self) -> Macro:
        """Means over categories: .precision, .recall, .f1, .fbeta(beta)."""
        return Macro(self)

    @property
    def fppi(self) -> float:
        """False positives per image evaluated, or -1 without images."""
        return float(ratio(self.fp, self.n_images))

    @property
    def n_images_without_objects(self) -> int:
        """The images without a ground truth that counts."""
        return int(np.count_nonzero(self._per_image["n_gt"] == 0))

    @property
    def fp_without_objects(self) -> int:
        """The false positives on images without a ground truth that counts."""
        return int(self._per_image["fp"][self._per_image["n_gt"] == 0].sum())

    @cached_property
    def per_class(self) -> list[dict[str, Any]]:
        """One row per category, axis K: id, name (or None), n_gt, n_dt, tp, fp, fn, precision, recall, f1.

        n_dt counts all detections of at least this score, ignored ones too.
        """
        outcomes = self._outcomes
        names = [outcomes.category_names.get(id) for id in outcomes.category_ids.tolist()]
        return _rows({"id": outcomes.category_ids.tolist(), "name": names}, self._per_category)

    @cached_property
    def per_image(self) -> list[dict[str, Any]]:
        """One row per image, the worst first: id, n_gt, n_dt, tp, fp, fn, precision, recall, f1.

        By rising f1, then falling fp + fn, then in the order of ids; images whose f1 is undefined (-1) come last.
        """
        rows = self.images
        return sorted(rows, key=lambda row: (row["f1"] == UNDEFINED, row["f1"], -(row["fp"] + row["fn"])))

    @cached_property
    def images(self) -> list[dict[str, Any]]:
        """The rows of per_image in ascending order of ids."""
        return _rows({"id": self._outcomes.image_ids.tolist()}, self._per_image)

    @property
    def _outcomes(self) -> Outcomes:
        return self.counted.outcomes

    @cached_property
    def _cells(self) -> dict[str, Any]:
        n_gt = self._outcomes.n_gt[:, self.counted.area]
        return {"n_gt": n_gt, "n_dt": self.cell_n_dt, "tp": self.cell_tp, "fp": self.cell_fp}

    @cached_property
    def _per_category(self) -> dict[str, Any]:
        cells = self._outcomes.category_cells
        return _with_missed({name: sums_of_ranges(values, cells) for name, values in self._cells.items()})

    @cached_property
    def _per_image(self) -> dict[str, Any]:
        def over_images(values: Any) -> Any:
            count = np.bincount(self._outcomes.cell_image, weights=values, minlength=self.n_images)
            return count.astype(np.int64)

        return _with_missed({name: over_images(values) for name, values in self._cells.items()})

    def __repr__(self) -> str:
        return (
            f"<AtThreshold score={self.score:g} iou={self.iou:g}: precision={self.precision:.3f} "
            f"recall={self.recall:.3f} f1={self.f1:.3f} tp={self.tp} fp={self.fp} fn={self.fn}>"
        )


def at(result: Result, score: float = 0.5, iou: float = 0.5) -> AtThreshold:
    """Count the detections that reach a score.

    Args:
        result: of an evaluation; outcomes are enough, so also of a merged Accumulator.
        score: detections count from this score on, itself included. Scores are compared as float64: a float32 score of
            0.7 is 0.69999999 there.
        iou: the IoU threshold. Where it is not one of the protocol's, the data is matched again.

    Raises:
        ValueError: score or iou is no number, iou is not in [0, 1]; or iou is not one of the protocol's thresholds and
            the data is not at hand.
    """
    score, counted = require_number("score", score), counted_at(result, iou)
    outcomes = counted.outcomes
    n_dt, tp, fp = (np.empty(len(outcomes.cell_image), np.int32) for _ in range(3))
    kernels.count_at(
        outcomes.scores, outcomes.matched, outcomes.ignored, outcomes.offsets, counted.bit, score, n_dt, tp, fp,
        0, len(outcomes.cell_image),
    )  # fmt: skip
    return AtThreshold(counted, score, n_dt, tp, fp)


def _with_missed(counts: dict[str, Any]) -> dict[str, Any]:
    """fn too. Annotation ids of 0 and below let one ground truth be taken twice: never below 0."""
    return counts | {"fn": np.maximum(counts["n_gt"] - counts["tp"], 0)}


def _rows(labels: dict[str, list[Any]], counts: dict[str, Any]) -> list[dict[str, Any]]:
    tp, fp, fn = counts["tp"], counts["fp"], counts["fn"]
    ratios = {"precision": ratio(tp, tp + fp), "recall": ratio(tp, counts["n_gt"]), "f1": f_beta(tp, fp, fn)}
    table = labels | {name: values.tolist() for name, values in (counts | ratios).items()}
    return [dict(zip(table, line, strict=True)) for line in zip(*table.values(), strict=True)]
