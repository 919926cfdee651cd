"""The report in Chromium: no error, no request, every control by keyboard and what it changes; no script; print."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.absent import need_module
from helpers.browser import Page, browser
from helpers.report_scenes import ODD, odd_data

import pymetrics
from pymetrics.report import write_report

pytestmark = pytest.mark.slow
ROW = "[...document.querySelectorAll('#confidence tbody tr')].map(r => [...r.cells].slice(1).map(c => c.textContent))"
MATRIX = """[...document.querySelectorAll('.confusion.chosen .matrix tbody tr')].map(
  r => [...r.querySelectorAll('td')].map(c => +c.textContent))"""
SHOWN = "(s) => [...document.querySelectorAll(s)].filter(e => getComputedStyle(e).display !== 'none').length"


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as program:
        yield program.page()


@pytest.fixture
def report(page: Page, report_path: Path) -> Page:
    page.size(1280, 900)
    page.errors.clear()
    page.requests.clear()
    page.open(report_path)
    return page


def focus(page: Page, selector: str) -> None:
    """Go from the top of the page to an element by the key Tab alone."""
    page.value("document.activeElement.blur()")
    for _ in range(120):
        page.press("Tab")
        if page.value(f"document.activeElement.matches({json.dumps(selector)})"):
            return
    raise AssertionError(f"Tab does not reach {selector}")


def rounded(values: list[float]) -> list[str]:
    return ["–" if x < 0 else f"{100 * x:.1f}" for x in values]


def test_it_opens_without_errors_and_without_requests(report: Page, report_path: Path) -> None:
    assert report.errors == []
    assert [request for request in report.requests if not request.startswith("data:")] == [report_path.as_uri()]
    loaded = "[...document.images].filter(i => i.complete && i.naturalWidth).length"
    assert report.value(loaded) == report.value("document.images.length") > 40


def test_every_control_has_a_name(report: Page) -> None:
    names = report.value("""[...document.querySelectorAll('input, select, button')].map(
      e => e.getAttribute('aria-label') || [...(e.labels || [])].map(l => l.textContent).join('') || e.textContent)""")
    assert len(names) > 15
    assert all(name.strip() for name in names)


@pytest.mark.parametrize(("key", "times"), [("ArrowRight", 5), ("ArrowLeft", 8), ("Home", 1), ("End", 1)])
def test_the_slider_drives_numbers_confusion_and_images(report: Page, results: Any, key: str, times: int) -> None:
    focus(report, "#score")
    before = report.value(ROW)
    for _ in range(times):
        report.press(key)
    score = float(report.value("document.getElementById('score-value').textContent"))
    assert score == {"ArrowRight": 0.65, "ArrowLeft": 0.52, "Home": 0.0, "End": 1.0}[key]
    found = report.value(ROW)
    assert found != before
    for row, result in zip(found, results.values(), strict=True):
        at = result.at(score)
        assert row[:3] == rounded([at.macro.precision, at.macro.recall, at.macro.f1])
        assert [int(x) for x in row[3:]] == [at.tp, at.fp, at.fn]
    nearest = float(report.value("document.getElementById('confusion-score').textContent"))
    assert abs(nearest - score) <= 0.025 + 1e-9
    assert report.value(MATRIX) == results["sharp"].confusion(score=nearest).matrix.tolist()
    images = {row["id"]: row for row in results["sharp"].at(score).images}
    counts = report.value("""[...document.querySelectorAll('.image')].map(
      e => [e.querySelector('bdi').textContent, e.querySelector('.counts').textContent])""")
    assert len(counts) == 48
    for name, text in counts:
        row = images[int(name.removesuffix(".jpg"))]
        if score > 0.05:  # what is below is not drawn
            assert text == f"{row['tp']} right · {row['fp']} false · {row['fn']} missed"
    drawn = report.value(f"({SHOWN})('.of-model.chosen .tp, .of-model.chosen .fp')")
    shown = [images[int(name.removesuffix(".jpg"))] for name, _ in counts]
    assert score < 0.05 or drawn == sum(row["tp"] + row["fp"] for row in shown)


def test_the_other_model_is_chosen_by_keys(report: Page, results: Any) -> None:
    focus(report, "input[name=model]")
    first = report.value("document.querySelector('.counts').textContent")
    report.press("ArrowRight")
    score = report.value("+document.getElementById('confusion-score').textContent")
    assert report.value(MATRIX) == results["hasty"].confusion(score=score).matrix.tolist()
    assert report.value("document.querySelector('.counts').textContent") != first
    focus(report, "#reset")
    report.press("Enter")
    best = results["hasty"].best_threshold().threshold
    assert report.value("+document.getElementById('score-value').textContent") == pytest.approx(best, abs=0.006)
    first_image = "[...document.querySelectorAll('.image')].sort((a, b) => a.style.order - b.style.order)[0]"
    name = report.value(f"{first_image}.querySelector('bdi').textContent")
    assert int(name.removesuffix(".jpg")) == results["hasty"].at(best).per_image[0]["id"]


def test_layers_of_the_images(report: Page) -> None:
    for layer, selector in (("tp", ".picture .tp"), ("fp", ".picture .fp"), ("objects", ".picture .gt:not(.missed)")):
        before = report.value(f"({SHOWN})({json.dumps(selector)})")
        assert before > 0
        focus(report, f"[data-layer={layer}]")
        report.press(" ")
        assert report.value(f"({SHOWN})({json.dumps(selector)})") == 0
        report.press(" ")
        assert report.value(f"({SHOWN})({json.dumps(selector)})") == before
    stroke = "getComputedStyle(document.querySelector('.picture .missed')).stroke"
    before = report.value(stroke)
    focus(report, "[data-layer=missed]")
    report.press(" ")
    assert report.value(stroke) != before  # a missed object is then drawn as any other


def test_a_class_is_chosen_by_keys(report: Page, results: Any) -> None:
    line = "document.querySelector('#at-1 .line').getAttribute('d')"
    before = report.value(line)
    focus(report, ".class-choice")
    report.press("ArrowDown")
    assert report.value("[...document.querySelectorAll('.class-choice')].map(e => e.value)") == ["1", "1"]
    at = results["sharp"].at(report.value("+document.getElementById('score-value').textContent")).per_class[0]
    row = report.value(ROW)[0]
    assert row[:3] == rounded([at["precision"], at["recall"], at["f1"]])
    assert [int(x) for x in row[3:]] == [at["tp"], at["fp"], at["fn"]]
    assert report.value(line) != before
    assert report.value("document.querySelectorAll('#curves .thin.chosen').length") == 6  # three charts, two models


def test_light_and_dark(report: Page, tmp_path: Path) -> None:
    image = need_module("PIL.Image")
    background = "getComputedStyle(document.body).backgroundColor"
    light = report.value(background)
    focus(report, "#theme")
    report.press("Enter")
    dark = report.value(background)
    assert dark != light
    report.press("Enter")
    assert report.value(background) == light
    report.value("delete document.documentElement.dataset.theme")
    for width in (1280, 400):
        for is_dark in (False, True):
            report.size(width, 900, is_dark)
            assert report.value(background) == (dark if is_dark else light)
            assert report.value("document.documentElement.scrollWidth") == width
            report.screenshot(tmp_path / "page.png")
            with image.open(tmp_path / "page.png") as shot:
                assert shot.width == width
                assert shot.height == report.value("document.documentElement.scrollHeight")
                corner = shot.convert("L").getpixel((3, 3))
                assert corner < 40 if is_dark else corner > 240


def test_tables_are_sorted_by_keys(report: Page) -> None:
    column = "[...document.querySelectorAll('#classes tbody tr')].map(r => parseFloat(r.cells[1].textContent))"
    focus(report, "#classes th:nth-child(2) button")
    report.press("Enter")
    rising = report.value(column)
    assert rising == sorted(rising)
    report.press(" ")
    assert report.value(column) == rising[::-1]
    assert report.value("document.querySelector('#classes th:nth-child(2)').getAttribute('aria-sort')") == "descending"


def test_without_script(page: Page, report_path: Path) -> None:
    page.size(1280, 900)
    page.open(report_path, script=False)
    try:
        assert page.value("document.documentElement.className") == ""
        counts = page.value("[...document.querySelectorAll('.counts')].map(e => e.textContent)")
        assert len(counts) == 48
        assert all(re.fullmatch(r"\d+ right · \d+ false · \d+ missed", text) for text in counts)
        assert page.value(f"({SHOWN})('.controls, #theme, .choice')") == 0
        assert page.value(f"({SHOWN})('section')") == 11
        assert page.value(f"({SHOWN})('.confusion')") == 2  # of both models, one under the other
        assert page.value(f"({SHOWN})('#curves .line')") == 6
        assert page.value(f"({SHOWN})('.picture .tp:not(.below), .picture .fp:not(.below)')") > 100
    finally:
        page.command("Emulation.setScriptExecutionDisabled", value=False)


def test_it_prints(report: Page) -> None:
    report.size(1280, 900, dark=True)
    report.command("Emulation.setEmulatedMedia", media="print")
    try:
        assert report.value(f"({SHOWN})('.controls, nav, #theme')") == 0
        assert report.value("getComputedStyle(document.body).backgroundColor") == "rgb(253, 253, 252)"
        assert (
            report.value("document.querySelector('.tall').scrollHeight - document.querySelector('.tall').clientHeight")
            == 0
        )
    finally:
        report.command("Emulation.setEmulatedMedia", media="")
    pdf = base64.b64decode(report.command("Page.printToPDF", printBackground=True)["data"])
    assert pdf.startswith(b"%PDF")
    assert len(io.BytesIO(pdf).read()) > 100_000


def test_long_names_leave_the_numbers_in_sight(page: Page, tmp_path: Path) -> None:
    result = pymetrics.evaluate(*odd_data(("a", "b")))
    names = [f"mask_rcnn_r50_fpn_mstrain-poly_3x_coco_20210524_201154-{i}bb.bbox" for i in range(3)]
    write_report(tmp_path / "report.html", dict.fromkeys([*names, "m" * 200], result), n=20)
    page.size(1280, 900)
    page.open(tmp_path / "report.html")
    wide = "[...document.querySelectorAll('section')].filter(s => s.scrollWidth > s.clientWidth).map(s => s.id)"
    assert page.value("(s => s.scrollWidth - s.clientWidth)(document.querySelector('#numbers .scroll'))") == 0
    assert page.value(wide) == []
    page.size(400, 900)
    assert page.value(wide) == []


@pytest.mark.parametrize("odd", ODD)
def test_odd_names_are_text(page: Page, odd: str, tmp_path: Path) -> None:
    ground_truth, detections = odd_data((odd, *(name for name in ODD if name != odd)))
    result = pymetrics.evaluate(ground_truth, detections)
    write_report(tmp_path / "report.html", {odd: result, "other": result}, title=odd, n=20)
    page.errors.clear()
    page.open(tmp_path / "report.html")
    assert page.errors == []
    assert page.value("document.querySelector('h1').textContent") == odd
    names = page.value("[...document.querySelectorAll('#classes tbody th')].map(e => e.textContent)")
    assert sorted(names) == sorted([odd, *(name for name in ODD if name != odd)])
    assert odd in page.value("[...document.querySelectorAll('.class-choice option')].map(e => e.textContent)")
    assert odd in page.value("document.querySelector('#curves .thin title').textContent")
    assert page.value("document.querySelector('.top tbody').textContent.length") > 0
    assert page.value("document.scripts.length") == 2
