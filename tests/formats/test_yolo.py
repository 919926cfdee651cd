"""YOLO data sets: the same numbers as the same objects in COCO's format; errors that name file, line and value."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import layouts

import pymetrics
from pymetrics.formats import detect
from pymetrics.formats.image_sizes import read_sizes

GT, DT = layouts.coco()


def bytes_of(result: Any) -> tuple[bytes, ...]:
    return tuple(np.asarray(part).tobytes() for part in (result.stats, result.precision, result.recall))


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Path, Path]:
    return layouts.yolo(tmp_path)


def test_boxes(sides: tuple[Path, Path], backend: str) -> None:
    assert [detect(sides[0]), detect(sides[0] / "data.yaml"), detect(sides[1], "dt")] == ["yolo"] * 3
    wanted = bytes_of(pymetrics.evaluate(GT, DT))
    result = pymetrics.evaluate(*sides)
    assert bytes_of(result) == wanted
    assert [row["name"] for row in result.per_class] == layouts.NAMES
    assert result.outcomes.image_ids.tolist() == ["a", "b", "empty"]
    for path in (sides[0] / "data.yaml", str(sides[0] / "labels" / "val")):
        assert bytes_of(pymetrics.evaluate(path, str(sides[1]))) == wanted
    gt, dt = pymetrics.read(sides[0], "gt", format="yolo", split="val"), pymetrics.read(sides[1], "dt")
    assert bytes_of(pymetrics.evaluate(gt, dt)) == wanted
    accumulator = pymetrics.Accumulator()
    accumulator.update(*sides)
    assert bytes_of(accumulator.compute()) == wanted


def test_polygons(tmp_path: Path, backend: str) -> None:
    sides = layouts.yolo(tmp_path, layouts.yolo_polygon)
    results = [
        {**row, "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]]}
        for row in DT
        for x, y, w, h in [row["bbox"]]
    ]
    del results[0]["bbox"]  # the area is that of the masks
    assert bytes_of(pymetrics.evaluate(*sides, iou_type="segm")) == bytes_of(
        pymetrics.evaluate(GT, results, iou_type="segm")
    )
    assert bytes_of(pymetrics.evaluate(*sides)) == bytes_of(pymetrics.evaluate(GT, DT))


def test_either_side_may_be_coco(sides: tuple[Path, Path]) -> None:
    """Images by the names of files, categories by names, whatever their ids."""
    wanted = bytes_of(pymetrics.evaluate(GT, DT))
    gt = {
        "images": [
            {**image, "file_name": f"folder/{image['file_name']}", "id": image["id"] + 40} for image in GT["images"]
        ],
        "categories": [{**category, "id": category["id"] * 10 + 5} for category in GT["categories"]],
        "annotations": [
            {**row, "image_id": row["image_id"] + 40, "category_id": row["category_id"] * 10 + 5}
            for row in GT["annotations"]
        ],
    }
    dt = sides[1]
    (dt / "classes.txt").write_text("\n".join(layouts.NAMES))
    assert bytes_of(pymetrics.evaluate(gt, dt)) == wanted
    columns = pymetrics.Detections(
        image=[row[0] for row in layouts.FOUND],
        boxes=[row[2:6] for row in layouts.FOUND],
        box_format="xywh",
        scores=[row[6] for row in layouts.FOUND],
        labels=[layouts.NAMES[row[1]] for row in layouts.FOUND],
    )
    assert bytes_of(pymetrics.evaluate(sides[0], columns)) == wanted


def test_a_list_of_predictions_is_in_the_order_of_the_images(sides: tuple[Path, Path]) -> None:
    items = []
    for name in layouts.SIZES:
        rows = [row for row in layouts.FOUND if row[0] == name]
        boxes = np.array([[x, y, x + w, y + h] for _, _, x, y, w, h, _ in rows], float).reshape(-1, 4)
        scores, labels = np.array([row[6] for row in rows], float), np.array([row[1] for row in rows], int)
        items.append({"boxes": boxes, "scores": scores, "labels": labels})
    assert bytes_of(pymetrics.evaluate(sides[0], items)) == bytes_of(pymetrics.evaluate(GT, DT))


def test_numbers_as_ids_of_images(tmp_path: Path) -> None:
    """Ultralytics' predictions.json has the number 139 for 000000000139.jpg."""
    data, _ = layouts.yolo(tmp_path)
    for i, name in enumerate(layouts.SIZES, 138):
        (data / "images" / "val" / f"{name}.png").rename(data / "images" / "val" / f"{i:012d}.png")
        label = data / "labels" / "val" / f"{name}.txt"
        if label.exists():
            label.rename(label.with_name(f"{i:012d}.txt"))
    dt = [{**row, "image_id": row["image_id"] + 137} for row in DT]
    assert bytes_of(pymetrics.evaluate(data, dt)) == bytes_of(pymetrics.evaluate(GT, DT))


