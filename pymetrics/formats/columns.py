"""Detections and GroundTruths: columns that users hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from .._records import record
from .boxes import BoxFormat, RawBoxes, as_any_box_format, box_column, to_xywh
from .device_columns import as_tensors
from .ids import joined_ids
from .source import Source, SourceAxes
from .values import Where, category_column, crowd_column, flag_column, float_column, image_column, int_column


class _Sides:
    """What Detections and GroundTruths share."""

    boxes: Any
    labels: Any
    box_format: str
    masks: Any
    keypoints: Any

    if TYPE_CHECKING:

        @cached_property
        def source(self) -> Source: ...

    def __post_init__(self) -> None:
        _ = self.source

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        contents = f"{len(self)} boxes, {self.box_format}"
        if self.masks is not None or self.keypoints is not None:
            contents = f"{len(self)} {'poses' if self.masks is None else 'masks'}"
        return f"{type(self).__name__}({contents})"

    def masks_source(self) -> Source:
        """The columns with masks. Raises ValueError where there are none."""
        if self.masks is None:
            raise ValueError(f"{type(self).__name__} has no masks, which iou_type='segm' compares")
        return self._masks_source

    @cached_property
    def _masks_source(self) -> Source:
        if self.boxes is None:
            return self.source
        found: Source = replace(self, boxes=None).source  # type: ignore[type-var]
        return found

    def poses_source(self) -> Source:
        """The columns with poses. Raises ValueError where there are none, or where their boxes are no plain ones."""
        if self.keypoints is None:
            raise ValueError(f"{type(self).__name__} has no keypoints, which iou_type='keypoints' compares")
        return self._poses_source

    @cached_property
    def _poses_source(self) -> Source:
        from .keypoints import with_unlabelled_ignored

        found: Source = replace(self, boxes=None, masks=None).source  # type: ignore[type-var]
        if found.side == "dt":
            return found
        if self.boxes is not None:
            box_format = as_any_box_format(self.box_format)
            if box_format.normalized or box_format.n_columns != 4:
                raise ValueError(
                    f"boxes beside keypoints must be in pixels, of four numbers each; got {self.box_format!r}"
                )
            boxes = to_xywh(box_column(self.boxes, found.where), box_format.layout)
            found = found.with_shape(replace(found.shape, boxes=boxes))
            found.check()
        return with_unlabelled_ignored(found)


@record
class Detections(_Sides):
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
        area: (N,) square pixels, or None for the boxes' width * height, or the masks' pixels.
        masks: (N,) what is compared with iou_type="segm": a list of dicts of `size` and `counts` (runs as COCO has
            them), of lists of polygons [x, y, x, y, ...] or of bitmaps (height, width); or an array of bitmaps
            (N, height, width). boxes may be missing then.
        keypoints: (N, J, 3), what is compared with iou_type="keypoints": x, y and visibility, which is not read of
            detections. boxes may be missing then.

    Raises:
        TypeError, ValueError: a column of the wrong dtype, shape or length, a value that is not finite, or four
            corners that are not those of a rectangle. The message names the column, the row and the value.
    """

    image: Any
    boxes: Any = None
    scores: Any = None
    labels: Any = None
    box_format: str = "xyxy"
    area: Any = None
    masks: Any = None
    keypoints: Any = None

    @cached_property
    def source(self) -> Source:
        """The columns, checked; of those on a GPU the values are checked when they are evaluated."""
        box_format, where = as_any_box_format(self.box_format), partial(_name, "Detections")
        _require(self, "scores", "labels")
        columns = {"image": self.image, "boxes": self.boxes, "scores": self.scores, "labels": self.labels}
        source = _on_device({**columns, "area": self.area}, box_format, where)
        if source is not None:
            return source
        source = Source(
            where=where,
            image=image_column(self.image, where),
            category=category_column(self.labels, where),
            shape=_shape(self, where, box_format),
            scores=float_column(self.scores, where, "scores"),
            area=None if self.area is None else float_column(self.area, where, "area"),
        )
        source.check()
        return source


