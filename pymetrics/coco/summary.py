"""pycocotools' summary of what COCOeval accumulated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..evaluation.summary import COCO_ROWS, KEYPOINT_ROWS
from .params import Params


def summary_of(accumulated: dict[str, Any], p: Params, say: Callable[[str], Any]) -> Any:
    """The means of each line, float64; `say` gets the lines one by one. -1 where there is nothing to average.

    They are numpy's own means, as pycocotools computes them, so that both follow the numpy that is installed.

    Raises:
        IndexError: maxDets has fewer than three limits; the first line is said before.
    """
    rows = KEYPOINT_ROWS if p.iouType == "keypoints" else COCO_ROWS
    stats = np.zeros(len(rows))
    for i, row in enumerate(rows):
        try:
            limit = row.limit.of(p.maxDets)
        except IndexError:
            raise IndexError(f"params.maxDets must have three limits for the summary, got {p.maxDets}") from None
        values = accumulated[row.metric]
        if row.iou is not None:
            values = values[np.flatnonzero(np.asarray(p.iouThrs) == row.iou)]  # THRESHOLD_LIST
        areas = [a for a, name in enumerate(p.areaRngLbl) if name == row.area]
        limits = [m for m, value in enumerate(p.maxDets) if value == limit]
        values = values[..., areas, limits]
        values = values[values > -1]
        stats[i] = np.mean(values) if len(values) else -1
        say(row.line(p.iouThrs, p.maxDets, f"{stats[i]:0.3f}"))
    return stats


def names_of_stats(p: Params) -> list[str]:
    """What faster-coco-eval calls the numbers of the summary, in its `stats_as_dict`."""
    if p.iouType == "keypoints":
        return [f"{kind}_{name}" for kind in ("AP", "AR") for name in ("all", "50", "75", "medium", "large")]
    areas = ("small", "medium", "large")
    names = ["AP_all", "AP_50", "AP_75", *(f"AP_{area}" for area in areas), "AR_all", "AR_second", "AR_third"]
    return [*names, *(f"AR_{area}" for area in areas)]
