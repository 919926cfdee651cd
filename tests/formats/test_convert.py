"""convert: there and back gives equal numbers, or a warning that names what is lost."""

from __future__ import annotations

import copy
import json
import os
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from helpers import layouts

import pymetrics
from pymetrics import convert, demo
from pymetrics.formats import writers

SMALL_GT, SMALL_DT = layouts.coco()
TARGETS = {"yolo": "folder", "voc": "folder", "cvat": "a.xml", "openimages": "a.csv"}
NAMED = ("voc", "cvat", "openimages")  # categories are in the order of their names there


def without_crowds():
    gt, dts = demo.generate()
    for annotation in gt["annotations"]:
        annotation["iscrowd"] = 0
    images = {annotation["image_id"] for annotation in gt["annotations"]}
    gt["images"] = [image for image in gt["images"] if image["id"] in images]  # CSV lists no others
    return gt, [row for row in dts["sharp"] if row["image_id"] in images]


def numbers(result):
    """Precision and recall, with the categories in the order of their names; scores and matches decide them."""
    order = np.argsort([row["name"] for row in result.per_class])
    precision, recall = np.asarray(result.precision), np.asarray(result.recall)
    return precision[:, :, order].tobytes(), recall[:, order].tobytes()


def quiet(*arguments, **keywords):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return convert(*arguments, **keywords)


@pytest.mark.parametrize("format", TARGETS)
def test_there_and_back(format, tmp_path):
    gt, dt = without_crowds()
    wanted = pymetrics.evaluate(gt, dt)
    there = [tmp_path / side / TARGETS[format] for side in ("gt", "dt")]
    made = [quiet(gt, there[0], format), quiet(dt, there[1], format, gt=gt)]
    assert [(each.side, each.n_objects, each.n_images) for each in made] == [
        ("gt", len(gt["annotations"]), len(gt["images"])),
        ("dt", len(dt), len(gt["images"])),
    ]
    assert [sorted(each.lost) for each in made] == [["sizes"] if format == "openimages" else [], []]
    sizes = {image["file_name"][:-4]: (image["height"], image["width"]) for image in gt["images"]}
    found = pymetrics.evaluate(*there, image_sizes=sizes if format == "openimages" else None)
    assert numbers(found) == numbers(wanted)
    assert np.abs(found.stats - wanted.stats).max() < 1e-15
    back = [tmp_path / "gt.json", tmp_path / "dt.json"]
    made = [
        convert(there[0], back[0], "coco", image_sizes=sizes),
        convert(there[1], back[1], "coco", gt=there[0], image_sizes=sizes),
    ]
    assert [each.lost for each in made] == [{}, {}]
    again = pymetrics.evaluate(*back)
    assert again.stats.tobytes() == found.stats.tobytes()
    assert numbers(again) == numbers(wanted)
    boxes = sorted(tuple(row["bbox"]) for row in json.loads(back[0].read_text())["annotations"])
    assert boxes == sorted(tuple(row["bbox"]) for row in gt["annotations"])
    names = {image["file_name"] for image in json.loads(back[0].read_text())["images"]}
    assert names == {image["file_name"] for image in gt["images"]} or format == "openimages"


@pytest.mark.parametrize("format", TARGETS)
@pytest.mark.parametrize("source", ["yolo", "voc", "cvat", "openimages"])
def test_from_every_format_to_every_other(source, format, tmp_path):
    """Sides of images are powers of two, so that parts of images are exact."""
    makers = {"yolo": layouts.yolo, "voc": layouts.voc, "cvat": layouts.cvat, "openimages": layouts.openimages}
    gt, dt = makers[source](tmp_path)
    if source == "yolo":
        (dt / "classes.txt").write_text("\n".join(layouts.NAMES))
    if source == format:
        with pytest.raises(ValueError, match="already: nothing is converted"):
            convert(gt, tmp_path / "out", format)
        return
    sizes = layouts.SIZES if "openimages" in (source, format) else None
    there = [tmp_path / "out" / side / TARGETS[format] for side in ("gt", "dt")]
    made = [quiet(gt, there[0], format, image_sizes=sizes), quiet(dt, there[1], format, gt=gt, image_sizes=sizes)]
    assert set(made[0].lost) <= ({"images", "sizes"} if format == "openimages" else set())
    assert made[1].lost == {}
    found = pymetrics.evaluate(*there, image_sizes=layouts.SIZES if format == "openimages" else None)
    assert numbers(found) == numbers(pymetrics.evaluate(SMALL_GT, SMALL_DT))


