"""Rules: how a tool comes from boxes to one number, as one frozen value with a field for each rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any

from ..evaluation.protocol import COCO_IOU_THRESHOLDS, COCO_RECALL_THRESHOLDS, PRESETS
from ..formats.boxes import LAYOUTS
from .voc import RECALLS as VOC_RECALLS

OF_PRESET: Any = "(as the preset)"  # stands where a field is not given
MOST_DECIMALS = 15
CATEGORY_MAPS = ("one", "add_1", "subtract_1", "from_0", "from_1")
CHOICES: dict[str, tuple[Any, ...]] = {
    "overlap": ("float64", "float32", "corners", "inclusive"),
    "area": ("given", "given_float32", "box", "unread"),
    "score_type": ("float64", "float32"),
    "max_dets_per": ("category", "image"),
    "crowd": ("absorb", "ignore", "left_out", "count"),
    "ignore": ("absorb", "left_out", "count"),
    "annotation_ids": ("read", "unread"),
    "matching": ("free_last", "free_first", "pointing", "pointing_last"),
    "interpolation": ("coco", "ultralytics", "supervision", "voc"),
    "empty_categories": ("left_out", "zero"),
    "mean": ("macro", "micro"),
}


@dataclass(frozen=True)
class Rules:
    """The rules of a tool. Fields that are not given are those of the preset `name`.

    Rules("coco", confidence=0.25) is COCO's rule for detections above a score of 0.25.

    name: "coco", "torchmetrics", "ultralytics" (8.4.190), "supervision" (0.31.2), "voc2007", "voc2010".

    The data:

    images: "all", those of the evaluation; "with_ground_truth", those with an annotation; "with_detections", those with
        a detection, as where the image ids come from the detections; or the ids of images.
    category_map: None; "one", all categories are one (with "free_last" rows of lower categories come before others of
        equal score or overlap, as in pycocotools); {category: category} by ids or names, of both sides, as `class_map`;
        or of the detections alone: "add_1", "subtract_1", to or from their labels; "from_0", 0 to K - 1 are the sorted
        ids of the ground truth; "from_1", 1 to K are.

    The boxes:

    dt_layout: None, the four numbers of a detection are what its source says; or they are read as "xyxy", "xywh",
        "cxcywh".
    dt_decimals: None; or to how many decimals x, y, width and height of the detections are rounded, 0: whole pixels.
    overlap: "float64", pycocotools'; "float32", Ultralytics', with 1e-7 in the denominator; "corners", supervision's,
        by the sizes between the corners; "inclusive", VOC's: boxes are a pixel wider and higher.
    area: "given", that of the annotation where it has one, else width times height; "given_float32", the same, rounded
        where it is given; "box", width times height; "unread", areas play no part, and there is no `map_small`.

    The detections:

    score_type: "float64" or "float32", in which scores are compared.
    confidence: None; or detections count above this score.
    max_dets: None; or the most detections, those of the highest scores.
    max_dets_per: of what they are the most: "category" (of an image), or "image" (of all its categories).

    Matching:

    iou_thresholds: a detection is right from this overlap on; in [0, 1], at least one.
    crowd: what a crowd does. "absorb": it does not count, any number of detections may take it, and their overlap is by
        their own area; "ignore": it is as a ground truth to be ignored; "left_out": it is not there; "count": it is an
        object like others.
    ignore: what a ground truth to be ignored does. "absorb": it does not count, and one detection may take it (with
        "pointing" any number); "left_out", "count".
    annotation_ids: "read": a ground truth of id 0 counts as not found, and a detection of an id below 1 leaves its
        ground truth to others, as pycocotools mistakes them; "unread".
    matching: by falling score, at each threshold by itself. "free_last": a detection takes the free ground truth with
        the highest overlap, of equals the last; "free_first": of equals the first; "pointing": the one with the highest
        overlap, taken or not, of equals the first: if it is taken, the detection is wrong; "pointing_last": of equals
        the last, as Ultralytics up to 8.4.140 matches.

    The number:

    interpolation: "coco", the mean of the highest precisions at recalls of at least `recall_thresholds`, precision as
        TP / (TP + FP + 2.2e-16); "supervision", the same, kept in float32; "ultralytics", trapezoids under the falling
        envelope, read between points in a line at `recall_thresholds`; "voc", as "coco" with TP / (TP + FP), or,
        without recall_thresholds, the area under it.
    recall_thresholds: in [0, 1]; none with "voc" alone.
    empty_categories: those with detections and without ground truth: "left_out" of the mean, or "zero".
    mean: "macro", over the categories; "micro", all detections are one ranking.

    Raises:
        TypeError: name is no text; a field is of another type.
        ValueError: there is no such preset; a value is none of these.
    """

    name: str = "coco"
    images: str | tuple[Any, ...] = OF_PRESET
    category_map: str | tuple[tuple[Any, Any], ...] | None = OF_PRESET
    dt_layout: str | None = OF_PRESET
    dt_decimals: int | None = OF_PRESET
    overlap: str = OF_PRESET
    area: str = OF_PRESET
    score_type: str = OF_PRESET
    confidence: float | None = OF_PRESET
    max_dets: int | None = OF_PRESET
    max_dets_per: str = OF_PRESET
    iou_thresholds: tuple[float, ...] = OF_PRESET
    crowd: str = OF_PRESET
    ignore: str = OF_PRESET
    annotation_ids: str = OF_PRESET
    matching: str = OF_PRESET
    interpolation: str = OF_PRESET
    recall_thresholds: tuple[float, ...] = OF_PRESET
    empty_categories: str = OF_PRESET
    mean: str = OF_PRESET

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"name must be one of {', '.join(PRESET_RULES)}; got {self.name!r}")
        if self.name not in PRESET_RULES:
            raise ValueError(f"name must be one of {', '.join(PRESET_RULES)}; got {self.name!r}")
        preset = PRESET_RULES["coco"] | PRESET_RULES[self.name]
        for name in RULES:
            value = getattr(self, name)
            found = preset[name] if value is OF_PRESET else _checked(name, value)
            object.__setattr__(self, name, found)
        if not self.recall_thresholds and self.interpolation != "voc":
            raise ValueError(f"recall_thresholds must not be empty with interpolation={self.interpolation!r}")

    def changed(self) -> dict[str, Any]:
        """The fields that are not the preset's."""
        preset = PRESET_RULES["coco"] | PRESET_RULES[self.name]
        return {name: getattr(self, name) for name in RULES if getattr(self, name) != preset[name]}

    def __str__(self) -> str:
        changed = ", ".join(f"{name} {in_words(name, value)}" for name, value in self.changed().items())
        return f"{self.name} with {changed}" if changed else self.name


