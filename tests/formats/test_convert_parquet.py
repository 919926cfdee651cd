"""convert to Parquet and back: the bits of the JSON, and a warning that names what a schema does not hold."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from helpers import layouts
from helpers.absent import need_module

import pymetrics
from pymetrics import convert, demo
from pymetrics.formats import detect

pa = need_module("pyarrow")
pq = need_module("pyarrow.parquet")
SCHEMAS = ("parquet", "parquet-nested")


def without_warning(*arguments, **keywords):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return convert(*arguments, **keywords)


def quiet(*arguments, **keywords):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return convert(*arguments, **keywords)


def same(result, other):
    """All numbers, category by category that has objects."""
    kept = [
        [
            (row["id"], row["name"] or row["id"], np.asarray(found.precision)[:, :, k].tobytes())
            for k, row in enumerate(found.per_class)
            if row["n_gt"] or row["n_dt"]
        ]
        for found in (result, other)
    ]
    return kept[0] == kept[1] and result.stats.tobytes() == other.stats.tobytes()


@pytest.mark.parametrize("schema", SCHEMAS)
def test_there_and_back(schema, tmp_path):
    """The demo has crowds and images without objects."""
    gt, dts = demo.generate()
    dt = dts["sharp"]
    paths = [tmp_path / name for name in ("gt.parquet", "dt.parquet", "gt.json", "dt.json")]
    made = quiet(gt, paths[0], schema)
    objects = {annotation["image_id"] for annotation in gt["annotations"]}
    n_empty = sum(image["id"] not in objects for image in gt["images"])
    assert n_empty > 0
    assert list(made.lost) == (["images"] if schema == "parquet" else [])
    assert made.n_objects == len(gt["annotations"])
    assert without_warning(dt, paths[1], schema, gt=gt).lost == {}
    images = [image["id"] for image in gt["images"]]
    wanted = pymetrics.evaluate(gt, dt)
    assert same(pymetrics.evaluate(*paths[:2], images=images), wanted)
    without_warning(paths[0], paths[2], "coco")
    without_warning(paths[1], paths[3], "coco", gt=gt)
    back, rows = (json.loads(path.read_text()) for path in paths[2:])
    place = {image["id"]: i for i, image in enumerate(gt["images"])}

    def in_order(objects):  # a nested table has them image by image
        return sorted(objects, key=lambda row: place[row["image_id"]]) if schema == "parquet-nested" else objects

    if schema == "parquet-nested":
        assert same(pymetrics.evaluate(back, rows), wanted)
    assert rows == [{key: row[key] for key in ("image_id", "category_id", "bbox", "score")} for row in in_order(dt)]
    keys = ("image_id", "category_id", "bbox", "iscrowd", "area")
    ours = in_order(gt["annotations"])
    assert [[row[key] for key in keys] for row in back["annotations"]] == [[row[key] for key in keys] for row in ours]
    names = {category["id"]: category["name"] for category in gt["categories"]}
    assert {category["id"]: category["name"] for category in back["categories"]} == names
    known = {image["id"]: (image["file_name"], image["height"], image["width"]) for image in gt["images"]}
    found = {image["id"]: (image["file_name"], image["height"], image["width"]) for image in back["images"]}
    assert found == {id: known[id] for id in known if schema != "parquet" or id in objects}


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
@pytest.mark.parametrize(
    ("gt", "dt"),
    [
        ("coco_yolact100/gt.json", "coco_yolact100/dt_yolact_im700.json"),
        (
            "coco_val2014_100/instances_val2014_100.json",
            "coco_val2014_100/instances_val2014_fakesegm100_results.json",
        ),
    ],
)
def test_real_data(gt, dt, schema, iou_type, data, tmp_path):
    gt, dt = data(gt), data(dt)
    if iou_type == "segm" and "yolact" in gt.parent.name:
        with pytest.raises(ValueError, match=r"gt: the object 0 \(from 0\) has no mask"):
            convert(gt, tmp_path / "a.parquet", schema, iou_type="segm")
        assert list(tmp_path.iterdir()) == []
        return
    rows = json.loads(dt.read_text())
    if "bbox" not in rows[0]:  # results of masks alone: boxes are those around them
        loaded = pymetrics.coco.COCO(str(gt)).loadRes(str(dt))
        dt = tmp_path / "with_boxes.json"
        dt.write_text(
            json.dumps(
                [row for row in loaded.dataset["annotations"] if row.pop("id")], default=lambda value: value.tolist()
            )
        )
    paths = [tmp_path / name for name in ("gt.parquet", "dt.parquet", "gt.json", "dt.json")]
    quiet(gt, paths[0], schema, iou_type=iou_type)
    quiet(dt, paths[1], schema, gt=gt, iou_type=iou_type)
    wanted = pymetrics.evaluate(gt, dt, iou_type=iou_type)
    found = pymetrics.evaluate(*paths[:2], iou_type=iou_type)
    assert found.stats.tobytes() == wanted.stats.tobytes()
    without_warning(paths[0], paths[2], "coco")
    without_warning(paths[1], paths[3], "coco", gt=paths[2])
    again = pymetrics.evaluate(*paths[2:], iou_type=iou_type)
    assert again.stats.tobytes() == wanted.stats.tobytes()


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("format", ["yolo", "voc", "cvat"])
def test_other_formats(format, schema, tmp_path):
    """Ids that are names stay names."""
    gt, dt = layouts.coco()
    for annotation in gt["annotations"]:
        annotation["iscrowd"] = 0
    end = "" if format != "cvat" else ".xml"
    first = [tmp_path / f"{side}{end}" for side in ("gt", "dt")]
    quiet(gt, first[0], format)
    quiet(dt, first[1], format, gt=gt)
    tables = [tmp_path / f"{side}.parquet" for side in ("gt", "dt")]
    quiet(first[0], tables[0], schema)
    quiet(first[1], tables[1], schema, gt=first[0])
    wanted = pymetrics.evaluate(*first)
    assert same(pymetrics.evaluate(*tables), wanted)
    last = [tmp_path / f"{side}_again{end}" for side in ("gt", "dt")]
    quiet(tables[0], last[0], format)
    quiet(tables[1], last[1], format, gt=tables[0])
    assert same(pymetrics.evaluate(*last), wanted)


def test_from_one_schema_to_the_other(tmp_path):
    gt, dt = layouts.coco()
    quiet(gt, tmp_path / "nested.parquet", "parquet-nested")
    quiet(tmp_path / "nested.parquet", tmp_path / "flat.parquet", "parquet")
    assert pq.read_schema(tmp_path / "flat.parquet").field("category_id").type == pa.int64()
    assert pq.read_schema(tmp_path / "nested.parquet").field("category_id").type == pa.list_(pa.int64())
    found = [pymetrics.evaluate(tmp_path / f"{name}.parquet", dt).stats.tobytes() for name in ("nested", "flat")]
    assert found == [pymetrics.evaluate(gt, dt).stats.tobytes()] * 2


def test_columns_of_others(tmp_path):
    """Tables that convert did not write: other names of columns, no names of files or categories."""
    gt, _ = layouts.coco()
    rows = [{**row, "file": row["image_id"]} for row in gt["annotations"]]
    objects = [{"bbox": row["bbox"], "category": row["category_id"]} for row in rows]
    table = pa.table({
        "image_id": [row["image_id"] for row in rows[:1]], "objects": [objects[:1]], "width": [640], "height": [480],
    })  # fmt: skip
    pq.write_table(table, tmp_path / "a.parquet")
    without_warning(tmp_path / "a.parquet", tmp_path / "a.json", "coco")
    found = json.loads((tmp_path / "a.json").read_text())
    id = rows[0]["image_id"]
    assert found["images"] == [{"id": id, "file_name": str(id), "height": 480, "width": 640}]
    assert found["categories"] == [{"id": rows[0]["category_id"], "name": str(rows[0]["category_id"])}]
    assert found["annotations"][0]["bbox"] == rows[0]["bbox"]
    assert detect(tmp_path / "a.parquet") == "parquet"
    assert len(pymetrics.read(tmp_path / "a.parquet", "gt", format="parquet")) == 1


def test_errors(tmp_path):
    gt, _ = layouts.coco()
    pq.write_table(pa.table({"image_id": [1], "category_id": [1]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"gt: '.*a\.parquet' has no column 'bbox'"):
        convert(tmp_path / "a.parquet", tmp_path / "a.json", "coco")
    two = {"image_id": [1, 2], "category_id": [1, 1], "bbox": [[0.0, 0, 1, 1]] * 2, "file_name": ["a.jpg"] * 2}
    pq.write_table(pa.table(two), tmp_path / "b.parquet")
    with pytest.raises(ValueError, match="gt: the images 1 and 2 are both named 'a'"):
        convert(tmp_path / "b.parquet", tmp_path / "b.json", "coco")
    mixed = {**gt, "images": [{**image, "id": str(image["id"]) if i else image["id"]}
                              for i, image in enumerate(gt["images"])], "annotations": []}  # fmt: skip
    with pytest.raises(ValueError, match="image ids must be all integers or all strings"):
        convert(mixed, tmp_path / "c.parquet", "parquet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.parquet", "b.parquet"]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_masks_without_boxes(data, tmp_path, schema):
    """As pycocotools writes and reads them: loadRes makes the box of a mask."""
    gt = json.loads(data("coco_val2014_100/instances_val2014_100.json").read_text())
    rows = json.loads(data("coco_val2014_100/instances_val2014_fakesegm100_results.json").read_text())
    assert not any("bbox" in row for row in rows)
    target = tmp_path / "dt.parquet"
    quiet(rows, target, schema, gt=gt, iou_type="segm")
    want = (
        pymetrics.COCO(data("coco_val2014_100/instances_val2014_100.json"))
        .loadRes([dict(row) for row in rows])
        .dataset["annotations"]
    )
    found = pq.read_table(target)
    boxes = sorted(map(tuple, (row["bbox"] for row in want)))
    values = found["bbox"].combine_chunks()
    values = values.flatten() if schema == "parquet" else values.flatten().flatten()
    assert sorted(map(tuple, values.to_numpy().reshape(-1, 4).tolist())) == boxes
    other = pymetrics.evaluate(gt, pymetrics.read(target, "dt", "segm"), "segm")
    assert same(other, pymetrics.evaluate(gt, rows, "segm"))
    damaged = [rows[0] | {"segmentation": {"size": [9, 9], "counts": "~"}}]
    with pytest.raises(ValueError, match=r"dt\[0\]\['segmentation'\]"):
        quiet(damaged, tmp_path / "x.parquet", schema, gt=gt, iou_type="segm")
    with pytest.raises(ValueError, match=r"dt\[0\]\['bbox'\] must hold 4 finite numbers, got \[\]"):
        quiet([rows[0] | {"bbox": []}], tmp_path / "x.parquet", schema, gt=gt, iou_type="segm")