@pytest.mark.parametrize("format", ["yolo", "cvat"])
def test_polygons(format, tmp_path):
    gt = copy.deepcopy(SMALL_GT)
    for annotation in gt["annotations"]:
        del annotation["area"]  # the masks' own
    results = [dict(row, segmentation=layouts.polygon(*row["bbox"])) for row in SMALL_DT]
    del results[0]["bbox"]
    wanted = pymetrics.evaluate(gt, results, iou_type="segm")
    results[0]["bbox"] = SMALL_DT[0]["bbox"]
    there = [tmp_path / side / TARGETS[format] for side in ("gt", "dt")]
    assert convert(gt, there[0], format, iou_type="segm").lost == {}
    assert convert(results, there[1], format, iou_type="segm", gt=gt).lost == {}
    found = pymetrics.evaluate(*there, iou_type="segm")
    assert numbers(found) == numbers(wanted)
    convert(there[0], tmp_path / "gt.json", "coco", iou_type="segm")
    convert(there[1], tmp_path / "dt.json", "coco", gt=tmp_path / "gt.json", iou_type="segm")
    rows = json.loads((tmp_path / "dt.json").read_text())
    del rows[0]["bbox"]
    assert numbers(pymetrics.evaluate(tmp_path / "gt.json", rows, iou_type="segm")) == numbers(wanted)


def test_polygons_of_images_of_odd_sizes(tmp_path):
    """Their points are no floats in parts of the image, and come back to the last bit."""
    rng = np.random.default_rng(8)
    gt = {"images": [], "annotations": [], "categories": [{"id": 3, "name": "a"}, {"id": 7, "name": "b"}]}
    for i in range(1, 21):
        height, width = (int(side) for side in rng.integers(50, 700, 2))
        gt["images"].append({"id": i, "file_name": f"{i:03d}.jpg", "height": height, "width": width})
        for _ in range(5):
            points = rng.random((int(rng.integers(3, 9)), 2)) * (width, height)
            points[: int(rng.integers(0, 2))] = 0
            polygon = points.round(int(rng.integers(0, 3))).ravel().tolist()
            x, y = polygon[::2], polygon[1::2]
            box = [min(x), min(y), max(x) - min(x), max(y) - min(y)]
            row = {"id": len(gt["annotations"]) + 1, "image_id": i, "category_id": int(rng.choice([3, 7]))}
            gt["annotations"].append(row | {"bbox": box, "segmentation": [polygon], "iscrowd": 0})
    dt = [dict(row, segmentation=[[value + 1.25 for value in row["segmentation"][0]]]) for row in gt["annotations"]]
    dt = [{key: row[key] for key in ("image_id", "category_id", "bbox", "segmentation")} for row in dt]
    for row, score in zip(dt, rng.random(len(dt)).round(2).tolist(), strict=True):
        row["score"] = score
    there = [tmp_path / "gt", tmp_path / "dt"]
    assert convert(gt, there[0], "yolo", iou_type="segm").lost == {}
    assert convert(dt, there[1], "yolo", iou_type="segm", gt=gt).lost == {}
    convert(there[0], tmp_path / "gt.json", "coco", iou_type="segm")
    convert(there[1], tmp_path / "dt.json", "coco", iou_type="segm", gt=gt)
    back = json.loads((tmp_path / "gt.json").read_text())["annotations"]
    assert [row["segmentation"] for row in back] == [row["segmentation"] for row in gt["annotations"]]
    no_boxes = [{key: value for key, value in row.items() if key != "bbox"} for row in dt]
    wanted = pymetrics.evaluate(gt, no_boxes, iou_type="segm")
    assert pymetrics.evaluate(*there, iou_type="segm").stats.tobytes() == wanted.stats.tobytes()
    assert 0.1 < wanted["map"] < 1
    found = json.loads((tmp_path / "dt.json").read_text())
    assert [row["segmentation"] for row in found] == [row["segmentation"] for row in dt]


