"""The gate: --min, --baseline, --tolerance, and the exit code 3."""

import json

import pytest
from helpers.command_line import failed, refused

import pymetrics
from pymetrics.cli import main

SHARP = ["eval", "gt.json", "sharp=dt_sharp.json"]
HASTY = ["eval", "gt.json", "hasty=dt_hasty.json"]


@pytest.fixture(scope="module")
def result(files):
    return pymetrics.evaluate(files / "gt.json", files / "dt_sharp.json")


def last_lines(capsys, n=1):
    """The exit's message, and the last lines of the output."""
    out, err = capsys.readouterr()
    return err.splitlines()[-1], out.splitlines()[-n:]


def test_at_least(here, capsys, result):
    value = result["map"]
    assert main([*SHARP, "--min", f"map={value!r}"]) == 0  # equal is enough
    out, err = capsys.readouterr()
    assert out == f"{result}\n\npassed: sharp: map {value:.6g} is at least {value:g}\n"
    assert "pymetrics:" not in err
    assert main([*SHARP, "--min", f"AP={value + 1e-9!r}"]) == 3  # by either name
    message, lines = last_lines(capsys)
    assert message == "pymetrics: a check did not pass"
    assert lines[0].startswith(f"FAILED: sharp: map {value:.6g} is below ")


def test_several_minima_of_several_detectors(here, capsys):
    command = ["eval", "gt.json", "sharp=dt_sharp.json", "hasty=dt_hasty.json", "--min", "map=0.5", "--min", "AP50=0.9"]
    assert main([*command, "--min", "map=0.4", "--json", "-"]) == 3  # of map the higher one holds
    out, err = capsys.readouterr()
    assert err.splitlines()[-1] == "pymetrics: 3 checks did not pass"
    gate = json.loads(out)["gate"]
    assert [(row["detector"], row["key"], row["minimum"], row["passed"]) for row in gate] == [
        ("sharp", "map", 0.5, True), ("sharp", "map_50", 0.9, False),
        ("hasty", "map", 0.5, False), ("hasty", "map_50", 0.9, False),
    ]  # fmt: skip
    assert gate[2]["value"] == pymetrics.evaluate("gt.json", "dt_hasty.json")["map"]


def test_an_undefined_number_fails(here, capsys, tmp_path):
    gt = json.loads((here / "gt.json").read_text())
    gt["annotations"] = [row for row in gt["annotations"] if row["area"] < 32**2]
    (tmp_path / "gt.json").write_text(json.dumps(gt))
    command = ["eval", f"{tmp_path}/gt.json", "dt_sharp.json", "--json", "-"]
    assert main([*command, "--min", "map_large=0"]) == 3
    out, err = capsys.readouterr()
    assert "FAILED: dt_sharp: map_large is undefined, and must be at least 0" in err
    assert json.loads(out)["gate"][0]["value"] is None


def test_outputs_are_written_all_the_same(here, tmp_path, capsys):
    """So that what failed can be looked at."""
    command = [*SHARP, "--min", "map=1", "--md", f"{tmp_path}/a.md", "--save", f"{tmp_path}/a.pmr"]
    assert main(command) == 3
    assert (tmp_path / "a.md").read_text().splitlines()[-1].startswith("- FAILED: sharp: map ")
    assert pymetrics.Result.load(tmp_path / "a.pmr")["map"] < 1


@pytest.mark.parametrize("of", ["result", "detections"])
def test_a_reliable_regression_fails(here, tmp_path, capsys, of):
    baseline = "dt_sharp.json"
    if of == "result":
        baseline = f"{tmp_path}/run.pmr"
        assert main([*SHARP, "--save", baseline]) == 0
    results = {name: pymetrics.evaluate("gt.json", f"dt_{name}.json") for name in ("sharp", "hasty")}
    capsys.readouterr()
    assert main([*HASTY, "--baseline", baseline]) == 3
    message, lines = last_lines(capsys)
    pair = pymetrics.compare({"baseline": results["sharp"], "hasty": results["hasty"]}).pairs[0]
    assert message == "pymetrics: a check did not pass"
    assert lines == [f"FAILED: {pair.verdict}"]
    assert "hasty is worse than baseline: map" in lines[0]
    assert main([*SHARP, "--baseline", baseline]) == 0  # the same
    assert last_lines(capsys)[1][0].startswith("passed: no reliable difference between baseline and sharp: map +0.000")


