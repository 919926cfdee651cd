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


def test_demo_prints_both_tables_and_says_what_they_are(capsys):
    assert main(["demo"]) == 0
    out, err = capsys.readouterr()
    assert "GENERATED" in out.splitlines()[0]
    assert out.count(" Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ]") == 2
    assert "sharp" in out.splitlines()[-2]
    assert "hasty" in out.splitlines()[-1]
    assert err == ""


def test_demo_writes_files_that_evaluate_to_the_same(tmp_path, capsys, sample):
    folder = tmp_path / "a b"
    assert main(["demo", "--out", str(folder)]) == 0
    out, err = capsys.readouterr()
    command = shlex.split(err.partition("try: ")[2])
    assert command[0] == "pymetrics"
    assert json.loads((folder / "gt.json").read_text()) == sample[0]
    assert main(command[1:]) == 0
    table = capsys.readouterr().out
    assert [line.split()[1:] for line in table.splitlines()[1:]] == [line.split()[1:] for line in out.splitlines()[-2:]]


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
