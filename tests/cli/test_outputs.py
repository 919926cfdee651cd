"""What the command line writes: CSV, Markdown, tables of categories and of images."""

import csv
import io
import json
import os

import pytest
from helpers.absent import need
from helpers.command_line import failed, refused

import pymetrics
from pymetrics.analysis import per_image
from pymetrics.cli import main, tables

BASE = ["eval", "gt.json", "dt_sharp.json"]


@pytest.fixture(scope="module")
def result(files):
    return pymetrics.evaluate(files / "gt.json", files / "dt_sharp.json")


def csv_rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def as_text(row):
    return {key: "" if value in (None, -1) else str(value) for key, value in row.items()}


def test_csv_of_detectors(here, capsys, tmp_path):
    results = {name: pymetrics.evaluate("gt.json", f"dt_{name}.json") for name in ("sharp", "hasty")}
    assert main(["eval", "gt.json", "sharp=dt_sharp.json", "hasty=dt_hasty.json", "--csv", "-"]) == 0
    out, err = capsys.readouterr()
    rows = csv_rows(out)
    assert [row["detector"] for row in rows] == ["sharp", "hasty"]
    for row, one in zip(rows, results.values(), strict=True):
        content = one.to_dict()
        assert [float(row[key]) for key in one] == list(one.values())  # with all digits
        assert [int(row[key]) for key in ("n_gt", "n_dt", "n_images")] == [content["n_gt"], content["n_dt"], 100]
    assert "AP50" in err  # the table
    assert main(["eval", "gt.json", "sharp=dt_sharp.json", "hasty=dt_hasty.json", "--csv", f"{tmp_path}/a.csv"]) == 0
    assert (tmp_path / "a.csv").read_bytes() == out.encode()


def test_csv_of_categories_and_images(here, capsys, result):
    assert main([*BASE, "--per-class", "--csv", "-"]) == 0
    assert csv_rows(capsys.readouterr().out) == [as_text({"detector": "dt_sharp"} | row) for row in result.per_class]
    assert main([*BASE, "--per-image", "--csv", "-"]) == 0
    expected = [as_text({"detector": "dt_sharp"} | row) for row in per_image(result)]
    assert len(expected) == 100
    assert csv_rows(capsys.readouterr().out) == expected


def test_an_id_may_be_that_of_undefined_numbers(tmp_path, capsys):
    box = {"image_id": -1, "category_id": -1, "bbox": [10, 10, 50, 50]}
    gt = {"images": [{"id": -1}], "annotations": [box | {"id": 1}], "categories": [{"id": -1}]}
    for name, content in (("gt", gt), ("dt", [box | {"score": 0.5}])):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    command = ["eval", f"{tmp_path}/gt.json", f"{tmp_path}/dt.json"]
    for option in ("--per-class", "--per-image"):
        assert main([*command, option, "--csv", "-"]) == 0
        (row,) = csv_rows(capsys.readouterr().out)
        assert (row["id"], row["map_small"], float(row["mar_1"])) == ("-1", "", 1.0)
        assert main([*command, option, "--json", "-"]) == 0
        (row,) = json.loads(capsys.readouterr().out)["detectors"]["dt"][option[2:].replace("-", "_")]
        assert (row["id"], row["map_small"], row["mar_1"]) == (-1, None, 1.0)


def test_csv_quotes(here, capsys, tmp_path):
    gt = json.loads((here / "gt.json").read_text())
    gt["categories"][0]["name"] = name = 'a "b", c\nd'
    (tmp_path / "gt.json").write_text(json.dumps(gt))
    assert main(["eval", f"{tmp_path}/gt.json", "dt_sharp.json", "--per-class", "--csv", "-"]) == 0
    assert csv_rows(capsys.readouterr().out)[0]["name"] == name


def test_json_of_images(here, capsys, result):
    assert main([*BASE, "--per-image", "--json", "-"]) == 0
    content = json.loads(capsys.readouterr().out)["detectors"]["dt_sharp"]
    assert content.pop("per_image") == [
        {key: None if value == -1 else value for key, value in row.items()} for row in per_image(result)
    ]
    assert content == json.loads(result.to_json())


