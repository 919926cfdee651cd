"""Ground truths to ignore: `GroundTruths(ignore=)`, lists of dicts, and the key `ignore` of COCO data."""

from __future__ import annotations

import contextlib
import copy
import io
import json

import numpy as np
import pytest
from helpers import literal
from helpers.ingest_cases import scene

import pymetrics
from pymetrics import Accumulator, Detections, GroundTruths, Protocol
from pymetrics.coco import COCO, COCOeval
from pymetrics.evaluation.columns import CROWD, IGNORE

UNREAD = r"annotations of gt have a nonzero 'ignore', which is not read, as in pycocotools: they count; use_ignore=True"


def marked(seed, share=0.4):
    """A scene whose ground truths are ignored at random, crowds among them."""
    gt, dt = scene(seed)
    rng = np.random.default_rng(seed)
    for row in gt["annotations"]:
        row["ignore"] = int(rng.random() < share)
    return gt, dt


def bits(result):
    return [getattr(result, name).tobytes() for name in ("precision", "recall", "scores", "stats")]


def test_one_detection_may_take_it():
    """Of two detections of an ignored object one is left out of the count, and the other is wrong."""
    truth = GroundTruths([1, 1], [[0, 0, 10, 10], [50, 50, 60, 60]], [1, 1], ignore=[1, 0])
    boxes = [[0, 0, 10, 10], [0, 0, 10, 10], [50, 50, 60, 60]]
    found = Detections([1, 1, 1], boxes, [0.9, 0.8, 0.7], [1, 1, 1])
    result = pymetrics.evaluate(truth, found, keep_matches=True)
    assert result.matches.at().status.tolist() == ["ignored", "fp", "tp"]
    assert result.matches.at().gt.tolist() == [0, -1, 1]
    assert [result.per_image[0][key] for key in ("n_gt", "n_dt", "tp", "fp", "fn")] == [1, 3, 1, 1, 0]
    crowd = pymetrics.evaluate(GroundTruths(truth.image, truth.boxes, truth.labels, crowd=[1, 0]), found)
    assert crowd.matches.at().status.tolist() == ["ignored", "ignored", "tp"]  # any number may take a crowd
    assert crowd["map"] > result["map"]


def test_nothing_to_count():
    truth = GroundTruths([1], [[0, 0, 10, 10]], [1], ignore=[True])
    result = pymetrics.evaluate(truth, Detections([1], [[0, 0, 10, 10]], [0.9], [1]))
    assert result["map"] == -1
    assert result.matches.missed().gt.tolist() == []


def test_its_overlap_is_that_of_an_object():
    """A crowd's overlap is by the detection's area alone; that of an ignored object is not."""
    found = Detections([1], [[0, 0, 5, 10]], [0.9], [1])
    for more, status in ({"crowd": [1]}, "ignored"), ({"ignore": [1]}, "fp"):
        truth = GroundTruths([1], [[0, 0, 10, 10.1]], [1], **more)
        assert pymetrics.evaluate(truth, found).matches.at().status.tolist() == [status]


@pytest.mark.cases(30)
@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("kind", ["dict", "file", "columns", "lists", "accumulator"])
def test_against_the_rules(seed, kind, tmp_path):
    gt, dt = marked(seed)
    protocol = Protocol(iou_thresholds=(0.5, 0.75), max_dets=(1, 100))
    expected = pymetrics.evaluate(gt, dt, protocol=protocol, use_ignore=True)
    flags = expected.columns.gt.flags
    rows = gt["annotations"]
    assert flags.tolist() == [row["iscrowd"] * CROWD | row["ignore"] * IGNORE for row in rows]
    evaluated = literal.evaluate(expected.columns, protocol)
    arrays = literal.accumulate(evaluated, len(expected.columns.axes.category_ids), protocol)
    assert [array.tobytes() for array in arrays] == bits(expected)[:3]
    if kind == "dict":
        return
    if kind == "file":
        (tmp_path / "gt.json").write_text(json.dumps(gt))
        result = pymetrics.evaluate(tmp_path / "gt.json", dt, protocol=protocol, use_ignore=True)
    elif kind == "accumulator":
        accumulator = Accumulator(protocol=protocol)
        accumulator.update(gt, dt, use_ignore=True)
        result = accumulator.compute()
    else:
        columns = {
            "boxes": np.array([row["bbox"] for row in rows]),
            "labels": np.array([row["category_id"] for row in rows]),
            "area": np.array([row["area"] for row in rows]),
            "ignore": np.array([row["ignore"] for row in rows]),
        }
        image, crowd = np.array([row["image_id"] for row in rows]), np.array([row["iscrowd"] for row in rows])
        ids = [entry["id"] for entry in gt["images"]]
        if kind == "columns":
            truth = GroundTruths(image, crowd=crowd, images=ids, categories=[10, 20, 30], box_format="xywh", **columns)
            result = pymetrics.evaluate(truth, dt, protocol=protocol)
        else:
            items = [
                {key: column[image == id] for key, column in columns.items()}
                | {"image_id": id, "iscrowd": crowd[image == id]}
                for id in ids
            ]
            result = pymetrics.evaluate(items, dt, protocol=protocol, box_format="xywh")
            if result.outcomes.category_ids.tolist() != [10, 20, 30]:  # one is in no row
                return
    assert bits(result) == bits(expected)


