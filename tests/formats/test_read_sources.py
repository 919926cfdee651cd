"""What pymetrics.read returned, evaluated: options that come too late, and sides that are the wrong ones."""

import json
import re

import numpy as np
import pytest

import pymetrics
from pymetrics import evaluate, read

BOX = {"image_id": 1, "category_id": 3, "bbox": [10, 10, 50, 50]}
GT = {
    "images": [{"id": 1, "height": 100, "width": 100}],
    "categories": [{"id": 3, "name": "cat"}],
    "annotations": [{**BOX, "id": 1, "iscrowd": 0, "area": 2500}],
}
DT = [{**BOX, "score": 0.5}]
MASK = {"segmentation": [[10, 10, 60, 10, 60, 60]]}
MASKS = {**GT, "annotations": [{**GT["annotations"][0], **MASK}]}


@pytest.fixture(params=["parsed", "files"])
def sides(request, tmp_path):
    if request.param == "parsed":
        return GT, DT
    for name, content in (("gt", GT), ("dt", DT)):
        (tmp_path / name).write_text(json.dumps(content))
    return tmp_path / "gt", tmp_path / "dt"


@pytest.mark.parametrize(
    "options",
    [{"box_format": "xyxy"}, {"box_format": "cxcywh"}, {"box_format": "yolo"}, {"normalized": True}],
    ids=str,
)
def test_options_that_come_too_late(sides, options):
    gt, dt = read(sides[0], "gt"), read(sides[1], "dt")
    for side, call in (
        ("gt", lambda: evaluate(gt, dt, **options)),
        ("gt", lambda: evaluate(gt, sides[1], **options)),
        ("dt", lambda: evaluate(sides[0], dt, **options)),
        ("dt", lambda: read(dt, "dt", **options)),
        ("gt", lambda: pymetrics.Accumulator().update(gt, dt, **options)),
    ):
        with pytest.raises(ValueError, match=f"{side} was read as xywh, in pixels; say them to pymetrics.read alone$"):
            call()


@pytest.mark.filterwarnings("ignore:the boxes of")
def test_options_that_were_said_before(sides):
    for options in ({"box_format": "xyxy"}, {"box_format": "yolo"}, {"normalized": True}):
        gt, dt = read(sides[0], "gt", **options), read(sides[1], "dt", **options)
        wanted = evaluate(*sides, **options).stats.tobytes()
        for given in ({}, options):
            assert evaluate(gt, dt, **given).stats.tobytes() == wanted
    with pytest.raises(ValueError, match="box_format must be one of xyxy"):
        evaluate(gt, dt, box_format="xy")


def test_masks_have_no_box_format():
    gt = read(MASKS, "gt", iou_type="segm")
    dt = [{**DT[0], **MASK}]
    for options, given in (
        ({"box_format": "xyxy"}, "box_format='xyxy'"),
        ({"normalized": True}, "normalized=True"),
    ):
        message = re.escape(f"iou_type 'segm' compares masks, of which {given} says nothing: leave it out")
        for call in (
            lambda options=options: evaluate(gt, dt, iou_type="segm", **options),
            lambda options=options: evaluate(MASKS, dt, iou_type="segm", **options),
            lambda options=options: read(dt, "dt", iou_type="segm", **options),
        ):
            with pytest.raises(ValueError, match=message):
                call()


def test_the_wrong_side(sides):
    gt, dt = read(sides[0], "gt"), read(sides[1], "dt")
    no_detections = r"^dt must be detections, got what was read as 'gt', ground truth; ground truth comes first"
    no_truth = r"^gt must be ground truth, got what was read as 'dt', detections; ground truth comes first"
    for call, message in (
        (lambda: evaluate(sides[0], gt), no_detections),
        (lambda: evaluate(gt, gt), no_detections),
        (lambda: read(gt, "dt"), no_detections),
        (lambda: evaluate(dt, dt), no_truth),
        (lambda: evaluate(dt, sides[1]), no_truth),
        (lambda: read(dt, "gt"), no_truth),
        (lambda: evaluate(dt, gt), "^gt and dt are swapped"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    empty = read(np.empty((0, 7)), "dt")
    assert evaluate(gt, empty)["map"] == 0
    with pytest.raises(ValueError, match=no_truth):
        evaluate(empty, dt)


def test_an_unknown_shape_is_refused():
    with pytest.raises(ValueError, match=r"iou_type must be one of 'bbox', .*; got 'typo'"):
        read(DT, "dt", iou_type="typo")
