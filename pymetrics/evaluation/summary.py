"""The rows of a summary, as data: what print(result), .stats, torchmetrics' names and COCOeval's lines read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from .._records import value_record

LINE = " {:<18} {} @[ IoU={:<9} | area={:>6s} | maxDets={:>3d} ] = {}"
Metric = Literal["precision", "recall"]
TITLES: dict[Metric, tuple[str, str]] = {
    "precision": ("Average Precision", "(AP)"),
    "recall": ("Average Recall", "(AR)"),
}
UNDEFINED = -1.0  # a mean over nothing: no ground truth there, or a threshold that the protocol lacks
COCO_AREA_KEYS = {"small": "s", "medium": "m", "large": "l"}


@value_record
class Limit:
    """Which of the protocol's limits on detections a row reads: the one of this value, the one at this index, the last.

    A value that the protocol lacks makes the row undefined.
    """

    value: int | None = None
    index: int | None = None

    def of(self, max_dets: Sequence[int]) -> int:
        """The limit's value. Raises IndexError where the index is beyond the last limit."""
        if self.value is not None:
            return self.value
        return max_dets[-1 if self.index is None else self.index]


@value_record
class SummaryRow:
    """One number of a summary: the mean of a part of precision (T, R, K, A, M) or of recall (T, K, A, M).

    key, coco_key: torchmetrics' name for it, and the short one that goes with COCO ("map_50", "AP50").
    iou: a threshold; None: all. A threshold that the protocol lacks makes the row undefined.
    area: the name of an area range.
    categories: the name of a group of categories, of which the data says the members; None: all categories.
    """

    key: str
    coco_key: str
    metric: Metric
    iou: float | None = None
    area: str = "all"
    limit: Limit = Limit()
    categories: str | None = None

    def line(self, iou_thresholds: Sequence[float], max_dets: Sequence[int], value: str) -> str:
        """The row as pycocotools prints it."""
        span = f"{iou_thresholds[0]:0.2f}:{iou_thresholds[-1]:0.2f}"
        iou = span if self.iou is None else f"{self.iou:0.2f}"
        line = LINE if self.categories is None else LINE.replace(" ] =", f" catIds={self.categories:>3s}] =")
        return line.format(*TITLES[self.metric], iou, self.area, self.limit.of(max_dets), value)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SummaryRow:
        """The inverse of dataclasses.asdict."""
        return cls(**(values | {"limit": Limit(**values["limit"])}))


def rows_of(
    area_names: Sequence[str], max_dets: Sequence[int], first_limit: Limit | None = None
) -> tuple[SummaryRow, ...]:
    """The summary of area ranges and limits, in pycocotools' order: its twelve rows for four ranges and three limits.

    AP over all thresholds, AP at .50 and .75, AP per further area range, AR per limit, AR per further area range. The
    range named "all" (the first, where there is none) serves the rows without an area; AP and the rows per area use
    the last limit.

    first_limit: the limit of the first row, in place of the last one.
    """
    whole = "all" if "all" in area_names or not area_names else area_names[0]
    further = [(name, COCO_AREA_KEYS.get(name, f"_{name}")) for name in area_names if name != whole]
    return (
        SummaryRow("map", "AP", "precision", None, whole, first_limit or Limit()),
        SummaryRow("map_50", "AP50", "precision", 0.5, whole),
        SummaryRow("map_75", "AP75", "precision", 0.75, whole),
        *(SummaryRow(f"map_{name}", f"AP{short}", "precision", None, name) for name, short in further),
        *(
            SummaryRow(f"mar_{limit}", f"AR{limit}", "recall", None, whole, Limit(index=m))
            for m, limit in enumerate(max_dets)
        ),
        *(SummaryRow(f"mar_{name}", f"AR{short}", "recall", None, name) for name, short in further),
    )


# pycocotools' twelve rows, which read the third limit, but the first row the limit of value 100 (MAX_DETS_100).
_THIRD = Limit(index=2)
COCO_ROWS = (
    SummaryRow("map", "AP", "precision", limit=Limit(value=100)),
    SummaryRow("map_50", "AP50", "precision", 0.5, limit=_THIRD),
    SummaryRow("map_75", "AP75", "precision", 0.75, limit=_THIRD),
    *(
        SummaryRow(f"map_{name}", f"AP{short}", "precision", None, name, _THIRD)
        for name, short in COCO_AREA_KEYS.items()
    ),
    *(SummaryRow(f"mar_{m}", f"AR{m}", "recall", limit=Limit(index=m)) for m in range(3)),
    *(SummaryRow(f"mar_{name}", f"AR{short}", "recall", None, name, _THIRD) for name, short in COCO_AREA_KEYS.items()),
)
_KEYPOINT_METRICS: tuple[tuple[str, str, Metric], ...] = (("map", "AP", "precision"), ("mar", "AR", "recall"))


def keypoint_rows(area_names: Sequence[str], limit: Limit | None = None) -> tuple[SummaryRow, ...]:
    """The summary of keypoints, in pycocotools' order: AP over all thresholds, at .50 and .75 and per further area
    range, then AR the same; all at one limit, the last where none is given.
    """
    further = [(name, COCO_AREA_KEYS.get(name, f"_{name}")) for name in area_names if name != "all"]
    return tuple(
        SummaryRow(f"{key}{suffix}", f"{coco_key}{coco_suffix}", metric, iou, area, limit or Limit())
        for key, coco_key, metric in _KEYPOINT_METRICS
        for suffix, coco_suffix, iou, area in (
            ("", "", None, "all"), ("_50", "50", 0.5, "all"), ("_75", "75", 0.75, "all"),
            *((f"_{name}", short, None, name) for name, short in further),
        )
    )  # fmt: skip


# pycocotools' ten rows of keypoints, which read the limit of value 20.
KEYPOINT_ROWS = keypoint_rows(("all", "medium", "large"), Limit(value=20))

# lvis-api's thirteen rows, at the last limit. Groups of categories: r, c, f.
LVIS_ROWS = (
    *(
        SummaryRow(f"map{end}", f"AP{end[1:]}", "precision", iou)
        for end, iou in (("", None), ("_50", 0.5), ("_75", 0.75))
    ),
    *(SummaryRow(f"map_{name}", f"AP{short}", "precision", None, name) for name, short in COCO_AREA_KEYS.items()),
    *(
        SummaryRow(f"map_{name}", f"AP{name[0]}", "precision", categories=name[0])
        for name in ("rare", "common", "frequent")
    ),
    SummaryRow("mar_300", "AR@300", "recall"),
    *(SummaryRow(f"mar_{name}", f"AR{short}@300", "recall", None, name) for name, short in COCO_AREA_KEYS.items()),
)