# ---- COCO data: read only with use_ignore=True, and a warning says so


@pytest.mark.parametrize("kind", ["dict", "file", "slow file", "COCO", "Source"])
def test_what_is_not_read_is_said(kind, tmp_path):
    gt, dt = marked(3)
    n = sum(row["ignore"] and not row["iscrowd"] for row in gt["annotations"])
    assert 0 < n < sum(row["ignore"] for row in gt["annotations"])  # crowds are ignored anyway
    plain = copy.deepcopy(gt)
    for row in plain["annotations"]:
        del row["ignore"]
    source = gt
    if kind != "dict":
        source = tmp_path / "gt.json"
        if kind == "slow file":
            gt["annotations"][0]["bbox"] = [*gt["annotations"][0]["bbox"][:3], 10**17]
            plain["annotations"][0]["bbox"] = gt["annotations"][0]["bbox"]
        source.write_text(json.dumps(gt))
    if kind == "COCO":
        with contextlib.redirect_stdout(io.StringIO()):
            source = COCO(source)
    if kind == "Source":
        source = pymetrics.read(source, "gt")
    with pytest.warns(UserWarning, match=rf"^{n} of {len(gt['annotations'])} {UNREAD}") as caught:
        result = pymetrics.evaluate(source, dt)
    assert len(caught) == 1
    assert bits(result) == bits(pymetrics.evaluate(plain, dt))


@pytest.mark.parametrize("value", [0, False, 0.0, None])
def test_zeros_are_not_said(value, tmp_path):
    gt, dt = scene(3)
    for row in gt["annotations"]:
        row["ignore"] = value
    pymetrics.evaluate(gt, dt)
    (tmp_path / "gt.json").write_text(json.dumps(gt))
    pymetrics.evaluate(tmp_path / "gt.json", dt)


def test_an_accumulator_says_it_once():
    accumulator = Accumulator()
    gt, dt = marked(3)

    def update_all():
        for image in gt["images"]:
            rows = [row for row in gt["annotations"] if row["image_id"] == image["id"]]
            part = {**gt, "images": [image], "annotations": rows}
            accumulator.update(part, [row for row in dt if row["image_id"] == image["id"]])

    with pytest.warns(UserWarning, match=UNREAD) as caught:
        update_all()
    assert len(caught) == 1


def test_a_source_that_was_read_without():
    gt, dt = marked(3)
    source = pymetrics.read(gt, "gt")
    with pytest.raises(ValueError, match=r"^gt was read without use_ignore=True, which pymetrics\.read takes, too$"):
        pymetrics.evaluate(source, dt, use_ignore=True)
    again = pymetrics.read(gt, "gt", use_ignore=True)
    assert bits(pymetrics.evaluate(again, dt)) == bits(pymetrics.evaluate(gt, dt, use_ignore=True))


@pytest.mark.parametrize("value", ["yes", None, [1]])
def test_what_is_no_number_is_refused_where_it_is_read(value, tmp_path):
    gt, dt = marked(3)
    gt["annotations"][1]["ignore"] = value
    (tmp_path / "gt.json").write_text(json.dumps(gt))
    for source in (gt, tmp_path / "gt.json"):
        with pytest.raises((TypeError, ValueError), match=r"gt\['annotations'\]\[1\]\['ignore'\] must be "):
            pymetrics.evaluate(source, dt, use_ignore=True)


def test_cocoeval_overwrites_it(tmp_path):
    """As in pycocotools; what evaluate reads of that COCO afterwards is what COCOeval has written."""
    gt, dt = marked(3)
    (tmp_path / "gt.json").write_text(json.dumps(gt))
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(tmp_path / "gt.json")
        found = truth.loadRes(copy.deepcopy(dt))
        before = pymetrics.evaluate(truth, dt, use_ignore=True)
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.evaluate()
    assert bits(before) == bits(pymetrics.evaluate(gt, dt, use_ignore=True))
    after = pymetrics.evaluate(truth, dt, use_ignore=True)
    for row in gt["annotations"]:
        row["ignore"] = row["iscrowd"]
    assert bits(after) == bits(pymetrics.evaluate(gt, dt)) != bits(before)