def lossy():
    """One of everything that formats do not hold."""
    gt = copy.deepcopy(SMALL_GT)
    rows = gt["annotations"]
    rows[0].update(iscrowd=1, segmentation={"size": [256, 512], "counts": [0, 256 * 512]})
    rows[1].update(area=77.5, keypoints=[1, 2, 2] * 17)
    rows[1]["segmentation"] += [[1, 1, 5, 1, 5, 5]]
    rows[2]["ignore"] = 1
    rows += [dict(rows[3], id=0), dict(rows[3], id=4), dict(rows[3], id=9, image_id=77)]
    gt["images"][0]["file_name"], gt["images"][1]["file_name"] = "b.png", "a.png"
    return gt


def test_the_warning_names_what_is_lost(tmp_path):
    words = {
        "yolo": ["1 crowds", "1 objects to ignore", "1 areas", "keypoints of 1 objects", "6 masks"],
        "voc": ["1 crowds", "1 areas", "keypoints of 1 objects", "6 masks", "whether 1 objects with `ignore` count"],
        "cvat": ["keypoints of 1 objects", "6 masks", "whether 1 objects with `ignore` count"],
        "openimages": ["1 crowds", "1 objects to ignore", "1 images without objects", "the sizes of 2 images"],
    }
    for format, expected in words.items():
        with pytest.warns(UserWarning, match="does not hold") as caught:
            made = convert(lossy(), tmp_path / format, format)
        assert len(caught) == 1
        message = str(caught[0].message)
        assert caught[0].filename == __file__
        shared = ["1 annotations of images or categories that are not listed", "2 annotation ids", "the order of"]
        for part in [*expected, *shared]:
            assert part in message, (format, part, message)
        assert all(text in message for text in made.lost.values())
        assert ("--iou-type segm" in message) == (format in ("yolo", "cvat"))
    with pytest.warns(UserWarning, match="2 masks of several polygons or of runs"):
        convert(lossy(), tmp_path / "polygons", "yolo", iou_type="segm")


def test_what_is_lost_is_all_that_is_lost(tmp_path):
    """Where each kind of loss is put right by hand, the numbers are equal again."""
    gt = lossy()
    quiet(gt, tmp_path / "voc", "voc")
    fair = copy.deepcopy(gt)
    fair["images"] = [dict(image, id={1: 2, 2: 1, 3: 3}[image["id"]]) for image in fair["images"]]
    rows = fair["annotations"] = [row for row in fair["annotations"] if row["image_id"] != 77]
    for i, row in enumerate(rows, 1):
        row.update(id=i, image_id={1: 2, 2: 1, 3: 3}[row["image_id"]], area=row["bbox"][2] * row["bbox"][3])
        row.update(ignore=int(row["iscrowd"] or row.get("ignore", 0)), iscrowd=0)
    dt = [dict(row, image_id={1: 2, 2: 1, 3: 3}[row["image_id"]]) for row in SMALL_DT]
    wanted = pymetrics.evaluate(fair, dt, use_ignore=True)
    quiet(SMALL_DT, tmp_path / "found", "voc", gt=gt)
    assert numbers(pymetrics.evaluate(tmp_path / "voc", tmp_path / "found")) == numbers(wanted)


def test_masks_of_png_files(tmp_path, need):
    image = need("PIL.Image")
    pixels = np.zeros((20, 30), np.uint8)
    pixels[2:9, 3:12], pixels[10:20, 0:5] = 1, 2
    for folder in ("PNGImages", "PedMasks"):
        (tmp_path / "ped" / folder).mkdir(parents=True)
    image.fromarray(pixels).save(tmp_path / "ped" / "PedMasks" / "a_mask.png")
    image.fromarray(pixels).save(tmp_path / "ped" / "PNGImages" / "a.png")
    with pytest.warns(UserWarning, match="does not hold the boxes' own areas of 2 objects with masks"):
        convert(tmp_path / "ped", tmp_path / "boxes.json", "coco")
    assert convert(tmp_path / "ped", tmp_path / "gt.json", "coco", iou_type="segm").lost == {}
    content = json.loads((tmp_path / "gt.json").read_text())
    assert [row["area"] for row in content["annotations"]] == [63, 50]
    assert [row["bbox"] for row in content["annotations"]] == [[3, 2, 9, 7], [0, 10, 5, 10]]
    dt = [{"masks": pixels[None] == 1, "scores": [0.9], "labels": [1], "image_id": 1}]
    by_files = pymetrics.evaluate(tmp_path / "gt.json", dt, iou_type="segm")
    by_folder = pymetrics.evaluate(tmp_path / "ped", [dict(dt[0], image_id="a")], iou_type="segm")
    assert by_files.stats.tobytes() == by_folder.stats.tobytes()


