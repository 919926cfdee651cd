"""From the rows of both sides to Columns: ids become positions, boxes x, y, width, height, in float64."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..formats.boxes import scale, to_xywh
from ..formats.rows import Rows, as_array, warn
from .columns import CROWD, ID_ZERO, KEEPS_FREE, Columns

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]
Ids = list[Any] | NDArray[np.int64] | None


def columns_from_rows(
    gt: Rows,
    dt: Rows,
    image_ids: NDArray[Any],
    category_ids: NDArray[np.int64],
    *,
    use_cats: bool = True,
    image_sizes: Any = None,
) -> Columns:
    """Columns of the given images and categories. Detections of other categories are left out.

    image_ids: int64 or str. category_ids: int64. Both ascending and unique. image_sizes: as for pymetrics.evaluate.

    Raises:
        ValueError: a row of another image; a ground truth of another category, unless it drops_unknown; the size of an
            image is needed and missing.
    """
    gt_image, dt_image = positions(gt.image, image_ids), positions(dt.image, image_ids)
    gt_category, dt_category = positions(gt.category, category_ids), positions(dt.category, category_ids)
    _check_known(gt, dt, gt_image, dt_image, gt_category)
    sizes: Floats | None = None
    if gt.box_format.normalized or dt.box_format.normalized:
        sizes = _sizes(image_sizes, gt, image_ids)
    elif image_sizes is not None and (len(gt) or len(dt)):
        warn("image_sizes has no effect on boxes in pixels; if they are parts of the image, say normalized=True")
    dt_boxes, dt_area = _boxes(dt, dt_image, image_ids, sizes)
    gt_boxes, gt_area = _boxes(gt, gt_image, image_ids, sizes)
    if len(dt_area) and np.array_equal(dt_area, dt_boxes[:, 2] * dt_boxes[:, 3]):
        dt_area = np.empty(0)
    if not len(gt_area):
        gt_area = gt_boxes[:, 2] * gt_boxes[:, 3]
    gt_flags, dt_flags = np.zeros(len(gt), np.uint8), np.empty(0, np.uint8)
    if gt.crowd is not None:
        gt_flags[gt.crowd] |= CROWD
    if gt.ids is not None:
        is_zero = gt.ids == 0 if isinstance(gt.ids, np.ndarray) else np.array([id == 0 for id in gt.ids], np.bool_)
        gt_flags[is_zero] |= ID_ZERO
    if dt.ids is not None:
        if isinstance(dt.ids, np.ndarray):
            free = dt.ids <= 0
        else:
            free = np.array([not isinstance(id, str) and id <= 0 for id in dt.ids], np.bool_)
        dt_flags = free * np.uint8(KEEPS_FREE) if free.any() else dt_flags

    dt_columns = {"image": dt_image, "category": dt_category, "boxes": dt_boxes, "scores": dt.scores}
    dt_columns = _reordered("dt", dt.ids, {**dt_columns, "area": dt_area, "flags": dt_flags}, use_cats)
    gt_columns = {"image": gt_image, "category": gt_category, "boxes": gt_boxes, "area": gt_area, "flags": gt_flags}
    gt_columns = _reordered("gt", gt.ids, gt_columns, use_cats)
    return Columns(
        image_ids=image_ids,
        category_ids=category_ids if use_cats else np.array([-1]),
        category_names=gt.names if use_cats else {},
        **{f"dt_{name}": column for name, column in dt_columns.items()},
        **{f"gt_{name}": column for name, column in gt_columns.items()},
    )


def positions(ids: NDArray[Any], known: NDArray[Any]) -> Ints:
    """Where each id stands in `known`, which ascends; -1 for all others."""
    out = np.full(len(ids), -1, dtype=np.int32)
    if len(ids) and len(known) and ids.dtype.kind == known.dtype.kind:
        if ids.dtype.kind == "U":
            places = np.searchsorted(known, ids)
            places[places == len(known)] = 0
            out[:] = np.where(known[places] == ids, places, -1)
        else:
            kernels.index_ids(ids, known, out)
    return out


def _check_known(gt: Rows, dt: Rows, gt_image: Ints, dt_image: Ints, gt_category: Ints) -> None:
    for rows, image in ((gt, gt_image), (dt, dt_image)):
        row = _first_negative(image)
        if row is not None and not rows.drops_unknown:
            raise ValueError(f"{rows.where('image', row)} is {rows.image[row].item()!r}, which is not an image of gt")
    row = _first_negative(gt_category)
    if row is not None and not gt.drops_unknown:
        raise ValueError(f"{gt.where('category', row)} is {gt.category[row]}, which is not one of the categories")
    for places, name, kind in ((gt_image, "image", "images"), (gt_category, "category", "categories")):
        row = _first_negative(places)
        if row is not None:
            value = getattr(gt, name)[row].item()
            warn(
                f"{gt.where(name, row)} is {value!r}, which gt['{kind}'] does not list: as in pycocotools, "
                f"this annotation is left out, as are {int((places < 0).sum()) - 1} more"
            )


def _first_negative(places: Ints) -> int | None:
    return int(np.argmax(places < 0)) if len(places) and places.min() < 0 else None


def _boxes(rows: Rows, image: Ints, image_ids: NDArray[Any], sizes: Floats | None) -> tuple[Floats, Floats]:
    """Boxes as x, y, width, height in pixels; their areas, of length 0 where they are width * height."""
    boxes = to_xywh(rows.boxes, rows.box_format.layout)
    if rows.box_format.layout == "xyxy" and len(boxes) and min(boxes[:, 2].min(), boxes[:, 3].min()) < 0:
        # Without index and values, so that Python shows it once and not for every batch of a young detector.
        side = "gt" if rows.scores is None else "dt"
        warn(
            f"{side} has boxes whose x2, y2 lie before x1, y1: they overlap nothing; "
            "if they hold x, y, width, height, say box_format='xywh'"
        )
    if rows.box_format.normalized and sizes is not None and len(boxes) and len(image_ids):
        unknown = np.isnan(sizes[image]).any(axis=1) & (image >= 0)
        if unknown.any():
            image_id = image_ids[image[np.argmax(unknown)]].item()
            raise ValueError(f"normalized boxes need image_sizes, which has no (height, width) for image {image_id!r}")
        boxes = scale(boxes, sizes[image])
    area = np.empty(0) if rows.area is None else rows.area
    if rows.no_area is not None:
        area = np.where(rows.no_area, boxes[:, 2] * boxes[:, 3], area)
    return boxes, area


def _sizes(image_sizes: Any, gt: Rows, image_ids: NDArray[Any]) -> Floats:
    """float64 (images, 2): the height and width of each image, NaN where it is not known."""
    size_of = gt.sizes if image_sizes is None else image_sizes
    if not isinstance(size_of, Mapping):
        pairs = np.asarray(as_array(size_of, "image_sizes"))
        if pairs.shape == (2,):
            size_of = dict.fromkeys(image_ids.tolist(), pairs)
        elif gt.images is not None and pairs.shape == (len(gt.images), 2):
            size_of = dict(zip(gt.images.tolist(), pairs, strict=True))
        else:
            raise ValueError(
                "image_sizes must be one (height, width), a dict of them by image id, or one for each item of a list "
                f"per image; got shape {pairs.shape}"
            )
    sizes = np.full((len(image_ids), 2), np.nan)
    for i, id in enumerate(image_ids.tolist()):
        if id not in size_of:
            continue
        try:
            height, width = map(float, size_of[id])
        except (TypeError, ValueError):
            height = width = 0.0
        if not (0 < height < np.inf and 0 < width < np.inf):
            raise ValueError(f"image_sizes[{id!r}] must be (height, width), both above 0; got {size_of[id]!r}")
        sizes[i] = height, width
    return sizes


def _reordered(side: str, ids: Ids, columns: dict[str, Any], use_cats: bool) -> dict[str, Any]:
    """The columns with repeated ids resolved (DUPLICATE_IDS); without categories by category (ONE_CATEGORY_ORDER)."""
    found = last_of_each_id(ids, columns["image"], columns["category"] if use_cats else None)
    if found is not None:
        kept, order = found
        if (columns["image"][kept] != columns["image"][order]).any():
            warn(
                f"{side} has annotations of one id on different images: as in pycocotools, the last of them takes the "
                "place of all. Remedy: give each annotation an id of its own."
            )
        columns = {name: column[order] if len(column) else column for name, column in columns.items()}
    if not use_cats:
        order = np.argsort(columns["category"], kind="stable")
        columns = {name: column[order] if len(column) else column for name, column in columns.items()}
        columns["category"] = np.minimum(columns["category"], 0)
    return columns


def last_of_each_id(ids: Ids, image: Ints, category: Ints | None) -> tuple[Any, Any] | None:
    """Rows by image, and the last rows of their ids, which stand for them; None where no id repeats."""
    if ids is None:
        return None
    if isinstance(ids, np.ndarray):
        ordered = ids if bool((ids[1:] > ids[:-1]).all()) else np.sort(ids)
        if bool((ordered[1:] > ordered[:-1]).all()):
            return None
        ids = ids.tolist()
    last = {id: row for row, id in enumerate(ids)}
    if len(last) == len(ids):
        return None
    kept = np.flatnonzero(image >= 0 if category is None else (image >= 0) & (category >= 0))
    kept = kept[np.argsort(image[kept], kind="stable")]
    return kept, np.array([last[ids[row]] for row in kept.tolist()], dtype=np.int64)
