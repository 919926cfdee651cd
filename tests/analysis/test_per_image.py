"""analysis.per_image: the summary of each image is that of evaluating it alone, bit for bit."""

import numpy as np
import pytest
from helpers.analysis_scenes import scene

import pymetrics
from pymetrics import Accumulator, Protocol
from pymetrics.analysis import per_image

PROTOCOLS = [
    {},
    {"max_dets": (1, 3), "iou_thresholds": (0.75, 0.3)},
    {"area_ranges": {f"r{i}": (8.0 * i, 1e4) for i in range(14)}},
    {"protocol": Protocol(use_cats=False)},
]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("settings", PROTOCOLS, ids=["coco", "two limits", "three words", "one category"])
def test_numbers_are_those_of_the_image_alone(seed, settings):
    of = scene(seed, n_images=9)
    result = of.evaluate(**settings)
    rows = {row["id"]: row for row in per_image(result)}
    assert list(rows) != of.images
    assert set(rows) == set(of.images)
    for image in of.images:
        alone = of.part([image]).evaluate(**settings)
        got = np.array([rows[image][key] for key in alone])
        assert got.tobytes() == alone.stats.tobytes()


@pytest.mark.parametrize("seed", range(4))
def test_counts_are_those_of_at_and_the_worst_come_first(seed):
    result = scene(seed, n_images=20).evaluate()
    for iou in (0.5, 0.62):
        best = result.best_threshold("f1", iou=iou).threshold
        for score, used in ((None, best), (0.3, 0.3)):
            rows, wanted = per_image(result, iou=iou, score=score), result.at(used, iou).per_image
            assert [{key: row[key] for key in want} for row, want in zip(rows, wanted, strict=True)] == wanted
            assert list(rows[0]) == ["id", "file_name", *result, *list(wanted[0])[1:]]
            assert {type(value) for value in list(rows[0].values())[2:]} == {int, float}


def test_names_of_images():
    images = [{"id": 4, "file_name": "four.jpg"}, {"id": 7}]
    boxes = [{"id": i + 1, "image_id": image, "category_id": 1, "bbox": [0, 0, 9, 9]} for i, image in enumerate((4, 7))]
    found = pymetrics.evaluate(
        {"images": images, "annotations": boxes, "categories": [{"id": 1}]}, [{**boxes[0], "score": 0.5}]
    )
    assert {row["id"]: row["file_name"] for row in per_image(found)} == {4: "four.jpg", 7: None}
    assert [(row["image"], row["file_name"]) for row in pymetrics.analysis.suspects(found).doubtful] == [(7, None)]


def test_outcomes_are_enough():
    of = scene(3)
    parts = []
    for images in (of.images[3:], of.images[:3]):
        part = Accumulator()
        part.update(*of.part(images).sources())
        parts.append(part)
    parts[0].merge(parts[1])
    assert per_image(parts[0].compute()) == per_image(of.evaluate())
    with pytest.raises(ValueError, match=r"iou must be one of .*iou_thresholds="):
        per_image(parts[0].compute(), iou=0.62)


def test_nothing_at_all_and_no_detections():
    assert per_image(pymetrics.evaluate(np.zeros((0, 6)), np.zeros((0, 7)))) == []
    of = scene(0)
    of.dt.clear()
    rows = per_image(of.evaluate())
    assert {row["map"] for row in rows} == {0.0, -1.0}
    with pytest.raises(ValueError, match="score must be a number, got 'low'"):
        per_image(of.evaluate(), score="low")