REAL = {
    "coco_yolact100/gt.json": "coco_yolact100/dt_yolact_base.json",
    "coco_val2014_100/instances_val2014_100.json": "coco_val2014_100/instances_val2014_fakebbox100_results.json",
}


@pytest.mark.parametrize("name", REAL)
def test_real_data(name, data, tmp_path):
    gt, dt = json.loads(data(name).read_text()), data(REAL[name])
    for row in gt["annotations"]:
        row["iscrowd"] = 0
    fair = copy.deepcopy(gt)
    for row in fair["annotations"]:
        row["area"] = row["bbox"][2] * row["bbox"][3]
    by_areas, by_boxes = pymetrics.evaluate(gt, dt), pymetrics.evaluate(fair, dt)
    for format, target in TARGETS.items():
        there = [tmp_path / format / side / target for side in ("gt", "dt")]
        made = quiet(gt, there[0], format), quiet(dt, there[1], format, gt=gt)
        assert made[0].n_objects == len(gt["annotations"])
        assert ("areas" in made[0].lost) == (format != "cvat" and "2014" in name)
        assert not {"rounding", "crowd", "ignore"} & {*made[0].lost, *made[1].lost}
        sizes = {Path(row["file_name"]).stem: (row["height"], row["width"]) for row in gt["images"]}
        found = pymetrics.evaluate(*there, image_sizes=sizes if format == "openimages" else None)
        wanted = by_areas if format == "cvat" else by_boxes
        parts = []
        for result in (wanted, found):
            place_of = {row["name"]: k for k, row in enumerate(result.per_class) if row["n_gt"]}
            parts.append(result.precision[:, :, [place_of[name] for name in sorted(place_of)]].tobytes())
        assert parts[0] == parts[1], format
        assert np.abs(found.stats - wanted.stats).max() < 1e-15, format


def test_a_target_that_is_there(tmp_path):
    (tmp_path / "empty").mkdir()
    quiet(SMALL_GT, tmp_path / "empty", "voc")
    before = sorted(tmp_path.rglob("*"))
    for _ in range(2):
        with pytest.raises(FileExistsError, match=r"target '.*empty' is there: say overwrite=True"):
            convert(SMALL_GT, tmp_path / "empty", "voc")
    assert sorted(tmp_path.rglob("*")) == before
    (tmp_path / "empty" / "Annotations" / "other.xml").write_text("<annotation/>")
    quiet(SMALL_GT, tmp_path / "empty", "voc", overwrite=True)
    assert sorted(tmp_path.rglob("*")) == before
    (tmp_path / "gt.json").write_text("old")
    with pytest.raises(FileExistsError):
        convert(tmp_path / "empty", tmp_path / "gt.json", "coco")
    convert(tmp_path / "empty", tmp_path / "gt.json", "coco", overwrite=True)
    assert (tmp_path / "gt.json").read_text() != "old"
    with pytest.raises(IsADirectoryError, match="is a folder; coco is written to a file"):
        convert(tmp_path / "empty", tmp_path / "empty", "coco", overwrite=True)
    with pytest.raises(NotADirectoryError, match="is a file; voc is written to a folder"):
        convert(SMALL_GT, tmp_path / "gt.json", "voc", overwrite=True)
    with pytest.raises(ValueError, match=r"target '.*empty' holds '.*', which it would overwrite"):
        convert(tmp_path / "empty" / "Annotations", tmp_path / "empty", "yolo", overwrite=True)


