"""Matches: which ground truth each detection took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .cells import Cells


@dataclass(frozen=True, eq=False, repr=False)
class Matches:
    """The matches of cells, by (area range, threshold) pair: pair a * T + t is area range a and threshold t.

    gt_of: int32 (D, A * T), the row of the ground truth that a detection took, or -1.
    overlap: float64 (D, A * T), their overlap, or 0.
    """

    cells: Cells
    gt_of: Any
    overlap: Any
