"""Precision, recall and F1 along all scores, and the score that is best by one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import kernels
from .._records import record, value_record
from ..evaluation.outcomes import Outcomes
from ..evaluation.result import Result
from ..formats.ranges import offsets_of
from .counted import MAX_BETA, Counted, counted_at, f_beta, ratio, require_number

if TYPE_CHECKING:
    from .._arrays import F64, I64


@record
class ConfidenceCurve:
    """What holds at every distinct score, if detections count from this score on. Arrays of S points.

    scores: float64 (S,), falling: all distinct scores of the detections. tp, fp: int64 (S,), those of at least this
    score. n_gt: ground truths that count. precision, recall, f1: float64 (S,); -1 where undefined: precision without
    counted detections, recall without ground truth, f1 without either.
    """

    scores: F64
    tp: I64
    fp: I64
    n_gt: int
    precision: F64
    recall: F64
    f1: F64

    @property
    def fn(self) -> I64:
        """int64 (S,): ground truths that no detection of at least this score took."""
        fn: I64 = np.maximum(self.n_gt - self.tp, 0)
        return fn

    def __len__(self) -> int:
        return len(self.scores)

    def __repr__(self) -> str:
        return f"<ConfidenceCurve of {len(self)} scores>"


@record
class Confidence:
    """Precision, recall and F1 against confidence, at one IoU threshold, area range and limit.

    category_ids: (K,). micro, macro: curves of all categories together, over the distinct scores of all of them. Their
    tp, fp and n_gt are sums; precision, recall and f1 are those of the sums (micro), or means over the categories with
    ground truth, where precision without counted detections is 0 (macro). per_class: K curves, axis K, each over the
    distinct scores of its category.
    """

    category_ids: Any
    micro: ConfidenceCurve
    macro: ConfidenceCurve
    per_class: list[ConfidenceCurve]

    def __repr__(self) -> str:
        return f"<Confidence of {len(self.per_class)} categories, {len(self.micro)} distinct scores>"


@value_record
class BestThreshold:
    """A score from which on detections are to count, and what holds there.

    threshold: the score; None where no score does what was asked for, and `why` says so. precision, recall, f: floats;
    f is F-beta of the objective, F1 for a precision or a recall. tp, fp, fn: ints; of all categories sums. All of
    them are None where threshold is. why: None where there is a threshold.
    """

    threshold: float | None
    precision: float | None = None
    recall: float | None = None
    f: float | None = None
    tp: int | None = None
    fp: int | None = None
    fn: int | None = None
    why: str | None = None


def count_along_scores(counted: Counted, limit: int, each: bool = False) -> tuple[F64, I64, I64, I64]:
    """scores (N,), tp (N,), fp (N,) of one category after another, and where each begins, int64 (K + 1,).

    limit: the most detections of an image and category that count. each: a point for every detection that is not
    ignored, not for every distinct score.
    """
    outcomes = counted.outcomes
    n, n_categories = len(outcomes.scores), len(outcomes.category_ids)
    scores, tp, fp, n_points = (
        np.empty(n),
        np.empty(n, np.int64),
        np.empty(n, np.int64),
        np.empty(n_categories, np.int64),
    )
    kernels.count_along_scores(
        outcomes.scores, outcomes.matched, outcomes.ignored, outcomes.offsets, outcomes.category_cells, counted.bit,
        limit, int(each), scores, tp, fp, n_points, 0, n_categories,
    )  # fmt: skip
    begins = outcomes.offsets[outcomes.category_cells[:-1]]
    starts = offsets_of(n_points)
    parts = [slice(begin, begin + count) for begin, count in zip(begins.tolist(), n_points.tolist(), strict=True)]
    packed = [np.concatenate([values[:0], *(values[part] for part in parts)]) for values in (scores, tp, fp)]
    return packed[0], packed[1], packed[2], starts


def confidence(counted: Counted, limit: int, beta: float = 1.0) -> Confidence:
    """The curves at one IoU threshold, area range and limit; f1 of the curves is F-beta."""
    n_gt = counted.n_gt()
    scores, tp, fp, starts = count_along_scores(counted, limit)
    n = len(scores)
    joined, means, counts = np.empty(n), np.empty((n, 3)), np.empty(2, np.int64)
    joined_tp, joined_fp = np.empty(n, np.int64), np.empty(n, np.int64)
    kernels.join_along_scores(
        scores, tp, fp, starts, n_gt, beta * beta, joined, joined_tp, joined_fp, means, counts
    )  # fmt: skip
    n_points = int(counts[0])
    all_scores, all_tp, all_fp = joined[:n_points], joined_tp[:n_points], joined_fp[:n_points]
    micro = _curve(all_scores, all_tp, all_fp, int(n_gt.sum()), beta)
    precision, recall, f = np.ascontiguousarray(means[:n_points].T)
    per_class = [
        _curve(scores[first:last], tp[first:last], fp[first:last], total, beta)
        for first, last, total in zip(starts[:-1].tolist(), starts[1:].tolist(), n_gt.tolist(), strict=True)
    ]
    macro = ConfidenceCurve(all_scores, all_tp, all_fp, micro.n_gt, precision, recall, f)
    return Confidence(counted.outcomes.category_ids, micro, macro, per_class)


def confidence_of(outcomes: Outcomes, iou: float, area: str, max_dets: int) -> Confidence:
    """The curves of outcomes on the host at one of the protocol's IoU thresholds, area ranges and limits."""
    protocol = outcomes.protocol
    a, t = protocol.area_names.index(area), protocol.iou_thresholds.index(iou)
    return confidence(Counted(outcomes, a, a * len(protocol.iou_thresholds) + t, iou), max_dets)