def test_the_table_of_images(here, capsys, result):
    assert main([*BASE, "--per-image"]) == 0
    lines = capsys.readouterr().out.splitlines()[13:]
    assert lines[0] == "dt_sharp, the worst images"
    header = ["id", "file_name", "AP", "AP50", "n_gt", "n_dt", "tp", "fp", "fn", "precision", "recall", "f1"]
    assert lines[1].split() == header
    worst = per_image(result)[0]
    assert lines[2].split()[:3] == [str(worst["id"]), worst["file_name"], f"{worst['map']:.3f}"]
    assert lines[2].split()[-1] == f"{worst['f1']:.3f}"
    assert len(lines) == 2 + tables.N_IMAGES_SHOWN + 1
    assert lines[-1] == "80 more images in --csv and --json"
    assert max(map(len, lines)) < 100


def test_markdown(here, capsys):
    command = ["eval", "gt.json", "sharp=dt_sharp.json", "hasty=dt_hasty.json", "--per-class", "--md", "-"]
    assert main(command) == 0
    out, err = capsys.readouterr()
    parts = out.split("\n\n")
    header, line, *rows = parts[0].splitlines()
    assert header == "|  | AP | AP50 | AP75 | APs | APm | APl | AR1 | AR10 | AR100 | ARs | ARm | ARl |"
    assert line == "| --- |" + " ---: |" * 12
    stats = pymetrics.evaluate("gt.json", "dt_sharp.json").stats
    assert rows[0] == f"| sharp | {' | '.join(f'{value:.3f}' for value in stats)} |"
    assert parts[1] == "**sharp**"
    assert parts[2].startswith("| id | name | AP | AP50 | AP75 | n_gt | n_dt |\n| --- | --- | ---: |")
    assert parts[2].count("\n") == 1 + 6
    assert "AP50" in err


def test_markdown_escapes():
    table = tables.Table(["name", "AP"], [["a|b <script> [x](y) `c` *d* \n e & \\", 0.5]])
    assert tables.markdown([table]).splitlines()[2] == (
        "| a\\|b &lt;script&gt; \\[x\\](y) \\`c\\` \\*d\\* \\\\n e &amp; \\\\ | 0.500 |"
    )


def test_categories_without_ground_truth_are_left_out(here, capsys, tmp_path):
    gt = json.loads((here / "gt.json").read_text())
    gt["categories"] += [{"id": 50 + i, "name": f"nothing {i}"} for i in range(7)]
    gt["annotations"] = [row for row in gt["annotations"] if row["category_id"] != 2]
    (tmp_path / "gt.json").write_text(json.dumps(gt))
    assert main(["eval", f"{tmp_path}/gt.json", "dt_sharp.json", "--per-class"]) == 0
    lines = capsys.readouterr().out.splitlines()[14:]
    assert len(lines) == 1 + 5 + 1
    assert lines[-1] == "8 categories without ground truth left out"
    found = [float(line.split()[2]) for line in lines[1:-1]]
    assert found == sorted(found, reverse=True)


def test_numbers_that_the_protocol_lacks_are_left_out(here, capsys):
    assert main([*BASE, "--per-class", "--iou-thresholds", "0.5", "0.6"]) == 0
    out = capsys.readouterr().out
    expected = pymetrics.evaluate("gt.json", "dt_sharp.json", iou_thresholds=[0.5, 0.6])
    assert out.startswith(expected.summary("n/a"))
    assert out.splitlines()[14].split() == ["id", "name", "AP", "AP50", "n_gt", "n_dt"]


