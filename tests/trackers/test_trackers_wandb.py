"""Weights & Biases: what payload() holds against Result, and what define() tells a run. Nothing leaves this machine."""

import importlib
import json
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from helpers.result_cases import make_result
from helpers.wandb_files import history_of, inspect

import pymetrics
from pymetrics.evaluation.protocol import Protocol

NAMES = {1: "traffic light", 2: "mean", 3: "cat", 4: "cat"}  # the last has no ground truth
MEDIA = {"val/pr_50", "val/confidence", "val/confusion", "val/per_class", "val/per_image"}


@pytest.fixture
def wandb(need, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("WANDB_SILENT", "true")
    return need("wandb")


@pytest.fixture
def tracker(wandb):
    return importlib.import_module("pymetrics.trackers.wandb")


def lines_of(chart, x="recall", y="precision"):
    """The rows of a chart's table as {class: [(x, y), ...]}."""
    assert chart.table.columns == ["class", x, y]
    lines = {}
    for name, *point in chart.table.data:
        lines.setdefault(name, []).append(tuple(point))
    return lines


@pytest.mark.parametrize("settings", [{}, {"keys": "coco"}, {"class_names": True}])
def test_payload_holds_all_scalars(tracker, settings):
    result = make_result(n_gt=60, names=NAMES)
    values = tracker.payload(result, **settings)
    assert values.keys() >= MEDIA
    best = result.best_threshold("f1", 0.5)
    wanted = result.scalars("val/", **settings)
    wanted |= dict(zip(("val/precision", "val/recall", "val/f1", "val/f1_threshold"),
                       (best.precision, best.recall, best.f, best.threshold), strict=True))  # fmt: skip
    scalars = {key: value for key, value in values.items() if key not in MEDIA}
    assert scalars == wanted
    assert all(type(value) is float for value in scalars.values())
    assert tracker.payload(result, media=False, **settings) == scalars
    at = result.at(best.threshold).macro
    assert (scalars["val/precision"], scalars["val/recall"], scalars["val/f1"]) == (at.precision, at.recall, at.f1)


def test_undefined_values_are_dropped(tracker):
    result = make_result(Protocol(iou_thresholds=(0.3, 0.6)))
    values = tracker.payload(result, prefix="")
    assert "map" in values
    assert "map_50" not in values
    assert "pr_30" in values  # the first threshold, where .5 is not there
    assert values["f1"] == result.best_threshold("f1", 0.3).f
    nothing = tracker.payload(make_result(n_gt=0))
    assert nothing.keys() == {"val/per_class", "val/per_image"}
    assert {row[2] for row in nothing["val/per_class"].data} == {None}


def test_no_number_is_nan(tracker, monkeypatch):
    result = make_result()
    monkeypatch.setitem(result._value_of, "map_50", float("nan"))
    with pytest.raises(ValueError, match="'map_50' is nan: trackers store it as text or drop it"):
        tracker.payload(result)


def test_the_chart_holds_the_curves(tracker):
    result = make_result(n_gt=60, names=NAMES)
    chart = tracker.payload(result)["val/pr_50"]
    curves = result.curves(0.5)
    wanted = {"mean": curves.mean, "traffic light": curves.precision[0], "mean (2)": curves.precision[1]}
    wanted |= {"cat (3)": curves.precision[2]}
    lines = lines_of(chart)
    assert lines.keys() == wanted.keys()
    assert next(iter(lines)) == "mean"
    for name, precision in wanted.items():
        assert lines[name] == list(zip(curves.recall.tolist(), precision.tolist(), strict=True))
    assert {type(value) for row in chart.table.data for value in row} == {str, float}
    assert chart.spec.spec_name == "wandb/area-under-curve/v0"
    assert chart.spec.fields == {"x": "recall", "y": "precision", "class": "class"}
    assert chart.spec.string_fields["title"] == "Precision over recall at IoU 0.5"


def test_the_confidence_chart_is_what_at_says(tracker):
    result = make_result(n_gt=60)
    lines = lines_of(tracker.payload(result)["val/confidence"], "score", "value")
    assert lines.keys() == {"precision", "recall", "f1"}
    for name, points in lines.items():
        assert [score for score, _ in points] == [score for score, _ in lines["f1"]]
        for score, value in points:
            assert value == getattr(result.at(score).macro, name)
    highest = float(result.outcomes.scores.max())
    assert lines["f1"][-1][0] <= highest < lines["f1"][-1][0] + 0.011


def test_the_confusion_chart_is_the_matrix(tracker):
    result = make_result(n_gt=60, names=NAMES)
    values = tracker.payload(result)
    chart = values["val/confusion"]
    assert chart.spec.spec_name == "wandb/confusion_matrix/v1"
    assert chart.spec.fields == {name: name for name in ("Actual", "Predicted", "nPredictions")}
    labels = ["traffic light", "mean (2)", "cat (3)", "cat (4)", "background"]
    matrix = result.confusion(0.5, values["val/f1_threshold"]).matrix
    assert chart.table.data == [
        [labels[i], labels[j], matrix[i, j]] for i in range(5) for j in range(5)
    ]  # fmt: skip
    assert {type(row[2]) for row in chart.table.data} == {int}


def test_the_tables_are_bounded_and_hold_no_detections(tracker):
    result = make_result(n_gt=60, names=NAMES, n_images=30)
    values = tracker.payload(result, rows=7)
    worst = result.at(values["val/f1_threshold"]).per_image[:7]
    table = values["val/per_image"]
    assert table.columns == ["image_id", "n_gt", "n_dt", "tp", "fp", "fn", "precision", "recall", "f1"]
    assert table.data == [[None if value == -1 else value for value in row.values()] for row in worst]
    table = values["val/per_class"]
    assert table.columns[:3] == ["category_id", "name", "map"]
    rows = [row | {"name": name} for row, name in zip(
        result.per_class, ("traffic light", "mean (2)", "cat (3)", "cat (4)"), strict=True)]  # fmt: skip
    assert table.data == [[None if value == -1 else value for value in row.values()] for row in rows]


def test_names_of_classes(tracker):
    result = make_result(n_gt=60)
    assert list(lines_of(tracker.payload(result)["val/pr_50"])) == ["mean", "1", "2", "3"]
    names = {1: "cat", 2: "dog", 3: "bird"}  # the fourth category has no ground truth
    named = tracker.payload(result, class_names=names)
    assert list(lines_of(named["val/pr_50"])) == ["mean", "cat", "dog", "bird"]
    assert {"val/map/cat", "val/map/dog", "val/map/bird"} <= named.keys()


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        (["cat"], TypeError, "class_names must map category ids to names or be a bool, got list"),
        ({0: "a", 1: "b", 2: "c"}, ValueError, r"class_names lacks categories of the ground truth: 3; it names 0, 1"),
        ({1: "a", 2: "b", 3: "a"}, ValueError, r"class_names\[1\] and class_names\[3\] are both 'a'"),
    ],
)
def test_class_names_that_do_not_fit(tracker, names, error, message):
    with pytest.raises(error, match=message):
        tracker.payload(make_result(n_gt=60), class_names=names)


