"""evaluate(protocol="lvis") beside LVISEval, which gives lvis-api's numbers (tests/coco/test_lvis.py)."""

import copy
import json

import numpy as np
import pytest
from helpers.lvis_scenes import make_lvis_scene, make_real_scene

import pymetrics
from pymetrics.coco import lvis

pytestmark = pytest.mark.filterwarnings("ignore:gt has images|dt", "ignore:.*left out:UserWarning")


def check(scene, iou_type, tmp_path):
    path = tmp_path / "gt.json"
    path.write_text(json.dumps(scene.gt))
    evaluation = lvis.LVISEval(str(path), copy.deepcopy(scene.dt), iou_type)
    evaluation.run()
    for gt in (str(path), scene.gt, evaluation.lvis_gt):
        result = pymetrics.evaluate(gt, scene.dt, iou_type, "lvis")
        assert result.stats.tolist() == [float(value) for value in evaluation.results.values()]
        assert result.precision[..., 0].tobytes() == evaluation.eval["precision"].tobytes()
        assert result.recall[..., 0].tobytes() == evaluation.eval["recall"].tobytes()
    return result, evaluation


def test_generated_scenes(backend, tmp_path):
    for seed in range(60 if backend == "native" else 20):
        with_masks = seed % 3 == 2
        result, evaluation = check(make_lvis_scene(seed, with_masks), "segm" if with_masks else "bbox", tmp_path)
    for name, value in evaluation.results.items():
        assert result[name] == value


def test_limit_of_an_image():
    for seed in range(20):
        scene = make_lvis_scene(seed)
        gt = lvis.LVIS.__new__(lvis.LVIS)
        gt.logger, gt.dataset = lvis.dataset.logger, copy.deepcopy(scene.gt)
        gt._create_index()
        evaluation = lvis.LVISEval(gt, lvis.LVISResults(gt, copy.deepcopy(scene.dt), max_dets=5), "bbox")
        evaluation.run()
        result = pymetrics.evaluate(scene.gt, scene.dt, protocol="lvis", max_dets=[5])
        assert result.stats.tolist() == [float(value) for value in evaluation.results.values()], seed


@pytest.mark.slow
@pytest.mark.parametrize("n", [100, 400])
def test_real_annotations(data, tmp_path, n):
    """Of 400 detections an image keeps 300."""
    gt = json.loads(data("lvis_val_100/lvis_val_100.json").read_text())
    result, _ = check(make_real_scene(gt, n=n), "bbox", tmp_path)
    assert 0 < result["map_rare"] < 1
    assert (
        str(result).splitlines()[6].startswith(" Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=300")
    )
    loaded = pymetrics.Result.load(_saved(result, tmp_path))
    assert loaded.stats.tobytes() == result.stats.tobytes()


def _saved(result, folder):
    result.save(folder / "result.pmr")
    return folder / "result.pmr"


def test_refused(tmp_path):
    scene = make_lvis_scene(1)
    with pytest.raises(ValueError, match="needs gt as a file of LVIS"):
        pymetrics.evaluate(np.zeros((1, 6)), np.zeros((1, 7)), protocol="lvis")
    with pytest.raises(ValueError, match="must not be federated"):
        pymetrics.Accumulator(protocol="lvis")
    with pytest.raises(ValueError, match="federated must be True or False, got 1"):
        pymetrics.Protocol(federated=1)
    del scene.gt["categories"][1]["frequency"]
    with pytest.raises(ValueError, match=r"gt\['categories'\]\[1\]\['frequency'\] must be one of r, c, f"):
        pymetrics.evaluate(scene.gt, scene.dt, protocol="lvis")
