"""pycocotools' summary: which means stand in which line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .params import Params

LINE = " {:<18} {} @[ IoU={:<9} | area={:>6s} | maxDets={:>3d} ] = {:0.3f}"
AP, AR = ("Average Precision", "(AP)"), ("Average Recall", "(AR)")
SECOND, THIRD = 1, 2  # places in maxDets

# Title, IoU threshold (None: all), area range, and the limit: a place in maxDets, or a number after "=".
BOX_ROWS: list[tuple[tuple[str, str], float | None, str, int | str]] = [
    (AP, None, "all", "=100"),  # MAX_DETS_100
    (AP, 0.5, "all", THIRD),
    (AP, 0.75, "all", THIRD),
    (AP, None, "small", THIRD),
    (AP, None, "medium", THIRD),
    (AP, None, "large", THIRD),
    (AR, None, "all", 0),
    (AR, None, "all", SECOND),
    (AR, None, "all", THIRD),
    (AR, None, "small", THIRD),
    (AR, None, "medium", THIRD),
    (AR, None, "large", THIRD),
]
KEYPOINT_ROWS: list[tuple[tuple[str, str], float | None, str, int | str]] = [
    (title, iou, area, "=20")
    for title in (AP, AR)
    for iou, area in ((None, "all"), (0.5, "all"), (0.75, "all"), (None, "medium"), (None, "large"))
]


def summary_of(accumulated: dict[str, Any], p: Params, say: Callable[[str], Any]) -> Any:
    """The means of each line, float64; `say` gets the lines one by one. -1 where there is nothing to average.

    Raises:
        IndexError: maxDets has fewer than three limits; the first line is said before.
    """
    rows = KEYPOINT_ROWS if p.iouType == "keypoints" else BOX_ROWS
    stats = np.zeros(len(rows))
    for i, (title, iou, area, place) in enumerate(rows):
        if isinstance(place, str):
            limit = int(place[1:])
        elif place < len(p.maxDets):
            limit = p.maxDets[place]
        else:
            raise IndexError(f"params.maxDets must have three limits for the summary, got {p.maxDets}")
        values = accumulated["precision" if title is AP else "recall"]
        if iou is not None:
            values = values[np.flatnonzero(np.asarray(p.iouThrs) == iou)]  # THRESHOLD_LIST
        areas = [a for a, name in enumerate(p.areaRngLbl) if name == area]
        limits = [m for m, value in enumerate(p.maxDets) if value == limit]
        values = values[..., areas, limits]
        values = values[values > -1]
        stats[i] = np.mean(values) if len(values) else -1
        ious = f"{p.iouThrs[0]:0.2f}:{p.iouThrs[-1]:0.2f}" if iou is None else f"{iou:0.2f}"
        say(LINE.format(*title, ious, area, limit, stats[i]))
    return stats
