"""Files with keypoints by the C++ reader: the columns of the standard library's reader, or the file is left to it."""

import functools
import json

import numpy as np
import pytest
from helpers.backends import on_both
from helpers.columns import ingest
from helpers.pose_scenes import listed

from pymetrics.formats.coco_file import read_file
from pymetrics.formats.options import ReadOptions


@pytest.fixture(autouse=True)
def native(need, monkeypatch):
    need("pymetrics._native")
    monkeypatch.setenv("PYMETRICS_BACKEND", "native")


def make(seed, with_boxes=False):
    rng = np.random.default_rng(seed)

    def points(visibility):
        return listed(rng, rng.uniform(-5, 90, (17, 2)).round(2), visibility)

    images = [{"id": i, "height": 90, "width": 80} for i in range(5)]
    annotations = []
    for i in range(60):
        gt = {
            "id": i + 1,
            "image_id": i % 5,
            "category_id": 1,
            "iscrowd": i % 7 == 0,
            "area": float(rng.integers(1, 900)),
        }
        gt["keypoints"] = points(rng.integers(0, 3, 17) * (i % 3 > 0))
        if i % 2:
            gt |= {"num_keypoints": i % 4, "bbox": [1, 2, 3, 4.5]}
        annotations.append(gt)
    dt = []
    for i in range(200):
        row = {"image_id": i % 5, "category_id": 1, "score": round(float(rng.random()), 3)}
        row["keypoints"] = points(np.ones(17, int))
        dt.append(row | ({"bbox": [1.5, 2, i, 3]} if with_boxes else {}))
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]}, dt


def write(folder, gt, dt, **options):
    paths = folder / "gt.json", folder / "dt.json"
    for path, content in zip(paths, (gt, dt), strict=True):
        path.write_text(content if isinstance(content, str) else json.dumps(content, **options))
    return paths


def columns_bytes(paths):
    columns = ingest(*paths, iou_type="keypoints")
    found = [columns.gt.shape.boxes, columns.gt.shape.scales, columns.gt.shape.n_terms]
    for side in (columns.gt, columns.dt):
        found += [side.shape.points, side.area, side.image, side.flags]
    return [value.tobytes() for value in found]


def is_read(path, argument):
    return read_file(path, ReadOptions(argument, "keypoints")) is not None


@pytest.mark.parametrize("with_boxes", [True, False])
@pytest.mark.parametrize("options", [{}, {"indent": 1}, {"separators": (",", ":")}], ids=str)
def test_equal_columns(tmp_path, monkeypatch, with_boxes, options):
    for seed in range(5):
        paths = write(tmp_path, *make(seed, with_boxes), **options)
        assert is_read(paths[0], "gt")
        assert is_read(paths[1], "dt")
        ours = columns_bytes(paths)
        monkeypatch.setenv("PYMETRICS_BACKEND", "reference")
        assert columns_bytes(paths) == ours
        monkeypatch.setenv("PYMETRICS_BACKEND", "native")


def test_small_chunks(tmp_path):
    for path, argument in zip(write(tmp_path, *make(0)), ("gt", "dt"), strict=True):
        whole = read_file(path, ReadOptions(argument, "keypoints"))
        for chunk in (1, 50, 333, 5000):
            part = read_file(path, ReadOptions(argument, "keypoints"), chunk)
            assert part.shape.points.tobytes() == whole.shape.points.tobytes()
            if argument == "gt":
                assert part.ignore.tobytes() == whole.ignore.tobytes()
                assert part.shape.boxes.tobytes() == whole.shape.boxes.tobytes()


ODD = {
    "a number less": lambda text: text.replace('"keypoints": [', '"keypoints": [], "x": [', 1),
    "another length": lambda text: text[::-1].replace("]1 ,", "]", 1)[::-1],
    "text": lambda text: text.replace('"keypoints": [', '"keypoints": ["a", ', 1),
    "a boolean": lambda text: text.replace('"keypoints": [', '"keypoints": [true, ', 1),
    "too many": lambda text: text.replace(', "keypoints": [', ', "keypoints": [1, 2, 3, ', 3),
    "null": lambda text: text.replace('"keypoints": [', '"keypoints": null, "x": [', 1),
    "NaN": lambda text: text.replace('"keypoints": [', '"keypoints": [NaN, 1, 2, ', 1),
    "twice": lambda text: text.replace('"keypoints"', '"keypoints": 1, "keypoints"', 1),
    "a mask": lambda text: text.replace(
        '"keypoints"', '"segmentation": {"size": [2, 2], "counts": [1, 3]}, "keypoints"'
    ),
    "a row with a box": lambda text: text.replace('"keypoints"', '"bbox": [1, 2, 3, 4], "keypoints"', 1),
    "a huge number": lambda text: text.replace('"keypoints": [', '"keypoints": [1e300, 1, 2, ', 1),
}


