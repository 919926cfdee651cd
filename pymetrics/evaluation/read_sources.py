"""Ingest: from whatever the user holds to Columns. Everything is checked here, once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..formats.boxes import BoxFormat, as_box_format, widen
from ..formats.coco import annotation_rows, ground_truth_rows, list_of, read_json, result_rows
from ..formats.coco_json import read_rows
from ..formats.per_image import prediction_rows, target_rows
from ..formats.rows import Rows, as_array, joined_ids, plain, warn
from .assemble import columns_from_rows
from .columns import Columns
from .on_device import columns_of, sides_of_lists
from .protocol import Protocol, as_protocol
from .sources import Detections, GroundTruths, detection_array_rows, ground_truth_array_rows

IOU_TYPES = ("bbox",)
ORDER = "ground truth comes first, detections second"
GT_ONLY = {"GroundTruths": "GroundTruths", "array6": "a ground-truth array (N, 6)"}
DT_ONLY = {"Detections": "Detections", "array7": "a detections array (N, 7)", "results": "a list of results"}


def ingest(
    gt: Any,
    dt: Any,
    *,
    iou_type: str = "bbox",
    protocol: str | Protocol = "coco",
    box_format: str | None = None,
    normalized: bool = False,
    image_sizes: Any = None,
    first_image: int = 0,
) -> Columns:
    """Ground truth and detections of any source as Columns; the arguments are those of pymetrics.evaluate.

    first_image: the number of the first image, where gt is a list per image without image ids.

    Raises:
        OSError, TypeError, ValueError: what the user gave cannot be evaluated; the message says what.
    """
    if iou_type not in IOU_TYPES:
        raise ValueError(f"iou_type must be 'bbox', the only one there is yet; got {iou_type!r}")
    protocol = as_protocol(protocol)
    xywh = as_box_format(box_format or "xywh", normalized)
    on_gpu = None
    if image_sizes is None and not xywh.normalized and protocol.use_cats:
        on_gpu = _on_device(gt, dt, box_format, first_image)
    if on_gpu is not None:
        return on_gpu
    needs_sizes = isinstance(dt, Detections) and as_box_format(dt.box_format, normalized).normalized
    gt_format = xywh._replace(normalized=xywh.normalized or needs_sizes)  # then their images are read, too
    gt, dt = opened(gt, "gt", gt_format), opened(dt, "dt", xywh)
    gt_kind, dt_kind = _kind(gt, "gt"), _kind(dt, "dt")
    _refuse_swapped(gt, gt_kind, dt, dt_kind)

    if isinstance(gt, Rows):
        gt_rows = gt
    elif gt_kind == "GroundTruths":
        gt_rows = _own_format(gt, "gt", box_format, normalized)
    elif gt_kind == "coco":
        gt_rows = ground_truth_rows(gt, xywh)
    elif gt_kind == "array6":
        gt_rows = ground_truth_array_rows(gt, xywh)
    elif gt_kind == "images" or dt_kind == "images":
        gt_rows = target_rows(gt, box_format, normalized, first_image)
    else:
        gt_rows = _no_rows("gt")

    if isinstance(dt, Rows):
        dt_rows = dt
    elif dt_kind == "Detections":
        dt_rows = _own_format(dt, "dt", box_format, normalized)
    elif dt_kind == "results":
        dt_rows = result_rows(dt, xywh)
    elif dt_kind == "coco":
        dt_rows = annotation_rows(list_of(dt, "annotations", "dt"), "dt['annotations']", xywh, scored=True)
    elif dt_kind == "array7":
        dt_rows = detection_array_rows(dt, xywh)
    elif gt_kind == "images" or dt_kind == "images":
        per_image = gt_kind in ("images", "empty")
        dt_rows = prediction_rows(dt, box_format, normalized, gt_rows.images if per_image else None)
    else:
        dt_rows = _no_rows("dt")

    gt_rows.check()
    dt_rows.check()
    _warn_of_scale({"gt": gt_rows, "dt": dt_rows})
    if gt_rows.images is None:
        names = [rows.where("image", 0) for rows in (gt_rows, dt_rows)]
        image_ids = joined_ids(gt_rows.image, dt_rows.image, names=names)
    else:
        image_ids = joined_ids(gt_rows.images)
    if gt_rows.categories is None:
        category_ids = joined_ids(gt_rows.category, dt_rows.category)
    else:
        category_ids = joined_ids(gt_rows.categories)
    return columns_from_rows(
        gt_rows, dt_rows, image_ids, category_ids, use_cats=protocol.use_cats, image_sizes=image_sizes
    )


def _on_device(gt: Any, dt: Any, box_format: str | None, first_image: int) -> Columns | None:
    """Columns on a GPU, where both sides lie there and are plainly right; None: read them on the host."""
    if isinstance(gt, GroundTruths) and isinstance(dt, Detections):
        if gt.side is None or dt.side is None or box_format not in (None, gt.box_format, dt.box_format):
            return None
        return columns_of(gt.side, dt.side)
    sides = sides_of_lists(gt, dt, box_format or "xyxy", first_image)
    return None if sides is None else columns_of(*sides[:2], images=sides[2])


def opened(source: Any, argument: str, box_format: BoxFormat) -> Any:
    """What a path leads to, as rows or parsed, and the dict inside of a COCO object; anything else as it is.

    argument: "gt" or "dt". Where the result takes the source's place in evaluate(), the file is not read again.
    """
    if isinstance(source, (str, os.PathLike)):
        rows = read_rows(source, argument, box_format)
        if rows is not None:
            return rows
        content = read_json(source, argument)
        if not isinstance(content, (dict, list)):
            kind = "a COCO dict" if argument == "gt" else "a list of results"
            raise ValueError(f"{argument}: {os.fspath(source)!r} must hold {kind}, got {type(content).__name__}")
        return content
    read = getattr(source, "_evaluation_rows", None)  # of our COCO, which would rather make no dicts
    rows = read(argument, box_format) if callable(read) else None
    if isinstance(rows, Rows):
        return rows
    dataset = getattr(source, "dataset", None)
    return dataset if isinstance(dataset, dict) else source


def _kind(source: Any, argument: str) -> str:
    """Which of the sources this is; an empty list or array may be any. Raises TypeError or ValueError for others."""
    if isinstance(source, Rows):
        return "coco" if argument == "gt" else "results"
    if isinstance(source, (Detections, GroundTruths)):
        return type(source).__name__
    if isinstance(source, Mapping):
        if "boxes" in source:
            raise TypeError(f"{argument} must be a list with one dict per image, got a single dict")
        return "coco"
    if isinstance(source, (list, tuple)):
        if not source:
            return "empty"
        if not isinstance(source[0], Mapping):
            raise TypeError(f"{argument}[0] must be a dict, got {type(source[0]).__name__}")
        return "results" if source[0].keys() & {"bbox", "category_id", "score", "segmentation"} else "images"
    if not hasattr(source, "__array__"):
        raise TypeError(
            f"{argument} must be a path, a COCO dict or list, an array, Detections or GroundTruths, or a list of one "
            f"dict per image; got {type(source).__name__}"
        )
    shape = tuple(as_array(source, argument).shape)
    if len(shape) == 2 and shape[1] in (6, 7):
        return f"array{shape[1]}"
    if 0 in shape:
        return "empty"
    raise ValueError(f"{argument} must have shape (N, {6 if argument == 'gt' else 7}), got {shape}")


def _refuse_swapped(gt: Any, gt_kind: str, dt: Any, dt_kind: str) -> None:
    gt_scored, dt_scored = _scored(gt, gt_kind), _scored(dt, dt_kind)
    if gt_scored and dt_scored is False:
        raise ValueError(f"gt and dt are swapped: gt holds scores, dt holds none; {ORDER}")
    if gt_kind in DT_ONLY:
        raise ValueError(f"gt must be ground truth, got {DT_ONLY[gt_kind]}; {ORDER}")
    if dt_kind in GT_ONLY or (dt_kind == "coco" and dt_scored is False):
        raise ValueError(f"dt must be detections, got {GT_ONLY.get(dt_kind, 'a COCO dict without scores')}; {ORDER}")


def _scored(source: Any, kind: str) -> bool | None:
    """Whether a source holds scores, as detections do; None where it is empty."""
    if isinstance(source, Rows):
        return source.scores is not None
    if kind in ("coco", "results"):
        annotations = source if kind == "results" else source.get("annotations")
        first = annotations[0] if isinstance(annotations, (list, tuple)) and annotations else None
        return "score" in first if isinstance(first, Mapping) else None
    if kind == "images":
        return "scores" in source[0]
    return None if kind == "empty" else kind in DT_ONLY


def _own_format(source: Detections | GroundTruths, argument: str, box_format: str | None, normalized: bool) -> Rows:
    own = as_box_format(source.box_format, normalized)
    if box_format is not None and as_box_format(box_format, normalized) != own:
        raise ValueError(
            f"box_format is {box_format!r}, but {argument} says {source.box_format!r} itself; leave box_format to it"
        )
    return replace(source.rows, box_format=own)


def _no_rows(argument: str) -> Rows:
    no_ids = np.empty(0, np.int64)
    scores = np.empty(0) if argument == "dt" else None
    return Rows(plain(argument), no_ids, no_ids, np.empty((0, 4)), BoxFormat("xywh"), scores)


def _warn_of_scale(sides: dict[str, Rows]) -> None:
    """Boxes that look normalized but are not said to be, or the other way round."""
    looks = []
    for name, rows in sides.items():
        boxes = widen(rows.boxes)
        if not len(boxes):
            continue
        if rows.box_format.normalized:
            if boxes.max() > 2:
                warn(f"the boxes of {name} are said to be normalized, but reach {boxes.max():g}")
        elif _in_unit(boxes[0]) and _in_unit(boxes):
            looks.append(name)
    if looks:
        warn(
            f"all boxes of {' and '.join(looks)} lie in [0, 1]: if they are parts of the image, say normalized=True "
            "and image_sizes; in pixels they all count as small"
        )


def _in_unit(values: NDArray[Any]) -> bool:
    return bool(values.min() >= 0 and values.max() <= 1)
