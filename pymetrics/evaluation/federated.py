"""The rule of LVIS: in an image only some categories were looked for, and not all objects of some of these.

A detection of a category that was not looked for in its image does not count. One of a category of which not all
objects are marked counts if it matches, and is ignored if it does not.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..formats.coco_file import read_document
from ..formats.json_files import read_json
from ..formats.source import LVIS_KEYS
from .cells import group
from .columns import CROWD, Axes, Columns, Side

Row = dict[str, Any]
LARGEST_TABLE = 1 << 28  # bytes, one for each image and category
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
    is_kept = dt.image >= 0
    if np.bincount(dt.image[is_kept], minlength=1).max() > limit:  # LIMIT_OF_IMAGE
        together = replace(columns, dt=replace(dt, category=np.zeros_like(dt.category)))
        is_kept[:] = False
        is_kept[group(together, limit, by="image").dt_rows] = True
    gt = replace(gt, flags=gt.flags & ~np.uint8(CROWD))  # LVIS_WITHOUT_CROWDS
    gt = _without(gt, ~has_area(gt.area))
    dt = _without(dt, ~is_kept)
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
    area = dt.area if len(dt.area) else columns.shape.area(dt.shape)
    dt = _without(replace(dt, area=area), ~has_area(area))
    place_of = {id: k for k, id in enumerate(category_ids)}
    named = {key: _pairs([image.get(key, ()) for image in images], places, place_of, axes) for key in LVIS_KEYS}
    shown, found = (_keys(side.image, side.category, axes) for side in (gt, dt))
    looked_for = _are_in(found, np.concatenate([shown[shown >= 0], named["neg_category_ids"]]), axes)
    columns = replace(columns, gt=gt, dt=_without(dt, ~looked_for))  # NOT_LOOKED_FOR
    return ignore_unmatched(columns, _are_in(found, named["not_exhaustive_category_ids"], axes))


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


def _are_in(keys: Any, chosen: Any, axes: Any) -> Any:
    """bool (N,): which keys are among the chosen ones, none of which is -1."""
    n = len(axes.image_ids) * len(axes.category_ids)
    if n > LARGEST_TABLE:
        return np.isin(keys, chosen)
    table = np.zeros(n + 1, bool)  # the last one is that of -1
    table[chosen] = True
    return table[keys]


def _pairs(lists: list[Sequence[Any]], places: Any, place_of: Mapping[Any, int], axes: Axes) -> Any:
    """The keys of the images and categories that a list of each image names. place_of: categories by id."""
    named = np.array([place_of.get(category, -1) for listed in lists for category in listed], np.int64)
    keys = _keys(places.repeat(list(map(len, lists))), named, axes)
    return keys[keys >= 0]


def data_set(gt: Any, class_map: Any = None) -> tuple[Any, Row]:
    """The ground truth of LVIS as it is to be read on, and its images and categories.

    A path stays one where the C++ reader takes the file; else its content is read. Of a COCO or LVIS object it is the
    data set.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is none of these, it is not JSON, or its images or categories lack what LVIS says of them; or
            there is a class_map, which says nothing about the lists of the images and the frequencies.
    """
    if class_map:
        raise ValueError("class_map cannot be used with the protocol 'lvis': rename the categories in the data")
    found, whole = getattr(gt, "dataset", gt), None
    if isinstance(found, (str, os.PathLike)):
        document = read_document(found, "gt")
        if document is None:
            found = read_json(found, "gt")
        else:
            text, spans = document.text.data, document.spans
            whole = {key: json.loads(str(text[slice(*spans[key])], "utf-8")) for key in ("images", "categories")}
    if whole is None and not isinstance(found, dict):
        raise ValueError(f"protocol 'lvis' needs gt as a file of LVIS or its content, got {type(gt).__name__}")
    whole = found if whole is None else whole
    for i, image in enumerate(whole.get("images", ())):
        for key in LVIS_KEYS:
            if isinstance(image, Mapping) and not isinstance(image.get(key, ()), (list, tuple)):
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