def test_sizes_that_are_not_in_images(tmp_path: Path) -> None:
    data, found = layouts.yolo(tmp_path)
    layouts.write_rows(tmp_path / "alone", [(row[0], layouts.yolo_row(*row)) for row in layouts.OBJECTS])
    with pytest.raises(ValueError, match="normalized boxes need image_sizes, which has no"):
        pymetrics.evaluate(tmp_path / "alone", found)
    wanted = bytes_of(pymetrics.evaluate({**GT, "images": GT["images"][:2]}, DT))
    (tmp_path / "sizes.csv").write_text(
        "image,width,height\n" + "".join(f"{n}.png,{w},{h}\n" for n, (h, w) in layouts.SIZES.items())
    )
    (tmp_path / "sizes.json").write_text('{"a.png": [256, 512], "b": [128, 128]}')
    (tmp_path / "coco.json").write_text(json.dumps({"images": GT["images"]}))
    for path in (tmp_path / "sizes.csv", tmp_path / "sizes.json", tmp_path / "coco.json", data / "images" / "val"):
        assert bytes_of(pymetrics.evaluate(tmp_path / "alone", found, image_sizes=read_sizes(path))) == wanted


NAMES_OF_YAML = (
    "names: [person, 'car', \"dog\"]",
    "names:\n- person\n- car\n- dog # a dog",
    "nc: 3\nnames: {0: person, 1: car, 2: dog}",
    "names:\n  0: person\n  1: 'car'\n  2: dog",
    "names: [person,\n  car,\n  dog]",
)


@pytest.mark.parametrize("names", NAMES_OF_YAML)
def test_forms_of_names(sides: tuple[Path, Path], names: str) -> None:
    (sides[0] / "data.yaml").write_text(
        f"train: ../train/images\nval: images/val\n{names}\ndownload: |\n  a: b\n  [c\n"
    )
    assert [row["name"] for row in pymetrics.evaluate(*sides).per_class] == layouts.NAMES


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("0 0.5 0.5 0.1", "must have 4 numbers, or the points of a polygon, behind the class, got 3"),
        ("0 0.5 0.5 0.1 x", "must hold numbers, got 'x'"),
        ("0 0.5 0.5 0.1 nan", "box must be finite, got"),
        ("-1 0.5 0.5 0.1 0.1", "the class must be a whole number from 0 on, got '-1'"),
        ("1.5 0.5 0.5 0.1 0.1", "the class must be a whole number from 0 on, got '1.5'"),
        ("inf 0.5 0.5 0.1 0.1", "the class must be a whole number from 0 on, got 'inf'"),
        ("3 0.5 0.5 0.1 0.1", "the class is 3, which is not among the 3 names"),
        ("0 0.5 0.5 0.1 0.1 0.9", "has 5 numbers behind the class; is the last one a confidence"),
        ("0 0.1 0.1 0.2 0.2 0.3 0.3 0.4", "must have 4 numbers, or the points of a polygon, behind the class, got 7"),
    ],
)
def test_rows_of_ground_truth_that_are_wrong(sides: tuple[Path, Path], row: str, words: str) -> None:
    file = sides[0] / "labels" / "val" / "a.txt"
    file.write_text(f"{layouts.yolo_row(*layouts.OBJECTS[0])}\n\n{row}\n")
    with pytest.raises(ValueError, match=f"^gt: {re.escape(repr(str(file)))}, line 3: {re.escape(words)}"):
        pymetrics.evaluate(*sides)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("0 0.5 0.5 0.1 0.1", "has no confidence, which detections have at the end of each row"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2", "has no confidence"),
        ("0 0.5 0.5 0.1 0.1 nan", "score must be finite, got nan"),
        ("0", "must have 4 numbers, or the points of a polygon, behind the class and a confidence, got 0"),
    ],
)
def test_rows_of_detections_that_are_wrong(sides: tuple[Path, Path], row: str, words: str) -> None:
    file = sides[1] / "a.txt"
    file.write_text(f"{row}\n")
    with pytest.raises(ValueError, match=f"^dt: {re.escape(repr(str(file)))}, line 1: {re.escape(words)}"):
        pymetrics.evaluate(*sides)


