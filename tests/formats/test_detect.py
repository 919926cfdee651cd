"""detect: by content, not by name."""

from __future__ import annotations

import gzip
import os

import pytest
from helpers import layouts

import pymetrics
from pymetrics.formats import detect
from pymetrics.formats.detect import KINDS, LOOKED_AT

GT, DT = layouts.coco()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"images": []}', "coco"),
        (b"\xef\xbb\xbf  [\n]", "coco"),
        (gzip.compress(b"{}"), "coco"),
        (b"<?xml version='1.0'?>\n<!-- <annotation> -->\n<annotations/>", "cvat"),
        (b"<annotation/>", "voc"),
        (b"ImageID,LabelName,XMin\n", "openimages"),
        (b'"ImageId","PredictionString"\r\n', "openimages"),
        (b"train: a\nnames: [a]\n", "yolo"),
        (b"nc: 3\n", "yolo"),
    ],
    ids=range(9),
)
def test_files_of_any_name(content, kind, tmp_path):
    path = tmp_path / "file.odd"
    path.write_bytes(content)
    assert detect(path) == detect(str(path), "gt") == kind
    assert kind in KINDS


@pytest.mark.parametrize("content", [b"", b"hello", b"<html></html>", b"a,b\n1,2\n", b"\0\0\0"])
def test_files_of_no_format(content, tmp_path):
    path = tmp_path / "gt.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^dt: '.*gt.json' is of no format that is recognised \(COCO JSON; a YOLO"):
        detect(path, "dt")
    with pytest.raises(ValueError, match="is not JSON"):  # what evaluate says of it
        pymetrics.evaluate(path, DT)


def test_what_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^no such file: '.*absent'"):
        detect(tmp_path / "absent")
    (tmp_path / "a.jpg").touch()
    with pytest.raises(IsADirectoryError, match="is a folder, not a JSON file, and holds nothing that is recognised"):
        detect(tmp_path)


def test_many_images_beside_a_folder_of_labels(tmp_path):
    """As Ultralytics' predict leaves them."""
    for i in range(LOOKED_AT + 10):
        (tmp_path / f"{i}.jpg").touch()
    layouts.write_rows(tmp_path / "labels", [("b", "0 0.5 0.5 0.1 0.1 0.9")])
    assert detect(tmp_path, "dt") == "yolo"
    assert len(pymetrics.read(tmp_path, "dt")) == 1


def test_folders_without_an_object(tmp_path):
    (tmp_path / "yolo" / "images").mkdir(parents=True)
    (tmp_path / "yolo" / "labels").mkdir()
    (tmp_path / "yolo" / "images" / "a.png").write_bytes(layouts.png(4, 6))
    assert detect(tmp_path / "yolo") == "yolo"
    found = pymetrics.read(tmp_path / "yolo", "gt")
    assert (len(found), found.axes.images.tolist(), found.axes.sizes.tolist()) == (0, ["a"], [[4, 6]])
    (tmp_path / "found").mkdir()
    (tmp_path / "found" / "classes.txt").write_text("a\n")
    assert len(pymetrics.read(tmp_path / "found", "dt")) == 0
    (tmp_path / "voc").mkdir()
    (tmp_path / "voc" / "comp4_det_test_a.txt").touch()
    assert detect(tmp_path / "voc") == "voc"
    assert len(pymetrics.read(tmp_path / "voc", "dt")) == 0


def test_a_pipe_is_taken_for_json_and_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert detect(tmp_path / "pipe") == "coco"