@record
class GroundTruths(_Sides):
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
        group_of: (N,) nonzero where the box stands for a group of objects; read by `analysis.openimages` alone, in all
            else it is a box as others. None for nowhere.
        area: (N,) square pixels, which decide small, medium and large; or None for the boxes' width * height, or the
            masks' pixels.
        ids: (N,) annotation ids, or None. They matter in two ways that are pycocotools': an object of id 0 is never
            found, and of several rows with one id the last stands for all.
        images: further images, without ground truth. When given, detections on any image that is neither here nor in
            `image` are refused; otherwise the images of the detections count, too.
        categories: all category ids, or their names by id. When given, detections of other categories are left out,
            with a warning; otherwise the categories are those of either side.
        box_format, masks: as for Detections.
        keypoints: (N, J, 3), x, y and visibility, above 0 where visible. With them area must be there. Poses without a
            visible keypoint are ignored; detections near the box of one, where there are boxes, are neither right nor
            wrong.

    Raises:
        TypeError, ValueError: a column of the wrong dtype, shape or length, a value that is not finite, or four
            corners that are not those of a rectangle. The message names the column, the row and the value.
    """

    image: Any
    boxes: Any = None
    labels: Any = None
    crowd: Any = None
    area: Any = None
    ids: Any = None
    images: Any = None
    categories: Iterable[int | str] | Mapping[int, str] | Mapping[str, str] | None = None
    box_format: str = "xyxy"
    ignore: Any = None
    masks: Any = None
    keypoints: Any = None
    group_of: Any = None

    @cached_property
    def source(self) -> Source:
        """The columns, checked; of those on a GPU the values are checked when they are evaluated."""
        box_format, where = as_any_box_format(self.box_format), partial(_name, "GroundTruths")
        _require(self, "labels")
        if self.ids is None and self.images is None and self.categories is None:
            columns = {"image": self.image, "boxes": self.boxes, "labels": self.labels}
            more = {"crowd": self.crowd, "ignore": self.ignore, "area": self.area, "group_of": self.group_of}
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
            shape=_shape(self, where, box_format),
            area=None if self.area is None else float_column(self.area, where, "area"),
            crowd=None if self.crowd is None else crowd_column(self.crowd, where),
            ignore=None if self.ignore is None else flag_column(self.ignore, where, "ignore"),
            group_of=None if self.group_of is None else flag_column(self.group_of, where, "group_of"),
            ids=None if self.ids is None else int_column(self.ids, where, "ids").tolist(),
            axes=SourceAxes(images=images, categories=categories, names=names),
        )
        source.check()
        return source


def _require(of: Detections | GroundTruths, *names: str) -> None:
    kind = type(of).__name__
    for name in names:
        if getattr(of, name) is None:
            raise TypeError(f"{kind} needs {name}")
    if of.boxes is None and of.masks is None and of.keypoints is None:
        raise TypeError(f"{kind} needs boxes, masks or keypoints")


def _shape(of: Detections | GroundTruths, where: Where, box_format: BoxFormat) -> Any:
    """The boxes; where there are none, the masks; where there are neither, the poses."""
    if of.boxes is not None:
        return RawBoxes(box_column(of.boxes, where, box_format.n_columns, may_be_rotated=True), box_format)
    if of.masks is None:
        from .keypoints import RawPoses, point_column

        return RawPoses(point_column(of.keypoints, where("keypoints", None)))
    from .masks import RawMasks, bitmaps, raw_masks

    if isinstance(of.masks, (list, tuple)):
        return raw_masks(of.masks, where)
    return RawMasks(bitmaps(of.masks, where("masks", None)))


def _on_device(columns: dict[str, Any], box_format: BoxFormat, where: Where) -> Source | None:
    """The columns as tensors on one GPU, where they are there with the right shapes and dtypes; else None."""
    tensors = None if columns["boxes"] is None else as_tensors(columns, box_format)
    if tensors is None:
        return None
    boxes = RawBoxes(tensors.pop("boxes"), box_format)
    return Source(where=where, category=tensors.pop("labels"), shape=boxes, **tensors)


def _name(prefix: str, name: str, row: int | None) -> str:
    """ "Detections.scores[5]"."""
    name = "labels" if name == "category" else name
    return f"{prefix}.{name}" if row is None else f"{prefix}.{name}[{row}]"
