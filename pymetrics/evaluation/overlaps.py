"""Overlaps of the rows of cells."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import kernels
from .cells import Cells
from .columns import CROWD, Columns


def cell_overlaps(columns: Columns, cells: Cells) -> Any:
    """All overlaps of every cell, one after another: float64, (detections, ground truths) of each cell, row-major."""
    offsets = cells.pair_offsets()
    out = np.empty(offsets[-1])
    kernels.box_iou(
        columns.dt_boxes[cells.dt_rows], columns.gt_boxes[cells.gt_rows],
        columns.gt_flags[cells.gt_rows] & np.uint8(CROWD), cells.dt_offsets, cells.gt_offsets, offsets, 0, out,
        0, len(cells),
    )  # fmt: skip
    return out
