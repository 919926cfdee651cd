"""Overlaps of boxes by the rules of several tools, and the ground truths that overlap most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .. import kernels
from .._records import value_record
from ..evaluation.cells import Cells
from ..evaluation.columns import CROWD, Side
from ..evaluation.shapes.boxes import Boxes
from .confusion_rules import corners
from .supervision import CornerBoxes

if TYPE_CHECKING:
    from .._arrays import F64, I64


AT_ONCE = 1 << 18  # pairs


@value_record
class RuleBoxes(Boxes):
    """Boxes whose overlaps are those of a rule: "float64", "float32", "corners" or "inclusive"."""

    overlap: str = "float64"
    match: ClassVar[Any] = None

    def overlaps(self, dt: Side, gt: Side, cells: Cells, least: float = 0.0) -> Any:
        if self.overlap == "float64":
            return super().overlaps(dt, gt, cells)
        if self.overlap == "corners":
            return CornerBoxes().overlaps(dt, gt, cells)
        is_crowd = gt.flags[cells.gt_rows] & CROWD != 0
        if self.overlap == "float32":
            offsets = cells.pair_offsets()
            out, boxes = np.empty(offsets[-1]), (corners(dt.shape)[cells.dt_rows], corners(gt.shape)[cells.gt_rows])
            kernels.corner_iou(*boxes, cells.dt_offsets, cells.gt_offsets, offsets, 0, out, 0, len(cells))
            if is_crowd.any():
                d, g = _pairs(cells)
                among = np.flatnonzero(is_crowd[g])
                out[among] = _overlaps(*boxes, d[among], g[among], is_crowd, np.float32(0))
            return out
        dt_ends, gt_ends = (
            np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
            for boxes in (dt.shape[cells.dt_rows], gt.shape[cells.gt_rows])
        )
        return _overlaps(dt_ends, gt_ends, *_pairs(cells), is_crowd, 1.0)


def _pairs(cells: Cells) -> tuple[I64, I64]:
    """int64 (P,), (P,): the places of detection and ground truth of each pair, in the order of overlaps."""
    n_gt = np.diff(cells.gt_offsets)
    cell = np.repeat(np.arange(len(cells)), np.diff(cells.dt_offsets))
    d = np.repeat(np.arange(len(cells.dt_rows)), n_gt[cell])
    first = np.repeat(np.cumsum(n_gt[cell]) - n_gt[cell], n_gt[cell])
    return d, np.arange(len(d)) - first + np.repeat(cells.gt_offsets[:-1][cell], n_gt[cell])


def _overlaps(dt: Any, gt: Any, d: I64, g: I64, is_crowd: Any, more: Any) -> F64:
    """float64 (P,): overlaps of boxes that are `more` wider and higher; of crowds by the detection's area.

    dt: (D, 4), gt: (G, 4): corners, of one dtype, in which all is computed. d, g: int64 (P,). is_crowd: bool (G,).
    """
    out = np.empty(len(d))
    for begin in range(0, len(d), AT_ONCE):
        part = slice(begin, begin + AT_ONCE)
        a, b = dt[d[part]], gt[g[part]]
        low, high = np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, 2:], b[:, 2:])
        w, h = high[:, 0] - low[:, 0] + more, high[:, 1] - low[:, 1] + more
        areas = [(box[:, 2] - box[:, 0] + more) * (box[:, 3] - box[:, 1] + more) for box in (a, b)]
        with np.errstate(divide="ignore", invalid="ignore"):
            found = w * h / np.where(is_crowd[g[part]], areas[0], areas[0] + areas[1] - w * h)
        out[part] = np.where((w > 0) & (h > 0), found, 0)
    return out


def best_ground_truths(overlaps: F64, cells: Cells) -> tuple[F64, I64]:
    """(D,), (D,): the highest overlap of each detection, and the first ground truth that has it, a place; 0, -1."""
    best, place = np.zeros(len(cells.dt_rows)), np.full(len(cells.dt_rows), -1)
    n_gt = np.repeat(np.diff(cells.gt_offsets), np.diff(cells.dt_offsets))
    some = np.flatnonzero(n_gt)
    if len(some):
        starts = (np.cumsum(n_gt) - n_gt)[some]
        best[some] = np.maximum.reduceat(overlaps, starts)
        d, g = _pairs(cells)
        at = np.flatnonzero((overlaps == best[d]) & (overlaps > 0))[::-1]
        place[d[at]] = g[at]  # of equals the first is written last
    return best, place
