"""iscrowd is 0 or 1 for pymetrics.evaluate; COCOeval and MeanAveragePrecision keep the rules of their libraries."""

import contextlib
import copy
import io
import json
import re

import numpy as np
import pytest

import pymetrics
from pymetrics.coco import COCO, COCOeval

GT = {
    "images": [{"id": 1}, {"id": 2}],
    "categories": [{"id": 3, "name": "cat"}],
    "annotations": [
        {"id": i, "image_id": 1 + i % 2, "category_id": 3, "bbox": [10 * i, 10, 50, 50], "area": 2500, "iscrowd": 0}
        for i in range(1, 7)
    ],
}
DT = [{"image_id": 1 + i % 2, "category_id": 3, "bbox": [10 * i, 10, 50, 45], "score": 1 / i} for i in range(1, 9)]
OTHER = [0.5, -1, 2, -0.5, 1e300, 1e999, -1e-300, 255, 257]
FLAGS = [0, 1, True, False, 0.0, 1.0, -0.0]


def scene(value):
    gt = copy.deepcopy(GT)
    gt["annotations"][3]["iscrowd"] = value
    return gt


def quietly(call, *args, **options):
    with contextlib.redirect_stdout(io.StringIO()):
        return call(*args, **options)


def write(folder, gt):
    (folder / "gt.json").write_text(json.dumps(gt))  # 1e999 as Infinity
    (folder / "dt.json").write_text(json.dumps(DT))
    return str(folder / "gt.json"), str(folder / "dt.json")


@pytest.mark.parametrize("value", OTHER)
def test_refused_by_evaluate(value, backend, tmp_path):
    gt = scene(value)
    gt_path, dt_path = write(tmp_path, gt)
    words = re.escape(f"gt['annotations'][3]['iscrowd'] must be 0 or 1, got {value}")
    sources = {"dict": gt, "path": gt_path, "COCO of a file": quietly(COCO, gt_path)}
    opened = quietly(COCO, gt_path)
    assert len(opened.anns) == 6
    sources |= {"COCO opened": opened}
    for name, source in sources.items():
        with pytest.raises(ValueError, match=words):
            pymetrics.evaluate(source, dt_path)
        with pytest.raises(ValueError, match=words):
            pymetrics.Accumulator().update(source, dt_path)
        assert name


@pytest.mark.parametrize("value", FLAGS)
def test_taken_by_evaluate(value, backend, tmp_path):
    gt_path, dt_path = write(tmp_path, scene(value))
    stats = {pymetrics.evaluate(source, DT).stats.tobytes() for source in (scene(value), gt_path, scene(int(value)))}
    assert len(stats) == 1
    assert stats == {pymetrics.evaluate(quietly(COCO, gt_path), dt_path).stats.tobytes()}


def coco_stats(coco_class, eval_class, paths):
    gt = coco_class(paths[0])
    evaluation = eval_class(gt, gt.loadRes(paths[1]), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation.stats


@pytest.mark.parametrize("value", [2, 255, 0.5, -0.5])
def test_cocoeval_follows_pycocotools(value, backend, tmp_path, need):
    need("pycocotools")
    import pycocotools.coco
    import pycocotools.cocoeval

    paths = write(tmp_path, scene(value))
    ours = quietly(coco_stats, COCO, COCOeval, paths)
    theirs = quietly(coco_stats, pycocotools.coco.COCO, pycocotools.cocoeval.COCOeval, paths)
    assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("value", [-1, 2])
def test_cocoeval_takes_any_number(value, backend, tmp_path):
    """-1, too (CROWD_BELOW_0): pycocotools raises OverflowError."""
    ours, crowd = (quietly(coco_stats, COCO, COCOeval, write(tmp_path, scene(v))) for v in (value, 1))
    assert ours.tobytes() == crowd.tobytes()


def per_image(crowd):
    gt = [{"boxes": [[0, 0, 9, 9], [5, 5, 20, 20]], "labels": [1, 1], "iscrowd": [0, 0]} for _ in range(3)]
    gt[2]["iscrowd"] = crowd
    return gt, [{"boxes": [[0, 0, 9, 9]], "labels": [1], "scores": [0.5]}] * 3


@pytest.mark.parametrize("value", [0.5, -1, 2])
def test_other_sources(value):
    gt, dt = per_image([0, value])
    for convert in (list, np.array):
        gt[2]["iscrowd"] = convert([0, value])
        with pytest.raises(ValueError, match=re.escape(f"gt[2]['iscrowd'][1] must be 0 or 1, got {value}")):
            pymetrics.evaluate(gt, dt)
        with pytest.raises(ValueError, match=re.escape(f"GroundTruths.crowd[1] must be 0 or 1, got {value}")):
            pymetrics.GroundTruths(
                image=[0, 0], boxes=[[0, 0, 9, 9], [5, 5, 20, 20]], labels=[1, 1], crowd=convert([0, value])
            )


def test_mean_average_precision_keeps_torchmetrics_rule(need):
    torch = need("torch")
    need("torchmetrics")
    from pymetrics.detection import MeanAveragePrecision

    def tensors(crowd):
        gt, dt = per_image([0, crowd])
        return [{k: torch.tensor(v) for k, v in d.items()} for d in dt], [
            {k: torch.tensor(v) for k, v in d.items()} for d in gt
        ]

    values = []
    for crowd in (2, 1):
        metric = MeanAveragePrecision()
        metric.update(*tensors(crowd))
        values.append(metric.compute()["map"].item())
    assert values[0] == values[1]


@pytest.mark.parametrize("value", [1, 2, -1])
def test_tensors_on_a_device(value, need, lacking, monkeypatch):
    """Data that a GPU's part does not take goes to the host's readers, which name the row."""
    torch = need("torch")
    from cuda_emu import emulated

    from pymetrics import _config
    from pymetrics.kernels import arrays

    if emulated.why_not():
        lacking("cuda_emu", emulated.why_not())
    monkeypatch.setattr(_config, "cuda", emulated.module())
    monkeypatch.setattr(arrays, "DEVICES", {"cpu"})
    gt, dt = per_image([0, value])
    gt, dt = ([{name: torch.tensor(v) for name, v in item.items()} for item in side] for side in (gt, dt))
    if value == 1:
        assert pymetrics.evaluate(gt, dt)["map"] >= 0
        return
    with pytest.raises(ValueError, match=re.escape(f"gt[2]['iscrowd'][1] must be 0 or 1, got {value}")):
        pymetrics.evaluate(gt, dt)
