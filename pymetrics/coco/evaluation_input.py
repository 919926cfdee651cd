"""From COCO's dicts to columns: one pass per column over the annotations that pycocotools would evaluate.

Marks in capitals name rows of docs/coco-quirks.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np

from .. import kernels
from ..evaluation.build_columns import ONE_CATEGORY, build_columns
from ..evaluation.columns import Columns
from ..evaluation.protocol import Protocol
from ..evaluation.shapes import Shape, as_shape
from ..formats.boxes import RawBoxes
from ..formats.coco import XYWH, where_of
from ..formats.source import Source, SourceAxes
from . import dict_columns
from .lazy_dataset import Selection
from .params import OF_MASKS, Params
from .strict import is_strict

Ann = dict[str, Any]
Array = np.ndarray[Any, Any]


def protocol_of(p: Params) -> Protocol:
    """The parameters as a Protocol, with whatever values pycocotools would take but for a few (REFUSED_PARAMS)."""
    limits = list(p.maxDets)
    if not limits:
        raise IndexError("params.maxDets must not be empty")
    if not len(p.iouThrs) and is_strict():
        raise IndexError("params.iouThrs must not be empty")
    if min(limits) < 0:
        raise ValueError(f"params.maxDets must not hold negative limits, got {min(limits)}")
    for i, threshold in enumerate(p.iouThrs):
        if threshold != threshold:
            raise ValueError(f"params.iouThrs[{i}] must be a number, got {threshold}")
    ranges = [tuple(pair[:2]) for pair in p.areaRng]
    names = list(p.areaRngLbl)[: len(ranges)]
    names += [f"area {a}" for a in range(len(names), len(ranges))]
    values = (tuple(p.iouThrs), tuple(p.recThrs), tuple(ranges), tuple(names), tuple(limits), bool(p.useCats))
    try:
        return _protocol(*values)
    except TypeError:  # a value that cannot be hashed
        return _protocol.__wrapped__(*values)


@lru_cache(maxsize=16)
def _protocol(ious: Any, recalls: Any, ranges: Any, names: Any, limits: Any, use_cats: bool) -> Protocol:
    return Protocol(ious, recalls, ranges, names, limits, use_cats=use_cats, lenient=True)


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


def by_cell(rows: list[Ann]) -> defaultdict[tuple[Any, Any], list[Ann]]:
    """The rows by (image id, category id)."""
    cells = defaultdict(list)
    for row in rows:
        cells[row["image_id"], row["category_id"]].append(row)
    return cells


def source_rows(rows: list[Ann] | Selection, coco: Any, p: Params) -> Array | None:
    """The places of the columns' rows in the annotations of a COCO; None where they are not its own."""
    if isinstance(rows, Selection):
        return rows.order
    listed = (getattr(coco, "dataset", None) or {}).get("annotations", ())
    known, wanted = (np.fromiter(map(id, side), np.int64, len(side)) for side in (listed, in_order(rows, p)))
    order = np.argsort(known)
    found = order[np.searchsorted(known, wanted, sorter=order) % len(order)] if len(order) else order
    return found if len(found) == len(wanted) and np.array_equal(known[found], wanted) else None


def categories_of(p: Params) -> list[Any]:
    """The category ids evaluated."""
    return p.catIds if p.useCats else [ONE_CATEGORY]


def mark_ignored(gts: list[Ann], p: Params) -> None:
    """Write what pycocotools writes: `ignore` follows `iscrowd`, whatever it was (IGNORE_OVERWRITTEN).

    Poses of num_keypoints 0 are ignored, too.
    """
    for gt in gts:
        gt["ignore"] = "iscrowd" in gt and gt["iscrowd"]
    if p.iouType == "keypoints":
        from .pose_rows import has_no_keypoints

        for gt in gts:
            gt["ignore"] = has_no_keypoints(gt) or gt["ignore"]


def axes_of(p: Params, category_names: dict[Any, str]) -> SourceAxes:
    """The images and categories that params name. category_names: by id, of those that have one."""
    categories = categories_of(p)
    ids = axis_ids(categories)
    named = zip(ids.tolist(), categories, strict=True)
    names = {id: str(category_names[category]) for id, category in named if category_names.get(category) is not None}
    images = axis_ids(p.imgIds)
    return SourceAxes(images=images, categories=ids, unknown="drop", names=names)


def columns_of(
    rows: tuple[list[Ann] | Selection, list[Ann] | Selection],
    p: Params,
    category_names: dict[Any, str],
    images: tuple[Any, Any],
) -> tuple[Columns, tuple[Any, Any]]:
    """The columns of the ground truths and detections that params name; the ids of both, float64, in their order.

    images: for masks, the images of either side by id, with height and width.

    Raises:
        KeyError, TypeError, ValueError: as source_of.
    """
    axes = axes_of(p, category_names)
    gt, dt = (
        side.source(axes)
        if isinstance(side, Selection)
        else source_of(in_order(side, p), p, axes, is_gt=is_gt, sizes_of=sizes_of)
        for side, sizes_of, is_gt in zip(rows, images, (True, False), strict=True)
    )
    columns = build_columns(gt, dt, shape_of(p), in_pixels=True)
    return columns, (_ids_of(gt, rows[0]), _ids_of(dt, rows[1]))


