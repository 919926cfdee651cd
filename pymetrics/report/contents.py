"""All that a report says, as the dict that is its JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .._version import VERSION
from ..analysis import Bootstrap, Comparison, Interval, Pair, bootstrap, compare
from ..analysis.compare import require_same
from ..analysis.counted import require_result
from ..analysis.slices import ids_of_parts
from ..evaluation.as_json import plain_values
from ..evaluation.result import Result
from ..evaluation.summary import UNDEFINED, SummaryRow
from ..pictures.names import labels_of
from .model import COSTS, Model, slider_positions

SCHEMA = "pymetrics-report/1"
MOST_CURVES = 100  # classes with curves and counts of their own
CURVES_OF_ALL = 250  # of all models together
MOST_CONFUSED = 20


def make_contents(
    results: Mapping[str, Result],
    comparison: Comparison | None,
    *,
    costs: Mapping[str, Mapping[str, float]] | None,
    slices: Mapping[str, Iterable[Any]] | None,
    title: str | None,
    class_names: Mapping[Any, str] | None,
    intervals: Mapping[str, Bootstrap] | None,
    n: int,
    seed: int,
    command: str | None,
) -> dict[str, Any]:
    """The report's JSON; arguments and errors as `write_report`."""
    check_results(results)
    costs = check_costs(costs, results)
    names, first = list(results), next(iter(results.values()))
    parts = None if slices is None else ids_of_parts(first, slices, "slices")
    if comparison is None and len(results) > 1:
        comparison = compare(results, n=n, seed=seed)
    if comparison is not None and list(comparison._results.items()) != list(results.items()):
        raise ValueError(f"comparison is of {', '.join(comparison.names)}, not of the results {', '.join(names)}")
    models = [
        Model(name, result, _intervals_of(name, result, comparison, intervals, n, seed))
        for name, result in results.items()
    ]
    outcomes = first.outcomes
    ids = outcomes.category_ids.tolist()
    name_of = outcomes.category_names if class_names is None else class_names
    labels = list(labels_of(ids, name_of).values())
    scores = slider_positions(models)
    chosen, confused = classes_with_curves(list(results.values())), _confused_classes(models)
    n_gt = [row["n_gt"] for row in first.per_class]
    best = models[0].best.threshold
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "title": title if title is not None else " and ".join(names) if len(names) < 3 else f"{len(names)} models",
        "iou_type": outcomes.iou_type,
        "protocol": plain_values(first.protocol.to_dict()),
        "rows": [_row(row, first.protocol.max_dets) for row in first.rows],
        "data": {"images": outcomes.n_images, "categories": len(ids), "ground_truths": sum(n_gt)},
        "classes": {
            "ids": ids,
            "names": [_name(name_of, id) for id in ids],
            "labels": labels,
            "n_gt": n_gt,
            "with_curves": chosen,
        },
        "scores": scores.tolist(),
        "position": 0 if best is None else int(np.argmin(np.abs(scores - best))),
        "models": [
            model.contents(chosen, confused, scores, parts, costs.get(model.name)) for model in models
        ],
        "comparisons": [] if comparison is None else [_pair(pair) for pair in comparison.pairs],
        "command": command,
    }  # fmt: skip


def check_results(results: Any) -> None:
    """Raise TypeError or ValueError unless results are Results by name, of the same data."""
    if not isinstance(results, Mapping) or isinstance(results, Result):
        raise TypeError(f"results must be a dict of Results by name, got {type(results).__name__}")
    if not results:
        raise ValueError("results must hold at least one")
    for name, result in results.items():
        if not isinstance(name, str):
            raise TypeError(f"results must have names for keys, got {name!r}")
        require_result(result, f"results[{name!r}]")
    (first, result), *others = results.items()
    for name, other in others:
        require_same(first, result, name, other)


