"""Files in gzip's format: the same numbers, by the same readers."""

import gzip
import json
import random

import numpy as np
import pytest

import pymetrics
from pymetrics import _config
from pymetrics.formats.coco_file import read_file
from pymetrics.formats.options import ReadOptions

GENERATED = ("generated/gt.json", "generated/dt_good.json")
PACKERS = {
    "one part": gzip.compress,
    "several parts": lambda text: b"".join(gzip.compress(text[i : i + 9999]) for i in range(0, len(text), 9999)),
}


def poses():
    """A data set with masks and poses, results with masks, and results with poses."""
    rng = random.Random(0)
    images = [{"id": i, "width": 60, "height": 50} for i in range(4)]
    rows = []
    for i in range(40):
        x, y = rng.randrange(30), rng.randrange(20)
        corners = [x, y, x + 20, y, x + 20, y + 25 + i % 3, x, y + 25]
        keypoints = [value for _ in range(17) for value in (x + rng.randrange(20), y + rng.randrange(20), 2)]
        rows.append({"image_id": i % 4, "category_id": 1, "bbox": [x, y, 20, 25], "keypoints": keypoints})
        rows[-1] |= {"segmentation": [corners]}
    truths = [row | {"id": i + 1, "area": 500, "iscrowd": 0, "num_keypoints": 17} for i, row in enumerate(rows[::2])]
    results = [row | {"score": round(rng.random(), 2)} for row in rows]
    parts = ([{k: v for k, v in row.items() if k != key} for row in results] for key in ("keypoints", "segmentation"))
    return {"images": images, "annotations": truths, "categories": [{"id": 1, "name": "person"}]}, *parts


@pytest.fixture(scope="module")
def plain(data, tmp_path_factory):
    """The paths of both files by iou type."""
    folder = tmp_path_factory.mktemp("plain")
    paths = folder / "gt.json", folder / "masks.json", folder / "poses.json"
    for path, content in zip(paths, poses(), strict=True):
        path.write_text(json.dumps(content))
    return {"bbox": tuple(map(data, GENERATED)), "segm": paths[:2], "keypoints": paths[::2]}


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("iou_type", ["bbox", "segm", "keypoints"])
def test_equal_numbers(plain, tmp_path, backend, iou_type, packer):
    expected = pymetrics.evaluate(*plain[iou_type], iou_type=iou_type)
    assert expected["map"] > 0
    packed = []
    for argument, path in zip(("gt", "dt"), plain[iou_type], strict=True):
        packed.append(tmp_path / argument)  # known by what it holds, not by its name
        packed[-1].write_bytes(PACKERS[packer](path.read_bytes()))
        assert (read_file(packed[-1], ReadOptions(argument, iou_type)) is not None) is (backend == "native")
    found = pymetrics.evaluate(*packed, iou_type=iou_type)
    for name in ("precision", "recall", "scores"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name
    assert found.to_json() == expected.to_json()


def test_lvis(data, tmp_path, backend):
    gt, dt = data("generated/gt_lvis.json"), tmp_path / "dt.json"
    rows = json.loads(gt.read_text())["annotations"]
    dt.write_text(json.dumps([row | {"score": i % 7 / 7} for i, row in enumerate(rows)]))
    (tmp_path / "gt").write_bytes(gzip.compress(gt.read_bytes()))
    found = pymetrics.evaluate(tmp_path / "gt", dt, protocol="lvis")
    assert found.to_json() == pymetrics.evaluate(gt, dt, protocol="lvis").to_json()


@pytest.mark.skipif(_config.native is None, reason="the C++ part is not there")
@pytest.mark.parametrize("n", [2, 9, 200, -9, -1])
def test_damage_is_left_to_the_other_reader(data, tmp_path, n):
    """Which says what is wrong: test_messages."""
    (tmp_path / "cut").write_bytes(gzip.compress(data(GENERATED[1]).read_bytes())[:n])
    assert read_file(tmp_path / "cut", ReadOptions("dt")) is None
    with pytest.raises(ValueError, match=r"^dt: '.*cut' begins as gzip does, but is damaged: "):
        pymetrics.evaluate(data(GENERATED[0]), tmp_path / "cut")
