"""From COCO's dicts to columns: one pass per column over the annotations that pycocotools would evaluate.

Marks in capitals name rows of docs/coco-quirks.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from .. import kernels
from ..evaluation.columns import Columns
from ..evaluation.protocol import Protocol
from . import fields
from .params import Params

Ann = dict[str, Any]
Array = np.ndarray[Any, Any]
ONE_CATEGORY = -1  # pycocotools' id of the only category where useCats is 0


def protocol_of(p: Params) -> Protocol:
    """The parameters as a Protocol, with whatever values pycocotools would take but for a few (REFUSED_PARAMS)."""
    limits = list(p.maxDets)
    if not limits:
        raise IndexError("params.maxDets must not be empty")
    if min(limits) < 0:
        raise ValueError(f"params.maxDets must not hold negative limits, got {min(limits)}")
    for i, threshold in enumerate(p.iouThrs):
        if threshold != threshold:
            raise ValueError(f"params.iouThrs[{i}] must be a number, got {threshold}")
    ranges = [tuple(pair[:2]) for pair in p.areaRng]
    names = list(p.areaRngLbl)[: len(ranges)]
    return Protocol(
        iou_thresholds=tuple(p.iouThrs),
        recall_thresholds=tuple(p.recThrs),
        area_ranges=tuple(ranges),
        area_names=(*names, *(f"area {a}" for a in range(len(names), len(ranges)))),
        max_dets=tuple(limits),
        use_cats=bool(p.useCats),
        lenient=True,
    )


def load_rows(coco: Any, p: Params) -> list[Ann]:
    """The annotations that params name: by image as in imgIds, then as in the file.

    coco: anything with pycocotools' getAnnIds and loadAnns.
    """
    if p.useCats:
        # A set: pycocotools looks every annotation's category up in what it is given.
        rows = coco.loadAnns(coco.getAnnIds(imgIds=p.imgIds, catIds=frozenset(_plain(p.catIds))))  # DUPLICATE_IDS
    else:
        rows = coco.loadAnns(coco.getAnnIds(imgIds=p.imgIds))
    return rows if isinstance(rows, list) else list(rows)


def in_order(rows: list[Ann], p: Params) -> list[Ann]:
    """The rows in the order that decides ties. Without categories that is by place in catIds (ONE_CATEGORY_ORDER)."""
    if p.useCats:
        return rows
    rows_of = defaultdict(list)
    for row in rows:
        rows_of[row["category_id"]].append(row)
    return [row for category in p.catIds for row in rows_of[category]]


def mark_ignored(gts: list[Ann]) -> None:
    """Write what pycocotools writes: `ignore` follows `iscrowd`, whatever it was (IGNORE_OVERWRITTEN)."""
    for gt in gts:
        gt["ignore"] = "iscrowd" in gt and gt["iscrowd"]


def columns_of(gts: list[Ann], dts: list[Ann], p: Params, category_names: dict[Any, str]) -> Columns:
    """The columns of the rows, which are in order.

    Raises:
        KeyError: a row lacks a key that its evaluation needs (a ground truth without iscrowd, say).
        ValueError: a box is not four numbers.
    """
    images, categories = _plain(p.imgIds), _plain(p.catIds) if p.useCats else [ONE_CATEGORY]
    axis = categories if p.useCats else None
    gt, dt = fields.side(gts, images, axis, is_gt=True), fields.side(dts, images, axis, is_gt=False)
    if gt is None or dt is None:
        gt, dt = _sides(gts, dts, images, axis, {float(bound) for pair in p.areaRng for bound in pair[:2]})
    return columns_from_sides(gt, dt, p, categories, category_names)


def columns_from_sides(
    gt: fields.Side, dt: fields.Side, p: Params, categories: list[Any], category_names: dict[Any, str]
) -> Columns:
    """The columns of both sides. categories: the ids on their axis."""
    ids, names = axis_ids(categories), {}
    for k, category in enumerate(categories):
        name = category_names.get(category)
        if name is not None or isinstance(category, str):
            names[int(ids[k])] = str(category if name is None else name)
    return Columns(
        image_ids=axis_ids(p.imgIds, may_be_text=True),
        category_ids=ids,
        category_names=names,
        dt_image=dt.image,
        dt_category=dt.category,
        dt_boxes=dt.boxes,
        dt_scores=dt.scores,
        dt_area=dt.area,
        dt_flags=dt.flags if dt.flags.any() else np.empty(0, np.uint8),
        gt_image=gt.image,
        gt_category=gt.category,
        gt_boxes=gt.boxes,
        gt_area=gt.area,
        gt_flags=gt.flags,
    )


def _sides(
    gts: list[Ann], dts: list[Ann], images: list[Any], categories: list[Any] | None, bounds: set[float]
) -> tuple[fields.Side, fields.Side]:
    """Both sides, with whatever values; columns_of says what it raises. bounds: of the area ranges."""
    image_of = {image: i for i, image in enumerate(images)}
    category_of = {category: k for k, category in enumerate(categories)} if categories is not None else None
    dt_image, dt_category, dt_boxes, dt_scores, dt_areas, dt_ids = _fields(
        dts, "image_id", "category_id", "bbox", "score", "area", "id"
    )
    gt_image, gt_category, gt_boxes, gt_ids, gt_crowds, gt_ignored = _fields(
        gts, "image_id", "category_id", "bbox", "id", "iscrowd", "ignore"
    )
    gt_areas = [0.0 if gt["ignore"] else gt["area"] for gt in gts]  # CROWD_WITHOUT_AREA
    dt_numbers = np.array(dt_ids, np.float64)
    is_crowd = np.array([int(crowd) != 0 for crowd in gt_crowds], bool)
    is_ignored = np.array([bool(ignored) for ignored in gt_ignored], bool)
    gt_numbers = np.array(gt_ids, np.float64)
    dt = fields.Side(
        image=_positions(dt_image, image_of),
        category=_positions(dt_category, category_of),
        boxes=_boxes(dt_boxes, "detection"),
        scores=_scores(dt_scores),
        area=_areas(dt_areas, bounds),
        flags=fields.flags_of(dt_numbers),
    )
    gt = fields.Side(
        image=_positions(gt_image, image_of),
        category=_positions(gt_category, category_of),
        boxes=_boxes(gt_boxes, "ground truth"),
        scores=np.empty(0),
        area=_areas(gt_areas, bounds),
        flags=fields.flags_of(gt_numbers, is_crowd, is_ignored),
    )
    return gt, dt


def _plain(ids: Sequence[Any]) -> list[Any]:
    """The ids without numpy's types, which are slow to look up."""
    return [id.item() if isinstance(id, np.generic) else id for id in ids]


