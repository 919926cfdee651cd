"""Result.curves: slices of the arrays, and the means that the summary has."""

import numpy as np
import pytest
from helpers.result_cases import ODD, make_result

from pymetrics.evaluation.protocol import Protocol


@pytest.mark.parametrize(
    ("asked", "t", "a", "m"),
    [
        ({}, 0, 0, 2),
        ({"iou": 0.75}, 5, 0, 2),
        ({"iou": 0.95, "area": "medium", "max_dets": 1}, 9, 2, 0),
        ({"iou": float(np.float32(0.55)), "max_dets": 10}, 1, 0, 1),
    ],
)
def test_curves_are_slices_of_the_arrays(asked, t, a, m):
    result = make_result(n_gt=60)
    curves = result.curves(**asked)
    assert curves.iou == result.protocol.iou_thresholds[t]
    assert (curves.area, curves.max_dets) == (result.protocol.area_names[a], result.protocol.max_dets[m])
    assert curves.recall.tolist() == list(result.protocol.recall_thresholds)
    assert np.array_equal(curves.precision, result.precision[t, :, :, a, m].T)
    assert np.array_equal(curves.scores, result.scores[t, :, :, a, m].T)
    assert curves.precision.shape == (4, 101)
    assert (curves.precision[3] == -1).all()  # no ground truth there
    assert np.array_equal(curves.mean, np.mean(curves.precision[:3], axis=0))


def test_means_of_curves_are_the_numbers_of_the_summary():
    result = make_result(n_gt=60)
    for key, iou in (("map_50", 0.5), ("map_75", 0.75)):
        curves = result.curves(iou)
        assert curves.precision.mean(axis=1).tolist() == [row[key] for row in result.per_class]
        assert curves.mean.mean() == pytest.approx(result[key], rel=1e-12)


def test_curves_of_another_protocol():
    result = make_result(ODD)
    curves = result.curves()
    assert (curves.area, curves.max_dets) == ("all", 7)
    assert np.array_equal(curves.precision, result.precision[ODD.iou_thresholds.index(0.5), :, :, 2, 1].T)
    first = make_result(Protocol(iou_thresholds=(0.3, 0.6), area_ranges=((0, 900),), area_names=("tiny",))).curves()
    assert (first.iou, first.area) == (0.3, "tiny")


@pytest.mark.parametrize("settings", [{"n_gt": 0}, {"n_gt": 0, "n_categories": 0}])
def test_without_ground_truth_the_mean_is_undefined(settings):
    curves = make_result(**settings).curves()
    assert curves.mean.shape == (101,)
    assert (curves.mean == -1).all()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"iou": 0.52}, r"iou must be one of the protocol's \(0.5, 0.55, .*, 0.95\), got 0.52"),
        ({"iou": float("nan")}, "iou must be .*, got nan"),
        ({"area": "huge"}, r"area must be one of the protocol's \('all', .*\), got 'huge'"),
        ({"max_dets": 50}, r"max_dets must be one of the protocol's \(1, 10, 100\), got 50"),
    ],
)
def test_what_the_protocol_does_not_have(asked, message):
    with pytest.raises(ValueError, match=message):
        make_result().curves(**asked)
