"""explain_difference: the causes of planted differences, sums to the last bit, and what it prints."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.analysis_scenes import scene
from helpers.planted import PLANTS, Planted, other_tool

import pymetrics
from pymetrics import explain_difference
from pymetrics.analysis import Difference, Rules, supervision, ultralytics, voc
from pymetrics.analysis.rule_numbers import RuleNumbers
from pymetrics.analysis.rules import RULES
from pymetrics.evaluation.read_sources import read_sources

RECORDED = json.loads((Path(__file__).parents[1] / "fixtures" / "validation.json").read_text(encoding="utf-8"))
PAIRS = [
    ("ultralytics", "coco"),
    ("coco", "ultralytics"),
    ("voc2010", "coco"),
    ("supervision", "voc2007"),
    ("supervision", "torchmetrics"),
]
# Either changes what the other one does, or is not told by .5 alone.
TOGETHER = [
    three
    for three in combinations([name for name in PLANTS if name != "iou_thresholds"], 3)
    if not {"category_map", "empty_categories"} <= set(three)
]


def check_sums(found: Difference) -> None:
    """Each number is the next one's start; the changes, exactly, add up to the whole."""
    rows = [row for row in found.rows if row["rule"] != "not explained"]
    ends = [found.before, *(row["after"] for row in rows)]
    assert [row["before"] for row in rows] == ends[:-1]
    assert ends[-1] == found.after
    total = sum((Fraction(row["after"]) - Fraction(row["before"]) for row in found.rows), Fraction(0))
    start = found.before if found.reported is None else found.reported
    assert total == Fraction(found.after) - Fraction(start)
    for row in found.rows:
        assert row["change"] == float(Fraction(row["after"]) - Fraction(row["before"]))
        assert len(row["examples"]) == min(row["detections"], 5)


def explained(of: Planted, planted: Any, metric: str = "map_50") -> list[Difference]:
    """From COCO to the other tool and back."""
    other = other_tool(planted)
    return [
        explain_difference(of.gt, of.dt, *pair, metric, use_ignore=True) for pair in (("coco", other), (other, "coco"))
    ]


def test_nothing_is_planted() -> None:
    for name in ("category_map", "matching"):
        for found in explained(Planted(), [name], "map"):
            assert found.rows == found.checks == []
            assert len(found.without_effect) == 11
            assert found.before == found.after


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_difference_comes_first_with_its_detections(name: str) -> None:
    of = Planted()
    n = PLANTS[name](of)
    for found in explained(of, [name], "map" if name == "iou_thresholds" else "map_50"):
        assert [(row["rule"], row["detections"]) for row in found.rows] == [(name, n)]
        assert abs(found.rows[0]["change"]) > 0.01
        check_sums(found)


@pytest.mark.parametrize("three", TOGETHER[::4], ids="-".join)
def test_three_planted_at_once_in_any_order(three: tuple[str, ...]) -> None:
    of, want = Planted(), {}
    for name in random.Random(str(three)).sample(three, 3):
        want[name] = PLANTS[name](of)
    for found in explained(of, three):
        assert {row["rule"]: row["detections"] for row in found.rows} == want
        check_sums(found)


@pytest.mark.parametrize(
    ("field", "value", "are_touched"),
    [
        ("mean", "micro", False), ("interpolation", "ultralytics", False), ("recall_thresholds", (0.0, 0.9), False),
        ("dt_layout", "xyxy", True), ("category_map", "add_1", True), ("max_dets_per", "image", False),
    ],
)  # fmt: skip
def test_one_field_differs(field: str, value: Any, are_touched: bool) -> None:
    of = Planted()
    for row in [row for row in of.dt if row["category_id"] == 1][:5]:
        row["bbox"] = [5000, 5000, 10, 10]
    of.dt = [row for row in of.dt if row["category_id"] != 2 or row["image_id"] > 2]
    found = explain_difference(of.gt, of.dt, "coco", Rules("coco", **{field: value}))
    if field == "max_dets_per":
        assert (found.rows, found.without_effect) == ([], [field])
        return
    assert [row["rule"] for row in found.rows] == [field]
    assert (found.rows[0]["detections"] > 0) == are_touched
    assert found.rows[0]["from"] == getattr(Rules("coco"), field)
    check_sums(found)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@pytest.mark.parametrize("seed", range(6))
