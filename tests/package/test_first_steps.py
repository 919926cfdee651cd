"""What a newcomer meets first: the README, and make demo."""

import re
import shutil
import subprocess
from pathlib import Path

from helpers.absent import need

ROOT = Path(__file__).resolve().parents[2]


def test_the_readme_shows_how_to_count_otherwise():
    """tests/documents/ runs it."""
    need((ROOT / "README.md").exists(), "source", "not in the source folder")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    (code,) = [block for block in blocks if "pymetrics.evaluate(" in block and "Protocol(" in block]
    for keyword in ("max_dets=", "iou_thresholds=", "area_ranges=", "protocol="):
        assert keyword in code


def test_make_says_how_long_it_takes_and_what_is_next(tmp_path):
    need(shutil.which("make") is not None, "make", "make is not there")
    need((ROOT / "Makefile").exists(), "source", "not in the source folder")
    for target, words in (
        (
            "demo",
            ("Compiling pymetrics; the first time this takes", "pymetrics eval GT.json DT.json", "pymetrics demo"),
        ),
        ("test", ("Compiling pymetrics and installing", "about fourteen minutes")),
    ):
        command = ["make", "-n", target, f"VENV={tmp_path / 'venv'}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        for part in words:
            assert part in done.stdout, target
