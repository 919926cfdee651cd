"""pymetrics check: what it prints, its exit codes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers import layouts

import pymetrics
from pymetrics.cli import main

GT, DT = layouts.coco()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    gt = dict(GT, images=GT["images"][:2])
    faulty = dict(gt, annotations=[dict(row, id=0) for row in GT["annotations"]])
    doubtful = dict(gt, annotations=[*GT["annotations"], dict(GT["annotations"][0], id=9)])
    for name, content in (("gt", gt), ("faulty", faulty), ("doubtful", doubtful), ("dt", DT)):
        Path(f"{name}.json").write_text(json.dumps(content))
    return tmp_path


def test_nothing_is_wrong(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "gt.json", "dt.json", "--strict"]) == 0
    assert capsys.readouterr() == ("nothing is wrong\n", "")


def test_errors_and_warnings(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "faulty.json"]) == 3
    out, err = capsys.readouterr()
    assert out == f"{pymetrics.check('faulty.json')}\n"
    assert out.startswith("error: 4 annotations have the id 0 (id 0, id 0, id 0, id 0): pycocotools, and evaluate, ")
    assert err == "pymetrics: 2 kinds of errors and 0 kinds of warnings in 'faulty.json'\n"
    assert main(["check", "doubtful.json"]) == 0
    assert capsys.readouterr().out.startswith("warning: 1 annotations have the image, category and box of another one")
    assert main(["check", "doubtful.json", "--strict"]) == 3


def test_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "doubtful.json", "--json", "-"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["counts"] == {"error": 0, "warning": 1, "note": 0}
    assert found["findings"][0]["examples"] == [{"id": 9, "as": 1}]
    assert err.startswith("warning: 1 annotations")


def test_a_folder(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, found = layouts.yolo(here)
    assert main(["check", str(data), str(found), "--split", "val"]) == 0
    assert capsys.readouterr().out == (
        "note: 1 images have no annotation (image 3): all detections there are wrong ones\n"
    )
    layouts.openimages(here)
    layouts.write_images(here / "images")
    assert main(["check", "boxes.csv", "results.csv", "--format", "openimages", "--image-sizes", "images"]) == 0
    assert capsys.readouterr().out == "nothing is wrong\n"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["absent.json"], 2, "argument GT: no such file or folder: 'absent.json'"),
        (["gt.json", "absent.json"], 2, "argument DT: no such file or folder: 'absent.json'"),
        (["gt.json", "--format", "x"], 2, "argument --format: must be one of coco, yolo"),
        (["dt.json"], 1, "pymetrics: check of dt.json failed: gt: 'dt.json' must hold a COCO dict, got list"),
    ],
)
def test_what_is_refused(here, capsys, arguments, code, words) -> None:
    try:
        found = main(["check", *arguments])
    except SystemExit as error:
        found = error.code
    assert found == code
    assert words in capsys.readouterr().err