RULES = tuple(field.name for field in fields(Rules) if field.name != "name")  # in the order of explain_difference

_TORCHMETRICS = PRESETS["torchmetrics"]
_VOC = {
    "annotation_ids": "unread",
    "overlap": "inclusive", "area": "unread", "max_dets": None, "iou_thresholds": (0.5,), "crowd": "ignore",
    "matching": "pointing", "interpolation": "voc",
}  # fmt: skip
# What differs from "coco".
PRESET_RULES: dict[str, dict[str, Any]] = {
    "coco": {
        "images": "all", "category_map": None, "dt_layout": None, "dt_decimals": None, "overlap": "float64",
        "area": "given", "score_type": "float64", "confidence": None, "max_dets": 100, "max_dets_per": "category",
        "iou_thresholds": COCO_IOU_THRESHOLDS, "crowd": "absorb", "ignore": "absorb", "annotation_ids": "read",
        "matching": "free_last",
        "interpolation": "coco", "recall_thresholds": COCO_RECALL_THRESHOLDS, "empty_categories": "left_out",
        "mean": "macro",
    },
    "torchmetrics": {
        "iou_thresholds": _TORCHMETRICS.iou_thresholds, "recall_thresholds": _TORCHMETRICS.recall_thresholds,
    },
    "ultralytics": {
        "overlap": "float32", "area": "unread", "score_type": "float32", "confidence": 0.001, "max_dets": 300,
        "max_dets_per": "image", "iou_thresholds": _TORCHMETRICS.iou_thresholds, "crowd": "left_out",
        "ignore": "left_out", "annotation_ids": "unread", "matching": "free_first", "interpolation": "ultralytics",
    },
    "supervision": {
        "overlap": "corners", "area": "given_float32", "annotation_ids": "unread", "interpolation": "supervision",
    },
    **{
        f"voc{year}": _VOC | {"recall_thresholds": tuple(recalls.tolist())} for year, recalls in VOC_RECALLS.items()
    },
}  # fmt: skip


