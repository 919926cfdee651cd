"""The rule of LVIS: in an image only some categories were looked for, and not all objects of some of these.

A detection of a category that was not looked for in its image does not count. One of a category of which not all
objects are marked counts if it matches, and is ignored if it does not.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, repeat
from typing import Any

import numpy as np

from ..formats.coco import XYWH
from ..formats.coco_file import Document, has_other_crowds, has_other_ignore, open_file, read_document, with_ignore
from ..formats.json_files import read_json
from ..formats.options import ReadOptions
from ..formats.source import LVIS_KEYS
from ..formats.tables.parquet import is_parquet
from .cells import group
from .columns import CROWD, Axes, Columns, Side

Row = dict[str, Any]
LARGEST_TABLE = 1 << 28  # bytes, one for each image and category
LOOKED_FOR, PARTIAL = 1, 2  # bits of an image and category
CHUNK = 1 << 16  # rows
FREQUENCIES = {"r": "rare", "c": "common", "f": "frequent"}


def judged(gts: Iterable[Row], dts: Iterable[Row], images: Iterable[Row]) -> tuple[list[bool], list[bool]]:
    """For each detection whether its category was looked for in its image, and whether not exhaustively.

    A category was looked for where a ground truth shows it, or where `neg_category_ids` of the image names it.
    """
    looked_for: dict[Any, set[Any]] = {}
    partial: dict[Any, set[Any]] = {}
    for image in images:
        looked_for[image["id"]] = set(image.get("neg_category_ids", ()))
        partial[image["id"]] = set(image.get("not_exhaustive_category_ids", ()))
    for gt in gts:
        looked_for[gt["image_id"]].add(gt["category_id"])
    pairs = [(dt["image_id"], dt["category_id"]) for dt in dts]
    is_judged = [c in looked_for[image] for image, c in pairs]  # NOT_LOOKED_FOR
    return is_judged, [c in partial[image] for image, c in pairs]


def ignore_unmatched(columns: Columns, rows: Any) -> Columns:
    """Columns in which these detections, bool (N,), are ignored where they match nothing.

    Their area is below every area range; that of a detection that matched is not looked at (MATCHED_OUTSIDE).
    """
    dt = columns.dt
    area = dt.area if len(dt.area) else columns.shape.area(dt.shape)
    return replace(columns, dt=replace(dt, area=np.where(rows, -np.inf, area)))  # NOT_EXHAUSTIVE


def groups(categories: Sequence[Mapping[str, Any]]) -> list[list[int]]:
    """The places of the rare, the common and the frequent categories.

    Raises:
        KeyError: a category has no `frequency`.
        ValueError: a frequency is none of r, c, f.
    """
    found: dict[str, list[int]] = {name: [] for name in FREQUENCIES}
    for k, category in enumerate(categories):
        frequency = category["frequency"]
        if frequency not in found:
            raise ValueError(f"categories[{k}]['frequency'] must be one of r, c, f, got {frequency!r}")
        found[frequency].append(k)
    return list(found.values())


def by_rule(columns: Columns, images: Sequence[Row], categories: Sequence[Row], limit: int) -> Columns:
    """Columns of a whole data set as LVIS counts them. images, categories: as the data set has them.

    Of an image the `limit` detections of the highest scores are kept, over all categories. Rows of area 0 are left out,
    crowds are ordinary ground truths.

    Raises:
        KeyError, ValueError: as groups.
    """
    columns, axes = columns.on_host(), columns.axes
    gt, dt = columns.gt, columns.dt
    counts = np.zeros(len(axes.image_ids) + 1, np.int64)
    for rows in _chunks(len(dt.image)):
        counts += np.bincount(dt.image[rows] + 1, minlength=len(counts))
    if counts[1:].max(initial=0) > limit:  # LIMIT_OF_IMAGE
        together = replace(columns, dt=replace(dt, category=np.zeros_like(dt.category)))
        is_out = np.ones(len(dt.image), bool)
        is_out[group(together, limit, by="image").dt_rows] = False
        dt = _without(dt, is_out)
    gt = replace(gt, flags=gt.flags & ~np.uint8(CROWD))  # LVIS_WITHOUT_CROWDS
    gt = _without(gt, ~has_area(gt.area))
    place_of = {id: i for i, id in enumerate(axes.image_ids.tolist())}
    places = np.array([place_of[image["id"]] for image in images], np.int64)
    found = judged_columns(replace(columns, gt=gt, dt=dt), images, places, axes.category_ids.tolist())
    members = {
        name: tuple(categories[k]["id"] for k in places)
        for name, places in zip(FREQUENCIES, groups(categories), strict=True)
    }
    return replace(found, axes=replace(axes, category_groups=members))


def judged_columns(columns: Columns, images: Sequence[Row], places: Any, category_ids: Sequence[Any]) -> Columns:
    """Columns without the detections that do not count: of area 0, or of categories that were not looked for.

    images: what the data set says of them. places: int64, where each stands on the axis. category_ids: of the axis.
    """
    gt, dt, axes = columns.gt, columns.dt, columns.axes
    area = dt.area.copy() if len(dt.area) else columns.shape.area(dt.shape)
    place_of = {id: k for k, id in enumerate(category_ids)}
    absent, partial = (_pairs([image.get(key, ()) for image in images], places, place_of, axes) for key in LVIS_KEYS)
    shown = _keys(gt.image, gt.category, axes)
    rules = _table([(np.concatenate([shown[shown >= 0], absent]), LOOKED_FOR), (partial, PARTIAL)], axes)
    category = np.empty_like(dt.category)
    for rows in _chunks(len(category)):
        found = rules(_keys(dt.image[rows], dt.category[rows], axes))
        looked_for = found & LOOKED_FOR != 0
        is_out = ~looked_for | ~has_area(area[rows])  # NOT_LOOKED_FOR
        category[rows] = np.where(is_out, np.int32(-1), dt.category[rows])
        area[rows][found & PARTIAL != 0] = -np.inf  # NOT_EXHAUSTIVE: as in ignore_unmatched
    return replace(columns, dt=replace(dt, category=category, area=area))


def _chunks(n: int) -> Iterator[slice]:
    """The rows in parts of which intermediate arrays stay in the cache."""
    return (slice(begin, begin + CHUNK) for begin in range(0, n, CHUNK))


def has_area(area: Any) -> Any:
    """bool (N,): which rows count by their areas."""
    return (area > 0) & (area < np.inf)  # EMPTY_AREAS


def _without(side: Side, rows: Any) -> Side:
    return replace(side, category=np.where(rows, np.int32(-1), side.category))


def _keys(image: Any, category: Any, axes: Any) -> Any:
    """int64 (N,): one number for each pair of places, -1 where one is not on its axis."""
    keys = image.astype(np.int64)
    keys *= len(axes.category_ids)
    keys += category
    keys[(image < 0) | (category < 0)] = -1
    return keys


def _table(marked: Sequence[tuple[Any, int]], axes: Axes) -> Callable[[Any], Any]:
    """A function of keys: uint8 (N,), the bits of those that are marked. marked: keys of 0 and above, and their bit."""
    n = len(axes.image_ids) * len(axes.category_ids)
    if n > LARGEST_TABLE:
        return lambda keys: sum(np.isin(keys, chosen) * np.uint8(bit) for chosen, bit in marked)
    table = np.zeros(n + 1, np.uint8)  # the last one is that of -1
    for chosen, bit in marked:
        table[chosen] |= np.uint8(bit)
    return lambda keys: table[keys]


def _pairs(lists: list[Sequence[Any]], places: Any, place_of: Mapping[Any, int], axes: Axes) -> Any:
    """The keys of the images and categories that a list of each image names. place_of: categories by id."""
    named = np.fromiter(map(place_of.get, chain.from_iterable(lists), repeat(-1)), np.int64)
    keys = _keys(places.repeat(list(map(len, lists))), named, axes)
    return keys[keys >= 0]


@dataclass(frozen=True)
class _OpenFile:
    """A file that is read with its boxes."""

    path: str | os.PathLike[str]
    document: Document

    def evaluation_source(self, options: ReadOptions) -> Any:
        """What coco_file.open_file gives."""
        source = self.document.source
        if options.iou_type == "bbox" and options.format("xywh") == XYWH and not has_other_crowds(source):
            if not options.use_ignore:
                return source
            if not has_other_ignore(source):
                return with_ignore(source)
        return open_file(self.path, options)


def data_set(gt: Any, class_map: Any = None) -> tuple[Any, Row]:
    """The ground truth of LVIS as it is to be read on, and its images and categories.

    Of a path it is what the C++ reader makes of the file, or its content; of a COCO or LVIS object the data set.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is none of these, it is not JSON, or its images or categories lack what LVIS says of them; or
            there is a class_map, which says nothing about the lists of the images and the frequencies.
    """
    if class_map:
        raise ValueError("class_map cannot be used with the protocol 'lvis': rename the categories in the data")
    read = getattr(gt, "evaluation_values", None)  # of our COCO and LVIS, which then make no dicts of annotations
    whole = read("images", "categories") if callable(read) else None
    found = gt if whole is not None else getattr(gt, "dataset", gt)
    if isinstance(found, (str, os.PathLike)):
        if is_parquet(found):
            raise ValueError(f"protocol 'lvis' needs gt as a file of LVIS or its content, got Parquet: {found!r}")
        document = read_document(found, "gt")
        if document is None:
            found = read_json(found, "gt")
        else:
            found, text, spans = _OpenFile(found, document), document.text.data, document.spans
            whole = {key: json.loads(str(text[slice(*spans[key])], "utf-8")) for key in ("images", "categories")}
    if whole is None and not isinstance(found, dict):
        raise ValueError(f"protocol 'lvis' needs gt as a file of LVIS or its content, got {type(gt).__name__}")
    whole = found if whole is None else whole
    for i, image in enumerate(whole.get("images", ())):
        for key in LVIS_KEYS if isinstance(image, (dict, Mapping)) else ():
            if not isinstance(image.get(key, ()), (list, tuple)):
                raise ValueError(f"gt['images'][{i}][{key!r}] must be a list of category ids, got {image[key]!r}")
    for i, category in enumerate(whole.get("categories", ())):
        if not isinstance(category, Mapping):
            raise ValueError(f"gt['categories'][{i}] must be a dict, got {category!r}")
        if category.get("frequency") not in FREQUENCIES:
            raise ValueError(
                f"gt['categories'][{i}]['frequency'] must be one of r, c, f for the protocol 'lvis', got "
                f"{category.get('frequency')!r}"
            )
    return found, whole
