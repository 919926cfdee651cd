"""faster-coco-eval's summary: every limit, every area range, recalls at 0.5 and 0.75, groups of LVIS; and its names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .params import Params

LINE = " {:<18} {} @[ IoU={:<9} | area={:>6s} | maxDets={:>3d} {}] = {:0.3f}"
LVIS_GROUPS = ("r", "c", "f")  # rare, common, frequent
DEFAULT_LIMITS = [1, 10, 100]
AT = (0.5, 0.75)  # thresholds that have numbers of their own


class Summary:
    """Numbers and lines of what was accumulated.

    groups: for LVIS the places on axis K of rare, common and frequent categories; else None. say: gets each line.
    """

    def __init__(
        self, accumulated: dict[str, Any], p: Params, groups: Sequence[list[int]] | None, say: Callable[[str], Any]
    ) -> None:
        self._accumulated, self._p, self._groups, self._say = accumulated, p, groups, say

    def mean(
        self,
        metric: str,
        iou: float | None = None,
        area: str = "all",
        limit: int | None = None,
        group: int | None = None,
    ) -> float:
        """The mean of one line, -1 where there is nothing to average.

        Raises:
            ValueError: params have no such area range or limit.
        """
        p = self._p
        limit = p.maxDets[-1] if limit is None else limit
        values = self._accumulated[metric]
        if iou is not None:
            values = values[np.flatnonzero(np.asarray(p.iouThrs) == iou)]
        values = values[..., p.areaRngLbl.index(area), p.maxDets.index(limit)]
        if group is not None:
            assert self._groups is not None
            values = values[..., self._groups[group]]
        values = values[values > -1]
        mean = float(np.mean(values)) if len(values) else -1.0
        name = "" if self._groups is None else f"catIds={'all' if group is None else LVIS_GROUPS[group]:>3s}"
        title = ("Average Precision", "(AP)") if metric == "precision" else ("Average Recall", "(AR)")
        span = f"{p.iouThrs[0]:0.2f}:{p.iouThrs[-1]:0.2f}" if iou is None else f"{iou:0.2f}"
        self._say(LINE.format(*title, span, area, limit, name, mean))
        return mean

    def of_detections(self) -> Any:
        """AP: all, 0.5, 0.75, each area; AR: each limit, each area, 0.5, 0.75; for LVIS AP of each group. float64."""
        areas, limits = self._p.areaRngLbl[1:], self._p.maxDets
        ap = [self.mean("precision", iou) for iou in (None, *AT)]
        ap += [self.mean("precision", area=area) for area in areas]
        of_groups = [self.mean("precision", group=group) for group in range(len(self._groups or ()))]
        ar = [self.mean("recall", limit=limit) for limit in limits]
        if self._groups is not None:
            ar += [0.0] * (3 - len(limits))  # LVIS has three places, whatever the limits are
        ar += [self.mean("recall", area=area) for area in areas]
        ar += [self.mean("recall", iou) for iou in AT]
        return np.array([*ap, *ar, *of_groups])

    def of_keypoints(self) -> Any:
        """AP, then AR: all, 0.5, 0.75, medium, large. float64."""
        wanted: list[tuple[float | None, str]] = [(None, "all"), *((iou, "all") for iou in AT)]
        wanted += [(None, "medium"), (None, "large")]
        return np.array([self.mean(metric, *row) for metric in ("precision", "recall") for row in wanted])


def names_of_stats(p: Params, is_lvis: bool) -> list[str]:
    """The names of the numbers of the summary, in their order."""
    if p.iouType == "keypoints":
        return [f"{kind}_{name}" for kind in ("AP", "AR") for name in ("all", "50", "75", "medium", "large")]
    areas = [label for label in p.areaRngLbl if label != "all"]
    if is_lvis:
        limits = ["AR_all", "AR_second", "AR_third", *(f"AR_{limit}" for limit in p.maxDets[3:])]
    elif p.maxDets == DEFAULT_LIMITS:
        limits = ["AR_all", "AR_second", "AR_third"]
    else:
        limits = [f"AR_{limit}" for limit in p.maxDets]
    names = ["AP_all", "AP_50", "AP_75", *(f"AP_{area}" for area in areas), *limits]
    names += [*(f"AR_{area}" for area in areas), "AR_50", "AR_75"]
    return names + [f"AP{group}" for group in LVIS_GROUPS] if is_lvis else names


def n_stats(p: Params, is_lvis: bool) -> int:
    """How many of all numbers `stats` has."""
    if p.iouType == "keypoints":
        return 12
    n_limits = max(len(p.maxDets), 3) if is_lvis else len(p.maxDets)
    return 3 + 2 * (len(p.areaRngLbl) - 1) + n_limits