def _ids_of(source: Source, rows: list[Ann] | Selection) -> Array:
    if source.ids is not None:
        return np.asarray(source.ids)
    assert isinstance(rows, Selection)  # of results, which loadRes numbers from 1
    return (np.arange(len(source)) if rows.order is None else rows.order) + 1


def shape_of(p: Params) -> Shape:
    """What is compared."""
    if p.iouType == "keypoints":
        from . import pose_rows

        return pose_rows.shape_of(p.kpt_oks_sigmas, p.useCats)
    ratio = getattr(p, "boundary_dilation_ratio", None) if p.iouType == "boundary" else None
    return as_shape(p.iouType, boundary_dilation_ratio=ratio)


def source_of(rows: list[Ann], p: Params, axes: SourceAxes, *, is_gt: bool, sizes_of: Any = None) -> Source:
    """The annotations of one side, which are in order.

    sizes_of: for masks, the images by id, with height and width.

    Raises:
        KeyError: a row lacks a key that its evaluation needs (a ground truth without iscrowd, say).
        ValueError: a box is not four numbers.
    """
    images, categories = _plain(p.imgIds), _plain(p.catIds) if p.useCats else None
    where = where_of("gt['annotations']" if is_gt else "dt")
    shape: Any = None
    if p.iouType in OF_MASKS:
        from .mask_rows import read_masks

        if is_strict() and any(isinstance(row["segmentation"], list) and not row["segmentation"] for row in rows):
            raise IndexError(f"{where('segmentation', None)} holds an empty list")  # EMPTY_POLYGONS
        shape = read_masks(rows, sizes_of, where)
    elif p.iouType == "keypoints":
        from .pose_rows import read_poses

        shape = read_poses(rows, where, is_gt=is_gt)
    found = dict_columns.source(rows, where, axes, images, categories, is_gt=is_gt, shape=shape)
    if found is not None:
        return found
    image_of = {image: i for i, image in enumerate(images)}
    category_of = {category: k for k, category in enumerate(categories)} if categories is not None else None
    bounds = {float(bound) for pair in p.areaRng for bound in pair[:2]}
    keys = ("id", "iscrowd", "ignore") if is_gt else ("score", "area", "id")
    image_ids, category_ids, *others = _fields(rows, "image_id", "category_id", *keys)
    if shape is None:
        shape = RawBoxes(_boxes(_fields(rows, "bbox")[0], "ground truth" if is_gt else "detection"), XYWH)
    of = dict(zip(keys, others, strict=True))
    areas = [0.0 if gt["ignore"] else gt["area"] for gt in rows] if is_gt else of["area"]  # CROWD_WITHOUT_AREA
    return Source(
        where=where,
        image=_positions(image_ids, image_of),
        category=_positions(category_ids, category_of),
        indexed=True,
        ids=np.array(of["id"], np.float64),
        crowd=np.array([int(crowd) != 0 for crowd in of["iscrowd"]], bool) if is_gt else None,  # CROWD_BELOW_0
        ignore=np.array([bool(ignored) for ignored in of["ignore"]], bool) if is_gt else None,
        shape=shape,
        scores=None if is_gt else _scores(of["score"]),
        area=_areas(areas, bounds),
        one_row_per_id=True,
        axes=axes,
        is_checked=True,
    )


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


def axis_ids(ids: Sequence[Any]) -> Array:
    """Ids as int64, or as text where they are; ids of other kinds give way to their positions."""
    if set(map(type, ids)) == {np.int64}:  # as COCOeval writes them back
        return np.array(ids)
    if all(isinstance(id, str) for id in ids) and len(ids):
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
    if not set(map(type, areas)) <= {int, float}:
        _ = [area < 0 for area in areas]  # a TypeError, as in pycocotools, where one is no number
    values = np.array(areas)
    if values.dtype.kind != "f" or values.dtype.itemsize >= 8:
        return values.astype(np.float64)
    wide = values.astype(np.float64)
    for bound in bounds:
        wide[values == values.dtype.type(bound)] = bound
    return wide


def compute_iou(gts: list[Ann], dts: list[Ann], p: Params) -> Any:
    """What COCOeval.computeIoU gives of the annotations of one image and category; dts by falling score.

    Raises:
        Exception: what is compared are keypoints (pycocotools' own choice of exception).
    """
    if not gts and not dts:
        return []
    if p.iouType not in ("segm", "bbox"):
        raise Exception("unknown iouType for iou computation")
    dts = dts[: p.maxDets[-1]]
    if not gts or not dts:
        return []
    if p.iouType == "segm":
        from . import mask_rows

        return mask_rows.overlaps(dts, gts)
    return overlaps(dts, gts)


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
