"""The loops of examples/train_wandb.py and docs/wandb.md run offline, and every epoch is in the run's file."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.offline import OFFLINE
from helpers.wandb_files import history_of, inspect

ROOT = Path(__file__).resolve().parents[2]
N_EPOCHS = 2

pytestmark = pytest.mark.slow

# What the documentation's loop finds already there.
PROLOGUE = """
import torch

n_epochs, names = 2, {1: "person"}
val_loader = [(None, [{"boxes": torch.tensor([[0.0, 0.0, 9.0, 9.0]]), "labels": torch.tensor([1])}])]
model = lambda images: [{**target, "scores": torch.ones(1)} for target in val_loader[0][1]]
train_one_epoch = lambda model, run: [run.log({"train/loss": 1.0}) for _ in range(3)]
"""


@pytest.fixture(scope="module")
def train(need, tmp_path_factory):
    """train(arguments of Python): what it printed, and the file of its run."""
    need("torch")
    need("wandb")

    def call(*arguments):
        folder = tmp_path_factory.mktemp("train")
        env = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
        env |= OFFLINE | {"WANDB_DIR": str(folder), "WANDB_DATA_DIR": str(folder / "data"), "OMP_NUM_THREADS": "1"}
        if arguments[0] == "-c":
            env["WANDB_MODE"] = "offline"  # the example sees to that itself
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        assert "Warning" not in done.stderr, done.stderr
        (path,) = folder.glob("wandb/offline-run-*/*.wandb")
        return done.stdout, path

    return call


@pytest.fixture(scope="module")
def example(train):
    return train(str(ROOT / "examples" / "train_wandb.py"), f"--epochs={N_EPOCHS}")


def test_the_example_learns_and_prints_the_table(example):
    lines = example[0].splitlines()
    assert [line.split(":")[0] for line in lines[:N_EPOCHS]] == ["epoch 0", "epoch 1"]
    assert len(lines) == N_EPOCHS + 12
    assert lines[N_EPOCHS].startswith(" Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.")
    assert float(lines[N_EPOCHS + 1].split()[-1]) > 0.3  # AP50; .57 where this was written


def test_every_epoch_is_in_the_file(example):
    printed, path = example
    history = history_of(path)
    assert len(history) == N_EPOCHS * (512 // 16 + 1)  # nothing was dropped
    assert all("train/loss" in row or "epoch" in row for row in history)
    epochs = [row for row in history if "epoch" in row]
    for i, (row, line) in enumerate(zip(epochs, printed.splitlines(), strict=False)):
        assert row["epoch"] == i
        assert f"AP {row['val/map']:.3f}, AP50 {row['val/map_50']:.3f}" in line
        assert {"val/map_75", "val/mar_100", "val/map/square", "val/map/disk"} <= row.keys()
        assert "val/map_large" not in row  # undefined: no object is as large
    summary = json.loads(inspect(path, "--summary"))["summary"]
    values = [row["val/map"] for row in epochs]
    assert summary["val/map"] == values[-1]
    assert (summary["val/map_best"], summary["val/map_best_epoch"]) == (max(values), values.index(max(values)))
    assert summary["epoch"] == N_EPOCHS - 1


def test_the_charts_are_in_the_file(example):
    path = example[1]
    keys = ("val/pr_50", "val/pr_75", "val/confidence")
    for key in keys[:2]:
        table = json.loads(next(path.parent.glob(f"files/media/table/{key}_table_*.json")).read_text())
        assert table["columns"] == ["class", "recall", "precision"]
        names = [row[0] for row in table["data"][::101]]  # of the classes that with more objects first
        assert (names[0], sorted(names[1:])) == ("mean", ["disk", "square"])
    records = [json.loads(line) for line in inspect(path).splitlines()]
    configs = [record["config"]["update"] for record in records if record["type"] == "config"]
    charts = {key: value for config in configs for key, value in config.items() if "_wandb.visualize" in key}
    assert charts.keys() == {f"_wandb.visualize.{key}" for key in keys}
    assert {chart["panel_config"]["panelDefId"] for chart in charts.values()} == {"wandb/area-under-curve/v0"}


def test_the_loop_of_the_documentation(train):
    loop = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "wandb.md").read_text(encoding="utf-8"), re.DOTALL)[1]
    history = history_of(train("-c", PROLOGUE + loop)[1])
    assert ["epoch" in row for row in history] == [False, False, False, True] * 2
    assert history[-1]["val/map/person"] == history[-1]["val/map"] == pytest.approx(1)
