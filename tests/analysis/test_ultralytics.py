"""analysis.ultralytics beside the recorded numbers of ap_per_class, to the bit."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.analysis_scenes import scene
from helpers.rule_scenes import images, sources

import pymetrics
from pymetrics.analysis import ultralytics

FILES = {"confidence_first": "ultralytics.json", "overlap_first": "ultralytics_overlap_first.json"}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("matching", FILES)
def test_numbers_recorded_of_ap_per_class(backend, sum_order, matching):
    text = (Path(__file__).parents[1] / "fixtures" / FILES[matching]).read_text(encoding="utf-8")
    for seed, want in enumerate(json.loads(text)):
        found = ultralytics(pymetrics.evaluate(*sources(images(seed))), matching=matching)
        assert found.category_ids.tolist() == want["classes"]
        assert found.average.tolist() == want["ap"]
        assert [found.precision.tolist(), found.recall.tolist(), found.f1.tolist()] == [
            want["p"],
            want["r"],
            want["f1"],
        ]
        assert found.map == np.mean(want["ap"])
        assert found.map_50 == np.array(want["ap"])[:, 0].mean()
        assert found.mean_precision == np.mean(want["p"])


def test_a_perfect_category_has_995():
    gt = np.array([[i, 0, 0, 10, 10, 1] for i in range(4)])
    dt = np.array([[i, 0, 0, 10, 10, 0.9 - i / 10, 1] for i in range(4)])
    found = ultralytics(pymetrics.evaluate(gt, dt))
    assert found.map == pytest.approx(0.995, abs=1e-12)
    assert found.per_class[0]["map_50"] == found.map_50 == found.map_75
    assert repr(found).startswith("<Ultralytics P=1.000 R=1.000 mAP50=0.995 mAP50-95=0.995 at confidence ")


def test_limits():
    gt = np.array([[0, 0, 0, 10, 10, 1]])
    dt = np.array([[0, 50, 50, 10, 10, 0.9, 1], [0, 0, 0, 10, 10, 0.0005, 1], [0, 0, 0, 10, 10, 0.002, 1]])
    result = pymetrics.evaluate(gt, dt)
    assert ultralytics(result).map_50 > 0
    assert ultralytics(result, confidence=0.01).map_50 == 0
    assert ultralytics(result, max_dets=1).map_50 == 0
    assert ultralytics(result, confidence=-1).recall[0] >= 0


def test_overlap_first_points_at_taken_objects():
    """Both detections overlap the first object most; only the other matching gives the second one to the later one."""
    gt = np.array([[0, 0, 0, 10, 100, 1], [0, 0, 20, 10, 100, 1]])
    dt = np.array([[0, 0, 0, 10, 100, 0.9, 1], [0, 0, 8, 10, 100, 0.8, 1]])
    result = pymetrics.evaluate(gt, dt)
    first, other = (ultralytics(result, matching=name) for name in FILES)
    assert (first.map_50, first.map_75) == pytest.approx((0.995, 0.995))
    assert (other.map_50, other.recall.tolist()) == (pytest.approx(0.505, abs=0.02), [0.5])


def test_crowds_are_left_out_and_bad_arguments():
    of = scene(0, n_images=20)
    found = ultralytics(of.evaluate())
    assert found.n_gt.sum() == sum(not g[3] and not g[4] for g in of.gt)
    nothing = ultralytics(pymetrics.evaluate(np.zeros((0, 6)), np.zeros((0, 7))))
    assert (nothing.map, nothing.map_50, nothing.mean_recall, nothing.per_class) == (0, 0, 0, [])
    with pytest.raises(ValueError, match="ultralytics needs the data that was evaluated"):
        ultralytics(of.merged())
    with pytest.raises(ValueError, match=r"max_dets must be an integer in \[1, 2147483647\], got 0"):
        ultralytics(of.evaluate(), max_dets=0)
    with pytest.raises(ValueError, match=r"matching must be one of \('confidence_first', 'overlap_first'\), got 'old'"):
        ultralytics(of.evaluate(), matching="old")
