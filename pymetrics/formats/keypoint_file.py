"""COCO JSON files with keypoints to Sources, by the C++ reader (coco_file.py)."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import numpy as np

from .coco import XYWH
from .coco_file import CHUNK, SHORTEST, FastPathDeclined, read_ground_truth, read_results, with_box_areas
from .keypoints import NO_BOX, RawPoses
from .source import Source

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .coco_file import Input


def read_poses(source: Input, size: int, argument: str, chunk: int = CHUNK) -> Source:
    """As coco_file reads files, with poses in place of boxes, and areas as for masks. Raises FastPathDeclined."""
    width = _numbers_of_first_pose(source, size)
    points = np.empty((size // (SHORTEST + 2 * width) + 1, width))  # a number and a comma are two characters
    if argument == "gt":
        labelled = np.empty(len(points))
        found = read_ground_truth(source, size, argument, XYWH, chunk, None, points, labelled)[0]
        boxes = found.shape.values
        boxes[np.isnan(boxes[:, 0])] = NO_BOX
        return found.with_shape(
            RawPoses(points[: len(found)].reshape(len(found), -1, 3), boxes, labelled[: len(found)])
        )
    found = with_box_areas(read_results(source, size, argument, XYWH, chunk, points=points))
    return found.with_shape(RawPoses(points[: len(found)].reshape(len(found), -1, 3)))


def _numbers_of_first_pose(source: Input, size: int) -> int:
    """How many numbers the first `keypoints` of a file has; other lists are left where they have more or fewer."""

    def part(begin: int) -> bytes:
        return os.pread(source, piece, begin) if isinstance(source, int) else bytes(source[begin : begin + piece])

    key, piece, rest = b'"keypoints"', 1 << 18, b""
    for begin in range(0, size, piece):
        text = rest + part(begin)
        at = text.find(key)
        if at < 0:
            rest = text[-len(key) :]
            continue
        text = text[at + len(key) :] + part(begin + piece)
        found = re.match(rb"\s*:\s*\[([^\[\]]*)\]", text)
        n = found[1].count(b",") + 1 if found is not None and found[1].strip() else 0
        if n == 0 or n % 3:
            raise FastPathDeclined("keypoints that are no list of three numbers each")
        return n
    raise FastPathDeclined("no keypoints")


def poses_of_text(text: NDArray[np.uint8], argument: str) -> Source | None:
    """The annotations of a Document's text with poses in place of boxes; None: json has to read them."""
    from .. import _native

    try:
        return read_poses(text, len(text) - _native.TEXT_PAD, argument)
    except FastPathDeclined:
        return None