def test_a_reliable_gain_passes(here, capsys):
    assert main([*SHARP, "--baseline", "dt_hasty.json", "--metric", "AP50", "--n", "200", "--seed", "3"]) == 0
    results = {name: pymetrics.evaluate("gt.json", f"dt_{name}.json") for name in ("hasty", "sharp")}
    found = pymetrics.compare({"baseline": results["hasty"], "sharp": results["sharp"]}, "map_50", n=200, seed=3)
    assert last_lines(capsys)[1] == [f"passed: {found.pairs[0].verdict}"]
    assert "is better than" in found.pairs[0].verdict


def test_several_detectors_and_a_baseline(here, capsys):
    """One of them is called baseline, too."""
    command = ["eval", "gt.json", "sharp=dt_sharp.json", "baseline=dt_hasty.json", "--baseline", "dt_sharp.json"]
    assert main([*command, "--json", "-"]) == 3
    gate = json.loads(capsys.readouterr().out)["gate"]
    assert [(row["detector"], row["passed"]) for row in gate] == [("sharp", True), ("baseline", False)]
    assert "baseline is worse than the baseline: map" in gate[1]["verdict"]
    assert gate[1]["high"] < 0
    assert gate[1]["p"] < 0.05


def test_different_ground_truths_are_refused(here, tmp_path, capsys):
    gt = json.loads((here / "gt.json").read_text())
    gt["annotations"] = [row for row in gt["annotations"] if row["area"] < 96**2]
    (tmp_path / "gt.json").write_text(json.dumps(gt))
    assert main([*SHARP, "--save", f"{tmp_path}/run.pmr"]) == 0
    capsys.readouterr()
    message = failed(
        capsys, "eval", f"{tmp_path}/gt.json", "dt_sharp.json", "--baseline", f"{tmp_path}/run.pmr", n_before=1
    )
    assert "ground truths of category" in message


