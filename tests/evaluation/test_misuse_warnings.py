"""Warnings about what users often get wrong: layout of boxes, labels, data of LVIS. Each has counts and examples."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import warnings

import numpy as np
import pytest
from helpers.ingest_cases import columns_source, scene

import pymetrics
from pymetrics import Accumulator, Detections, GroundTruths
from pymetrics.coco import COCO, COCOeval
from pymetrics.evaluation import data_warnings


def written(folder, gt, dt):
    (folder / "gt.json").write_text(json.dumps(gt))
    (folder / "dt.json").write_text(json.dumps(dt))
    return folder / "gt.json", folder / "dt.json"


def street(n=400, seed=0):
    """Boxes all over images of 640 x 480; detections near them."""
    rng = np.random.default_rng(seed)
    images = [{"id": i + 1, "height": 480, "width": 640} for i in range(20)]
    size = rng.integers(20, 120, (n, 2))
    corner = np.floor(rng.random((n, 2)) * (np.array([640, 480]) - size))
    boxes = np.concatenate([corner, size], axis=1)
    rows = [{"image_id": 1 + i % 20, "category_id": 1 + i % 3, "bbox": box} for i, box in enumerate(boxes.tolist())]
    gt = {
        "images": images,
        "annotations": [
            {**row, "id": i + 1, "iscrowd": 0, "area": row["bbox"][2] * row["bbox"][3]} for i, row in enumerate(rows)
        ],
        "categories": [{"id": k, "name": f"c{k}"} for k in (1, 2, 3)],
    }
    return gt, [{**row, "score": 0.5} for row in rows]


def as_corners(rows):
    return [{**row, "bbox": [*row["bbox"][:2], *np.add(row["bbox"][:2], row["bbox"][2:]).tolist()]} for row in rows]


def said(*sources, call=pymetrics.evaluate):
    """The texts of all warnings of an evaluation, or of another call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(*sources)
    assert all(warning.filename == __file__ for warning in caught)
    return [str(warning.message) for warning in caught]


# ---- xyxy as xywh on one side


@pytest.mark.parametrize("n", [40, 9001])
@pytest.mark.parametrize("as_files", [False, True])
def test_corners_on_one_side(n, as_files, tmp_path):
    gt, dt = street(n)
    place = written(tmp_path, gt, dt) if as_files else (gt, dt)
    assert said(*place) == []
    for side in ("gt", "dt"):
        wrong = (
            {**gt, "annotations": as_corners(gt["annotations"])} if side == "gt" else gt,
            (as_corners(dt) if side == "dt" else dt),
        )
        rows = wrong[0]["annotations"] if side == "gt" else wrong[1]
        n_outside = sum(x + w > 641 or y + h > 481 for x, y, w, h in (row["bbox"] for row in rows))
        assert n_outside > n / 2
        place = written(tmp_path, *wrong) if as_files else wrong
        other = "dt" if side == "gt" else "gt"
        assert said(*place) == [
            f"{n_outside} of {n} boxes of {side} end outside their image, of {other} 0 of {n}: if {side} holds x1, y1, "
            f"x2, y2, say box_format='xyxy' where its boxes are read, by pymetrics.read or "
            f"{'GroundTruths' if side == 'gt' else 'Detections'}; on the command line, where --box-format is of all "
            "files, convert them to x, y, width, height"
        ]
        both = list(place)
        both[side == "dt"] = pymetrics.read(place[side == "dt"], side, box_format="xyxy")  # what it says helps
        assert said(*both) == []
        assert pymetrics.evaluate(*both)["map"] == pymetrics.evaluate(gt, dt)["map"] > 0.6


def test_corners_of_columns_and_arrays():
    gt, dt = street()
    table = np.array([[row["image_id"], *row["bbox"], row["score"], row["category_id"]] for row in as_corners(dt)])
    assert "boxes of dt end outside" in said(gt, table)[0]
    columns = columns_source(gt, as_corners(dt))[1]
    assert "boxes of dt end outside" in said(gt, columns)[0]
    right = Detections(columns.image, columns.boxes, columns.scores, columns.labels, "xyxy")
    assert said(gt, right) == []


