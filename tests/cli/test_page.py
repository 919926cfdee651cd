"""The report of the command line: --html, --images, --costs; progress on a terminal."""

import io
import json
import sys

import pytest
from helpers.command_line import refused

import pymetrics
from pymetrics.cli import main, page
from pymetrics.report import read_report

BOTH = ["gt.json", "sharp=dt_sharp.json", "hasty=dt_hasty.json"]


@pytest.fixture
def pictures(need, tmp_path):
    """A folder with small images of the sample's size."""
    image = need("PIL.Image")
    (tmp_path / "images").mkdir()
    blank = image.new("RGB", (640, 480), (200, 210, 220))
    for i in range(1, 101):
        blank.save(tmp_path / "images" / f"{i:06d}.jpg", quality=5)
    return tmp_path / "images"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_report_of_several_detectors(here, tmp_path, capsys):
    path = tmp_path / "report.html"
    command = ["eval", *BOTH, "--html", str(path), "--n", "50", "--seed", "2", "--title", "An <odd> title"]
    assert main(command) == 0
    found = read_report(path)
    assert list(found) == ["sharp", "hasty"]
    for name, report in found.items():
        result = pymetrics.evaluate("gt.json", f"dt_{name}.json")
        assert report.scalars == dict(result)
        one = pymetrics.analysis.bootstrap(result, 50, 2)["map"]
        assert (report.intervals["map"].low, report.intervals["map"].high) == (one.low, one.high)
    text = path.read_text()
    assert "An &lt;odd&gt; title" in text
    assert "pymetrics eval gt.json sharp=dt_sharp.json" in text
    assert "AP50" in capsys.readouterr().out


def test_compare_hands_its_comparison_on(here, tmp_path, monkeypatch):
    """Nothing is drawn twice."""
    calls = []
    real = pymetrics.report.write_report

    def spied(*arguments, **options):
        calls.append(options)
        return real(*arguments, **options)

    monkeypatch.setattr(pymetrics.report, "write_report", spied)
    path = str(tmp_path / "report.html")
    assert (
        main(["compare", *BOTH, "--html", path, "--n", "50", "--metric", "AP50", "--json", f"{tmp_path}/a.json"]) == 0
    )
    (options,) = calls
    assert options["comparison"].metric == "map_50"
    assert set(options["comparison"].intervals) == {"sharp", "hasty"}
    assert (options["n"], options["seed"]) == (50, 0)


def test_images(here, tmp_path, capsys, pictures):
    path = tmp_path / "report.html"
    command = ["eval", *BOTH[:2], "--html", str(path), "--n", "10", "--images", str(pictures)]
    assert main(command) == 0
    assert path.read_text().count("data:image/webp;base64,") == 48
    path.unlink()
    for picture in pictures.iterdir():
        picture.unlink()
    assert main(command) == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith(f"pymetrics: could not write {path}: image ")
    assert f"is not in the folder {str(pictures)!r}" in message
    assert list(tmp_path.iterdir()) == [pictures]


def test_costs(here, tmp_path, capsys):
    costs = tmp_path / "costs.json"
    path = tmp_path / "report.html"
    command = ["eval", *BOTH, "--html", str(path), "--n", "10", "--costs", str(costs)]
    costs.write_text(json.dumps({"sharp": {"latency_ms": 31.5, "parameters": 4e7}, "hasty": {"latency_ms": 8}}))
    assert main(command) == 0
    assert read_report(path)["sharp"].tables["cost"]["latency_ms"] == 31.5
    costs.write_text(json.dumps({"sharp": {"latency": 31.5}}))
    capsys.readouterr()
    assert main(command) == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith(f"pymetrics: could not write {path}: ")
    assert "latency" in message


def test_refused(here, tmp_path, capsys):
    html = ["--html", f"{tmp_path}/report.html"]
    for option in ("--images", "--costs", "--title"):
        assert f"argument {option}: is for the report" in refused(capsys, "eval", *BOTH, option, "x")
    assert "argument --images: no such folder: 'x'" in refused(capsys, "eval", *BOTH, *html, "--images", "x")
    assert "argument --costs: no such file: 'x'" in refused(capsys, "eval", *BOTH, *html, "--costs", "x")
    assert "argument --costs: 'dt_sharp.json' must hold an object, got list" in refused(
        capsys, "eval", *BOTH, *html, "--costs", "dt_sharp.json"
    )
    assert "cannot be written to standard output" in refused(capsys, "eval", *BOTH, "--html", "-")
    assert "is one of the inputs" in refused(capsys, "eval", *BOTH, "--html", "gt.json")
    assert "argument --html: cannot write a file at" in refused(capsys, "eval", *BOTH, "--html", "no/folder/a.html")


def test_progress_is_for_terminals(here, tmp_path, monkeypatch, pictures, need):
    need("tqdm")
    command = ["eval", *BOTH, "--html", f"{tmp_path}/report.html", "--n", "10", "--images", str(pictures)]
    for made in (io.StringIO, Terminal):
        shown = made()
        monkeypatch.setattr(sys, "stderr", shown)
        assert main(command) == 0
        assert ("images: " in shown.getvalue()) is (made is Terminal)
        assert (f"writing {tmp_path}/report.html ..." in shown.getvalue()) is (made is Terminal)


def test_progress_without_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys, "stderr", Terminal())
    with page.bar("images") as advance:
        advance()
    assert sys.stderr.getvalue() == ""