def test_different_images_are_refused(here, tmp_path, capsys):
    gt, dt = (json.loads((here / name).read_text()) for name in ("gt.json", "dt_sharp.json"))
    gt["images"] = gt["images"][:99]
    gt["annotations"] = [row for row in gt["annotations"] if row["image_id"] != 100]
    (tmp_path / "gt.json").write_text(json.dumps(gt))
    (tmp_path / "dt.json").write_text(json.dumps([row for row in dt if row["image_id"] != 100]))
    assert main(["eval", f"{tmp_path}/gt.json", f"{tmp_path}/dt.json", "--save", f"{tmp_path}/run.pmr"]) == 0
    capsys.readouterr()
    assert main([*SHARP, "--baseline", f"{tmp_path}/run.pmr"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "results['sharp'] cannot be compared with results['baseline']: image 100 is in sharp alone" in err


@pytest.mark.parametrize("form", ["ours", "result", "flat", "coco names", "other name"])
def test_numbers_with_a_tolerance(here, tmp_path, capsys, result, form):
    old = tmp_path / "old.json"
    value = result["map"] + 0.01
    content = {"map": value}
    if form == "coco names":
        content = {"AP": value, "epoch": 7}
    elif form == "result":
        content = {"metrics": content}
    elif form in ("ours", "other name"):
        content = {"detectors": {"sharp" if form == "ours" else "before": {"metrics": content}}}
    old.write_text(json.dumps(content))
    for tolerance, code, word in ((0.011, 0, "passed"), (0.005, 3, "FAILED")):
        assert main([*SHARP, "--baseline", str(old), "--tolerance", str(tolerance)]) == code
        line = last_lines(capsys)[1][0]
        assert line.startswith(f"{word}: sharp: map {result['map']:.6g}, before {value:.6g}, tolerance {tolerance:g}")
        assert line.endswith("; chance was not considered")


def test_what_eval_has_written_is_a_baseline(here, tmp_path, capsys):
    path = f"{tmp_path}/old.json"
    assert main(["eval", "gt.json", "sharp=dt_sharp.json", "hasty=dt_hasty.json", "--json", path]) == 0
    for command in (SHARP, HASTY):
        assert main([*command, "--baseline", path, "--tolerance", "0"]) == 0
        assert ", tolerance 0; chance was not considered" in last_lines(capsys)[1][0]
    message = failed(capsys, "eval", "gt.json", "dt_sharp.json", "--baseline", path, "--tolerance", "0", n_before=1)
    assert "it holds the detectors hasty, sharp, of which none is called 'dt_sharp'" in message


@pytest.mark.parametrize("content", [{}, {"map": None}, {"map": "0.4"}, {"map": True}, {"map": 40}, {"detectors": {}}])
def test_numbers_that_do_not_hold_the_metric(here, tmp_path, capsys, content):
    (tmp_path / "old.json").write_text(json.dumps(content))
    message = failed(capsys, *SHARP, "--baseline", f"{tmp_path}/old.json", "--tolerance", "0.1", n_before=1)
    assert message.startswith(f"pymetrics: evaluation of {tmp_path}/old.json failed: it ")


def test_bad_arguments(here, tmp_path, capsys):
    def last(*arguments):
        return refused(capsys, *SHARP, *arguments)

    (tmp_path / "old.json").write_text('{"map": 0.4}')
    old = ["--baseline", f"{tmp_path}/old.json"]
    assert "argument --min: 'map' must be KEY=VALUE" in last("--min", "map")
    assert "argument --min: 'mAP' is not one of map, map_50, " in last("--min", "mAP=0.4")
    assert "argument --min: 'x' is no number" in last("--min", "map=x")
    for value in ("40", "-0.1", "nan"):
        assert f"argument --min: 'map={value}': the value must be from 0 to 1" in last("--min", f"map={value}")
    assert "argument --baseline: no such file: 'no.pmr'" in last("--baseline", "no.pmr")
    for path in ("-", "/dev/null"):
        assert "argument --baseline: must be a file, not standard input or a pipe" in last("--baseline", path)
    assert "holds numbers alone, so that chance cannot be considered: say with --tolerance" in last(*old)
    assert "argument --tolerance: must be from 0 to 1, got 5.0" in last(*old, "--tolerance", "5")
    assert "argument --tolerance: is for a --baseline that" in last("--tolerance", "0.1")
    assert "argument --tolerance: is for" in last("--tolerance", "0.1", "--baseline", "dt_hasty.json")
    assert "is one of the inputs" in last(*old, "--json", old[1])
    assert "argument --metric: 'ap' is not one of " in last("--metric", "ap")
    assert "argument --n must be an integer in [2, " in last("--n", "1")
    assert "argument --seed must be an integer in [0, " in last("--seed", "-1")


def test_damaged_baselines(here, tmp_path, capsys):
    path = tmp_path / "run.pmr"
    assert main([*SHARP, "--save", str(path)]) == 0
    capsys.readouterr()
    path.write_bytes(path.read_bytes()[:-5])
    message = failed(capsys, *SHARP, "--baseline", str(path), n_before=1)
    assert message.startswith(f"pymetrics: evaluation of {path} failed: {str(path)!r}: ")
    path.write_text("{")
    assert f"pymetrics: evaluation of {path} failed: " in failed(capsys, *SHARP, "--baseline", str(path))
