"""What a report holds of one model: the numbers of the analyses, as JSON says them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import analysis
from ..analysis import Confidence, ConfidenceCurve, Interval
from ..analysis.confidence import best_of
from ..evaluation.result import Result
from ..evaluation.summary import UNDEFINED
from .labels import defined
from .packed import pack_counts, pack_shares

POSITIONS = 101  # of the slider
CONFUSION_STEP = 5  # the confusion matrix is there for each fifth position
SHOWN_KEYS = ("map", "map_50", "map_75")
MANY_CLASSES = 200  # with more, the table of classes holds these keys and the last recall alone
TOP = 20


class Model:
    """One result and what the sections of the page need of it."""

    def __init__(self, name: str, result: Result, intervals: Mapping[str, Interval]) -> None:
        self.name, self.result, self.intervals = name, result, intervals
        self.iou = result.protocol.main_iou
        self.curves = result.curves(self.iou)
        self.confidence: Confidence = self.curves.confidence
        self.best = best_of(self.confidence.macro)
        self.missing: dict[str, str] = {}
        self.confusions = self.attempt("confusion", lambda: analysis.Confusions(result, self.iou))

    def attempt(self, section: str, make: Callable[[], Any]) -> Any:
        """What `make` gives; None, and the reason kept, where the result does not have what it needs."""
        try:
            return make()
        except ValueError as error:
            self.missing[section] = str(error)
            return None

    def contents(
        self,
        classes: Sequence[int],
        confused: Sequence[int],
        scores: Any,
        slices: Mapping[str, Iterable[Any]] | None,
        cost: Mapping[str, float] | None,
    ) -> dict[str, Any]:
        """The model in the report's JSON.

        classes, confused: positions on axis K of the classes that get curves, and of those of the confusion matrix.
        scores: float64 (POSITIONS,), the slider's.
        """
        return {
            "name": self.name,
            "metrics": self.metrics(),
            "best": self._best(),
            "per_class": per_class(self.result),
            "curves": self._curves(classes),
            "at": self._at(classes, scores),
            "confusion": None if self.confusions is None else self._confusion(confused, scores),
            "tide": self.attempt("tide", self._tide),
            "calibration": self.attempt("calibration", self._calibration),
            "slices": {
                "size": self.attempt("size", self._sizes),
                "parts": None if slices is None else _plain(analysis.slices(self.result, slices)),
            },
            "cost": None if cost is None else {key: cost.get(key) for key in COSTS},
            "missing": self.missing,
        }

    def metrics(self) -> dict[str, Any]:
        """value, low and high of each number of the summary."""
        found = {}
        for key, value in self.result.items():
            interval = self.intervals.get(key)
            low, high = (None, None) if interval is None else (defined(interval.low), defined(interval.high))
            found[key] = {"value": defined(value), "low": low, "high": high}
        return found

    def _best(self) -> dict[str, Any] | None:
        if self.best.threshold is None:
            return None
        names = ("threshold", "precision", "recall", "f", "tp", "fp", "fn")
        values = (getattr(self.best, name) for name in names)
        return dict(zip(("threshold", "precision", "recall", "f1", "tp", "fp", "fn"), values, strict=True))

    def _curves(self, classes: Sequence[int]) -> dict[str, Any]:
        """PR curves at each IoU threshold of the page: the mean, then each of the classes."""
        lines, ious = [], pr_thresholds(self.result)
        for iou in ious:
            if iou is None:
                lines.append(mean_curves(self.result, classes))
            else:
                curves = self.curves if iou == self.iou else self.result.curves(iou)
                lines.append(np.concatenate([curves.mean[None], curves.precision[classes]]))
        return {"ious": ious, "recall": self.curves.recall.tolist(), "precision": pack_shares(np.stack(lines))}

    def _at(self, classes: Sequence[int], scores: Any) -> dict[str, Any]:
        curves = self.confidence
        rows = [_counts_at(curve, scores) for curve in (curves.micro, *(curves.per_class[k] for k in classes))]
        macro = [_at_positions(curves.macro.scores, getattr(curves.macro, name), scores, 0.0) for name in RATIOS]
        if not curves.macro.n_gt:
            macro = [np.full(len(scores), UNDEFINED) for _ in RATIOS]
        return {
            "iou": self.iou,
            "scores": scores.tolist(),
            "macro": pack_shares(np.stack(macro)),
            "tp": pack_counts(np.stack([tp for tp, _ in rows])),
            "fp": pack_counts(np.stack([fp for _, fp in rows])),
            "n_gt": [curves.micro.n_gt, *(curves.per_class[k].n_gt for k in classes)],
        }

    def _confusion(self, confused: Sequence[int], scores: Any) -> dict[str, Any]:
        steps = scores[::CONFUSION_STEP].tolist()
        pairs = [self.confusions.pairs(score) for score in steps]
        matrices = [self.confusions.matrix(score, confused, of) for score, of in zip(steps, pairs, strict=True)]
        tops = [_top(*one) for one in pairs]
        return {
            "iou": self.iou,
            "scores": steps,
            "classes": list(confused),
            "matrix": pack_counts(np.stack(matrices)),
            "top": tops,
        }

    def _tide(self) -> dict[str, Any]:
        found = analysis.tide(self.result, self.iou)
        return {"iou": self.iou, "ap": found.ap, "costs": dict(found), "counts": found.counts}

    def _calibration(self) -> dict[str, Any]:
        found = analysis.calibration(self.result, self.iou)
        return {
            "iou": self.iou,
            "edges": found.edges.tolist(),
            "counts": found.counts.tolist(),
            "score": [defined(value) for value in found.score.tolist()],
            "right": [defined(value) for value in found.right.tolist()],
            "ece": defined(found.ece),
            "mce": defined(found.mce),
        }

    def _sizes(self) -> list[dict[str, Any]]:
        return _plain(analysis.size_slices(self.result))


RATIOS = ("precision", "recall", "f1")
COSTS = ("latency_ms", "parameters", "peak_bytes")


def per_class(result: Result) -> dict[str, list[Any]]:
    """Columns over axis K: n_dt and the numbers of the summary, to six digits."""
    rows = result.per_class
    keys = list(result)
    if len(rows) > MANY_CLASSES:
        last = f"mar_{result.protocol.limit}"
        keys = [key for key in keys if key in (*SHOWN_KEYS, last)]
    columns: dict[str, list[Any]] = {"n_dt": [row["n_dt"] for row in rows]}
    for key in keys:
        values = (defined(row[key]) for row in rows)
        columns[key] = [None if value is None else round(value, 6) for value in values]
    return columns


def pr_thresholds(result: Result) -> list[float | None]:
    """The IoU thresholds of the PR curves; None: the mean over all thresholds."""
    protocol = result.protocol
    places = [protocol.place_of_threshold(iou) for iou in (0.5, 0.75)]
    ious = [protocol.iou_thresholds[t] for t in places if t is not None]
    return [*(ious or [protocol.main_iou]), *([None] if len(protocol.iou_thresholds) > 1 else [])]


def mean_curves(result: Result, classes: Sequence[int]) -> Any:
    """float64 (1 + classes, R): precision averaged over all IoU thresholds, of the mean and of the classes."""
    protocol = result.protocol
    values = result.precision[:, :, :, protocol.whole_area, -1]  # (T, R, K)
    lines = values.mean(axis=0).T
    is_defined = (lines != UNDEFINED).any(axis=1)
    mean = lines[is_defined].mean(axis=0) if is_defined.any() else np.full(lines.shape[1], UNDEFINED)
    return np.concatenate([mean[None], lines[list(classes)]])


def slider_positions(models: Sequence[Model]) -> Any:
    """float64 (POSITIONS,): scores at equal steps; from 0 to 1, or over all scores where some are outside."""
    low, high = 0.0, 1.0
    for model in models:
        scores = model.result.outcomes.scores
        finite = scores[np.isfinite(scores)]
        if len(finite):
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return np.round(np.linspace(low, high, POSITIONS), 6)


def _counts_at(curve: ConfidenceCurve, scores: Any) -> tuple[Any, Any]:
    return _at_positions(curve.scores, curve.tp, scores, 0), _at_positions(curve.scores, curve.fp, scores, 0)


def _at_positions(falling: Any, values: Any, scores: Any, without: float) -> Any:
    """The value at the lowest of the falling scores that is still at least each score; `without`, where none is."""
    n_reached = np.searchsorted(-falling, -scores, side="right")
    return np.concatenate([[without], values])[n_reached]


def _top(actual: Any, predicted: Any) -> list[list[int]]:
    """The pairs of categories that are confused most often: actual, predicted, count."""
    pairs, counts = np.unique(np.stack([actual, predicted]), axis=1, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:TOP]
    return [[*pairs[:, i].tolist(), int(counts[i])] for i in order.tolist()]


def _plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of numbers, with None where they are undefined."""
    return [{key: defined(value) if isinstance(value, float) else value for key, value in row.items()} for row in rows]
