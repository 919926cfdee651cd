"""_prepare, computeIoU and evaluateImg called one by one, as DETR's evaluator calls them: pycocotools' bits."""

import copy

import numpy as np
import pytest
from helpers.coco_cases import quietly
from helpers.coco_loops import by_steps
from helpers.coco_scenes import differences, entry_differences, make_scene, plain_scene, run
from helpers.mask_scenes import make_mask_scene

from pymetrics.coco import COCO, COCOeval
from pymetrics.coco.image_steps import ImageSteps

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy", "ignore:invalid value:RuntimeWarning"
)


def stepped(coco_class, eval_class, scene, iou_type="bbox"):
    """An evaluation by steps; its entries, overlaps and what it accumulates."""
    evaluation = run(coco_class, eval_class, scene, iou_type=iou_type)
    for name, value in scene.params.items():
        setattr(evaluation.params, name, copy.deepcopy(value))
    _, entries = by_steps(evaluation)
    evaluation.evalImgs = list(entries.flatten())
    quietly(evaluation.accumulate)
    return evaluation


def step_differences(theirs, ours):
    found = differences(theirs.eval, ours.eval) + entry_differences(theirs.evalImgs, ours.evalImgs)
    assert theirs.ious.keys() == ours.ious.keys()
    for key, block in theirs.ious.items():
        if np.asarray(block).tobytes() != np.asarray(ours.ious[key]).tobytes() or type(block) is not type(
            ours.ious[key]
        ):
            found.append(f"ious of {key}")
    return found


@pytest.fixture
def computed(monkeypatch):
    """How often a cell was computed by itself."""
    calls = []
    own = ImageSteps._cell
    monkeypatch.setattr(ImageSteps, "_cell", lambda self, *args: calls.append(args) or own(self, *args))
    return calls


@pytest.mark.parametrize("seeds", [range(100), pytest.param(range(100, 1500), marks=pytest.mark.slow)], ids=str)
def test_boxes(rival, seeds, backend):
    for seed in seeds if backend == "native" else seeds[:100]:
        scene = make_scene(seed)
        assert step_differences(stepped(*rival, scene), stepped(COCO, COCOeval, scene)) == [], seed


@pytest.mark.slow
def test_masks(rival):
    for seed in range(150):
        scene = make_mask_scene(seed)
        theirs, ours = stepped(*rival, scene, "segm"), stepped(COCO, COCOeval, scene, "segm")
        assert step_differences(theirs, ours) == [], seed


def test_no_cell_is_computed_by_itself(computed):
    stepped(COCO, COCOeval, plain_scene())
    assert computed == []


def test_a_second_call_gives_an_entry_of_its_own(computed):
    evaluation = stepped(COCO, COCOeval, plain_scene())
    place = next(i for i, entry in enumerate(evaluation.evalImgs) if entry is not None and entry["dtIds"])
    entry, p = evaluation.evalImgs[place], evaluation.params
    again = evaluation.evaluateImg(entry["image_id"], entry["category_id"], entry["aRng"], p.maxDets[-1])
    assert entry_differences([entry], [again]) == []
    assert again is not entry
    assert len(computed) == 1


def changed_overlaps(evaluation):
    for block in evaluation.ious.values():
        if len(block):
            block *= 0.9


def changed_thresholds(evaluation):
    evaluation.params.iouThrs[0] = 0.6


def changed_areas(evaluation):
    evaluation.params.areaRng[1][1] = 2000


def changed_rows(evaluation):
    for rows in evaluation._gts.values():
        for gt in rows[1:]:
            gt["ignore"] = 1


def fewer_rows(evaluation):
    for rows in evaluation._dts.values():
        del rows[1:]
    evaluation.ious = {key: evaluation.computeIoU(*key) for key in evaluation.ious}


@pytest.mark.parametrize("change", [changed_overlaps, changed_thresholds, changed_areas, changed_rows, fewer_rows])
def test_what_changes_between_the_steps_counts(rival, change):
    def entries_of(coco_class, eval_class, change):
        evaluation = run(coco_class, eval_class, plain_scene())
        p = evaluation.params
        evaluation._prepare()
        evaluation.ious = {(i, c): evaluation.computeIoU(i, c) for i in p.imgIds for c in p.catIds}
        change(evaluation)
        return [evaluation.evaluateImg(i, c, a, 100) for c in p.catIds for a in p.areaRng for i in p.imgIds]

    theirs, ours = entries_of(*rival, change), entries_of(COCO, COCOeval, change)
    assert entry_differences(theirs, ours) == []
    assert entry_differences(entries_of(COCO, COCOeval, lambda evaluation: None), ours) != []


def test_other_limits_and_area_ranges(rival):
    def entries_of(coco_class, eval_class):
        evaluation = run(coco_class, eval_class, plain_scene())
        evaluation._prepare()
        keys = [(image, category) for image in evaluation.params.imgIds for category in evaluation.params.catIds]
        evaluation.ious = {key: evaluation.computeIoU(*key) for key in keys}
        return [evaluation.evaluateImg(*key, *rest) for key in keys for rest in (([0, 500], 100), ([0, 1e10], 2))]

    assert entry_differences(entries_of(*rival), entries_of(COCO, COCOeval)) == []


def test_a_missing_key_is_named_by_the_cell(rival):
    scene = plain_scene()
    for key in ("iscrowd", "area"):
        without = copy.deepcopy(scene)
        row = next(gt for gt in without.gt["annotations"] if not gt["iscrowd"])
        for coco_class, eval_class in (rival, (COCO, COCOeval)):
            evaluation = run(coco_class, eval_class, without)
            row_there = evaluation.cocoGt.anns[row["id"]]
            del row_there[key]
            with pytest.raises(KeyError, match=key):
                by_steps(evaluation)


def test_a_step_of_a_subclass_is_called(rival):
    def halved(eval_class):
        class Halved(eval_class):
            def computeIoU(self, *key):
                block = super().computeIoU(*key)
                return block / 2 if len(block) else block

        return Halved

    theirs, ours = stepped(rival[0], halved(rival[1]), plain_scene()), stepped(COCO, halved(COCOeval), plain_scene())
    assert step_differences(theirs, ours) == []
    assert differences(stepped(COCO, COCOeval, plain_scene()).eval, ours.eval) != []
