"""What all analyses at one IoU threshold share: the outcomes at it, ratios, sums, means over categories."""

from __future__ import annotations

import math
import operator
from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from .._records import record
from ..evaluation import stages
from ..evaluation.cells import Cells
from ..evaluation.columns import Columns
from ..evaluation.outcomes import Outcomes
from ..evaluation.protocol import Protocol
from ..evaluation.result import Result
from ..evaluation.summary import UNDEFINED
from ..formats.ranges import sums_of_ranges

if TYPE_CHECKING:
    from .._arrays import F64, I64


MAX_BETA = 1e6  # its square is far from overflow


@record
class Counted:
    """Outcomes on the host, and the pair of area range and IoU threshold that is read from them.

    area: position of the area range. bit: of the pair in the words of a detection. iou: the threshold.
    """

    outcomes: Outcomes
    area: int
    bit: int
    iou: float

    def n_gt(self) -> I64:
        """int64 (K,): the ground truths of each category that count."""
        return sums_of_ranges(self.outcomes.n_gt[:, self.area], self.outcomes.category_cells)


def require_result(result: Any, name: str = "result") -> Result:
    """Raise TypeError unless it is a Result."""
    if not isinstance(result, Result):
        kind = type(result).__name__
        method = {"Accumulator": "compute", "MeanAveragePrecision": "result"}.get(kind)
        raise TypeError(f"{name} must be a Result, got {kind}" + (f": say .{method}()" if method else ""))
    return result


def require_number(name: str, value: Any, low: float = -math.inf, high: float = math.inf) -> float:
    """The value as a float. Raises ValueError unless it is a number from low to high."""
    if isinstance(value, bool) or not isinstance(value, Real) or not low <= float(value) <= high:
        span = "a number" if low == -math.inf else f"a number in [{low:g}, {high:g}]"
        raise ValueError(f"{name} must be {span}, got {value!r}")
    return float(value)


def require_integer(name: str, value: Any, low: int, high: int) -> int:
    """The value as an int. Raises TypeError unless it is an integer, ValueError unless it is from low to high."""
    if isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    try:
        found = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if not low <= found <= high:
        raise ValueError(f"{name} must be an integer in [{low}, {high}], got {found}")
    return found


def counted_at(result: Result, iou: float) -> Counted:
    """The outcomes at an IoU threshold: those of the result, or, for another threshold, matched anew from the data.

    Raises:
        ValueError: iou is no number in [0, 1]; or it is not one of the protocol's, and the data is not at hand.
    """
    protocol, iou = require_result(result).protocol, require_number("iou", iou, 0, 1)
    area, ious, t = protocol.whole_area, protocol.iou_thresholds, protocol.place_of_threshold(iou)
    if t is not None:
        return Counted(result.outcomes, area, area * len(ious) + t, ious[t])
    if result.columns is None or result.cells is None:
        raise protocol.unknown_threshold(
            iou,
            f": the data is not at hand to match again. Say iou_thresholds=[..., {iou!r}] or keep_data=True at the "
            "start",
        )
    outcomes, _ = stages.match(result.columns, result.cells, single_threshold(protocol, iou))
    return Counted(outcomes, 0, 0, iou)


def overlaps_at(result: Result, iou: float, what: str) -> tuple[Counted, F64]:
    """As counted_at; and float64 (D,): the overlap of each detection with what it took, or 0.

    Raises:
        ValueError: iou is no number in [0, 1]; or neither the data nor matches at this threshold are at hand.
    """
    protocol, iou = require_result(result).protocol, require_number("iou", iou, 0, 1)
    t = protocol.place_of_threshold(iou)
    if result.columns is not None and result.cells is not None:
        single = single_threshold(protocol, iou if t is None else protocol.iou_thresholds[t])
        outcomes, found = stages.match(result.columns, result.cells, single, keep_matches=True)
        assert found is not None
        return Counted(outcomes, 0, 0, single.iou_thresholds[0]), found.overlap[:, 0]
    counted, whole = counted_at(result, iou), protocol.area_names[protocol.whole_area]
    try:
        matches = result.matches
    except ValueError as error:
        raise ValueError(f"{what} needs overlaps: {error}") from None
    if whole not in matches.protocol.area_names:
        raise ValueError(f"{what} needs the matches of the area range {whole!r}: name it in keep_matches")
    place = matches.protocol.area_names.index(whole) * len(protocol.iou_thresholds) + counted.bit % len(
        protocol.iou_thresholds
    )
    return counted, np.ascontiguousarray(matches.overlap[:, place])


def require_data(result: Result, what: str) -> tuple[Columns, Cells]:
    """The data beside a result, and its cells. Raises ValueError, in which `what` needs it, where it is not at hand."""
    columns, cells = require_result(result).columns, result.cells
    if (columns is None or cells is None) and not result.outcomes.n_images:
        raise ValueError(f"{what} needs data, and this result is of no images")
    if columns is None or cells is None:
        raise ValueError(
            f"{what} needs the data that was evaluated, which loaded results do not have, nor those of an Accumulator: "
            "call evaluate on the data, or say Accumulator(keep_data=True) at the start"
        )
    return columns, cells


def single_threshold(protocol: Protocol, iou: float) -> Protocol:
    """The protocol with one IoU threshold and one area range, that of all areas."""
    area = protocol.whole_area
    return replace(
        protocol, iou_thresholds=(iou,), area_ranges=protocol.area_ranges[area : area + 1],
        area_names=protocol.area_names[area : area + 1], summary=None, lenient=True,
    )  # fmt: skip


def ratio(part: Any, whole: Any) -> Any:
    """part / whole as float64, -1 (undefined) where whole is 0."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(part.shape, UNDEFINED), where=whole != 0)


def f_beta(tp: Any, fp: Any, fn: Any, beta: float = 1.0) -> Any:
    """(1 + b²) TP / ((1 + b²) TP + b² FN + FP) as float64, -1 where all three are 0.

    tp, fp, fn: counts, numbers or arrays of one shape.
    """
    squared = beta * beta
    weighted = (1 + squared) * np.asarray(tp, np.float64)
    values = ratio(weighted, weighted + squared * np.asarray(fn, np.float64) + fp)
    # With beta 0 nothing but missed objects makes 0 of 0: defined, for FN is above 0.
    return np.where((np.asarray(tp) + fp == 0) & (np.asarray(fn) > 0), 0.0, values)


def tree_mean(values: F64, counts: Any) -> float:
    """The mean of the values where `counts` is above 0, -1 if that is nowhere.

    The sum is that of a binary tree over all categories, as the kernel join_along_scores adds: neighbours, then
    neighbours of these sums; a category that does not count is 0.
    """
    n = int(np.count_nonzero(counts))
    if n == 0:
        return UNDEFINED
    width = 1 << max(len(values) - 1, 0).bit_length()
    sums = np.zeros(width)
    sums[: len(values)] = np.where(counts, values, 0.0)
    while len(sums) > 1:
        sums = sums[0::2] + sums[1::2]
    return float(sums[0]) / n