def test_ends_are_the_tools_numbers_and_changes_add_up(backend: str, seed: int, pair: tuple[str, str]) -> None:
    gt, dt = scene(seed, n_images=8).sources()
    result = pymetrics.evaluate(gt, dt)
    own = {
        "coco": result["map"], "torchmetrics": pymetrics.evaluate(gt, dt, protocol="torchmetrics")["map"],
        "ultralytics": ultralytics(result).map, "voc2007": voc(result, 2007).map, "voc2010": voc(result, 2010).map,
        "supervision": supervision(result).map,
    }  # fmt: skip
    found = explain_difference(gt, dt, *pair)
    assert (found.before, found.after) == (own[pair[0]], own[pair[1]])
    check_sums(found)
    check_path(found, gt, dt)


def check_path(found: Difference, gt: Any, dt: Any) -> None:
    """Each step is the one that moves the number most, and its count that of the detections that changed."""
    numbers = RuleNumbers(*read_sources(gt, dt), found.metric)
    rules, left = found.a, [name for name in RULES if getattr(found.a, name) != getattr(found.b, name)]
    assert sorted(left) == sorted([row["rule"] for row in found.rows] + found.without_effect)
    for row in found.rows:
        steps = {name: abs(_number(numbers, rules, found.b, name) - row["before"]) for name in left}
        assert abs(row["change"]) == max(steps.values())
        if row["change"] != 0:
            assert row["rule"] == max(steps, key=lambda name: steps[name])
        changed = replace(rules, **{row["rule"]: row["to"]})
        states = [numbers.number(one).states for one in (rules, changed)]
        assert row["detections"] == np.count_nonzero(states[0] != states[1])
        assert {one["dt"] for one in row["examples"]} <= set(np.flatnonzero(states[0] != states[1]).tolist())
        rules = changed
        left.remove(row["rule"])


def _number(numbers: RuleNumbers, rules: Rules, last: Rules, name: str) -> float:
    try:
        return numbers.number(replace(rules, **{name: getattr(last, name)})).value
    except ValueError:  # no recall thresholds with an interpolation that needs them
        return numbers.number(rules).value


def test_examples_are_the_users_rows() -> None:
    gt = np.array([[7, 0, 0, 10, 10, 3], [9, 0, 0, 10, 10, 3]])
    dt = np.array([[9, 0, 0, 10, 10, 0.2, 3], [7, 0, 0, 10, 10, 0.9, 3], [7, 50, 0, 10, 10, 0.1, 3]])
    found = explain_difference(gt, dt, "coco", Rules("coco", confidence=0.3))
    assert found.rows[0]["examples"] == [
        {"image": 9, "category": 3, "dt": 0, "score": 0.2, "before": "true positive", "after": "not counted"},
        {"image": 7, "category": 3, "dt": 2, "score": 0.1, "before": "false positive", "after": "not counted"},
    ]


@pytest.mark.parametrize("name", RECORDED)
def test_the_causes_in_ultralytics_own_validation(data: Any, sum_order: None, name: str) -> None:
    """Its printed number is explained whole, and what its user had set is found as the cause."""
    folder, file = name.split("/")
    gt, dt = data(f"{folder}/gt.json"), data(f"{folder}/dt_{file}.json")
    found = explain_difference(gt, dt, reported=RECORDED[name]["default"][0])
    assert found.rows[-1]["rule"] == "not explained"
    assert found.rows[-1]["change"] == 0
    assert found.before == RECORDED[name]["default"][0]
    check_sums(found)
    check_path(replace(found, rows=found.rows[:-1]), gt, dt)
    without = explain_difference(gt, dt, reported=RECORDED[name]["conf"][0])
    assert without.rows[-1]["change"] == found.before - RECORDED[name]["conf"][0]
    causes = {"conf": ("confidence", 0.25), "max_det": ("max_dets", 5), "single_cls": ("category_map", "one")}
    for setting, (field, value) in causes.items():
        told = explain_difference(
            gt, dt, Rules("ultralytics", **{field: value}), "ultralytics", reported=RECORDED[name][setting][0]
        )
        assert [row["rule"] for row in told.rows] == [field, "not explained"]
        assert told.rows[-1]["change"] == 0


