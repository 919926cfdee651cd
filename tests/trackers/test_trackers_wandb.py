"""Weights & Biases: what payload() holds against Result, and what define() tells a run. Nothing leaves this machine."""

import importlib
import json
import sys
import types

import numpy as np
import pytest
from helpers.result_cases import make_result
from helpers.wandb_files import history_of, inspect

import pymetrics
from pymetrics.evaluation.protocol import Protocol

NAMES = {1: "traffic light", 2: "mean", 3: "cat", 4: "cat"}  # the last has no ground truth


@pytest.fixture
def wandb(need, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("WANDB_SILENT", "true")
    return need("wandb")


@pytest.fixture
def tracker(wandb):
    return importlib.import_module("pymetrics.trackers.wandb")


def lines_of(chart):
    """The rows of a chart's table as {class: [(recall, precision), ...]}."""
    assert chart.table.columns == ["class", "recall", "precision"]
    lines = {}
    for name, recall, precision in chart.table.data:
        lines.setdefault(name, []).append((recall, precision))
    return lines


@pytest.mark.parametrize("settings", [{}, {"keys": "coco"}, {"class_names": NAMES}, {"class_names": True}])
def test_payload_holds_all_scalars(tracker, settings):
    result = make_result(n_gt=60, names=NAMES)
    values = tracker.payload(result, **settings)
    chart = values.pop("val/pr_50")
    assert values == result.scalars("val/", **settings)
    assert all(type(value) is float for value in values.values())
    assert len(lines_of(chart)) == 4


def test_undefined_values_are_dropped(tracker):
    result = make_result(Protocol(iou_thresholds=(0.3, 0.6)))
    values = tracker.payload(result, "")
    assert "map" in values
    assert "map_50" not in values
    assert "pr_30" in values  # the first threshold, where .5 is not there
    assert tracker.payload(make_result(n_gt=0)) == {}


def test_the_chart_holds_the_curves(tracker):
    result = make_result(n_gt=60, names=NAMES)
    chart = tracker.payload(result)["val/pr_50"]
    curves = result.curves(0.5)
    wanted = {"mean": curves.mean, "traffic light": curves.precision[0], "mean (2)": curves.precision[1]}
    wanted |= {"cat": curves.precision[2]}
    lines = lines_of(chart)
    assert lines.keys() == wanted.keys()
    assert next(iter(lines)) == "mean"
    for name, precision in wanted.items():
        assert lines[name] == list(zip(curves.recall.tolist(), precision.tolist(), strict=True))
    assert {type(value) for row in chart.table.data for value in row} == {str, float}
    assert chart.spec.spec_name == "wandb/area-under-curve/v0"
    assert chart.spec.fields == {"x": "recall", "y": "precision", "class": "class"}
    assert chart.spec.string_fields["title"] == "Precision over recall at IoU 0.5"


def test_names_of_classes(tracker):
    result = make_result(n_gt=60)
    assert list(lines_of(tracker.payload(result)["val/pr_50"])) == ["mean", "1", "2", "3"]
    named = tracker.payload(result, class_names={1: "cat", 2: "cat"})["val/pr_50"]
    assert list(lines_of(named)) == ["mean", "cat (1)", "cat (2)", "3"]


def test_a_chart_per_threshold(tracker):
    result = make_result(Protocol(iou_thresholds=(0.5, 0.625, 0.75)), n_gt=60)
    values = tracker.payload(result, "x.y/", ious=(0.75, 0.625))
    assert [key for key in values if "pr_" in key] == ["x.y/pr_75", "x.y/pr_62_5"]
    assert lines_of(values["x.y/pr_75"])["mean"][50][1] == result.curves(0.75).mean[50]
    assert tracker.payload(result, ious=()) == result.scalars("val/")
    with pytest.raises(ValueError, match="iou must be one of the protocol's"):
        tracker.payload(result, ious=(0.3,))


def test_more_classes_than_rows(tracker):
    """W&B cuts a table at 10 000 rows: the mean and the 98 classes with the most ground truth."""
    result = make_result(n_gt=3000, n_dt=3000, n_categories=121)
    chart = tracker.payload(result)["val/pr_50"]
    lines = lines_of(chart)
    assert len(chart.table.data) == 99 * 101 <= 10_000
    n_gt = {str(row["id"]): row["n_gt"] for row in result.per_class}
    assert min(n_gt[name] for name in lines if name != "mean") >= np.sort(list(n_gt.values()))[-98]
    assert chart.spec.string_fields["title"].endswith("(98 of 120 classes, those with the most objects)")


def test_payload_needs_no_other_library(tracker, wandb, monkeypatch):
    monkeypatch.setattr(wandb.util, "pd_available", False)  # as W&B finds at its import, where pandas is not there
    for name in ("sklearn", "pandas", "matplotlib"):
        monkeypatch.setitem(sys.modules, name, None)  # importing it is an error now
    assert "val/pr_50" in tracker.payload(make_result())


@pytest.mark.parametrize("found", [None, types.ModuleType("wandb")], ids=["nothing", "the folder ./wandb"])
def test_without_wandb_the_error_names_the_extra(found, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", found)
    monkeypatch.delitem(sys.modules, "pymetrics.trackers.wandb", raising=False)
    with pytest.raises(ImportError, match=r"needs wandb: pip install 'pymetrics-detection\[wandb\]'"):
        importlib.import_module("pymetrics.trackers.wandb")


@pytest.mark.slow
def test_define_in_a_run(tracker, wandb, tmp_path):
    """A real run on disk: no value is lost to the steps of training, and the summary keeps the best ones."""
    run = wandb.init(mode="offline", project="test", dir=tmp_path, settings=wandb.Settings(console="off"))
    results = [make_result(seed=seed, n_gt=60) for seed in range(3)]
    for epoch, result in enumerate(results):
        run.log({"train/loss": 1.0})
        values = tracker.payload(result)
        tracker.define(run, values)
        run.log({"epoch": epoch, **values})
    run.finish()
    path = run.settings.sync_file
    logged = [row for row in history_of(path) if "epoch" in row]
    assert [row["epoch"] for row in logged] == [0, 1, 2]
    for row, result in zip(logged, results, strict=True):
        assert {key: row[key] for key in result.scalars("val/")} == result.scalars("val/")
    summary = json.loads(inspect(path, "--summary"))["summary"]
    assert summary["val/map"] == {"max": max(result["map"] for result in results)}
    assert summary["val/pr_50_table"]["nrows"] == 404  # of the last epoch, not a maximum


def test_define_on_a_disabled_run(tracker, wandb):
    run = wandb.init(mode="disabled")
    tracker.define(run, iter(["val/map"]))
    run.log({"epoch": 3, **tracker.payload(make_result(), ious=())})
    assert run.summary["val/map"] == make_result()["map"]


def test_define_says_axis_and_summary(tracker):
    calls = []
    run = types.SimpleNamespace(define_metric=lambda *args, **settings: calls.append((*args, settings)))
    tracker.define(run, ["val/loss"], step="samples", summary="min")
    assert calls == [("samples", {}), ("val/loss", {"step_metric": "samples", "summary": "min"})]


@pytest.mark.parametrize(
    ("keys", "error", "message"),
    [
        ("val/map", TypeError, "keys must be several names, got the string 'val/map'"),
        (["val/map", "val/*"], ValueError, r"keys\[1\] must be the whole name of one scalar, got 'val/\*'"),
    ],
)
def test_define_refuses(tracker, keys, error, message):
    with pytest.raises(error, match=message):
        tracker.define(None, keys)


def test_string_ids(tracker):
    """A chart has a line for each, by id or by the name of that id."""
    boxes = {"boxes": np.array([[0, 0, 9, 9], [20, 20, 30, 30]]), "labels": ["a cat", "b/dog"]}
    result = pymetrics.evaluate([boxes], [boxes | {"scores": np.array([0.9, 0.8])}])
    assert set(lines_of(tracker.payload(result, "")["pr_50"])) == {"mean", "a cat", "b/dog"}
    names = {"a cat": "cat", "b/dog": "cat"}
    values = tracker.payload(result, "", class_names=names)
    assert set(lines_of(values["pr_50"])) == {"mean", "cat (a cat)", "cat (b/dog)"}
    assert values["map/cat_0"] == values["map/cat_1"] > 0.99
