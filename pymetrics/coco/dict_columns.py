"""The dicts of a COCO by the C++ part: completed as loadRes does, indexed as createIndex does, read as columns.

Each function leaves to its caller's Python code whatever the C++ part does not take (formats/dict_columns.py says what
that is), so that values, exceptions and the order of everything written are those of the plain loops.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _config
from ..formats.boxes import RawBoxes
from ..formats.coco import XYWH
from ..formats.dict_columns import read_columns
from ..formats.ids import positions
from ..formats.source import Source, SourceAxes
from ..formats.values import Where

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
            from .. import _native

            row = _native.complete_results(anns, row)
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
        from .. import _native

        found = _native.index_dicts(annotations, with_categories)
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


def source(
    rows: Any,
    where: Where,
    axes: SourceAxes,
    images: list[Any],
    categories: list[Any] | None,
    *,
    is_gt: bool,
    shape: Any = None,
) -> Source | None:
    """What COCOeval reads of one side's dicts, or None: read them in Python.

    images, categories: the ids on the axes; categories None: all rows are of the one category. shape: the rows' masks
    or poses, or None: their boxes are compared.
    """
    keys = ["image_id", "category_id", "id", *(["bbox"] if shape is None else [])]
    if is_gt:
        columns = read_columns(rows, (*keys, "iscrowd", "ignore"), ("area",))
    else:
        columns = read_columns(rows, (*keys, "score", "area"))
    if columns is None:
        return None
    image_axis, category_axis = _int_axis(images), None if categories is None else _int_axis(categories)
    if image_axis is None or (category_axis is None and categories is not None):
        return None
    ignored = columns["ignore"] if is_gt else np.zeros(len(rows), bool)
    if is_gt and not (ignored | columns.has["area"]).all():
        return None
    area = np.where(ignored, 0.0, columns["area"]) if is_gt else columns["area"]  # CROWD_WITHOUT_AREA
    category = (
        np.zeros(len(rows), np.int32) if category_axis is None else positions(columns["category_id"], category_axis)
    )
    return Source(
        where=where,
        image=positions(columns["image_id"], image_axis),
        category=category,
        indexed=True,
        shape=RawBoxes(columns["bbox"], XYWH) if shape is None else shape,
        scores=None if is_gt else columns["score"],
        area=area,
        crowd=columns["iscrowd"] if is_gt else None,
        ignore=ignored if is_gt else None,
        ids=columns["id"],
        one_row_per_id=True,
        axes=axes,
        is_checked=True,
    )


def _int_axis(ids: Sequence[Any]) -> NDArray[np.int64] | None:
    """An axis of ints that rise, int64; None where it is another."""
    if not all(type(id) is int for id in ids) or (len(ids) and not -(2**63) <= min(ids) <= max(ids) < 2**63):
        return None
    axis = np.array(ids, np.int64)
    return axis if bool((axis[1:] > axis[:-1]).all()) else None
