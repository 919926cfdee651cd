"""What users may hold as columns: Detections, GroundTruths, and arrays with one row per box."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from ..formats.boxes import BoxFormat, as_box_format, widen
from ..formats.rows import (
    Rows,
    Where,
    as_array,
    box_column,
    flag_column,
    float_column,
    image_column,
    int_column,
    joined_ids,
    plain,
)
from .on_device import Side, side_of_columns


@dataclass(frozen=True, eq=False, repr=False)
class Detections:
    """Detections of many images as columns: numpy arrays, tensors or lists. They are viewed, not copied.

    All on one GPU, they stay there.

    Args:
        image: (N,) image ids, integers or strings.
        boxes: (N, 4) numbers; they are converted to x, y, width, height in their own dtype, then widened to float64.
        scores: (N,) finite numbers, higher is better.
        labels: (N,) category ids; whole numbers.
        box_format: "xyxy", "xywh" or "cxcywh", or "pascal_voc", "coco", "yolo", "albumentations".
        area: (N,) square pixels, or None for the boxes' width * height.

    Raises:
        TypeError, ValueError: a column of the wrong dtype, shape or length, or a value that is not finite. The message
            names the column, the row and the value.
    """

    image: Any
    boxes: Any
    scores: Any
    labels: Any
    box_format: str = "xyxy"
    area: Any = None

    def __post_init__(self) -> None:
        if self.side is None:
            _ = self.rows

    @cached_property
    def side(self) -> Side | None:
        """The columns on a GPU, where they are there; what their values are is seen when they are evaluated."""
        columns = {"image": self.image, "boxes": self.boxes, "scores": self.scores, "labels": self.labels}
        return side_of_columns(self, **columns, area=self.area)

    @cached_property
    def rows(self) -> Rows:
        """The columns on the host, checked."""
        where = plain("Detections")
        rows = Rows(
            where=where,
            image=image_column(self.image, where),
            category=int_column(self.labels, where, "category"),
            boxes=box_column(self.boxes, where),
            box_format=as_box_format(self.box_format),
            scores=float_column(self.scores, where, "scores"),
            area=None if self.area is None else float_column(self.area, where, "area"),
        )
        rows.check()
        return rows

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Detections({len(self)} boxes, {self.box_format})"


@dataclass(frozen=True, eq=False, repr=False)
class GroundTruths:
    """Ground truth of many images as columns: numpy arrays, tensors or lists. They are viewed, not copied.

    All on one GPU, they stay there, unless ids, images or categories are given.

    Args:
        image: (N,) image ids, integers or strings.
        boxes: (N, 4) numbers; they are converted to x, y, width, height in their own dtype, then widened to float64.
        labels: (N,) category ids; whole numbers.
        crowd: (N,) nonzero where the box stands for a crowd, or None for nowhere.
        area: (N,) square pixels, which decide small, medium and large; or None for the boxes' width * height.
        ids: (N,) annotation ids, or None. They matter in two ways that are pycocotools': an object of id 0 is never
            found, and of several rows with one id the last stands for all.
        images: further images, without ground truth. When given, detections on any image that is neither here nor in
            `image` are refused; otherwise the images of the detections count, too.
        categories: all category ids, or their names by id. When given, detections of other categories are left out;
            otherwise the categories are those of either side.
        box_format: "xyxy", "xywh" or "cxcywh", or "pascal_voc", "coco", "yolo", "albumentations".

    Raises:
        TypeError, ValueError: a column of the wrong dtype, shape or length, or a value that is not finite. The message
            names the column, the row and the value.
    """

    image: Any
    boxes: Any
    labels: Any
    crowd: Any = None
    area: Any = None
    ids: Any = None
    images: Any = None
    categories: Iterable[int] | Mapping[int, str] | None = None
    box_format: str = "xyxy"

    def __post_init__(self) -> None:
        if self.side is None:
            _ = self.rows

    @cached_property
    def side(self) -> Side | None:
        """The columns on a GPU, where they are there and nothing needs the host."""
        if self.ids is not None or self.images is not None or self.categories is not None:
            return None
        columns = {"image": self.image, "boxes": self.boxes, "labels": self.labels}
        return side_of_columns(self, **columns, crowd=self.crowd, area=self.area)

    @cached_property
    def rows(self) -> Rows:
        """The columns on the host, checked."""
        where = plain("GroundTruths")
        image = image_column(self.image, where)
        images, categories, names = None, None, {}
        if self.images is not None:
            images = joined_ids(
                image, image_column(self.images, where, "images"), names=[where("image", 0), where("images", 0)]
            )
        if self.categories is not None:
            categories = int_column(list(self.categories), where, "categories")
        if isinstance(self.categories, Mapping):
            names = {int(id): str(name) for id, name in self.categories.items()}
        rows = Rows(
            where=where,
            image=image,
            category=int_column(self.labels, where, "category"),
            boxes=box_column(self.boxes, where),
            box_format=as_box_format(self.box_format),
            area=None if self.area is None else float_column(self.area, where, "area"),
            crowd=None if self.crowd is None else flag_column(self.crowd, where, "crowd"),
            ids=None if self.ids is None else int_column(self.ids, where, "ids").tolist(),
            images=images,
            categories=categories,
            names=names,
        )
        rows.check()
        return rows

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"GroundTruths({len(self)} boxes, {self.box_format})"


def detection_array_rows(array: Any, box_format: BoxFormat) -> Rows:
    """N×7: image, x, y, width, height, score, category. Areas are computed in the array's dtype, as pycocotools does.

    Raises:
        TypeError, ValueError: the array is not N×7 of numbers, or an id is no whole number.
    """
    array, where = _table("dt", array, 7)
    area = None
    if box_format == BoxFormat("xywh") and array.dtype != np.float64:  # FLOAT32_AREA
        with np.errstate(over="ignore"):
            area = float_column(array[:, 3] * array[:, 4], where, "area")
    return Rows(
        where=where,
        image=int_column(array[:, 0], where, "image"),
        category=int_column(array[:, 6], where, "category"),
        boxes=array[:, 1:5],
        box_format=box_format,
        scores=float_column(array[:, 5], where, "scores"),
        area=area,
    )


def ground_truth_array_rows(array: Any, box_format: BoxFormat) -> Rows:
    """N×6: image, x, y, width, height, category.

    Raises:
        TypeError, ValueError: the array is not N×6 of numbers, or an id is no whole number.
    """
    array, where = _table("gt", array, 6)
    return Rows(
        where=where,
        image=int_column(array[:, 0], where, "image"),
        category=int_column(array[:, 5], where, "category"),
        boxes=array[:, 1:5],
        box_format=box_format,
    )


def _table(side: str, array: Any, n_columns: int) -> tuple[Any, Where]:
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
