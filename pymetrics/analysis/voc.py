"""PASCAL VOC's average precision of boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import kernels
from .._records import record
from ..evaluation.cells import group
from ..evaluation.result import Result
from ..evaluation.summary import UNDEFINED
from .confusion_rules import counts_for_tools
from .counted import require_data, require_number

if TYPE_CHECKING:
    from .._arrays import F64, I64, Ids

RECALLS = {2007: np.arange(0, 1.1, 0.1), 2010: np.empty(0)}  # 0.3, 0.6 and 0.7 are a little above; none: all points
RIGHT, IGNORED = 1, 2


class OneAverageEach:
    """The numbers of tools that give one average precision for each category, at one overlap."""

    category_ids: Ids
    category_names: Any
    n_gt: Any
    average: F64

    @property
    def map(self) -> float:
        """The mean over the categories with ground truth, or -1."""
        values = self.average[self.n_gt > 0]
        return float(values.mean()) if len(values) else UNDEFINED

    @property
    def per_class(self) -> list[dict[str, Any]]:
        """A row for each category, axis K: id, name, n_gt, ap."""
        lines = zip(self.category_ids.tolist(), self.n_gt.tolist(), self.average.tolist(), strict=True)
        return [{"id": id, "name": self.category_names.get(id), "n_gt": n, "ap": ap} for id, n, ap in lines]


@record
class Voc(OneAverageEach):
    """PASCAL VOC's average precisions. year: 2007 or 2010.

    category_ids: (K,). n_gt: int64 (K,), ground truths that are not difficult. average: float64 (K,), -1 without any.
    """

    year: int
    iou: float
    category_ids: Ids
    category_names: Any
    n_gt: I64
    average: F64

    def __repr__(self) -> str:
        return f"<Voc year={self.year} iou={self.iou:g} map={self.map:.4f} of {int((self.n_gt > 0).sum())} categories>"


def voc(result: Result, year: int = 2007, iou: float = 0.5, inclusive: bool = True) -> Voc:
    """The average precision of PASCAL VOC's development kit.

    By falling score (of equal scores the earlier image and row) each detection points at the ground truth of its image
    and category with the highest overlap (of equals the first), taken or not. From the overlap `iou` on it is ignored
    where that one is difficult, right where it was not found before, else wrong. Difficult are ground truths to be
    ignored (`GroundTruths(ignore=)`, or `use_ignore=True`), and crowds.

    2007: the mean of the highest precisions at recalls of at least 0, .1, ..., 1 (as numpy.arange(0, 1.1, .1) makes
    them, so that a recall of exactly .3, .6 or .7 is too low). 2010: the area under the highest precisions.

    Source: M. Everingham et al., IJCV 2010; VOCevaldet.m of the kits. The well-known Python version, voc_eval.py of
    py-faster-rcnn, takes overlaps above .5 alone, and its sort is not stable.

    Args:
        result: of `evaluate`, or of an Accumulator with keep_data=True: the data is beside the result.
        year: 2007 or 2010.
        iou: the overlap, in [0, 1].
        inclusive: boxes x, y, width, height end at x + width, and this pixel belongs to them: the kit's + 1. False: a
            box is width by height.

    Raises:
        ValueError: an argument is none of these; the data is not at hand, or is no boxes.
    """
    if year not in RECALLS:
        raise ValueError(f"year must be 2007 or 2010, got {year!r}")
    iou, (columns, _) = require_number("iou", iou, 0, 1), require_data(result, "voc")
    if columns.shape.iou_type != "bbox":
        raise ValueError(f"voc needs boxes, got the IoU type {columns.shape.iou_type!r}")
    cells, counts = group(columns, max(len(columns.dt.scores), 1)), counts_for_tools(columns)
    status = np.empty(len(cells.dt_rows), np.uint8)
    dt, gt = (_pixels(side.shape, inclusive) for side in (columns.dt, columns.gt))
    kernels.match_pointing(
        dt[cells.dt_rows], gt[cells.gt_rows], (~counts[cells.gt_rows]).astype(np.uint8), cells.dt_offsets,
        cells.gt_offsets, iou, status, 0, len(cells),
    )  # fmt: skip
    n_gt = np.zeros(len(columns.axes.category_ids), np.int64)
    np.add.at(n_gt, columns.gt.category[cells.gt_rows[counts[cells.gt_rows]]], 1)
    kept = np.flatnonzero(status != IGNORED)
    before = np.concatenate([[0], np.cumsum(status != IGNORED)])
    starts = before[cells.dt_offsets[cells.category_cells]]
    average = np.empty(len(n_gt))
    kernels.average_precision(
        cells.scores[kept], (status[kept] == RIGHT).astype(np.uint8), starts, n_gt, RECALLS[year], average, 0, len(n_gt)
    )
    average[n_gt == 0] = UNDEFINED
    return Voc(year, iou, columns.axes.category_ids, columns.axes.category_names, n_gt, average)


def _pixels(boxes: Any, inclusive: bool) -> Any:
    """float64 (N, 4): first and last pixels of boxes x, y, width, height."""
    last = boxes[:, :2] + boxes[:, 2:] - (0.0 if inclusive else 1.0)
    return np.concatenate([boxes[:, :2], last], axis=1)
