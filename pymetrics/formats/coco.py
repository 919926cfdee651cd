"""COCO: parsed dicts and lists of results, read as pycocotools reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from .boxes import BoxFormat, RawBoxes
from .dict_columns import read_columns
from .image_names import ImageNames
from .options import ReadOptions
from .source import LVIS_KEYS, Source, SourceAxes
from .values import Where, category_column, crowd_column, flag_column, float_column, image_column

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEYS = {
    "image": "image_id",
    "category": "category_id",
    "boxes": "bbox",
    "scores": "score",
    "crowd": "iscrowd",
    "masks": "segmentation",
}
XYWH = BoxFormat("xywh")


def ground_truth(dataset: Mapping[str, Any], options: ReadOptions) -> Source:
    """The annotations, images and categories of a parsed COCO dict.

    iscrowd is 0 and area the box's width * height where an annotation lacks them; `ignore` is read with
    options.use_ignore alone.

    Raises:
        ValueError, TypeError: a key is missing, or a value of the wrong kind; the message names it.
    """
    argument = options.argument
    images, annotations, categories = (
        list_of(dataset, key, argument) for key in ("images", "annotations", "categories")
    )
    category_ids, names = named_categories(categories, f"{argument}['categories']")
    image_ids, sizes, has_lvis_keys = _images(images, f"{argument}['images']")
    axes = SourceAxes(image_ids, category_ids, "warn", names, sizes, has_lvis_keys, ImageNames(image_ids, list(images)))
    return _annotations(annotations, f"{argument}['annotations']", options, axes)


def named_categories(categories: Sequence[Any], prefix: str) -> tuple[NDArray[Any], dict[Any, str]]:
    """The ids of the categories, and the names of those that have one by id. Raises ValueError or TypeError."""
    ids = category_column(_column(categories, "id", prefix), where_of(prefix), "id")
    pairs = zip(ids.tolist(), categories, strict=True)
    return ids, {id: str(category["name"]) for id, category in pairs if "name" in category}


def _images(images: Sequence[Any], prefix: str) -> tuple[NDArray[Any], NDArray[np.float64] | None, bool]:
    """The ids and sizes of the images, and whether they have LVIS_KEYS; as in SourceAxes. Raises ValueError, TypeError.

    A height or width that is no number is not known.
    """
    columns = read_columns(images, ("id",), ("height", "width", *LVIS_KEYS))
    if columns is not None:
        pairs = [np.where(columns.has[key], columns[key], np.nan) for key in ("height", "width")]
        sizes, has_lvis_keys = np.stack(pairs, axis=1), any(columns.has[key].any() for key in LVIS_KEYS)
        return columns["id"], _sizes_if_any(sizes), has_lvis_keys
    images = list(images)  # another thread may change it meanwhile
    ids = image_column(_column(images, "id", prefix), where_of(prefix), "id")
    sizes = np.array([[_size(image.get(key)) for key in ("height", "width")] for image in images]).reshape(-1, 2)
    return ids, _sizes_if_any(sizes), any(key in image for image in images for key in LVIS_KEYS)


def _size(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        return np.nan
    try:
        return float(value)
    except OverflowError:
        return np.nan


def _sizes_if_any(sizes: NDArray[np.float64]) -> NDArray[np.float64] | None:
    return None if np.isnan(sizes).all() else sizes


def scored_annotations(dataset: Mapping[str, Any], options: ReadOptions) -> Source:
    """The annotations of a parsed COCO dict that have scores: detections.

    Raises:
        ValueError, TypeError: image_id, category_id, bbox or score is missing or is of the wrong kind.
    """
    argument = options.argument
    return _annotations(list_of(dataset, "annotations", argument), f"{argument}['annotations']", options)


def list_of(dataset: Mapping[str, Any], key: str, argument: str = "gt") -> Sequence[Any]:
    """One of the lists of a COCO dict. Raises ValueError or TypeError where it is missing or no list."""
    if key not in dataset:
        raise ValueError(f"{argument} has no {key!r}; a COCO dict holds 'images', 'annotations' and 'categories'")
    if not isinstance(dataset[key], (list, tuple)):
        raise TypeError(f"{argument}[{key!r}] must be a list, got {type(dataset[key]).__name__}")
    values: Sequence[Any] = dataset[key]
    return values


def _annotations(
    annotations: Sequence[dict[str, Any]], prefix: str, options: ReadOptions, axes: SourceAxes | None = None
) -> Source:
    where, scored, axes = where_of(prefix), options.argument == "dt", axes or SourceAxes()
    if options.compares == "keypoints" and not scored:
        found = _all_annotations(annotations, prefix, where, options, axes)
        return _keypoints().with_unlabelled_ignored(found)  # type: ignore[no-any-return]
    return _all_annotations(annotations, prefix, where, options, axes)


def _all_annotations(
    annotations: Sequence[dict[str, Any]], prefix: str, where: Where, options: ReadOptions, axes: SourceAxes
) -> Source:
    scored, compares, box_format = options.argument == "dt", options.compares, options.format("xywh")
    keys = ("image_id", "category_id", *(["bbox"] if compares == "boxes" else []), *(["score"] if scored else []))
    more = ("area", "iscrowd", "id", *([] if scored else ["ignore"]))
    if compares == "keypoints":
        columns = _keypoints().pose_columns(annotations, keys, more if scored else (*more, "bbox", "num_keypoints"))
    else:
        columns = read_columns(annotations, keys, more) if box_format.n_columns == 4 else None
    shape: Any
    if columns is not None and (columns.has["id"].all() or not columns.has["id"].any()):
        if compares == "boxes":
            shape = RawBoxes(columns["bbox"], box_format)
        else:
            shape = _masks(annotations, prefix) if compares == "masks" else _keypoints().poses_of_columns(columns)
        return Source(
            where=where,
            image=columns["image_id"],
            category=columns["category_id"],
            shape=shape,
            scores=columns["score"] if scored else None,
            area=columns["area"],
            no_area=None if columns.has["area"].all() else ~columns.has["area"],
            crowd=columns["iscrowd"],
            ignore=columns["ignore"] if options.use_ignore and not scored else None,
            unread_ignore=None if scored or options.use_ignore else _if_any(columns["ignore"]),
            ids=columns["id"] if columns.has["id"].any() else None,
            axes=axes,
        )
    annotations = list(annotations)  # another thread may change it meanwhile
    images, labels = (_column(annotations, key, prefix) for key in ("image_id", "category_id"))
    if compares == "masks":
        shape = _masks(annotations, prefix)
    elif compares == "keypoints":
        points = _column(annotations, "keypoints", prefix)
        shape = _keypoints().poses_of_rows(annotations, points, where, is_gt=not scored)
    else:
        shape = RawBoxes(_boxes(_column(annotations, "bbox", prefix), where, box_format.n_columns)[0], box_format)
    area = [annotation.get("area") for annotation in annotations]
    no_area = np.array([value is None for value in area], dtype=np.bool_)
    crowd = [annotation.get("iscrowd", 0) for annotation in annotations]
    ignore = None if scored else [annotation.get("ignore", 0) for annotation in annotations]
    numbered = any("id" in annotation for annotation in annotations)
    return Source(
        where=where,
        image=image_column(images, where),
        category=category_column(labels, where),
        shape=shape,
        scores=float_column(_column(annotations, "score", prefix), where, "scores") if scored else None,
        area=float_column([0.0 if value is None else value for value in area], where, "area"),
        no_area=no_area if no_area.any() else None,
        crowd=crowd_column(crowd, where),
        ignore=flag_column(ignore, where, "ignore") if options.use_ignore and ignore is not None else None,
        unread_ignore=None if ignore is None or options.use_ignore else _if_any(np.array(list(map(_is_set, ignore)))),
        ids=_ids(annotations, prefix) if numbered else None,
        axes=axes,
    )


def results(rows: Sequence[dict[str, Any]], options: ReadOptions) -> Source:
    """A list of results: the ids are 1 to N and the area is the shape's own, whatever the results say.

    Of masks it is the boxes' width * height, if the first result has a box (BOX_AREA).

    Raises:
        ValueError, TypeError: image_id, category_id, bbox or score is missing or is of the wrong kind.
    """
    argument, box_format = options.argument, options.format("xywh")
    where = where_of(argument)
    if options.compares != "boxes":
        return _other_results(rows, argument, options.compares)
    columns = None
    if box_format.n_columns == 4:
        columns = read_columns(rows, ("image_id", "category_id", "bbox", "score"))
    if columns is not None:
        return Source(
            where=where,
            image=columns["image_id"],
            category=columns["category_id"],
            shape=RawBoxes(columns["bbox"], box_format),
            scores=columns["score"],
        )
    rows = list(rows)  # another thread may change it meanwhile
    images, labels, boxes, scores = (
        _column(rows, KEYS[name], argument) for name in ("image", "category", "boxes", "scores")
    )
    values, area = _boxes(boxes, where, box_format.n_columns)
    return Source(
        where=where,
        image=image_column(images, where),
        category=category_column(labels, where),
        shape=RawBoxes(values, box_format),
        scores=float_column(scores, where, "scores"),
        area=area if box_format == XYWH else None,
    )


def _other_results(rows: Sequence[dict[str, Any]], argument: str, compares: str) -> Source:
    """Results with masks or keypoints. compares: as ReadOptions says."""
    where, are_masks = where_of(argument), compares == "masks"
    box: Any = rows[0].get("bbox") if isinstance(rows[0], Mapping) else None
    has_boxes = bool(len(box) if hasattr(box, "__len__") else box)
    keys = ("image_id", "category_id", "score", *(["bbox"] if has_boxes else []))
    columns = read_columns(rows, keys) if are_masks else _keypoints().pose_columns(rows, keys)
    if columns is not None:
        return Source(
            where=where,
            image=columns["image_id"],
            category=columns["category_id"],
            shape=_masks(rows, argument) if are_masks else _keypoints().poses_of_columns(columns),
            scores=columns["score"],
            area=_box_areas(columns["bbox"]) if has_boxes else _mask_areas(rows, argument, compares),
        )
    rows = list(rows)  # another thread may change it meanwhile
    images, labels, scores = (_column(rows, key, argument) for key in ("image_id", "category_id", "score"))
    area = None if has_boxes else _mask_areas(rows, argument, compares)
    if has_boxes:
        boxes, area = _boxes(_column(rows, "bbox", argument), where)
        area = _box_areas(boxes) if area is None else area
    shape: Any
    if are_masks:
        shape = _masks(rows, argument)
    else:
        shape = _keypoints().poses_of_rows(rows, _column(rows, "keypoints", argument), where, is_gt=False)
    return Source(
        where=where,
        image=image_column(images, where),
        category=category_column(labels, where),
        shape=shape,
        scores=float_column(scores, where, "scores"),
        area=area,
    )


def _box_areas(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    areas: NDArray[np.float64] = boxes[:, 2] * boxes[:, 3]
    return areas


def _mask_areas(rows: Sequence[dict[str, Any]], argument: str, compares: str) -> NDArray[np.float64] | None:
    """The areas of poses' masks, if the first result has a mask and no box (BOX_AREA); None: the shape's own."""
    if compares == "masks" or "segmentation" not in rows[0]:
        return None
    raw = _masks(rows, argument)
    if raw.needs_sizes:
        row = int(raw.rows_with_sizes[0])
        raise ValueError(f"{where_of(argument)('masks', row)} must be runs, whose pixels are the area of the result")
    areas: NDArray[np.float64] = raw.columns(None, where_of(argument)).measures.areas.astype(np.float64)
    return areas


def _masks(rows: Sequence[dict[str, Any]], prefix: str) -> Any:
    from .masks import raw_masks

    return raw_masks(_column(rows, "segmentation", prefix), where_of(prefix))


def _keypoints() -> Any:
    from . import keypoints

    return keypoints


def where_of(prefix: str) -> Where:
    """The names of columns of a list of dicts: "dt[5]['score']"."""
    return partial(_where, prefix)  # which can be pickled


def _where(prefix: str, name: str, row: int | None) -> str:
    return f"{prefix}[{'i' if row is None else row}][{KEYS.get(name, name)!r}]"


def _column(rows: Sequence[dict[str, Any]], key: str, prefix: str) -> list[Any]:
    try:
        return [row[key] for row in rows]
    except (KeyError, TypeError, IndexError):
        for i, row in enumerate(rows):
            if not isinstance(row, Mapping):
                raise TypeError(f"{prefix}[{i}] must be a dict, got {type(row).__name__}") from None
            if key not in row:
                raise ValueError(f"{prefix}[{i}] has no {key!r}{_other_kind(row, key)}") from None
        raise


def _other_kind(row: Mapping[str, Any], key: str) -> str:
    """Which iou_type a row without a box may be meant for."""
    kinds = {"segmentation": "segm", "keypoints": "keypoints"} if key == KEYS["boxes"] else {}
    return next((f"; it has {name!r}: say iou_type={kind!r}" for name, kind in kinds.items() if name in row), "")


def _is_set(value: Any) -> bool:
    """Whether it is a number other than 0."""
    return isinstance(value, (int, float, np.integer, np.floating)) and value != 0


def _if_any(flags: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    return flags if flags.any() else None


def _ids(annotations: Sequence[dict[str, Any]], prefix: str) -> list[Any]:
    """The annotations' own ids: numbers or strings. Raises ValueError or TypeError."""
    ids = _column(annotations, "id", prefix)
    refused = {kind for kind in set(map(type, ids)) if not issubclass(kind, (int, float, str, np.integer, np.floating))}
    if refused:
        row = next(i for i, id in enumerate(ids) if type(id) in refused)
        raise TypeError(f"{prefix}[{row}]['id'] must be a number or a string, got {ids[row]!r}")
    return ids


