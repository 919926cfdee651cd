"""The command line: what it prints where, its exit codes, and recorded numbers through it."""

import io
import json
import os
import warnings

import pytest
from helpers.command_line import failed, refused

import pymetrics
from pymetrics import demo
from pymetrics.cli import main, tables

FIRST = " Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = "
RECORDED = {  # our keys: the names of the recorded numbers
    "map": "AP",
    "map_50": "AP50",
    "map_75": "AP75",
    **{f"map_{area}": f"AP_{area}" for area in ("small", "medium", "large")},
    **{f"mar_{limit}": f"AR_{limit}" for limit in (1, 10, 100)},
    **{f"mar_{area}": f"AR_{area}" for area in ("small", "medium", "large")},
}


def test_one_detector_prints_twelve_lines(here, capsys):
    assert main(["eval", "--gt", "gt.json", "--dt", "dt_sharp.json"]) == 0
    out, err = capsys.readouterr()
    result = pymetrics.evaluate("gt.json", "dt_sharp.json")
    assert out == f"{result}\n"
    n = len(json.loads((here / "dt_sharp.json").read_text()))
    assert sum(row["n_dt"] for row in result.per_class) == n
    assert err.startswith(f"dt_sharp: {n} detections on 100 images in ")


def test_several_detectors_print_a_table(here, capsys):
    assert main(["eval", "--gt", "gt.json", "--dt", "good=dt_sharp.json", "--dt", "dt_hasty.json"]) == 0
    out, err = capsys.readouterr()
    header, *rows = (line.split() for line in out.splitlines())
    assert header == ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"]
    for row, (name, path) in zip(rows, [("good", "dt_sharp.json"), ("dt_hasty", "dt_hasty.json")], strict=True):
        assert row == [name, *(f"{value:.3f}" for value in pymetrics.evaluate("gt.json", path).stats)]
    assert err.count("\n") == 2
    assert "\033" not in out


