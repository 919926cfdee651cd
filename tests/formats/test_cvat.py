"""CVAT XML for images: the same numbers as the same objects in COCO's format."""

from __future__ import annotations

import re

import numpy as np
import pytest
from helpers import layouts

import pymetrics
from pymetrics.formats import detect

GT, DT = layouts.coco()


def bytes_of(result):
    """The categories of CVAT are in the order of their names."""
    order = np.argsort([row["name"] for row in result.per_class])
    return result.stats.tobytes(), np.asarray(result.precision)[:, :, order].tobytes()


@pytest.mark.parametrize("kind", ["box", "polygon"])
def test_boxes_and_polygons(tmp_path, kind, backend):
    sides = layouts.cvat(tmp_path, kind)
    assert [detect(path) for path in sides] == ["cvat", "cvat"]
    wanted = bytes_of(pymetrics.evaluate(GT, DT))
    assert bytes_of(pymetrics.evaluate(*sides)) == wanted
    assert bytes_of(pymetrics.evaluate(GT, sides[1])) == wanted
    sides[0].rename(tmp_path / "annotations.xml")
    assert detect(tmp_path) == "cvat"
    assert bytes_of(pymetrics.evaluate(tmp_path, sides[1])) == wanted


def test_masks(tmp_path):
    sides = layouts.cvat(tmp_path, "polygon")
    results = [dict(row, segmentation=layouts.polygon(*row["bbox"])) for row in DT]
    del results[0]["bbox"]
    assert bytes_of(pymetrics.evaluate(*sides, iou_type="segm")) == bytes_of(
        pymetrics.evaluate(GT, results, iou_type="segm")
    )


def test_polygons_of_a_group_are_one_object(tmp_path):
    parts = [(10, 10, 20, 20), (60, 10, 20, 20)]
    text = "".join(layouts.cvat_object("polygon", 0, box, more=' group_id="4"') for box in parts)
    (tmp_path / "gt.xml").write_text(layouts.cvat_file({"a": text}))
    found = pymetrics.read(tmp_path / "gt.xml", "gt")
    assert found.shape.values.tolist() == [[10, 10, 70, 20]]
    masks = pymetrics.read(tmp_path / "gt.xml", "gt", "segm")
    assert masks.shape.columns(np.array([[256.0, 512.0]]), masks.where).measures.areas.tolist() == [800]


def test_attributes(tmp_path):
    _, dt = layouts.cvat(tmp_path)
    flags = ["iscrowd", "ignore", "", "difficult"]
    objects = {}
    for (image, k, *box), flag in zip(layouts.OBJECTS, flags, strict=True):
        attributes = f'<attribute name="{flag}">true</attribute><attribute name="area">77.5</attribute>' if flag else ""
        objects[image] = objects.get(image, "") + layouts.cvat_object("box", k, tuple(box), attributes)
    (tmp_path / "gt.xml").write_text(layouts.cvat_file(objects))
    rows = [dict(row, area=77.5 if flag else row["area"], iscrowd=int(flag == "iscrowd"),
                 ignore=int(flag in ("ignore", "difficult")))
            for row, flag in zip(GT["annotations"], flags, strict=True)]  # fmt: skip
    wanted = pymetrics.evaluate(dict(GT, annotations=rows), DT, use_ignore=True)
    assert bytes_of(pymetrics.evaluate(tmp_path / "gt.xml", dt)) == bytes_of(wanted)


BOX = layouts.cvat_object("box", 0, (1, 2, 3, 4))


@pytest.mark.parametrize(
    ("objects", "words"),
    [
        (BOX.replace('label="person"', ""), "the box has no label"),
        (BOX.replace("person", "tree"), "the label 'tree' is none of meta's labels"),
        (BOX.replace('xtl="1"', ""), "xtl is missing"),
        (BOX.replace('xtl="1"', 'xtl="one"'), "xtl must be a finite number, got 'one'"),
        (BOX.replace("z_order", 'rotation="9" z_order'), "the box is rotated, which is not read"),
        ('<polygon label="dog" points="1,2;3,4"/>', "points must be x,y;x,y;x,y of three points or more"),
        ('<polygon label="dog" points="1,2;3,4;5"/>', "points must be x,y;x,y;x,y of three points or more"),
        ('<mask label="dog" rle="1"/>', "<mask> is not read; boxes and polygons are"),
        (BOX.replace("></box>", '><attribute name="iscrowd">perhaps</attribute></box>'), "the attribute iscrowd must"),
        (BOX.replace("></box>", '><attribute name="area">big</attribute></box>'), "area must be a finite number"),
    ],
)
def test_what_is_wrong(tmp_path, objects, words):
    gt, dt = layouts.cvat(tmp_path)
    gt.write_text(layouts.cvat_file({"a": objects}))
    with pytest.raises(ValueError, match=f"^gt: {re.escape(repr(str(gt)))}, line 4: {re.escape(words)}"):
        pymetrics.evaluate(gt, dt)


def test_what_else_is_wrong(tmp_path):
    gt, dt = layouts.cvat(tmp_path)
    with pytest.raises(ValueError, match=r"^dt: .*gt.xml', line 4: has no attribute score"):
        pymetrics.evaluate(gt, gt)
    text = gt.read_text()
    for old, new, words in (
        ('name="b.png"', 'name="a.png"', "there are two images named 'a'"),
        ('name="b.png"', "", "the image has no name"),
        ('width="512"', 'width="0"', "height and width must be whole numbers above 0, got 256 and 0"),
        ("<meta>", '<track id="0"/><meta>', 'is CVAT XML for video; export it "for images"'),
        ("</annotations>", "", "is not XML: no element found"),
    ):
        gt.write_text(text.replace(old, new))
        with pytest.raises(ValueError, match=re.escape(words)):
            pymetrics.evaluate(gt, dt)
