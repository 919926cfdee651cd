"""VOC folders: the same numbers as the same objects in COCO's format; XML that is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import layouts

import pymetrics
from pymetrics.formats import detect

GT, DT = layouts.coco()


def bytes_of(result: Any) -> tuple[bytes, ...]:
    """The categories of VOC are in the order of their names."""
    order = np.argsort([row["name"] for row in result.per_class])
    precision, recall = (np.asarray(part) for part in (result.precision, result.recall))
    return result.stats.tobytes(), precision[:, :, order].tobytes(), recall[:, order].tobytes()


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Path, Path]:
    return layouts.voc(tmp_path)


def test_annotations_and_results(sides: tuple[Path, Path], backend: str) -> None:
    assert [detect(sides[0]), detect(sides[0] / "Annotations"), detect(sides[1])] == ["voc"] * 3
    wanted = bytes_of(pymetrics.evaluate(GT, DT))
    assert bytes_of(pymetrics.evaluate(*sides)) == wanted
    assert bytes_of(pymetrics.evaluate(GT, sides[1])) == wanted
    assert bytes_of(pymetrics.evaluate(pymetrics.read(sides[0] / "Annotations", "gt"), sides[1])) == wanted
    assert bytes_of(pymetrics.evaluate(pymetrics.read(sides[0], "gt", split="val"), sides[1])) == wanted


def test_a_part_of_the_images(sides: tuple[Path, Path]) -> None:
    gt = pymetrics.read(sides[0], "gt", split="some")
    assert gt.axes.images.tolist() == ["a", "empty"]
    with pytest.raises(ValueError, match=r"image is 'b', which is not an image of gt"):
        pymetrics.evaluate(gt, sides[1])
    with pytest.raises(ValueError, match=r"split='most' needs '.*most.txt', which is not there"):
        pymetrics.read(sides[0], "gt", split="most")


def test_yolo_detections_beside_it(sides: tuple[Path, Path], tmp_path: Path) -> None:
    """Their classes are numbers with names, here names alone; sizes are those of the XML."""
    data, found = layouts.yolo(tmp_path)
    (found / "classes.txt").write_text("\n".join(layouts.NAMES))
    assert bytes_of(pymetrics.evaluate(sides[0], found)) == bytes_of(pymetrics.evaluate(GT, DT))
    assert bytes_of(pymetrics.evaluate(data, sides[1])) == bytes_of(pymetrics.evaluate(GT, DT))


def test_difficult_objects_are_ignored(sides: tuple[Path, Path]) -> None:
    file = sides[0] / "Annotations" / "b.xml"
    file.write_text(file.read_text().replace("<difficult>0</difficult>", "<difficult>1</difficult>", 1))
    rows = [dict(row, ignore=int(row["image_id"] == 2 and row["category_id"] == 0)) for row in GT["annotations"]]
    result = pymetrics.evaluate(*sides)
    assert bytes_of(result) == bytes_of(pymetrics.evaluate(dict(GT, annotations=rows), DT, use_ignore=True))
    assert pymetrics.analysis.voc(result).n_gt.sum() == 3


def test_decimals_are_subtracted_as_they_stand(sides: tuple[Path, Path]) -> None:
    file = sides[0] / "Annotations" / "b.xml"
    text = (
        file.read_text().replace("<xmax>36</xmax>", "<xmax>60.4</xmax>").replace("<xmin>4</xmin>", "<xmin>10.13</xmin>")
    )
    file.write_text(text)
    boxes = pymetrics.read(sides[0], "gt").shape.values
    assert [10.13, 8.0, 50.27, 64.0] in boxes.tolist()
    assert 60.4 - 10.13 != 50.27


BOMB = """<?xml version="1.0"?><!DOCTYPE annotation [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>
<annotation><filename>&b;</filename></annotation>"""
FOREIGN = """<!DOCTYPE annotation SYSTEM "file:///etc/hostname" [<!ENTITY a SYSTEM "file:///etc/hostname">]>
<annotation><filename>&a;</filename></annotation>"""
OBJECT = layouts.voc_object(0, 1, 2, 3, 4)


def changed(old: str, new: str) -> str:
    return f"<annotation>{OBJECT.replace(old, new)}</annotation>"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "line 1: declares entities, which are not read"),
        (FOREIGN, "line 1: declares entities, which are not read"),
        ("<annotation>" * 100, "line 1: nests more than 64 elements"),
        ("<annotation>\n<object></annotation>", "line 2: is not XML: mismatched tag"),
        ("", "line 1: is not XML: no element found"),
        ('<?xml version="1.0" encoding="klingon"?><annotation/>', "is not XML: unknown encoding"),
        ("<annotation>&nbsp;</annotation>", "line 1: is not XML: undefined entity"),
        ("<annotations/>", "line 1: must hold an <annotation>, got <annotations>"),
        ("<annotation>\n\n<object/></annotation>", "line 3: the object has no name"),
        ("<annotation>\n<object><name>a</name></object></annotation>", "line 2: the object has no bndbox"),
        (changed("<xmin>1</xmin>", ""), "line 2: xmin is missing"),
        (changed(">1<", ">left<"), "line 2: xmin must be a finite number, got 'left'"),
        (changed(">1<", ">nan<"), "line 2: xmin must be a finite number, got 'nan'"),
        (changed(">1<", ">1e999999999<"), "line 2: xmin must be a finite number"),
        (changed(">0<", ">no<"), "line 1: difficult must be a finite number"),
        ("<annotation><size><width>3</width></size></annotation>", "line 1: height is missing"),
        (
            "<annotation><size><width>3</width><height>-2</height></size></annotation>",
            "line 1: height and width must",
        ),
    ],
    ids=range(17),
)
def test_annotations_that_are_wrong(sides: tuple[Path, Path], text: str, words: str) -> None:
    file = sides[0] / "Annotations" / "a.xml"
    file.write_text(text)
    with pytest.raises(ValueError, match=f"^gt: {re.escape(repr(str(file)))}[,:] {re.escape(words)}"):
        pymetrics.evaluate(pymetrics.read(sides[0], "gt", format="voc"), sides[1])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a 0.5 1 2 3\n", "must be IMAGE SCORE XMIN YMIN XMAX YMAX, got 5 words"),
        ("\na high 1 2 3 4\n", "score must be a finite number, got 'high'"),
        ("a 0.5 1 2 3 inf\n", "ymax must be a finite number, got 'inf'"),
    ],
)
def test_results_that_are_wrong(sides: tuple[Path, Path], text: str, words: str) -> None:
    file = sides[1] / "comp4_det_test_dog.txt"
    file.write_text(text)
    with pytest.raises(ValueError, match=f"^dt: {re.escape(repr(str(file)))}, line \\d: {re.escape(words)}"):
        pymetrics.evaluate(*sides)


def test_what_else_is_wrong(sides: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a.xml' is one file; of VOC a folder is read"):
        pymetrics.evaluate(sides[0] / "Annotations" / "a.xml", sides[1])
    (sides[1] / "comp3_det_test_dog.txt").write_text("")
    with pytest.raises(ValueError, match="two files of results of 'dog'"):
        pymetrics.evaluate(*sides)
    with pytest.raises(ValueError, match="holds no results"):
        pymetrics.read(tmp_path, "dt", format="voc", split="val")
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ValueError, match="holds no XML file"):
        pymetrics.read(tmp_path / "nothing", "gt", format="voc")
    with pytest.raises(FileNotFoundError, match=r"^gt: no such file: '.*absent'"):
        pymetrics.evaluate(tmp_path / "absent", sides[1])
