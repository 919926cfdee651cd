"""The examples that evaluate files: their numbers are those of the same boxes as COCO JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import layouts
from helpers.examples import ROOT, run_in

import pymetrics
from pymetrics import cli


@pytest.fixture(autouse=True)
def in_the_source_folder() -> None:
    if not (ROOT / "examples").exists():
        pytest.skip("not in the source folder")


@pytest.mark.parametrize("first", [0, 1])
def test_ultralytics(first: int, tmp_path: Path) -> None:
    """predictions.json as Ultralytics 8.4.190 writes it: names of files as ids, classes from 1 on."""
    gt, results = layouts.coco()
    data, _ = layouts.yolo(tmp_path)
    names = {image["id"]: image["file_name"].partition(".")[0] for image in gt["images"]}
    rows = [
        {**row, "image_id": names[row["image_id"]], "category_id": row["category_id"] + first,
         "file_name": names[row["image_id"]] + ".png"}
        for row in results
    ]  # fmt: skip
    (tmp_path / "predictions.json").write_text(json.dumps(rows))
    arguments: list[Any] = [] if first else ["--first", 0]
    printed = run_in(tmp_path, "evaluate_ultralytics", data / "data.yaml", "predictions.json", *arguments)
    expected = pymetrics.evaluate(gt, results)
    assert printed.startswith(str(expected))
    assert expected["map"] > 0.3
    best = expected.best_threshold("f1")
    assert f"best F1 {best.f:.3f} at score {best.threshold}: " in printed
    for row in expected.at(best.threshold).per_class:
        assert f"  {row['name']}: {row['tp']} right, {row['fp']} wrong, {row['fn']} missed" in printed
    assert repr(pymetrics.analysis.ultralytics(expected)) in printed


def test_ultralytics_beside_coco_json(tmp_path: Path) -> None:
    gt, results = layouts.coco()
    (tmp_path / "gt.json").write_text(json.dumps(gt))
    (tmp_path / "predictions.json").write_text(json.dumps(results))
    printed = run_in(tmp_path, "evaluate_ultralytics", "gt.json", "predictions.json")
    assert printed.startswith(str(pymetrics.evaluate(gt, results)))


def test_coco_files(tmp_path: Path) -> None:
    assert cli.main(["demo", "--no-report", "--out", str(tmp_path / "sample")]) == 0
    gt, dt = (str(tmp_path / "sample" / name) for name in ("gt.json", "dt_hasty.json"))
    printed = run_in(tmp_path, "evaluate_coco", gt, dt)
    result = pymetrics.evaluate(gt, dt)
    assert printed.startswith(str(result))
    weakest = min(result.per_class, key=lambda row: row["map"])
    assert f"the weakest categories\n  {weakest['name']}: AP {weakest['map']:.3f}" in printed
