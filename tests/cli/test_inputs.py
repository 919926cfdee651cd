"""Where the command line reads: positional files, standard input, pipes, packed files; and what it says of them."""

import gzip
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import warnings

import pytest
from helpers.command_line import failed, refused

import pymetrics
from pymetrics.cli import main


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder for copies."""
    folder = tmp_path / "copies"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def typed(monkeypatch, content):
    """Standard input holds these bytes."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def table(capsys):
    return capsys.readouterr().out


def test_positional_files(here, capsys):
    assert main(["eval", "gt.json", "dt_sharp.json"]) == 0
    assert table(capsys) == f"{pymetrics.evaluate('gt.json', 'dt_sharp.json')}\n"
    assert main(["eval", "--gt", "gt.json", "--dt", "a=dt_sharp.json", "--dt", "b=dt_hasty.json"]) == 0
    expected = table(capsys)
    for command in (
        ["gt.json", "a=dt_sharp.json", "b=dt_hasty.json"],
        ["gt.json", "a=dt_sharp.json", "--dt", "b=dt_hasty.json"],
        ["a=dt_sharp.json", "b=dt_hasty.json", "--gt", "gt.json"],
        ["gt.json", "--dt", "a=dt_sharp.json", "--dt", "b=dt_hasty.json"],
        ["--iou-type", "bbox", "gt.json", "a=dt_sharp.json", "b=dt_hasty.json"],
        ["gt.json", "--iou-type", "bbox", "a=dt_sharp.json", "--protocol", "coco", "b=dt_hasty.json"],
    ):
        assert main(["eval", *command]) == 0
        assert table(capsys) == expected


def test_positional_files_refused(here, capsys):
    assert "the ground truth is missing" in refused(capsys, "eval")
    assert "unrecognized arguments: --nonsense" in refused(capsys, "eval", "gt.json", "--nonsense", "dt_sharp.json")
    assert "unrecognized arguments: x" in refused(capsys, "config", "x")
    assert "the detections are missing" in refused(capsys, "eval", "gt.json")
    assert "argument FILE: no such file: 'no.json'" in refused(capsys, "eval", "no.json", "dt_sharp.json")
    assert "argument FILE: no such file: 'no.json'" in refused(capsys, "eval", "gt.json", "a=no.json")
    same = refused(capsys, "eval", "gt.json", "dt_sharp.json", "dt_sharp.json")
    assert "argument FILE: two detectors are named 'dt_sharp'" in same
    for option in ("--json", "--csv", "--md", "--save"):
        assert "is one of the inputs" in refused(capsys, "eval", "gt.json", "dt_sharp.json", option, "gt.json")


def test_standard_input(here, capsys, monkeypatch, temporary):
    content, expected = (here / "dt_sharp.json").read_bytes(), pymetrics.evaluate("gt.json", "dt_sharp.json")
    for arguments, name in ((["--dt", "-"], "stdin"), (["-"], "stdin"), (["--dt", "mine=-"], "mine")):
        typed(monkeypatch, content)
        gt = ["gt.json"] if arguments == ["-"] else ["--gt", "gt.json"]
        assert main(["eval", *gt, *arguments, "--json", "-"]) == 0
        assert json.loads(capsys.readouterr().out)["detectors"] == {name: json.loads(expected.to_json())}
    typed(monkeypatch, gzip.compress((here / "gt.json").read_bytes()))
    assert main(["eval", "-", "dt_sharp.json"]) == 0
    assert table(capsys) == f"{expected}\n"
    assert list(temporary.iterdir()) == []  # the copies are gone
    twice = refused(capsys, "eval", "gt.json", "-", "--dt", "a=-")
    assert twice.endswith("standard input (-) can be read once")


