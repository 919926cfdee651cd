"""pymetrics.coco.COCO: pycocotools' methods, prints, side effects and live dictionaries."""

import contextlib
import copy
import io
import json
import pickle
import re

import numpy as np
import pytest
from helpers.coco_scenes import plain_scene

from pymetrics.coco import COCO


@pytest.fixture
def rival(need):
    return need("pycocotools.coco").COCO


def printed(call, *args):
    """What a call returns and what it prints, but for the times."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        value = call(*args)
    return value, re.sub(r"t=\d+\.\d\ds", "t=", out.getvalue())


def quietly(call, *args):
    return printed(call, *args)[0]


def make(coco_class):
    coco = coco_class()
    coco.dataset = {**plain_scene().gt, "info": {"year": 2020, "more": [1]}}
    for category, group in zip(coco.dataset["categories"], ("x", "x", "y"), strict=True):
        category["supercategory"] = group
    quietly(coco.createIndex)
    return coco


@pytest.fixture
def coco():
    return make(COCO)


def state(coco):
    names = ("dataset", "anns", "cats", "imgs", "imgToAnns", "catToImgs")
    return {name: getattr(coco, name) for name in names}


def test_from_a_file(tmp_path, rival, coco):
    path = tmp_path / "gt.json"
    path.write_text(json.dumps(coco.dataset))
    theirs, their_text = printed(rival, str(path))
    ours, our_text = printed(COCO, str(path))
    assert state(ours) == state(theirs)
    assert our_text == their_text
    assert state(quietly(COCO, path)) == state(theirs)
    assert printed(ours.info) == printed(theirs.info)


def test_a_file_of_something_else(tmp_path):
    path = tmp_path / "list.json"
    path.write_text("[]")
    with pytest.raises(AssertionError, match="list"):
        quietly(COCO, path)


def test_an_empty_one(rival):
    assert state(COCO()) == state(rival())
    quietly(COCO().createIndex)


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"imgIds": 38},
        {"imgIds": [38, 20, 38, 5]},
        {"catIds": 1},
        {"catIds": [7, 1, 1000]},
        {"catIds": np.array([7, 1])},
        {"imgIds": [38, 30], "catIds": [3]},
        {"areaRng": [0, 1024]},
        {"areaRng": [1024, 9216], "imgIds": [30, 38]},
        {"iscrowd": True},
        {"iscrowd": 0, "catIds": [1]},
    ],
    ids=str,
)
def test_get_ann_ids(rival, coco, filters):
    ids = coco.getAnnIds(**filters)
    assert ids == make(rival).getAnnIds(**filters)
    assert ids


def test_the_area_filter_is_strict(coco):
    ann = coco.anns[1]
    ann["area"] = 1024
    assert 1 not in coco.getAnnIds(areaRng=[0, 1024])
    assert 1 not in coco.getAnnIds(areaRng=[1024, 1e5])
    assert 1 in coco.getAnnIds(areaRng=[1023, 1025])


@pytest.mark.parametrize(
    "filters",
    [{}, {"catNms": "name 3"}, {"catNms": ["name 3", "name 7"]}, {"supNms": ["x"]}, {"catIds": 7}, {"catIds": [1, 3]}],
    ids=str,
)
def test_get_cat_ids(rival, coco, filters):
    assert coco.getCatIds(**filters) == make(rival).getCatIds(**filters)


@pytest.mark.parametrize(
    "filters",
    [{}, {"imgIds": 38}, {"imgIds": [38, 1]}, {"catIds": 1}, {"catIds": [1, 7]}, {"imgIds": [38, 30], "catIds": [1]}],
    ids=str,
)
def test_get_img_ids(rival, coco, filters):
    assert sorted(coco.getImgIds(**filters)) == sorted(make(rival).getImgIds(**filters))


def test_loading_gives_the_live_dicts(coco):
    assert coco.loadAnns([2, 1])[0] is coco.anns[2] is coco.dataset["annotations"][1]
    assert coco.loadAnns(2) == [coco.anns[2]]
    assert coco.loadAnns(np.int64(2)) == [coco.anns[2]]
    assert coco.loadCats(7)[0] is coco.cats[7]
    assert coco.loadImgs([38])[0] is coco.imgs[38]
    assert coco.imgToAnns[38][0] is coco.anns[coco.imgToAnns[38][0]["id"]]
    assert coco.catToImgs[7]


def test_equal_ids_leave_the_last(coco):
    first, second = coco.dataset["annotations"][:2]
    second["id"] = first["id"]
    quietly(coco.createIndex)
    assert coco.anns[first["id"]] is second


def test_load_res_of_a_list(rival):
    ours, theirs = make(COCO), make(rival)
    dt, their_dt = plain_scene().dt, plain_scene().dt
    dt[0]["segmentation"] = their_dt[0]["segmentation"] = [[1, 2, 3]]
    dt[1]["bbox"] = their_dt[1]["bbox"] = (1, 2, 3, 4)
    res, text = printed(ours.loadRes, dt)
    their_res, their_text = printed(theirs.loadRes, their_dt)
    assert text == their_text
    assert dt == their_dt
    assert state(res) == state(their_res)
    assert list(dt[2]) == list(their_dt[2])
    assert res.dataset["annotations"] is dt
    assert res.dataset["images"][0] is ours.dataset["images"][0]
    assert res.dataset["categories"][0] is not ours.dataset["categories"][0]
    assert res.dataset["info"]["more"] is not ours.dataset["info"]["more"]
    assert isinstance(res, COCO)


def test_load_res_of_a_file(tmp_path, coco):
    path = tmp_path / "dt.json"
    path.write_text(json.dumps(plain_scene().dt))
    expected = state(quietly(coco.loadRes, plain_scene().dt))
    assert state(quietly(coco.loadRes, path)) == state(quietly(coco.loadRes, str(path))) == expected


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_load_res_of_an_array(rival, coco, dtype):
    rows = [[dt["image_id"], *dt["bbox"], dt["score"], dt["category_id"]] for dt in plain_scene().dt]
    array = np.array(rows, dtype)
    res, text = printed(coco.loadRes, array)
    their_res, their_text = printed(make(rival).loadRes, array)
    assert text == their_text
    assert state(res) == state(their_res)
    for key in ("image_id", "category_id", "score", "area"):
        assert type(res.anns[1][key]) is type(their_res.anns[1][key]), key
    assert {type(value) for value in res.anns[1]["bbox"]} == {dtype}
    assert quietly(coco.loadNumpyAnnotations, array[:0]) == []


def test_load_res_of_keypoints_and_captions(rival, coco):
    for dt in (
        [{"image_id": 38, "category_id": 1, "score": 0.5, "keypoints": [1, 5, 2, 3, 4, 1]}],
        [{"image_id": 38, "caption": "a"}, {"image_id": 30, "caption": "b"}],
        [{"image_id": 38, "other": 1, "id": 7, "category_id": 1}],
    ):
        theirs = quietly(make(rival).loadRes, copy.deepcopy(dt))
        assert state(quietly(coco.loadRes, dt)) == state(theirs)


@pytest.mark.parametrize(
    ("results", "error", "words"),
    [
        ({}, AssertionError, "not an array of objects"),
        ([{"image_id": 1000, "bbox": [1, 2, 3, 4]}], AssertionError, "1000"),
        (np.zeros((2, 6)), AssertionError, r"\(2, 6\)"),
        (np.zeros(7), AssertionError, r"\(7,\)"),
        ([{"image_id": 38, "segmentation": {}}], KeyError, "counts"),
        ([{"image_id": 38, "segmentation": {}, "bbox": []}], KeyError, "counts"),
    ],
)
def test_load_res_refuses(coco, results, error, words):
    with pytest.raises(error, match=words):
        quietly(coco.loadRes, results)


def test_copies(coco):
    for other in (copy.deepcopy(coco), pickle.loads(pickle.dumps(coco))):
        assert state(other) == state(coco)
        assert other.anns[1] is other.dataset["annotations"][0]
        assert other.imgToAnns["unknown"] == []


def test_subclass(coco):
    class Mine(COCO):
        pass

    mine = Mine()
    mine.dataset = coco.dataset
    quietly(mine.createIndex)
    assert mine.getImgIds() == coco.getImgIds()
