"""What COCOeval says of an evaluation that is over: rows of the user's lists, ids, scores, read or not."""

import contextlib
import io
import json

import numpy as np
import pytest
from helpers.coco_scenes import plain_scene, run

import pymetrics
from pymetrics.coco import COCO, COCOeval


def quietly(*calls):
    with contextlib.redirect_stdout(io.StringIO()):
        for call in calls:
            value = call()
    return value


def shuffled(category=int):
    """Images, ground truths and detections in an order that is not that of the image ids."""
    rng = np.random.default_rng(3)
    gts = [
        {"id": n + 1, "image_id": int(rng.integers(1, 6)), "category_id": category(int(rng.integers(1, 3))),
         "bbox": [8 * n, 0, 6, 6], "area": 36, "iscrowd": 0}
        for n in range(20)
    ]  # fmt: skip
    dts = [
        {"image_id": gt["image_id"], "category_id": gt["category_id"], "bbox": gt["bbox"], "score": 0.9 - 0.01 * n}
        for n, gt in enumerate(gts[::-1])
    ]
    images = [{"id": image, "height": 99, "width": 999} for image in (5, 2, 4, 1, 3)]
    return {"images": images, "categories": [{"id": category(k)} for k in (2, 1)], "annotations": gts}, dts


def in_memory(gt):
    coco = COCO()
    coco.dataset = gt
    quietly(coco.createIndex)
    return coco


@pytest.mark.parametrize("use_cats", [1, 0])
@pytest.mark.parametrize("is_file", [True, False])
def test_matches_name_rows_of_the_lists(tmp_path, is_file, use_cats):
    gt, dt = shuffled()
    paths = tmp_path / "gt.json", tmp_path / "dt.json"
    for path, content in zip(paths, (gt, dt), strict=True):
        path.write_text(json.dumps(content))
    coco_gt = quietly(lambda: COCO(str(paths[0]))) if is_file else in_memory(gt)
    coco_dt = quietly(lambda: coco_gt.loadRes(str(paths[1]) if is_file else dt))
    evaluation = COCOeval(coco_gt, coco_dt, "bbox")
    evaluation.params.useCats = use_cats
    quietly(evaluation.evaluate)
    table = evaluation.result.matches.at()
    assert [dt[row]["image_id"] for row in table.dt] == table.image.tolist()
    assert [gt["annotations"][row]["bbox"] for row in table.gt] == [dt[row]["bbox"] for row in table.dt]
    if use_cats:
        want = pymetrics.evaluate(*shuffled()).matches.at()
        assert (table.dt.tolist(), table.gt.tolist()) == (want.dt.tolist(), want.gt.tolist())


def test_text_ids_of_categories_stay():
    gt, dt = shuffled(category="k{}".format)
    evaluation = COCOeval(in_memory(gt), in_memory(gt).loadRes(dt), "bbox")
    quietly(evaluation.evaluate)
    want = pymetrics.evaluate(*shuffled(category="k{}".format))
    assert [row["id"] for row in evaluation.result.per_class] == ["k1", "k2"]
    assert dict(evaluation.result) == dict(want)
    assert evaluation.result.per_class == want.per_class
    entries = evaluation.evalImgs
    evaluation.evalImgs = list(entries)
    assert [row["id"] for row in evaluation.result.per_class] == ["k1", "k2"]


@pytest.mark.parametrize("reads", [True, False])
def test_scores_are_those_of_evaluate_read_or_not(need, reads):
    rival = need("pycocotools.coco").COCO, need("pycocotools.cocoeval").COCOeval
    found = []
    for classes in (rival, (COCO, COCOeval)):
        evaluation = run(*classes, plain_scene())
        for dt in evaluation.cocoDt.anns.values():
            dt["score"] = 1 - dt["score"]
        scores = [e and e["dtScores"] for e in evaluation.evalImgs] if reads else None
        quietly(evaluation.accumulate)
        found.append((scores, evaluation.eval["precision"].tolist(), evaluation.eval["scores"].tolist()))
    assert found[0] == found[1]
