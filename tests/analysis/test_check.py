"""check: each fault that is planted is found, with its count, and nothing else is."""

from __future__ import annotations

import copy
import json

import pytest
from helpers import layouts

import pymetrics
from pymetrics import check, demo


@pytest.fixture(scope="module")
def clean():
    """Ground truth without a fault, with masks, and detections."""
    gt, dts = demo.generate()
    for row in gt["annotations"]:
        row["segmentation"] = layouts.polygon(*row["bbox"])
        if row["iscrowd"]:
            row["segmentation"] = {
                "size": [480, 640],
                "counts": pymetrics.mask.frPyObjects(row["segmentation"], 480, 640)[0]["counts"].decode(),
            }
    used = {row["image_id"] for row in gt["annotations"]}
    gt["images"] = [image for image in gt["images"] if image["id"] in used]
    return gt, [row for row in dts["sharp"] if row["image_id"] in used]


def kinds(findings):
    return {each.kind: each.count for each in findings}


def test_nothing_is_wrong(clean):
    assert check(clean[0]) == []
    assert str(check(*clean)) == "nothing is wrong"
    gt, dts = demo.generate()
    n_empty = len(gt["images"]) - len({row["image_id"] for row in gt["annotations"]})
    n_crowds = sum(row["iscrowd"] for row in gt["annotations"])
    assert kinds(check(gt, dts["sharp"])) == {"empty_images": n_empty, "crowds_without_runs": n_crowds}


def rows(gt):
    return [row for row in gt["annotations"] if not row["iscrowd"]]


def change(key, value, count=1):
    def plant(gt):
        for row in rows(gt)[3 : 3 + count]:
            row[key] = value(row) if callable(value) else value

    return plant


def drop(key, count=1):
    def plant(gt):
        for row in rows(gt)[3 : 3 + count]:
            del row[key]

    return plant


def copy_image(gt):
    gt["images"].append(dict(gt["images"][2]))


def pose(row):
    row["keypoints"] = [1, 2, 2] * 5


def poses(gt):
    for row in rows(gt):
        pose(row)
    rows(gt)[0]["keypoints"] = [1, 2, 2, 3]
    rows(gt)[1]["num_keypoints"] = 4


def boxes_alone(gt):
    for row in gt["annotations"]:
        del row["segmentation"], row["area"]
        row["iscrowd"] = 0


def normalize(gt):
    boxes_alone(gt)
    for row in gt["annotations"]:
        x, y, w, h = row["bbox"]
        row["bbox"] = [x / 640, y / 480, w / 640, h / 480]


def corners(gt):
    """Objects of the right half, as corners."""
    boxes_alone(gt)
    for row in gt["annotations"]:
        row["bbox"] = [400, 300, 600, 400]
    gt["annotations"] = [
        row
        for i, row in enumerate(gt["annotations"])
        if i == 0 or gt["annotations"][i - 1]["image_id"] != row["image_id"]
    ]


