"""pymetrics convert: what it writes, says and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers import layouts

import pymetrics
from pymetrics import cli

GT, DT = layouts.coco()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, content in (("gt.json", GT), ("dt.json", DT)):
        Path(name).write_text(json.dumps(content))
    return tmp_path


@pytest.mark.filterwarnings("default::UserWarning")
def test_there_and_back(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ["gt.json", "data", "--to", "yolo"],
        ["dt.json", "found", "--to", "yolo", "--gt", "gt.json"],
        ["data", "back.json", "--to", "coco", "--split", "val"],
        ["found", "back_dt.json", "--to", "coco", "--gt", "data/data.yaml"],
    ):
        assert cli.main(["convert", *arguments]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        "data: 4 objects of 3 images",
        "found: 5 detections of 3 images",
        "back.json: 4 objects of 3 images",
        "back_dt.json: 5 detections of 3 images",
    ]
    assert printed.err == (
        "pymetrics: warning: YOLO does not hold 4 masks; iou_type='segm' (--iou-type segm) keeps masks\n"
    )
    wanted = pymetrics.evaluate(GT, DT).stats.tobytes()
    assert pymetrics.evaluate("back.json", "back_dt.json").stats.tobytes() == wanted


def test_sizes_sides_and_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layouts.openimages(here)
    layouts.write_images(here / "images")
    command = ["convert", "boxes.csv", "oi.json", "--to", "coco", "--image-sizes", "images", "--json", "-"]
    assert cli.main([*command, "--side", "gt", "--format", "openimages"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"path": "oi.json", "side": "gt", "n_images": 2, "n_objects": 4, "lost": {}}
    assert printed.err == "oi.json: 4 objects of 2 images\n"
    assert cli.main(command) == 1
    assert "target 'oi.json' is there: say overwrite=True (--overwrite)" in capsys.readouterr().err
    assert cli.main([*command, "--overwrite"]) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["gt.json", "out"], 2, "the following arguments are required: --to"),
        (["gt.json", "out", "--to", "darknet"], 2, "argument --to: must be one of coco, yolo, voc, cvat, openimages"),
        (["gt.json", "out", "--to", "voc", "--format", "x"], 2, "argument --format: must be one of coco, yolo"),
        (["gt.json", "out", "--to", "yolo", "--iou-type", "obb"], 2, "argument --iou-type: must be one of bbox, segm"),
        (["no.json", "out", "--to", "voc"], 2, "argument SOURCE: no such file or folder: 'no.json'"),
        (["dt.json", "out", "--to", "voc", "--gt", "no"], 2, "argument --gt: no such file or folder: 'no'"),
        (["dt.json", "out", "--to", "voc"], 1, "pymetrics: conversion of dt.json failed: source holds results"),
        (["gt.json", "out", "--to", "coco"], 1, "conversion of gt.json failed: source is COCO JSON already"),
    ],
)
def test_what_is_refused(here, capsys, arguments, code, words) -> None:
    try:
        found = cli.main(["convert", *arguments])
    except SystemExit as error:
        found = error.code
    assert found == code
    assert words in capsys.readouterr().err
    assert not Path("out").exists()