def test_bold_only_on_a_terminal_and_without_no_color(here, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    def shown():
        terminal = Terminal()
        results = {name: pymetrics.evaluate("gt.json", f"dt_{name}.json") for name in ("sharp", "hasty")}
        tables.print_table(tables.of_detectors(results), terminal, best=True)
        return terminal.getvalue()

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    bold = shown()
    assert bold.count("\033[1m") == 12
    assert "\033" not in bold.splitlines()[2]
    monkeypatch.setenv("NO_COLOR", "1")
    plain = shown()
    assert bold.replace("\033[1m", "").replace("\033[0m", "") == plain
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert shown() == plain


def test_json_to_stdout_is_pure(here, capsys):
    assert main(["eval", "--gt", "gt.json", "--dt", "x=dt_sharp.json", "--json", "-"]) == 0
    out, err = capsys.readouterr()
    content = json.loads(out)
    result = pymetrics.evaluate("gt.json", "dt_sharp.json")
    assert content == {"detectors": {"x": json.loads(result.to_json())}}
    assert list(content["detectors"]["x"]["metrics"].values()) == sorted_values(result)  # full doubles
    assert FIRST in err


def sorted_values(result):
    return [value for _, value in sorted(result.items())]


def test_json_to_a_file_is_deterministic(here, tmp_path, capsys):
    arguments = ["eval", "--gt", "gt.json", "--dt", "dt_sharp.json", "--dt", "dt_hasty.json", "--json"]
    for name in ("a.json", "b.json"):
        assert main([*arguments, str(tmp_path / name)]) == 0
        assert "AP50" in capsys.readouterr().out
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert list(json.loads((tmp_path / "a.json").read_text())["detectors"]) == ["dt_hasty", "dt_sharp"]


def test_undefined_is_shown_as_na_and_written_as_null(here, tmp_path, capsys):
    ground_truth = json.loads((here / "gt.json").read_text())
    ground_truth["annotations"] = [box for box in ground_truth["annotations"] if box["area"] < 32**2]
    (tmp_path / "gt.json").write_text(json.dumps(ground_truth))
    gt = str(tmp_path / "gt.json")
    assert main(["eval", "--gt", gt, "--dt", "dt_sharp.json", "--json", str(tmp_path / "out.json")]) == 0
    out = capsys.readouterr().out
    assert [line.endswith(" = n/a") for line in out.splitlines()] == [i in (4, 5, 10, 11) for i in range(12)]
    assert json.loads((tmp_path / "out.json").read_text())["detectors"]["dt_sharp"]["metrics"]["map_large"] is None
    assert main(["eval", "--gt", gt, "--dt", "dt_sharp.json", "--dt", "dt_hasty.json", "--per-class"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[1].split()[5:7] == ["n/a", "n/a"]
    assert "-1" not in out


def test_per_class_table(here, capsys):
    assert main(["eval", "--gt", "gt.json", "--dt", "dt_sharp.json", "--per-class"]) == 0
    lines = capsys.readouterr().out.splitlines()[14:]
    rows = pymetrics.evaluate("gt.json", "dt_sharp.json").per_class
    assert lines[0].split() == ["id", "name", "AP", "AP50", "AP75", "n_gt", "n_dt"]
    rows.sort(key=lambda row: -row["map"])
    keys = ("map", "map_50", "map_75")
    assert [line.split() for line in lines[1:]] == [
        [str(row["id"]), row["name"], *(f"{row[key]:.3f}" for key in keys), str(row["n_gt"]), str(row["n_dt"])]
        for row in rows
    ]


def test_protocols(here, tmp_path, capsys):
    ground_truth = json.loads((here / "gt.json").read_text())
    for i, category in enumerate(ground_truth["categories"]):
        category["frequency"] = "rcf"[i % 3]
    for image in ground_truth["images"]:
        image |= {"neg_category_ids": [1, 2], "not_exhaustive_category_ids": [1]}
    gt = str(tmp_path / "lvis.json")
    (tmp_path / "lvis.json").write_text(json.dumps(ground_truth))
    for name, path in (("lvis", gt), ("torchmetrics", "gt.json")):
        assert main(["eval", "--gt", path, "--dt", "dt_sharp.json", "--protocol", name]) == 0
        assert capsys.readouterr().out == f"{pymetrics.evaluate(path, 'dt_sharp.json', protocol=name)}\n"
    several = ["eval", "--gt", gt, "--dt", "dt_sharp.json", "--dt", "dt_hasty.json", "--protocol", "lvis"]
    assert main([*several, "--per-class"]) == 0
    assert "APr" in capsys.readouterr().out.splitlines()[0].split()
    for wrong, message in ((["--no-cats"], "argument --no-cats: the protocol lvis"), (["--protocol", "x"], "one of")):
        with pytest.raises(SystemExit) as caught:
            main([*several, *wrong])
        assert caught.value.code == 2
        assert message in capsys.readouterr().err


def test_options_reach_the_protocol(here, capsys):
    base = ["eval", "--gt", "gt.json", "--dt", "dt_sharp.json"]
    assert main([*base, "--no-cats", "--max-dets", "1", "5"]) == 0
    protocol = pymetrics.Protocol(use_cats=False, max_dets=(1, 5))
    assert capsys.readouterr().out == f"{pymetrics.evaluate('gt.json', 'dt_sharp.json', protocol=protocol)}\n"

    def as_corners(items):
        boxes = [item["bbox"] for item in items]
        return [item | {"bbox": [x, y, x + w, y + h]} for item, (x, y, w, h) in zip(items, boxes, strict=True)]

    ground_truth, detections = demo.generate()
    ground_truth["annotations"] = as_corners(ground_truth["annotations"])
    (here / "corners").mkdir()
    demo.write(here / "corners", ground_truth, {"sharp": as_corners(detections["sharp"])})
    arguments = ["--gt", "corners/gt.json", "--dt", "corners/dt_sharp.json", "--box-format", "xyxy"]
    assert main(["eval", *arguments]) == 0
    assert capsys.readouterr().out == f"{pymetrics.evaluate('gt.json', 'dt_sharp.json')}\n"


def test_class_map(here, capsys, tmp_path):
    base = ["eval", "--gt", "gt.json", "--dt", "dt_sharp.json", "--per-class"]
    name = pymetrics.evaluate("gt.json", "dt_sharp.json").per_class[1]["name"]
    expected = pymetrics.evaluate("gt.json", "dt_sharp.json", class_map={1: "thing", 2: "thing"})
    (tmp_path / "map.json").write_text(json.dumps({"1": "thing", name: "thing"}))
    (tmp_path / "a=b").write_text(json.dumps({"1": "thing", "2": "thing"}))
    pairs = ["1=thing", "2=thing"], [f"{name}=thing", "person=thing"]
    for values in (*pairs, [f"{tmp_path}/map.json"], [f"{tmp_path}/a=b"]):
        assert main([*base, "--class-map", *values]) == 0
        out = capsys.readouterr().out
        assert out.startswith(f"{expected.summary('n/a')}\n")
        assert ["1", "thing"] in [line.split()[:2] for line in out.splitlines()[15:]]
    assert "neither ids nor names of categories: 'nothing'" in failed(capsys, *base, "--class-map", "nothing=1")
    for content in ("[1]", "{"):
        (tmp_path / "bad.json").write_text(content)
        assert "argument --class-map:" in refused(capsys, *base, "--class-map", f"{tmp_path}/bad.json")
    assert "no such file: 'map.json'" in refused(capsys, *base, "--class-map", "map.json")
    assert "'=1' must be FROM=TO" in refused(capsys, *base, "--class-map", "=1")
    assert "'x' must be FROM=TO" in refused(capsys, *base, "--class-map", "1=2", "x")
    assert "'1' stands there twice" in refused(capsys, *base, "--class-map", "1=2", "1=3")


def test_use_ignore(here, capsys, tmp_path):
    gt, dt = json.loads((here / "gt.json").read_text()), "dt_sharp.json"
    for row in gt["annotations"][::3]:
        row["ignore"] = 1
    (tmp_path / "gt.json").write_text(json.dumps(gt))
    base = ["eval", "--gt", f"{tmp_path}/gt.json", "--dt", dt, "--dt", "hasty=dt_hasty.json"]
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert main(base) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split()[0] == "dt_sharp"
    assert err.count("pymetrics: warning: ") == err.count("'ignore'") == 1
    assert main([*base, "--use-ignore"]) == 0
    assert "warning" not in capsys.readouterr().err
    assert main([*base[:5], "--use-ignore"]) == 0
    assert capsys.readouterr().out == f"{pymetrics.evaluate(gt, dt, use_ignore=True).summary('n/a')}\n"


def test_string_ids(here, capsys, tmp_path):
    """Tables and JSON show them."""
    gt, dt = (json.loads((here / name).read_text()) for name in ("gt.json", "dt_sharp.json"))
    for rows, key in ((gt["categories"], "id"), (gt["annotations"], "category_id"), (dt, "category_id")):
        for row in rows:
            row[key] = f"class {row[key]:03d}"
    for name, content in (("gt", gt), ("dt", dt)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    files = ["--gt", f"{tmp_path}/gt.json", "--dt", f"{tmp_path}/dt.json"]
    assert main(["eval", *files, "--per-class", "--json", f"{tmp_path}/out.json"]) == 0
    out = capsys.readouterr().out
    expected = pymetrics.evaluate("gt.json", "dt_sharp.json")
    assert out.startswith(f"{expected.summary('n/a')}\n")
    assert ["class", "001", "person"] in [line.split()[:3] for line in out.splitlines()[15:]]
    rows = json.loads((tmp_path / "out.json").read_text())["detectors"]["dt"]["per_class"]
    assert [row["id"] for row in rows] == [f"class {row['id']:03d}" for row in expected.per_class]


def test_a_path_that_exists_may_hold_an_equals_sign(here, capsys, monkeypatch, tmp_path):
    text = (here / "dt_sharp.json").read_text()
    (tmp_path / "lr=0.1.json").write_text(text)
    assert main(["eval", "--gt", "gt.json", "--dt", f"{tmp_path}/lr=0.1.json"]) == 0
    assert capsys.readouterr().err.startswith("lr=0.1: ")
    assert main(["eval", "--gt", "gt.json", "--dt", f"low={tmp_path}/lr=0.1.json"]) == 0
    assert capsys.readouterr().err.startswith("low: ")


def test_bad_arguments_exit_with_2(here, capsys, tmp_path):
    gt, dt = ("--gt", "gt.json"), ("--dt", "dt_sharp.json")
    assert "required" in refused(capsys)
    assert "--gt" in refused(capsys, "eval", *dt)
    assert "--dt" in refused(capsys, "eval", *gt)
    assert "no such file: 'nothing.json'" in refused(capsys, "eval", "--gt", "nothing.json", *dt)
    assert "no such file: 'nothing.json'" in refused(capsys, "eval", *gt, "--dt", "x=nothing.json")
    assert "argument --dt:" in refused(capsys, "eval", *gt, "--dt", str(tmp_path))
    assert "is a folder" in refused(capsys, "eval", "--gt", str(tmp_path), *dt)
    assert "NAME=FILE" in refused(capsys, "eval", *gt, "--dt", "x=")
    assert "NAME=FILE" in refused(capsys, "eval", *gt, "--dt", "=dt_sharp.json")
    assert "two detectors are named 'dt_sharp'" in refused(capsys, "eval", *gt, *dt, *dt)
    assert "two detectors are named 'a'" in refused(capsys, "eval", *gt, "--dt", "a=gt.json", "--dt", "a=dt_sharp.json")
    assert "--json" in refused(capsys, "eval", *gt, *dt, "--json", "no/such/folder/out.json")
    assert "--json" in refused(capsys, "eval", *gt, *dt, "--json", str(tmp_path))
    assert "max_dets[0] must be at least 1, got 0" in refused(capsys, "eval", *gt, *dt, "--max-dets", "0")
    assert "max_dets[1] must be at least 1, got 0" in refused(capsys, "eval", *gt, *dt, "--max-dets", "1", "0")
    for path in ("gt.json", f"{here}/dt_sharp.json"):
        assert "one of the inputs, which it would overwrite" in refused(capsys, "eval", *gt, *dt, "--json", path)
    assert "--iou-type" in refused(capsys, "eval", *gt, *dt, "--iou-type", "nonsense")
    assert "box_format" in refused(capsys, "eval", *gt, *dt, "--box-format", "zigzag")


def test_bad_content_exits_with_1(here, capsys, tmp_path):
    def written(name, text):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    good, results = "gt.json", json.loads((here / "dt_sharp.json").read_text())
    for name, text in {
        "empty.json": "",
        "not.json": "{",
        "number.json": "3",
        "binary.json": "\0\1",
        "strings.json": '["a"]',
        "deep.json": "[" * 100_000,
        "keyless.json": json.dumps([{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}]),
        "nan.json": json.dumps([{**results[0], "score": float("nan")}]),
        "stranger.json": json.dumps([{**results[0], "image_id": 10**6}]),
        "short.json": json.dumps([{**results[0], "bbox": [1, 2, 3]}]),
    }.items():
        path = written(name, text)
        assert path in failed(capsys, "eval", "--gt", good, "--dt", path)
        message = failed(capsys, "eval", "--gt", path, "--dt", "dt_sharp.json", "--dt", "dt_hasty.json")
        assert path in message
    assert "dt_sharp.json" in failed(capsys, "eval", "--gt", "dt_sharp.json", "--dt", "gt.json")  # swapped
    if os.geteuid() != 0:  # root may read everything
        os.chmod(written("secret.json", "[]"), 0)
        assert "secret.json" in failed(capsys, "eval", "--gt", good, "--dt", str(tmp_path / "secret.json"))


def test_nothing_is_written_when_one_detector_fails(here, capsys, tmp_path):
    (tmp_path / "bad.json").write_text("{")
    arguments = ["--dt", "dt_sharp.json", "--dt", str(tmp_path / "bad.json"), "--json", str(tmp_path / "out.json")]
    assert main(["eval", "--gt", "gt.json", *arguments]) == 1
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "out.json").exists()


def test_our_own_mistakes_keep_their_traceback(here, monkeypatch):
    def broken(*arguments, **settings):
        raise AttributeError("a bug")

    monkeypatch.setattr(pymetrics, "evaluate", broken)
    with pytest.raises(AttributeError, match="a bug"):
        main(["eval", "--gt", "gt.json", "--dt", "dt_sharp.json"])


def test_ctrl_c_exits_with_130(here, monkeypatch, capsys):
    def interrupted(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(pymetrics, "evaluate", interrupted)
    assert main(["eval", "--gt", "gt.json", "--dt", "dt_sharp.json"]) == 130
    assert capsys.readouterr().err == "pymetrics: interrupted\n"


def test_warnings_are_one_line_on_stderr(here, tmp_path, capsys, monkeypatch):
    real = pymetrics.evaluate

    def warning(*arguments, **settings):
        warnings.warn("something odd", UserWarning, stacklevel=1)
        return real(*arguments, **settings)

    monkeypatch.setattr(pymetrics, "evaluate", warning)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert main(["eval", "--gt", "gt.json", "--dt", "dt_sharp.json"]) == 0
    out, err = capsys.readouterr()
    assert "pymetrics: warning: something odd\n" in err
    assert "odd" not in out


def test_version_and_config(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["--version"])
    assert exit_.value.code == 0
    assert capsys.readouterr().out == f"pymetrics {pymetrics.__version__}\n"
    assert main(["config"]) == 0
    out = capsys.readouterr().out
    pymetrics.show_config()
    assert out == capsys.readouterr().out


def test_help_shows_examples(capsys):
    for arguments in (["--help"], ["eval", "--help"]):
        with pytest.raises(SystemExit) as exit_:
            main(arguments)
        assert exit_.value.code == 0
        assert "pymetrics eval --gt" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("folder", "n_tables"), [("generated", 3), ("coco_yolact100", 8), ("coco_val2014_100", 1), ("detectron2_tiny", 1)]
)
def test_recorded_numbers_through_the_command_line(data, folder, n_tables, capsys, tmp_path):
    recorded = json.loads((data(folder) / "expected.json").read_text())
    n_checked = 0
    for title, wanted in recorded.items():
        if not title.endswith(" bbox"):
            continue
        gt, _, dt, _ = title.split()
        ground_truth, detections = data(folder) / gt, data(folder) / dt
        if "_person10" in dt:  # the persons on ten of the images
            images = {image["id"] for image in json.loads(ground_truth.read_text())["images"]}
            whole = json.loads((data(folder) / dt.replace("_person10", "")).read_text())
            detections = tmp_path / dt
            found = [item for item in whole if item["category_id"] == 1 and item["image_id"] in images]
            detections.write_text(json.dumps(found))
        if "bbox" not in json.loads(detections.read_text())[0]:
            continue  # boxes of masks
        assert main(["eval", "--gt", str(ground_truth), "--dt", f"d={detections}", "--json", "-"]) == 0
        metrics = json.loads(capsys.readouterr().out)["detectors"]["d"]["metrics"]
        found = {RECORDED[key]: -1.0 if value is None else value for key, value in metrics.items()}
        assert found == {name: wanted[name] for name in RECORDED.values()}, title
        n_checked += 1
    assert n_checked == n_tables