def test_errors_name_standard_input(here, capsys, monkeypatch, temporary):
    typed(monkeypatch, b"[{]")
    message = failed(capsys, "eval", "gt.json", "-")
    assert message.startswith("pymetrics: evaluation of - against gt.json failed: dt: standard input is not JSON: ")
    monkeypatch.setattr(sys, "stdin", None)
    assert "evaluation of - failed: standard input is closed" in failed(capsys, "eval", "gt.json", "-")
    assert list(temporary.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("content", ["dt_sharp.json", b"[{]"], ids=["results", "damage"])
def test_a_pipe(here, tmp_path, capsys, temporary, content):
    path = tmp_path / "dt.json"
    os.mkfifo(path)
    data = content if isinstance(content, bytes) else (here / content).read_bytes()
    writer = threading.Thread(target=path.write_bytes, args=(data,), daemon=True)
    writer.start()
    if content == b"[{]":
        assert f"failed: dt: {str(path)!r} is not JSON" in failed(capsys, "eval", "gt.json", str(path))
    else:
        assert main(["eval", "gt.json", str(path)]) == 0
        assert table(capsys) == f"{pymetrics.evaluate('gt.json', content)}\n"
    writer.join(10)
    assert list(temporary.iterdir()) == []


def test_packed_files(here, tmp_path, capsys):
    for name in ("gt.json", "dt_sharp.json"):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((here / name).read_bytes()))
    assert main(["eval", f"{tmp_path}/gt.json.gz", f"{tmp_path}/dt_sharp.json.gz", "--json", "-"]) == 0
    found = json.loads(table(capsys))["detectors"]
    assert found == {"dt_sharp": json.loads(pymetrics.evaluate("gt.json", "dt_sharp.json").to_json())}


def test_how_many_detections_count(here, capsys):
    """What the limits leave out is said, and of what the limits are."""
    n = len(json.loads((here / "dt_hasty.json").read_text()))

    def said(*options):
        assert main(["eval", "gt.json", "dt_hasty.json", "--max-dets", "1", "2", *options]) == 0
        return capsys.readouterr().err

    for options, words in (((), "per image and class"), (("--no-cats",), "per image")):
        protocol = pymetrics.Protocol(max_dets=(1, 2), use_cats=not options)
        counted = len(pymetrics.evaluate("gt.json", "dt_hasty.json", protocol=protocol).outcomes.scores)
        assert counted < n
        assert f"dt_hasty: {counted} of {n} detections (at most 2 {words}) on 100 images in " in said(*options)


def test_detections_that_a_warning_has_told_of(here, tmp_path, capsys):
    """No limit has left these out."""
    rows = json.loads((here / "dt_sharp.json").read_text())
    (tmp_path / "dt.json").write_text(json.dumps([*rows, rows[0] | {"category_id": 99}]))
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert main(["eval", "gt.json", f"{tmp_path}/dt.json"]) == 0
    err = capsys.readouterr().err
    assert f"dt: {len(rows)} of {len(rows) + 1} detections on 100 images in " in err
    assert err.count("pymetrics: warning: ") == 1


def test_detections_that_lvis_leaves_out(data, tmp_path, capsys):
    gt = data("generated/gt_lvis.json")
    content = json.loads(gt.read_text())
    rows = [row | {"score": 0.5} for row in content["annotations"]]
    ids = [category["id"] for category in content["categories"]]
    elsewhere = [row | {"category_id": other} for row in rows for other in ids]  # most were not looked for there
    (tmp_path / "dt.json").write_text(json.dumps(elsewhere))
    assert main(["eval", str(gt), f"{tmp_path}/dt.json", "--protocol", "lvis"]) == 0
    n = len(pymetrics.evaluate(gt, tmp_path / "dt.json", protocol="lvis").outcomes.scores)
    assert n < len(elsewhere)
    words = "at most 300 per image, of categories that were looked for there"
    assert f"dt: {n} of {len(elsewhere)} detections ({words}) on " in capsys.readouterr().err


def test_a_shell_pipes_a_packed_file(here, tmp_path):
    packed = gzip.compress((here / "dt_sharp.json").read_bytes())
    command = [sys.executable, "-m", "pymetrics", "eval", "gt.json", "-"]
    done = subprocess.run(command, input=packed, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode() == f"{pymetrics.evaluate('gt.json', 'dt_sharp.json')}\n"
