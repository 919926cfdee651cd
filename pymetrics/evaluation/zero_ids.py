"""One warning where annotation ids of 0 and below change the numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..formats.rows import warn
from . import stages
from .cells import group
from .columns import ID_ZERO, Columns
from .outcomes import Outcomes


def warn_of_zero_ids(outcomes: Outcomes, columns: Columns) -> None:
    """Match once more as if all ids were positive, where some are not, and warn if that comes out otherwise."""
    if not isinstance(columns.gt_flags, np.ndarray):  # on a GPU there are no ids: such data go to the host
        return
    kinds = []
    if columns.gt_flags.size and (columns.gt_flags & ID_ZERO).any():
        kinds.append("ground truths of id 0, whose detections count as unmatched")
    if columns.dt_flags.size and columns.dt_flags.any():
        kinds.append("detections of ids 0 and below, which leave their ground truths to others")
    if not kinds:
        return
    usual = replace(columns, dt_flags=columns.dt_flags[:0], gt_flags=columns.gt_flags & np.uint8(255 - ID_ZERO))
    other, _ = stages.match(usual, group(usual, outcomes.protocol.limit), outcomes.protocol, outcomes.iou_type)
    ours, theirs = ((o.matched & ~o.ignored, o.ignored) for o in (outcomes, other))
    if not all(map(np.array_equal, ours, theirs)):
        what = " and ".join(kinds)
        warn(f"the numbers follow pycocotools in a quirk: there are {what}. Remedy: number annotations from 1.")