def as_rules(name: str, value: Any) -> Rules:
    """A Rules, or the preset of a name. Raises TypeError or ValueError, in which the argument is `name`."""
    if isinstance(value, Rules):
        return value
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a name or pymetrics.analysis.Rules, got {type(value).__name__}")
    if value not in PRESET_RULES:
        raise ValueError(f"{name} must be one of {', '.join(PRESET_RULES)}; got {value!r}")
    return Rules(value)


def in_words(rule: str, value: Any) -> str:
    """A value of a rule, short."""
    if isinstance(value, tuple):
        return _tuple_in_words(rule, value)
    if isinstance(value, float):
        return f"{value:g}"
    if value is None:
        return {"dt_layout": "as given", "max_dets": "all", "confidence": "all"}.get(rule, "none")
    return str(value).replace("_", " ")


def _tuple_in_words(rule: str, values: tuple[Any, ...]) -> str:
    if rule in ("images", "category_map"):
        return f"{len(values)} {'images' if rule == 'images' else 'entries'}"
    if not values:
        return "all points"
    if values in (COCO_IOU_THRESHOLDS, COCO_RECALL_THRESHOLDS):
        return f"{len(values)} in float64"
    if values in (_TORCHMETRICS.iou_thresholds, _TORCHMETRICS.recall_thresholds):
        return f"{len(values)} in float32"
    return f"{values[0]:g}" if len(values) == 1 else f"{min(values):g} to {max(values):g}, {len(values)}"


def _checked(rule: str, value: Any) -> Any:
    if rule in CHOICES:
        if not isinstance(value, str) or value not in CHOICES[rule]:
            raise ValueError(f"{rule} must be one of {', '.join(CHOICES[rule])}; got {value!r}")
        return value
    return _CHECKS[rule](value)


def _images(value: Any) -> Any:
    names = ("all", "with_ground_truth", "with_detections")
    if isinstance(value, str) or not isinstance(value, Iterable):
        if value not in names:
            raise ValueError(f"images must be one of {', '.join(names)}, or ids of images; got {value!r}")
        return value
    ids = tuple(id.item() if hasattr(id, "item") else id for id in value)
    for i, id in enumerate(ids):
        if isinstance(id, bool) or not isinstance(id, (int, str)):
            raise TypeError(f"images[{i}] must be the id of an image, got {id!r}")
    return ids


def _category_map(value: Any) -> Any:
    if value is None or (isinstance(value, str) and value in CATEGORY_MAPS):
        return value
    pairs = tuple(value.items()) if isinstance(value, Mapping) else value
    if not isinstance(pairs, tuple) or not all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
        raise ValueError(f"category_map must be None, a dict, or one of {', '.join(CATEGORY_MAPS)}; got {value!r}")
    return pairs


def _dt_layout(value: Any) -> Any:
    if value is not None and (not isinstance(value, str) or value not in LAYOUTS["bbox"]):
        raise ValueError(f"dt_layout must be None or one of {', '.join(LAYOUTS['bbox'])}; got {value!r}")
    return value


def _integer(rule: str, low: int, high: int) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise TypeError(f"{rule} must be None or an integer, got {value!r}")
        if not low <= int(value) <= high:
            raise ValueError(f"{rule} must be None or an integer in [{low}, {high}], got {value!r}")
        return int(value)

    return check


def _confidence(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise ValueError(f"confidence must be None or a number, got {value!r}")
    return float(value)


def _thresholds(rule: str, least: int) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
            raise TypeError(f"{rule} must hold numbers in [0, 1], got {value!r}")
        values = tuple(value)
        for i, item in enumerate(values):
            is_number = isinstance(item, Real) and not isinstance(item, bool)
            if not is_number or not 0 <= item <= 1:
                raise ValueError(f"{rule}[{i}] must be in [0, 1], got {item!r}")
        if len(values) < least:
            raise ValueError(f"{rule} must not be empty")
        return tuple(map(float, values))

    return check


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "images": _images,
    "category_map": _category_map,
    "dt_layout": _dt_layout,
    "dt_decimals": _integer("dt_decimals", 0, MOST_DECIMALS),
    "confidence": _confidence,
    "max_dets": _integer("max_dets", 1, 2**31 - 1),
    "iou_thresholds": _thresholds("iou_thresholds", 1),
    "recall_thresholds": _thresholds("recall_thresholds", 0),
}
