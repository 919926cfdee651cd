"""Folders of YOLO and VOC on the command line: --format, --split, --image-sizes."""

import json
import shutil

import pytest
from helpers import layouts
from helpers.command_line import failed, refused

import pymetrics
from pymetrics.cli import main
from pymetrics.formats.tables.write import write_tables


@pytest.fixture
def coco(tmp_path):
    for name, content in zip(("gt", "dt"), layouts.coco(), strict=True):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    return f"{tmp_path}/gt.json", f"{tmp_path}/dt.json"


def metrics(capsys):
    (one,) = json.loads(capsys.readouterr().out)["detectors"].values()
    return one["metrics"]


@pytest.mark.parametrize("layout", ["yolo", "voc"])
def test_folders_are_recognised_and_may_be_named(layout, coco, tmp_path, capsys):
    assert main(["eval", *coco, "--json", "-"]) == 0
    expected = metrics(capsys)
    assert expected["map"] > 0
    gt, dt = map(str, getattr(layouts, layout)(tmp_path))
    for files, option in (
        ([gt, dt], []), ([gt, dt], ["--format", layout]), ([gt, dt], ["--format", f"auto,{layout}"]),
        ([coco[0], dt], []), ([coco[0], dt], ["--format", f"coco,{layout}"]),
    ):  # fmt: skip
        assert main(["eval", *files, *option, "--json", "-"]) == 0
        assert metrics(capsys) == expected, (files, option)
    assert main(["eval", gt, f"mine={dt}"]) == 0
    assert capsys.readouterr().err.startswith("mine: 5 detections on 3 images in ")


def test_parquet(coco, tmp_path, capsys, need):
    need("pyarrow")
    assert main(["eval", *coco, "--json", "-"]) == 0
    expected = metrics(capsys)
    for side, path in zip(("gt", "dt"), coco, strict=True):
        for schema in ("flat", "nested"):
            write_tables(pymetrics.read(path, side), tmp_path / f"{side}_{schema}.parquet", schema)
    for schema in ("flat", "nested"):
        gt, dt = (f"{tmp_path}/{side}_{schema}.parquet" for side in ("gt", "dt"))
        folder = tmp_path / schema
        folder.mkdir()
        shutil.copy(dt, folder / "part.parquet")
        for found in (dt, str(folder), f"x={folder}/*.parquet"):
            for option in ([], ["--format", "parquet"]):
                assert main(["eval", gt, found, *option, "--json", "-"]) == 0
                out, err = capsys.readouterr()
                assert next(iter(json.loads(out)["detectors"].values()))["metrics"] == expected
                assert ": 5 detections on " in err
    named = refused(capsys, "eval", *coco, "--format", "parquet")
    assert "argument FILE: " in named
    assert "names no Parquet files" in named
    assert "no such file" in refused(capsys, "eval", gt, f"{tmp_path}/nothing/*.parquet")


def test_long_parquet_files_are_read_in_ranges(coco, tmp_path, capsys, need, monkeypatch):
    need("pyarrow")
    from pymetrics.evaluation.parts import PartedResult
    from pymetrics.formats.tables import ranges

    paths = [str(tmp_path / f"{side}.parquet") for side in ("gt", "dt")]
    for side, path, parquet in zip(("gt", "dt"), coco, paths, strict=True):
        write_tables(pymetrics.read(path, side), parquet)
    assert main(["eval", *paths, "--per-class", "--json", "-"]) == 0
    at_once = capsys.readouterr()
    monkeypatch.setattr(ranges, "ROWS_AT_ONCE", 3)
    assert isinstance(pymetrics.evaluate(*paths), PartedResult)
    evaluated = []
    monkeypatch.setattr(pymetrics, "evaluate", lambda *args, of=pymetrics.evaluate, **rest: evaluated.append(
        of(*args, **rest)) or evaluated[-1])  # fmt: skip
    assert main(["eval", *paths, "--per-class", "--json", "-"]) == 0
    out, err = capsys.readouterr()
    assert [type(result) for result in evaluated] == [PartedResult]
    assert out == at_once.out
    assert err.startswith("dt: 5 detections counted on 2 images in ")


def test_the_name_of_a_folder(tmp_path, capsys):
    gt, dt = layouts.voc(tmp_path)
    renamed = dt.rename(tmp_path / "yolo.v8")
    assert main(["eval", str(gt), f"{renamed}/"]) == 0
    assert capsys.readouterr().err.startswith("yolo.v8: 5 detections")


def test_a_split_of_the_ground_truth(tmp_path, capsys):
    gt, dt = layouts.yolo(tmp_path)
    shutil.copytree(gt / "images" / "val", gt / "images" / "train")
    shutil.copytree(gt / "labels" / "val", gt / "labels" / "train")
    (gt / "labels" / "train" / "b.txt").unlink()
    assert main(["eval", str(gt), str(dt), "--split", "train", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["detectors"]["labels"]
    assert found["n_gt"] == 2
    expected = pymetrics.evaluate(pymetrics.read(gt, "gt", split="train"), dt)
    assert found == json.loads(expected.to_json())
    assert "split" in failed(capsys, "eval", str(gt), str(dt), "--split", "nonsense")


def test_sizes_of_images(tmp_path, coco, capsys):
    """Of labels without images."""
    gt, dt = layouts.yolo(tmp_path)
    sizes = tmp_path / "sizes.csv"
    sizes.write_text("".join(f"{name}.png,{height},{width}\n" for name, (height, width) in layouts.SIZES.items()))
    pictures = (gt / "images" / "val").rename(tmp_path / "pictures")
    labels = str(gt / "labels" / "val")
    (gt / "labels" / "val" / "empty.txt").write_text("")
    (gt / "labels" / "val" / "classes.txt").write_text("\n".join(layouts.NAMES))
    assert main(["eval", *coco, "--json", "-"]) == 0
    expected = metrics(capsys)
    for given in (sizes, pictures):
        assert main(["eval", labels, str(dt), "--image-sizes", str(given), "--json", "-"]) == 0
        assert metrics(capsys) == expected
    assert "argument --image-sizes: " in refused(capsys, "eval", labels, str(dt), "--image-sizes", "nothing")
    assert "size" in failed(capsys, "eval", labels, str(dt))


def test_refused(tmp_path, coco, capsys):
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    assert "holds nothing that is recognised" in refused(capsys, "eval", coco[0], str(nothing))
    assert "argument FILE: " in refused(capsys, "eval", str(nothing), coco[1])
    assert "argument --baseline: " in refused(capsys, "eval", *coco, "--baseline", str(nothing))
    for value in ("yaml", "coco,yolo,voc", ""):
        words = f"must be one or two of auto, coco, yolo, voc, cvat, openimages, pennfudan, parquet; got {value!r}"
        assert words in refused(capsys, "eval", *coco, "--format", value)


def test_detections_in_a_folder_as_a_baseline(tmp_path, coco, capsys):
    _, dt = layouts.voc(tmp_path)
    assert main(["eval", *coco, "--baseline", str(dt)]) == 0
    assert "passed: no reliable difference between baseline and dt: map +0.000" in capsys.readouterr().out
