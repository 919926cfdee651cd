"""Data sets that are no COCO of ours: pycocotools' own, and look-alikes; loadRes called unbound, as DETR calls it."""

import contextlib
import copy
import io
import json
import pickle

import numpy as np
import pytest
from helpers.coco_cases import quietly
from helpers.coco_scenes import compare, plain_scene, run, summary

from pymetrics.coco import COCO, COCOeval, Params


class LookAlike:
    """What evaluators over other formats have: the attributes and methods of a COCO, and no more."""

    def __init__(self, dataset):
        self.dataset = dataset
        self.imgs = {image["id"]: image for image in dataset["images"]}
        self.cats = {category["id"]: category for category in dataset["categories"]}
        self.anns = {ann["id"]: ann for ann in dataset["annotations"]}
        self.imgToAnns = {}
        for ann in dataset["annotations"]:
            self.imgToAnns.setdefault(ann["image_id"], []).append(ann)

    def getAnnIds(self, imgIds=(), catIds=(), areaRng=(), iscrowd=None):
        imgIds = [imgIds] if isinstance(imgIds, int) else list(imgIds)
        anns = [ann for image in imgIds for ann in self.imgToAnns.get(image, [])] or self.dataset["annotations"]
        return [ann["id"] for ann in anns if not len(catIds) or ann["category_id"] in catIds]

    def getCatIds(self):
        return list(self.cats)

    def getImgIds(self):
        return list(self.imgs)

    def loadAnns(self, ids):
        return [self.anns[id] for id in ids]


def made(coco_class):
    coco = coco_class()
    coco.dataset = plain_scene().gt
    quietly(coco.createIndex)
    return coco


@pytest.fixture(params=["pycocotools", "look-alike"])
def other(request, rival):
    return made(rival[0]) if request.param == "pycocotools" else LookAlike(plain_scene().gt)


@pytest.fixture
def expected(rival):
    return run(*rival, plain_scene())


def test_load_res_unbound(other, expected):
    dt = plain_scene().dt
    res = quietly(COCO.loadRes, other, dt)
    assert type(res) is COCO
    assert res.dataset["annotations"] is dt
    assert res.dataset["images"][0] is other.dataset["images"][0]
    assert res.dataset["categories"] == other.dataset["categories"]
    evaluation = COCOeval(other, res, "bbox")
    quietly(evaluation.evaluate)
    quietly(evaluation.accumulate)
    assert compare(expected, evaluation) == []
    assert summary(expected) == summary(evaluation)
    assert evaluation.result.columns is not None


def test_load_res_unbound_of_a_file_and_an_array(tmp_path, other, rival):
    path = tmp_path / "dt.json"
    path.write_text(json.dumps(plain_scene().dt))
    res = quietly(COCO.loadRes, other, str(path))
    assert res.anns == quietly(made(rival[0]).loadRes, str(path)).anns
    rows = np.array([[dt["image_id"], *dt["bbox"], dt["score"], dt["category_id"]] for dt in plain_scene().dt])
    assert quietly(COCO.loadRes, other, rows).anns == quietly(made(rival[0]).loadRes, rows).anns


def test_results_of_other_images_are_refused(other):
    with pytest.raises(AssertionError, match=r"\[12345\]"):
        quietly(COCO.loadRes, other, [{"image_id": 12345, "bbox": [1, 2, 3, 4], "category_id": 1, "score": 1}])


def test_copies(other, expected):
    """An evaluation is copied with its data sets, as evaluators do before they change them."""
    evaluation = COCOeval(copy.deepcopy(other), quietly(COCO.loadRes, other, plain_scene().dt), "bbox")
    for fresh in (copy.deepcopy(evaluation), pickle.loads(pickle.dumps(evaluation))):
        quietly(fresh.evaluate)
        quietly(fresh.accumulate)
        assert compare(expected, fresh) == []
        again = copy.deepcopy(fresh)
        quietly(again.accumulate)
        assert compare(expected, again) == []


def test_a_subclass_loads_into_a_plain_coco(rival):
    class Mine(COCO):
        pass

    mine = made(Mine)
    assert type(quietly(mine.loadRes, plain_scene().dt)) is COCO


