"""pymetrics.coco.COCOeval beside its numbers: parameters, evalImgs from outside, subclasses, copies, warnings."""

import contextlib
import copy
import io
import pickle
import re

import numpy as np
import pytest
from helpers.coco_scenes import differences, entry_differences, plain_scene, run, summary

from pymetrics.coco import COCO, COCOeval, Params
from pymetrics.evaluation.result import Result


@pytest.fixture
def ours():
    return run(COCO, COCOeval, plain_scene())


def quietly(*calls):
    with contextlib.redirect_stdout(io.StringIO()):
        for call in calls:
            value = call()
    return value


@pytest.mark.parametrize("iou_type", ["bbox", "segm", "keypoints"])
def test_params(need, iou_type):
    theirs = vars(need("pycocotools.cocoeval").Params(iou_type))
    ours = vars(Params(iou_type))
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert type(ours[name]) is type(value)
        assert np.array_equal(ours[name], value), name
    assert Params().iouType == "segm"


def test_unknown_iou_type(capsys):
    with pytest.raises(Exception, match="iouType not supported"):
        COCOeval(iouType="boxes")
    with pytest.raises(Exception, match="iouType not supported"):
        COCOeval(iouType=None)
    assert "use default iouType segm" in capsys.readouterr().out


def test_before_anything(capsys):
    evaluation = COCOeval()
    assert evaluation.params.iouType == "segm"
    assert evaluation.params.imgIds == evaluation.params.catIds == []
    assert evaluation.eval == {}
    assert evaluation.ious == {}
    assert evaluation.stats == []
    assert len(evaluation.evalImgs) == 0
    assert "run evaluate()" in str(evaluation)
    with pytest.raises(Exception, match=r"Please run accumulate\(\) first"):
        evaluation.summarize()
    with pytest.raises(RuntimeError, match="evaluate"):
        _ = evaluation.result
    with pytest.raises(AttributeError):  # as in pycocotools
        evaluation.accumulate()
    assert "Please run evaluate() first" in capsys.readouterr().out


def test_another_iou_type_is_refused(ours):
    evaluation = COCOeval(ours.cocoGt, ours.cocoDt, "keypoints")
    evaluation.params.iouType = "poses"
    with pytest.raises(ValueError, match="iouType must be one of 'segm', 'bbox', 'keypoints'; got 'poses'"):
        quietly(evaluation.evaluate)


@pytest.mark.parametrize(
    ("iou_type", "where"),
    [("boundary", "pymetrics.coco.faster.COCOeval_faster"), ("keypoints_crowd", "pymetrics.analysis.crowdpose")],
)
def test_iou_types_of_other_places(ours, iou_type, where):
    with pytest.raises(Exception, match=f"iouType not supported: '{iou_type}' is none of .*{where}"):
        COCOeval(ours.cocoGt, ours.cocoDt, iou_type)
    evaluation = COCOeval(ours.cocoGt, ours.cocoDt, "segm")
    evaluation.params.iouType = iou_type
    with pytest.raises(ValueError, match=f"got '{iou_type}'; .*{where}"):
        quietly(evaluation.evaluate)


def test_use_segm_decides(rival, ours, capsys):
    evaluation = COCOeval(ours.cocoGt, ours.cocoDt)
    evaluation.params.useSegm = 0
    evaluation.evaluate()
    our_text = capsys.readouterr().out
    theirs = rival[1](ours.cocoGt, ours.cocoDt)
    theirs.params.useSegm = 0
    theirs.evaluate()
    assert re.sub("t=.*s", "", our_text) == re.sub("t=.*s", "", capsys.readouterr().out)
    assert evaluation.params.iouType == "bbox"


def test_params_are_written_back(rival):
    scene = plain_scene()
    scene.params = {"imgIds": [38, 20, 38], "catIds": [7, 1, 7], "maxDets": [100, 1, 10]}
    theirs, ours = run(*rival, scene), run(COCO, COCOeval, scene)
    for name in ("imgIds", "catIds", "maxDets"):
        written, expected = getattr(ours.params, name), getattr(theirs.params, name)
        assert written == expected
        assert list(map(type, written)) == list(map(type, expected))
    assert ours._paramsEval is not ours.params
    assert ours._paramsEval.imgIds == ours.params.imgIds
    scene.params["useCats"] = 0
    assert run(COCO, COCOeval, scene).params.catIds == run(*rival, scene).params.catIds == [-1]


