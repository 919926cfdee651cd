"""The numbers of objects of different sizes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..evaluation import stages
from ..evaluation.columns import Columns, Side
from ..evaluation.result import Result
from .confusion_rules import counts_for_tools
from .counted import require_data, require_integer

if TYPE_CHECKING:
    from .._arrays import F64

MEASURES = ("area", "width", "height", "aspect")
MOST_PARTS = 1000


def size_slices(result: Result, by: str = "area", edges: int | Iterable[float] = 5) -> list[dict[str, Any]]:
    """The numbers of objects by their size: where does it fail?

    One row per range of sizes, ascending: name, low, high, n_gt, map, map_50 and map_75 where the protocol has these
    thresholds, and mar_<last limit>; -1 where undefined. A range counts as an area range of COCO: both ends belong to
    it; ground truths of other sizes are ignored, and so are detections of other sizes that match nothing.

    Args:
        result: of `evaluate`, or of an Accumulator with keep_data=True: the data is beside the result.
        by: "area", as the data has it; or of the box "width", "height", in pixels, or "aspect", width / height. Boxes
            of masks are those around their pixels; rotated boxes have their own width and height.
        edges: at least two increasing numbers, of which each two neighbours are a range; or into how many ranges with
            about as many ground truths each (between quantiles, numpy.quantile; fewer where these are equal).

    Raises:
        TypeError: edges is neither an integer nor numbers.
        ValueError: by is none of these, or the shapes have no such size; edges do not increase or are too few; the data
            is not at hand.
    """
    if by not in MEASURES:
        raise ValueError(f"by must be one of {MEASURES}, got {by!r}")
    columns, cells = require_data(result, "size_slices")
    gt, dt = (_measure(columns, side, by) for side in (columns.gt, columns.dt))
    pairs = _ranges(edges, gt[cells.gt_rows[counts_for_tools(columns)[cells.gt_rows]]])
    if not pairs:
        return []
    names = [f"{low:g} to {high:g}" for low, high in pairs]
    protocol = replace(
        result.protocol, area_ranges=tuple(pairs), area_names=tuple(f"{i}: {name}" for i, name in enumerate(names)),
        summary=None, lenient=True,
    )  # fmt: skip
    measured = replace(columns, gt=replace(columns.gt, area=gt), dt=replace(columns.dt, area=dt))
    outcomes, _ = stages.match(measured, cells, protocol)
    precision, recall, _ = stages.accumulate(outcomes, keep_scores=False)
    last, n_gt = len(protocol.max_dets) - 1, outcomes.n_gt.sum(axis=0)
    thresholds: dict[str, int | None] = {"map": None}
    for name, iou in (("map_50", 0.5), ("map_75", 0.75)):
        t = protocol.place_of_threshold(iou)
        thresholds |= {} if t is None else {name: t}
    table = {name: stages.means(precision, [(t, a, last) for a in range(len(pairs))]) for name, t in thresholds.items()}
    table[f"mar_{protocol.limit}"] = stages.means(recall, [(None, a, last) for a in range(len(pairs))])
    return [
        {"name": names[a], "low": pairs[a][0], "high": pairs[a][1], "n_gt": int(n_gt[a])}
        | {name: float(values[a]) for name, values in table.items()}
        for a in range(len(pairs))
    ]


def _measure(columns: Columns, side: Side, by: str) -> F64:
    """float64 (N,): the size of each row."""
    if by == "area":
        return side.area if len(side.area) else columns.shape.area(side.shape)
    of_masks = getattr(side.shape, "masks", side.shape)  # of boundaries, too
    boxes = of_masks.measures.boxes if hasattr(of_masks, "measures") else of_masks
    if not isinstance(boxes, np.ndarray):
        raise ValueError(f"by={by!r} needs boxes or masks, got the IoU type {columns.shape.iou_type!r}: say by='area'")
    width, height = (np.ascontiguousarray(boxes[:, j], np.float64) for j in (2, 3))
    if by != "aspect":
        return width if by == "width" else height
    flat = np.where(width > 0, np.inf, 0.0)
    return np.divide(width, height, out=flat, where=height > 0)


def _ranges(edges: Any, sizes: F64) -> list[tuple[float, float]]:
    if isinstance(edges, (str, bytes)) or not isinstance(edges, Iterable):
        n = require_integer("edges", edges, 1, MOST_PARTS)
        found = np.unique(np.quantile(sizes, np.linspace(0, 1, n + 1))).tolist() if len(sizes) else []
        found = found * 2 if len(found) == 1 else found
    else:
        found = [_number(edge, i) for i, edge in enumerate(edges)]
        if len(found) < 2:
            raise ValueError(f"edges must hold at least two numbers, got {found}")
        for i, (low, high) in enumerate(itertools.pairwise(found)):
            if not low < high:
                raise ValueError(f"edges must increase, got edges[{i}] = {low:g}, edges[{i + 1}] = {high:g}")
    return list(itertools.pairwise(found))


def _number(edge: Any, i: int) -> float:
    try:
        return float(edge)
    except (TypeError, ValueError):
        raise TypeError(f"edges[{i}] must be a number, got {edge!r}") from None
