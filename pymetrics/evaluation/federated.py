"""The rule of LVIS: in an image only some categories were looked for, and not all objects of some of these.

A detection of a category that was not looked for in its image does not count. One of a category of which not all
objects are marked counts if it matches, and is ignored if it does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .columns import Columns

Row = dict[str, Any]
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
    return [c in looked_for[image] for image, c in pairs], [c in partial[image] for image, c in pairs]


def ignore_unmatched(columns: Columns, rows: Any) -> Columns:
    """Columns in which these detections, bool (N,), are ignored where they match nothing.

    Their area is below every area range; that of a detection that matched is not looked at (MATCHED_OUTSIDE).
    """
    dt = columns.dt
    area = dt.area if len(dt.area) else columns.shape.area(dt.shape)
    return replace(columns, dt=replace(dt, area=np.where(rows, -np.inf, area)))


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
