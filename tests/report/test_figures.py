"""Matplotlib figures of a result, by their artists; the table that notebooks show."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.absent import need_module
from helpers.report_scenes import ODD, Elements, odd_data

import pymetrics
from pymetrics import analysis

pytestmark = pytest.mark.slow  # Matplotlib is imported


@pytest.fixture
def matplotlib() -> Any:
    return need_module("matplotlib")


def lines_of(axes: Any) -> list[Any]:
    return [line.get_ydata() for line in axes.lines]


def test_the_figures_show_the_numbers(results: Any, matplotlib: Any, tmp_path: Path) -> None:
    result = results["hasty"]
    pyplot = sys.modules.get("matplotlib.pyplot")
    left_open = pyplot.get_fignums() if pyplot else []  # by other tests
    figures = result.figures()
    names = ["precision_recall", "confidence", "per_class", "confusion", "tide", "calibration"]
    assert list(figures) == names
    curves = result.curves(0.5)
    first, *_ = figures["precision_recall"].axes
    assert np.array_equal(lines_of(first)[-1], curves.mean)
    assert [line.tolist() for line in lines_of(first)[:-1]] == curves.precision.tolist()
    assert first.get_title(loc="left") == f"IoU 0.50: {result['map_50']:.3f}"
    assert lines_of(figures["precision_recall"].axes[2])[-1].mean() == pytest.approx(result["map"])
    (axes,) = figures["confidence"].axes
    assert np.array_equal(lines_of(axes)[2], curves.confidence.macro.f1)
    best = result.best_threshold()
    assert (axes.lines[3].get_xdata()[0], axes.lines[3].get_ydata()[0]) == (best.threshold, best.f)
    (axes,) = figures["per_class"].axes
    assert [bar.get_width() for bar in axes.patches] == sorted(row["map"] for row in result.per_class)
    (axes,) = figures["confusion"].axes
    matrix = result.confusion(score=best.threshold).matrix
    assert sorted(int(text.get_text()) for text in axes.texts) == sorted(matrix[matrix > 0].tolist())
    assert [label.get_text() for label in axes.get_yticklabels()][-1] == "background"
    (axes,) = figures["tide"].axes
    tide = analysis.tide(result)
    kinds = ("Bkg", "Dupe", "Both", "Cls", "Loc", "Miss")
    assert [bar.get_width() for bar in axes.patches] == [tide[kind] for kind in kinds]
    (axes,) = figures["calibration"].axes
    found = analysis.calibration(result)
    assert np.array_equal(lines_of(axes)[1], found.right[found.counts > 0])
    for name, figure in figures.items():
        figure.savefig(tmp_path / f"{name}.png", dpi=40)
        assert (tmp_path / f"{name}.png").stat().st_size > 2000
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert (pyplot.get_fignums() if pyplot else []) == left_open


def test_overlaps_of_keypoints_are_called_oks(matplotlib: Any, tmp_path: Path) -> None:
    pose = [30.0, 20.0, 2.0] * 17
    row = {"image_id": 1, "category_id": 1, "keypoints": pose, "score": 0.5}
    truth = {**row, "id": 1, "num_keypoints": 17, "area": 99.0, "bbox": [20.0, 10.0, 20.0, 20.0], "iscrowd": 0}
    del truth["score"]
    categories = [{"id": 1, "name": "person"}]
    gt = {"images": [{"id": 1, "width": 64, "height": 48}], "categories": categories, "annotations": [truth]}
    result = pymetrics.evaluate(gt, [row], iou_type="keypoints")
    titles = [axes.get_title(loc="left") for figure in result.figures().values() for axes in figure.axes]
    assert titles[0] == "OKS 0.50: 1.000"
    assert "IoU" not in "".join(titles)
    result.report(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "IoU" not in page.partition("<main>")[2].partition("<script")[0]


def test_figures_without_data_and_with_odd_names(matplotlib: Any, results: Any, tmp_path: Path) -> None:
    results["sharp"].save(tmp_path / "run.pmr")
    loaded = pymetrics.Result.load(tmp_path / "run.pmr")
    assert list(loaded.figures()) == ["precision_recall", "confidence", "per_class", "calibration"]
    ground_truth, detections = odd_data((*ODD, "a $ sign", "two $\\frac$"))
    figures = pymetrics.evaluate(ground_truth, detections).figures()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # of fonts without letters for all names
        for name, figure in figures.items():
            figure.savefig(tmp_path / f"{name}.png", dpi=30)
    labels = [label.get_text() for label in figures["confusion"].axes[0].get_yticklabels()]
    assert labels[-3:-1] == [r"a \$ sign", r"two \$\frac\$"]


def test_the_table_of_notebooks(results: Any) -> None:
    html = results["hasty"]._repr_html_()
    page = Elements(html)
    assert page.texts[:7] == [
        "100 images · 605 objects · 6 classes · ",
        "bbox",
        "AP",
        "AP50",
        "AP75",
        "AP small",
        "AP medium",
    ]
    assert [text for text in page.texts if text.replace(".", "").isdigit()] == [
        f"{100 * value:.1f}" for value in results["hasty"].values()
    ]
    empty = pymetrics.evaluate(odd_data(("a",))[0], [])
    assert "–" in empty._repr_html_()
