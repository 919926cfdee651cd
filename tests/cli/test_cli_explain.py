"""pymetrics explain: what it prints where, and what it refuses."""

import json

from helpers.command_line import refused

import pymetrics
from pymetrics.analysis import Rules
from pymetrics.cli import main

FILES = ("gt.json", "dt_sharp.json")


def test_it_prints_the_table(here, capsys):
    assert main(["explain", *FILES]) == 0
    assert capsys.readouterr() == (f"{pymetrics.explain_difference(*FILES)}\n", "")


def test_rules_metric_and_reported_number(here, capsys):
    arguments = ["--a", "ultralytics", "confidence=0.4", "crowd=count", "iou_thresholds=[0.5, 0.6]", "--b", "voc2007"]
    assert main(["explain", *FILES, *arguments, "--metric", "map_50", "--reported", "0.8"]) == 0
    a = Rules("ultralytics", confidence=0.4, crowd="count", iou_thresholds=[0.5, 0.6])
    found = pymetrics.explain_difference(*FILES, a, "voc2007", "map_50", reported=0.8)
    assert found.rows[-1]["rule"] == "not explained"
    assert capsys.readouterr().out == f"{found}\n"


def test_json(here, capsys, tmp_path):
    want = pymetrics.explain_difference(*FILES)
    assert main(["explain", *FILES, "--json", "-"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == json.loads(json.dumps(want.to_dict()))
    assert err == f"{want}\n"
    assert main(["explain", *FILES, "--json", str(tmp_path / "why.json")]) == 0
    assert (tmp_path / "why.json").read_text() == out


def test_ignored_ground_truths(here, capsys):
    content = json.loads((here / "gt.json").read_text())
    content["annotations"][0]["ignore"] = 1
    (here / "ignore.json").write_text(json.dumps(content))
    found = pymetrics.explain_difference("ignore.json", FILES[1], "ultralytics", "coco", use_ignore=True)
    assert main(["explain", "ignore.json", FILES[1], "--use-ignore"]) == 0
    assert capsys.readouterr() == (f"{found}\n", "")


def test_refused(here, capsys):
    def last(*arguments):
        return refused(capsys, "explain", *FILES, *arguments)

    assert refused(capsys, "explain", "no.json", FILES[1]).endswith("error: argument GT: no such file: 'no.json'")
    assert refused(capsys, "explain", FILES[0], str(here)).endswith("is a folder, not a JSON file")
    assert "argument --a: name must be one of coco, torchmetrics, " in last("--a", "yolo")
    assert "argument --b: crowd must be one of absorb, ignore, left_out, count; got 'no'" in last(
        "--b", "coco", "crowd=no"
    )
    assert "argument --b: 'conf=1' must be FIELD=VALUE, with a field of images, " in last("--b", "coco", "conf=1")
    assert "argument --b: 'mean' must be FIELD=VALUE" in last("--b", "coco", "mean")
    assert "argument --b: max_dets must be None or an integer, got 1.5" in last("--b", "coco", "max_dets=1.5")
    assert "argument --metric: must be one of map, map_50, " in last("--metric", "mar_1")
    assert "argument --reported: reported must be a number in [0, 1], got 51.2" in last("--reported", "51.2")
    assert "argument --json: 'gt.json' is one of the inputs" in last("--json", "gt.json")


def test_what_fails(here, capsys):
    (here / "broken.json").write_text("[{]")
    assert main(["explain", "gt.json", "broken.json"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("pymetrics: evaluation of broken.json against gt.json failed: ")
    assert main(["explain", *FILES, "--metric", "map_small"]) == 1
    assert capsys.readouterr().err.endswith("failed: ultralytics has no map_small: it reads no areas\n")
