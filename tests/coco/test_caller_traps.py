"""What evaluators of others rely on beside the numbers: one object for many runs, live lists, dicts, plain limits."""

import copy

import numpy as np
from helpers.coco_cases import quietly
from helpers.coco_scenes import differences, plain_scene, run, summary

from pymetrics.coco import COCO, COCOeval


def rerun(evaluation, **params):
    for name, value in params.items():
        setattr(evaluation.params, name, value)
    for step in (evaluation.evaluate, evaluation.accumulate):
        quietly(step)
    return copy.deepcopy(evaluation.eval), dict(evaluation.ious)


def test_one_evaluation_for_each_class(rival):
    """torchmetrics' class_metrics: params are bound anew, and the object runs once more per class."""

    def of_classes(coco_class, eval_class):
        evaluation = run(coco_class, eval_class, plain_scene())
        thresholds = np.linspace(0.5, 0.95, 10, dtype=np.float32).astype(np.float64)
        found = [rerun(evaluation, iouThrs=thresholds, maxDets=[1, 10, 300])]
        return found + [rerun(evaluation, catIds=[category]) for category in (1, 3, 7)]

    for (theirs, their_ious), (ours, our_ious) in zip(of_classes(*rival), of_classes(COCO, COCOeval), strict=True):
        assert differences(theirs, ours) == []
        assert their_ious.keys() == our_ious.keys()


def test_area_ranges_of_entries_are_those_of_params():
    """SAHI and RF-DETR compare them by str() and tuple()."""
    evaluation = run(COCO, COCOeval, plain_scene())
    ranges = {id(pair) for pair in evaluation._paramsEval.areaRng}
    assert {id(entry["aRng"]) for entry in evaluation.evalImgs if entry is not None} == ranges
    assert str(evaluation._paramsEval.areaRng[1]) == "[0, 1024]"


def test_edits_of_the_data_set_between_evaluations(rival):
    """torchmetrics writes areas, SAHI flags and categories, into dataset["annotations"], without a new index."""

    def edited(coco_class, eval_class):
        evaluation = run(coco_class, eval_class, plain_scene())
        gt, dt = copy.deepcopy(evaluation.cocoGt), evaluation.cocoDt
        for ann in dt.dataset["annotations"]:
            ann["area"] = 2 * ann["area"]
        for ann in gt.dataset["annotations"][::5]:
            ann |= {"ignore": 1, "iscrowd": 1, "category_id": 3}
        again = eval_class(gt, dt, "bbox")
        return rerun(again)[0]

    assert differences(edited(*rival), edited(COCO, COCOeval)) == []


def test_one_limit_and_no_summary(rival):
    """SAHI's [500]: accumulate works, summarize raises."""
    scene = plain_scene()
    scene.params = {"maxDets": [500], "areaRng": [[0, 1e10], [0, 500]], "iouThrs": [0.5, 0.75]}
    theirs, ours = run(*rival, scene), run(COCO, COCOeval, scene)
    assert differences(theirs.eval, ours.eval) == []
    assert summary(ours)[1] is IndexError


def test_stats_are_an_array():
    evaluation = run(COCO, COCOeval, plain_scene())
    assert evaluation.stats == []
    quietly(evaluation.summarize)
    assert evaluation.stats.dtype == np.float64
    assert evaluation.stats[0] == evaluation.stats_as_dict["AP_all"]
    assert list(evaluation.stats_as_dict)[6:9] == ["AR_all", "AR_second", "AR_third"]
    assert len(evaluation.stats_as_dict) == 12
