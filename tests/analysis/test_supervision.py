"""analysis.supervision beside the package, to the bit: its recorded numbers, and its own where it is installed."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers import analysis_scenes
from helpers.absent import need_module
from helpers.supervision_scenes import scene

import pymetrics
from pymetrics.analysis import supervision

NUMBERS = ("map", "map_50", "map_75", "map_small", "map_medium", "map_large")


def compare(found, want):
    assert found.category_ids.tolist() == want["classes"]
    assert {name: getattr(found, name) for name in NUMBERS} == {name: want[name] for name in NUMBERS}
    assert found.scores.tolist() == want["scores"]
    assert found.average.tolist() == want["average"]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_numbers_recorded_of_the_package(backend, sum_order):
    path = Path(__file__).parents[1] / "fixtures" / "supervision.json"
    for seed, want in enumerate(json.loads(path.read_text(encoding="utf-8"))):
        compare(supervision(scene(seed).result()), want)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("seed", range(100, 140))
def test_numbers_of_the_package(seed):
    package, of = need_module("supervision"), scene(seed)
    compare(supervision(of.result()), of.theirs(package))
    compare(supervision(of.result(), max_dets=5), of.theirs(package, 5))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_differs_from_coco():
    """Precisions in float32, and areas: 1024.00001 becomes 1024, which is small, too."""
    of = scene(4)
    result, found = of.result(), supervision(of.result())
    assert result["map"] != found.map == pytest.approx(result["map"], abs=1e-7)
    gt = pymetrics.GroundTruths(image=[0], boxes=[[0, 0, 40, 40]], labels=[1], area=[1024.00001], box_format="xywh")
    dt = pymetrics.Detections(image=[0], boxes=[[0, 0, 40, 40]], labels=[1], scores=[0.5], box_format="xywh")
    result = pymetrics.evaluate(gt, dt)
    assert (result["map_small"], supervision(result).map_small) == (-1, 1)
    assert supervision(result).per_class == [{"id": 1, "name": None, "n_gt": 1, "map_50": 1.0, "map": 1.0}]


def test_nothing_at_all_and_bad_arguments():
    nothing = supervision(pymetrics.evaluate(np.zeros((0, 6)), np.zeros((0, 7))))
    assert (nothing.map, nothing.map_50, nothing.per_class) == (-1, -1, [])
    assert repr(nothing) == "<Supervision map=-1.0000 map_50=-1.0000 map_75=-1.0000>"
    of = analysis_scenes.scene(0)
    with pytest.raises(ValueError, match="supervision needs the data that was evaluated"):
        supervision(of.merged())
    with pytest.raises(ValueError, match=r"max_dets must be an integer in \[1, 2147483647\], got 0"):
        supervision(of.evaluate(), max_dets=0)
    sides = {"image": [0], "boxes": [[5, 5, 4, 4, 0.1]], "labels": [1], "box_format": "cxcywhr"}
    gt, dt = pymetrics.GroundTruths(**sides), pymetrics.Detections(**sides, scores=[0.5])
    with pytest.raises(ValueError, match="supervision needs boxes, got the IoU type 'obb'"):
        supervision(pymetrics.evaluate(gt, dt, iou_type="obb"))