def test_eval(ours):
    assert list(ours.eval) == ["params", "counts", "date", "precision", "recall", "scores"]
    assert ours.eval["params"] is ours.params
    assert ours.eval["counts"] == [10, 101, 3, 4, 3]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", ours.eval["date"])
    assert ours.eval["precision"].shape == (10, 101, 3, 4, 3)
    assert ours.eval["recall"].shape == (10, 3, 4, 3)


def test_text(ours):
    lines, _ = summary(ours)
    assert str(ours).splitlines() == lines
    assert len(lines) == len(ours.stats) == 12
    ours.params.maxDets = [10]
    with pytest.raises(IndexError, match="three limits"):
        quietly(ours.summarize)


def test_thresholds_may_be_a_list(rival):
    """pycocotools compares a list with a number here, which numpy 2 refuses."""
    scene = plain_scene()
    scene.params = {"iouThrs": [0.5, 0.75]}
    ours = run(COCO, COCOeval, scene)
    scene.params = {"iouThrs": np.array([0.5, 0.75])}
    assert summary(ours) == summary(run(*rival, scene))


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"maxDets": [1, -1]}, r"maxDets .*got -1"),
        ({"iouThrs": [0.5, np.nan]}, r"iouThrs\[1\]"),
        ({"iouThrs": []}, r"params.iouThrs\) must not be empty"),
        ({"maxDets": list(range(255))}, r"params.maxDets\) must hold at most 254 limits, got 255"),
    ],
)
@pytest.mark.usefixtures("backend")
def test_refused_params(params, words):
    scene = plain_scene()
    scene.params = params
    with pytest.raises(ValueError, match=words):
        run(COCO, COCOeval, scene)


def test_wrong_boxes_are_refused():
    scene = plain_scene()
    scene.gt["annotations"][3]["bbox"] = [1, 2, 3]
    with pytest.raises(ValueError, match=r"ground truth.*\[1, 2, 3\]"):
        run(COCO, COCOeval, scene)


def test_edits_are_honoured(rival):
    """Whatever changes in the dicts before evaluate() counts, with or without a new index."""
    scene = plain_scene()

    def edited(coco_class, eval_class):
        evaluation = run(coco_class, eval_class, scene)
        gt, dt = evaluation.cocoGt, evaluation.cocoDt
        gt.anns[1]["bbox"][0] += 8
        gt.dataset["annotations"][4]["iscrowd"] = 1
        gt.imgToAnns[30].reverse()
        gt.imgToAnns[20].clear()
        dt.dataset["annotations"][2]["score"] = 0.95
        dt.anns[4]["area"] = 5.0
        dt.anns[5]["category_id"] = 7
        quietly(evaluation.evaluate, evaluation.accumulate)
        before = copy.deepcopy(evaluation.eval)
        dt.dataset["annotations"] = dt.dataset["annotations"][::2]
        quietly(dt.createIndex, evaluation.evaluate, evaluation.accumulate)
        return before, evaluation

    (their_before, theirs), (our_before, ours) = edited(*rival), edited(COCO, COCOeval)
    assert differences(their_before, our_before) == []
    assert differences(theirs.eval, ours.eval) == []
    assert differences(our_before, ours.eval) != []
    assert all(gt["ignore"] == gt["iscrowd"] for image in ours.params.imgIds for gt in ours.cocoGt.imgToAnns[image])


def test_edited_eval_imgs_are_read(rival):
    def edited(coco_class, eval_class):
        evaluation = run(coco_class, eval_class, plain_scene())
        for entry in evaluation.evalImgs[::3]:
            if entry is not None:
                entry["dtIgnore"][:] = True
        quietly(evaluation.accumulate)
        return evaluation

    theirs, ours = edited(*rival), edited(COCO, COCOeval)
    assert differences(theirs.eval, ours.eval) == []
    assert differences(run(COCO, COCOeval, plain_scene()).eval, ours.eval) != []