def outside(rows, share):
    """The rows, of which the first ones are moved out of their images."""
    n = round(len(rows) * share)
    return [{**row, "bbox": [638, 10, 639, 20]} for row in rows[:n]] + rows[n:]


@pytest.mark.parametrize("n", [400, 20000])
def test_shares(n):
    """Half of the boxes of one side, and less than a twentieth of the other's."""
    gt, dt = street(n)
    wide = [{**row, "bbox": [0, 0, 20, 30]} for row in dt]  # the rest are corners, too
    assert len(said(gt, outside(wide, 0.5))) == 1
    assert said(gt, outside(wide, 0.495)) == []
    for share, n_warnings in ((0.045, 1), (0.05, 0)):
        odd = {**gt, "annotations": outside(gt["annotations"], share)}
        assert len(said(odd, outside(wide, 0.6))) == n_warnings


def test_a_pixel_outside_is_inside():
    gt, dt = street()
    for x, n_warnings in ((641, 0), (641.5, 1)):
        assert len(said(gt, [{**row, "bbox": [0, 0, x, 100]} for row in dt])) == n_warnings


def test_boxes_that_are_no_corners_do_not_warn():
    """A young detector's boxes may lie anywhere; corners come in order."""
    gt, dt = street()
    assert said(gt, [{**row, "bbox": [600, 10, 100, 20]} for row in dt]) == []


@pytest.mark.parametrize("missing", ["height", "width"])
def test_images_of_unknown_size_are_left_out(missing):
    gt, dt = street()
    dt = as_corners(dt)
    for image in gt["images"][:-1]:
        del image[missing]
    (message,) = said(gt, dt)
    assert message.startswith(tuple(f"{n} of 20 boxes of dt" for n in range(10, 21)))
    gt["images"][-1][missing] = "640"  # no number
    assert said(gt, dt) == []


# ---- categories that gt does not list


def test_unlisted_categories(tmp_path):
    gt, dt = scene(1)
    others = [{**row, "category_id": 40 + i} for i, row in enumerate(dt[:5])]
    for sources in (
        (gt, dt + others[:2]),
        written(tmp_path, gt, dt + others[:2]),
        (gt, columns_source(gt, dt + others[:2])[1]),
    ):
        assert said(*sources) == [
            f"2 of {len(dt) + 2} detections are of categories that gt does not list (40, 41): they are left out"
        ]
    (message,) = said(gt, dt + others)
    assert f"5 of {len(dt) + 5} detections are of categories that gt does not list (40, 41, 42, ...): they" in message


COCO_IDS = [i for i in range(1, 91) if i not in (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)]


@pytest.mark.parametrize(
    ("label_of", "hint"),
    [
        (lambda k: COCO_IDS[k] - 1, "adding 1 to the labels would make 100.0 % of them listed"),
        (lambda k: COCO_IDS[k] + 1, "subtracting 1 from the labels would make 100.0 % of them listed"),
        (lambda k: k, "taking 0 to 79 for gt's sorted ids would make 100.0 % of them listed"),
        (lambda k: k + 1, "taking 1 to 80 for gt's sorted ids would make 100.0 % of them listed"),
        (lambda k: COCO_IDS[k] if k > 2 else 0, None),  # most are ids
        (lambda k: 1000 + k, None),
    ],
)
def test_hints(label_of, hint):
    truth = GroundTruths([1], [[0, 0, 9, 9]], [1], categories=COCO_IDS)
    labels = [label_of(k) for k in range(80)]
    (message,) = said(truth, Detections([1] * 80, [[0, 0, 9, 9]] * 80, [0.5] * 80, labels))
    assert message.endswith(": they are left out" if hint is None else f": they are left out; {hint}")


