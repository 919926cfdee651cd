"""The rule of LVIS: in an image only some categories were looked for, and not all objects of some of these."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...evaluation.columns import Columns

Ann = dict[str, Any]


def judged(gts: Iterable[Ann], dts: Iterable[Ann], images: Iterable[Ann]) -> tuple[list[bool], list[bool]]:
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


def groups(categories: Sequence[Ann], names: Sequence[str]) -> list[list[int]]:
    """The places of the categories of each frequency."""
    return [[k for k, category in enumerate(categories) if category["frequency"] == name] for name in names]