def merge_batches(coco_class, eval_class, evaluate):
    """Batches of images evaluated one after the other, their evalImgs put together, as torchvision's references do."""
    scene = plain_scene()
    whole = run(coco_class, eval_class, scene)
    evaluation = quietly(lambda: eval_class(whole.cocoGt, iouType="bbox"))
    image_ids, parts = [], []
    for batch in ([38, 40, 36], [20, 18], [22, 24, 26, 28, 30, 32, 34]):
        results = [dt for dt in copy.deepcopy(scene.dt) if dt["image_id"] in batch]
        evaluation.cocoDt = quietly(lambda: whole.cocoGt.loadRes(results))  # noqa: B023
        evaluation.params.imgIds = list(batch)
        found, entries = quietly(lambda: evaluate(evaluation))
        image_ids += found
        parts.append(entries)
    merged = np.concatenate(parts, 2)
    ids, order = np.unique(image_ids, return_index=True)
    evaluation.evalImgs = list(merged[..., order].flatten())
    evaluation.params.imgIds = list(ids)
    evaluation._paramsEval = copy.deepcopy(evaluation.params)
    quietly(evaluation.accumulate)
    return whole, evaluation


def batch_by_evaluate(evaluation):
    evaluation.evaluate()
    p = evaluation.params
    return p.imgIds, np.asarray(evaluation.evalImgs).reshape(-1, len(p.areaRng), len(p.imgIds))


def batch_by_steps(evaluation):
    """evaluate() written out by its steps, as older references have it."""
    p = evaluation.params
    p.imgIds, p.catIds = list(np.unique(p.imgIds)), list(np.unique(p.catIds))
    evaluation._prepare()
    evaluation.ious = {(i, c): evaluation.computeIoU(i, c) for i in p.imgIds for c in p.catIds}
    entries = [
        evaluation.evaluateImg(i, c, area_range, p.maxDets[-1])
        for c in p.catIds
        for area_range in p.areaRng
        for i in p.imgIds
    ]
    return p.imgIds, np.asarray(entries).reshape(len(p.catIds), len(p.areaRng), len(p.imgIds))


@pytest.mark.parametrize("evaluate", [batch_by_evaluate, batch_by_steps])
def test_merged_eval_imgs(rival, evaluate):
    whole, ours = merge_batches(COCO, COCOeval, evaluate)
    _, theirs = merge_batches(*rival, evaluate)
    assert differences(theirs.eval, ours.eval) == []
    assert differences(whole.eval, ours.eval) == []
    assert summary(ours) == summary(whole)
    numbered_anew = {"dtIds": 0, "gtMatches": 0}  # each batch counts its results from 1
    entries = [[entry and entry | numbered_anew for entry in e.evalImgs] for e in (whole, ours)]
    assert entry_differences(*entries) == []
    assert ours.result.stats.tobytes() == ours.stats.tobytes()
    assert ours.result.columns is None


def test_result(ours):
    quietly(ours.summarize)
    assert isinstance(ours.result, Result)
    assert ours.result is ours.result
    assert ours.result.stats.tobytes() == ours.stats.tobytes()
    assert ours.result.precision.tobytes() == ours.eval["precision"].tobytes()
    assert [row["id"] for row in ours.result.per_class] == [1, 3, 7]
    assert [row["name"] for row in ours.result.per_class] == ["name 1", "name 3", "name 7"]
    first = ours.result
    assert len(ours.evalImgs) == 3 * 4 * 12
    assert ours.result is first
    ours.evalImgs = [None] * len(ours.evalImgs)
    assert (ours.result.stats == -1).all()
    quietly(ours.evaluate)
    assert ours.result.stats.tobytes() == first.stats.tobytes()