def _curve(scores: F64, tp: I64, fp: I64, n_gt: int, beta: float) -> ConfidenceCurve:
    fn = np.maximum(n_gt - tp, 0)
    recall = ratio(tp, np.full(len(tp), n_gt))
    return ConfidenceCurve(scores, tp, fp, n_gt, ratio(tp, tp + fp), recall, f_beta(tp, fp, fn, beta))


def best_threshold(
    result: Result,
    objective: str | Mapping[str, float] = "f1",
    iou: float = 0.5,
    average: str = "macro",
    per_class: bool = False,
) -> BestThreshold | dict[Any, BestThreshold]:
    """The score from which on detections should count. Candidates are all distinct scores.

    Args:
        result: of an evaluation; outcomes are enough, so also of a merged Accumulator.
        objective: "f1", or "f<beta>" as "f0.5": the score of the highest F, of equals the highest score.
            {"precision": p}: the lowest score whose precision is at least p and whose recall is above 0.
            {"recall": r}: the highest score whose recall is at least r.
        iou: the IoU threshold. Where it is not one of the protocol's, the data is matched again.
        average: what is read for all categories together: "macro", means over the categories with ground truth;
            "micro", of summed counts.
        per_class: instead, each category's own threshold.

    Returns:
        A BestThreshold; with per_class a dict of them by category id. Its threshold is None, and `why` says why, where
        no score does what was asked for.

    Raises:
        ValueError: the objective, iou or average is none of these; or iou is not one of the protocol's thresholds and
            the data is not at hand.
    """
    kind, value = _read_objective(objective)
    if average not in ("macro", "micro"):
        raise ValueError(f'average must be "macro" or "micro", got {average!r}')
    curves = confidence(counted_at(result, iou), result.protocol.limit, value if kind == "f" else 1.0)
    if per_class:
        ids = curves.category_ids.tolist()
        return {id: best_of(curve, kind, value) for id, curve in zip(ids, curves.per_class, strict=True)}
    return best_of(curves.macro if average == "macro" else curves.micro, kind, value)


def _read_objective(objective: Any) -> tuple[str, float]:
    """("f", beta), ("precision", p) or ("recall", r)."""
    if isinstance(objective, str) and objective.startswith("f"):
        try:
            return "f", require_number("beta", float(objective[1:]), 0, MAX_BETA)
        except ValueError:
            pass
    if isinstance(objective, Mapping) and len(objective) == 1:
        kind, value = next(iter(objective.items()))
        if kind in ("precision", "recall"):
            return kind, require_number(f"objective[{kind!r}]", value, 0, 1)
    raise ValueError(
        f'objective must be "f1" (or another "f<beta>"), {{"precision": p}} or {{"recall": r}}, got {objective!r}'
    )


def best_of(curve: ConfidenceCurve, kind: str = "f", value: float = 1.0) -> BestThreshold:
    """The best score of one curve, whose f1 is F-beta; kind: "f", "precision" or "recall", at least `value`."""
    if curve.n_gt == 0:
        return BestThreshold(None, why="there is no ground truth that counts")
    if len(curve) == 0:
        return BestThreshold(None, why="there are no detections")
    if kind == "f":
        i = int(np.argmax(curve.f1))
    else:
        reaches = (getattr(curve, kind) >= value) & ((kind == "recall") | (curve.recall > 0))
        if not reaches.any():
            values = curve.recall if kind == "recall" else curve.precision[curve.recall > 0]
            found = f"the highest {kind} is {values.max():.4g}" if len(values) else "no detection is right"
            return BestThreshold(None, why=f"no score reaches {kind} {value:g}: {found}")
        places = np.flatnonzero(reaches)
        i = int(places[0] if kind == "recall" else places[-1])
    return BestThreshold(
        threshold=float(curve.scores[i]), precision=float(curve.precision[i]), recall=float(curve.recall[i]),
        f=float(curve.f1[i]), tp=int(curve.tp[i]), fp=int(curve.fp[i]), fn=int(curve.fn[i]),
    )  # fmt: skip
