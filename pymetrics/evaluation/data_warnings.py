"""Warnings about data that has an answer, but probably not the one that the user wants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .._warnings import warn
from ..formats.source import Source
from . import stages
from .cells import group
from .columns import ID_ZERO, Columns
from .outcomes import Outcomes


def warn_of_scale(gt: Source, dt: Source) -> None:
    """Boxes that look normalized but are not said to be, or the other way round; corners in the wrong order."""
    looks = []
    for source in (gt, dt):
        in_unit, highest = source.shape.scale_seems_wrong()
        if highest is not None:
            warn(f"the boxes of {source.side} are said to be normalized, but reach {highest:g}")
        if in_unit:
            looks.append(source)
    if looks:
        names = " and ".join(source.side for source in looks)
        can_be = looks[0].shape.format.can_be_normalized
        remedy = "say normalized=True and image_sizes" if can_be else "convert them to pixels"
        warn(
            f"all boxes of {names} lie in [0, 1]: if they are parts of the image, {remedy}; in pixels they all count "
            "as small"
        )


def warn_of_zero_ids(outcomes: Outcomes, columns: Columns) -> None:
    """Match once more as if all ids were positive, where some are not, and warn if that comes out otherwise."""
    gt, dt = columns.gt, columns.dt
    if not isinstance(gt.flags, np.ndarray):  # on a GPU there are no ids: such data go to the host
        return
    kinds = []
    if gt.flags.size and (gt.flags & ID_ZERO).any():
        kinds.append("ground truths of id 0, whose detections count as unmatched")
    if dt.flags.size and dt.flags.any():
        kinds.append("detections of ids 0 and below, which leave their ground truths to others")
    if not kinds:
        return
    usual = replace(
        columns, dt=replace(dt, flags=dt.flags[:0]), gt=replace(gt, flags=gt.flags & np.uint8(255 - ID_ZERO))
    )
    other, _ = stages.match(usual, group(usual, outcomes.protocol.limit), outcomes.protocol)
    ours, theirs = ((o.matched & ~o.ignored, o.ignored) for o in (outcomes, other))
    if not all(map(np.array_equal, ours, theirs)):
        what = " and ".join(kinds)
        warn(f"the numbers follow pycocotools in a quirk: there are {what}. Remedy: number annotations from 1.")
