"""The dicts of a COCO by the C++ part: completed as loadRes does, indexed as createIndex does, read as columns.

Each function leaves to its caller's Python code whatever the C++ part does not take (formats/dicts.py says what that
is), so that values, exceptions and the order of everything written are those of the plain loops.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _config, kernels
from ..evaluation.columns import CROWD, ID_ZERO, IGNORE, KEEPS_FREE
from ..formats.dicts import native, read_columns

Ann = dict[str, Any]
Index = tuple[dict[Any, Ann], defaultdict[Any, list[Ann]], defaultdict[Any, list[Any]]]


def complete_boxes(anns: list[Ann]) -> None:
    """Write segmentation (where it is missing), area, id and iscrowd into results with boxes, as pycocotools does.

    Raises:
        KeyError, TypeError, ValueError: a row has no box of four numbers; the rows before it are written.
    """
    is_native = _config.host_backend() == "native" and type(anns) is list
    row, patience = 0, 1
    while row < len(anns):
        if is_native:
            row = native().complete_results(anns, row)
        for ann in anns[row : row + patience]:
            _complete_box(ann, row + 1)
            row += 1
        patience = 2 * patience if is_native else len(anns)  # rows of another kind seldom come alone


def _complete_box(ann: Ann, id: int) -> None:
    x, y, w, h = ann["bbox"][:4]
    if "segmentation" not in ann:
        x2, y2 = x + w, y + h
        ann["segmentation"] = [[x, y, x, y2, x2, y2, x2, y]]
    ann["area"] = w * h  # BOX_AREA: also where a mask is given
    ann["id"] = id
    ann["iscrowd"] = 0


def index(annotations: Any, with_categories: bool) -> Index:
    """Annotations by id, annotations by image and images by category. Of equal ids the last one stays.

    Raises:
        KeyError: an annotation has no id, image_id or (with_categories) category_id.
    """
    by_image: defaultdict[Any, list[Ann]] = defaultdict(list)
    by_category: defaultdict[Any, list[Any]] = defaultdict(list)
    if _config.host_backend() == "native" and type(annotations) in (list, tuple):
        found = native().index_dicts(annotations, with_categories)
        if found is not None:
            by_image.update(found[1])
            by_category.update(found[2])
            return found[0], by_image, by_category
    for ann in annotations:
        by_image[ann["image_id"]].append(ann)
    if with_categories:
        for ann in annotations:
            by_category[ann["category_id"]].append(ann["image_id"])
    return {ann["id"]: ann for ann in annotations}, by_image, by_category  # DUPLICATE_IDS


@dataclass(frozen=True, eq=False)
class Side:
    """What COCOeval reads of N ground truths or detections.

    image, category: int32 (N,), places on the axes, -1 elsewhere. boxes: float64 (N, 4): x, y, width, height.
    area: float64 (N,), of ground truth 0 where it is ignored. flags: uint8 (N,), bits as in Columns.
    scores: float64 (N,), or of length 0 for ground truth.
    """

    image: NDArray[np.int32]
    category: NDArray[np.int32]
    boxes: NDArray[np.float64]
    area: NDArray[np.float64]
    flags: NDArray[np.uint8]
    scores: NDArray[np.float64]


def side(annotations: Any, images: list[Any], categories: list[Any] | None, *, is_gt: bool) -> Side | None:
    """One side's rows, or None: read them in Python.

    images, categories: the ids on the axes; categories None: all rows stand at 0.
    """
    if is_gt:
        columns = read_columns(annotations, ("image_id", "category_id", "bbox", "id", "iscrowd", "ignore"), ("area",))
    else:
        columns = read_columns(annotations, ("image_id", "category_id", "bbox", "score", "area", "id"))
    if columns is None:
        return None
    image = positions(columns["image_id"], images)
    category: NDArray[np.int32] | None = np.zeros(len(annotations), np.int32)
    if categories is not None:
        category = positions(columns["category_id"], categories)
    if image is None or category is None:
        return None
    ids, area, boxes = columns["id"], columns["area"], columns["bbox"]
    if not is_gt:
        return Side(image, category, boxes, area, flags_of(ids), columns["score"])
    ignored = columns["ignore"]
    if not (ignored | columns.has["area"]).all():
        return None
    area = np.where(ignored, 0.0, area)  # CROWD_WITHOUT_AREA
    return Side(image, category, boxes, area, flags_of(ids, columns["iscrowd"], ignored), np.empty(0))


def flags_of(ids: NDArray[Any], is_crowd: Any = None, is_ignored: Any = None) -> NDArray[np.uint8]:
    """The flags of ground truths or, without the last two, of detections. ids: numbers."""
    if is_crowd is None:
        return (ids <= 0) * np.uint8(KEEPS_FREE)
    return np.asarray(is_crowd * CROWD | (ids == 0) * ID_ZERO | is_ignored * IGNORE, np.uint8)


def positions(ids: NDArray[np.int64], axis: Sequence[Any]) -> NDArray[np.int32] | None:
    """Where each id stands on an axis of ints that rise, or -1; None where the axis is another. int32 (N,)."""
    if not all(type(id) is int for id in axis) or (len(axis) and not -(2**63) <= min(axis) <= max(axis) < 2**63):
        return None
    known = np.array(axis, np.int64)
    if not (known[1:] > known[:-1]).all():
        return None
    out = np.full(len(ids), -1, np.int32)
    if len(known) and len(ids):
        kernels.index_ids(ids, known, out)
    return out