def test_what_else_is_wrong(sides: tuple[Path, Path], tmp_path: Path) -> None:
    data, found = sides
    with pytest.raises(ValueError, match="do not change boxes of gt, which is a YOLO data set"):
        pymetrics.evaluate(data, found, box_format="xyxy")
    with pytest.raises(ValueError, match="not read for iou_type 'keypoints'"):
        pymetrics.evaluate(data, found, iou_type="keypoints")
    with pytest.raises(ValueError, match="line 1: mask: has a box alone"):
        pymetrics.evaluate(data, found, iou_type="segm")
    with pytest.raises(ValueError, match="has no 'test'; it has train, val"):
        pymetrics.read(data, "gt", split="test")
    with pytest.raises(ValueError, match="names 'images/train' for 'train', which is not there"):
        pymetrics.read(data, "gt", split="train")
    with pytest.raises(ValueError, match=r"format must be one of coco, yolo, .*got 'darknet'"):
        pymetrics.read(data, "gt", format="darknet")
    with pytest.raises(ValueError, match="format='yolo' is of paths, got dict"):
        pymetrics.read(GT, "gt", format="yolo")
    layouts.write_rows(found, [("c", "0 0.5 0.5 0.1 0.1 0.5")])
    with pytest.raises(ValueError, match=r"c.txt', line 1: image is 'c', which is not an image of gt"):
        pymetrics.evaluate(data, found)
    with pytest.raises(ValueError, match=r"c.txt', line 1: image is 'c', which is the file_name of no image of gt"):
        pymetrics.evaluate(GT, found)
    layouts.write_rows(data / "labels" / "val", [("c", "0 0.5 0.5 0.1 0.1")])
    with pytest.raises(ValueError, match=r"c.txt': there is no image of its name"):
        pymetrics.evaluate(data, found)
    (data / "images" / "val" / "c.png").write_bytes(b"\x89PNG")
    with pytest.raises(ValueError, match=r"^gt: '.*c.png' holds no image whose size can be read"):
        pymetrics.evaluate(data, found)
    (data / "data.yaml").write_text("names: [a, b\nval: images/val")
    with pytest.raises(ValueError, match=r"^gt: '.*data.yaml', line 1: names must end in ']'"):
        pymetrics.evaluate(data, found)
    (data / "data.yaml").write_text("names: [a, b]\nnc: 3\nval: images/val")
    with pytest.raises(ValueError, match=r"^gt: '.*data.yaml': names holds 2 names, but nc is 3"):
        pymetrics.evaluate(data, found)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(IsADirectoryError, match=r"^gt: '.*nothing' is a folder, not a JSON file, and holds nothing"):
        pymetrics.evaluate(tmp_path / "nothing", found)