def test_a_hint_needs_nearly_all():
    truth = GroundTruths([1], [[0, 0, 9, 9]], [1], categories=[1, 2, 3])
    for n_odd, has_hint in ((5, True), (6, False)):
        labels = [0] * (100 - n_odd) + [50] * n_odd
        (message,) = said(truth, Detections([1] * 100, [[0, 0, 9, 9]] * 100, [0.5] * 100, labels))
        assert ("adding 1 to the labels would make 95.0 % of them listed" in message) == has_hint


def test_without_a_list_of_categories_none_is_unlisted():
    assert said(GroundTruths([1], [[0, 0, 9, 9]], [1]), Detections([1], [[0, 0, 9, 9]], [0.5], [2])) == []


# ---- LVIS


@pytest.mark.parametrize("key", ["neg_category_ids", "not_exhaustive_category_ids"])
def test_keys_of_lvis(key, tmp_path):
    gt, dt = scene(1)
    gt["images"][-1][key] = []
    for sources in ((gt, dt), written(tmp_path, gt, dt)):
        assert said(*sources) == [
            "gt['images'] has 'neg_category_ids' or 'not_exhaustive_category_ids', as LVIS has; these are not read: "
            "the numbers follow COCO's rule and are not LVIS AP, which protocol='lvis' (--protocol lvis) gives"
        ]


def test_a_file_of_lvis(data):
    path = data("lvis_val_100/lvis_val_100.json")
    (message,) = [text for text in said(path, []) if "LVIS" in text]
    assert message.endswith("are not LVIS AP, which protocol='lvis' (--protocol lvis) gives")


# ---- who warns


def test_an_accumulator_gives_each_once():
    gt, dt = scene(1)
    dt = [{**row, "category_id": 40} for row in dt]
    gt["images"] = [{**image, "neg_category_ids": []} for image in gt["images"]]
    accumulator = Accumulator()

    def update_all():
        for image in gt["images"]:
            own = [[row for row in rows if row["image_id"] == image["id"]] for rows in (gt["annotations"], dt)]
            accumulator.update({**gt, "images": [image], "annotations": own[0]}, own[1])

    lvis, categories = said(call=update_all)
    assert "LVIS" in lvis
    assert "detections are of categories" in categories


def test_cocoeval_does_not_warn(tmp_path):
    gt, dt = street()
    dt = as_corners(dt)
    dt[0]["category_id"] = 50
    gt["annotations"][0]["ignore"] = 1
    gt["images"][0]["neg_category_ids"] = []
    paths = written(tmp_path, gt, dt)
    with contextlib.redirect_stdout(io.StringIO()):
        for make in (lambda: copy.deepcopy(gt), lambda: None):
            truth = COCO() if make() else COCO(paths[0])
            if make():
                truth.dataset = make()
                truth.createIndex()
            evaluation = COCOeval(truth, truth.loadRes(copy.deepcopy(dt)), "bbox")
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
    assert len(said(truth, dt)) == 3  # ignore was overwritten


def test_the_sample_is_only_a_first_look(monkeypatch):
    """Whatever the sample, the counts are of all boxes."""
    gt, dt = street(1000)
    expected = said(gt, as_corners(dt))
    monkeypatch.setattr(data_warnings, "SAMPLE", 7)
    assert said(gt, as_corners(dt)) == expected


def masks(*sizes):
    return [{"masks": np.ones((1, *size), np.uint8), "labels": [1]} for size in sizes]


def test_masks_of_another_size_than_the_ground_truth():
    gt = masks((8, 8), (8, 8), (5, 6), (4, 4))
    gt[3] = {"masks": np.ones((0, 4, 4), np.uint8), "labels": []}  # nothing to compare with
    dt = [sample | {"scores": [0.5]} for sample in masks((8, 8), (8, 7), (6, 5), (9, 9))]
    texts = said(gt, dt, call=lambda gt, dt: pymetrics.evaluate(gt, dt, iou_type="segm"))
    assert texts == [
        "2 of 4 masks of dt have another size than the ground truth of their image (in image 1 8 x 7 and 8 x 8, height "
        "x width): masks of different sizes match nothing"
    ]
    assert said(gt[:1], dt[:1], call=lambda gt, dt: pymetrics.evaluate(gt, dt, iou_type="segm")) == []
