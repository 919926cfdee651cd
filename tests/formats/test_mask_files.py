"""Files with masks by the C++ reader: the columns of the standard library's reader, or the file is left to it."""

import functools
import json

import numpy as np
import pytest
from helpers.backends import on_both
from helpers.columns import ingest
from helpers.mask_scenes import SIZE, make_segmentation

from pymetrics.formats.coco_file import read_file
from pymetrics.formats.options import ReadOptions
from pymetrics.formats.run_texts import TextColumns
from pymetrics.formats.runs import RunColumns


@pytest.fixture(autouse=True)
def native(need, monkeypatch):
    need("pymetrics._native")
    monkeypatch.setenv("PYMETRICS_BACKEND", "native")


def make(seed, with_boxes=True):
    rng = np.random.default_rng(seed)

    def segmentation(may_be_polygons=True):
        found, _ = make_segmentation(rng, may_be_polygons)
        return (
            dict(found, counts=found["counts"].decode())
            if isinstance(found, dict) and isinstance(found["counts"], bytes)
            else found
        )

    images = [{"id": i, "height": SIZE[0], "width": SIZE[1]} for i in range(5)]
    annotations = [
        {"id": i + 1, "image_id": i % 5, "category_id": 1, "iscrowd": i % 7 == 0, "segmentation": segmentation()}
        for i in range(60)
    ]
    for annotation in annotations[::2]:
        annotation |= {"area": float(rng.integers(1, 900)), "bbox": [1, 2, 3, 4.5]}
    dt = []
    for i in range(200):
        row = {
            "image_id": i % 5,
            "category_id": 1,
            "score": round(float(rng.random()), 3),
            "segmentation": segmentation(),
        }
        dt.append(row | ({"bbox": [1.5, 2, i, 3]} if with_boxes else {}))
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "one"}]}, dt


def write(folder, gt, dt, **options):
    paths = folder / "gt.json", folder / "dt.json"
    for path, content in zip(paths, (gt, dt), strict=True):
        path.write_text(content if isinstance(content, str) else json.dumps(content, **options))
    return paths


def columns_bytes(paths):
    columns = ingest(*paths, iou_type="segm")
    return [
        value.tobytes()
        for side, masks in ((side, side.shape.decoded()) for side in (columns.gt, columns.dt))
        for value in (masks.counts, masks.offsets, masks.sizes, *masks.measures, side.area, side.image, side.flags)
    ]


def is_read(path, argument):
    return read_file(path, ReadOptions(argument, "segm")) is not None


@pytest.mark.cases(1)
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


def as_strings(rows):
    """The same with compressed runs in place of everything else."""
    from pymetrics.coco import mask

    for row in rows:
        found = row["segmentation"]
        rle = mask.merge(mask.frPyObjects(found, *SIZE)) if isinstance(found, list) else found
        rle = mask.frPyObjects(rle, *SIZE) if isinstance(rle["counts"], list) else rle
        counts = rle["counts"]
        row["segmentation"] = dict(rle, counts=counts if isinstance(counts, str) else counts.decode())
    return rows


@pytest.mark.cases(3)
@pytest.mark.parametrize("seed", range(8))
def test_results_of_strings_stay_texts(tmp_path, monkeypatch, seed):
    """Ground truth becomes runs, results do not; both are those of the other reader."""
    gt, dt = make(seed, with_boxes=False)
    paths = write(tmp_path, dict(gt, annotations=as_strings(gt["annotations"])), as_strings(dt))
    columns = ingest(*paths, iou_type="segm")
    assert isinstance(columns.gt.shape, RunColumns)
    assert isinstance(columns.dt.shape, TextColumns)
    ours, rows = columns_bytes(paths), [3, 0, 3, len(dt) - 1]
    taken, whole = columns.dt.shape.take(rows), columns.dt.shape.decoded()
    assert taken.decoded().counts.tobytes() == whole.take(rows).counts.tobytes()
    assert taken.measures.boxes.tobytes() == whole.measures.boxes[rows].tobytes()
    both = TextColumns.joined([taken, columns.gt.shape])
    assert both.counts.tobytes() == whole.take(rows).counts.tobytes() + columns.gt.shape.counts.tobytes()
    monkeypatch.setenv("PYMETRICS_BACKEND", "reference")
    assert columns_bytes(paths) == ours


def test_small_chunks(tmp_path):
    _, path = write(tmp_path, *make(0))
    whole = read_file(path, ReadOptions("dt", "segm")).shape
    for chunk in (1, 50, 333, 5000):
        part = read_file(path, ReadOptions("dt", "segm"), chunk).shape
        assert part.runs.counts.tobytes() == whole.runs.counts.tobytes()
        assert part.polygons.points.tobytes() == whole.polygons.points.tobytes()
        assert part.order.tobytes() == whole.order.tobytes()


