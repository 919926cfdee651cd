"""COCO JSON in bytes, and the comparison of the C++ reader with the standard library's."""

from __future__ import annotations

import json

import numpy as np

from pymetrics.formats import coco, coco_file
from pymetrics.formats.coco import XYWH
from pymetrics.formats.options import ReadOptions

RESULT = b'{"image_id": 42, "category_id": 18, "bbox": [258.15, 41.29, 348.26, 243.78], "score": 0.236}'
ANNOTATION = b'{"id": 7, "image_id": 1, "category_id": 3, "bbox": [0.5, 1, 2.25, -3], "area": 8.5, "iscrowd": 0}'
COLUMNS = ("image", "category", "scores", "area", "no_area", "crowd", "ignore", "ids")


def results(*records):
    return b"[" + b", ".join(records) + b"]"


def data_set(annotations, images=b'[{"id": 1}, {"id": 2}]', categories=b'[{"id": 3, "name": "cat"}]'):
    return b'{"images": %s, "annotations": [%s], "categories": %s}' % (images, annotations, categories)


def by_reader(argument, content, chunk=1 << 17):
    """The Source that the C++ reader makes of the bytes, or None where it leaves them."""
    try:
        source = coco_file._read(content, len(content), argument, XYWH, chunk)[0]
    except coco_file.FastPathDeclined:
        return None
    return None if coco_file.has_other_crowds(source) else source


def by_library(argument, content):
    """The Source of the standard library's reader, or the exception that it raises."""
    try:
        parsed = json.loads(content)
        if not isinstance(parsed, dict if argument == "gt" else list):
            raise TypeError("evaluate refuses it")
        read = coco.ground_truth if argument == "gt" else coco.results
        source = read(parsed, ReadOptions(argument))
        source.check()
    except (ValueError, TypeError, RecursionError) as error:
        return error
    return source


def arrays_of(source):
    """What Columns are made of: the arrays of a Source by name."""
    found = {name: getattr(source, name) for name in COLUMNS}
    axes = {name: getattr(source.axes, name) for name in ("images", "categories", "sizes")}
    unread = source.unread_ignore  # of files 2 stands for what is no number
    is_set = None if unread is None or not (unread == 1).any() else unread == 1
    return found | axes | {"boxes": source.shape.values, "unread_ignore": is_set}


def same(source, expected):
    """Equal to the last bit, in what Columns are made of."""
    assert not isinstance(expected, Exception), f"the reader took what the library refuses: {expected!r}"
    found = arrays_of(source)
    for name, theirs in arrays_of(expected).items():
        ours = found[name]
        if name == "area" and ours is None and theirs is not None:  # what the area is where none is given
            ours = found["boxes"][:, 2] * found["boxes"][:, 3] + 0.0
        if theirs is None:
            assert ours is None, name
            continue
        theirs = np.asarray(theirs, np.int64 if name == "ids" else None)
        assert ours.dtype == theirs.dtype, name
        assert ours.tobytes() == theirs.tobytes(), name
    assert source.shape.format == expected.shape.format
    assert source.axes.names == expected.axes.names
    assert source.axes.has_lvis_keys == expected.axes.has_lvis_keys
    assert dict(source.axes.image_names) == dict(expected.axes.image_names)
    assert source.axes.unknown == expected.axes.unknown
    assert len(source) == len(expected)
    assert source.where("image", 3) == expected.where("image", 3)


def check(argument, content, chunk=1 << 17, taken=None):
    """What the reader takes it reads as the library does. taken: whether it must take it."""
    source = by_reader(argument, content, chunk)
    if taken is not None:
        assert (source is not None) == taken, content
    if source is not None:
        same(source, by_library(argument, content))
    return source is not None