def test_result_of_odd_ids():
    """Ids that are text stay."""
    scene = plain_scene()
    for row in [*scene.gt["annotations"], *scene.dt]:
        row["image_id"], row["category_id"] = f"i{row['image_id']}", f"c{row['category_id']}"
    scene.gt["images"] = [{"id": f"i{image['id']}"} for image in scene.gt["images"]]
    scene.gt["categories"] = [{"id": f"c{category}"} for category in (3, 1, 7)]
    result = run(COCO, COCOeval, scene).result
    assert [row["id"] for row in result.per_class] == ["c1", "c3", "c7"]
    assert result.per_image[0]["id"] == "i18"
    assert result.stats.tobytes() == run(COCO, COCOeval, plain_scene()).result.stats.tobytes()


def overriding(eval_class):
    """Subclasses that override one step each, in ways that pycocotools honours."""

    class Overlap(eval_class):
        def computeIoU(self, image, category):
            ious = super().computeIoU(image, category)
            return ious**2 if len(ious) else ious

    class Prepare(eval_class):
        def _prepare(self):
            super()._prepare()
            for rows in list(self._gts.values()):
                for gt in rows[1:]:
                    gt["ignore"] = 1

    class Entry(eval_class):
        def evaluateImg(self, image, category, area_range, limit):
            entry = super().evaluateImg(image, category, area_range, limit)
            return None if image == 30 else entry

    return Overlap, Prepare, Entry


@pytest.mark.parametrize("which", [0, 1, 2])
def test_subclasses(rival, which):
    scene = plain_scene()
    theirs, ours = run(rival[0], overriding(rival[1])[which], scene), run(COCO, overriding(COCOeval)[which], scene)
    assert differences(theirs.eval, ours.eval) == []
    assert entry_differences(theirs.evalImgs, ours.evalImgs) == []
    assert differences(run(COCO, COCOeval, scene).eval, ours.eval) != []
    quietly(ours.summarize)
    assert ours.result.stats.tobytes() == ours.stats.tobytes()


def test_patched_methods(monkeypatch, ours):
    plain = copy.deepcopy(ours.eval)
    ours.evaluateImg = lambda *args: None
    quietly(ours.evaluate, ours.accumulate)
    assert (ours.eval["precision"] == -1).all()
    del ours.evaluateImg
    quietly(ours.evaluate, ours.accumulate)
    assert differences(plain, ours.eval) == []
    monkeypatch.setattr(COCOeval, "evaluateImg", lambda *args: None)
    quietly(ours.evaluate, ours.accumulate)
    assert (ours.eval["precision"] == -1).all()


def test_one_image_at_a_time(rival, ours):
    """computeIoU and evaluateImg work after evaluate(), alone, and in any order."""
    theirs = run(*rival, plain_scene())
    for image, category in ((38, 1), (30, 7), (1000, 1)):
        assert (
            np.asarray(ours.computeIoU(image, category)).tobytes()
            == np.asarray(theirs.computeIoU(image, category)).tobytes()
        )
    keys = [(image, category) for image in (38, 30, 24) for category in (1, 3)]
    entries = [[e.evaluateImg(*key, [0, 5000], 2) for key in keys] for e in (theirs, ours)]
    assert entry_differences(*entries) == []


def test_copies(ours):
    fresh = run(COCO, COCOeval, plain_scene())
    assert len(fresh.evalImgs)
    for evaluation in (ours, fresh):
        for other in (copy.deepcopy(evaluation), pickle.loads(pickle.dumps(evaluation))):
            assert differences(evaluation.eval, other.eval) == []
            quietly(other.accumulate)
            assert differences(evaluation.eval, other.eval) == []
            assert entry_differences(ours.evalImgs, other.evalImgs) == []
            quietly(other.evaluate, other.accumulate, other.summarize)
            assert other.result.stats.tobytes() == other.stats.tobytes()


def test_gts_and_dts(rival, ours):
    theirs = run(*rival, plain_scene())
    for name in ("_gts", "_dts"):
        cells = {key: [row["id"] for row in rows] for key, rows in getattr(ours, name).items() if rows}
        assert cells == {key: [row["id"] for row in rows] for key, rows in getattr(theirs, name).items() if rows}
