"""The examples of training loops: what they print and write is what other evaluators say of the same model."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.examples import ROOT

pytestmark = pytest.mark.slow
Run = Callable[..., str]
N_EPOCHS = 2


@pytest.fixture
def shapes(need: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """examples/shapes.py."""
    need("torch")
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    import shapes

    yield shapes
    del sys.modules["shapes"]


def reference(need: Any, shapes: Any, weights: dict[str, Any]) -> dict[str, Any]:
    """What torchmetrics says of a detector on the images that the examples validate on."""
    torch, detection = need("torch"), need("torchmetrics.detection")
    model = shapes.Detector()
    model.load_state_dict(weights)
    model.eval()
    metric = detection.MeanAveragePrecision(class_metrics=True, backend="pycocotools")
    with torch.inference_mode():
        for images, targets in shapes.loader(shapes.Shapes(128, seed=1), 32):
            metric.update(model(images), targets)
    return dict(metric.compute())


def test_lightning(run: Run, need: Any, shapes: Any, tmp_path: Path) -> None:
    torch = need("torch")
    need("lightning")
    printed = run("train_lightning", "--epochs", N_EPOCHS, "--out", "logs")
    with open(tmp_path / "logs" / "metrics.csv") as file:
        epochs = [row for row in csv.DictReader(file) if row["val/map"]]
    assert [row["epoch"] for row in epochs] == ["0", "1"]
    best = max(epochs, key=lambda row: float(row["val/map"]))
    assert 0.1 < float(best["val/map"]) < 1
    assert float(best["val/map_large"]) == -1  # kept: no object is as large
    assert 0 < float(best["val/f1"]) < 1

    path = tmp_path / re.fullmatch(r".*in (\S+best.ckpt)\n", printed, re.DOTALL)[1]  # type: ignore[index]
    assert f"best AP {float(best['val/map']):.3f}" in printed
    saved = torch.load(path, weights_only=True)["state_dict"]
    weights = {name.removeprefix("model."): value for name, value in saved.items() if name.startswith("model.")}
    expected = reference(need, shapes, weights)
    for key in ("map", "map_50", "mar_100"):
        assert float(best[f"val/{key}"]) == pytest.approx(float(expected[key]), abs=1e-6)
    per_class = {name: float(best[f"val/map/{name}"]) for name in ("square", "disk")}
    assert list(per_class.values()) == pytest.approx(expected["map_per_class"].tolist(), abs=1e-6)


def test_the_reference_loop_of_torchvision(run: Run, need: Any, shapes: Any, tmp_path: Path) -> None:
    """The lines printed are those of pycocotools and of an Accumulator for the same model."""
    need("torchvision")
    pycocotools = need("pycocotools.cocoeval")
    printed = run("train_torchvision", "--epochs", 1, "--out", "model.pt")
    torch = need("torch")
    coco = need("pycocotools.coco")
    model = shapes.Detector()
    model.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    model.eval()
    images = shapes.Shapes(128, seed=1)
    gt, results = coco.COCO(), []
    gt.dataset = {"images": [{"id": i} for i in range(128)], "categories": [{"id": 1}, {"id": 2}], "annotations": []}
    with torch.inference_mode():
        for batch, targets in shapes.loader(images, 32):
            for found, target in zip(model(batch), targets, strict=True):
                for side, rows in ((target, gt.dataset["annotations"]), (found, results)):
                    scores = side["scores"].tolist() if "scores" in side else [None] * len(side["labels"])
                    boxes = side["boxes"].clone()
                    boxes[:, 2:] -= boxes[:, :2]
                    for box, label, score in zip(boxes.tolist(), side["labels"].tolist(), scores, strict=True):
                        row = {"image_id": target["image_id"], "category_id": label, "bbox": box, "iscrowd": 0}
                        rows.append({**row, "area": box[2] * box[3], "id": len(rows) + 1, "score": score})
    gt.createIndex()
    evaluation = pycocotools.COCOeval(gt, gt.loadRes(results), "bbox")
    evaluation.evaluate(), evaluation.accumulate(), evaluation.summarize()
    lines = [float(line.split()[-1]) for line in printed.splitlines() if "maxDets" in line]
    assert lines == [round(value, 3) for value in evaluation.stats]
    assert printed.splitlines()[-1] == f"epoch 0: AP {evaluation.stats[0]:.3f}"
    assert lines[1] > 0.3


def test_hugging_face(run: Run, need: Any) -> None:
    need("transformers"), need("accelerate"), need("scipy")
    printed = run("train_huggingface", "--epochs", N_EPOCHS)
    epochs = re.findall(r"^epoch (\d): AP (\d\.\d+), AP50 (\d\.\d+)$", printed, re.MULTILINE)
    assert [epoch for epoch, _, _ in epochs] == ["1", "2"]
    assert all(0 < float(ap) < float(ap50) < 1 for _, ap, ap50 in epochs)
    for key in ("eval_map/square", "eval_map/disk", "eval_mar_100"):
        assert printed.count(f"'{key}': ") == N_EPOCHS
