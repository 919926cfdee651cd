"""Metrics of one MetricCollection share what they make of their common states."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from helpers.map_scenes import batch, differences


@pytest.fixture(scope="module")
def make(need: Callable[[str], Any]) -> Callable[..., Any]:
    """make(**arguments): our metric."""
    need("torchmetrics")
    from pymetrics.detection import MeanAveragePrecision

    return MeanAveragePrecision


def filled(metric: Any, batches: Any) -> Any:
    for preds, target in batches:
        metric.update(preds, target)
    return metric


def test_a_collection_shares_columns(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Metrics that share states flatten and group them once; a copy, and a metric alone, share nothing."""
    from torchmetrics import MetricCollection

    from pymetrics.detection import evaluated

    batches = [batch(seed, n_images=3) for seed in range(2)]
    calls: list[str] = []

    def counting(of: Any) -> Any:
        def counted(*args: Any, **kwargs: Any) -> Any:
            calls.append(of.__name__)
            return of(*args, **kwargs)

        return counted

    for function in (evaluated.as_columns, evaluated.group):
        monkeypatch.setattr(evaluated, function.__name__, counting(function))
    arguments: dict[str, Any] = {"a": {}, "b": {"iou_thresholds": [0.3]}, "c": {"average": "micro"}}
    collection = MetricCollection({name: make(**values) for name, values in arguments.items()}).to("cpu")
    for i, data in enumerate(batches):
        collection.update(*data)
        alone = {name: filled(make(**values), batches[: i + 1]).compute() for name, values in arguments.items()}
        calls.clear()
        found = collection.compute()
        assert sorted(calls) == ["as_columns", "group", "group"]
        for name, values in alone.items():
            assert differences({key: found[f"{name}_{key}"] for key in values}, values) == []
    member = next(iter(collection.values(copy_state=False)))
    member.groundtruth_labels[0] = member.groundtruth_labels[0] + 1
    member._computed = None
    calls.clear()
    member.compute()
    assert calls == ["as_columns", "group"]
    copied = copy.deepcopy(member)
    metric = filled(make(compute_with_cache=False), batches)
    calls.clear()
    for other in (copied, copied, metric, metric):
        other._computed = None
        other.compute()
    assert calls == ["as_columns", "group"] * 4


ALL_THRESHOLDS: dict[str, dict[str, Any]] = {
    "a": {},
    "b": {"iou_thresholds": [0.75, 0.3, 0.5], "class_metrics": True},
    "c": {"iou_thresholds": [0.2 + 0.03 * i for i in range(12)]},  # with the others more than 64 bits
}


@pytest.mark.parametrize("backend", ["pycocotools", "faster_coco_eval"])
def test_a_collection_matches_once(make: Any, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Metrics that differ in thresholds alone match at all of them together, whichever computes first."""
    from torchmetrics import MetricCollection

    from pymetrics.evaluation import stages

    batches = [batch(seed, n_images=5) for seed in range(3)]
    n_thresholds: list[int] = []
    match = stages.match

    def counted(columns: Any, cells: Any, protocol: Any) -> Any:
        n_thresholds.append(len(protocol.iou_thresholds))
        return match(columns, cells, protocol)

    monkeypatch.setattr(stages, "match", counted)
    arguments = {name: {**values, "backend": backend} for name, values in ALL_THRESHOLDS.items()}
    alone = {name: filled(make(**values), batches).compute() for name, values in arguments.items()}
    assert n_thresholds == [10, 3, 12]
    for order in ("abc", "cab"):
        collection = filled(MetricCollection({name: make(**arguments[name]) for name in order}), batches)
        n_thresholds.clear()
        found = collection.compute()
        assert n_thresholds == [22]
        for name, values in alone.items():
            assert differences({key: found[f"{name}_{key}"] for key in values}, values) == []


def test_metrics_that_differ_in_more_match_alone(make: Any) -> None:
    """Each by its own arguments, whatever the others' are; and after the others are gone."""
    from torchmetrics import MetricCollection

    batches = [batch(seed, n_images=4) for seed in range(3)]
    arguments: dict[str, dict[str, Any]] = {
        "a": {"iou_thresholds": [0.4]}, "b": {"rec_thresholds": [0.1, 0.9]}, "c": {"average": "micro"},
        "d": {"max_detection_thresholds": [1, 2, 4]}, "e": {"area_ranges": {"tiny": (0, 400)}}, "f": {},
        "g": {"area_ranges": {"tiny": (0, 400)}, "iou_thresholds": [0.3]}, "h": {"extended_summary": True},
    }  # fmt: skip
    members = {name: make(**values) for name, values in arguments.items()}
    for member in members.values():
        member.warn_on_many_detections = False
    collection = filled(MetricCollection(members), batches)
    found = collection.compute()
    for name, values in arguments.items():
        metric = make(**values)
        metric.warn_on_many_detections = False
        alone = filled(metric, batches).compute()
        assert differences({key: found[f"{name}_{key}"] for key in alone}, alone) == []
    kept = members.pop("g")
    del collection, members, member
    kept._computed = None
    assert differences(kept.compute(), filled(make(**arguments["g"]), batches).compute()) == []


@pytest.mark.parametrize("backend", ["pycocotools", "faster_coco_eval"])
def test_many_categories(make: Any, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where precisions at every limit would be huge, a summary does without; the numbers stay."""
    from torchmetrics import MetricCollection

    from pymetrics.evaluation import stages

    batches = [batch(seed, n_images=5, n_classes=9) for seed in range(2)]
    arguments = {name: {**values, "backend": backend} for name, values in ALL_THRESHOLDS.items()}
    alone = {name: filled(make(**values), batches).compute() for name, values in arguments.items()}
    monkeypatch.setattr(stages, "MANY_PRECISIONS", 0)
    collection = filled(MetricCollection({name: make(**values) for name, values in arguments.items()}), batches)
    found = collection.compute()
    for name, values in alone.items():
        assert differences({key: found[f"{name}_{key}"] for key in values}, values) == []
        assert differences(filled(make(**arguments[name]), batches).compute(), values) == []
