"""Result.why: the reason of each number that is undefined."""

import dataclasses

import numpy as np
import pytest
from helpers.analysis_scenes import scene

import pymetrics
from pymetrics import Protocol
from pymetrics.evaluation.summary import Limit, SummaryRow

GT = np.array([[0, 0, 0, 50, 50, 1]])
DT = np.array([[0, 0, 0, 50, 50, 0.9, 1]])


def test_area_ranges():
    result = pymetrics.evaluate(GT, DT)
    assert result.why("map") is None
    assert result.why("map_medium") is None
    assert result.why("map_small") == "no ground truth with area ≤ 32² in any category"
    assert result.why("ARl") == "no ground truth with area ≥ 96² in any category"
    small = pymetrics.evaluate(np.array([[0, 0, 0, 5, 5, 1]]), DT)
    assert small.why("mar_medium") == "no ground truth with area from 32² to 96² in any category"
    odd = pymetrics.evaluate(GT, DT, area_ranges={"odd": (10.5, 20)})
    assert odd.why("map_odd") == "no ground truth with area from 10.5 to 20 in any category"
    with pytest.raises(KeyError, match="'maps' is not one of"):
        result.why("maps")


def test_nothing_counts():
    nothing = pymetrics.evaluate(GT[:0], DT)
    assert nothing.why("map") == nothing.why("map_small") == "no ground truth that counts in any category"
    crowds = pymetrics.evaluate(
        pymetrics.GroundTruths(image=[0], boxes=[[0, 0, 9, 9]], labels=[1], crowd=[1], box_format="xywh"), DT
    )
    assert crowds.why("mar_100") == "no ground truth that counts in any category"


def test_the_protocol_lacks_it():
    assert pymetrics.evaluate(GT, DT, iou_thresholds=[0.6]).why("map_50") == "the protocol has no IoU threshold 0.5"
    rows = (
        SummaryRow("a", "A", "precision", area="tiny"),
        SummaryRow("b", "B", "precision", limit=Limit(value=7)),
        SummaryRow("c", "C", "precision", limit=Limit(index=5)),
    )
    result = pymetrics.evaluate(GT, DT, protocol=Protocol(summary=rows))
    assert result.why("a") == "the protocol has no area range 'tiny'"
    assert result.why("b") == "the protocol has no limit of 7 detections, only (1, 10, 100)"
    assert result.why("c") == "the protocol has 3 limits of detections"
    bare = pymetrics.evaluate(GT, DT, protocol=Protocol(recall_thresholds=(), lenient=True))
    assert bare.why("map") == "the protocol has no recall thresholds"
    assert bare.why("mar_100") is None


def test_groups():
    row = SummaryRow("map_rare", "APr", "precision", categories="rare")
    outcomes = scene(0).evaluate(protocol=Protocol(summary=(row,))).outcomes
    assert pymetrics.Result(outcomes).why("APr") == "the data has no categories in the group 'rare'"
    groups = {"rare": (outcomes.category_ids.tolist()[-1],)}
    result = pymetrics.Result(dataclasses.replace(outcomes, category_groups=groups))
    assert result.why("map_rare") == "no ground truth that counts in any category of the group 'rare'"
