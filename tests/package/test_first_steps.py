"""What a newcomer does first: the README's example, and make demo."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import pymetrics

ROOT = Path(__file__).resolve().parents[2]


def sample(folder):
    box = {"image_id": 1, "category_id": 3, "bbox": [10, 10, 50, 50]}
    gt = {
        "images": [{"id": 1}],
        "annotations": [box | {"id": 1, "iscrowd": 0, "area": 2500}],
        "categories": [{"id": 3, "name": "cat"}],
    }
    (folder / "gt.json").write_text(json.dumps(gt))
    (folder / "dt.json").write_text(json.dumps([box | {"score": 0.5}]))


def test_the_readmes_example_runs(tmp_path, monkeypatch, capsys):
    if not (ROOT / "README.md").exists():
        pytest.skip("not in the source folder")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    (code,) = [block for block in blocks if "pymetrics.evaluate(" in block and "Protocol(" in block]
    for keyword in ("max_dets=", "iou_thresholds=", "area_ranges=", "protocol="):
        assert keyword in code
    monkeypatch.chdir(tmp_path)
    sample(tmp_path)
    gt, dt = np.array([[1, 10, 10, 50, 50, 3]]), np.array([[1, 10, 10, 50, 40, 0.9, 3]])
    other = pymetrics.Accumulator()
    other.update(gt + np.eye(1, 6, dtype=int), dt + np.eye(1, 7))  # another image
    other_result = pymetrics.evaluate("gt.json", "dt.json")
    scope = {"gt_batch": gt, "dt_batch": dt, "other": other, "other_result": other_result}
    exec(code, scope)
    assert scope["acc"].n_images == 2
    assert "Average Precision" in capsys.readouterr().out


def test_make_says_how_long_it_takes_and_what_is_next(tmp_path):
    if shutil.which("make") is None or not (ROOT / "Makefile").exists():
        pytest.skip("needs make, and the source folder")
    for target, words in (
        ("demo", ("Compiling pymetrics; the first time this takes", "pymetrics eval --gt", "demo --out sample")),
        ("test", ("Compiling pymetrics and installing", "about eleven minutes")),
    ):
        command = ["make", "-n", target, f"VENV={tmp_path / 'venv'}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        for part in words:
            assert part in done.stdout, target