def test_what_is_printed(data: Any) -> None:
    gt, dt = data("generated/gt.json"), data("generated/dt_coarse.json")
    found = explain_difference(gt, dt, reported=0.5)
    lines = str(found).splitlines()
    assert lines[0].startswith("check the data: 3 of 44 images with ground truth have no detection (13, 26, 39)")
    assert lines[1].startswith("  if the detector has not seen them, leave them out: images='with_detections'")
    lines = lines[2:]
    assert lines[0] == "reported    0.5000"
    assert lines[1:3] == [f"map of a  {found.before:.4f}  ultralytics", f"map of b  {found.after:.4f}  coco"]
    assert lines[4].split() == ["rule", "from", "to", "before", "after", "change", "detections"]
    assert lines[-1].endswith("Another order would share the difference out differently.")
    assert sum(line.startswith("not explained  ") for line in lines) == 1
    assert "".join(lines).count("without effect: ") == 1
    assert max(map(len, lines)) < 100
    assert repr(found).startswith(
        f"<Difference map {found.before:.4f} of ultralytics, {found.after:.4f} of coco, most by "
    )
    content = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert content["a"]["name"] == "ultralytics"
    assert content["rows"][0]["before"] == found.before
    assert content["reported"] == 0.5
    same = explain_difference(gt, dt, "coco", "coco")
    assert (same.rows, same.without_effect) == ([], [])
    assert "most by" not in repr(same)


def test_voc_and_its_missing_recall_thresholds() -> None:
    gt, dt = scene(4, n_images=8).sources()
    for pair in (("voc2010", "ultralytics"), ("coco", "voc2010")):
        check_sums(explain_difference(gt, dt, *pair))


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (
            {"a": "yolo"},
            ValueError,
            "a must be one of coco, torchmetrics, ultralytics, supervision, voc2007, voc2010; got 'yolo'",
        ),
        ({"b": 5}, TypeError, "b must be a name or pymetrics.analysis.Rules, got int"),
        ({"metric": "mar_100"}, ValueError, "metric must be one of map, map_50, .*; got 'mar_100'"),
        ({"reported": 51.2}, ValueError, "reported must be a number in \\[0, 1\\], got 51.2"),
        ({"b": "voc2007", "metric": "map_75"}, ValueError, "voc2007 has no IoU threshold 0.75, which map_75 reads"),
        ({"metric": "map_small"}, ValueError, "ultralytics has no map_small: it reads no areas"),
        ({"a": Rules("coco", images=[])}, ValueError, "a has no number: by its rules no ground truth counts"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], error: type[Exception], words: str) -> None:
    gt, dt = np.array([[1, 0, 0, 10, 10, 1]]), np.array([[1, 0, 0, 10, 10, 0.9, 1]])
    with pytest.raises(error, match=words):
        explain_difference(gt, dt, **arguments)


def test_other_shapes_are_refused() -> None:
    gt = [{"image_id": 1, "masks": np.ones((1, 4, 4), np.uint8), "labels": np.array([1])}]
    dt = [{**gt[0], "scores": np.array([0.5])}]
    with pytest.raises((ValueError, KeyError), match="boxes"):
        explain_difference(gt, dt)
    with pytest.raises(ValueError, match="gt was read for another iou_type"):
        explain_difference(pymetrics.read(gt, "gt", "segm"), pymetrics.read(dt, "dt", "segm"))
    boxes = [{"image_id": 1, "boxes": np.zeros((1, 4)), "labels": np.array([1])}]
    with pytest.raises(ValueError, match="dt was read for another iou_type"):
        explain_difference(pymetrics.read(boxes, "gt"), pymetrics.read(dt, "dt", "segm"))


def test_values_that_are_not_finite_and_no_rows() -> None:
    gt, dt = np.array([[1, 0, 0, 10, 10, 1.0]]), np.array([[1, 0, 0, 10, np.nan, 0.9, 1]])
    with pytest.raises(ValueError, match="nan"):
        explain_difference(gt, dt)
    for a, b in (("coco", "ultralytics"), ("voc2007", "supervision")):
        found = explain_difference(gt, np.zeros((0, 7)), a, b)
        assert (found.before, found.after, found.rows, found.checks) == (0, 0, [], [])
    with pytest.raises(ValueError, match="a has no number"):
        explain_difference(gt[:0], dt[:0])


def test_lists_per_image_and_names_of_categories() -> None:
    of = scene(1, n_images=8)
    assert isinstance(of.images[0], str)
    found = explain_difference(*of.sources(), "coco", Rules("coco", category_map={"c2": "c3"}))
    assert found.rows[0]["rule"] == "category_map"
    assert {type(one["image"]) for one in found.rows[0]["examples"]} <= {str}
    boxes = np.array([[0, 0, 10, 10], [20, 0, 30, 10]], np.float32)
    gt = [{"boxes": boxes, "labels": np.array([1, 2])}]
    dt = [{"boxes": boxes, "labels": np.array([1, 2]), "scores": np.array([0.9, 0.0005], np.float32)}]
    (row, *_) = explain_difference(gt, dt, "coco", Rules("coco", confidence=0.001)).rows
    assert (row["rule"], row["detections"], row["change"]) == ("confidence", 1, pytest.approx(-0.5))
