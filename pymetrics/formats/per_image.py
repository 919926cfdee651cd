"""Lists of dicts, one per image, as torchvision's models give and take them."""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from .boxes import RawBoxes, box_column, to_xywh
from .device_columns import joined_on_device
from .options import ReadOptions
from .source import Source, SourceAxes
from .values import (
    Where,
    as_array,
    category_column,
    check_tensor,
    crowd_column,
    flag_column,
    float_column,
    image_column,
    widen,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEAR = {"scores": ("score",), "labels": ("label", "category_id"), "boxes": ("box", "bbox")}  # keys taken for others
KEYS = {"image": "image_id", "category": "labels", "crowd": "iscrowd"}


def targets(items: Sequence[Any], options: ReadOptions) -> Source:
    """Targets with boxes and labels, and image_id, iscrowd, ignore and area where they have them.

    Without image_id the images are numbered from options.first_image; without a box_format torchvision's BoundingBoxes
    are read in their own, all else as xyxy.

    Raises:
        ValueError, TypeError: a key is missing, or a value of the wrong shape or kind; the message names it.
    """
    images = _image_ids(items, "gt")
    if images is None:
        images = np.arange(options.first_image, options.first_image + len(items))
    return _joined_items(items, options, images)


def predictions(items: Sequence[Any], options: ReadOptions) -> Source:
    """Predictions with boxes, scores and labels. options.images: the id of each item's image, or None.

    Raises:
        ValueError, TypeError: as for targets; or image ids are missing, or contradict gt's.
    """
    ids, images = _image_ids(items, "dt"), options.images
    if images is None:
        if ids is None:
            raise ValueError("dt[0] has no 'image_id'; dt[i] belongs to gt[i] only where gt is a list per image, too")
        return _joined_items(items, options, ids)
    if len(images) != len(items):
        raise ValueError(f"gt and dt must have one item per image; gt has {len(images)}, dt has {len(items)}")
    for i, (own, gts) in enumerate(zip([] if ids is None else ids.tolist(), images.tolist(), strict=False)):
        if own != gts:
            raise ValueError(f"dt[{i}]['image_id'] is {own!r}, but gt[{i}] is image {gts!r}")
    return _joined_items(items, options, images)


def _joined_items(items: Sequence[Any], options: ReadOptions, images: NDArray[Any]) -> Source:
    side, n_columns, are_boxes = options.argument, options.format("xyxy").n_columns, options.compares == "boxes"
    columns = {key: _parts(items, side, key) for key in (["boxes", "labels"] if are_boxes else ["labels"])}
    for i, part in enumerate(columns["labels"]):
        if not part.shape:
            raise ValueError(f"{side}[{i}]['labels'] must have shape (N,), got ()")
    counts = [_length(part) for part in columns["labels"]]
    if side == "dt":
        columns["scores"] = _parts(items, side, "scores")
    else:
        given = {key for item in items for key in ("iscrowd", "ignore", "area") if key in item}
        columns |= {key: _parts(items, side, key, counts) for key in sorted(given)}
    for key, parts in columns.items():
        more = (n_columns,) if key == "boxes" else ()
        for i, (part, n) in enumerate(zip(parts, counts, strict=True)):
            shape = tuple(part.shape)
            if shape == (n, *more) or (n == 0 and 0 in shape):
                continue
            name = f"{side}[{i}][{key!r}]"
            if _length(part) != n:
                raise ValueError(f"{name} has {_length(part)} rows, {side}[{i}]['labels'] has {n}")
            raise ValueError(f"{name} must have shape {(n, *more)}, got {shape}")
    filled = [i for i, n in enumerate(counts) if n]
    columns = {key: [parts[i] for i in filled] for key, parts in columns.items()}
    starts, repeats = [0, *accumulate(counts)], np.array(counts, dtype=np.int64)

    def where(name: str, row: int | None) -> str:
        key = KEYS.get(name, name)
        if row is None:
            return f"{side}[i][{key!r}]"
        i = bisect_right(starts, row) - 1
        return f"{side}[{i}][{key!r}]" + ("" if name == "image" else f"[{row - starts[i]}]")

    axes = SourceAxes(images=images if side == "gt" else None)
    shares_images = side == "gt" or options.images is not None
    raw: Any = None
    if options.compares == "masks":
        raw = _masks(items, side, counts, where)
    elif options.compares == "keypoints":
        raw = _poses(items, options, counts, where)
    else:
        box_format = options.format(_own_layout(columns["boxes"], options))
    tensors = joined_on_device(items, side, images, box_format) if are_boxes else None
    if tensors is not None:
        raw = RawBoxes(tensors.pop("boxes"), box_format)
        return Source(
            where=where, category=tensors.pop("labels"), shape=raw, shares_images=shares_images, axes=axes, **tensors
        )
    if are_boxes:
        boxes = columns["boxes"]
        if len({part.dtype for part in boxes}) > 1 and options.iou_type == "bbox":  # each image in its own dtype
            boxes = [to_xywh(box_column(part, where), box_format.layout) for part in boxes]
            box_format = box_format._replace(layout="xywh")
        raw = RawBoxes(box_column(_joined(boxes), where, box_format.n_columns), box_format)
    has_area = "area" in columns
    found = Source(
        where=where,
        image=np.repeat(images, repeats),
        category=category_column(_joined_labels(columns["labels"]), where),
        shape=raw,
        scores=float_column(_joined(columns["scores"]), where, "scores") if side == "dt" else None,
        area=float_column(_joined(columns["area"]), where, "area") if has_area else None,
        no_area=np.repeat(["area" not in item for item in items], repeats) if has_area else None,
        crowd=crowd_column(_joined(columns["iscrowd"]), where) if "iscrowd" in columns else None,
        ignore=flag_column(_joined(columns["ignore"]), where, "ignore") if "ignore" in columns else None,
        shares_images=shares_images,
        axes=axes,
    )
    if options.compares == "keypoints" and side == "gt":
        from .keypoints import with_unlabelled_ignored

        return with_unlabelled_ignored(found)
    return found


def _masks(items: Sequence[Any], side: str, counts: Sequence[int], where: Where) -> Any:
    from .masks import masks_by_image

    return masks_by_image(*_values(items, side, "masks", counts), where)


def _poses(items: Sequence[Any], options: ReadOptions, counts: Sequence[int], where: Where) -> Any:
    """The poses; those of ground truth with its boxes, where items have some."""
    from .keypoints import NO_BOX, RawPoses, joined_points

    side = options.argument
    points = joined_points(*_values(items, side, "keypoints", counts))
    if side == "dt" or not any("boxes" in item for item in items):
        return RawPoses(points)
    boxes = []
    for i, (item, n) in enumerate(zip(items, counts, strict=True)):
        if "boxes" not in item:
            boxes.append(np.tile(NO_BOX, (n, 1)))
            continue
        column = box_column(item["boxes"], lambda *_, i=i: f"{side}[{i}]['boxes']")
        if len(column) != n:
            raise ValueError(f"{side}[{i}]['boxes'] has {len(column)} rows, {side}[{i}]['labels'] has {n}")
        boxes.append(to_xywh(column, options.format(_own_layout([item["boxes"]], options)).layout))
    return RawPoses(points, np.concatenate(boxes))


def _values(items: Sequence[Any], side: str, key: str, counts: Sequence[int]) -> tuple[list[Any], list[str]]:
    """The masks or keypoints of every item that has rows, and their names in errors."""
    values, names = [], []
    for i, (item, n) in enumerate(zip(items, counts, strict=True)):
        if key not in item:
            raise ValueError(f"{side}[{i}] has no {key!r}")
        value, name = item[key], f"{side}[{i}][{key!r}]"
        if not isinstance(value, (list, tuple)) and not getattr(value, "shape", ()):
            raise TypeError(f"{name} must be an array or a list, got {type(value).__name__}")
        if len(value) != n:
            raise ValueError(f"{name} has {len(value)} rows, {side}[{i}]['labels'] has {n}")
        if n:
            values.append(value)
            names.append(name)
    return values, names


def _parts(items: Sequence[Any], side: str, key: str, counts: list[int] | None = None) -> list[Any]:
    """The value of a key in every item, as an array or tensor; zeros, of the counts, where it may be missing."""
    torch = sys.modules.get("torch")
    parts = []
    for i, item in enumerate(items):
        if not isinstance(item, Mapping):
            raise TypeError(f"{side}[{i}] must be a dict, got {type(item).__name__}")
        if key not in item and counts is None:
            near = next((other for other in NEAR.get(key, ()) if other in item), None)
            hint = "" if near is None else f" (it has {near!r})"
            raise ValueError(f"{side}[{i}] has no {key!r}{hint}")
        value = item[key] if key in item else np.zeros(counts[i])  # type: ignore[index]
        name = f"{side}[{i}][{key!r}]"
        if torch is not None and isinstance(value, torch.Tensor):
            check_tensor(value, name)
        else:
            value = as_array(value, name)
            if value.dtype.kind not in ("iufbUOT" if key == "labels" else "iufb"):
                raise TypeError(f"{name} must hold numbers, got dtype {value.dtype}")
        parts.append(value)
    return parts


def _length(part: Any) -> int:
    """Rows of an array or tensor; an empty one of any shape has none."""
    return 0 if 0 in part.shape or not part.shape else int(part.shape[0])


def _joined(parts: Sequence[Any]) -> Any:
    """All parts in one array; tensors of one kind are joined before they become one."""
    if not parts:
        return np.empty(0)
    torch = sys.modules.get("torch")
    tensors = torch is not None and all(isinstance(part, torch.Tensor) for part in parts)
    if tensors and len({(part.dtype, part.device) for part in parts}) == 1:
        return as_array(torch.cat(list(parts)), "")  # type: ignore[union-attr]
    return np.concatenate([widen(as_array(part, "")) for part in parts])


def _joined_labels(parts: Sequence[Any]) -> Any:
    """All labels in one array; in a list, as they are, where some are no numbers."""
    if any(isinstance(part, np.ndarray) and part.dtype.kind in "UOT" for part in parts):
        return [label for part in parts for label in widen(as_array(part, "")).tolist()]
    return _joined(parts)


def _own_layout(boxes: Sequence[Any], options: ReadOptions) -> str:
    """The layout that torchvision's BoundingBoxes carry; xyxy for all else, or where a box_format is given."""
    if options.box_format is not None:
        return "xyxy"
    formats = {getattr(getattr(part, "format", None), "name", "XYXY").lower() for part in boxes} or {"xyxy"}
    if len(formats) > 1:
        raise ValueError(
            f"{options.argument} mixes boxes of the formats {', '.join(sorted(formats))}; convert them, or say "
            "box_format="
        )
    layout = str(formats.pop())
    if layout in ("xywhr", "cxcywhr"):
        raise ValueError(
            f"{options.argument} holds torchvision's boxes of the format {layout.upper()}, whose angles are degrees; "
            "give plain tensors with angles in radians"
        )
    return layout


def _image_ids(items: Sequence[Any], side: str) -> NDArray[Any] | None:
    """The id of each item's image; None where no item has one. Raises ValueError for missing and repeated ids."""
    with_id = [isinstance(item, Mapping) and "image_id" in item for item in items]
    if not any(with_id):
        return None
    if not all(with_id):
        raise ValueError(f"{side}[{with_id.index(False)}] has no 'image_id', {side}[{with_id.index(True)}] has one")
    ids = []
    for i, item in enumerate(items):
        value = item["image_id"]
        if not isinstance(value, (int, str)):
            array = as_array(value, f"{side}[{i}]['image_id']")
            if array.shape not in ((), (1,)):
                raise ValueError(f"{side}[{i}]['image_id'] must be one id, got shape {tuple(array.shape)}")
            value = array.item()
        ids.append(value)
    first: dict[Any, int] = {}
    for i, value in enumerate(ids):
        if first.setdefault(value, i) != i:
            raise ValueError(f"{side}[{i}]['image_id'] is {value!r}, and so is {side}[{first[value]}]'s")
    return image_column(ids, lambda _, row: f"{side}[{'i' if row is None else row}]['image_id']")