@pytest.mark.parametrize("prefix", ["val@", "val:", "a(b)/", 3])
def test_prefixes_that_trackers_refuse(tracker, prefix):
    with pytest.raises(ValueError, match="prefix may hold letters, digits, '_', '-',"):
        tracker.payload(make_result(), prefix=prefix)


def test_all_keys_are_letters_digits_and_a_few_signs(tracker):
    protocol = Protocol(area_ranges=((0, 1e9), (0, 900)), area_names=("all", "< 900 px² (tiny)"))
    names = {1: "person @home", 2: "a:b", 3: "(c)", 4: "d,e"}
    for keys in ("torchmetrics", "coco"):
        values = tracker.payload(make_result(protocol, n_gt=60, names=names), class_names=True, keys=keys)
        assert not [key for key in values if re.search(r"[^\w\-./ ]", key)]
        assert {f"val/{'AP' if keys == 'coco' else 'map'}/{name}" for name in ("person_home", "a_b", "c")} <= set(
            values
        )


def test_a_chart_per_threshold(tracker):
    result = make_result(Protocol(iou_thresholds=(0.5, 0.625, 0.75)), n_gt=60)
    values = tracker.payload(result, prefix="x.y/", ious=(0.75, 0.625))
    assert [key for key in values if "/pr_" in key] == ["x.y/pr_75", "x.y/pr_62_5"]
    assert lines_of(values["x.y/pr_75"])["mean"][50][1] == result.curves(0.75).mean[50]
    assert "val/pr_50" not in tracker.payload(result, ious=())
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
    chart = tracker.payload(result)["val/confusion"]
    assert len(chart.table.data) == 100 * 100
    matrix = result.confusion(0.5, result.best_threshold().threshold).matrix
    n_objects = matrix[:-1].sum(axis=1)
    shown = {row[0] for row in chart.table.data} - {"background"}
    assert n_objects[[int(name) - 1 for name in shown]].min() >= np.sort(n_objects)[-99]
    count = {(row[0], row[1]): row[2] for row in chart.table.data}
    a, b = sorted(shown)[:2]
    for x, y in ((a, a), (a, b), (a, "background"), ("background", b)):
        i, j = (-1 if name == "background" else int(name) - 1 for name in (x, y))
        assert count[x, y] == matrix[i, j]


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
    """A real run on disk: no value is lost to the steps of training; the summary keeps last and best as numbers."""
    run = wandb.init(mode="offline", project="test", dir=tmp_path, settings=wandb.Settings(console="off"))
    results = [make_result(seed=seed, n_gt=60) for seed in (2, 0, 1)]
    best = tracker.Best()
    for epoch, result in enumerate(results):
        run.log({"train/loss": 1.0})
        values = tracker.payload(result, best=best)
        tracker.define(run, values)
        run.log({"epoch": epoch, **values})
    run.finish()
    path = run.settings.sync_file
    logged = [row for row in history_of(path) if "epoch" in row]
    assert [row["epoch"] for row in logged] == [0, 1, 2]
    for row, result in zip(logged, results, strict=True):
        assert {key: row[key] for key in result.scalars("val/")} == result.scalars("val/")
    summary = json.loads(inspect(path, "--summary"))["summary"]
    maps = [result["map"] for result in results]
    assert summary["val/map"] == maps[-1] != max(maps)
    assert summary["val/map_best"] == max(maps)
    assert summary["val/map_best_epoch"] == int(np.argmax(maps))
    assert summary["val/pr_50_table"]["nrows"] == 404  # of the last epoch, not a maximum
    for key in MEDIA:
        table = next(Path(path).parent.glob(f"files/media/table/{key}_*.json"))
        assert len(json.loads(table.read_text(encoding="utf-8"))["data"]) > 0


