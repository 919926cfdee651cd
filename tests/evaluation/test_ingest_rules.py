"""Sources to columns: which images and categories are evaluated, and what pycocotools does with odd annotations."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.columns import ingest
from helpers.ingest_cases import assert_same_columns, by_pycocotools, columns_source, same, scene
from hypothesis import given, settings
from hypothesis import strategies as st

import pymetrics
from pymetrics import Detections, GroundTruths, Protocol
from pymetrics.evaluation.columns import CROWD, ID_ZERO, KEEPS_FREE

# Images and categories


def test_axes_of_a_coco_dict():
    gt = {
        "images": [{"id": 9}, {"id": 4}, {"id": 9}],
        "annotations": [],
        "categories": [{"id": 7, "name": "b"}, {"id": 3}, {"id": 7, "name": "c"}],
    }
    columns = ingest(gt, [{"image_id": 9, "category_id": 8, "bbox": [1, 2, 3, 4], "score": 1}])
    assert columns.axes.image_ids.tolist() == [4, 9]
    assert columns.axes.category_ids.tolist() == [3, 7]
    assert columns.axes.category_names == {7: "c"}
    assert columns.dt.image.tolist() == [1]
    assert columns.dt.category.tolist() == [-1]


def test_axes_of_columns_are_those_of_both_sides():
    gt = GroundTruths([5, 1], [[1, 1, 9, 9]] * 2, [7, -2])
    dt = Detections([3, 2**40], [[1, 1, 9, 9]] * 2, [0.5, 0.5], [7, 2**50])
    columns = ingest(gt, dt)
    assert columns.axes.image_ids.tolist() == [1, 3, 5, 2**40]
    assert columns.axes.category_ids.tolist() == [-2, 7, 2**50]
    assert columns.gt.category.tolist() == [1, 0]
    assert columns.dt.category.tolist() == [1, 2]
    assert columns.dt.image.tolist() == [1, 3]


def test_axes_that_ground_truths_list():
    gt = GroundTruths([5], [[1, 1, 9, 9]], [7], images=[8, 2], categories={7: "seven", 1: "one"})
    dt = Detections([2, 8], [[1, 1, 9, 9]] * 2, [0.5, 0.5], [7, 99])
    columns = ingest(gt, dt)
    assert columns.axes.image_ids.tolist() == [2, 5, 8]
    assert columns.axes.category_ids.tolist() == [1, 7]
    assert columns.axes.category_names == {7: "seven", 1: "one"}
    assert columns.dt.category.tolist() == [1, -1]
    gt = GroundTruths([5], [[1, 1, 9, 9]], [7], categories=(k for k in (9, 7)))
    assert ingest(gt, dt).axes.category_ids.tolist() == [7, 9]


@settings(deadline=None)
@given(
    ids=st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 50), max_size=30),
    others=st.lists(st.integers(0, 90)),
)
def test_any_integer_may_be_an_id(ids, others):
    boxes = np.ones((len(ids), 4)) * 9
    dt = Detections(others, np.ones((len(others), 4)) * 9, np.ones(len(others)), others)
    columns = ingest(GroundTruths(ids, boxes, ids), dt)
    expected = sorted({*ids, *others})
    assert columns.axes.image_ids.tolist() == columns.axes.category_ids.tolist() == expected
    assert columns.gt.image.tolist() == columns.gt.category.tolist() == [expected.index(i) for i in ids]
    assert columns.dt.image.tolist() == [expected.index(i) for i in others]


def test_string_ids(need):
    gt, dt = scene(6, string_ids=True)
    result = pymetrics.evaluate(gt, dt)
    same(result, by_pycocotools(need, gt, dt))
    assert result.columns.axes.image_ids.dtype.kind == "U"
    table = columns_source(gt, dt)
    assert_same_columns(ingest(*table), ingest(gt, dt))
    image = np.array([row["image_id"] for row in dt], dtype=object)
    again = Detections(image, table[1].boxes, table[1].scores, table[1].labels, "xywh")
    assert_same_columns(ingest(table[0], again), ingest(gt, dt))


def test_annotations_of_other_images_and_categories_are_left_out_with_a_warning(need):
    gt, dt = scene(7)
    less = {**gt, "images": gt["images"][1:]}
    dt = [row for row in dt if row["image_id"] != gt["images"][0]["id"]]
    with pytest.warns(
        UserWarning, match=r"gt\['annotations'\]\[0\]\['image_id'\] is \d+, which gt\['images'\] does not"
    ):
        result = pymetrics.evaluate(less, dt)
    same(result, by_pycocotools(need, less, dt))
    less = {**gt, "categories": [{"id": 10}]}
    with (
        pytest.warns(UserWarning, match=r"\['category_id'\] is \d+, which gt\['categories'\] does not list"),
        pytest.warns(UserWarning, match=r"18 of 27 detections are of categories .* \(20, 30\): they are left out$"),
    ):
        result = pymetrics.evaluate(less, dt)
    same(result, by_pycocotools(need, less, dt))


# pycocotools' own ways


@pytest.mark.parametrize("seed", range(8))
def test_without_categories_the_rows_follow_them(need, seed):
    gt, dt = scene(seed)
    dt += [{**row, "category_id": 10 * (1 + i % 4)} for i, row in enumerate(dt)]
    with pytest.warns(UserWarning, match=r"categories that gt does not list \(40\): they are left out"):
        result = pymetrics.evaluate(gt, dt, protocol=Protocol(use_cats=False))
    same(result, by_pycocotools(need, gt, dt, useCats=0))
    columns = result.columns
    assert columns.axes.category_ids.tolist() == [-1]
    assert columns.axes.category_names == {}
    kept = [row for row in dt if row["category_id"] <= 30]
    expected = sorted(kept, key=lambda row: row["category_id"])
    assert columns.dt.shape[columns.dt.category == 0].tolist() == [row["bbox"] for row in expected]


MOVED = "annotations of one id on different images.*an id of its own"


@pytest.mark.parametrize("use_cats", [1, 0])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.filterwarnings(f"ignore:gt has {MOVED}")
def test_the_last_of_several_annotations_with_one_id_stands_for_all(need, seed, use_cats):
    gt, dt = scene(seed, n_images=4)
    rng = np.random.default_rng(seed)
    for row in gt["annotations"]:
        row["id"] = int(rng.integers(1, 6))
    protocol = Protocol(use_cats=bool(use_cats))
    expected = by_pycocotools(need, gt, dt, useCats=use_cats)
    result = pymetrics.evaluate(gt, dt, protocol=protocol)
    same(result, expected)
    assert len(result.columns.gt.image) == len(gt["annotations"])
    table = columns_source(gt, dt)[0]
    ids = [row["id"] for row in gt["annotations"]]
    table = GroundTruths(
        table.image, table.boxes, table.labels, table.crowd, table.area, ids, table.images, table.categories, "xywh"
    )
    same(pymetrics.evaluate(table, dt, protocol=protocol), expected)


def test_repeated_ids_leave_out_the_rows_of_unknown_images(need):
    gt, dt = scene(8)
    rng = np.random.default_rng(8)
    for row in gt["annotations"]:
        row["id"] = int(rng.integers(1, 8))
    gone = gt["images"][0]["id"]
    gt["images"] = gt["images"][1:]
    gt["categories"] = [category for category in gt["categories"] if category["id"] != 20]
    dt = [row for row in dt if row["image_id"] != gone]
    for use_cats in (1, 0):
        with pytest.warns(UserWarning, match="left out"), pytest.warns(UserWarning, match=MOVED):
            result = pymetrics.evaluate(gt, dt, protocol=Protocol(use_cats=bool(use_cats)))
        same(result, by_pycocotools(need, gt, dt, useCats=use_cats))


def test_one_id_on_different_images_warns_once():
    found = Detections([1, 2], [[1, 1, 9, 9]] * 2, [1, 1], [1, 1])
    ingest(GroundTruths([1, 1, 2], [[1, 1, 9, 9]] * 3, [1, 1, 1], ids=[1, 1, 2]), found)  # on one image: no warning
    with pytest.warns(UserWarning, match=MOVED) as seen:
        ingest(GroundTruths([1, 2, 1, 2], [[1, 1, 9, 9]] * 4, [1] * 4, ids=[1, 1, 2, 2]), found)
    assert len(seen) == 1


def test_ground_truth_of_id_zero_is_never_found_and_warns_once(need):
    gt, dt = scene(9, crowds=False)
    gt["annotations"][0]["id"] = 0
    with pytest.warns(UserWarning, match="ground truths of id 0.*number annotations from 1") as seen:
        result = pymetrics.evaluate(gt, dt)
    assert len(seen) == 1
    same(result, by_pycocotools(need, gt, dt))
    assert result.columns.gt.flags[0] == ID_ZERO
    gt["annotations"][0]["iscrowd"] = 1
    assert ingest(gt, dt).gt.flags[0] == ID_ZERO | CROWD
    gt["annotations"][0].update(iscrowd=0, category_id=10)
    image = gt["annotations"][0]["image_id"]
    ingest(gt, [row for row in dt if (row["image_id"], row["category_id"]) != (image, 10)])
    table = GroundTruths([1, 1], [[1, 1, 9, 9]] * 2, [1, 1], ids=np.array([0, 4]))
    assert ingest(table, Detections([1], [[1, 1, 9, 9]], [1], [1])).gt.flags.tolist() == [ID_ZERO, 0]


@pytest.mark.parametrize("first", [0, -1])
def test_detections_of_id_zero_and_below_keep_their_objects_free(need, first):
    gt, dt = scene(10, crowds=False)
    found = {
        **gt,
        "annotations": [{**row, "id": first - i, "area": row["bbox"][2] * row["bbox"][3]} for i, row in enumerate(dt)],
    }
    for row in found["annotations"]:
        row["iscrowd"] = 0

    class Holder:
        dataset = found

    with pytest.warns(UserWarning, match="detections of ids 0 and below.*number annotations from 1"):
        result = pymetrics.evaluate(gt, Holder())
    same(result, by_pycocotools(need, gt, found))
    assert set(result.columns.dt.flags.tolist()) == {KEEPS_FREE}


def test_areas_of_a_float32_array_are_float32(need):
    rng = np.random.default_rng(0)
    n = 400
    w = rng.uniform(20, 200, n).astype(np.float32)
    h = (np.float32(1024.0) / w).astype(np.float32)
    table = np.column_stack(
        [np.ones(n), rng.integers(0, 99, n), rng.integers(0, 99, n), w, h, rng.random(n), np.ones(n)]
    )
    table = table.astype(np.float32)
    annotations = [
        {"id": i + 1, "image_id": 1, "category_id": 1, "bbox": row[1:5].tolist(), "area": 1024.0 + i % 3, "iscrowd": 0}
        for i, row in enumerate(table[::2])
    ]
    gt = {"images": [{"id": 1}], "annotations": annotations, "categories": [{"id": 1}]}
    columns = ingest(gt, table)
    assert columns.dt.area.tolist() == (w * h).astype(float).tolist()
    assert columns.dt.area.tolist() != (w.astype(float) * h.astype(float)).tolist()
    same(pymetrics.evaluate(gt, table), by_pycocotools(need, gt, table))
    scalars = [{"image_id": 1, "category_id": 1, "bbox": list(row[1:5]), "score": row[5]} for row in table]
    assert_same_columns(ingest(gt, scalars), columns)
    wide = table.astype(float)
    assert len(ingest(gt, wide).dt.area) == 0
    same(pymetrics.evaluate(gt, wide), by_pycocotools(need, gt, wide))


def test_integers_of_any_size(need):
    big = 2**53 + 1
    gt = {
        "images": [{"id": 1}],
        "annotations": [
            {"id": big, "image_id": 1, "category_id": 1, "bbox": [0, 0, big, 3], "area": big * 3, "iscrowd": 0}
        ],
        "categories": [{"id": 1}],
    }
    dt = [{"image_id": 1, "category_id": 1, "bbox": [0, 0, big, 3], "score": 1}]
    result = pymetrics.evaluate(gt, dt)
    same(result, by_pycocotools(need, gt, dt))
    assert result.columns.dt.area.tolist() == [float(big * 3)]
    ingest(gt, [{**dt[0], "bbox": [0, 0, 2**70, 3]}])
    assert ingest(gt, [{**dt[0], "bbox": [0, 0, 5, 3]}]).dt.shape.tolist() == [[0, 0, 5, 3]]


def test_what_annotations_may_lack():
    annotations = [
        {"image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 20], "ignore": 1},
        {"image_id": 1, "category_id": 1, "bbox": (0, 0, 30, 20), "iscrowd": True, "area": None},
        {"image_id": 1.0, "category_id": 1.0, "bbox": np.array([0, 0, 30, 40]), "area": 7},
    ]
    gt = {"images": [{"id": 1}], "annotations": annotations, "categories": [{"id": 1}]}
    columns = ingest(gt, [])
    assert columns.gt.area.tolist() == [200, 600, 7]
    assert columns.gt.flags.tolist() == [0, CROWD, 0]
    targets = [
        {"boxes": [[0, 0, 10, 20]], "labels": [1], "area": [5.0]},
        {"boxes": [[0, 0, 10, 20], [0, 0, 10, 10]], "labels": [1, 1], "iscrowd": [0, 1]},
    ]
    columns = ingest(targets, [{"boxes": [], "labels": [], "scores": []}] * 2)
    assert columns.gt.area.tolist() == [5, 200, 100]
    assert columns.gt.flags.tolist() == [0, 0, CROWD]


def test_given_areas_are_used():
    gt = GroundTruths([1], [[0, 0, 10, 10]], [1], area=[5000])
    dt = Detections([1], [[0, 0, 10, 10]], [1], [1], area=[7000])
    columns = ingest(gt, dt)
    assert (columns.gt.area.tolist(), columns.dt.area.tolist()) == ([5000], [7000])
    assert pymetrics.evaluate(gt, dt)["map_small"] == -1
