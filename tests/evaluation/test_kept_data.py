"""Accumulator(keep_data=True): what needs the data gives what it gives after one evaluation."""

import pickle

import numpy as np
import pytest
from helpers.analysis_scenes import scene
from helpers.tide_scenes import coco_dicts

import pymetrics
from pymetrics import Accumulator
from pymetrics.analysis import calibration, lrp, suspects, tide


def parts_of(of, **settings):
    parts = [Accumulator(keep_data=True, **settings) for _ in range(3)]
    for part, images in zip(parts, (of.images[4:7], of.images[:4], of.images[7:]), strict=True):
        part.update(*of.part(images).sources())
    parts[0].merge(parts[1])
    parts[2].merge(parts[0])
    return parts[2]


@pytest.mark.parametrize("kind", ["bbox", "obb", "keypoints"])
def test_arrays_that_are_used_again(kind):
    """A batch's arrays may be filled anew after update."""
    rng = np.random.default_rng(1)
    image, labels, area = np.repeat(np.arange(5), 4), rng.integers(0, 3, 20), np.full(20, 900.0)
    name, formats = ("keypoints", {}) if kind == "keypoints" else ("boxes", {"box_format": "xywh"})
    gt_shapes = rng.uniform(5, 60, {"bbox": (20, 4), "obb": (20, 5), "keypoints": (20, 17, 3)}[kind])
    dt_shapes, scores = gt_shapes + rng.normal(0, 1, gt_shapes.shape), rng.random(20)
    if kind == "obb":
        formats = {"box_format": "cxcywhr"}
    gt = pymetrics.GroundTruths(image, labels=labels, area=area, **{name: gt_shapes}, **formats)
    dt = pymetrics.Detections(image, scores=scores, labels=labels[::-1].copy(), **{name: dt_shapes}, **formats)
    found = Accumulator(iou_type=kind, keep_data=True)
    found.update(gt, dt)
    want = pymetrics.evaluate(gt, dt, iou_type=kind)
    matrix, per_class, costs = want.confusion().matrix, want.at(0.3, 0.42).per_class, dict(tide(want))
    for array in (gt_shapes, dt_shapes, scores, area, labels, dt.labels, image):
        array[:] = 1
    result = found.compute()
    assert np.array_equal(result.confusion().matrix, matrix)
    assert result.at(0.3, 0.42).per_class == per_class
    assert dict(tide(result)) == costs


def places(of, side):
    """The place of each row among those of its image."""
    rows, seen = getattr(of, side), {}
    return [seen.setdefault(row[0], []).append(i) or len(seen[row[0]]) - 1 for i, row in enumerate(rows)]


@pytest.mark.parametrize("seed", range(6))
def test_confusion_and_the_rest(seed):
    of = scene(seed, n_images=12)
    merged, whole = parts_of(of).compute(), of.evaluate()
    assert merged.stats.tobytes() == whole.stats.tobytes()
    for iou, score in ((0.5, 0.25), (0.62, 0.5)):
        found, want = merged.confusion(iou, score), whole.confusion(iou, score)
        assert np.array_equal(found.matrix, want.matrix)
        assert merged.at(score, iou).per_class == whole.at(score, iou).per_class
        assert lrp(merged, iou).values.tobytes() == lrp(whole, iou).values.tobytes()
    # Rows are numbered within each image.
    gt, dt, want = np.array(places(of, "gt")), np.array(places(of, "dt")), whole.confusion().mistakes
    rows = [
        (image, gt[g] if g >= 0 else -1, dt[d] if d >= 0 else -1)
        for image, g, d in zip(want.image.tolist(), want.gt.tolist(), want.dt.tolist(), strict=True)
    ]
    found = merged.confusion().mistakes
    assert sorted(zip(found.image.tolist(), found.gt.tolist(), found.dt.tolist(), strict=True)) == sorted(rows)
    assert dict(tide(merged)) == dict(tide(whole))
    assert len(suspects(merged).missing) == len(suspects(whole).missing)
    matches = [result.matches.at(0.5) for result in (merged, whole)]
    assert matches[0].overlap.tobytes() == matches[1].overlap.tobytes()


