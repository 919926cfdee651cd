"""Detections and GroundTruths: columns that users hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property, partial
from typing import Any

from .._records import record
from .boxes import BoxFormat, RawBoxes, as_any_box_format, box_column
from .device_columns import as_tensors
from .ids import joined_ids
from .source import Source, SourceAxes
from .values import Where, category_column, crowd_column, flag_column, float_column, image_column, int_column


@record
class Detections:
    """Detections of many images as columns: numpy arrays, tensors or lists. They are viewed, not copied.

    All on one GPU, they stay there.

    Args:
        image: (N,) image ids, integers or strings.
        boxes: (N, 4) numbers; they are converted to x, y, width, height in their own dtype, then widened to float64.
            Rotated boxes (N, 5) or (N, 8), see box_format, are computed in float64.
        scores: (N,) finite numbers, higher is better.
        labels: (N,) category ids, all whole numbers or all strings; or names, where the ground truth has names.
        box_format: "xyxy", "xywh" or "cxcywh", or "pascal_voc", "coco", "yolo", "albumentations". Of rotated boxes
            "cxcywhr", the angle in radians, or "xyxyxyxy"; see pymetrics.evaluate.
        area: (N,) square pixels, or None for the boxes' width * height.

    Raises:
        TypeError, ValueError: a column of the wrong dtype, shape or length, a value that is not finite, or four
            corners that are not those of a rectangle. The message names the column, the row and the value.
    """

    image: Any
    boxes: Any
    scores: Any
    labels: Any
    box_format: str = "xyxy"
    area: Any = None

    def __post_init__(self) -> None:
        _ = self.source

    @cached_property
    def source(self) -> Source:
        """The columns, checked; of those on a GPU the values are checked when they are evaluated."""
        box_format, where = as_any_box_format(self.box_format), partial(_name, "Detections")
        columns = {"image": self.image, "boxes": self.boxes, "scores": self.scores, "labels": self.labels}
        source = _on_device({**columns, "area": self.area}, box_format, where)
        if source is not None:
            return source
        source = Source(
            where=where,
            image=image_column(self.image, where),
            category=category_column(self.labels, where),
            shape=RawBoxes(box_column(self.boxes, where, box_format.n_columns), box_format),
            scores=float_column(self.scores, where, "scores"),
            area=None if self.area is None else float_column(self.area, where, "area"),
        )
        source.check()
        return source

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Detections({len(self)} boxes, {self.box_format})"


@record
class GroundTruths:
    """Ground truth of many images as columns: numpy arrays, tensors or lists. They are viewed, not copied.

    All on one GPU, they stay there, unless ids, images or categories are given.

    Args:
        image: (N,) image ids, integers or strings.
        boxes: (N, 4) numbers; they are converted to x, y, width, height in their own dtype, then widened to float64.
            Rotated boxes (N, 5) or (N, 8), see box_format, are computed in float64.
        labels: (N,) category ids, all whole numbers or all strings; or names, where `categories` has names.
        crowd: (N,) 1 where the box stands for a crowd, else 0; or None for nowhere. Any number of detections may match
            a crowd, and it is ignored.
        ignore: (N,) nonzero where the box is to be ignored: it does not count, and a detection that matches it is
            neither right nor wrong. None for nowhere.
        area: (N,) square pixels, which decide small, medium and large; or None for the boxes' width * height.
        ids: (N,) annotation ids, or None. They matter in two ways that are pycocotools': an object of id 0 is never
            found, and of several rows with one id the last stands for all.
        images: further images, without ground truth. When given, detections on any image that is neither here nor in
            `image` are refused; otherwise the images of the detections count, too.
        categories: all category ids, or their names by id. When given, detections of other categories are left out,
            with a warning; otherwise the categories are those of either side.
        box_format: "xyxy", "xywh" or "cxcywh", or "pascal_voc", "coco", "yolo", "albumentations". Of rotated boxes
            "cxcywhr", the angle in radians, or "xyxyxyxy"; see pymetrics.evaluate.

    Raises:
        TypeError, ValueError: a column of the wrong dtype, shape or length, a value that is not finite, or four
            corners that are not those of a rectangle. The message names the column, the row and the value.
    """

    image: Any
    boxes: Any
    labels: Any
    crowd: Any = None
    area: Any = None
    ids: Any = None
    images: Any = None
    categories: Iterable[int | str] | Mapping[int, str] | Mapping[str, str] | None = None
    box_format: str = "xyxy"
    ignore: Any = None

    def __post_init__(self) -> None:
        _ = self.source

    @cached_property
    def source(self) -> Source:
        """The columns, checked; of those on a GPU the values are checked when they are evaluated."""
        box_format, where = as_any_box_format(self.box_format), partial(_name, "GroundTruths")
        if self.ids is None and self.images is None and self.categories is None:
            columns = {"image": self.image, "boxes": self.boxes, "labels": self.labels}
            more = {"crowd": self.crowd, "ignore": self.ignore, "area": self.area}
            source = _on_device({**columns, **more}, box_format, where)
            if source is not None:
                return source
        image = image_column(self.image, where)
        images, categories, names = None, None, {}
        if self.images is not None:
            images = joined_ids(
                image, image_column(self.images, where, "images"), names=[where("image", 0), where("images", 0)]
            )
        if self.categories is not None:
            categories = category_column(list(self.categories), where, "categories")
            if isinstance(self.categories, Mapping):
                names = dict(zip(categories.tolist(), map(str, self.categories.values()), strict=True))
        labels = category_column(self.labels, where)
        are_names = bool(names) and labels.dtype.kind == "U"
        if categories is not None and labels.dtype.kind != categories.dtype.kind and not are_names:
            joined_ids(categories, labels, names=[where("categories", 0), where("category", 0)], kind="category ids")
        source = Source(
            where=where,
            image=image,
            category=labels,
            shape=RawBoxes(box_column(self.boxes, where, box_format.n_columns), box_format),
            area=None if self.area is None else float_column(self.area, where, "area"),
            crowd=None if self.crowd is None else crowd_column(self.crowd, where),
            ignore=None if self.ignore is None else flag_column(self.ignore, where, "ignore"),
            ids=None if self.ids is None else int_column(self.ids, where, "ids").tolist(),
            axes=SourceAxes(images=images, categories=categories, names=names),
        )
        source.check()
        return source

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"GroundTruths({len(self)} boxes, {self.box_format})"


def _on_device(columns: dict[str, Any], box_format: BoxFormat, where: Where) -> Source | None:
    """The columns as tensors on one GPU, where they are there with the right shapes and dtypes; else None."""
    tensors = as_tensors(columns, box_format)
    if tensors is None:
        return None
    boxes = RawBoxes(tensors.pop("boxes"), box_format)
    return Source(where=where, category=tensors.pop("labels"), shape=boxes, **tensors)


def _name(prefix: str, name: str, row: int | None) -> str:
    """ "Detections.scores[5]"."""
    name = "labels" if name == "category" else name
    return f"{prefix}.{name}" if row is None else f"{prefix}.{name}[{row}]"
