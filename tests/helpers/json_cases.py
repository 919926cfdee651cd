"""COCO JSON in bytes, and the comparison of the C++ reader with the standard library's."""

from __future__ import annotations

import json

import numpy as np

from pymetrics.formats import coco, coco_json
from pymetrics.formats.boxes import NAMES

XYWH = NAMES["coco"]
RESULT = b'{"image_id": 42, "category_id": 18, "bbox": [258.15, 41.29, 348.26, 243.78], "score": 0.236}'
ANNOTATION = b'{"id": 7, "image_id": 1, "category_id": 3, "bbox": [0.5, 1, 2.25, -3], "area": 8.5, "iscrowd": 0}'
ROW_FIELDS = ("image", "category", "boxes", "scores", "area", "no_area", "crowd", "ids", "images", "categories")


def results(*records):
    return b"[" + b", ".join(records) + b"]"


def data_set(annotations, images=b'[{"id": 1}, {"id": 2}]', categories=b'[{"id": 3, "name": "cat"}]'):
    return b'{"images": %s, "annotations": [%s], "categories": %s}' % (images, annotations, categories)


def by_reader(argument, content, chunk=1 << 17):
    """The rows that the C++ reader makes of the bytes, or None where it leaves them."""
    read = coco_json._ground_truth_rows if argument == "gt" else coco_json._result_rows
    try:
        return read(content, len(content), argument, XYWH, chunk)
    except coco_json._LeftError:
        return None


def by_library(argument, content):
    """The rows of the standard library's reader, or the exception that it raises."""
    try:
        parsed = json.loads(content)
        if not isinstance(parsed, dict if argument == "gt" else list):
            raise TypeError("ingest refuses it")
        rows = coco.ground_truth_rows(parsed) if argument == "gt" else coco.result_rows(parsed)
        rows.check()
    except (ValueError, TypeError, RecursionError) as error:
        return error
    return rows


def same(rows, expected):
    """Equal to the last bit, in what Columns are made of."""
    assert not isinstance(expected, Exception), f"the reader took what the library refuses: {expected!r}"
    for name in ROW_FIELDS:
        ours, theirs = getattr(rows, name), getattr(expected, name)
        if name == "area" and ours is None and theirs is not None:  # what the area is where none is given
            ours = rows.boxes[:, 2] * rows.boxes[:, 3] + 0.0
        if theirs is None:
            assert ours is None, name
            continue
        theirs = np.asarray(theirs, np.int64 if name == "ids" else None)
        assert ours.dtype == theirs.dtype, name
        assert ours.tobytes() == theirs.tobytes(), name
    assert rows.names == expected.names
    assert rows.drops_unknown == expected.drops_unknown
    assert len(rows) == len(expected)
    assert rows.where("image", 3) == expected.where("image", 3)


def check(argument, content, chunk=1 << 17, taken=None):
    """What the reader takes it reads as the library does. taken: whether it must take it."""
    rows = by_reader(argument, content, chunk)
    if taken is not None:
        assert (rows is not None) == taken, content
    if rows is not None:
        same(rows, by_library(argument, content))
    return rows is not None
