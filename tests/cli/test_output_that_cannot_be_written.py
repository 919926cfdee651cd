"""The command line where standard output is full, closed, or not read; and words about what is not there yet."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pymetrics.evaluation.shapes import SHAPES


@pytest.fixture
def files(tmp_path):
    box = {"image_id": 1, "category_id": 3, "bbox": [10, 10, 50, 50]}
    gt = {
        "images": [{"id": 1}],
        "annotations": [box | {"id": 1, "iscrowd": 0, "area": 2500}],
        "categories": [{"id": 3, "name": "cat"}],
    }
    (tmp_path / "gt.json").write_text(json.dumps(gt))
    (tmp_path / "dt.json").write_text(json.dumps([box | {"score": 0.5}]))
    return tmp_path


def shell(folder, arguments, redirection):
    """Exit code, standard output and standard error of the command in a shell."""
    command = f"{shlex.quote(sys.executable)} -m pymetrics {arguments} {redirection}"
    done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


COMMANDS = ["eval --gt gt.json --dt dt.json", "eval --gt gt.json --dt dt.json --json -", "config", "demo --no-report"]
unix = pytest.mark.skipif(os.name != "posix", reason="a POSIX shell is needed")


@pytest.mark.cases(1)
@unix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("command", [*COMMANDS, "--version", "eval --help"])
def test_full(command, files):
    code, out, said = shell(files, command, "> /dev/full")
    assert (code, out) == (1, "")
    assert said.splitlines()[-1] == "pymetrics: cannot write the output: No space left on device"
    assert "Traceback" not in said


@unix
@pytest.mark.parametrize("command", COMMANDS)
def test_closed(command, files):
    assert shell(files, command, ">&-") == (
        1, "", "pymetrics: cannot write the output: standard output is closed\n"
    )  # fmt: skip


@unix
def test_closed_standard_error(files):
    code, out, _ = shell(files, COMMANDS[0], "2>&-")
    assert code == 0
    assert len(out.splitlines()) == 12  # the numbers alone


@unix
def test_output_that_is_not_read(files):
    _, _, said = shell(files, COMMANDS[0], "| true")
    assert "Traceback" not in said


def test_an_iou_type_that_is_not_there(files):
    command = [sys.executable, "-m", "pymetrics", "eval", "--gt", "gt.json", "--dt", "dt.json", "--iou-type", "box"]
    done = subprocess.run(command, cwd=files, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    names = ", ".join(map(repr, SHAPES))
    assert f"argument --iou-type: must be one of {names}, the only ones there are yet; got 'box'" in done.stderr
