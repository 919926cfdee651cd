"""The generated sample of `pymetrics demo`."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pymetrics
from pymetrics import demo
from pymetrics.cli import main
from pymetrics.cli.demo import own_name
from pymetrics.report import read_report


@pytest.fixture(scope="module")
def sample():
    return demo.generate()


def test_a_seed_gives_one_sample(sample):
    assert demo.generate() == sample
    assert demo.generate(1) != sample


def test_the_sample_is_plain_coco(sample):
    ground_truth, detections = sample
    assert json.loads(json.dumps(sample)) == [ground_truth, detections]  # no numpy, no tuples
    assert "generated" in ground_truth["info"]["description"]
    images = {image["id"] for image in ground_truth["images"]}
    categories = {category["id"] for category in ground_truth["categories"]}
    assert len({annotation["id"] for annotation in ground_truth["annotations"]}) == len(ground_truth["annotations"])
    assert min(annotation["id"] for annotation in ground_truth["annotations"]) > 0
    for item in ground_truth["annotations"] + detections["sharp"] + detections["hasty"]:
        assert item["image_id"] in images
        assert item["category_id"] in categories
        assert len(item["bbox"]) == 4
        assert min(item["bbox"][2:]) > 0
    assert all(0 < item["score"] < 1 for found in detections.values() for item in found)


def test_the_sample_has_every_kind_of_object(sample):
    annotations = sample[0]["annotations"]
    area = np.array([annotation["area"] for annotation in annotations])
    assert min(np.histogram(area, [0, 32**2, 96**2, 1e9])[0]) > 50
    assert 0 < sum(annotation["iscrowd"] for annotation in annotations) < 40
    assert len({annotation["image_id"] for annotation in annotations}) < demo.N_IMAGES  # empty images, too


def test_one_detector_is_clearly_better(sample):
    ground_truth, detections = sample
    results = {name: pymetrics.evaluate(ground_truth, found) for name, found in detections.items()}
    assert results["sharp"]["map"] > results["hasty"]["map"] + 0.1 > 0.1
    assert min(results["sharp"].stats) > 0.1
    assert max(results["sharp"].stats) < 0.95


@pytest.fixture
def ours(monkeypatch, tmp_path):
    """The working folder, and a command that the shell finds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pymetrics"])
    return tmp_path


def test_demo_prints_both_tables_and_says_what_they_are(ours, capsys):
    assert main(["demo", "--no-report"]) == 0
    out, err = capsys.readouterr()
    assert "GENERATED" in out.splitlines()[0]
    assert out.count(" Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ]") == 2
    assert "sharp" in out.splitlines()[-2]
    assert "hasty" in out.splitlines()[-1]
    assert (
        err == "try: pymetrics eval pymetrics-demo/gt.json pymetrics-demo/dt_sharp.json pymetrics-demo/dt_hasty.json\n"
    )
    assert sorted(path.name for path in (ours / "pymetrics-demo").iterdir()) == [
        "dt_hasty.json", "dt_sharp.json", "gt.json"
    ]  # fmt: skip


def test_demo_writes_files_that_evaluate_to_the_same(ours, tmp_path, capsys, sample):
    folder = tmp_path / "a b"
    assert main(["demo", "--no-report", "--out", str(folder)]) == 0
    out, err = capsys.readouterr()
    command = shlex.split(err.partition("try: ")[2])
    assert command[0] == "pymetrics"
    assert json.loads((folder / "gt.json").read_text()) == sample[0]
    assert main(command[1:]) == 0
    table = capsys.readouterr().out
    assert [line.split()[1:] for line in table.splitlines()[1:]] == [line.split()[1:] for line in out.splitlines()[-2:]]


def test_demo_writes_its_report_with_pictures(ours, capsys, sample, need):
    need("PIL")
    assert main(["demo"]) == 0
    out, err = capsys.readouterr()
    folder = ours / "pymetrics-demo"
    assert out.splitlines()[-1] == "The report is pymetrics-demo/report.html: open it in a browser."
    assert len(list((folder / "images").iterdir())) == demo.N_IMAGES
    page = (folder / "report.html").read_text()
    assert page.count("data:image/webp;base64,") == 48
    found = read_report(folder / "report.html")
    assert {name: one.scalars["map"] for name, one in found.items()} == {
        name: pymetrics.evaluate(sample[0], detections)["map"] for name, detections in sample[1].items()
    }
    command = shlex.split(err.partition("try: ")[2])
    assert main(command[1:]) == 0  # it works as it stands
    assert (ours / "report.html").read_text().count("data:image/webp;base64,") == 48


def test_demo_without_pillow(ours, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert main(["demo"]) == 0
    err = capsys.readouterr().err
    assert err.startswith("no pictures: Pillow draws them, which is not installed (the extra images)\ntry: ")
    assert "--images" not in err
    assert "data:image" not in (ours / "pymetrics-demo" / "report.html").read_text()


def test_how_the_command_was_called(ours, monkeypatch):
    assert own_name() == ["pymetrics"]
    bin = ours / "bin"
    bin.mkdir()
    (bin / "pymetrics").write_text("#!/bin/sh\n")
    (bin / "pymetrics").chmod(0o755)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "argv", ["bin/pymetrics"])
    assert own_name() == ["bin/pymetrics"]
    monkeypatch.setenv("PATH", str(bin))
    assert own_name() == ["pymetrics"]
    monkeypatch.setattr(sys, "argv", [pymetrics.__file__.replace("__init__", "__main__")])
    assert own_name() == [sys.executable, "-m", "pymetrics"]


def test_demo_cannot_write_over_a_file(tmp_path, capsys):
    (tmp_path / "taken").write_text("")
    with pytest.raises(SystemExit) as exit_:
        main(["demo", "--out", str(tmp_path / "taken")])
    assert exit_.value.code == 2
    assert "--out" in capsys.readouterr().err


def test_the_example_runs_on_the_sample(tmp_path, sample):
    gt, dt, _ = demo.write(tmp_path, *sample)
    script = Path(__file__).resolve().parents[2] / "examples" / "evaluate_coco.py"
    done = subprocess.run([sys.executable, script, gt, dt], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{pymetrics.evaluate(gt, dt)}\n")
    assert "the weakest categories" in done.stdout
