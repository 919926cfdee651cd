"""analysis.Rules: numbers beside those of the tools, and beside the rules one decision at a time."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.analysis_scenes import scene
from helpers.literal_rules import number
from helpers.rule_scenes import images, sources

import pymetrics
from pymetrics.analysis import Rules, supervision, ultralytics, voc
from pymetrics.analysis.rule_numbers import RuleNumbers
from pymetrics.analysis.rules import CHOICES, RULES
from pymetrics.evaluation.protocol import COCO_RECALL_THRESHOLDS, PRESETS
from pymetrics.evaluation.read_sources import read_sources

RECORDED = json.loads((Path(__file__).parents[1] / "fixtures" / "validation.json").read_text(encoding="utf-8"))
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {}, "conf": {"confidence": 0.25}, "max_det": {"max_dets": 5}, "single_cls": {"category_map": "one"},
    "crowds": {"crowd": "count"},
}  # fmt: skip


ONE = pytest.approx(1, abs=1e-15)  # pycocotools' precision of a first detection is 1 - 2**-52


def value_of(gt: Any, dt: Any, rules: Rules, metric: str = "map", **how: Any) -> float:
    return RuleNumbers(*read_sources(gt, dt, **how), metric).number(rules).value


def check_presets(gt: Any, dt: Any) -> None:
    result, other = pymetrics.evaluate(gt, dt), pymetrics.evaluate(gt, dt, protocol="torchmetrics")
    by_ultralytics, by_older = ultralytics(result), ultralytics(result, matching="overlap_first")
    by_supervision = supervision(result)
    for metric in ("map", "map_50", "map_75"):
        numbers = RuleNumbers(*read_sources(gt, dt), metric)
        assert numbers.number(Rules("coco")).value == result[metric]
        assert numbers.number(Rules("torchmetrics")).value == other[metric]
        assert numbers.number(Rules("ultralytics")).value == getattr(by_ultralytics, metric)
        older = Rules("ultralytics", matching="pointing_last")
        assert numbers.number(older).value == getattr(by_older, metric)
        assert numbers.number(Rules("supervision")).value == getattr(by_supervision, metric)
    for year in (2007, 2010):
        assert value_of(gt, dt, Rules(f"voc{year}")) == value_of(gt, dt, Rules(f"voc{year}"), "map_50")
        assert value_of(gt, dt, Rules(f"voc{year}")) == voc(result, year).map
    for metric in ("map_small", "map_medium", "map_large"):
        found = RuleNumbers(*read_sources(gt, dt), metric).number(Rules("coco"))
        other_tool = RuleNumbers(*read_sources(gt, dt), metric).number(Rules("supervision"))
        assert other_tool.value == max(getattr(by_supervision, metric), 0)
        assert found.value == max(result[metric], 0)
        assert found.is_defined == (result[metric] != -1)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("seed", range(12))
def test_presets_give_the_bits_of_the_tools(backend: str, seed: int) -> None:
    check_presets(*scene(seed, n_images=8).sources())
    check_presets(*sources(images(seed)))


@pytest.mark.parametrize("name", ["base", "resnet50", "darknet53", "im700"])
def test_presets_on_real_detections(data: Any, name: str) -> None:
    check_presets(data("coco_yolact100/gt.json"), data(f"coco_yolact100/dt_yolact_{name}.json"))


def test_coco_is_pycocotools(data: Any, need: Any) -> None:
    need("pycocotools.cocoeval")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    gt, dt = data("generated/gt.json"), data("generated/dt_coarse.json")
    truth = COCO(str(gt))
    evaluation = COCOeval(truth, truth.loadRes(str(dt)), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    for metric, place in (("map", 0), ("map_50", 1), ("map_75", 2), ("map_small", 3), ("map_large", 5)):
        assert value_of(gt, dt, Rules("coco"), metric) == evaluation.stats[place]


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", RECORDED)
def test_numbers_recorded_of_ultralytics_validation(data: Any, sum_order: None, name: str, setting: str) -> None:
    folder, file = name.split("/")
    gt, dt = data(f"{folder}/gt.json"), data(f"{folder}/dt_{file}.json")
    rules = Rules("ultralytics", **SETTINGS[setting])
    assert [value_of(gt, dt, rules, metric) for metric in ("map", "map_50")] == RECORDED[name][setting]


def random_rules(rng: random.Random, kinds: list[Any]) -> Rules:
    fields: dict[str, Any] = {name: rng.choice(values) for name, values in CHOICES.items() if name != "area"}
    recalls = [COCO_RECALL_THRESHOLDS, tuple(np.arange(0, 1.1, 0.1))]
    return Rules(
        "coco", **fields, area="unread",
        images=rng.choice(["all", "with_ground_truth", "with_detections"]),
        category_map=rng.choice([None, "one", {kinds[0]: kinds[1]}]), dt_decimals=rng.choice([None, 0]),
        confidence=rng.choice([None, 0.3]), max_dets=rng.choice([None, 2, 5, 100]),
        iou_thresholds=rng.choice([(0.5,), (0.75, 0.5), PRESETS["torchmetrics"].iou_thresholds]),
        recall_thresholds=rng.choice([*recalls, ()] if fields["interpolation"] == "voc" else recalls),
    )  # fmt: skip


@pytest.mark.cases(10)
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("seed", range(40))
def test_any_rules_one_decision_at_a_time(seed: int) -> None:
    rng = random.Random(seed)
    for part in range(5):
        of = scene(5 * seed + part, n_images=8)
        rules = random_rules(rng, list(of.categories))
        found, want = RuleNumbers(*read_sources(*of.sources()), "map").number(rules), number(of, rules)
        assert found.is_defined == (want is not None)
        within = 1e-7 if rules.interpolation == "supervision" else 1e-12  # it rounds to float32
        assert want is None or found.value == pytest.approx(want, abs=within), rules


def test_area_comes_from_the_annotation_or_the_box() -> None:
    gt = {
        "images": [{"id": 1}], "categories": [{"id": 1, "name": "a"}],
        "annotations": [
            {"id": i + 1, "image_id": 1, "category_id": 1, "bbox": [50 * i, 0, 30, 30], "area": area, "iscrowd": 0}
            for i, area in enumerate((900, 2000))
        ],
    }  # fmt: skip
    dt = [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 30, 30], "score": 0.9}]
    assert value_of(gt, dt, Rules("coco"), "map_small") == ONE
    assert value_of(gt, dt, Rules("coco", area="box"), "map_small") == pytest.approx(51 / 101)
    gt["annotations"][0]["area"] = 1024.00001  # float32: 1024, the last of the small ones
    assert value_of(gt, dt, Rules("coco", area="given_float32"), "map_small") == ONE
    assert value_of(gt, dt, Rules("coco"), "map_small") == 0
    with pytest.raises(ValueError, match="coco with area unread has no map_small: it reads no areas"):
        value_of(gt, dt, Rules("coco", area="unread"), "map_small")


@pytest.mark.filterwarnings("ignore:.*of categories that gt does not list")
def test_layouts_and_labels_of_detections() -> None:
    gt = {
        "images": [{"id": 7}], "categories": [{"id": k, "name": str(k)} for k in (1, 2, 5)],
        "annotations": [
            {"id": k, "image_id": 7, "category_id": k, "bbox": [9 * k, 40, 8, 9], "area": 72, "iscrowd": 0}
            for k in (1, 2, 5)
        ],
    }  # fmt: skip

    def detections(labels: dict[int, int], box: Any) -> list[dict[str, Any]]:
        return [{"image_id": 7, "category_id": labels[k], "bbox": box(k), "score": 0.5 + k / 10} for k in (1, 2, 5)]

    own = {1: 1, 2: 2, 5: 5}
    corners = detections(own, lambda k: [9 * k, 40, 9 * k + 8, 49])
    centres = detections(own, lambda k: [9 * k + 4, 44.5, 8, 9])
    assert value_of(gt, corners, Rules("coco", dt_layout="xyxy")) == ONE
    assert value_of(gt, corners, Rules("coco")) < 0.9
    assert value_of(gt, centres, Rules("coco", dt_layout="cxcywh")) == ONE
    assert value_of(gt, centres, Rules("coco")) < 0.9
    for how, labels in {
        "add_1": {1: 0, 2: 1, 5: 4}, "subtract_1": {1: 2, 2: 3, 5: 6}, "from_0": {1: 0, 2: 1, 5: 2},
        "from_1": {1: 1, 2: 2, 5: 3},
    }.items():  # fmt: skip
        shifted = detections(labels, lambda k: [9 * k, 40, 8, 9])
        assert value_of(gt, shifted, Rules("coco")) < 0.7
        assert value_of(gt, shifted, Rules("coco", category_map=how)) == ONE
    names = [{**row, "category_id": str(row["category_id"])} for row in detections(own, lambda k: [9 * k, 40, 8, 9])]
    with pytest.raises(ValueError, match="category_map='add_1' needs integer category ids"):
        value_of(gt, names, Rules("coco", category_map="add_1"))


@pytest.mark.parametrize("matching", ["free_last", "free_first", "pointing", "pointing_last"])
def test_ids_that_pycocotools_mistakes(matching: str) -> None:
    box = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "area": 81, "iscrowd": 0}
    far = {**box, "bbox": [50, 0, 9, 9]}
    gt = {
        "images": [{"id": 1}],
        "categories": [{"id": 1, "name": "a"}],
        "annotations": [{**box, "id": 0}, {**far, "id": 1}],
    }
    dt = [{**box, "id": 1, "score": 0.9}, {**far, "id": 0, "score": 0.8}, {**far, "id": 2, "score": 0.7},
          {**far, "id": 3, "score": 0.6}]  # fmt: skip

    def states(how: str) -> list[int]:
        rules = Rules("coco", annotation_ids=how, matching=matching)
        found: list[int] = RuleNumbers(*read_sources(gt, {"annotations": dt}), "map").number(rules).states.tolist()
        return found

    assert states("unread") == [2, 2, 1, 1]
    assert states("read") == [1, 2, 2, 1]


def test_images_by_id() -> None:
    of = scene(2, n_images=8)
    part = Rules("coco", images=np.array(of.images[:4]))
    result = of.part(of.images[:4])
    assert value_of(*of.sources(), part) == result.evaluate()["map"] != of.evaluate()["map"]
    with pytest.raises(ValueError, match="images\\[1\\] is 999, which is not an image of gt"):
        value_of(*of.sources(), Rules("coco", images=[of.images[0], 999]))


def test_states() -> None:
    gt = np.array([[1, 0, 0, 10, 10, 1], [1, 50, 0, 10, 10, 1]])
    dt = np.array([[1, 0, 0, 10, 10, 0.9, 1], [1, 90, 0, 10, 10, 0.2, 1], [1, 0, 0, 10, 10, 0.8, 2]])
    numbers = RuleNumbers(*read_sources(gt, dt), "map")
    assert numbers.number(Rules("coco")).states.tolist() == [2, 1, 0]
    assert numbers.number(Rules("coco", empty_categories="zero")).states.tolist() == [2, 1, 1]
    assert numbers.number(Rules("coco", confidence=0.3)).states.tolist() == [2, 0, 0]
    loose = RuleNumbers(*read_sources(gt, np.array([[1, 0, 0, 10, 8, 0.9, 1]])), "map")
    for ious, state in {(0.9, 0.7): 2, (0.7, 0.9): 2, (0.9, 0.3): 2, (0.9,): 1}.items():
        assert loose.number(Rules("coco", iou_thresholds=ious)).states.tolist() == [state]


def test_a_value_of_its_own() -> None:
    rules = Rules("coco", confidence=0.25, iou_thresholds=[0.5])
    assert rules == Rules("coco", confidence=0.25, iou_thresholds=(0.5,)) != Rules("coco")
    assert len({rules, Rules("coco", confidence=0.25, iou_thresholds=(0.5,))}) == 1
    assert str(rules) == "coco with confidence 0.25, iou_thresholds 0.5"
    assert rules.changed() == {"confidence": 0.25, "iou_thresholds": (0.5,)}
    assert replace(Rules("ultralytics"), crowd="count").max_dets == 300
    assert Rules("coco", max_dets=None).max_dets is None
    assert str(Rules("voc2007")) == "voc2007"
    assert len(RULES) == 19


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        (
            {"name": "yolo"},
            ValueError,
            "name must be one of coco, torchmetrics, ultralytics, supervision, voc2007, voc2010; got 'yol",
        ),
        ({"name": 3}, TypeError, "name must be one of coco, .*; got 3"),
        (
            {"matching": "best"},
            ValueError,
            "matching must be one of free_last, free_first, pointing, pointing_last; got 'best'",
        ),
        ({"crowd": None}, ValueError, "crowd must be one of absorb, ignore, left_out, count; got None"),
        ({"ignore": "ignore"}, ValueError, "ignore must be one of absorb, left_out, count; got 'ignore'"),
        ({"images": "some"}, ValueError, "images must be one of all, with_ground_truth, .*; got 'some'"),
        ({"images": [1, 2.5]}, TypeError, "images\\[1\\] must be the id of an image, got 2.5"),
        ({"images": 3}, ValueError, "images must be one of all, .*; got 3"),
        ({"category_map": "two"}, ValueError, "category_map must be None, a dict, or one of one, add_1, .*; got 'two'"),
        ({"category_map": [1]}, ValueError, "category_map must be None, a dict, .*; got \\[1\\]"),
        ({"dt_layout": "yolo"}, ValueError, "dt_layout must be None or one of xyxy, xywh, cxcywh; got 'yolo'"),
        ({"dt_decimals": -1}, ValueError, "dt_decimals must be None or an integer in \\[0, 15\\], got -1"),
        ({"dt_decimals": 1.5}, TypeError, "dt_decimals must be None or an integer, got 1.5"),
        ({"confidence": "low"}, ValueError, "confidence must be None or a number, got 'low'"),
        ({"confidence": float("nan")}, ValueError, "confidence must be None or a number, got nan"),
        ({"max_dets": 0}, ValueError, "max_dets must be None or an integer in \\[1, 2147483647\\], got 0"),
        ({"max_dets": True}, TypeError, "max_dets must be None or an integer, got True"),
        ({"iou_thresholds": 0.5}, TypeError, "iou_thresholds must hold numbers in \\[0, 1\\], got 0.5"),
        ({"iou_thresholds": (0.5, 1.5)}, ValueError, "iou_thresholds\\[1\\] must be in \\[0, 1\\], got 1.5"),
        ({"iou_thresholds": ()}, ValueError, "iou_thresholds must not be empty"),
        ({"recall_thresholds": ("a",)}, ValueError, "recall_thresholds\\[0\\] must be in \\[0, 1\\], got 'a'"),
        ({"recall_thresholds": ()}, ValueError, "recall_thresholds must not be empty with interpolation='coco'"),
    ],
)
def test_bad_rules(fields: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Rules(**fields)


def test_scores_that_are_equal_in_float32() -> None:
    gt = np.array([[1, 0, 0, 10, 10, 1]])
    dt = np.array([[1, 50, 0, 10, 10, 0.5, 1], [1, 0, 0, 10, 10, 0.5 + 1e-12, 1]])
    assert value_of(gt, dt, Rules("coco")) == ONE
    assert value_of(gt, dt, Rules("coco", score_type="float32")) == pytest.approx(0.5)
    just_above = np.array([[1, 0, 0, 10, 10, 0.25 + 1e-12, 1]])
    assert value_of(gt, just_above, Rules("coco", confidence=0.25)) == ONE
    assert value_of(gt, just_above, Rules("coco", confidence=0.25, score_type="float32")) == 0


@pytest.mark.parametrize("matching", ["free_last", "free_first", "pointing", "pointing_last"])
def test_areas_with_any_matching(matching: str) -> None:
    gt = np.array([[1, 0, 0, 10, 10, 1]])
    dt = np.array([[1, 0, 0, 10, 10, 0.5, 1], [1, 50, 0, 100, 100, 0.9, 1], [1, 200, 0, 9, 9, 0.8, 1]])
    numbers = RuleNumbers(*read_sources(gt, dt), "map_small")
    assert numbers.number(Rules("coco", matching=matching)).states.tolist() == [2, 0, 1]
    assert numbers.number(Rules("coco", matching=matching)).value == pytest.approx(0.5)


@pytest.mark.parametrize("interpolation", ["coco", "ultralytics", "supervision", "voc"])
def test_an_empty_category_whose_detection_counts_at_one_threshold_alone(interpolation: str) -> None:
    """It takes an ignored ground truth at .5, not at .75: there it is wrong."""
    gt = pymetrics.GroundTruths(
        image=np.array([1, 1]), boxes=np.array([[0, 0, 10, 10], [50, 0, 10, 10]]), labels=np.array([1, 2]),
        ignore=np.array([0, 1]), box_format="xywh",
    )  # fmt: skip
    dt = np.array([[1, 0, 0, 10, 10, 0.5, 1], [1, 50, 0, 10, 6, 0.9, 2]])
    rules = Rules("coco", iou_thresholds=(0.5, 0.75), interpolation=interpolation)
    whole = value_of(gt, dt, rules)
    assert whole == pytest.approx(1, abs=0.006)
    assert value_of(gt, dt, replace(rules, empty_categories="zero")) == pytest.approx(whole / 2)