def test_nothing_is_half_written(tmp_path, monkeypatch):
    def fails(rows, target, side, iou_type):
        (target / "labels").mkdir(parents=True)
        raise OSError("no space is left")

    monkeypatch.setitem(writers.WRITERS, "yolo", fails)
    with pytest.raises(OSError, match="no space is left"):
        convert(SMALL_GT, tmp_path / "out", "yolo")
    assert os.listdir(tmp_path) == []

    def writes_less(rows, target, side, iou_type):
        (target / "Annotations").mkdir(parents=True)
        (target / "Annotations" / "a.xml").write_text("<annotation/>")

    monkeypatch.setitem(writers.WRITERS, "voc", writes_less)
    with pytest.raises(ValueError, match="did not come back"):
        convert(SMALL_GT, tmp_path / "out", "voc")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "format", "words"),
    [
        (
            lambda gt: gt["categories"].append({"id": 9, "name": "dog"}),
            "voc",
            "two categories are named 'dog' (2",
        ),
        (
            lambda gt: gt["images"][0].update(file_name="../a.png"),
            "yolo",
            "has a name that no file in a folder can have",
        ),
        (lambda gt: gt["images"][0].update(file_name="b.jpg"), "yolo", "two images are named 'b'"),
        (lambda gt: gt["images"][0].pop("height"), "yolo", "the sizes of 1 images are not known (such as 'a')"),
        (lambda gt: gt["images"][0].pop("id"), "cvat", "gt['images'][0] has no 'id'"),
        (lambda gt: gt["annotations"][1].update(bbox=[1, 2, 3]), "cvat", "gt['annotations'][1]['bbox'] must hold 4"),
        (lambda gt: gt["annotations"][1].update(bbox=[1, 2, 3, float("nan")]), "cvat", "must hold 4 finite numbers"),
        (lambda gt: gt["annotations"][1].update(area="big"), "cvat", "['area'] must be a finite number, got 'big'"),
        (lambda gt: gt["categories"][0].update(name="a\x01"), "voc", "what was written cannot be read back"),
        (lambda gt: gt.pop("categories"), "voc", "gt has no 'categories'"),
    ],
)
def test_what_cannot_be_written(change, format, words, tmp_path):
    gt = copy.deepcopy(SMALL_GT)
    change(gt)
    with pytest.raises(ValueError, match=re.escape(words)):
        convert(gt, tmp_path / "out", format)
    assert os.listdir(tmp_path) == []


def test_bad_arguments(tmp_path):
    gt, dt = layouts.yolo(tmp_path)
    out = tmp_path / "out"
    for words, arguments, keywords in (
        (
            "format must be one of coco, yolo, voc, cvat, openimages, parquet, parquet-nested; got 'pennfudan'",
            (SMALL_GT, out, "pennfudan"),
            {},
        ),
        ("iou_type must be one of bbox, segm; got 'obb'", (SMALL_GT, out, "yolo"), {"iou_type": "obb"}),
        ("side must be 'gt' or 'dt', got 'x'", (SMALL_GT, out, "yolo"), {"side": "x"}),
        ("gt is for detections, and source is ground truth", (SMALL_GT, out, "yolo"), {"gt": SMALL_GT}),
        ("source holds results, which say ids alone: say gt", (SMALL_DT, out, "yolo"), {}),
        ("source_format must be one of coco, yolo", (gt, out, "coco"), {"source_format": "x"}),
        ("which is not an image of gt", ([dict(SMALL_DT[0], image_id=9)], out, "yolo"), {"gt": SMALL_GT}),
        ("whose size is not known", (dt, out, "coco"), {}),
        ("image_sizes must be (height, width), a dict or a path", (dt, out, "coco"), {"image_sizes": 5}),
        ("image_sizes['a'] must be (height, width)", (dt, out, "coco"), {"image_sizes": {"a": 5}}),
        ("the category is 'person', which gt does not have", (dt, out, "coco"), {"gt": dict(SMALL_GT, categories=[])}),
    ):
        if "category" in words:
            (dt / "classes.txt").write_text("\n".join(layouts.NAMES))
        with pytest.raises(ValueError, match=re.escape(words)):
            convert(*arguments, **keywords)
    with pytest.raises(TypeError, match="source must be a path, a COCO dict or a list of results, got int"):
        convert(5, out, "coco")
    with pytest.raises(FileNotFoundError, match="source: no such file"):
        convert(tmp_path / "absent", out, "coco")
    assert not out.exists()
    made = convert(dt, out, "coco", image_sizes=layouts.SIZES)
    assert {row["image_id"] for row in json.loads(out.read_text())} == {"a", "b"}
    assert repr(made).endswith("out': 5 detections, 2 images, lost: nothing>")
