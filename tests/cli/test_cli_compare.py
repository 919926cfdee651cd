"""pymetrics compare: verdicts, tables, JSON."""

import json
import math

import pytest
from helpers.command_line import refused

import pymetrics
from pymetrics.cli import main

COMMAND = ["compare", "gt.json", "sharp=dt_sharp.json", "hasty=dt_hasty.json"]


@pytest.fixture(scope="module")
def results(files):
    return {name: pymetrics.evaluate(files / "gt.json", files / f"dt_{name}.json") for name in ("sharp", "hasty")}


def as_dict(interval, undefined=math.isnan):
    values = {"value": interval.value, "low": interval.low, "high": interval.high}
    return {key: None if undefined(value) else value for key, value in values.items()}


def test_what_is_printed(here, capsys, results):
    assert main(COMMAND) == 0
    out = capsys.readouterr().out
    assert main(["eval", *COMMAND[1:]]) == 0
    assert out.startswith(f"{capsys.readouterr().out}\n")  # the table of eval, then a blank line
    pair = pymetrics.compare(results).pairs[0]
    lines = out.splitlines()[4:]
    assert lines[0] == pair.verdict
    assert lines[0].startswith("hasty is worse than sharp: map ")
    reliable = [row["name"] for row in pair.per_class if row["reliable"]]
    assert len(reliable) == 6
    assert lines[1].startswith("  reliably worse: ")
    assert sorted(lines[1].partition(": ")[2].split(", ")) == sorted(reliable)
    assert lines[3:5] == ["hasty less sharp", lines[4]]
    assert lines[4].split() == ["sharp", "hasty", "difference", "95", "%", "interval"]
    first, one = lines[5].split(), pair.differences["map"]
    values = [f"{results[name]['map']:.3f}" for name in ("sharp", "hasty")]
    assert first == ["AP", *values, f"{one.value:+.3f}", f"{one.low:+.3f}", "to", f"{one.high:+.3f}"]
    assert len(lines) == 5 + 12


def test_options_and_json(here, capsys, results):
    options = ["--pairs", "all", "--metric", "AP50", "--n", "100", "--seed", "5"]
    assert main([*COMMAND, "again=dt_sharp.json", *options, "--json", "-"]) == 0
    out, err = capsys.readouterr()
    everything = {**results, "again": results["sharp"]}
    found = pymetrics.compare(everything, "map_50", "all", 100, 5)
    for pair in found.pairs:
        assert pair.verdict in err
    content = json.loads(out)["comparison"]
    assert (content["metric"], content["n"], content["seed"]) == ("map_50", 100, 5)
    names = [("sharp", "hasty"), ("sharp", "again"), ("hasty", "again")]
    assert [(pair["first"], pair["second"]) for pair in content["pairs"]] == names
    for one, pair in zip(content["pairs"], found.pairs, strict=True):
        assert one["differences"] == {key: as_dict(interval) for key, interval in pair.differences.items()}
        assert [one[key] for key in ("verdict", "reliable", "p", "p_corrected", "n_images")] == [
            pair.verdict, pair.reliable, pair.p, pair.p_corrected, 100
        ]  # fmt: skip
        assert [row["difference"] for row in one["per_class"]] == [as_dict(row["difference"]) for row in pair.per_class]
        assert one["changed"] == json.loads(json.dumps(pair.changed[:20]))
    for name, result in everything.items():
        intervals = pymetrics.analysis.bootstrap(result, 100, 5).intervals
        assert content["intervals"][name] == {
            key: as_dict(interval, lambda value: value == -1) for key, interval in intervals.items()
        }


def test_undefined_differences(here, tmp_path, capsys):
    gt = json.loads((here / "gt.json").read_text())
    gt["annotations"] = [row for row in gt["annotations"] if row["area"] < 32**2]
    (tmp_path / "gt.json").write_text(json.dumps(gt))
    assert main(["compare", f"{tmp_path}/gt.json", *COMMAND[2:], "--json", "-"]) == 0
    out, err = capsys.readouterr()
    assert "NaN" not in out
    found = json.loads(out)["comparison"]["pairs"][0]["differences"]["map_large"]
    assert found == {"value": None, "low": None, "high": None}
    assert ["APl", "n/a", "n/a", "n/a", "n/a"] in [line.split() for line in err.splitlines()]


def test_a_difference_of_one_is_defined(tmp_path, capsys):
    """-1 stands for undefined elsewhere."""
    box = {"image_id": 1, "category_id": 3, "bbox": [10, 10, 50, 50]}
    gt = {"images": [{"id": 1}], "annotations": [box | {"id": 1}], "categories": [{"id": 3}]}
    for name, content in (("gt", gt), ("a", [box | {"score": 0.5}]), ("b", [])):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    paths = [f"{tmp_path}/{name}.json" for name in ("gt", "a", "b")]
    assert main(["compare", *paths, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["comparison"]["pairs"][0]["differences"]["mar_1"]
    assert found["value"] == -1
    assert main(["eval", *paths[::2], "--baseline", paths[1], "--metric", "mar_1", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["gate"][0]["difference"] == -1


def test_a_gate_after_a_comparison(here, capsys):
    assert main([*COMMAND, "--min", "map=0.99"]) == 3
    out = capsys.readouterr().out
    assert out.splitlines()[-1].startswith("FAILED: hasty: map ")
    assert "hasty is worse than sharp" in out


def test_refused(here, capsys):
    assert "the detections of 2 detectors are needed, got those of 1" in refused(capsys, *COMMAND[:3])
    assert "argument --pairs: invalid choice: 'some'" in refused(capsys, *COMMAND, "--pairs", "some")
    assert "argument --metric: 'mAP' is not one of" in refused(capsys, *COMMAND, "--metric", "mAP")
