"""Damaged files of every layout: an answer, or a ValueError that names the file; never another exception."""

from __future__ import annotations

import contextlib
import copy
import json
import re
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import layouts

import pymetrics
from pymetrics.formats import detect, writers
from pymetrics.formats.data_yaml import read_yaml
from pymetrics.formats.image_sizes import read_sizes, size_of

N = 50  # damaged copies of each file
MAKERS = {
    "yolo": layouts.yolo,
    "polygons": lambda folder: layouts.yolo(folder, layouts.yolo_polygon),
    "voc": layouts.voc,
    "cvat": layouts.cvat,
    "cvat_polygons": lambda folder: layouts.cvat(folder, "polygon"),
    "openimages": layouts.openimages,
}
BEGINS = ("gt: ", "dt: ", "normalized boxes need image_sizes")
WORDS = [
    b"nan",
    b"-1",
    b"1e400",
    b"<",
    b"&a;",
    b'"',
    b",",
    b"\0",
    b"\xff",
    b"[",
    b"{",
    b":",
    b"\n",
    b" ",
    b"9" * 400,
    b"",
]


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    found = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(0, len(found) + 1))
        length = int(rng.choice([0, 1, 1, 2, 8, 40]))
        if rng.random() < 0.5:
            found[at : at + length] = WORDS[rng.integers(len(WORDS))]
        else:
            found[at : at + length] = bytes(rng.integers(0, 256, length, np.uint8))
    return bytes(found)


@pytest.mark.parametrize("name", MAKERS)
def test_damaged_files(name: str, tmp_path: Path) -> None:
    rng, sides = np.random.default_rng(0), MAKERS[name](tmp_path)
    kinds = [detect(path) for path in sides]
    n_refused = n_read = 0
    for i, side in enumerate(("gt", "dt")):
        files = sorted(path for path in sides[i].rglob("*") if path.is_file()) if sides[i].is_dir() else [sides[i]]
        for file in files:
            whole = file.read_bytes()
            for _ in range(N):
                file.write_bytes(damaged(whole, rng))
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    try:
                        both = list(sides)
                        both[i] = pymetrics.read(sides[i], side, format=kinds[i])
                        pymetrics.evaluate(*both, image_sizes=None if name != "openimages" else layouts.SIZES)
                        n_read += 1
                    except ValueError as error:
                        n_refused += 1
                        message = str(error)
                        assert message.startswith(
                            (f"{side}: ", "gt: ", "dt: ", "image_sizes", "gt['images']", "normalized")
                        ), message
                    with contextlib.suppress(ValueError, IsADirectoryError):
                        detect(sides[i], side)
            file.write_bytes(whole)
    assert n_refused > N / 2
    assert n_read > 0


def test_damaged_headers_of_images(tmp_path: Path, need) -> None:
    image, rng = need("PIL.Image"), np.random.default_rng(1)
    for end in ("png", "jpg", "gif", "bmp", "webp"):
        path, n_refused = tmp_path / f"a.{end}", 0
        image.new("RGB", (53, 31)).save(path)
        assert size_of(path) == (31, 53)
        whole = path.read_bytes()
        for length in range(0, min(len(whole), 200), 5):
            path.write_bytes(whole[:length])
            try:
                size_of(path)
            except ValueError:
                n_refused += 1
        for _ in range(100):
            path.write_bytes(damaged(whole[:64], rng) + whole[64:])
            try:
                size_of(path)
            except ValueError:
                n_refused += 1
        assert n_refused > 5, end


@pytest.mark.parametrize(
    "text",
    [
        "path: ../data\ntrain: images/train # x\nnames:\n  0: a\n  1: 'b # c'\n",
        "names: [a, 'b, c', \"d\"]\nnc: 3\nkpt_shape: [17, 3]\n",
    ],
)
def test_damaged_yaml(text: str, tmp_path: Path) -> None:
    rng, path, n_read = np.random.default_rng(2), tmp_path / "data.yaml", 0
    for _ in range(400):
        path.write_bytes(damaged(text.encode(), rng))
        try:
            read_yaml(path)
            n_read += 1
        except ValueError as error:
            assert "data.yaml" in str(error)  # noqa: PT017
    assert 20 < n_read < 400