def check_costs(costs: Any, results: Mapping[str, Result]) -> dict[str, dict[str, float]]:
    """The costs of each model. Raises TypeError or ValueError for what is none."""
    if costs is None:
        return {}
    if not isinstance(costs, Mapping):
        raise TypeError(f"costs must be a dict of dicts by the model's name, got {type(costs).__name__}")
    for name, values in costs.items():
        if name not in results:
            raise ValueError(f"costs names {name!r}, which is not one of the models {', '.join(results)}")
        if not isinstance(values, Mapping):
            raise TypeError(f"costs[{name!r}] must be a dict, got {values!r}")
        for key, value in values.items():
            if key in ("latency", "time", "speed"):
                raise ValueError(f"costs[{name!r}] has {key!r}, which has no unit: say latency_ms, in milliseconds")
            if key not in COSTS:
                raise ValueError(f"costs[{name!r}] must hold {', '.join(COSTS)}, got {key!r}")
            is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
            if value is not None and not (is_number and 0 < float(value) < math.inf):
                raise ValueError(f"costs[{name!r}][{key!r}] must be a number above 0, got {value!r}")
    return {name: {key: value for key, value in values.items() if value is not None} for name, values in costs.items()}


def classes_with_curves(results: Sequence[Result]) -> list[int]:
    """Positions on axis K of the classes that get curves: of the largest change, then of most ground truth."""
    key = next(iter(results[0]))
    rows = [result.per_class for result in results]
    most = min(MOST_CURVES, CURVES_OF_ALL // len(results))
    with_truth = [k for k, row in enumerate(rows[0]) if row["n_gt"] > 0]

    def change(k: int) -> float:
        values = [of_model[k][key] for of_model in rows if of_model[k][key] != UNDEFINED]
        return max(values, default=0.0) - min(values, default=0.0)

    chosen = sorted(with_truth, key=lambda k: (-change(k), -rows[0][k]["n_gt"], k))[:most]
    return sorted(chosen)


def _confused_classes(models: Sequence[Model]) -> list[int]:
    """Positions on axis K of the classes in the confusion matrix: all, or those confused most at the best score."""
    n = len(models[0].result.outcomes.category_ids)
    if n <= MOST_CONFUSED:
        return list(range(n))
    mixed = np.zeros(n)
    for model in models:
        best = model.best.threshold
        if model.confusions is not None:
            between = model.confusions.pairs(0.0 if best is None else best)
            for side in between:
                np.add.at(mixed, side, 1)
    n_gt = np.array([row["n_gt"] for row in models[0].result.per_class])
    order = sorted(range(n), key=lambda k: (-mixed[k], -n_gt[k], k))
    return sorted(order[:MOST_CONFUSED])


def _intervals_of(
    name: str,
    result: Result,
    comparison: Comparison | None,
    intervals: Mapping[str, Bootstrap] | None,
    n: int,
    seed: int,
) -> Mapping[str, Interval]:
    if intervals is not None and name in intervals:
        if not isinstance(intervals[name], Bootstrap):
            raise TypeError(f"intervals[{name!r}] must be a Bootstrap, got {type(intervals[name]).__name__}")
        found = intervals[name].intervals
        differing = next((key for key in result if key not in found or found[key].value != result[key]), None)
        if differing is not None:
            raise ValueError(f"intervals[{name!r}] is of another result: {differing} differs")
        return found
    if comparison is not None:
        return comparison.intervals[name]
    return bootstrap(result, n, seed).intervals


def _pair(pair: Pair) -> dict[str, Any]:
    rows = [row for row in pair.per_class if row["reliable"]]
    return {
        "first": pair.first,
        "second": pair.second,
        "metric": pair.metric,
        "n_images": pair.n_images,
        "differences": {key: _difference(interval) for key, interval in pair.differences.items()},
        "p": pair.p,
        "p_corrected": pair.p_corrected,
        "reliable": bool(pair.reliable),
        "verdict": pair.verdict,
        "reliable_classes": [{"id": row["id"], **_difference(row["difference"])} for row in rows],
    }


def _row(row: SummaryRow, max_dets: Sequence[int]) -> dict[str, Any]:
    try:
        limit = row.limit.of(max_dets)
    except IndexError:  # a limit that the protocol lacks
        limit = None
    return {
        "key": row.key, "coco_key": row.coco_key, "metric": row.metric, "iou": row.iou, "area": row.area,
        "max_dets": limit, "categories": row.categories,
    }  # fmt: skip


def _difference(interval: Interval) -> dict[str, float | None]:
    values = (interval.value, interval.low, interval.high)
    return {name: None if math.isnan(x) else x for name, x in zip(("value", "low", "high"), values, strict=True)}


def _name(name_of: Mapping[Any, str], id: Any) -> str | None:
    name = name_of.get(id)
    return None if name is None else str(name)
