"""What is counted, and how: thresholds, area ranges, limits. One frozen object."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import InitVar, asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from .._records import record
from .summary import LVIS_ROWS, SummaryRow, keypoint_rows, rows_of

# numpy.linspace(.5, .95, 10) and numpy.linspace(0, 1, 101) to the last bit: i * step + start, the last one forced.
COCO_IOU_THRESHOLDS = (*(i * ((0.95 - 0.5) / 9) + 0.5 for i in range(9)), 0.95)
COCO_RECALL_THRESHOLDS = (*(i * 0.01 for i in range(100)), 1.0)
COCO_AREA_RANGES = ((0.0, 1e10), (0.0, 1024.0), (1024.0, 9216.0), (9216.0, 1e10))
COCO_AREA_NAMES = ("all", "small", "medium", "large")
HIGHEST_THRESHOLD = 1 - 1e-10
MAX_LIMITS = 254  # a limit's place goes into a byte


def _numbers(name: str, values: Iterable[Any]) -> tuple[float, ...]:
    try:
        items = list(values)
        if isinstance(values, (str, bytes)) or any(isinstance(item, (str, bytes)) for item in items):
            raise TypeError("text is not taken for numbers")
        return tuple(float(item) for item in items)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} must hold numbers, got {values!r}") from error


def _items(name: str, what: str, values: Any) -> list[Any]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ValueError(f"{name} must hold {what}, got {values!r}")
    return list(values)


@dataclass(frozen=True)
class Protocol:
    """How detections are matched and counted. The defaults are pycocotools' for boxes and masks.

    Args:
        iou_thresholds: T overlaps in [0, 1], at least one, in any order; axis T of the results.
        recall_thresholds: R recalls in [0, 1] at which precision is read; axis R.
        area_ranges: A pairs (lowest, highest), both included, in square pixels; axis A.
        area_names: one name per area range; "all" is the one that the summary's first rows use. No name may be that of
            another number of the summary ("50", "75", a limit).
        max_dets: M limits on the detections of one image and category, at least 1, all different, at most 254 of them;
            sorted here; axis M.
        use_cats: False puts everything into one category.
        summary: the rows of the summary, as SummaryRow; None: those of `evaluation.summary.rows_of`.
        federated: the rule of LVIS: the last limit holds for an image, over all categories, and only detections of
            categories that were looked for in their image count. It needs ground truth in LVIS' form.
        lenient: skip most checks of values (pycocotools accepts nearly any).

    Raises:
        ValueError: a value is out of range; the message names the argument, the index and the value.
    """

    iou_thresholds: tuple[float, ...] = COCO_IOU_THRESHOLDS
    recall_thresholds: tuple[float, ...] = COCO_RECALL_THRESHOLDS
    area_ranges: tuple[tuple[float, float], ...] = COCO_AREA_RANGES
    area_names: tuple[str, ...] = COCO_AREA_NAMES
    max_dets: tuple[int, ...] = (1, 10, 100)
    use_cats: bool = True
    summary: tuple[SummaryRow, ...] | None = None
    federated: bool = False
    lenient: InitVar[bool] = False

    def __post_init__(self, lenient: bool) -> None:
        def set_field(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        set_field("iou_thresholds", _numbers("iou_thresholds", self.iou_thresholds))
        set_field("recall_thresholds", _numbers("recall_thresholds", self.recall_thresholds))
        pairs = _items("area_ranges", "pairs", self.area_ranges)
        ranges = [_numbers(f"area_ranges[{i}]", pair) for i, pair in enumerate(pairs)]
        for i, pair in enumerate(ranges):
            if len(pair) != 2:
                raise ValueError(f"area_ranges[{i}] must be a pair (lowest, highest), got {pair}")
        set_field("area_ranges", tuple(ranges))
        set_field("area_names", tuple(str(name) for name in _items("area_names", "names", self.area_names)))
        limits = _numbers("max_dets", self.max_dets)
        for i, limit in enumerate(limits):
            if not math.isfinite(limit) or limit != int(limit) or abs(limit) >= 2**63:
                raise ValueError(f"max_dets[{i}] must be a whole number below 2**63, got {limit}")
            if limit < 1 and not lenient:
                raise ValueError(f"max_dets[{i}] must be at least 1, got {int(limit)}")
        set_field("max_dets", tuple(sorted(int(limit) for limit in limits)))
        if self.use_cats not in (True, False):
            raise ValueError(f"use_cats must be True or False, got {self.use_cats!r}")
        set_field("use_cats", bool(self.use_cats))
        if not self.iou_thresholds:
            raise ValueError("iou_thresholds (params.iouThrs) must not be empty")
        if len(self.max_dets) > MAX_LIMITS:
            raise ValueError(f"max_dets (params.maxDets) must hold at most {MAX_LIMITS} limits, got {len(limits)}")
        if len(self.area_names) != len(self.area_ranges):
            raise ValueError(f"area_names has {len(self.area_names)} names for {len(self.area_ranges)} area_ranges")
        if not isinstance(self.federated, bool):
            raise ValueError(f"federated must be True or False, got {self.federated!r}")
        if not lenient:
            self._check()

    def _check(self) -> None:
        for name in ("recall_thresholds", "area_ranges", "max_dets"):
            if not getattr(self, name):
                raise ValueError(f"{name} must not be empty")
        for name in ("iou_thresholds", "recall_thresholds"):
            for i, value in enumerate(getattr(self, name)):
                if not 0 <= value <= 1:
                    raise ValueError(f"{name}[{i}] must be in [0, 1], got {value}")
        for name, (low, high) in zip(self.area_names, self.area_ranges, strict=False):
            if not low <= high:
                raise ValueError(f"area_ranges[{name!r}] must rise from lowest to highest, got ({low}, {high})")
        if len(set(self.max_dets)) != len(self.max_dets):
            raise ValueError(f"max_dets must differ, got {self.max_dets}")
        for i, name in enumerate(self.area_names):
            if name in {"50", "75", *map(str, self.max_dets)}:
                raise ValueError(f"area_names[{i}] must not be {name!r}: another number of the summary has that name")
        if len(set(self.area_names)) != len(self.area_names):
            raise ValueError(f"area_names must differ, got {self.area_names}")

    @functools.cached_property
    def rows(self) -> tuple[SummaryRow, ...]:
        """The rows of the summary."""
        return rows_of(self.area_names, self.max_dets) if self.summary is None else self.summary

    @functools.cached_property
    def places(self) -> list[Place | None]:
        """Where each row of the summary reads."""
        return [place_of(row, self) for row in self.rows]

    @functools.cached_property
    def queries(self) -> Queries:
        """What kernels that give the means of the summary are asked for."""
        return queries_of(self.rows, self)

    @functools.cached_property
    def tables(self) -> Tables:
        """What the kernels read."""
        return tables(self)

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def with_areas(self, names: Sequence[str]) -> Protocol:
        """The same with some of its area ranges, in the order given, and the summary that goes with them."""
        ranges = tuple(self.area_ranges[self.area_names.index(name)] for name in names)
        return replace(self, area_ranges=ranges, area_names=tuple(names), summary=None, lenient=True)

    @property
    def whole_area(self) -> int:
        """The position of the area range "all"; of the first, where none has that name."""
        return self.area_names.index("all") if "all" in self.area_names else 0

    @property
    def main_iou(self) -> float:
        """The IoU threshold of all that holds at one of them: .5, or the first where there is no .5."""
        t = self.place_of_threshold(0.5)
        return self.iou_thresholds[0 if t is None else t]

    def place_of_threshold(self, iou: float) -> int | None:
        """Which of the IoU thresholds this is, up to the rounding of float32; None if it is none of them."""
        ious = self.iou_thresholds
        nearest = min(range(len(ious)), key=lambda t: abs(ious[t] - iou))
        return nearest if abs(ious[nearest] - iou) < 1e-6 else None

    def unknown_threshold(self, iou: float, hint: str = "") -> ValueError:
        """The error to raise where place_of_threshold finds none. hint: the end of its message."""
        own = tuple(round(x, 6) for x in self.iou_thresholds)
        return ValueError(f"iou must be one of the protocol's {own}, got {iou!r}{hint}")

    @property
    def limit(self) -> int:
        """The most detections of one image and category that any number counts."""
        return max((0, *self.max_dets))

    @property
    def n_bits(self) -> int:
        """The (area range, threshold) pairs; bit a * T + t of a detection's words belongs to pair (a, t)."""
        return len(self.area_ranges) * len(self.iou_thresholds)

    @property
    def n_words(self) -> int:
        """W: the 64-bit words that hold one bit per pair."""
        return max(1, -(-self.n_bits // 64))

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, for JSON."""
        return {name: value for name, value in asdict(self).items() if name != "summary" or value is not None}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Protocol:
        """The inverse of to_dict. Raises ValueError for names that this version does not know."""
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"protocol has unknown fields: {sorted(unknown)}")
        if values.get("summary") is not None:
            values = values | {"summary": tuple(SummaryRow.from_dict(row) for row in values["summary"])}
        return cls(**values, lenient=True)


# The positions of a summary's row: of the threshold on axis T (None: all), the area range on A, the limit on M.
Place = tuple["int | None", int, int]


def place_of(row: SummaryRow, protocol: Protocol) -> Place | None:
    """Where a row of the summary reads; None where the protocol lacks its threshold, area range or limit."""
    ious, names, limits = protocol.iou_thresholds, protocol.area_names, protocol.max_dets
    if (row.iou is not None and row.iou not in ious) or row.area not in names:
        return None
    if row.limit.value is not None:
        m = limits.index(row.limit.value) if row.limit.value in limits else len(limits)
    else:
        m = len(limits) - 1 if row.limit.index is None else row.limit.index
    if not 0 <= m < len(limits):
        return None
    return None if row.iou is None else ious.index(row.iou), names.index(row.area), m


# Which rows of a summary the protocol has; what kernels are asked for them, int64 (rows it has, 5), as replicate_means
# takes it; the groups of categories by the position that it names there, None: all categories.
Queries = tuple["list[int]", Any, "list[str | None]"]


def queries_of(rows: Sequence[SummaryRow], protocol: Protocol) -> Queries:
    """Rows of a summary as kernels are asked for them."""
    groups: list[str | None] = [None, *sorted({row.categories for row in rows if row.categories is not None})]
    known, queries = [], []
    for i, row in enumerate(rows):
        place = place_of(row, protocol)
        if place is not None:
            t, area, limit = place
            known.append(i)
            queries.append((row.metric == "recall", -1 if t is None else t, area, limit, groups.index(row.categories)))
    return known, np.array(queries, np.int64).reshape(-1, 5), groups


def _float32_steps(start: float, end: float, n: int) -> tuple[float, ...]:
    """torch.linspace(start, end, n): float32, from both ends to the middle, rounded once (fused multiply-add)."""
    low, high = float(np.float32(start)), float(np.float32(end))
    step = float(np.float32(high - low) / np.float32(n - 1))
    exact = [low + step * i if i < n // 2 else high - step * (n - 1 - i) for i in range(n)]
    return tuple(float(np.float32(value)) for value in exact)


PRESETS = {
    "coco": Protocol(),
    "lvis": Protocol(max_dets=(300,), summary=LVIS_ROWS, federated=True),
    "torchmetrics": Protocol(_float32_steps(0.5, 0.95, 10), _float32_steps(0.0, 1.0, 101)),
}
_KEYPOINT_AREAS = COCO_AREA_NAMES[:1] + COCO_AREA_NAMES[2:]
# What a preset's name means for some iou_types.
PRESETS_OF: dict[str, dict[str, Protocol]] = {
    "keypoints": {
        "coco": Protocol(
            area_ranges=COCO_AREA_RANGES[:1] + COCO_AREA_RANGES[2:], area_names=_KEYPOINT_AREAS, max_dets=(20,),
            summary=keypoint_rows(_KEYPOINT_AREAS),
        )
    },
    "keypoints_crowd": {
        "coco": Protocol(
            area_ranges=COCO_AREA_RANGES[:1], area_names=("all",), max_dets=(20,), summary=keypoint_rows(("all",))
        )
    },
}  # fmt: skip


def as_protocol(
    protocol: str | Protocol,
    max_dets: Iterable[int] | None = None,
    iou_thresholds: Iterable[float] | None = None,
    recall_thresholds: Iterable[float] | None = None,
    area_ranges: Mapping[str, tuple[float, float]] | None = None,
    iou_type: str = "bbox",
) -> Protocol:
    """A preset's name or a Protocol, with the fields that are given in place of its own.

    iou_type: what is compared: "coco" means other ranges and limits for keypoints.
    area_ranges: (lowest, highest) by name. Without a range named "all", the protocol's own goes first.

    Raises:
        TypeError: protocol is neither a name nor a Protocol; area_ranges is no mapping.
        ValueError: no preset has this name; or a value is refused, as Protocol does.
    """
    if not isinstance(protocol, (str, Protocol)):
        raise TypeError(f"protocol must be a name or a pymetrics.Protocol, got {type(protocol).__name__}")
    if isinstance(protocol, str) and protocol not in PRESETS:
        raise ValueError(f"protocol must be one of {sorted(PRESETS)}, got {protocol!r}")
    found = protocol if isinstance(protocol, Protocol) else (PRESETS | PRESETS_OF.get(iou_type, {}))[protocol]
    given: dict[str, Any] = {"max_dets": max_dets, "iou_thresholds": iou_thresholds}
    given = {
        name: value for name, value in (given | {"recall_thresholds": recall_thresholds}).items() if value is not None
    }
    if area_ranges is not None:
        if not isinstance(area_ranges, Mapping):
            raise TypeError(f"area_ranges must be a dict of (lowest, highest) by name, got {area_ranges!r}")
        ranges = dict(area_ranges)
        if "all" not in ranges:
            own = dict(zip(found.area_names, found.area_ranges, strict=True))
            ranges = {"all": own.get("all", COCO_AREA_RANGES[0]), **ranges}
        given |= {"area_names": tuple(ranges), "area_ranges": tuple(ranges.values())}
        if found.summary == keypoint_rows(found.area_names):
            given["summary"] = keypoint_rows(tuple(ranges))
    return replace(found, **given) if given else found


@record
class Tables:
    """A protocol as the small arrays that the kernels read; see `pymetrics.kernels.matching` for what they mean."""

    thresholds: np.ndarray[Any, Any]
    reached_bits: np.ndarray[Any, Any]
    area_ranges: np.ndarray[Any, Any]
    area_bits: np.ndarray[Any, Any]
    max_dets: np.ndarray[Any, Any]
    recall_thresholds: np.ndarray[Any, Any]


@functools.lru_cache(maxsize=64)
def tables(protocol: Protocol) -> Tables:
    """The arrays of a protocol. Thresholds are cut to 1 - 1e-10 (THRESHOLD_CAP) and sorted for the kernels' sake."""
    n_areas, n_thresholds, n_words = len(protocol.area_ranges), len(protocol.iou_thresholds), protocol.n_words
    capped = [min(threshold, HIGHEST_THRESHOLD) for threshold in protocol.iou_thresholds]
    by_value = np.array(sorted(range(n_thresholds), key=capped.__getitem__), np.int64)
    reached_bits = np.zeros((n_thresholds + 1, n_words), np.uint64)
    area_bits = np.zeros((n_areas, n_words), np.uint64)
    for a in range(n_areas):
        bits = a * n_thresholds + by_value
        words, values = bits // 64, np.uint64(1) << (bits % 64).astype(np.uint64)
        reached_bits[np.arange(1, n_thresholds + 1), words] |= values
        np.bitwise_or.at(area_bits[a], words, values)
    np.bitwise_or.accumulate(reached_bits, axis=0, out=reached_bits)
    return Tables(
        thresholds=np.array([capped[t] for t in by_value], np.float64),
        reached_bits=reached_bits,
        area_ranges=np.array(protocol.area_ranges, np.float64).reshape(n_areas, 2),
        area_bits=area_bits,
        max_dets=np.array(protocol.max_dets, np.int64),
        recall_thresholds=np.array(protocol.recall_thresholds, np.float64),
    )