def test_damaged_sizes(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(3), tmp_path / "sizes"
    for text in ("image,height,width\na.png,3,4\nb.png,5,6\n", '{"a.png": [3, 4], "b": [5, 6]}'):
        n_read = 0
        for _ in range(200):
            path.write_bytes(damaged(text.encode(), rng))
            try:
                read_sizes(path)
                n_read += 1
            except ValueError as error:
                assert "sizes" in str(error)  # noqa: PT017
        assert 5 < n_read < 200


def test_the_reader_of_yaml_agrees_with_pyyaml(tmp_path: Path, need) -> None:
    yaml, path = need("yaml"), tmp_path / "data.yaml"
    for text in (
        "path: ../data\ntrain: images/train  # x\nval: images/val\nnames:\n  0: person\n  1: 'traffic light'\n",
        "names: [a, 'b, c', \"d # e\", f]\nnc: 4\n",
        "names: {0: a, 1: 'b: c'}\nkpt_shape: [17, 3]\n",
        "names:\n- a\n- b c\n- 'it''s'\n",
        "names: [\n  a,\n  b,\n]\nval:\n  - x\n  - y\ntest:\n",
        "# only\n\nnames: ['a', 'b']\nval: 'images/#1'\n",
    ):
        path.write_text(text)
        assert read_yaml(path) == yaml.safe_load(text)


ODD = [None, True, -1, 0, 1.5, float("nan"), float("inf"), 1e400, 10**30, "", "x", [], [1], {}, {"id": 1}, [[1, 2]]]


def spoiled(content: Any, rng: np.random.Generator) -> Any:
    """A copy with one or two values, anywhere in it, replaced or left out."""
    found = copy.deepcopy(content)
    for _ in range(rng.integers(1, 3)):
        place = found
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = keys[rng.integers(len(keys))]
            if isinstance(place[key], (dict, list)) and place[key] and rng.random() < 0.8:
                place = place[key]
                continue
            if rng.random() < 0.2:
                del place[key]
            else:
                place[key] = copy.deepcopy(ODD[rng.integers(len(ODD))])
            break
    return found


def test_spoiled_dicts(tmp_path: Path) -> None:
    """check names what is wrong and raises nothing; convert raises ValueError or TypeError that name it."""
    rng, (gt, dt) = np.random.default_rng(4), layouts.coco()
    gt["annotations"][0]["keypoints"] = [1, 2, 2] * 3
    gt["annotations"][1]["segmentation"] = {"size": [256, 512], "counts": [0, 256 * 512]}
    targets = list(writers.WRITERS)
    refused: list[str] = []
    n_found = 0
    for i in range(120):
        bad_gt, bad_dt = spoiled(gt, rng), spoiled(dt, rng)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for sides in ((bad_gt,), (bad_gt, dt), (gt, bad_dt)):
                found = pymetrics.check(*sides)
                json.dumps(found.to_dict(), allow_nan=False)
                assert str(found)
                n_found += len(found.errors) > 0
            format = targets[i % len(targets)]
            for source, keywords in ((bad_gt, {}), (bad_dt, {"gt": gt})):
                try:
                    iou_type = "segm" if i % 8 < 4 else "bbox"
                    pymetrics.convert(source, tmp_path / str(i), format, iou_type=iou_type, **keywords)
                except (ValueError, TypeError) as error:
                    refused.append(str(error))
                shutil.rmtree(tmp_path / str(i), ignore_errors=True)
                (tmp_path / str(i)).unlink(missing_ok=True)
    assert len(refused) > 30
    begins = r"gt|dt|source|two|the|(yolo|voc|cvat|openimages) cannot hold this"
    assert [message for message in refused if not re.match(begins, message)] == []
    assert n_found > 30
