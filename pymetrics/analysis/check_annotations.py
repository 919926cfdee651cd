"""What is wrong with the annotations of a COCO dict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..formats.masks import raw_masks
from ..formats.values import is_number
from .check_lists import Lists, as_id
from .finding import Collector, Finding

OUTSIDE = 1.0  # pixels: what ends further outside of its image is named
OTHER_AREA, LEAST_PIXELS = 0.25, 16  # an area differs: by this part of the larger one, and by so many square pixels
LARGER = 1.01  # times the box: no object is larger
SHARE_NORMALIZED = 0.95  # of the boxes lie in [0, 1]: so do all, likely
SHARE_OUTSIDE = 0.5  # of the boxes end outside of their images, as corners do that are taken for sizes
TABLE = (
    ("bad_annotations", "error", "{n} annotations lack image_id or category_id, or these are no ids",
     "evaluate refuses it"),
    ("bad_boxes", "error", "{n} annotations have a bbox that is not four finite numbers", "evaluate refuses it"),
    ("no_boxes", "error", "{n} annotations have no bbox", "evaluate refuses it, but for masks and keypoints"),
    ("id_zero", "error", "{n} annotations have the id 0",
     "pycocotools, and evaluate, count a detection that finds one as wrong; number annotations from 1"),
    ("duplicate_ids", "error", "{n} annotations have an id that was there before",
     "the last of one id takes the place of all; give each its own"),
    ("some_ids", "error", "{n} annotations have no id, where others have one", "evaluate refuses it"),
    ("no_ids", "note", "{n} annotations, all of them, have no id", "pycocotools refuses them; evaluate does not"),
    ("unlisted_images", "error", "{n} annotations are of images that are not listed", "they are left out"),
    ("unlisted_categories", "error", "{n} annotations are of categories that are not listed", "they are left out"),
    ("normalized_boxes", "error", "{n} boxes, nearly all, lie in [0, 1]",
     "taken for pixels, all count as small; in pixels they would be parts of the image: convert them"),
    ("corner_boxes", "error", "{n} boxes, most of them, end outside of their images, and could be x1, y1, x2, y2",
     "taken for x, y, width, height they overlap little; say box_format='xyxy', or convert them"),
    ("negative_boxes", "error", "{n} boxes have a negative width or height", "nothing can find them: they are missed"),
    ("empty_boxes", "warning", "{n} boxes have no width or no height", "nothing can find them: they are missed"),
    ("boxes_outside", "warning", "{n} boxes end more than a pixel outside of their images",
     "detections end at the border, so that their overlap is lower"),
    ("duplicate_boxes", "warning", "{n} annotations have the image, category and box of another one",
     "one detection finds one of them, and the others are missed"),
    ("bad_areas", "error", "{n} annotations have an area that is no finite number", "evaluate refuses it"),
    ("no_areas", "note", "{n} annotations have no area",
     "evaluate takes the box's or the mask's own; pycocotools refuses them"),
    ("zero_areas", "warning", "{n} annotations have an area of 0 or below", "they count as small, whatever their size"),
    ("large_areas", "warning", "{n} annotations have an area larger than their box",
     "small, medium and large go by the area"),
    ("other_areas", "warning", "{n} annotations have an area that is far from their mask's pixels",
     "small, medium and large go by the area"),
    ("boxes_beside_masks", "warning", "{n} boxes overlap the box around their mask by less than half",
     "boxes and masks are evaluated as different objects"),
    ("bad_masks", "error", "{n} annotations have a segmentation that cannot be read",
     "evaluate refuses it for iou_type='segm'"),
    ("mask_sizes", "error", "{n} masks of runs have another size than their image",
     "for iou_type='segm' no detected mask of the image's size matches them"),
    ("bad_crowds", "error", "{n} annotations have an iscrowd that is neither 0 nor 1", "evaluate refuses it"),
    ("crowds_without_runs", "warning", "{n} crowds have no mask of runs",
     "with iou_type='segm' tools that take crowds for runs refuse them; without a mask so does evaluate"),
    ("keypoint_lengths", "error", "{n} annotations have keypoints that are not x, y, visibility of as many as usual",
     "evaluate refuses it for iou_type='keypoints'"),
    ("keypoint_counts", "warning", "{n} annotations have a num_keypoints that is not the number of visible keypoints",
     "objects with num_keypoints 0 are ignored"),
    ("ignored", "note", "{n} annotations have a nonzero ignore and are no crowds",
     "they count, as in pycocotools, unless use_ignore=True (--use-ignore) is said"),
    ("unused_categories", "note", "{n} categories have no annotation", "means leave them out"),
    ("empty_images", "note", "{n} images have no annotation", "all detections there are wrong ones"),
    ("no_annotations", "error", "there are no annotations", "every number is undefined (-1)"),
)  # fmt: skip


def annotation_findings(lists: Lists, in_parts: bool) -> list[Finding]:
    """All of TABLE that is found. in_parts: boxes are in parts of images whose sizes are not known."""
    found = Collector()
    without_id = "some_ids" if any(as_id(row.get("id")) is not None for _, row in lists.annotations) else "no_ids"
    if not lists.annotations:
        found.add("no_annotations", "annotations")
    seen_ids: set[Any] = set()
    seen_boxes: dict[Any, Any] = {}
    with_objects: set[Any] = set()
    used: set[Any] = set()
    boxed: list[tuple[Any, list[float], tuple[float, float] | None]] = []
    for i, row in lists.annotations:
        name = _name(row, i)
        _ids(row, name, seen_ids, without_id, found)
        image, category = as_id(row.get("image_id")), as_id(row.get("category_id"))
        if image is None or category is None:
            found.add("bad_annotations", name)
            continue
        with_objects.add(image)
        used.add(category)
        if image not in lists.images:
            found.add("unlisted_images", {**name, "image": image})
        if category not in lists.categories:
            found.add("unlisted_categories", {**name, "category": category})
        box = _box(row, name, found)
        if box is not None:
            size = lists.images.get(image)
            boxed.append((name, box, size))
            _check_box(box, size, name, found)
            key = (image, category, *box)
            if key in seen_boxes and not row.get("iscrowd"):
                found.add("duplicate_boxes", {**name, "as": seen_boxes[key]})
            seen_boxes.setdefault(key, next(iter(name.values())))
        _check_area(row, box, name, found)
        if row.get("iscrowd", 0) not in (0, 1):
            found.add("bad_crowds", {**name, "iscrowd": row["iscrowd"]})
        elif row.get("iscrowd") and not isinstance(row.get("segmentation"), Mapping):
            found.add("crowds_without_runs", name)
        elif not row.get("iscrowd") and row.get("ignore"):
            found.add("ignored", name)
    if not in_parts:
        _layouts(boxed, found)
    _keypoints(lists, found)
    _masks(lists, found)
    for category in lists.categories:
        if category not in used:
            found.add("unused_categories", {"category": category, **_named(lists.categories[category])})
    for image in lists.images:
        if image not in with_objects:
            found.add("empty_images", {"image": image})
    return found.findings(TABLE)


def _name(row: Mapping[str, Any], i: int) -> dict[str, Any]:
    id = as_id(row.get("id"))
    return {"row": i} if id is None else {"id": id}


def _named(category: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": category["name"]} if isinstance(category.get("name"), str) else {}


def _ids(row: Mapping[str, Any], name: Any, seen: set[Any], without_id: str, found: Collector) -> None:
    id = as_id(row.get("id"))
    if id is None:
        found.add(without_id, name)
        return
    if id == 0:
        found.add("id_zero", name)
    if id in seen:
        found.add("duplicate_ids", name)
    seen.add(id)


def _box(row: Mapping[str, Any], name: Any, found: Collector) -> list[float] | None:
    box = row.get("bbox")
    if box is None:
        found.add("no_boxes", name)
        return None
    if not isinstance(box, (list, tuple)) or len(box) != 4 or not all(map(is_number, box)):
        found.add("bad_boxes", name)
        return None
    return list(map(float, box))


def _check_box(box: list[float], size: tuple[float, float] | None, name: Any, found: Collector) -> None:
    width, height = box[2:]
    if width < 0 or height < 0:
        found.add("negative_boxes", {**name, "bbox": box})
    elif width == 0 or height == 0:
        found.add("empty_boxes", {**name, "bbox": box})
    if size is not None and _is_outside(box, size):
        found.add("boxes_outside", {**name, "bbox": box, "height": size[0], "width": size[1]})


def _is_outside(box: list[float], size: tuple[float, float]) -> bool:
    x, y, width, height = box
    return x < -OUTSIDE or y < -OUTSIDE or x + width > size[1] + OUTSIDE or y + height > size[0] + OUTSIDE


def _check_area(row: Mapping[str, Any], box: list[float] | None, name: Any, found: Collector) -> None:
    area = row.get("area")
    if area is None:
        found.add("no_areas", name)
    elif not is_number(area):
        found.add("bad_areas", name)
    elif area <= 0:
        found.add("zero_areas", name)
    elif box is not None and area > box[2] * box[3] * LARGER + 1:
        found.add("large_areas", {**name, "area": area, "bbox": box})


def _layouts(boxed: list[tuple[Any, list[float], Any]], found: Collector) -> None:
    """Boxes in parts of their images, and corners in place of sizes."""
    if not boxed:
        return
    normalized = [(name, box) for name, box, _ in boxed if min(box) >= 0 and max(box) <= 1]
    if len(normalized) >= SHARE_NORMALIZED * len(boxed):
        for name, box in normalized:
            found.add("normalized_boxes", {**name, "bbox": box})
        return
    sized = [(name, box, size) for name, box, size in boxed if size is not None]
    outside = [
        (name, box)
        for name, box, (height, width) in sized
        if box[0] + box[2] > width + OUTSIDE or box[1] + box[3] > height + OUTSIDE
    ]
    may_be_corners = all(
        box[0] <= box[2] <= width + OUTSIDE and box[1] <= box[3] <= height + OUTSIDE
        for _, box, (height, width) in sized
    )
    if may_be_corners and len(outside) > SHARE_OUTSIDE * len(sized):
        for name, box in outside:
            found.add("corner_boxes", {**name, "bbox": box})


def _keypoints(lists: Lists, found: Collector) -> None:
    """Lists of three numbers for each keypoint, as many as the category names, or as most annotations have."""
    lengths = Counter[int]()
    posed = []
    for i, row in lists.annotations:
        points = row.get("keypoints")
        if isinstance(points, (list, tuple)) and len(points):
            posed.append((_name(row, i), row, points))
            lengths[len(points)] += 1
    usual = lengths.most_common(1)[0][0] if lengths else 0
    for name, row, points in posed:
        category = lists.categories.get(as_id(row.get("category_id")), {})
        names = category.get("keypoints")
        wanted = 3 * len(names) if isinstance(names, (list, tuple)) and names else usual
        if len(points) != wanted or wanted % 3 or not all(map(is_number, points)):
            found.add("keypoint_lengths", {**name, "length": len(points)})
            continue
        n = row.get("num_keypoints")
        if n is not None and n != sum(value > 0 for value in points[2::3]):
            found.add("keypoint_counts", {**name, "num_keypoints": n})


def _masks(lists: Lists, found: Collector) -> None:
    """Masks that cannot be read, and what their pixels say about area and box."""
    rows = [
        (_name(row, i), row, lists.images.get(as_id(row.get("image_id"))))
        for i, row in lists.annotations
        if row.get("segmentation")
    ]
    for begin in range(0, len(rows), 4096):
        part = rows[begin : begin + 4096]
        measures = _measured(part)
        if measures is None:  # one of them cannot be read: which?
            singles = [_measured([each]) for each in part]
        else:
            singles = [measures[i : i + 1] for i in range(len(part))]
        for (name, row, size), single in zip(part, singles, strict=True):
            if single is None:
                if isinstance(row["segmentation"], Mapping) or size is not None:
                    found.add("bad_masks", name)
                continue
            _check_mask(name, row, size, single[0].tolist(), found)


def _measured(rows: list[tuple[Any, Mapping[str, Any], Any]]) -> Any:
    """float64 (N, 7): area, box, height and width of each mask; None where one cannot be read."""
    try:
        raw = raw_masks([row["segmentation"] for _, row, _ in rows], lambda name, row: name)
        raw.check(lambda name, row: name)
        sizes = np.array([size or (np.nan, np.nan) for _, _, size in rows], np.float64).reshape(-1, 2)
        if raw.needs_sizes and np.isnan(sizes[raw.rows_with_sizes]).any():
            return None
        columns = raw.columns(sizes, lambda name, row: name).decoded()
        areas, _, boxes = columns.measures
        return np.concatenate([areas[:, None].astype(np.float64), boxes, columns.sizes.astype(np.float64)], axis=1)
    except (ValueError, TypeError, OverflowError):
        return None


def _check_mask(name: Any, row: Mapping[str, Any], size: Any, measured: list[float], found: Collector) -> None:
    pixels, box, own_size = measured[0], measured[1:5], tuple(measured[5:])
    if isinstance(row["segmentation"], Mapping) and size is not None and own_size != size:
        found.add("mask_sizes", {**name, "size": [int(side) for side in own_size]})
    area = row.get("area")
    if area is not None and is_number(area):
        difference = abs(area - pixels)
        if difference > LEAST_PIXELS and difference > OTHER_AREA * max(area, pixels):
            found.add("other_areas", {**name, "area": area, "pixels": pixels})
    given = row.get("bbox")
    is_box = isinstance(given, (list, tuple)) and len(given) == 4 and all(map(is_number, given))
    if given is not None and is_box and pixels > LEAST_PIXELS and _overlap(list(map(float, given)), box) < 0.5:
        found.add("boxes_beside_masks", {**name, "bbox": list(given), "mask": box})


def _overlap(a: list[float], b: list[float]) -> float:
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    inner = max(width, 0.0) * max(height, 0.0)
    union = a[2] * a[3] + b[2] * b[3] - inner
    return inner / union if union > 0 else 0.0
