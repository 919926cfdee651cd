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
