"""What a report refuses, and that nothing half-written is left."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.report_scenes import odd_data

import pymetrics
from pymetrics import analysis
from pymetrics.report import read_report, write_report


@pytest.mark.parametrize(
    ("costs", "words"),
    [
        ({"sharp": {"latency": 30}}, "costs['sharp'] has 'latency', which has no unit: say latency_ms"),
        ({"sharp": {"latency_s": 30}}, "costs['sharp'] must hold latency_ms, parameters, peak_bytes, got 'latency_s'"),
        ({"sharp": {"latency_ms": 0}}, "costs['sharp']['latency_ms'] must be a number above 0, got 0"),
        ({"sharp": {"latency_ms": "30 ms"}}, "costs['sharp']['latency_ms'] must be a number above 0, got '30 ms'"),
        ({"sharp": {"parameters": float("nan")}}, "costs['sharp']['parameters'] must be a number above 0, got nan"),
        ({"blunt": {"latency_ms": 30}}, "costs names 'blunt', which is not one of the models sharp, hasty"),
    ],
)
def test_costs(costs: Any, words: str, comparison: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        comparison.report(tmp_path / "report.html", costs=costs)
    assert list(tmp_path.iterdir()) == []


def test_costs_that_are_no_mapping(comparison: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="costs must be a dict"):
        comparison.report(tmp_path / "report.html", costs=[30])
    with pytest.raises(TypeError, match=re.escape("costs['sharp'] must be a dict, got 30")):
        comparison.report(tmp_path / "report.html", costs={"sharp": 30})


def test_results_of_other_data(results: Any, comparison: Any, tmp_path: Path) -> None:
    ground_truth, detections = odd_data(("a", "b"))
    other = pymetrics.evaluate(ground_truth, detections)
    path = tmp_path / "report.html"
    with pytest.raises(ValueError, match=re.escape("results['b'] cannot be compared with results['a']: image 3")):
        write_report(path, {"a": results["sharp"], "b": other})
    with pytest.raises(ValueError, match="comparison is of sharp, hasty, not of the results sharp"):
        write_report(path, {"sharp": results["sharp"]}, comparison)
    with pytest.raises(ValueError, match=re.escape("intervals['sharp'] is of another result: map differs")):
        write_report(path, {"sharp": results["sharp"]}, intervals={"sharp": analysis.bootstrap(results["hasty"], 10)})
    with pytest.raises(ValueError, match="results must hold at least one"):
        write_report(path, {})
    with pytest.raises(TypeError, match="results must be a dict of Results by name, got Result"):
        write_report(path, results["sharp"])
    with pytest.raises(TypeError, match=re.escape("results['a'] must be a Result, got int")):
        write_report(path, {"a": 1})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="results must have names for keys, got 1"):
        write_report(path, {1: results["sharp"]})  # type: ignore[dict-item]
    assert not path.exists()


def test_slices_of_other_images(comparison: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=re.escape("slices['night'] holds 101, which is not an image")):
        comparison.report(tmp_path / "report.html", slices={"night": [101]})
    with pytest.raises(TypeError, match="slices must be a dict of image ids by name, got list"):
        comparison.report(tmp_path / "report.html", slices=[1])


def test_slices_that_can_be_read_once(results: Any, tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", results, slices={"first": iter(range(1, 51))}, n=20)
    for report in read_report(tmp_path / "report.html").values():
        (part,) = report.tables["slices"]["parts"]
        assert (part["name"], part["n_images"]) == ("first", 50)


def test_intervals_that_are_none(results: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=re.escape("intervals['a'] must be a Bootstrap, got int")):
        write_report(tmp_path / "report.html", {"a": results["sharp"]}, intervals={"a": 1})  # type: ignore[dict-item]


def test_intervals_that_are_given_are_shown(results: Any, tmp_path: Path) -> None:
    drawn = analysis.bootstrap(results["sharp"], 30, seed=5)
    write_report(tmp_path / "report.html", {"sharp": results["sharp"]}, intervals={"sharp": drawn})
    assert read_report(tmp_path / "report.html")["sharp"].intervals == drawn.intervals


def test_images_that_are_missing_or_of_another_size(comparison: Any, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    with pytest.raises(ValueError, match="images must be a folder that exists"):
        comparison.report(path, images=tmp_path / "none")
    with pytest.raises(ValueError, match=r"image \d+ \(0.*jpg\) is not in the folder"):
        comparison.report(path, images=tmp_path)
    with pytest.raises(ValueError, match="is 64 x 48 pixels, but the data says 640 x 480"):
        comparison.report(path, images=lambda id: np.zeros((48, 64, 3), np.uint8))
    assert not path.exists()


def test_a_path_that_cannot_be_written(comparison: Any, results: Any, tmp_path: Path) -> None:
    folder = tmp_path / "missing"
    with pytest.raises(OSError, match="missing") as caught:
        comparison.report(folder / "report.html")
    assert caught.value.filename == str(folder / "report.html")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        results["sharp"].report(tmp_path / "folder")
    assert sorted(os.listdir(tmp_path)) == ["folder"]


def test_a_failure_keeps_the_earlier_report(
    results: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    path = tmp_path / "report.html"
    path.write_text("earlier")

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device", "somewhere")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        results["sharp"].report(path)
    assert path.read_text() == "earlier"
    assert os.listdir(tmp_path) == ["report.html"]


def test_reading_what_is_no_report(report_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.html"
    path.write_text("<p>nothing</p>")
    with pytest.raises(ValueError, match="is not a report of pymetrics: it holds no numbers"):
        read_report(path)
    page = report_path.read_text(encoding="utf-8")
    path.write_text(page.replace("pymetrics-report/1", "pymetrics-report/2"), encoding="utf-8")
    with pytest.raises(
        ValueError, match="has the schema 'pymetrics-report/2'; this version reads 'pymetrics-report/1'"
    ):
        read_report(path)
    path.write_text(page.replace('"models":[', '"models":[,'), encoding="utf-8")
    with pytest.raises(ValueError, match="is damaged"):
        read_report(path)
    with pytest.raises(OSError, match="none"):
        read_report(tmp_path / "none.html")


def test_blank_canvases(results: Any, tmp_path: Path) -> None:
    """As the trackers have them, by True; a mapping without the image is an error."""
    with pytest.raises(ValueError, match="images has no image"):
        results["sharp"].report(tmp_path / "report.html", images={})
    results["sharp"].report(tmp_path / "report.html", images=True)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/webp;base64,") > 10


@pytest.mark.parametrize("class_names", [["person"], "person"])
def test_class_names_that_are_no_mapping(class_names: Any, results: Any, tmp_path: Path) -> None:
    with pytest.raises(
        TypeError, match=f"class_names must map category ids to names, got {type(class_names).__name__}"
    ):
        results["sharp"].report(tmp_path / "report.html", class_names=class_names)
    assert list(tmp_path.iterdir()) == []