@pytest.mark.slow
def test_backslashes(tmp_path, monkeypatch):
    """A backslash among the characters of runs is doubled in JSON, and an escaped slash is none of them."""
    gt, dt = make(1)
    wide = {"size": [100, 1000], "counts": None}
    rng = np.random.default_rng(0)
    from pymetrics.coco import mask

    for row in dt:
        bitmap = (rng.random((100, 1000)) < 0.01).astype(np.uint8)
        row["segmentation"] = dict(wide, counts=mask.encode(bitmap)["counts"].decode())
    assert any("\\" in row["segmentation"]["counts"] for row in dt)
    paths = write(tmp_path, gt, dt)
    assert is_read(paths[1], "dt")
    ours = columns_bytes(paths)
    monkeypatch.setenv("PYMETRICS_BACKEND", "reference")
    assert columns_bytes(paths) == ours


ODD = {
    "an escape by number": lambda text: text.replace('"counts": "', '"counts": "\\u0030', 1),
    "another key": lambda text: text.replace('"counts"', '"more": 1, "counts"', 1),
    "two sizes": lambda text: text.replace('"counts"', '"size": [40, 50], "counts"', 1),
    "a fraction": lambda text: text.replace('"counts": [', '"counts": [0.0, ', 1),
    "below 0": lambda text: text.replace('"counts": [', '"counts": [-1, ', 1),
    "no polygon": lambda text: text.replace('"segmentation": [[', '"segmentation": [[], [', 1),
    "text": lambda text: text.replace('"segmentation": [[', '"segmentation": [["a", ', 1),
    "an odd polygon": lambda text: text.replace('"segmentation": [[', '"segmentation": [[1, ', 1),
    "a row without box": lambda text: text.replace(', "bbox": [1.5, 2, 199, 3]', "", 1),
    "null": lambda text: text.replace('"segmentation": {', '"segmentation": null, "x": {', 1),
    "twice": lambda text: text.replace('"segmentation"', '"segmentation": 1, "segmentation"', 1),
    "a size of three": lambda text: text.replace('"size": [', '"size": [1, ', 1),
}


@pytest.mark.cases(4)
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


@pytest.mark.parametrize("counts", ["`n", "`o1", "a b"])
def test_bad_runs_are_refused_by_the_same_text(tmp_path, monkeypatch, counts):
    gt, dt = make(3)
    dt[7]["segmentation"] = {"size": list(SIZE), "counts": counts}
    paths = write(tmp_path, gt, dt)
    found = []
    for backend in ("native", "reference"):
        monkeypatch.setenv("PYMETRICS_BACKEND", backend)
        with pytest.raises(ValueError, match=r"dt\[7\]\['segmentation'\] h") as caught:
            columns_bytes(paths)
        found.append(str(caught.value))
    assert found[0] == found[1]


def test_arguments_of_the_compiled_functions():
    from pymetrics import _native

    def args(text, spans):
        n = len(spans)
        return [
            np.frombuffer(bytearray(text + bytes(_native.TEXT_PAD)), np.uint8), np.array(spans, np.int64),
            np.empty(n, np.uint8), np.empty((n, 2), np.int64), np.empty(n, np.int64), np.empty(n, np.int64), 1,
        ]  # fmt: skip

    text = b"[[1,2,3,4,5,6]]"
    assert _native.scan_masks(*args(text, [[0, 15]])) is None
    for spans in ([[0, 16]], [[-1, 5]], [[5, 4]]):
        with pytest.raises(ValueError, match="spans: expected places in the text"):
            _native.scan_masks(*args(text, spans))
    bad = args(text, [[0, 15]])
    bad[0] = bad[0][:-1].copy()
    bad[0][-1] = 1
    with pytest.raises(ValueError, match="text: expected zero bytes"):
        _native.scan_masks(*bad)
    bad = args(text, [[0, 15]])
    bad[3] = np.empty((2, 2), np.int64)
    with pytest.raises(ValueError, match="sizes: expected"):
        _native.scan_masks(*bad)
    # cut off: the text's zero bytes end it
    assert _native.scan_masks(*args(text[:-4], [[0, 11]]))[1] == "expected ','"
    numbers, lengths = np.empty(4), np.empty(1, np.int64)
    given = args(text, [[0, 15]])
    ends, polygon_ends = np.array([0, 4]), np.array([0, 1])
    _native.read_masks(given[0], given[1], np.array([2], np.uint8), ends, polygon_ends, numbers, lengths, 1)
    assert numbers.tolist() == [1, 2, 3, 4]  # no more than there is room for
    with pytest.raises(ValueError, match="offsets: offsets must end"):
        _native.read_masks(given[0], given[1], np.array([2], np.uint8), ends + 1, polygon_ends, numbers, lengths, 1)
