"""Which of several results is better, and whether the difference is more than chance."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._records import record
from ..evaluation.outcomes import Outcomes
from ..evaluation.result import Result
from ..evaluation.summary import UNDEFINED
from ..formats.ranges import sums_of_ranges
from .at import AtThreshold, at
from .bootstrap import Interval, basic, quantiles, replicates
from .confidence import BestThreshold, best_threshold
from .counted import require_result

if TYPE_CHECKING:
    from .._arrays import F64

LEVEL = 0.05
FEW_IMAGES = 30
LEAST_IMAGES = 10  # with a category's objects: draws of fewer say little about other images


@record
class Pair:
    """Two results beside each other. A difference is that of the second one's number less the first one's.

    first, second: their names. metric: the key of the number that decides. n_images: images of both.
    differences: an Interval by key of the summary; its value is the difference, -1 to 1, or nan where one of the
    numbers is undefined; low and high are nan where it is undefined in more than 5 % of the draws.
    deviation: the standard deviation of the metric's difference over the draws. p: how likely chance alone makes a
    difference so large, either way: 2 Φ(-|difference| / deviation), and 1 where the deviation is 0. p_corrected: by
    Holm over all pairs compared. reliable: p_corrected < .05, and the interval excludes 0.
    per_class: a row for each category with ground truth: id, name, difference (an Interval of the metric), p, n_images
    with its objects, and reliable: by Benjamini and Hochberg at .05 over the categories with objects on at least 10
    images; never with fewer.
    changed: a row for each image, that which changed most first: id, change, and `first` and `second`, the counts (tp,
    fp, fn) of each. change is TP - FP - FN of the second less that of the first, at the IoU threshold .5 (the first,
    where the protocol has no .5) and each result's own score of the highest macro F1.
    """

    first: str
    second: str
    metric: str
    n_images: int
    differences: dict[str, Interval]
    deviation: float
    p: float
    p_corrected: float
    per_class: list[dict[str, Any]]
    changed: list[dict[str, Any]]

    @property
    def reliable(self) -> bool:
        """Whether the difference of the metric is more than chance."""
        found = self.differences[self.metric]
        return self.p_corrected < LEVEL and (found.low > 0 or found.high < 0)

    @property
    def verdict(self) -> str:
        """One sentence."""
        found = self.differences[self.metric]
        if math.isnan(found.value):
            return f"no difference between {self.first} and {self.second}: {self.metric} is undefined"
        if not self.reliable:
            words = f"no reliable difference between {self.first} and {self.second}"
        else:
            words = f"{self.second} is {'better' if found.value > 0 else 'worse'} than {self.first}"
        interval = "no interval" if math.isnan(found.low) else f"95 % interval {_signed(found.low)} to "
        interval += "" if math.isnan(found.low) else _signed(found.high)
        few = "; too few images to rely on" if self.n_images < FEW_IMAGES else ""
        return f"{words}: {self.metric} {_signed(found.value)} ({interval}, {self.n_images} images){few}"

    def __str__(self) -> str:
        return self.verdict

    def __repr__(self) -> str:
        return f"<Pair {self.verdict}>"


@record
class Comparison:
    """Results compared. names: of the results. metric: the key that decides. n, seed: of the draws.

    values: the metric of each result, by name. pairs: each other result with the first one, or all pairs. intervals: by
    name, an Interval by key of the summary, as `analysis.bootstrap` gives it.
    """

    names: tuple[str, ...]
    metric: str
    n: int
    seed: int
    values: dict[str, float]
    pairs: list[Pair]
    intervals: dict[str, dict[str, Interval]]
    _results: dict[str, Result]

    def report(
        self,
        path: str | os.PathLike[str],
        *,
        images: Any = None,
        costs: Mapping[str, Mapping[str, float]] | None = None,
        slices: Mapping[str, Iterable[Any]] | None = None,
        title: str | None = None,
        class_names: Mapping[Any, str] | None = None,
    ) -> None:
        """Write one HTML file about the results and their differences; see `pymetrics.report.write_report`."""
        from ..report import write_report

        write_report(
            path, self._results, self, images=images, costs=costs, slices=slices, title=title, class_names=class_names
        )

    def __str__(self) -> str:
        return "\n".join(pair.verdict for pair in self.pairs)

    def __repr__(self) -> str:
        return f"<Comparison of {', '.join(self.names)} by {self.metric}, {self.n} draws>"


def compare(
    results: Mapping[str, Result], metric: str = "map", pairs: str = "first", n: int = 1000, seed: int = 0
) -> Comparison:
    """Compare results on the same images: intervals of the differences, and a verdict in words.

    The results see the same draws of the images (see `analysis.bootstrap`), so that what is easy or hard in an image
    cancels out, and so does most of the bias of the draws: the interval of a difference lies between the 2.5 and 97.5
    percentiles of the draws. Outcomes are enough, so results of a merged Accumulator will do.

    Sources: Holm, Scand. J. Statistics 1979; Benjamini and Hochberg, J. Royal Stat. Soc. B 1995.

    Args:
        results: at least two, by name, of the same images, ground truth and protocol. The first one is the baseline.
        metric: the number that decides, a key of the summary.
        pairs: "first": each other result with the first one. "all": every two.
        n, seed: of the draws, as `analysis.bootstrap`.

    Raises:
        TypeError: results is no mapping of names to Results; n or seed is no integer.
        ValueError: fewer than two results; metric or pairs is not one of those; the results differ in protocol, IoU
            type, images, categories or ground truth: the message names the first difference.
    """
    names, found = _checked(results)
    first = found[0]
    keys = {row.coco_key: row.key for row in first.rows}
    metric = keys.get(metric, metric)
    if metric not in first:
        raise ValueError(f"metric must be one of {tuple(first)}, got {metric!r}")
    if pairs not in ("first", "all"):
        raise ValueError(f'pairs must be "first" or "all", got {pairs!r}')
    for name, other in zip(names[1:], found[1:], strict=True):
        require_same(names[0], first, name, other)
    drawn = [replicates(result, n, seed, metric) for result in found]
    places = list(itertools.combinations(range(len(names)), 2))
    if pairs == "first":
        places = [(0, j) for j in range(1, len(names))]
    counts = [_at_best(result) for result in found]
    by_key = [row.key for row in drawn[0].rows]
    made = []
    for i, j in places:
        values = [np.array([result[key] for key in by_key]) for result in (found[i], found[j])]
        intervals, deviations = differences(values[0], values[1], drawn[i].values, drawn[j].values)
        at_metric = by_key.index(metric)
        p = _p_value(intervals[at_metric].value, deviations[at_metric])
        by_name = dict(zip(by_key, intervals, strict=True))
        made.append(
            Pair(
                names[i], names[j], metric, first.outcomes.n_images, {key: by_name[key] for key in first},
                float(deviations[at_metric]), p, p, _per_class(found[i], found[j], drawn[i].by_class[..., 0],
                drawn[j].by_class[..., 0], metric), _changed(counts[i], counts[j]),
            )
        )  # fmt: skip
    corrected = holm([pair.p for pair in made])
    made = [replace(pair, p_corrected=p) for pair, p in zip(made, corrected, strict=True)]
    values_of = {name: result[metric] for name, result in zip(names, found, strict=True)}
    intervals_of: dict[str, dict[str, Interval]] = {}
    for name, result, draws in zip(names, found, drawn, strict=True):
        bounds = basic(np.array([result[key] for key in by_key]), quantiles(draws.values)).tolist()
        of_key = {key: Interval(result[key], *ends) for key, ends in zip(by_key, bounds, strict=True)}
        intervals_of[name] = {key: of_key[key] for key in first}
    return Comparison(
        tuple(names), metric, n, seed, values_of, made, intervals_of, dict(zip(names, found, strict=True))
    )


def _checked(results: Any) -> tuple[list[str], list[Result]]:
    if not isinstance(results, Mapping):
        raise TypeError(f"results must be a dict of Results by name, got {type(results).__name__}")
    for name, result in results.items():
        if not isinstance(name, str):
            raise TypeError(f"results must have names for keys, got {name!r}")
        require_result(result, f"results[{name!r}]")
    if len(results) < 2:
        raise ValueError(f"results must hold at least two, got {len(results)}")
    return list(results), list(results.values())


def require_same(a: str, first: Result, b: str, other: Result) -> None:
    """Raise ValueError unless two results, called a and b, are of one protocol, shape and ground truth."""
    ours, theirs = first.outcomes, other.outcomes
    what = f"results[{b!r}] cannot be compared with results[{a!r}]"
    if (ours.protocol, ours.shape) != (theirs.protocol, theirs.shape):
        fields = [
            {"iou_type": one.shape.iou_type, **one.shape.params, **one.protocol.to_dict()} for one in (ours, theirs)
        ]
        name = next((name for name in fields[0] if fields[0][name] != fields[1].get(name)), "summary")
        raise ValueError(f"{what}: {name} is {fields[0].get(name)!r} in {a}, {fields[1].get(name)!r} in {b}")
    for kind, left, right in (
        ("image", ours.image_ids.tolist(), theirs.image_ids.tolist()),
        ("category", ours.category_ids.tolist(), theirs.category_ids.tolist()),
    ):
        if left != right:
            in_both = set(left) & set(right)
            id, where = next((id, where) for ids, where in ((left, a), (right, b)) for id in ids if id not in in_both)
            raise ValueError(f"{what}: {kind} {id!r} is in {where} alone")
    area = first.protocol.whole_area
    left, right = _truths(ours, area), _truths(theirs, area)
    if left == right:
        return
    place = min(place for place in left.keys() | right.keys() if left.get(place) != right.get(place))
    image, category = ours.image_ids.tolist()[place[0]], ours.category_ids.tolist()[place[1]]
    raise ValueError(
        f"{what}: image {image!r} has {left.get(place, 0)} ground truths of category {category!r} in {a}, "
        f"{right.get(place, 0)} in {b}"
    )


def _truths(outcomes: Outcomes, area: int) -> dict[tuple[int, int], int]:
    """Ground truths that count, by the positions of image and category."""
    n_gt = outcomes.n_gt[:, area]
    category = np.repeat(np.arange(len(outcomes.category_ids)), np.diff(outcomes.category_cells))
    some = np.flatnonzero(n_gt)
    places = zip(outcomes.cell_image[some].tolist(), category[some].tolist(), strict=True)
    return dict(zip(places, n_gt[some].tolist(), strict=True))


def differences(first: F64, second: F64, draws: F64, other_draws: F64) -> tuple[list[Interval], F64]:
    """Intervals of second - first, and the standard deviations over draws (n, columns); nan where undefined."""
    defined = (draws > UNDEFINED) & (other_draws > UNDEFINED)
    between = other_draws - draws
    value = np.where((first > UNDEFINED) & (second > UNDEFINED), second - first, np.nan)
    bounds = quantiles(between, defined, np.nan)
    deviation = np.zeros(len(value))
    for j in range(len(value)):
        kept = between[defined[:, j], j]
        deviation[j] = np.std(kept, ddof=1) if len(kept) > 1 else 0.0
    lines = np.column_stack([value, bounds]).tolist()
    return [Interval(*line) for line in lines], deviation


def _p_value(difference: float, deviation: float) -> float:
    if math.isnan(difference) or deviation == 0:
        return 1.0
    return math.erfc(abs(difference) / deviation / math.sqrt(2))


def holm(p: list[float]) -> list[float]:
    """Holm's corrected p-values."""
    corrected, most = [0.0] * len(p), 0.0
    for rank, i in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        most = max(most, min(1.0, (len(p) - rank) * p[i]))
        corrected[i] = most
    return corrected


