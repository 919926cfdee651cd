"""The reader of COCO JSON behind evaluate(): real files, damaged files, files that change, and who reads what."""

from __future__ import annotations

import json
import logging
import os
import random

import numpy as np
import pytest
from helpers.columns import ingest
from helpers.ingest_cases import assert_same_columns
from helpers.json_cases import ANNOTATION, RESULT, XYWH, check, data_set, results

import pymetrics
from pymetrics import _config
from pymetrics.formats import coco_file
from pymetrics.formats.options import ReadOptions

pytestmark = pytest.mark.skipif(_config.native is None, reason="the C++ part is not there")


def test_regular_records_take_the_quick_way():
    """A file as json.dump writes it is read in one pass, of several chunks, whatever the thread."""
    rng = random.Random(0)
    document = json.dumps(
        [
            {
                "image_id": rng.randrange(10**6),
                "category_id": rng.randrange(90),
                "bbox": [round(rng.uniform(-20, 9000), rng.randrange(4)) for _ in range(4)],
                "score": rng.random() ** 9 if i % 2 else round(rng.random(), 3),
            }
            for i in range(3000)
        ]
    ).encode()
    for chunk in (999, 5000, 1 << 17):
        check("dt", document, chunk, taken=True)


def write(tmp_path, gt, dt):
    (tmp_path / "gt.json").write_bytes(gt)
    (tmp_path / "dt.json").write_bytes(dt)
    return tmp_path / "gt.json", tmp_path / "dt.json"


@pytest.mark.parametrize("options", [{}, {"box_format": "xyxy"}, {"protocol": pymetrics.Protocol(use_cats=False)}])
@pytest.mark.filterwarnings("ignore:gt.'annotations'.:UserWarning", "ignore:gt has:UserWarning")
def test_files_and_what_they_hold_give_equal_columns(tmp_path, options):
    annotations = [
        ANNOTATION.replace(b'"id": 7', b'"id": %d' % (i % 9)).replace(
            b'"image_id": 1', b'"image_id": 2' if i % 2 else b'"image_id": 1'
        )
        for i in range(12)
    ]
    truth = data_set(b", ".join(annotations))
    found = results(*[RESULT.replace(b"42", b"1").replace(b"18", b"3"), RESULT.replace(b"42", b"2")] * 3)
    paths = write(tmp_path, truth, found)
    assert coco_file.read_file(paths[0], ReadOptions("gt")) is not None
    assert coco_file.read_file(paths[1], ReadOptions("dt")) is not None
    assert_same_columns(ingest(*paths, **options), ingest(json.loads(truth), json.loads(found), **options))


@pytest.mark.cases(4)
@pytest.mark.parametrize(
    ("argument", "name"),
    [
        ("gt", "generated/gt.json"),
        ("gt", "generated/gt_lvis.json"),
        ("dt", "generated/dt_good.json"),
        ("gt", "coco_yolact100/gt.json"),
        ("dt", "coco_yolact100/dt_yolact_base.json"),
        ("gt", "coco_val2014_100/instances_val2014_100.json"),
        ("dt", "coco_val2014_100/instances_val2014_fakebbox100_results.json"),
        ("gt", "lvis_val_100/lvis_val_100.json"),
        ("gt", "coco_val2017_person538/gt_person_keypoints.json"),
        ("gt", "coco_val2017_boxes/gt_boxes.json"),
    ],
)
def test_files(data, argument, name):
    content = data(name).read_bytes()
    for chunk in (1000, 1 << 17):
        check(argument, content, chunk, taken=True)


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (results(RESULT, RESULT)[:150], ["is not JSON", "byte 150", "line 1", "after the key 'bbox'"]),
        (results(RESULT) + b"\n7", ["Extra data", "byte 95", "line 2", "after the key 'score'"]),
        (results(RESULT.replace(b"0.236", b"0.2.3")), ["delimiter", "byte 90", "line 1", "after the key 'score'"]),
        (results(RESULT.replace(b'"score"', b'\n"\xff": 1, "score"')), ["byte 80", "line 2", "after the key 'bbox'"]),
        ("[\ufeff".encode("utf-16"), ["byte 4, line 1"]),
        (b"", ["is not JSON", "byte 0, line 1"]),
        (b"[" * 100000, ["is not JSON"]),
    ],
)
def test_damage_is_placed(tmp_path, content, parts):
    gt, dt = write(tmp_path, data_set(ANNOTATION), content)
    with pytest.raises(ValueError, match=r"^dt: .*dt.json' is not JSON") as info:
        pymetrics.evaluate(gt, dt)
    assert all(part in str(info.value) for part in parts), info.value