def test_area_ranges(here, capsys):
    assert main([*BASE, "--area-ranges", "tiny=0:256", "rest=256:", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["detectors"]["dt_sharp"]["metrics"]
    ranges = {"tiny": (0, 256), "rest": (256, float("inf"))}
    expected = pymetrics.evaluate("gt.json", "dt_sharp.json", area_ranges=ranges)
    assert found == {key: None if value == -1 else value for key, value in expected.items()}
    assert "map_tiny" in found
    for value in ("tiny", "tiny=1", "=0:1", "tiny=a:b"):
        assert "must be NAME=LOW:HIGH" in refused(capsys, *BASE, "--area-ranges", value)


def test_names_that_would_move_the_cursor(here, capsys, tmp_path):
    gt = json.loads((here / "gt.json").read_text())
    gt["categories"][0]["name"] = "\033[31mred\nline\u202e"
    (tmp_path / "gt.json").write_text(json.dumps(gt))
    assert main(["eval", f"{tmp_path}/gt.json", "dt_sharp.json", "--per-class"]) == 0
    out = capsys.readouterr().out
    assert "\\x1b[31mred\\nline\\u202e" in out
    assert len(out.splitlines()) == 12 + 3 + 6


def test_names_that_utf_8_has_no_letters_for(here, capsys, tmp_path):
    gt = json.loads((here / "gt.json").read_text())
    gt["categories"][0]["name"] = "half \ud800"
    (tmp_path / "gt.json").write_text(json.dumps(gt))
    command = ["eval", f"{tmp_path}/gt.json", "dt_sharp.json", "--per-class"]
    assert (
        main([*command, "--md", f"{tmp_path}/a.md", "--csv", f"{tmp_path}/a.csv", "--html", f"{tmp_path}/a.html"]) == 0
    )
    assert "half \\\\ud800" in (tmp_path / "a.md").read_text()  # escaped once more, for Markdown
    assert "half \\ud800" in (tmp_path / "a.csv").read_text()
    assert "half" in (tmp_path / "a.html").read_text()


def test_targets_refused(here, capsys, tmp_path):
    assert "--json goes to standard output already" in refused(capsys, *BASE, "--json", "-", "--csv", "-")
    assert "argument --save: cannot be written to standard output" in refused(capsys, *BASE, "--save", "-")
    one = f"{tmp_path}/out"
    assert "two outputs would be written to one file" in refused(capsys, *BASE, "--json", one, "--md", one)
    both = refused(capsys, *BASE, "--csv", "-", "--per-class", "--per-image")
    assert "argument --csv: holds one table" in both
    several = refused(capsys, "eval", "gt.json", "a=dt_sharp.json", "b=dt_hasty.json", "--save", one)
    assert "argument --save: writes the result of one detector, got 2" in several
    for option in ("--json", "--csv", "--md", "--save"):
        for path, why in (("no/such/folder/out", "there is no folder 'no/such/folder'"), ("..", "it is a folder")):
            message = f"argument {option}: cannot write a file at {path!r}: {why}"
            assert message in refused(capsys, *BASE, option, path)


def test_save(here, tmp_path, capsys, result):
    assert main([*BASE, "--save", f"{tmp_path}/run.pmr"]) == 0
    assert pymetrics.Result.load(tmp_path / "run.pmr").to_json() == result.to_json()


def test_nothing_half_written_is_left(here, tmp_path, capsys, monkeypatch):
    """A file that was there stays as it was."""

    def refuse(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    for option in ("--json", "--csv", "--md", "--save"):
        target = tmp_path / "out"
        target.write_text("old")
        assert main([*BASE, option, str(target)]) == 1
        assert (
            capsys.readouterr().err.splitlines()[-1].startswith(f"pymetrics: could not write {target}: [Errno 28] No")
        )
        assert [path.name for path in tmp_path.iterdir()] == ["out"]
        assert target.read_text() == "old"


def test_a_device_is_written_to(here, capsys):
    need(os.name == "posix", "posix", "needs /dev/null")
    assert main([*BASE, "--json", "/dev/null"]) == 0
    assert not os.path.isfile("/dev/null")


def test_nothing_is_written_where_something_fails(here, tmp_path, capsys):
    (tmp_path / "bad.json").write_text("{")
    failed(capsys, "eval", "gt.json", f"{tmp_path}/bad.json", "--csv", f"{tmp_path}/a.csv", "--md", f"{tmp_path}/a.md")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.json"]


def test_lvis_is_readable(data, tmp_path, capsys):
    path = data("lvis_val_100/lvis_val_100.json")
    gt = json.loads(path.read_text())
    (tmp_path / "dt.json").write_text(json.dumps([row | {"score": 0.5} for row in gt["annotations"]]))
    assert main(["eval", str(path), f"{tmp_path}/dt.json", "--protocol", "lvis", "--per-class"]) == 0
    lines = capsys.readouterr().out.splitlines()[15:]
    n = len({row["category_id"] for row in gt["annotations"]})
    assert lines[-1] == f"{len(gt['categories']) - n} categories without ground truth left out"
    assert len(lines) == n + 2
    assert max(map(len, lines)) < 90  # a name of 42 letters