def discoveries(p: list[float]) -> list[bool]:
    """Which hypotheses Benjamini and Hochberg reject at LEVEL."""
    order = sorted(range(len(p)), key=p.__getitem__)
    n = max((rank + 1 for rank, i in enumerate(order) if p[i] <= LEVEL * (rank + 1) / len(p)), default=0)
    rejected = set(order[:n])
    return [i in rejected for i in range(len(p))]


def _per_class(first: Result, second: Result, draws: F64, other_draws: F64, metric: str) -> list[dict[str, Any]]:
    row = next(row for row in first.rows if row.key == metric)
    values, others = first.class_means(row), second.class_means(row)
    with_truth = np.flatnonzero((values > UNDEFINED) & (others > UNDEFINED))
    intervals, deviations = differences(
        values[with_truth], others[with_truth], draws[:, with_truth], other_draws[:, with_truth]
    )
    p = [_p_value(one.value, s) for one, s in zip(intervals, deviations.tolist(), strict=True)]
    ids, names = first.outcomes.category_ids.tolist(), first.outcomes.category_names
    n_images = _images_with_truth(first.outcomes, first.protocol.whole_area)[with_truth].tolist()
    judged = [i for i, n in enumerate(n_images) if n >= LEAST_IMAGES]
    found = dict(zip(judged, discoveries([p[i] for i in judged]), strict=True))
    return [
        {"id": ids[k], "name": names.get(ids[k]), "difference": interval, "p": one, "n_images": n,
         "reliable": found.get(i, False)}
        for i, (k, interval, one, n) in enumerate(zip(with_truth.tolist(), intervals, p, n_images, strict=True))
    ]  # fmt: skip


def _images_with_truth(outcomes: Outcomes, area: int) -> Any:
    """int64 (K,): the images that have ground truths of each category that count."""
    return sums_of_ranges((outcomes.n_gt[:, area] > 0).astype(np.int64), outcomes.category_cells)


def _at_best(result: Result) -> AtThreshold:
    iou = result.protocol.main_iou
    best = best_threshold(result, "f1", iou)
    assert isinstance(best, BestThreshold)
    return at(result, -math.inf if best.threshold is None else best.threshold, iou)


def _changed(first: AtThreshold, second: AtThreshold) -> list[dict[str, Any]]:
    rows = []
    for one, other in zip(first.images, second.images, strict=True):
        counts = [(row["tp"], row["fp"], row["fn"]) for row in (one, other)]
        before, after = (tp - fp - fn for tp, fp, fn in counts)
        rows.append({"id": one["id"], "change": after - before, "first": counts[0], "second": counts[1]})
    return sorted(rows, key=lambda row: -abs(row["change"]))


def _signed(value: float) -> str:
    text = f"{value:+.3f}"
    return text.replace("-", "\N{MINUS SIGN}")