@pytest.mark.parametrize("change", ODD.values(), ids=ODD)
def test_odd_files_are_left(tmp_path, change):
    """The same result or the same error as by the other reader."""
    gt, dt = make(2)
    text = json.dumps(dt)
    changed = change(text)
    assert changed != text
    paths = write(tmp_path, gt, changed)
    assert not is_read(paths[1], "dt")
    found = on_both(functools.partial(columns_bytes, paths))
    assert found[0] == found[1]


def test_odd_ground_truth_is_left(tmp_path):
    for key, value in (("num_keypoints", None), ("num_keypoints", True), ("keypoints", {}), ("bbox", None)):
        gt, dt = make(3)
        gt["annotations"][5][key] = value
        paths = write(tmp_path, gt, dt)
        assert not is_read(paths[0], "gt")
        found = on_both(functools.partial(columns_bytes, paths))
        assert found[0] == found[1]


def test_the_area_of_results_is_that_of_their_masks_where_they_have_some(tmp_path):
    """BOX_AREA: as loadRes, which looks for boxes, then masks, then keypoints."""
    gt, dt = make(4)
    own = ingest(*write(tmp_path, gt, dt), iou_type="keypoints")
    assert own.dt.area.tolist() == []  # of the box around the keypoints
    for row in dt:
        row["segmentation"] = {"size": [2, 2], "counts": "13"}
    found = ingest(*write(tmp_path, gt, dt), iou_type="keypoints")
    assert found.dt.area.tolist() == [3.0] * len(dt)
    dt[0]["segmentation"] = [[1, 2, 3, 4, 5, 6]]
    with pytest.raises(ValueError, match=r"dt\[0\]\['segmentation'\] must be runs, whose pixels are the area"):
        ingest(*write(tmp_path, gt, dt), iou_type="keypoints")


def test_the_first_pose_may_stand_anywhere(tmp_path):
    """Across the borders of the pieces in which it is looked for, behind any number of images."""
    gt, dt = make(5)
    for n in (0, 3000, 2900):
        gt["images"] = [{"id": i, "x": "y" * (80 + n % 7)} for i in range(5 + n)]
        for cut in range(0, 60, 7):
            gt["info"] = "z" * cut
            paths = write(tmp_path, dict(sorted(gt.items(), reverse=True)), dt)
            assert is_read(paths[0], "gt")


@pytest.mark.parametrize("number", ["12345678", "123456789.25", "-0", "-0.5", "1e-3", "0.12345678901234567", "5."])
def test_numbers_of_all_lengths(tmp_path, monkeypatch, number):
    gt, dt = make(6)
    for row in dt:
        row["keypoints"][4:7] = ["A", "A", "A"]
    text = json.dumps(dt).replace('"A"', number)
    paths = write(tmp_path, gt, text)
    if number == "5.":
        assert not is_read(paths[1], "dt")
        return
    assert is_read(paths[1], "dt")
    ours = columns_bytes(paths)
    monkeypatch.setenv("PYMETRICS_BACKEND", "reference")
    assert columns_bytes(paths) == ours


def test_arguments_of_the_compiled_function():
    from pymetrics import _native

    text = b'[{"image_id": 1, "category_id": 2, "score": 0.5, "keypoints": [1, 2, 3]}]'
    columns = [np.empty(2, np.int64), np.empty(2, np.int64), np.empty((2, 4)), np.empty(2)]

    def read(points):
        return _native.read_results(text, len(text), 99, *columns, 1, None, None, points)

    out = np.empty((2, 3))
    assert read(out) == 1
    assert out[0].tolist() == [1, 2, 3]
    assert np.isnan(columns[2][0]).all()
    assert read(np.empty((2, 2)))[1] == "more numbers than the first list has"
    assert read(np.empty((2, 6)))[1] == "fewer numbers than the first list has"
    assert read(np.empty((0, 3)))[1] == "more records than there is room for"
    with pytest.raises(ValueError, match="points: expected at least 1 column"):
        read(np.empty((2, 0)))
