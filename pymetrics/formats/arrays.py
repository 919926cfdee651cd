"""Arrays with one row per box."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .boxes import BoxFormat, RawBoxes
from .options import ReadOptions
from .source import Source
from .values import Where, as_array, float_column, int_column, widen


def detection_array(array: Any, options: ReadOptions) -> Source:
    """N×7: image, x, y, width, height, score, category. Areas are computed in the array's dtype, as pycocotools does.

    Raises:
        TypeError, ValueError: the array is not N×7 of numbers, or an id is no whole number.
    """
    box_format = options.format("xywh")
    array, where = _table(array, options, 7)
    area = None
    if box_format == BoxFormat("xywh") and array.dtype != np.float64:  # FLOAT32_AREA
        with np.errstate(over="ignore"):
            area = float_column(array[:, 3] * array[:, 4], where, "area")
    return Source(
        where=where,
        image=int_column(array[:, 0], where, "image"),
        category=int_column(array[:, 6], where, "category"),
        shape=RawBoxes(array[:, 1:5], box_format),
        scores=float_column(array[:, 5], where, "scores"),
        area=area,
    )


def ground_truth_array(array: Any, options: ReadOptions) -> Source:
    """N×6: image, x, y, width, height, category.

    Raises:
        TypeError, ValueError: the array is not N×6 of numbers, or an id is no whole number.
    """
    box_format = options.format("xywh")
    array, where = _table(array, options, 6)
    return Source(
        where=where,
        image=int_column(array[:, 0], where, "image"),
        category=int_column(array[:, 5], where, "category"),
        shape=RawBoxes(array[:, 1:5], box_format),
    )


def _table(array: Any, options: ReadOptions, n_columns: int) -> tuple[Any, Where]:
    side = options.argument
    if options.iou_type != "bbox":
        raise ValueError(f"{side} is an array, which is read for iou_type 'bbox' alone; it is {options.iou_type!r}")
    array = widen(as_array(array, side))
    if array.ndim != 2 and not array.size:
        array = array.reshape(0, n_columns)
    if array.ndim != 2 or array.shape[1] != n_columns:
        raise ValueError(f"{side} must have shape (N, {n_columns}), got {array.shape}")
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{side} must hold numbers, got dtype {array.dtype}")
    return array, partial(_cell, side, n_columns)


def _cell(side: str, n_columns: int, name: str, row: int | None) -> str:
    column = {"image": 0, "boxes": "1:5", "area": "3:5", "scores": 5, "category": n_columns - 1}[name]
    return f"{side}[{':' if row is None else row}, {column}]"
