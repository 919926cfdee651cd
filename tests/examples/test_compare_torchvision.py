"""examples/compare_torchvision.py on a small set in Penn-Fudan's layout: its report and Comet's archives read back."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pymetrics

pytestmark = pytest.mark.slow
MODELS = {
    "Faster R-CNN, ResNet-50": "fasterrcnn_resnet50_fpn",
    "Faster R-CNN, MobileNet": "fasterrcnn_mobilenet_v3_large_fpn",
    "Mask R-CNN": "maskrcnn_resnet50_fpn",
    "RetinaNet": "retinanet_resnet50_fpn",
    "FCOS": "fcos_resnet50_fpn",
}
N_IMAGES, HEIGHT, WIDTH = 3, 96, 80
LINE = r"^{}: AP (\d\.\d{{3}}), (\S+) ms an image \(p90 (\S+)\), 1 a call, cpu, 1 threads, (\S+) M parameters"


def draw_people(folder: Path, image: Any) -> None:
    """Bright upright rectangles on noise: image i holds 1 + i of them."""
    rng = np.random.default_rng(0)
    (folder / "PNGImages").mkdir(parents=True)
    (folder / "PedMasks").mkdir()
    for i in range(N_IMAGES):
        pixels = rng.integers(0, 90, (HEIGHT, WIDTH, 3), np.uint8)
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        for number in range(1, 2 + i):
            x, y = 25 * number - 20, int(rng.integers(0, HEIGHT - 45))
            pixels[y : y + 45, x : x + 18] = rng.integers(100, 255, 3)
            mask[y : y + 45, x : x + 18] = number
        image.fromarray(pixels).save(folder / "PNGImages" / f"FudanPed{i:05}.png")
        image.fromarray(mask).save(folder / "PedMasks" / f"FudanPed{i:05}_mask.png")


@pytest.fixture(scope="module")
def compared(need: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What was printed, and the folder that was written."""
    from helpers.examples import run_in

    for name in ("torchvision", "comet_ml"):
        need(name)
    folder = tmp_path_factory.mktemp("pedestrians")
    draw_people(folder / "PennFudanPed", need("PIL.Image"))
    settings = ("--size", 64, "--calls", 1, "--seconds", 0)
    return run_in(folder, "compare_torchvision", "PennFudanPed", *settings), folder / "comparison"


def test_each_model_is_evaluated_and_timed(compared: Any, need: Any) -> None:
    printed, _ = compared
    for title, name in MODELS.items():
        with need("torch").device("meta"):
            model = need("torchvision").models.get_model(name, weights=None, weights_backbone=None, num_classes=2)
        found = re.search(LINE.format(re.escape(title)), printed, re.MULTILINE)
        assert found is not None, printed
        assert 0 <= float(found[1]) < 0.5
        assert 0 < float(found[2]) <= float(found[3])
        assert found[4] == f"{sum(p.numel() for p in model.parameters()) / 1e6:.1f}"
    assert "Mask R-CNN, masks: AP " in printed
    assert printed.count("between Faster R-CNN, ResNet-50 and") == 4


def test_the_report_is_read_back(compared: Any) -> None:
    printed, folder = compared
    reports = pymetrics.read_report(folder / "report.html")
    assert list(reports) == list(MODELS)
    for title, report in reports.items():
        found = re.search(LINE.format(re.escape(title)), printed, re.MULTILINE)
        assert found is not None, printed
        cost = report.tables["cost"]
        assert f"{report.scalars['map']:.3f}" == found[1]
        assert [f"{cost['latency_ms']:.1f}", f"{cost['parameters'] / 1e6:.1f}"] == [found[2], found[4]]


def test_comets_archives_are_read_back(compared: Any) -> None:
    """The twelve numbers, F1, curves, images with boxes, a table per image, and the costs, of each model."""
    printed, folder = compared
    archives = sorted(folder.glob("*.zip"))
    assert len(archives) == len(MODELS)
    maps = []
    for path in archives:
        with zipfile.ZipFile(path) as archive:
            messages = [json.loads(line) for line in archive.read("messages.json").splitlines()]
        logged = [m["payload"]["metric"] for m in messages if m["type"] == "metric_msg"]
        metrics = {metric["metricName"]: metric["metricValue"] for metric in logged}
        files = [m["payload"] for m in messages if m["type"] == "file_upload"]
        maps.append(f"{metrics['val/map']:.3f}")
        assert {"val/map_50", "val/mar_100", "cost/latency_ms", "cost/parameters"} <= metrics.keys()
        names = {kind: set() for kind in ("curve", "asset", "visualization")}  # type: dict[str, set[str]]
        for file in files:
            parameters = file["additional_params"]
            names.setdefault(file["upload_type"], set()).add(parameters.get("figName") or parameters.get("fileName"))
        assert {"val/pr_50/mean", "val/pr_50/person"} <= names["curve"]
        if metrics["val/map_50"] > 0:  # something is right, so that F1 is defined
            assert "val/f1" in metrics
            assert "val/confidence/f1" in names["curve"]
        assert "val/per_image.csv" in names["asset"]
        assert names["visualization"] == {f"FudanPed{i:05}.png" for i in range(N_IMAGES)}
        assert all(file["metadata"]["annotations"] for file in files if file["upload_type"] == "visualization")
    assert sorted(maps) == sorted(re.findall(r": AP (\d\.\d{3}), ", printed))