def test_a_file_that_becomes_shorter(tmp_path):
    """The size is read first; a file that ends earlier is left, and no memory is touched that is not there."""
    path = tmp_path / "dt.json"
    document = results(*[RESULT] * 5000)
    path.write_bytes(document)
    with open(path, "rb") as file:
        for longer in (1, 5000, 1 << 20):
            with pytest.raises(coco_file.FastPathDeclined, match="shorter"):
                coco_file.read_results(file.fileno(), len(document) + longer, "dt", XYWH, 4096)
            text = np.empty(len(document) + longer + _config.native.TEXT_PAD, np.uint8)
            assert "shorter" in _config.native.read_text(file.fileno(), text, 2)[1]
            with pytest.raises(coco_file.FastPathDeclined, match="shorter"):
                coco_file.read_ground_truth(file.fileno(), len(document) + longer, "gt", XYWH, 4096)


def test_the_text_is_copied_whole(tmp_path):
    """Whatever the chunks are: records longer than some, space before, behind and between them."""
    long = RESULT[:-1] + b', "x": [' + b"1, " * 700 + b'"}, {"]}'
    document = b" " * 5000 + results(*[RESULT] * 40, long, *[RESULT + b" " * 300] * 9, long) + b"\n" * 3000
    path = tmp_path / "dt.json"
    path.write_bytes(document)
    expected = coco_file.read_results(document, len(document), "dt", XYWH, 1 << 17)
    with open(path, "rb") as file:
        for chunk in (1, 7, 64, 95, 500, 1999, 3000, 1 << 17):
            text = np.full(len(document) + _config.native.TEXT_PAD, 255, np.uint8)
            source = coco_file.read_results(file.fileno(), len(document), "dt", XYWH, chunk, text)
            assert source.scores.tolist() == expected.scores.tolist()
            assert text.tobytes() == document + bytes(_config.native.TEXT_PAD), chunk


def test_why_a_file_is_left_is_logged(tmp_path, caplog):
    gt, dt = write(tmp_path, data_set(ANNOTATION), results(RESULT.replace(b"42", b"1.0").replace(b"18", b"3")))
    with caplog.at_level(logging.DEBUG, logger="pymetrics"):
        pymetrics.evaluate(gt, dt)
    assert [record.getMessage() for record in caplog.records] == [
        f"dt: {os.fspath(dt)!r} goes to json.loads: an id that is no integer of 64 bits, at byte 17"
    ]


def test_where_files_cannot_be_read_in_pieces(tmp_path, monkeypatch):
    paths = write(tmp_path, data_set(ANNOTATION), results(*[RESULT] * 30))
    expected = [
        coco_file.read_file(path, ReadOptions(argument)).shape.values
        for path, argument in zip(paths, ("gt", "dt"), strict=True)
    ]
    for has_pread in (True, False):
        if not has_pread:
            monkeypatch.delattr(os, "pread")
        for path, argument, boxes in zip(paths, ("gt", "dt"), expected, strict=True):
            assert coco_file.read_file(path, ReadOptions(argument)).shape.values.tolist() == boxes.tolist()
            document = coco_file.read_document(path, argument)
            assert document.source.shape.values.tolist() == boxes.tolist()
            assert document.text.tobytes() == path.read_bytes() + bytes(_config.native.TEXT_PAD)


