"""COCO's dicts and results as Rows, and Rows as these: what convert goes through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .boxes import BoxFormat
from .coco import list_of
from .image_sizes import image_id
from .masks import raw_masks
from .rows import Image, Row, Rows
from .values import is_number

XYWH = BoxFormat("xywh")


def rows_of_dataset(dataset: Mapping[str, Any], side: str, file: str) -> tuple[Rows, dict[str, str]]:
    """A COCO dict as Rows, and what they do not hold, in words by a short name. Images are named by file_name, or id.

    Raises:
        TypeError, ValueError: a key is missing or a value is of the wrong kind; two images have one name.
    """
    images = [_image(image, i, side) for i, image in enumerate(list_of(dataset, "images", side))]
    counts = Counter(image.id for image in images)
    twice = next((id for id, n in counts.items() if n > 1), None)
    if twice is not None:
        raise ValueError(f"{side}: two images are named {twice!r}, by which other formats tell them apart")
    names: dict[Any, str] = {}
    for i, category in enumerate(list_of(dataset, "categories", side)):
        id = _value(category, "id", f"{side}['categories'][{i}]", (int, str))
        names[id] = str(category.get("name", id))
    id_of = {image.number: image.id for image in images}
    rows, n_unlisted = [], 0
    annotations = list_of(dataset, "annotations", side)
    for i, annotation in enumerate(annotations):
        place = f"{side}['annotations'][{i}]"
        image, category = (_value(annotation, key, place, (int, str)) for key in ("image_id", "category_id"))
        if image not in id_of or category not in names:
            n_unlisted += 1
            continue
        rows.append(_row(annotation, id_of[image], category, place, file, scored=False))
    ids = Counter(row["id"] for row in annotations if isinstance(row.get("id"), (int, float, str)))
    n_odd = ids[0] + sum(n - 1 for n in ids.values())
    lost = _unlisted(n_unlisted, "annotations of images or categories that are not listed")
    if n_odd:
        lost["ids"] = f"{n_odd} annotation ids that pycocotools takes otherwise (0, or one of several rows)"
    ordered = {id: names[id] for id in sorted(names, key=lambda id: (isinstance(id, str), id))}
    return Rows("a COCO dict", rows, XYWH, images, ordered, True), lost


def rows_of_results(results: Sequence[Any], gt: Rows, side: str, file: str) -> tuple[Rows, dict[str, str]]:
    """Results as Rows, and what they do not hold; gt: whose ids they name.

    Raises:
        TypeError, ValueError: a key is missing or a value is of the wrong kind; an image is none of gt's.
    """
    id_of: dict[Any, str] = {}
    for image in gt.images or ():
        id_of[image.id] = image.id
    id_of |= {image.number: image.id for image in gt.images or () if image.number is not None}
    rows, n_unlisted = [], 0
    for i, result in enumerate(results):
        place = f"{side}[{i}]"
        image, category = (_value(result, key, place, (int, str)) for key in ("image_id", "category_id"))
        if image not in id_of:
            raise ValueError(f"{place}['image_id'] is {image!r}, which is not an image of gt")
        if category not in gt.names:
            n_unlisted += 1
            continue
        rows.append(_row(result, id_of[image], category, place, file, scored=True))
    lost = _unlisted(n_unlisted, "detections of categories that gt does not list")
    return Rows("COCO results", _with_boxes(rows, side), XYWH, gt.images, gt.names, True), lost


def _with_boxes(rows: list[Row], side: str) -> list[Row]:
    """The same with the boxes and areas of masks, as loadRes makes them, where rows have no box."""
    bare = [i for i, row in enumerate(rows) if not len(row.box)]
    if not bare:
        return rows
    where = lambda name, i: f"{side}[{bare[i]}]['segmentation']"  # noqa: E731
    measures = raw_masks([rows[i].mask for i in bare], where).columns(None, where).decoded().measures
    found = list(rows)
    for i, box, area in zip(bare, measures.boxes.tolist(), measures.areas.tolist(), strict=True):
        found[i] = replace(rows[i], box=box, area=float(area))
    return found


def _unlisted(n: int, what: str) -> dict[str, str]:
    return {"unlisted": f"{n} {what}"} if n else {}


def _image(image: Any, i: int, side: str) -> Image:
    place = f"{side}['images'][{i}]"
    number = _value(image, "id", place, (int, str))
    name = image.get("file_name")
    name = str(number) if not isinstance(name, str) or not name else name.replace("\\", "/").lstrip("/")
    size = image.get("height"), image.get("width")
    is_known = all(isinstance(side, (int, float)) and 0 < side < 2**31 and side == int(side) for side in size)
    return Image(image_id(name), name, (int(size[0]), int(size[1])) if is_known else None, number)


def _row(annotation: Mapping[str, Any], image: str, category: Any, place: str, file: str, scored: bool) -> Row:
    box = annotation.get("bbox")
    if box is None and scored and isinstance(annotation.get("segmentation"), Mapping):
        box = ()  # _with_boxes makes it
    elif not isinstance(box, (list, tuple)) or len(box) != 4 or not all(is_number(value) for value in box):
        raise ValueError(f"{place}['bbox'] must hold 4 finite numbers, got {box!r}")
    score = annotation.get("score") if scored else None
    if scored and not is_number(score):
        raise ValueError(f"{place}['score'] must be a finite number, got {score!r}")
    area = None if scored else annotation.get("area")
    if area is not None and not is_number(area):
        raise ValueError(f"{place}['area'] must be a finite number, got {area!r}")
    segmentation = annotation.get("segmentation")
    return Row(
        image=image,
        category=category,
        box=[float(value) for value in box],
        file=file,
        score=None if score is None else float(score),
        polygons=_polygons(segmentation, place) if isinstance(segmentation, (list, tuple)) and segmentation else None,
        mask=_runs(segmentation, place) if isinstance(segmentation, Mapping) else None,
        area=None if area is None else float(area),
        crowd=not scored and annotation.get("iscrowd", 0) == 1,
        ignore=not scored and bool(annotation.get("ignore", 0)),
        group_of=not scored and bool(annotation.get("isgroupof", 0)),
        others=("keypoints",) if annotation.get("keypoints") else (),
    )


def dataset_of(rows: Rows) -> dict[str, Any]:
    """A COCO dict of Rows in pixels. Images and categories that have no numbers are numbered from 1, by their names."""
    images, category_of = numbered_images(rows), numbered_categories(rows)
    areas = _areas(rows)
    annotations = []
    for i, (row, area) in enumerate(zip(rows.rows, areas, strict=True), 1):
        annotation: dict[str, Any] = {
            "id": i,
            "image_id": images[row.image],
            "category_id": category_of[row.category],
            "bbox": list(row.box),
            "area": area,
            "iscrowd": int(row.crowd),
        }
        annotations.append(annotation | _more(row, ignore=row.ignore))
    return {
        "images": [
            {"id": images[image.id], "file_name": image.name}
            | ({} if image.size is None else {"height": image.size[0], "width": image.size[1]})
            for image in rows.images or ()
        ],
        "categories": [{"id": category_of[id], "name": name} for id, name in rows.names.items()],
        "annotations": annotations,
    }


def results_of(rows: Rows, gt: Rows | None) -> list[dict[str, Any]]:
    """COCO results of Rows in pixels, with the numbers of gt; without it ids of images stay names."""
    images = {row.image: row.image for row in rows.rows} if gt is None else numbered_images(gt)
    category_of = {row.category: row.category for row in rows.rows} if gt is None else numbered_categories(gt)
    return [
        {
            "image_id": images[row.image],
            "category_id": category_of[row.category],
            "bbox": list(row.box),
            "score": row.score,
        }
        | _more(row, ignore=False)
        for row in rows.rows
    ]


def numbered(rows: Rows) -> Rows:
    """The same with ids of COCO for images and categories; without its objects."""
    images, category_of = numbered_images(rows), numbered_categories(rows)
    names = {category_of[id]: name for id, name in rows.names.items()}
    known = [replace(image, number=images[image.id]) for image in rows.images or ()]
    return replace(rows, rows=[], images=known, names=names)


def numbered_images(rows: Rows) -> dict[str, Any]:
    """Ids in COCO by the ids of images."""
    images = sorted(rows.images or (), key=lambda image: image.id)
    return {image.id: i if image.number is None else image.number for i, image in enumerate(images, 1)}


def numbered_categories(rows: Rows) -> dict[Any, Any]:
    """Ids in COCO by the ids of categories: integers as they are, names by their order."""
    ids = list(rows.names)
    if all(isinstance(id, int) for id in ids):
        return {id: id for id in ids}
    return {id: i for i, id in enumerate(sorted(map(str, ids)), 1)}


def _more(row: Row, ignore: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"ignore": 1} if ignore else {}
    if row.mask is not None:
        counts = row.mask["counts"]
        found["segmentation"] = {**row.mask, "counts": counts.decode() if isinstance(counts, bytes) else counts}
    elif row.polygons:
        found["segmentation"] = row.polygons
    return found


def _areas(rows: Rows) -> list[float]:
    """The areas, else the masks' pixels, else width * height."""
    sizes = {image.id: image.size for image in rows.images or () if image.size is not None}
    areas = [row.box[2] * row.box[3] if row.area is None else row.area for row in rows.rows]
    masked = [
        i for i, row in enumerate(rows.rows) if row.area is None and (row.mask or (row.polygons and row.image in sizes))
    ]
    if masked:
        raw = raw_masks(
            [rows.rows[i].mask or rows.rows[i].polygons for i in masked],
            lambda name, row: f"{rows.rows[masked[row or 0]].file!r}: {name}",
        )
        of_rows = np.array([sizes.get(rows.rows[i].image, (0, 0)) for i in masked], np.float64)
        pixels = raw.columns(of_rows, lambda name, row: name).decoded().measures.areas
        for i, area in zip(masked, pixels.tolist(), strict=True):
            areas[i] = float(area)
    return areas


def _value(row: Any, key: str, place: str, kinds: tuple[type, ...]) -> Any:
    if not isinstance(row, Mapping):
        raise TypeError(f"{place} must be a dict, got {type(row).__name__}")
    if key not in row:
        raise ValueError(f"{place} has no {key!r}")
    value = row[key]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise TypeError(f"{place}[{key!r}] must be a whole number or a string, got {value!r}")
    return value


def _polygons(polygons: Sequence[Any], place: str) -> list[list[float]]:
    for i, polygon in enumerate(polygons):
        if not isinstance(polygon, (list, tuple)) or len(polygon) < 6 or not all(map(is_number, polygon)):
            raise ValueError(f"{place}['segmentation'][{i}] must hold x, y, x, y, ... of three points or more")
    return [[float(value) for value in polygon[: len(polygon) // 2 * 2]] for polygon in polygons]


def _runs(mask: Mapping[str, Any], place: str) -> dict[str, Any]:
    if "size" not in mask or not isinstance(mask.get("counts"), (str, bytes, list, tuple)):
        raise ValueError(f"{place}['segmentation'] must have 'size' and 'counts'")
    return dict(mask)