def test_best(tracker):
    low, high = sorted((make_result(seed=seed, n_gt=60) for seed in range(2)), key=lambda result: result["map"])
    best = tracker.Best()
    seen = []
    for result in (make_result(n_gt=0), low, high, low, high):
        values = tracker.payload(result, best=best, media="best")
        seen.append((best.is_new, values.get("val/map_best"), values.get("val/map_best_epoch"), "val/pr_50" in values))
    assert seen == [
        (False, None, None, False),
        (True, low["map"], 1, True),
        (True, high["map"], 2, True),
        (False, high["map"], 2, False),
        (False, high["map"], 2, False),  # of equals the first
    ]
    best = tracker.Best("map_50", value=high["map_50"] + 1, epoch=7)  # after a restart
    values = tracker.payload(high, best=best, epoch=8, media=False)
    assert (values["val/map_50_best"], values["val/map_50_best_epoch"], best.is_new) == (high["map_50"] + 1, 7, False)
    assert type(values["val/map_50_best_epoch"]) is int


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"media": "best"}, 'media="best" needs best=Best'),
        ({"media": "always"}, "media must be True, False or \"best\", got 'always'"),
        ({"epoch": 1.5}, "epoch must be an integer from 0 on, got 1.5"),
    ],
)
def test_payload_refuses(tracker, settings, message):
    best = tracker.Best() if "epoch" in settings else None
    with pytest.raises(ValueError, match=message):
        tracker.payload(make_result(), best=best, **settings)


@pytest.mark.parametrize("result", [None, {"map": 0.5}])
def test_the_result_is_a_result(tracker, result):
    with pytest.raises(TypeError, match=f"result must be a Result, got {type(result).__name__}"):
        tracker.payload(result)


def test_epochs_may_be_numpys_integers(tracker):
    best = tracker.Best()
    values = tracker.payload(make_result(), best=best, epoch=np.int64(3), media=False)
    assert (values["val/map_best_epoch"], type(best.epoch)) == (3, int)


def test_best_is_an_object(tracker):
    with pytest.raises(TypeError, match="best must be a Best\\(\\), the same in every epoch; got type"):
        tracker.payload(make_result(), best=tracker.Best)


def test_define_on_a_disabled_run(tracker, wandb):
    run = wandb.init(mode="disabled")
    tracker.define(run, iter(["val/map"]))
    run.log({"epoch": 3, **tracker.payload(make_result(), media=False)})
    assert run.summary["val/map"] == make_result()["map"]


def test_define_says_the_axis_alone(tracker):
    calls = []
    run = types.SimpleNamespace(define_metric=lambda *args, **settings: calls.append((*args, settings)))
    tracker.define(run, ["val/loss"], step="samples")
    assert calls == [("samples", {}), ("val/loss", {"step_metric": "samples"})]
    with pytest.raises(TypeError, match="keys must be several names, got the string 'val/map'"):
        tracker.define(run, "val/map")


def test_string_ids(tracker):
    """A chart has a line for each, by id or by the name of that id."""
    boxes = {"boxes": np.array([[0, 0, 9, 9], [20, 20, 30, 30]]), "labels": ["a cat", "b/dog"]}
    result = pymetrics.evaluate([boxes], [boxes | {"scores": np.array([0.9, 0.8])}])
    assert set(lines_of(tracker.payload(result, prefix="")["pr_50"])) == {"mean", "a cat", "b/dog"}
    values = tracker.payload(result, prefix="", class_names={"a cat": "cat", "b/dog": "dog"})
    assert set(lines_of(values["pr_50"])) == {"mean", "cat", "dog"}
    assert values["map/cat"] == values["map/dog"] > 0.99