def _are_exact(values: list[Any], flat: NDArray[np.float64]) -> bool:
    """Whether the integers among the values are the floats that they became."""
    if not len(flat) or np.abs(flat).max() < 2.0**53:
        return True
    return all(abs(value) < 2**53 for value in values if type(value) is int)


def _boxes(
    boxes: list[Any], where: Where, n_columns: int = 4
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Boxes (N, n_columns), and their areas where pycocotools does not multiply in float64 (FLOAT32_AREA)."""
    try:
        lengths = set(map(len, boxes))
    except TypeError:
        lengths = {-1}
    if lengths - {n_columns}:
        row = next(i for i, box in enumerate(boxes) if not hasattr(box, "__len__") or len(box) != n_columns)
        raise ValueError(f"{where('boxes', row)} must hold {n_columns} numbers, got {boxes[row]!r}")
    values = list(chain.from_iterable(boxes))

    def of_value(_: str, i: int | None) -> str:
        row, place = divmod(i or 0, n_columns)
        return f"{where('boxes', row)}[{place}]"

    flat = float_column(values, of_value, "boxes")
    kinds = set(map(type, values))
    if n_columns != 4 or kinds <= {float, np.float64} or (kinds <= {int, float} and _are_exact(values, flat)):
        return flat.reshape(-1, n_columns), None
    with np.errstate(over="ignore", invalid="ignore"):
        area = [float(box[2] * box[3]) for box in boxes]
    return flat.reshape(-1, n_columns), np.array(area, dtype=np.float64)