BESIDE, N = {"boxes_beside_masks": 1}, len(demo.generate()[0]["annotations"])
FAULTS = {
    "id_zero": (change("id", 0), {"id_zero": 1}),
    "duplicate_ids": (change("id", lambda row: row["id"] // 4 * 4, 12), {"duplicate_ids": 9}),
    "some_ids": (drop("id", 2), {"some_ids": 2}),
    "no_ids": (lambda gt: [row.pop("id") for row in gt["annotations"]], {"no_ids": N}),
    "unlisted_images": (change("image_id", 5555), {"unlisted_images": 1}),
    "unlisted_categories": (change("category_id", 55, 3), {"unlisted_categories": 3}),
    "bad_annotations": (change("image_id", None, 2), {"bad_annotations": 2}),
    "bad_annotations_2": (drop("category_id"), {"bad_annotations": 1}),
    "bad_boxes": (change("bbox", [1, 2, 3]), {"bad_boxes": 1}),
    "bad_boxes_2": (change("bbox", [1, 2, 3, float("nan")]), {"bad_boxes": 1}),
    "no_boxes": (drop("bbox", 2), {"no_boxes": 2}),
    "boxes_outside": (change("bbox", lambda row: [700, 10, *row["bbox"][2:]]), {"boxes_outside": 1, **BESIDE}),
    "empty_boxes": (change("bbox", lambda row: [*row["bbox"][:3], 0]), {"empty_boxes": 1, "large_areas": 1, **BESIDE}),
    "negative_boxes": (
        change("bbox", lambda row: [*row["bbox"][:3], -5]), {"negative_boxes": 1, "large_areas": 1, **BESIDE}
    ),
    "duplicate_boxes": (lambda gt: gt["annotations"].append(dict(rows(gt)[0], id=9999)), {"duplicate_boxes": 1}),
    "bad_areas": (change("area", "big"), {"bad_areas": 1}),
    "no_areas": (drop("area", 5), {"no_areas": 5}),
    "zero_areas": (change("area", 0), {"zero_areas": 1, "other_areas": 1}),
    "large_areas": (change("area", lambda row: row["area"] * 2), {"large_areas": 1, "other_areas": 1}),
    "other_areas": (change("area", lambda row: row["area"] / 2), {"other_areas": 1}),
    "bad_masks": (change("segmentation", [[1, 2, 3]]), {"bad_masks": 1}),
    "bad_masks_2": (change("segmentation", {"size": [480, 640], "counts": [5]}), {"bad_masks": 1}),
    "mask_sizes": (change("segmentation", {"size": [2, 2], "counts": [0, 4]}), {"mask_sizes": 1, "other_areas": 1}),
    "bad_crowds": (change("iscrowd", 2), {"bad_crowds": 1}),
    "crowds_without_runs": (change("iscrowd", 1), {"crowds_without_runs": 1}),
    "ignored": (change("ignore", 1, 4), {"ignored": 4}),
    "duplicate_images": (copy_image, {"duplicate_images": 1, "duplicate_file_names": 1}),
    "duplicate_file_names": (
        lambda gt: gt["images"][1].update(file_name=gt["images"][0]["file_name"]), {"duplicate_file_names": 1}
    ),
    "duplicate_categories": (
        lambda gt: gt["categories"].append(dict(gt["categories"][0])), {"duplicate_categories": 1}
    ),
    "duplicate_names": (lambda gt: gt["categories"][1].update(name="person"), {"duplicate_names": 1}),
    "unused_categories": (lambda gt: gt["categories"].append({"id": 77, "name": "x"}), {"unused_categories": 1}),
    "empty_images": (lambda gt: gt["images"].append({"id": 777, "width": 5, "height": 5}), {"empty_images": 1}),
    "no_sizes": (lambda gt: gt["images"].append({"id": 777, "width": 0}), {"no_sizes": 1, "empty_images": 1}),
    "bad_rows": (lambda gt: gt["images"].append({}), {"bad_rows": 1}),
    "bad_rows_2": (lambda gt: gt["annotations"].append(5), {"bad_rows": 1}),
    "poses": (poses, {"keypoint_lengths": 1, "keypoint_counts": 1}),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_planted_faults(clean, name):
    plant, wanted = FAULTS[name]
    gt = copy.deepcopy(clean[0])
    plant(gt)
    found = check(gt)
    assert kinds(found) == wanted
    for each in found:
        assert str(each.count) in each.message
        assert len(each.examples) == min(each.count, 5)
        assert each.effect
        assert str(each).startswith(f"{each.severity}: ")
    json.dumps(found.to_dict(), allow_nan=True)


def test_whole_data_sets_in_another_layout(clean):
    for plant, kind in ((normalize, "normalized_boxes"), (corners, "corner_boxes")):
        gt = copy.deepcopy(clean[0])
        plant(gt)
        found = kinds(check(gt))
        assert found[kind] > 0.5 * len(gt["annotations"])
        assert set(found) <= {kind, "no_areas", "boxes_outside", "duplicate_boxes"}


def test_lists_that_are_missing(clean):
    assert kinds(check({"images": clean[0]["images"]}))["lists"] == 2
    assert {"lists", "no_annotations"} <= set(kinds(check({})))
    empty = {"images": [], "annotations": [], "categories": []}
    assert kinds(check(empty)) == {"no_images": 1, "no_annotations": 1}


REFUSED = {
    "bad_annotations", "bad_boxes", "no_boxes", "bad_areas", "bad_masks", "bad_crowds", "bad_rows", "keypoint_lengths",
    "some_ids",
}  # fmt: skip
LOWER = {"id_zero", "duplicate_ids", "negative_boxes", "mask_sizes"}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_an_error_does(clean, name):
    """Evaluate refuses data with these errors, and no others; some make the number lower."""
    gt = copy.deepcopy(clean[0])
    FAULTS[name][0](gt)
    errors = {each.kind for each in check(gt).errors}
    iou_type = "bbox"
    if errors & {"bad_masks", "mask_sizes"}:
        iou_type = "segm"
    elif "keypoint_lengths" in errors:
        iou_type = "keypoints"
    results = [{key: row[key] for key in ("image_id", "category_id", "bbox")} for row in rows(clean[0])]
    for row in results:
        row.update(score=0.5, segmentation=layouts.polygon(*row["bbox"]))
        pose(row)
    keywords = {"iou_type": iou_type, "sigmas": [0.1] * 5 if iou_type == "keypoints" else None}
    if errors & REFUSED:
        with pytest.raises((ValueError, TypeError)):
            pymetrics.evaluate(gt, results, **keywords)
    else:
        number = pymetrics.evaluate(gt, results, **keywords)["map"]
        if errors & LOWER:
            assert number < pymetrics.evaluate(clean[0], results, **keywords)["map"]


def test_detections(clean):
    gt, dt = clean
    for plant, wanted in (
        (lambda rows: rows.append(dict(rows[0])), {"dt_duplicates": 1}),
        (lambda rows: rows[0].update(image_id=4444), {"dt_unlisted_images": 1}),
        (lambda rows: rows[0].update(category_id=44), {"dt_unlisted_categories": 1}),
        (lambda rows: rows[0].update(score=1.5), {"dt_scores": 1}),
        (lambda rows: rows[0].update(bbox=[1, 2, 3, 0]), {"dt_empty_boxes": 1}),
        (lambda rows: [row.update(score=1) for row in rows], {"dt_one_score": 1}),
        (lambda rows: rows.extend(dict(rows[0], score=i / 1000) for i in range(150)), {"dt_many": 1}),
        (lambda rows: rows.clear(), {"dt_none": 1}),
        (lambda rows: rows[0].pop("score"), {"dt_unreadable": 1}),
        (lambda rows: [row.update(category_id=row["category_id"] - 1) for row in rows], {"category_ids": 1}),
        (lambda rows: [row.update(image_id=row["image_id"] - 1) for row in rows], {"image_ids": 1}),
        (lambda rows: [row.update(bbox=[value / 2 for value in row["bbox"]]) for row in rows], {"scale": 1}),
    ):
        changed = copy.deepcopy(dt)
        plant(changed)
        found = kinds(check(gt, changed))
        assert {kind: found.get(kind) for kind in wanted} == wanted


@pytest.mark.parametrize("name", ["yolo", "voc", "cvat", "openimages"])
def test_other_formats(name, tmp_path):
    gt, dt = getattr(layouts, name)(tmp_path)
    found = check(gt, dt)
    assert not found.errors
    assert set(kinds(found)) <= {"empty_images", "no_sizes"}
    if name == "yolo":
        (gt / "labels" / "val" / "b.txt").write_text("0 0.9 0.5 0.5 0.5\n0 0.9 0.5 0.5 0.5\n1 0.5 0.5 0 0.1\n")
        found = check(gt)
        assert kinds(found) == {
            "boxes_outside": 2, "duplicate_boxes": 1, "empty_boxes": 1, "zero_areas": 1, "unused_categories": 1,
            "empty_images": 1,
        }  # fmt: skip
        (gt / "labels" / "val" / "b.txt").write_text("0 0.9 0.5 0.5\n")
        found = check(gt)
        assert kinds(found) == {"unreadable": 1}
        assert "b.txt', line 1: must have 4" in found[0].message


def test_real_data(data):
    found = check(data("coco_yolact100/gt.json"), data("coco_yolact100/dt_yolact_base.json"))
    assert kinds(found) == {"unused_categories": 12}
    found = kinds(check(data("coco_val2017_boxes/gt_boxes.json")))
    assert found == {"empty_boxes": 1, "zero_areas": 1, "no_sizes": 4952}
    assert kinds(check(data("lvis_val_100/lvis_val_100.json")))["boxes_beside_masks"] == 13  # masks of other objects


def test_bad_arguments(clean, tmp_path):
    with pytest.raises(TypeError, match="gt must be a path or a COCO dict, got list"):
        check(clean[1])
    with pytest.raises(ValueError, match="format must be one of coco, yolo"):
        check("gt.json", format="x")
    with pytest.raises(FileNotFoundError, match="gt: no such file"):
        check(tmp_path / "absent")
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(ValueError, match="must hold a COCO dict, got list"):
        check(tmp_path / "a.json")
