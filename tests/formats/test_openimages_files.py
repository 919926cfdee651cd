"""Open Images' CSV files: the same numbers as the same objects in COCO's format."""

from __future__ import annotations

import re

import numpy as np
import pytest
from helpers import layouts

import pymetrics
from pymetrics.formats import detect

GT, DT = layouts.coco()
GT = dict(GT, images=GT["images"][:2])  # CSV lists no images without boxes


def bytes_of(result):
    """The categories are in the order of their ids."""
    order = np.argsort([row["name"] for row in result.per_class])
    return result.stats.tobytes(), np.asarray(result.precision)[:, :, order].tobytes()


def test_boxes_and_results(tmp_path, backend):
    sides = layouts.openimages(tmp_path)
    assert [detect(path) for path in sides] == ["openimages"] * 2
    wanted = bytes_of(pymetrics.evaluate(GT, DT))
    result = pymetrics.evaluate(*sides, image_sizes=layouts.SIZES)
    assert bytes_of(result) == wanted
    assert {row["id"]: row["name"] for row in result.per_class} == dict(zip(layouts.LABELS, layouts.NAMES, strict=True))
    kaggle = ["ImageId,PredictionString"]
    for image in layouts.SIZES:
        words = []
        for name, k, x, y, w, h, score in layouts.FOUND:
            if name == image:
                height, width = layouts.SIZES[name]
                words += [layouts.LABELS[k], score, x / width, y / height, (x + w) / width, (y + h) / height]
        kaggle.append(f"{image},{' '.join(map(str, words))}" if words else f"{image},")
    (tmp_path / "kaggle.csv").write_text("\n".join(kaggle))
    assert bytes_of(pymetrics.evaluate(sides[0], tmp_path / "kaggle.csv", image_sizes=layouts.SIZES)) == wanted


def test_groups_and_no_sizes(tmp_path):
    """Their own average precision needs no sizes: one size for all will do."""
    gt, dt = layouts.openimages(tmp_path)
    with pytest.raises(ValueError, match="normalized boxes need image_sizes, which has no"):
        pymetrics.evaluate(gt, dt)
    lines = gt.read_text().splitlines()
    lines[1] = lines[1].removesuffix("0,0,0") + "1,0,0"
    gt.write_text("\n".join(lines))
    found = pymetrics.analysis.openimages(pymetrics.evaluate(gt, dt, image_sizes=(1, 1)), group_of_weight=0)
    truth = pymetrics.GroundTruths(
        image=[row[0] for row in layouts.OBJECTS], boxes=[row[2:] for row in layouts.OBJECTS], box_format="xywh",
        labels=[layouts.LABELS[row[1]] for row in layouts.OBJECTS], group_of=[1, 0, 0, 0],
    )  # fmt: skip
    detections = pymetrics.Detections(
        image=[row[0] for row in layouts.FOUND], boxes=[row[2:6] for row in layouts.FOUND], box_format="xywh",
        labels=[layouts.LABELS[row[1]] for row in layouts.FOUND], scores=[row[6] for row in layouts.FOUND],
    )  # fmt: skip
    wanted = pymetrics.analysis.openimages(pymetrics.evaluate(truth, detections), group_of_weight=0)
    assert found.average.tobytes() == wanted.average.tobytes()
    assert found.n_gt.tolist() == wanted.n_gt.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ImageID,LabelName,XMin,XMax,YMin\n", "1: has no column ymax; it has imageid, labelname, xmin, xmax, ymin"),
        ("ImageID,LabelName,XMin,XMax,YMin,YMax\na,b,0,1,0\n", "2: has 5 values, the first line 6"),
        ("ImageID,LabelName,XMin,XMax,YMin,YMax\na,b,0,1,0,one\n", "2: ymax must be a finite number, got 'one'"),
        ("ImageID,LabelName,XMin,XMax,YMin,YMax\n,b,0,1,0,1\n", "2: ImageID and LabelName must not be empty"),
        (
            "ImageID,LabelName,XMin,XMax,YMin,YMax,IsGroupOf\na,b,0,1,0,1,9\n",
            "2: IsGroupOf must be 0, 1 or -1",
        ),
        ("ImageID,LabelName,Score,XMin,XMax,YMin,YMax\na,b,1,0,1,0,1\n", "1: has scores, and must be ground truth"),
    ],
)
def test_what_is_wrong(tmp_path, text, words):
    gt, dt = layouts.openimages(tmp_path)
    gt.write_text(text)
    with pytest.raises(ValueError, match=f"^gt: {re.escape(repr(str(gt)))}, line {re.escape(words)}"):
        pymetrics.evaluate(gt, dt, image_sizes=layouts.SIZES)


def test_results_that_are_wrong(tmp_path):
    gt, dt = layouts.openimages(tmp_path)
    for text, words in (
        ("ImageID,LabelName,XMin,XMax,YMin,YMax\n", "line 1: has no column Score or Conf"),
        ("ImageID,PredictionString\na,b 1 0 0 1\n", "line 2: PredictionString must hold six words for each box, got 5"),
        ("ImageID,PredictionString\na,b 1 0 0 1 x\n", "line 2: PredictionString must be a finite number, got 'x'"),
    ):
        dt.write_text(text)
        with pytest.raises(ValueError, match=f"^dt: .*results.csv', {re.escape(words)}"):
            pymetrics.evaluate(gt, dt, image_sizes=layouts.SIZES)
    dt.write_bytes(b"ImageID,XMin\n\xff")
    with pytest.raises(ValueError, match=r"^dt: .*results.csv': is not UTF-8"):
        pymetrics.evaluate(gt, dt, image_sizes=layouts.SIZES)
