"""pycocotools' exceptions on request, and this library under pycocotools' name."""

import json
import subprocess
import sys

import numpy as np
import pytest
from helpers.coco_cases import quietly
from helpers.coco_scenes import plain_scene, run
from helpers.mask_scenes import make_mask_scene

from pymetrics.coco import COCO, COCOeval, set_strict


@pytest.fixture
def strict():
    set_strict(True)
    yield
    set_strict(False)


def made(coco_class):
    coco = coco_class()
    coco.dataset = plain_scene().gt
    quietly(coco.createIndex)
    return coco


def empty_file(tmp_path):
    path = tmp_path / "dt.json"
    path.write_text("[]")
    return str(path)


def test_no_results(tmp_path, rival):
    none = ([], np.zeros((0, 7)), empty_file(tmp_path))
    for results in none:
        with pytest.raises(IndexError):
            quietly(made(rival[0]).loadRes, results)
        with pytest.raises(IndexError, match="no results"):
            quietly(made(COCO).loadRes, results, True)
        assert quietly(made(COCO).loadRes, results).anns == {}


@pytest.mark.usefixtures("strict")
def test_no_results_as_the_process_says(tmp_path):
    for results in ([], empty_file(tmp_path)):
        with pytest.raises(IndexError, match="no results"):
            quietly(made(COCO).loadRes, results)
        assert quietly(made(COCO).loadRes, results, False).anns == {}


@pytest.mark.usefixtures("strict")
def test_no_thresholds(rival):
    """pycocotools' IndexError, from the line that names them; without `strict` a ValueError."""
    for coco_class, evaluation_class in (rival, (COCO, COCOeval)):
        gt = made(coco_class)
        evaluation = quietly(evaluation_class, gt, quietly(gt.loadRes, plain_scene().dt), "bbox")
        evaluation.params.iouThrs = []
        with pytest.raises(IndexError):
            quietly(lambda e=evaluation: (e.evaluate(), e.accumulate(), e.summarize()))


def an_unknown_image(scene):
    scene.dt[0]["image_id"] = 9999


def without_iscrowd(scene):
    del scene.gt["annotations"][0]["iscrowd"]


def without_area(scene):
    scene.gt["annotations"][0]["iscrowd"] = 0
    del scene.gt["annotations"][0]["area"]


def no_detections(scene):
    scene.dt = []


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("change", [an_unknown_image, without_iscrowd, without_area, no_detections])
def test_every_exception_is_of_pycocotools_type(rival, change):
    scene = plain_scene()
    change(scene)
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        run(*rival, scene)
    with pytest.raises(type(theirs.value)):
        run(COCO, COCOeval, scene)


@pytest.mark.usefixtures("strict")
def test_fewer_than_three_limits(rival):
    scene = plain_scene()
    scene.params = {"maxDets": [10]}
    for classes in (rival, (COCO, COCOeval)):
        with pytest.raises(IndexError):
            quietly(run(*classes, scene).summarize)


def test_no_polygons(rival):
    scene = make_mask_scene(3)
    scene.params = {}
    gt = scene.gt["annotations"][0]
    gt["segmentation"] = []
    with pytest.raises(IndexError):
        run(*rival, scene, iou_type="segm")
    with pytest.raises(ValueError, match="holds no polygon"):
        run(COCO, COCOeval, scene, iou_type="segm")
    set_strict(True)
    try:
        with pytest.raises(IndexError, match="segmentation"):
            run(COCO, COCOeval, scene, iou_type="segm")
    finally:
        set_strict(False)


def test_strict_is_a_bool():
    with pytest.raises(TypeError, match="strict must be True or False, got 1"):
        set_strict(1)


UNDER_ITS_NAME = """
import pickle, sys
import pymetrics.coco
pymetrics.coco.init_as_pycocotools({strict})
import pycocotools
import pycocotools.mask as mask_util
from pycocotools import mask, _mask
from pycocotools.coco import COCO, maskUtils, _isArrayLike
from pycocotools.cocoeval import COCOeval, Params, maskUtils as other
import pycocotools.coco as coco_module, pycocotools.cocoeval as eval_module
import pymetrics
assert COCO is pymetrics.COCO and COCOeval is pymetrics.COCOeval and mask is mask_util is pymetrics.mask
assert pycocotools.coco.COCO is COCO and maskUtils is other is mask
assert {{"encode", "decode", "iou", "merge", "area", "toBbox", "frPyObjects"}} <= set(dir(_mask))
assert pickle.loads({params!r}).maxDets == [1, 10, 100]
coco = COCO({path!r})
try:
    print("loaded", len(coco.loadRes([]).anns))
except IndexError:
    print("refused")
"""


@pytest.mark.parametrize(("strict", "last"), [("", "refused"), ("True", "refused"), ("False", "loaded 0")])
def test_init_as_pycocotools(tmp_path, rival, strict, last):
    import pickle

    path = tmp_path / "gt.json"
    path.write_text(json.dumps(plain_scene().gt))
    params = pickle.dumps(sys.modules[rival[1].__module__].Params("bbox"))  # as a file of pycocotools holds it
    code = UNDER_ITS_NAME.format(strict=strict, path=str(path), params=params)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == last


def test_modules_hold_no_other_names():
    import pymetrics.coco.coco
    import pymetrics.coco.cocoeval

    for module in (pymetrics.coco, pymetrics.coco.coco, pymetrics.coco.cocoeval):
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            _ = module.nothing
