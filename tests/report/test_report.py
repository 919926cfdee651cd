"""The report: its numbers are those of the results, its text is escaped, and it needs nothing but itself."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.absent import need_module
from helpers.report_scenes import ODD, Elements, odd_data, picture

import pymetrics
from pymetrics import analysis
from pymetrics.report import read_report, write_report
from pymetrics.report.read import ELEMENT

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = (
    "verdict", "numbers", "costs", "curves", "classes", "errors", "slices", "calibration", "confidence", "confusion",
    "gallery",
)  # fmt: skip


def content_of(path: Path) -> Any:
    found = ELEMENT.search(path.read_text(encoding="utf-8"))
    assert found is not None
    return json.loads(found.group(1))


def sections_of(path: Path) -> list[str | None]:
    return [attributes.get("id") for attributes in Elements(path.read_text(encoding="utf-8")).of("section")]


def test_the_numbers_are_those_of_the_results(report_path: Path, results: Any, comparison: Any) -> None:
    reports = read_report(report_path)
    assert list(reports) == list(results)
    for name, result in results.items():
        report = reports[name]
        assert report.scalars == dict(result)
        assert report.intervals == comparison.intervals[name] == analysis.bootstrap(result, 100).intervals
        assert report.iou_type == "bbox"
        assert report.protocol == result.to_dict()["protocol"]
        for row, own in zip(report.per_class, result.per_class, strict=True):
            assert row.keys() == own.keys()
            assert all(row[key] == pytest.approx(own[key], abs=5e-7) for key in result)
            assert [row[key] for key in ("id", "name", "n_gt", "n_dt")] == [
                own[key] for key in ("id", "name", "n_gt", "n_dt")
            ]


def test_the_curves_are_those_of_the_results(report_path: Path, results: Any) -> None:
    for name, report in read_report(report_path).items():
        result, curves = results[name], report.curves
        assert curves["ids"] == result.outcomes.category_ids.tolist()
        assert list(curves["precision"]) == [0.5, 0.75, None]
        for iou in (0.5, 0.75):
            own = result.curves(iou)
            assert np.array_equal(curves["recall"], own.recall)
            lines = np.concatenate([own.mean[None], own.precision])
            assert np.abs(curves["precision"][iou] - lines).max() <= 1e-5
        assert curves["precision"][None][0].mean() == pytest.approx(result["map"], abs=1e-5)
        for p in (0, 5, 37, 60, 99, 100):
            at = result.at(float(curves["scores"][p]))
            assert (curves["tp"][0, p], curves["fp"][0, p]) == (at.tp, at.fp)
            assert curves["n_gt"][0] - curves["tp"][0, p] == at.fn
            for k, row in enumerate(at.per_class):
                assert (curves["tp"][k + 1, p], curves["fp"][k + 1, p]) == (row["tp"], row["fp"])
            macro = [at.macro.precision, at.macro.recall, at.macro.f1]
            assert curves["macro"][:, p] == pytest.approx(macro, abs=1e-5)


def test_the_tables_are_those_of_the_analyses(report_path: Path, results: Any) -> None:
    for name, report in read_report(report_path).items():
        result, tables = results[name], report.tables
        best = result.best_threshold()
        assert (tables["best"]["threshold"], tables["best"]["f1"]) == (best.threshold, best.f)
        assert tables["tide"]["costs"] == dict(analysis.tide(result))
        assert tables["calibration"]["ece"] == analysis.calibration(result).ece
        assert [row["map"] for row in tables["slices"]["size"]] == [row["map"] for row in analysis.size_slices(result)]
        parts = analysis.slices(result, {"first half": range(1, 51), "second half": range(51, 101)})
        assert tables["slices"]["parts"] == parts
        assert len(tables["confusion"]["scores"]) == 21
        for score, matrix, top in zip(
            *(tables["confusion"][key] for key in ("scores", "matrices", "top")), strict=True
        ):
            own = result.confusion(score=score)
            assert np.array_equal(matrix, own.matrix)
            names = result.outcomes.category_names
            want = [(row["actual"], row["predicted"], row["count"]) for row in own.top(20)]
            assert [(names[a], names[b], n) for a, b, n in top] == want
    assert tables["cost"] == {"latency_ms": 12, "parameters": None, "peak_bytes": None}


def test_the_differences_are_those_of_the_comparison(report_path: Path, comparison: Any) -> None:
    (pair,), (own,) = content_of(report_path)["comparisons"], comparison.pairs
    assert pair["verdict"] == own.verdict
    assert pair["reliable"] is own.reliable is True
    assert {key: (one["value"], one["low"], one["high"]) for key, one in pair["differences"].items()} == {
        key: (one.value, one.low, one.high) for key, one in own.differences.items()
    }
    text = Elements(report_path.read_text(encoding="utf-8")).text
    assert "hasty is worse than sharp" in text
    assert "2.6 times as fast" in text


def test_all_sections_are_there(report_path: Path) -> None:
    assert sections_of(report_path) == list(SECTIONS)
    page = Elements(report_path.read_text(encoding="utf-8"))
    links = [attributes.get("href") for attributes in page.of("a")]
    assert links == [f"#{name}" for name in SECTIONS]


def test_the_json_keeps_to_its_schema(report_path: Path, results: Any, tmp_path: Path) -> None:
    jsonschema = need_module("jsonschema")
    schema = json.loads((ROOT / "docs" / "report.schema.json").read_text(encoding="utf-8"))
    check = jsonschema.Draft202012Validator(schema)
    check.validate(content_of(report_path))
    lone, path = pymetrics.Result.load, tmp_path / "run.pmr"
    results["hasty"].save(path)
    lone(path).report(tmp_path / "loaded.html")
    content = content_of(tmp_path / "loaded.html")
    check.validate(content)
    assert not check.is_valid({**content, "further": 1})
    assert not check.is_valid({**content, "position": 101})


def test_nothing_is_asked_for_from_outside(report_path: Path) -> None:
    page = report_path.read_text(encoding="utf-8")
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)
    elements = Elements(page)
    assert all((attributes["src"] or "").startswith("data:") for attributes in elements.of("img"))
    assert [attributes["href"] for attributes in elements.of("link")] == ["data:,"]
    assert all("src" not in attributes for attributes in elements.of("script"))
    assert "@import" not in page
    assert "url(" not in page


def test_one_model(results: Any, tmp_path: Path) -> None:
    results["sharp"].report(tmp_path / "one.html", name="sharp")
    page = Elements((tmp_path / "one.html").read_text(encoding="utf-8"))
    assert "58.2" in page.text
    assert "the baseline" not in page.text
    assert not [attributes for attributes in page.of("input") if attributes.get("type") == "radio"]
    assert sections_of(tmp_path / "one.html") == [name for name in SECTIONS if name not in ("costs", "gallery")]
    (report,) = read_report(tmp_path / "one.html").values()
    assert (report.name, report.scalars) == ("sharp", dict(results["sharp"]))
    with pytest.raises(AttributeError, match="no matches: save the result"):
        _ = report.matches
    with pytest.raises(AttributeError, match="no images"):
        _ = report.images
    assert repr(report) == "<Report sharp map=0.582>"


@pytest.mark.parametrize("how", ["loaded", "merged"])
def test_without_the_data_sections_say_so(how: str, results: Any, tmp_path: Path) -> None:
    result = results["hasty"]
    if how == "loaded":
        result.save(tmp_path / "run.pmr")
        bare = pymetrics.Result.load(tmp_path / "run.pmr")
    else:
        ground_truth, detections = odd_data()
        parts = [pymetrics.Accumulator() for _ in range(2)]
        for image, part in enumerate(parts, 1):
            one = {**ground_truth, "images": [row for row in ground_truth["images"] if row["id"] == image]}
            one["annotations"] = [row for row in ground_truth["annotations"] if row["image_id"] == image]
            part.update(one, [row for row in detections if row["image_id"] == image])
        parts[0].merge(parts[1])
        bare = parts[0].compute()
    bare.report(tmp_path / "bare.html", images=picture)
    text = Elements((tmp_path / "bare.html").read_text(encoding="utf-8")).text
    assert text.count("Not shown: ") == 4  # errors, sizes, confusion, gallery
    (report,) = read_report(tmp_path / "bare.html").values()
    assert report.tables["confusion"] is report.tables["tide"] is report.tables["slices"]["size"] is None
    assert set(report.model["missing"]) == {"confusion", "tide", "size"}
    assert report.scalars == {key: None if value == -1 else value for key, value in bare.items()}


def test_undefined_numbers_are_dashes(tmp_path: Path) -> None:
    ground_truth, detections = odd_data(("small thing",))
    result = pymetrics.evaluate(ground_truth, detections)
    assert result["map_large"] == -1
    result.report(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "–" in Elements(page).text
    assert "−100.0" not in page
    assert "-100.0" not in page
    (report,) = read_report(tmp_path / "report.html").values()
    assert report.scalars["map_large"] is None
    assert report.intervals["map_large"].value == -1


def test_no_detections_and_no_ground_truth(tmp_path: Path) -> None:
    ground_truth, _ = odd_data(("a", "b"))
    nothing = {**ground_truth, "annotations": []}
    for number, (gt, dt) in enumerate([(ground_truth, []), (nothing, []), (nothing, odd_data(("a", "b"))[1])]):
        result = pymetrics.evaluate(gt, dt)
        path = tmp_path / f"{number}.html"
        write_report(path, {"a": result, "b": result}, images=lambda id: np.zeros((48, 64, 3), np.uint8), n=20)
        assert read_report(path)["b"].scalars == {key: None if x == -1 else x for key, x in result.items()}
        assert "NaN" not in path.read_text(encoding="utf-8").split("<script>")[0]


def test_nan_and_unusual_scores(tmp_path: Path) -> None:
    ground_truth, detections = odd_data(("a", "b"))
    for i, row in enumerate(detections):
        row["score"] = [float("-3.5"), 7.25, 0.5, 2.0][i]
    result = pymetrics.evaluate(ground_truth, detections)
    result.report(tmp_path / "report.html")
    (report,) = read_report(tmp_path / "report.html").values()
    assert (report.curves["scores"][0], report.curves["scores"][-1]) == (-3.5, 7.25)
    assert report.tables["calibration"] is None
    assert "calibration needs scores in [0, 1]" in Elements((tmp_path / "report.html").read_text("utf-8")).text


@pytest.mark.parametrize("odd", ODD)
def test_text_from_data_is_shown_as_text(odd: str, tmp_path: Path) -> None:
    ground_truth, detections = odd_data((odd, *(name for name in ODD if name != odd)))
    result = pymetrics.evaluate(ground_truth, detections)
    path = tmp_path / "report.html"
    write_report(
        path, {odd: result, "other": result}, images=lambda id: np.zeros((48, 64, 3), np.uint8), title=odd, n=20,
        slices={odd: [1]}, costs={odd: {"latency_ms": 1}}, command=f"pymetrics eval --dt '{odd}'",
    )  # fmt: skip
    page = path.read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "<b>bold" not in page
    elements = Elements(page)
    assert [attributes.get("type") for attributes in elements.of("script")] == ["application/json", None]
    shown = elements.text
    assert shown.count(odd) > 10  # of classes, models, files, slices, title, command
    assert {attributes["alt"] for attributes in elements.of("img")} <= {f"{odd}1.jpg", f"{odd}2.jpg"}
    reports = read_report(path)
    assert list(reports) == [odd, "other"]
    assert reports[odd].per_class[0]["name"] == odd
    notebook = result._repr_html_()
    assert "<script" not in notebook


def test_names_that_are_missing_or_equal_are_shown_with_their_ids(tmp_path: Path) -> None:
    ground_truth, detections = odd_data(("cat", "cat", "dog"))
    del ground_truth["categories"][2]["name"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = pymetrics.evaluate(ground_truth, detections)
    result.report(tmp_path / "report.html")
    content = content_of(tmp_path / "report.html")
    assert content["classes"]["labels"] == ["cat (1)", "cat (2)", "3"]
    assert content["classes"]["names"] == ["cat", "cat", None]
    result.report(tmp_path / "named.html", class_names={1: "one", 2: "two", 3: "three"})
    assert content_of(tmp_path / "named.html")["classes"]["labels"] == ["one", "two", "three"]


def test_of_many_classes_the_worst_have_their_marks(tmp_path: Path) -> None:
    """The table begins with the lowest AP, the curves with the most objects."""
    n = 300
    classes = np.repeat(np.arange(1, n + 1), np.arange(1, n + 1) // 100 + 1)
    boxes = np.tile([10.0, 10, 40, 40], (len(classes), 1)) + np.arange(len(classes))[:, None] % 2 * 60
    gt = pymetrics.GroundTruths(np.ones(len(classes), int), boxes, labels=classes)
    found = pymetrics.Detections([1] * n, boxes[:n], np.linspace(0.1, 0.9, n), np.arange(1, n + 1))
    pymetrics.evaluate(gt, found).report(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    rows = re.findall(r"<tr>.*?</tr>", page.partition('id="classes"')[2].partition("</section>")[0])[1:]
    assert len(rows) == n
    assert all('class="track"' in row for row in rows[:100])
    assert 100 <= sum('class="track"' in row for row in rows) <= 200


@pytest.mark.slow
def test_a_large_report_stays_below_two_megabytes(tmp_path: Path) -> None:
    """48 images of noise, which WebP cannot make small, four models, 1,203 classes."""
    rng, n, n_gt = np.random.default_rng(0), 60, 480
    images, classes = rng.integers(1, n + 1, n_gt), rng.integers(1, 1204, n_gt)
    boxes = np.concatenate([rng.random((n_gt, 2)) * [400, 300], rng.uniform(20, 150, (n_gt, 2))], axis=1)
    gt = pymetrics.GroundTruths(
        images, boxes, labels=classes, box_format="xywh", images=range(1, n + 1),
        categories={k: f"a class with a long name {k}" for k in range(1, 1204)},
    )  # fmt: skip
    results = {}
    for m in range(4):
        rows = rng.integers(0, n_gt, 6000)
        shifted = boxes[rows] + rng.normal(0, 5, (6000, 4))
        dt = pymetrics.Detections(images[rows], shifted, rng.random(6000), classes[rows], box_format="xywh")
        results[f"model {m}"] = pymetrics.evaluate(gt, dt)
    path = tmp_path / "report.html"
    write_report(path, results, n=10, images=lambda id: rng.integers(0, 256, (480, 640, 3), dtype=np.uint8))
    assert 1_000_000 < path.stat().st_size < 2_000_000
    page = path.read_text(encoding="utf-8")
    assert page.count("data:image/webp") == 48
    assert page.count("a class with a long name 1203") >= 2  # in the table, and in the JSON
    content = content_of(path)
    assert len(content["classes"]["with_curves"]) == 62
    assert list(content["models"][0]["per_class"]) == ["n_dt", "map", "map_50", "map_75", "mar_100"]
    reports = read_report(path)
    assert reports["model 3"].scalars == dict(results["model 3"])
    confusion, own = reports["model 3"].tables["confusion"], results["model 3"].confusion(score=0.0)
    assert sum(n for _, _, n in confusion["top"][0]) == sum(row["count"] for row in own.top(20))
    places = [results["model 3"].outcomes.category_ids.tolist().index(id) for id in confusion["ids"]] + [1203]
    assert np.array_equal(confusion["matrices"][0], own.matrix[np.ix_(places, places)])