def _fields(rows: list[Ann], *keys: str) -> list[list[Any]]:
    """One list per key. Block by block: rows lie all over the memory, and each block is fetched from there once."""
    found: list[list[Any]] = [[] for _ in keys]
    for start in range(0, len(rows), 256):
        block = rows[start : start + 256]
        for key, values in zip(keys, found, strict=True):
            values += [row[key] for row in block]
    return found


def _positions(ids: list[Any], position_of: dict[Any, int] | None) -> Array:
    """Where each id stands on its axis, or -1; without an axis all stand at 0. int32 (N,)."""
    if position_of is None:
        return np.zeros(len(ids), np.int32)
    return np.array([position_of.get(id, -1) for id in ids], np.int32)


def axis_ids(ids: Sequence[Any], may_be_text: bool = False) -> Array:
    """Ids as int64, or as text where they are; ids of other kinds give way to their positions."""
    if may_be_text and all(isinstance(id, str) for id in ids) and len(ids):
        return np.array(ids, str)
    if all(isinstance(id, (int, np.integer)) and -(2**63) <= id < 2**63 for id in ids):
        return np.array(ids, np.int64)
    return np.arange(len(ids), dtype=np.int64)


def _scores(scores: list[Any]) -> Array:
    """float64 (N,). Raises TypeError, as pycocotools does, for what is no number (numpy would take text)."""
    if not set(map(type, scores)) <= {int, float}:
        scores = [-score for score in scores]
        return -np.array(scores, np.float64)
    return np.array(scores, np.float64)


def _boxes(boxes: list[Any], kind: str) -> Array:
    """float64 (N, 4): x, y, width, height; any numbers."""
    if not set(map(len, boxes)) <= {4}:
        box = next(box for box in boxes if len(box) != 4)
        raise ValueError(f"bbox of a {kind} must be x, y, width, height, got {box!r}")
    return np.fromiter(chain.from_iterable(boxes), np.float64, 4 * len(boxes)).reshape(-1, 4)


def _areas(areas: list[Any], bounds: set[float]) -> Array:
    """float64 (N,): areas that compare with the bounds of the area ranges as the given numbers do.

    FLOAT32_AREA: numpy compares a float32 with a Python float in float32, so that an area equal to a rounded bound is
    equal to the bound. (Two bounds that round to one float32 would need two areas; the engine takes one.)
    """
    values = np.array(areas)
    if values.dtype.kind != "f" or values.dtype.itemsize >= 8:
        return values.astype(np.float64)
    wide = values.astype(np.float64)
    for bound in bounds:
        wide[values == values.dtype.type(bound)] = bound
    return wide


def overlaps(dts: list[Ann], gts: list[Ann]) -> Array:
    """float64 (D, G): the overlaps of all pairs of boxes."""
    (dt_boxes,), (gt_boxes, crowds) = _fields(dts, "bbox"), _fields(gts, "bbox", "iscrowd")
    crowd = np.array([int(crowd) != 0 for crowd in crowds], np.uint8)
    out = np.empty((len(dts), len(gts)))
    ends = (np.array([0, n], np.int64) for n in (len(dts), len(gts), out.size))
    kernels.box_iou(
        _boxes(dt_boxes, "detection"), _boxes(gt_boxes, "ground truth"), crowd, *ends, 0, out.reshape(-1), 0, 1
    )
    return out
