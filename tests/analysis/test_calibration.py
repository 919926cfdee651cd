"""analysis.calibration beside netcal 1.4.0's recorded numbers, and beside the definition."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.analysis_scenes import match, scene
from helpers.calibration_points import SETTINGS, SIZE, points

import pymetrics
from pymetrics.analysis import calibration

RECORDED = json.loads((Path(__file__).parents[1] / "fixtures" / "netcal.json").read_text(encoding="utf-8"))


def evaluated(seed):
    of = scene(2 * seed, n_images=30)
    images = [{"id": i, "width": SIZE[0], "height": SIZE[1]} for i in of.images]
    annotations = [
        {
            "id": n + 1, "image_id": g[0], "category_id": g[1], "bbox": list(map(float, g[2])), "iscrowd": int(g[3]),
            "area": float(g[2][2] * g[2][3]), "ignore": int(g[4]),
        }
        for n, g in enumerate(of.gt)
    ]  # fmt: skip
    categories = [{"id": id, "name": name} for id, name in of.categories.items()]
    rows = [{"image_id": d[0], "category_id": d[1], "bbox": list(map(float, d[2])), "score": d[3]} for d in of.dt]
    truth = {"images": images, "annotations": annotations, "categories": categories}
    return pymetrics.evaluate(truth, rows, use_ignore=True)


@pytest.mark.parametrize("seed", range(len(RECORDED)))
def test_numbers_recorded_of_netcal(seed):
    result = evaluated(seed)
    for (bins, axes), (ece, mce) in zip(SETTINGS, RECORDED[seed], strict=True):
        found = calibration(result, bins=bins, axes=axes)
        assert found.counts.sum() == len(points(seed, axes)[0])
        assert found.ece == pytest.approx(ece, abs=1e-9)
        assert found.mce == pytest.approx(mce, abs=1e-9)
    assert calibration(result).bins == 10
    assert calibration(result, axes=("score", "w")).counts.shape == (5, 5)


@pytest.mark.parametrize("seed", range(5))
def test_the_diagram_is_that_of_the_definition(seed):
    of = scene(seed, n_images=30)
    for result, iou in ((of.evaluate(), 0.5), (of.evaluate(), 0.62), (of.merged(), 0.75)):
        found, edges = calibration(result, iou, bins=7), np.linspace(0, 1, 8)
        said = [(of.dt[i][3], status == "tp") for i, (status, _) in match(of, iou).items() if status != "ignored"]
        gaps = []
        for m in range(7):
            inside = [(s, r) for s, r in said if edges[m] <= s < edges[m + 1] or (m == 6 and s == 1)]
            assert found.counts[m] == len(inside)
            if not inside:
                assert (found.score[m], found.right[m]) == (-1, -1)
                continue
            score, right = np.mean([s for s, _ in inside]), np.mean([r for _, r in inside])
            assert found.score[m] == pytest.approx(score, rel=1e-12)
            assert found.right[m] == right
            gaps.append((abs(right - score), len(inside)))
        assert found.ece == pytest.approx(sum(gap * n for gap, n in gaps) / len(said), rel=1e-12)
        assert found.mce == pytest.approx(max(gap for gap, _ in gaps), rel=1e-12)


def test_nothing_at_all():
    found = calibration(pymetrics.evaluate(np.zeros((0, 6)), np.zeros((0, 7))))
    assert (found.ece, found.mce, found.counts.tolist()) == (-1, -1, [0] * 10)
    assert repr(found) == "<Calibration iou=0.5: ece=-1.0000 mce=-1.0000 of 0 detections>"


def test_bad_arguments():
    of = scene(0)
    result, gt = of.evaluate(), np.array([[0, 0, 0, 10, 10, 1]])
    for settings, error, words in [
        ({"bins": 0}, ValueError, r"bins must be an integer in \[1, 1000\], got 0"),
        ({"bins": 2.5}, TypeError, "bins must be an integer, got 2.5"),
        ({"axes": ("cx",)}, ValueError, 'axes must be "score" and then some of'),
        ({"axes": ("score", "x")}, ValueError, 'axes must be "score" and then some of'),
        ({"axes": ("score", "cx", "cx")}, ValueError, 'axes must be "score" and then some of'),
        ({"axes": ("score", "cx", "cy", "w", "h"), "bins": 100}, ValueError, "bins must make at most 10000000 cells"),
        ({"axes": ("score", "cx")}, ValueError, 'axes beside "score" need the sizes of the images'),
        ({"iou": 2}, ValueError, r"iou must be a number in \[0, 1\], got 2"),
    ]:
        with pytest.raises(error, match=words):
            calibration(result, **settings)
    with pytest.raises(ValueError, match=r"calibration needs scores in \[0, 1\], got 1\.5"):
        calibration(pymetrics.evaluate(gt, np.array([[0, 0, 0, 10, 10, 1.5, 1]])))
    with pytest.raises(ValueError, match="calibration by places and sizes needs the data that was evaluated"):
        calibration(of.merged(), axes=("score", "w"))
