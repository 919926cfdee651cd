"""Why a number of a result is undefined."""

from __future__ import annotations

import math

import numpy as np

from ..evaluation.protocol import place_of
from ..evaluation.result import Result
from ..evaluation.summary import UNDEFINED, SummaryRow
from .counted import require_result

LARGEST = 1e10  # square pixels: from here on an area range has no upper end


def why(result: Result, key: str) -> str | None:
    """Why a number of the summary is -1, or None where it is defined.

    Args:
        result: of an evaluation; outcomes are enough.
        key: of the summary, as in `result[key]`.

    Raises:
        KeyError: the summary has no such number.
    """
    if require_result(result)[key] != UNDEFINED:
        return None
    row = next(row for row in result.rows if key in (row.key, row.coco_key))
    return _missing_place(result, row) or _missing_truth(result, row)


def _missing_place(result: Result, row: SummaryRow) -> str | None:
    protocol = result.protocol
    if place_of(row, protocol) is not None and (row.metric == "recall" or protocol.recall_thresholds):
        return None
    if row.iou is not None and row.iou not in protocol.iou_thresholds:
        return f"the protocol has no IoU threshold {row.iou:g}"
    if row.area not in protocol.area_names:
        return f"the protocol has no area range {row.area!r}"
    if place_of(row, protocol) is None and row.limit.value is not None:
        return f"the protocol has no limit of {row.limit.value} detections, only {protocol.max_dets}"
    if place_of(row, protocol) is None:
        return f"the protocol has {len(protocol.max_dets)} limits of detections"
    return "the protocol has no recall thresholds"


def _missing_truth(result: Result, row: SummaryRow) -> str:
    outcomes, protocol = result.outcomes, result.protocol
    area, where, chosen = protocol.area_names.index(row.area), "in any category", np.ones(len(outcomes.n_gt), bool)
    if row.categories is not None:
        members = set(outcomes.category_groups.get(row.categories, ()))
        if not members:
            return f"the data has no categories in the group {row.categories!r}"
        where = f"in any category of the group {row.categories!r}"
        of_group = [id in members for id in outcomes.category_ids.tolist()]
        chosen = np.repeat(np.array(of_group, bool), np.diff(outcomes.category_cells))
    low, high = protocol.area_ranges[area]
    counts = outcomes.n_gt[chosen]
    if area == protocol.whole_area or not counts[:, protocol.whole_area].any():
        return f"no ground truth that counts {where}"
    if low <= 0:
        size = f"≤ {_area(high)}"
    elif high >= LARGEST:
        size = f"≥ {_area(low)}"
    else:
        size = f"from {_area(low)} to {_area(high)}"
    return f"no ground truth with area {size} {where}"


def _area(value: float) -> str:
    """A square where it is one: 32² for 1024."""
    side = math.isqrt(int(value)) if value == int(value) else 0
    return f"{side}²" if side > 1 and side * side == value else f"{value:g}"
