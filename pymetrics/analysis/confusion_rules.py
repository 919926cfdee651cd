"""Pairs of detections and ground truths by the rules of other tools' confusion matrices."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import kernels
from .._records import value_record
from ..evaluation.cells import group
from ..evaluation.columns import CROWD, IGNORE, Columns

if TYPE_CHECKING:
    from .._arrays import F64, I32


@value_record
class Rule:
    """iou, score: the tool's own thresholds. strict: detections of exactly this score do not count."""

    iou: float
    score: float
    strict: bool


RULES = {"ultralytics": Rule(0.45, 0.25, True), "supervision": Rule(0.5, 0.3, False)}


def pairs_by_rule(columns: Columns, rule: str, iou: float, score: float) -> tuple[I32, I32, F64]:
    """Rows of ground truths and detections that are paired, then what is left, paired with -1; their overlaps.

    Crowds and ground truths to be ignored, which these tools do not know, are left out.
    """
    scores, least = columns.dt.scores.astype(np.float32), np.float32(score)
    reaches = scores > least if RULES[rule].strict else scores >= least
    is_free = counts_for_tools(columns)
    # Ultralytics goes by falling confidence, supervision by rows.
    order = scores.astype(np.float64) if rule == "ultralytics" else np.zeros(len(scores))
    none = np.int32(-1)
    left = replace(
        columns,
        gt=replace(columns.gt, category=np.where(is_free, columns.gt.category, none)),
        dt=replace(columns.dt, category=np.where(reaches, columns.dt.category, none), scores=order),
    )
    cells = group(left, len(scores), by="image")
    match_of, overlap = np.empty(len(cells.dt_rows), np.int32), np.zeros(len(cells.dt_rows))
    dt, gt = corners(columns.dt.shape), corners(columns.gt.shape)
    for part, d, g in cells.blocks():
        offsets = part.pair_offsets()
        overlaps = np.empty(offsets[-1])
        kernels.corner_iou(
            dt[part.dt_rows], gt[part.gt_rows], part.dt_offsets, part.gt_offsets, offsets,
            int(rule == "supervision"), overlaps, 0, len(part),
        )  # fmt: skip
        categories = columns.dt.category[part.dt_rows], columns.gt.category[part.gt_rows]
        shared: tuple[Any, ...] = (
            overlaps, offsets, categories[0], part.dt_offsets, categories[1], part.gt_offsets, float(np.float32(iou))
        )  # fmt: skip
        if rule == "ultralytics":
            kernels.match_unclaimed(*shared, 1, match_of[d], 0, len(part))
        else:
            kernels.match_pairs(*shared, match_of[d], 0, len(part))
        took = np.flatnonzero(match_of[d] >= 0)
        place = match_of[d][took]
        n_gt = np.diff(part.gt_offsets)
        cell = np.repeat(np.arange(len(part)), np.diff(part.dt_offsets))[took]
        row = took - part.dt_offsets[cell]
        overlap[d][took] = overlaps[offsets[cell] + row * n_gt[cell] + place - part.gt_offsets[cell]]
        match_of[d][took] += g.start
    found = match_of >= 0
    is_missed = np.ones(len(cells.gt_rows), np.bool_)
    is_missed[match_of[found]] = False
    missed = cells.gt_rows[is_missed]
    paired = np.where(found, cells.gt_rows[match_of], none) if len(is_missed) else match_of
    return (
        np.concatenate([paired, missed]),
        np.concatenate([cells.dt_rows, np.full(len(missed), none)]),
        np.concatenate([overlap, np.zeros(len(missed))]),
    )


def counts_for_tools(columns: Columns) -> Any:
    """bool (G,): the ground truths that are no crowds and not to be ignored."""
    flags = columns.gt.flags
    return flags & (CROWD | IGNORE) == 0 if len(flags) else np.ones(len(columns.gt.image), np.bool_)


def corners(boxes: Any) -> Any:
    """float32 (N, 4): x1, y1, x2, y2 of boxes x, y, width, height."""
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1).astype(np.float32)