def test_small_results_of_a_large_data_set_cost_no_more_than_in_pycocotools(rival, data, tmp_path):
    """Calls of Python functions, which a loaded machine does not change."""
    import cProfile

    def calls(coco_class, results):
        coco = quietly(coco_class, str(data("coco_val2017_boxes/gt_boxes.json")))
        images = coco.getImgIds()[:16]
        rows = [
            {"image_id": image, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}
            for image in images
            for _ in range(results)
        ]
        quietly(coco.loadRes, copy.deepcopy(rows))
        profile = cProfile.Profile()
        profile.enable()
        quietly(coco.loadRes, rows)
        profile.disable()
        return sum(entry.callcount for entry in profile.getstats())

    assert calls(COCO, 100) < calls(rival[0], 100)


def test_what_is_saved_is_loaded(tmp_path, rival, need):
    """eval.pth of training code: pickles and torch's files of eval, Params and evalImgs."""
    torch = need("torch")
    ours = run(COCO, COCOeval, plain_scene())
    for name in ("eval", "params", "evalImgs"):
        value = getattr(ours, name)
        torch.save(value, tmp_path / "file.pth")
        for loaded in (torch.load(tmp_path / "file.pth", weights_only=False), pickle.loads(pickle.dumps(value))):
            if name == "params":
                assert type(loaded) is Params
                assert loaded.imgIds == value.imgIds
            elif name == "eval":
                assert type(loaded) is dict
                assert loaded["precision"].tobytes() == value["precision"].tobytes()
                assert loaded["scores"].tobytes() == run(*rival, plain_scene()).eval["scores"].tobytes()
            else:
                assert len(loaded) == len(value)
                assert loaded[0] is None or loaded[0].keys() == value[0].keys()


def test_class_paths_stay():
    """They are part of the users' files."""
    for kind, path in (
        (Params, "pymetrics.coco.params.Params"),
        (COCO, "pymetrics.coco.coco.COCO"),
        (COCOeval, "pymetrics.coco.cocoeval.COCOeval"),
    ):
        assert f"{kind.__module__}.{kind.__qualname__}" == path


def test_silence(tmp_path):
    path = tmp_path / "gt.json"
    path.write_text(json.dumps(plain_scene().gt))
    with contextlib.redirect_stdout(io.StringIO()) as out:
        gt = COCO(str(path), verbose=False)
        dt = gt.loadRes(plain_scene().dt)
        gt.createIndex()
        gt.loadRes(np.array([[40, 1, 2, 3, 4, 0.5, 1]]))
        evaluation = COCOeval(gt, dt, "bbox", verbose=False)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert out.getvalue() == ""
    assert evaluation.stats.tobytes() == run(COCO, COCOeval, plain_scene()).result.stats.tobytes()


def test_eval_imgs_may_be_looked_at(rival):
    """Reading evalImgs changes nothing, whatever became of the dicts since evaluate()."""

    def emptied(anns):
        for ann in anns.values():
            ann.clear()

    def renumbered(anns):
        for ann in anns.values():
            ann["id"] = 0

    def rescored(anns):
        for ann in anns.values():
            ann["score"] = 1 - ann.get("score", 0)

    expected = run(*rival, plain_scene())
    for change in (emptied, renumbered, rescored):
        evaluation = run(COCO, COCOeval, plain_scene())
        for coco in (evaluation.cocoGt, evaluation.cocoDt):
            change(coco.anns)
        found = [
            entry and {key: value for key, value in entry.items() if key != "dtScores"} for entry in evaluation.evalImgs
        ]
        for entry, other in zip(found, expected.evalImgs, strict=True):
            assert (entry is None) == (other is None)
            if entry is not None:
                assert entry["dtMatches"].tobytes() == other["dtMatches"].tobytes()
                assert entry["dtIds"] == other["dtIds"]
                assert entry["gtIds"] == other["gtIds"]
        quietly(evaluation.accumulate)
        assert summary(evaluation) == summary(expected), change.__name__


@pytest.mark.parametrize(
    ("value", "in_file"), [(None, False), ("0.5", False), (b"1", False), (0.5j, False), (None, True), ("0.5", True)]
)
def test_areas_that_are_no_numbers(rival, value, in_file, tmp_path):
    scene = plain_scene()
    scene.gt["annotations"][3] |= {"area": value, "iscrowd": 0}
    for classes in (rival, (COCO, COCOeval)):
        with pytest.raises(TypeError):
            run(*classes, scene, folder=tmp_path if in_file else None)
