"""CrowdPose: keypoints compared by boxes, and its nine numbers, beside faster-coco-eval."""

import contextlib
import io
import json
import logging

import numpy as np
import pytest

import pymetrics
from pymetrics import Accumulator, Detections, GroundTruths
from pymetrics.analysis import crowdpose
from pymetrics.evaluation.shapes.keypoints import CROWD_SIGMAS


def make(seed, n_images=24):
    """Images of all degrees of crowding, 14 keypoints, no `area`; scores and poses with ties."""
    rng = np.random.default_rng(seed)
    images, gts, dts = [], [], []
    for i in range(n_images):
        images.append({"id": 3 * i, "crowdIndex": float(rng.choice([0.1, 0.2, 0.5, 0.8, 0.9]))})
        for _ in range(rng.integers(0, 5)):
            points, visibility = rng.uniform(0, 100, (14, 2)).round(1), rng.integers(0, 3, 14) * int(rng.random() < 0.9)
            low, high = points.min(axis=0), points.max(axis=0)
            row = {"image_id": 3 * i, "category_id": 1}
            gt = {"id": len(gts) + 1, "iscrowd": int(rng.random() < 0.05), "num_keypoints": int((visibility > 0).sum())}
            gt |= {"bbox": [*low.tolist(), *(high - low).round(1).tolist()]}
            gts.append(row | gt | {"keypoints": np.column_stack([points, visibility]).ravel().tolist()})
            for _ in range(rng.integers(0, 3)):
                moved = (points + rng.choice([0, 1, 5, 15]) * rng.normal(size=(14, 2))).round(2)
                pose = np.column_stack([moved, np.ones(14)]).ravel().tolist()
                dts.append(row | {"score": float(rng.integers(1, 10)) / 10, "keypoints": pose})
    return {"images": images, "annotations": gts, "categories": [{"id": 1, "name": "person"}]}, dts


@pytest.fixture
def theirs(need, tmp_path):
    """What faster-coco-eval gives of a scene: its evaluation of all images, and its nine numbers."""
    module = need("faster_coco_eval")
    logging.disable(logging.INFO)

    def evaluate(gt, dt):
        paths = tmp_path / "gt.json", tmp_path / "dt.json"
        for path, content in zip(paths, (gt, dt), strict=True):
            path.write_text(json.dumps(content))
        coco = module.COCO(str(paths[0]))
        evaluation = module.COCOeval_faster(
            coco, coco.loadRes(str(paths[1])), "keypoints_crowd", kpt_oks_sigmas=list(CROWD_SIGMAS), use_area=False
        )
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation.evaluate()
            evaluation.accumulate()
            arrays = {name: evaluation.eval[name].copy() for name in ("precision", "recall")}
            evaluation.summarize()
        return paths, arrays, evaluation.all_stats

    yield evaluate
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("seed", range(6))
def test_the_nine_numbers(theirs, backend, seed):
    paths, arrays, stats = theirs(*make(seed))
    result = pymetrics.evaluate(*paths, iou_type="keypoints_crowd")
    # Their precision is rounded otherwise in the last digit, whatever is compared; recall has the same bits.
    assert np.abs(result.precision - arrays["precision"][:, :, :, :1]).max() <= 4e-16
    assert result.recall.tobytes() == np.ascontiguousarray(arrays["recall"][:, :, :1]).tobytes()
    found = crowdpose(result, paths[0])
    assert list(found) == [*result, "map_easy", "map_medium", "map_hard"]
    assert np.abs(np.array(list(found.values()))[:6] - stats[:6]).max() <= 4e-16
    assert list(found.values())[6:] == stats[6:].tolist()
    assert 0 < found["map"] < 1


def test_other_sources_and_bounds(tmp_path):
    gt, dt = make(7)
    result = pymetrics.evaluate(gt, dt, iou_type="keypoints_crowd")
    points = [
        np.array([row["keypoints"] for row in rows]).reshape(len(rows), 14, 3) for rows in (gt["annotations"], dt)
    ]
    image, labels, boxes, crowd = (
        np.array([row[key] for row in gt["annotations"]]) for key in ("image_id", "category_id", "bbox", "iscrowd")
    )
    columns = pymetrics.evaluate(
        GroundTruths(
            image=image, labels=labels, boxes=boxes, box_format="xywh", crowd=crowd, keypoints=points[0],
            images=[image["id"] for image in gt["images"]],
        ),
        Detections(
            image=[row["image_id"] for row in dt], labels=[1] * len(dt), scores=[row["score"] for row in dt],
            keypoints=points[1],
        ), iou_type="keypoints_crowd",
    )  # fmt: skip
    assert columns.precision.tobytes() == result.precision.tobytes()
    accumulator = Accumulator(iou_type="keypoints_crowd")
    accumulator.update(gt, dt)
    found = crowdpose(accumulator.compute(), gt["images"])
    assert found == crowdpose(result, gt)
    easy = {image["id"] for image in gt["images"] if image["crowdIndex"] < 0.5}
    alone = pymetrics.evaluate(
        {**gt, "images": [image for image in gt["images"] if image["id"] in easy],
         "annotations": [row for row in gt["annotations"] if row["image_id"] in easy]},
        [row for row in dt if row["image_id"] in easy], iou_type="keypoints_crowd",
    )  # fmt: skip
    assert crowdpose(result, gt, first=0.5)["map_easy"] == round(alone["map"], 4)
    assert crowdpose(result, gt, first=2)["map_hard"] == -1
    path = tmp_path / "gt.json"
    path.write_text(json.dumps(gt))
    assert crowdpose(result, path) == found


def test_what_is_refused():
    gt, dt = make(8)
    result = pymetrics.evaluate(gt, dt, iou_type="keypoints_crowd")
    images = [dict(image) for image in gt["images"]]
    for change, error, words in (
        (lambda: images[2].pop("crowdIndex"), ValueError, r"images\[2\] has no 'crowdIndex'"),
        (
            lambda: images[2].update(crowdIndex="x"),
            ValueError,
            r"images\[2\]\['crowdIndex'\] must be a number, got 'x'",
        ),
        (
            lambda: images[2].update(crowdIndex=np.nan),
            ValueError,
            r"images\[2\]\['crowdIndex'\] must be a number, got nan",
        ),
        (lambda: images.pop(2), ValueError, "images do not hold image 6 of the result"),
        (lambda: images[0].pop("id"), ValueError, r"images\[0\] has no 'id'"),
    ):
        change()
        with pytest.raises(error, match=words):
            crowdpose(result, images)
    with pytest.raises(TypeError, match="images must be dicts of id and crowdIndex, or a COCO dict; got int"):
        crowdpose(result, 5)
    del gt["annotations"][1]["bbox"]
    with pytest.raises(
        ValueError, match=r"\[1\]\['bbox'\] is missing: CrowdPose compares distances of keypoints with the"
    ):
        pymetrics.evaluate(gt, dt, iou_type="keypoints_crowd")
