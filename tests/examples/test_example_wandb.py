"""examples/train_wandb.py runs offline, and what it logs in every epoch is in the run's file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from helpers.absent import need_module
from helpers.examples import run_in
from helpers.wandb_files import history_of, inspect

N_EPOCHS = 2
LINE = r"epoch (\d): loss \d+\.\d{3}, AP (\S+), precision (\S+), recall (\S+), F1 (\S+)"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Path]:
    """The lines that were printed, and the file of the run."""
    need_module("torch"), need_module("wandb")
    folder = tmp_path_factory.mktemp("train")
    printed = run_in(folder, "train_wandb", "--epochs", N_EPOCHS)
    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    return printed.splitlines(), path


def test_it_learns_and_prints_the_table(example: Any) -> None:
    lines, path = example
    assert len(lines) == N_EPOCHS + 12
    assert lines[N_EPOCHS].startswith(" Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.")
    assert float(lines[N_EPOCHS + 1].split()[-1]) > 0.3  # AP50; .58 where this was written
    assert (path.parents[2] / "best.pt").exists()


def test_every_epoch_is_in_the_file(example: Any) -> None:
    lines, path = example
    history = history_of(path)
    assert len(history) == N_EPOCHS * (512 // 16 + 1)  # nothing was dropped
    assert all("train/loss" in row or "epoch" in row for row in history)
    epochs = [row for row in history if "epoch" in row]
    for i, (row, line) in enumerate(zip(epochs, lines, strict=False)):
        assert row["epoch"] == i
        numbers = [f"{row[f'val/{key}']:.3f}" for key in ("map", "precision", "recall", "f1")]
        assert list(re.fullmatch(LINE, line).groups()) == [str(i), *numbers]  # type: ignore[union-attr]
        assert {"val/map_50", "val/map_75", "val/mar_100", "val/map/square", "val/map/disk"} <= row.keys()
        assert "val/map_large" not in row  # undefined: no object is as large
    summary = json.loads(inspect(path, "--summary"))["summary"]
    values = [row["val/map"] for row in epochs]
    assert summary["val/map"] == values[-1]
    assert (summary["val/map_best"], summary["val/map_best_epoch"]) == (max(values), values.index(max(values)))
    assert summary["epoch"] == N_EPOCHS - 1


def test_charts_and_tables_are_in_the_file(example: Any) -> None:
    path = example[1]
    table = json.loads(next(path.parent.glob("files/media/table/val/pr_50_table_*.json")).read_text())
    assert table["columns"] == ["class", "recall", "precision"]
    assert {row[0] for row in table["data"][::101]} == {"mean", "square", "disk"}
    records = [json.loads(line) for line in inspect(path).splitlines()]
    configs = [record["config"]["update"] for record in records if record["type"] == "config"]
    charts = {key for config in configs for key in config if "_wandb.visualize" in key}
    assert charts == {f"_wandb.visualize.val/{name}" for name in ("pr_50", "confidence", "confusion")}
    assert history_of(path)[-1]["val/per_image.nrows"] == 128


def test_images_with_layers_of_boxes_are_in_the_file(example: Any) -> None:
    media = example[1].parent / "files" / "media"
    last = history_of(example[1])[-1]
    assert [last[f"val/images.{key}"] for key in ("width", "height", "count")] == [80, 80, 16]
    layers = {"ground_truth", "true_positives", "false_positives", "misses"}
    assert all(set(image) == layers for image in last["val/images.all_boxes"])
    assert len(list((media / "images" / "val").iterdir())) >= 16
    boxes = [json.loads(path.read_text()) for path in (media / "metadata" / "boxes2D" / "val").iterdir()]
    found = [box for file in boxes for box in file["box_data"]]
    assert {box["class_id"] for box in found} == {1, 2}
    assert all(box["position"]["minX"] < box["position"]["maxX"] for box in found)
    assert any("square" in box["box_caption"] for box in found)
