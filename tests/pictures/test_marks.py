"""Marks: the objects of each image say what `at` and `matches` count."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pymetrics
from pymetrics.pictures import Marks, images_of

DETECTORS = ["good", "poor", "coarse"]


@pytest.fixture(scope="module")
def results(data: Callable[[str], Path]) -> dict[str, pymetrics.Result]:
    gt = data("generated/gt.json")
    return {name: pymetrics.evaluate(gt, data(f"generated/dt_{name}.json")) for name in DETECTORS}


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("score", [-math.inf, 0.3, 0.7, None])
@pytest.mark.parametrize("iou", [0.5, 0.75, 0.33])
def test_marks_are_what_at_counts(results: dict[str, Any], name: str, score: float | None, iou: float) -> None:
    marks = Marks(results[name], score, iou)
    found = results[name].at(marks.score, iou)
    for row in found.images:
        kinds = Counter((mark.side, mark.status) for mark in marks.of(row["id"]))
        assert kinds["dt", "tp"] == row["tp"]
        assert kinds["dt", "fp"] == row["fp"]
        assert kinds["dt", "tp"] + kinds["dt", "fp"] + kinds["dt", "ignored"] == row["n_dt"]
        assert kinds["gt", "missed"] == row["fn"]
        assert kinds["gt", "found"] + kinds["gt", "missed"] == row["n_gt"]


@pytest.mark.parametrize("name", DETECTORS)
def test_marks_are_the_rows_of_matches(results: dict[str, Any], name: str) -> None:
    result = results[name]
    marks = Marks(result, -math.inf)
    table = result.matches.at(0.5)
    of_row = {
        mark.row: mark for image in result.outcomes.image_ids.tolist() for mark in marks.of(image) if mark.side == "dt"
    }
    assert len(of_row) == len(table)
    for i, row in enumerate(table.dt.tolist()):
        mark = of_row[row]
        assert (mark.status, mark.score, mark.category) == (table.status[i], table.score[i], table.category[i])
        assert (mark.iou is None) == (table.gt[i] < 0)
        assert mark.iou is None or mark.iou == table.overlap[i]


def test_a_detection_below_the_score_finds_nothing() -> None:
    gt = [{"boxes": np.array([[10.0, 20, 30, 50]]), "labels": np.array([3])}]
    dt = [{"boxes": np.array([[10.0, 20, 30, 40]]), "labels": np.array([3]), "scores": np.array([0.4])}]
    result = pymetrics.evaluate(gt, dt)
    found, missed = Marks(result, 0.4).of(0), Marks(result, 0.41, class_names={3: "cat"}).of(0)
    assert [(mark.side, mark.status, mark.score, mark.box) for mark in found] == [
        ("gt", "found", 0.4, (10, 20, 30, 50)),
        ("dt", "tp", 0.4, (10, 20, 30, 40)),
    ]
    assert [mark.iou for mark in found] == [2 / 3] * 2
    assert [(mark.status, mark.name) for mark in missed] == [("missed", "cat")]
    assert Marks(result, -math.inf).extent(0) == (50, 30)
    with pytest.raises(KeyError, match="no image 7 was evaluated"):
        Marks(result).of(7)


def test_names_that_are_equal_are_told_apart() -> None:
    gt = {
        "images": [{"id": 1, "width": 9, "height": 9}],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "cat"}, {"id": 3, "name": "cat (1)"}, {"id": 4}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 2, 2], "area": 4, "iscrowd": 0}],
    }
    names = Marks(pymetrics.evaluate(gt, [])).name_of
    assert names == {1: "cat (1)", 2: "cat (2)", 3: "cat (1) (3)", 4: "4 (4)"}
    with pytest.raises(TypeError, match="class_names must map category ids to names, got list"):
        Marks(pymetrics.evaluate(gt, []), class_names=["cat"])  # type: ignore[arg-type]


def test_rows_of_an_accumulator_are_those_of_their_image() -> None:
    whole = pymetrics.Accumulator(keep_data=True)
    for x in (0.0, 5.0):
        boxes = np.array([[x, 0, x + 4, 4], [50, 50, 60, 60]])
        whole.update(
            [{"boxes": boxes, "labels": np.array([1, 1])}],
            [{"boxes": boxes[:1], "labels": np.array([1]), "scores": np.array([0.9])}],
        )
    marks = Marks(whole.compute(), 0.5)
    for image, x in enumerate((0.0, 5.0)):
        assert [(m.side, m.status, m.row, m.box[0]) for m in marks.of(image)] == [
            ("gt", "found", 0, x), ("gt", "missed", 1, 50), ("dt", "tp", 0, x),
        ]  # fmt: skip


def test_outcomes_without_their_data() -> None:
    boxes = [{"boxes": np.array([[0.0, 0, 4, 4]]), "labels": np.array([1]), "scores": np.array([0.9])}]
    one = pymetrics.Accumulator()
    one.update([{key: boxes[0][key] for key in ("boxes", "labels")}], boxes)
    with pytest.raises(ValueError, match="a picture of an image needs the data that was evaluated"):
        Marks(one.compute())


@pytest.mark.parametrize("kind", ["segm", "boundary"])
def test_masks(kind: str) -> None:
    bitmap = np.zeros((1, 12, 16), np.uint8)
    bitmap[0, 2:7, 3:9], bitmap[0, 4, 5] = 1, 0
    gt = [{"masks": bitmap, "labels": np.array([1])}]
    dt = [{"masks": bitmap, "labels": np.array([1]), "scores": np.array([0.9])}]
    for mark in Marks(pymetrics.evaluate(gt, dt, iou_type=kind)).of(0):
        assert mark.box == (3, 2, 9, 7)
        assert np.array_equal(mark.bitmap(), bitmap[0] != 0)
        assert sorted(map(len, mark.polygons)) == [8, 8]  # the rectangle and its hole


def test_rotated_boxes() -> None:
    box = np.array([[50.0, 40, 20, 10, 90]])
    gt = [{"boxes": box, "labels": np.array([1])}]
    dt = [{"boxes": box, "labels": np.array([1]), "scores": np.array([0.9])}]
    marks = Marks(pymetrics.evaluate(gt, dt, iou_type="obb")).of(0)
    assert [mark.status for mark in marks] == ["found", "tp"]
    corners = np.array(marks[0].corners).reshape(4, 2)
    sides = np.hypot(*(corners - np.roll(corners, 1, axis=0)).T)
    assert sorted(sides.tolist()) == pytest.approx([10, 10, 20, 20])
    assert corners.mean(axis=0).tolist() == pytest.approx([50, 40])
    assert marks[0].polygons == [list(marks[0].corners)]


def test_poses() -> None:
    pose = [float(v) for i in range(17) for v in (10 + i, 20 + 2 * i, 2 if i < 5 else 0)]
    gt = {
        "images": [{"id": 1, "width": 99, "height": 99}],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "keypoints": pose, "num_keypoints": 5, "area": 99.0,
             "bbox": [1.0, 2.0, 30.0, 40.0], "iscrowd": 0}
        ],
    }  # fmt: skip
    dt = [{"image_id": 1, "category_id": 1, "keypoints": pose, "score": 0.5}]
    truth, found = Marks(pymetrics.evaluate(gt, dt, iou_type="keypoints")).of(1)
    assert (truth.status, truth.box) == ("found", (1, 2, 31, 42))
    assert [point[2] for point in truth.points] == [2] * 5 + [0] * 12
    assert (found.status, found.box) == ("tp", (10, 20, 26, 52))
    assert found.points[0] == (10, 20, 2)


def test_names_and_sizes_of_files(results: dict[str, Any]) -> None:
    images = images_of(results["good"], None)
    first = results["good"].outcomes.image_ids.tolist()[0]
    assert images.name(first).endswith(".jpg")
    height, width = images.sizes[first]
    assert images.open(first).size == (width, height)
    assert images_of(results["good"], images) is images
    assert images_of(results["good"], True).open(first).size == (width, height)
