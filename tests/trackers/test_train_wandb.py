"""The loop of docs/wandb.md runs offline, and every epoch is in the run's file."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.offline import OFFLINE
from helpers.wandb_files import history_of

ROOT = Path(__file__).resolve().parents[2]

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
        env["WANDB_MODE"] = "offline"
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        assert "Warning" not in done.stderr, done.stderr
        (path,) = folder.glob("wandb/offline-run-*/*.wandb")
        return done.stdout, path

    return call


def test_the_loop_of_the_documentation(train):
    loop = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "wandb.md").read_text(encoding="utf-8"), re.DOTALL)[1]
    history = history_of(train("-c", PROLOGUE + loop)[1])
    assert ["epoch" in row for row in history] == [False, False, False, True] * 2
    assert history[-1]["val/map/person"] == history[-1]["val/map"] == pytest.approx(1)