def test_documents_say_where_values_stand(tmp_path):
    truth = data_set(ANNOTATION)[:-1] + b', "info" : {"a": [1]}, "info": "\\u00e4\\"", "x": null }'
    gt, dt = write(tmp_path, truth, b" " + results(RESULT) + b"\n")
    document = coco_file.read_document(gt, "gt")
    values = {key: json.loads(truth[begin:end]) for key, (begin, end) in document.spans.items()}
    assert values == json.loads(truth)
    assert list(values) == list(json.loads(truth))
    (begin, end), *more = coco_file.read_document(dt, "dt").spans.values()
    assert json.loads(dt.read_bytes()[begin:end]) == json.loads(dt.read_bytes())
    assert not more
    for keys, is_plain in [
        (b'"iscrowd": 0.0, "area": 1', True),
        (b'"iscrowd": -0, "area": 1', True),
        (b'"iscrowd": 1', True),
        (b'"iscrowd": -1.5', True),
        (b'"iscrowd": true', True),
        (b'"iscrowd": 0', False),
        (b'"iscrowd": 0, "area": null', False),
        (b'"iscrowd": false', False),
        (b'"area": 1', False),
        (b'"iscrowd": 0.999, "area": 1', False),
        (b'"iscrowd": -1e-300, "area": 1', False),
    ]:
        other = ANNOTATION.replace(b'"area": 8.5, "iscrowd": 0', keys)
        gt.write_bytes(data_set(ANNOTATION + b"," + other))
        assert coco_file.read_document(gt, "gt").is_plain is is_plain, keys


def test_other_backends_read_with_the_library(tmp_path, monkeypatch):
    gt, _ = write(tmp_path, data_set(ANNOTATION), results(RESULT))
    monkeypatch.setenv("PYMETRICS_BACKEND", "numba")
    assert coco_file.read_file(gt, ReadOptions("gt")) is None


def test_arguments_are_checked():
    native, columns = _config.native, (np.empty(9, np.int64), np.empty(9, np.int64), np.empty((9, 4)), np.empty(9))
    assert native.read_results(results(RESULT), 0, 10, *columns, 1) == 1
    assert native.read_results(results(*[RESULT] * 10), 0, 10, *columns, 1)[1].startswith("more records")
    assert native.read_results(-1, 100, 10, *columns, 1)[1] == "the file cannot be read"
    narrow = (*columns[:2], np.empty((9, 3)), columns[3])
    for bad in ((b"", 0, 0, *columns, 1), (0, -1, 9, *columns, 1), (b"", 0, 9, *narrow, 1), (b"", 0, 9, *columns, 0)):
        with pytest.raises(ValueError, match="expected"):
            native.read_results(*bad)
    text = np.zeros(94 + native.TEXT_PAD, np.uint8)
    text[:94] = np.frombuffer(results(RESULT), np.uint8)
    assert native.read_results(text, 94, 10, *columns, 1) == 1
    for size in (-1, 93, 95):
        with pytest.raises(ValueError, match="text: expected"):
            native.read_results(text, size, 10, *columns, 1)
    text[-1] = 1
    with pytest.raises(ValueError, match="text: expected zero bytes"):
        native.read_results(text, 94, 10, *columns, 1)
    with pytest.raises(TypeError, match="text: expected uint8"):
        native.read_results(text.astype(np.int8), 94, 10, *columns, 1)
    with pytest.raises(ValueError, match="text: expected"):
        native.read_text(0, text[:9].copy(), 1)
    for bad in (text, text[:-1]):  # text is no file; no room for its pad
        with pytest.raises(ValueError, match="text: expected"):
            native.read_results(0 if len(bad) < len(text) else results(RESULT), 94, 10, *columns, 1, bad)
    assert native.read_text(-1, text, 1)[1] == "the file cannot be read"