@pytest.mark.parametrize("mode", ["bbox", "mask"])
def test_files_of_images_with_sizes(mode):
    gt, dt = coco_dicts(4, mode)
    iou_type = "segm" if mode == "mask" else "bbox"
    merged = Accumulator(iou_type=iou_type, keep_data=True)
    ids = [image["id"] for image in gt["images"]]
    for chosen in (ids[:2], ids[2:]):
        part = {
            "images": [row for row in gt["images"] if row["id"] in chosen],
            "annotations": [row for row in gt["annotations"] if row["image_id"] in chosen],
            "categories": gt["categories"],
        }
        merged.update(part, [row for row in dt if row["image_id"] in chosen])
    whole = pymetrics.evaluate(gt, dt, iou_type=iou_type)
    found = merged.compute()
    assert dict(tide(found)) == dict(tide(whole))
    assert np.array_equal(found.confusion(0.62).matrix, whole.confusion(0.62).matrix)
    if mode == "bbox":
        axes = ("score", "cx", "h")
        assert np.array_equal(calibration(found, axes=axes).counts, calibration(whole, axes=axes).counts)


def test_images_that_come_again():
    of = scene(2, n_images=9)
    again = Accumulator(keep_data=True, duplicates="first")
    again.update(*of.part(of.images[:6]).sources())
    changed = type(of)(of.images, of.categories, of.gt, [(*row[:3], 0.99) for row in of.dt])
    again.update(*changed.part(of.images[3:]).sources())
    first = of.part(of.images[:6])
    rest = changed.part(of.images[6:])
    want = type(of)(of.images, of.categories, first.gt + rest.gt, first.dt + rest.dt).evaluate()
    assert np.array_equal(again.compute().confusion(score=0).matrix, want.confusion(score=0).matrix)


def test_poses_and_rotated_boxes():
    pose = {
        "image_id": 1,
        "category_id": 1,
        "keypoints": [5, 5, 2] * 17,
        "area": 100,
        "iscrowd": 0,
        "num_keypoints": 17,
    }
    batches = [
        (
            {
                "images": [{"id": i}], "categories": [{"id": 1, "name": "person"}],
                "annotations": [{**pose, "image_id": i, "id": i, "bbox": [0, 0, 10, 10]}],
            },
            [{"image_id": i, "category_id": 1, "keypoints": [5, 6, 1] * 17, "score": 0.5}],
        )
        for i in (2, 1)
    ]  # fmt: skip
    merged = Accumulator(iou_type="keypoints", keep_data=True)
    for batch in batches:
        merged.update(*batch)
    assert merged.compute().at(0.1, 0.61).tp == 2
    turned = Accumulator(iou_type="obb", keep_data=True)
    for i in (2, 1):
        box = np.array([[i, 10, 10, 8, 4, 0.3, 1]])
        gt = pymetrics.GroundTruths(image=box[:, 0], boxes=box[:, 1:6], labels=box[:, 6], box_format="cxcywhr")
        dt = pymetrics.Detections(
            image=box[:, 0], boxes=box[:, 1:6], labels=box[:, 6], scores=[0.5], box_format="cxcywhr"
        )
        turned.update(gt, dt)
    assert turned.compute().at(0.1, 0.61).tp == 2


def test_what_keeps_no_data():
    of = scene(0, n_images=9)
    kept = parts_of(of)
    assert (
        pickle.loads(pickle.dumps(kept)).compute().confusion().matrix.tolist()
        == kept.compute().confusion().matrix.tolist()
    )
    with pytest.raises(ValueError, match=r"confusion needs the data that was evaluated.*keep_data=True"):
        Accumulator.from_bytes(kept.to_bytes()).compute().confusion()
    with pytest.raises(ValueError, match=r"other has keep_data=False, this one True: give both the same"):
        kept.merge(Accumulator())
    with pytest.raises(TypeError, match="keep_data must be True or False, got 'all'"):
        Accumulator(keep_data="all")
    kept.reset()
    assert kept.compute().columns is None


def test_an_accumulator_of_nothing_says_so():
    with pytest.raises(ValueError, match="this result is of no images"):
        Accumulator(keep_data=True).compute().confusion()
