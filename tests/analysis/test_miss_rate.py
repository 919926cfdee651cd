"""Result.miss_rate: curves and log-average beside the definition, one detection at a time."""

import math

import numpy as np
import pytest
from helpers.analysis_scenes import count, match, scene

import pymetrics

POINTS = [0.01, 10**-1.75, 10**-1.5, 10**-1.25, 0.1, 10**-0.75, 10**-0.5, 10**-0.25, 1.0]


def walk(of, matches, category):
    """(score, FPPI, miss rate) after each detection that counts, and the ground truths."""
    n_gt = count(of, matches, 0, category=category)[0]
    place = {image: i for i, image in enumerate(sorted(of.images))}
    rows = [i for i, (status, _) in matches.items() if of.dt[i][1] == category and status != "ignored"]
    rows.sort(key=lambda i: (-of.dt[i][3], place[of.dt[i][0]], i))
    tp, fp, points = 0, 0, []
    for i in rows:
        tp, fp = tp + (matches[i][0] == "tp"), fp + (matches[i][0] == "fp")
        points.append((of.dt[i][3], fp / len(of.images), 1 - tp / n_gt if n_gt else -1))
    return points, n_gt


def log_average(points):
    m = [([1.0] + [miss for _, fppi, miss in points if fppi <= point])[-1] for point in POINTS]
    return m, math.exp(sum(math.log(max(1e-10, value)) for value in m) / 9)


@pytest.mark.cases(6)
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("settings", [{}, {"max_dets": (1, 3)}])
def test_curves_and_averages_are_those_of_the_definition(seed, settings):
    of = scene(seed, n_images=40 if seed % 3 else 150)
    result = of.evaluate(**settings)
    for iou in (0.5, 0.62):
        matches = match(of, iou, settings.get("max_dets", (100,))[-1])
        found, averages = result.miss_rate(iou), []
        assert found.points == pytest.approx(POINTS, rel=1e-15)
        assert found.points[[0, 4, 8]].tolist() == [0.01, 0.1, 1.0]
        for category, curve in zip(of.categories, found.per_class, strict=True):
            points, n_gt = walk(of, matches, category)
            got = zip(curve.scores.tolist(), curve.fppi.tolist(), curve.miss_rate.tolist(), strict=True)
            assert list(got) == points
            assert curve.n_gt == n_gt
            if n_gt == 0:
                assert curve.log_average == -1
                assert set(curve.at_points) == {-1.0}
                continue
            m, average = log_average(points)
            assert curve.at_points.tolist() == m
            assert curve.log_average == pytest.approx(average, rel=1e-14)
            averages.append(curve.log_average)
        assert found.log_average == sum(averages) / len(averages)


def test_by_hand():
    """Ten images, one object each. 0.9 right, 0.8 wrong, 0.7 right: FPPI 0, 0.1, 0.1; miss rate 0.9, 0.9, 0.8."""
    gt = np.array([[i, 0, 0, 10, 10, 1] for i in range(10)])
    dt = np.array([[0, 0, 0, 10, 10, 0.9, 1], [1, 50, 50, 10, 10, 0.8, 1], [2, 0, 0, 10, 10, 0.7, 1]])
    found = pymetrics.evaluate(gt, dt).miss_rate()
    assert found.per_class[0].at_points.tolist() == [0.9] * 4 + [0.8] * 5
    assert found.log_average == pytest.approx(0.9 ** (4 / 9) * 0.8 ** (5 / 9), rel=1e-14)
    assert pymetrics.evaluate(gt, dt[1:2]).miss_rate().per_class[0].at_points.tolist() == [1.0] * 9
    assert pymetrics.evaluate(gt, dt[:0]).miss_rate().log_average == 1.0
    one = pymetrics.evaluate(gt[:1], dt[:1]).miss_rate()
    assert one.log_average == one.per_class[0].log_average == pytest.approx(1e-10, rel=1e-12)
    perfect = pymetrics.evaluate(gt, np.insert(gt.astype(float), 5, 0.5, axis=1)).miss_rate()
    assert perfect.log_average == pytest.approx(1e-10, rel=1e-12)
    assert repr(perfect) == "<MissRate iou=0.5: log_average=0.0000>"
    assert repr(perfect.per_class[0]) == "<MissRateCurve log_average=0.0000 of 10 detections>"


def test_nothing_at_all():
    found = pymetrics.evaluate(np.zeros((0, 6)), np.zeros((0, 7))).miss_rate()
    assert (found.log_average, found.per_class) == (-1, [])


def test_outcomes_are_enough():
    of = scene(5)
    merged, whole = of.merged(), of.evaluate().miss_rate()
    assert merged.miss_rate().log_average == whole.log_average
    with pytest.raises(ValueError, match=r"iou must be one of .*iou_thresholds="):
        merged.miss_rate(0.62)
    with pytest.raises(ValueError, match=r"iou must be a number in \[0, 1\], got -1"):
        merged.miss_rate(-1)
