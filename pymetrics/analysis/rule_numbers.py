"""The number that a tool with given rules gives for some boxes."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from .._records import record
from ..evaluation import stages
from ..evaluation.build_columns import build_columns
from ..evaluation.cells import Cells, group
from ..evaluation.class_map import rename_categories
from ..evaluation.columns import CROWD, ID_ZERO, IGNORE, Columns, Side
from ..evaluation.data_warnings import warn_of_misuse
from ..evaluation.outcomes import Outcomes
from ..evaluation.protocol import COCO_AREA_NAMES, COCO_AREA_RANGES, Protocol
from ..evaluation.shapes.boxes import Boxes
from ..formats.boxes import BoxFormat
from ..formats.ids import joined_ids
from ..formats.ranges import sums_of_ranges
from ..formats.source import Source
from .rule_means import bits_of, mean_by_rules, words_of
from .rule_overlaps import RuleBoxes, best_ground_truths
from .rules import RULES, Rules
from .supervision import rounded_area

METRICS = ("map", "map_50", "map_75", *(f"map_{name}" for name in COCO_AREA_NAMES[1:]))
OUT, WRONG, RIGHT = 0, 1, 2  # states of a detection
STATES = ("not counted", "false positive", "true positive")
# Rules that the matching does not read.
OF_THE_MEAN = ("interpolation", "recall_thresholds", "empty_categories", "mean")
ANY_AREA = (-np.inf, np.inf)


@record
class Number:
    """What rules give. value: the number, 0 where it is undefined. is_defined: there is ground truth that counts.

    states: uint8 (N,), of each detection of the source: OUT, it does not count; WRONG or RIGHT, at the threshold
        nearest to .5.
    """

    value: float
    is_defined: bool
    states: Any


class RuleNumbers:
    """Numbers of one pair of sources by rules; what several rule sets share is computed once."""

    def __init__(self, gt: Source, dt: Source, metric: str, image_sizes: Any = None) -> None:
        self.gt, self.dt, self.metric, self.image_sizes = gt.on_host(), dt.on_host(), metric, image_sizes
        self._columns: dict[Any, Columns] = {}
        self._numbers: dict[Any, Number] = {}
        self._kept: tuple[Any, Any] = (None, None)

    def number(self, rules: Rules) -> Number:
        """The number of rules. Raises ValueError where they do not have this metric."""
        key = tuple(getattr(rules, name) for name in RULES)
        if key not in self._numbers:
            kept, matched = self._kept
            self._numbers[key] = self._mean(rules, *(matched if _matching(rules) == kept else self._match(rules)))
        return self._numbers[key]

    def keep(self, rules: Rules) -> None:
        """Keep the matching of these rules, and of no others, for numbers with another mean."""
        if self._kept[0] != _matching(rules):
            self._kept = _matching(rules), self._match(rules)

    def threshold(self, rules: Rules) -> int | None:
        """Which of the IoU thresholds the metric reads; None: all. Raises ValueError where it is not there."""
        wanted = {"map_50": 0.5, "map_75": 0.75}.get(self.metric)
        if wanted is None:
            return None
        for t, iou in enumerate(rules.iou_thresholds):
            if abs(iou - wanted) < 1e-6:
                return t
        raise ValueError(f"{rules} has no IoU threshold {wanted:g}, which {self.metric} reads")

    def area_range(self, rules: Rules) -> tuple[float, float]:
        """Lowest and highest area. Raises ValueError where the rules read none."""
        name = self.metric.removeprefix("map_")
        if rules.area == "unread" and name in COCO_AREA_NAMES:
            raise ValueError(f"{rules} has no {self.metric}: it reads no areas")
        named = dict(zip(COCO_AREA_NAMES, COCO_AREA_RANGES, strict=True))
        return ANY_AREA if rules.area == "unread" else named.get(name, named["all"])

    def _read(self, rules: Rules) -> Columns:
        """Columns of the data with other categories and another layout."""
        key = rules.category_map, rules.dt_layout
        if key not in self._columns:
            with warnings.catch_warnings():
                if self._columns:  # they were given for the first
                    warnings.simplefilter("ignore")
                gt, dt = self.gt, self.dt
                if rules.dt_layout is not None:
                    dt = dt.with_shape(replace(dt.shape, format=BoxFormat(rules.dt_layout, dt.shape.format.normalized)))
                if isinstance(rules.category_map, tuple):
                    gt, dt = rename_categories(gt, dt, dict(rules.category_map))
                elif rules.category_map not in (None, "one"):
                    dt = relabelled(gt, dt, rules.category_map)
                self._columns[key] = build_columns(
                    gt, dt, Boxes(), use_cats=rules.category_map != "one", image_sizes=self.image_sizes
                )
                if len(self._columns) == 1:
                    warn_of_misuse(gt, dt, self._columns[key], {"layout", "sizes"})  # data_checks looks at these
        return self._columns[key]

    def _prepared(self, rules: Rules) -> Columns:
        """Columns in which what does not count has a negative category."""
        columns = self._read(rules)
        gt, dt, none = columns.gt, columns.dt, np.int32(-1)
        if rules.matching != "free_last":
            gt, dt = _as_given(gt), _as_given(dt)
        if rules.annotation_ids == "unread":
            gt, dt = replace(gt, flags=gt.flags & np.uint8(CROWD | IGNORE)), replace(dt, flags=dt.flags[:0])
        is_in = _images_in(columns, rules.images)
        boxes = dt.shape if rules.dt_decimals is None else np.round(dt.shape, rules.dt_decimals)
        scores = dt.scores.astype(rules.score_type)
        counts = is_in[dt.image] & (dt.image >= 0)
        if rules.confidence is not None:
            counts &= scores > scores.dtype.type(rules.confidence)
        flags, keep = gt.flags, is_in[gt.image] & (gt.image >= 0)
        for rule, flag in ((rules.ignore, IGNORE), (rules.crowd, CROWD)):
            is_set = flags & flag != 0
            if rule == "left_out":
                keep &= ~is_set
            elif rule == "count":
                flags = flags & np.uint8(255 - flag)
            elif rule == "ignore":
                flags = np.where(is_set, flags & np.uint8(255 - flag) | np.uint8(IGNORE), flags)
        area, dt_area = gt.area, dt.area if rules.dt_decimals is None else dt.area[:0]
        if rules.area == "given_float32":
            area, dt_area = rounded_area(gt, columns), rounded_area(dt, columns) if len(dt_area) else dt_area
        elif rules.area != "given":
            area, dt_area = columns.shape.area(gt.shape), dt.area[:0]
        return replace(
            columns,
            shape=Boxes() if rules.overlap == "float64" else RuleBoxes(rules.overlap),
            gt=replace(gt, category=np.where(keep, gt.category, none), flags=flags, area=area),
            dt=replace(
                dt, category=np.where(counts, dt.category, none), shape=boxes, scores=scores.astype(np.float64),
                area=dt_area,
            ),
        )  # fmt: skip

    def _match(self, rules: Rules) -> tuple[Columns, Cells, Outcomes]:
        columns = self._prepared(rules)
        n_dt = max(len(columns.dt.scores), 1)
        limit = n_dt if rules.max_dets is None else min(rules.max_dets, n_dt)
        if rules.max_dets_per == "image" and limit < n_dt:
            category = np.full(len(columns.dt.category), -1, np.int32)
            rows = group(columns, limit, by="image").dt_rows
            category[rows] = columns.dt.category[rows]
            columns, limit = replace(columns, dt=replace(columns.dt, category=category)), n_dt
        cells = group(columns, limit)
        if rules.matching in ("free_first", "pointing_last"):
            cells = replace(cells, gt_rows=_backwards(cells.gt_rows, cells.gt_offsets))
        protocol = Protocol(
            rules.iou_thresholds, (), (self.area_range(rules),), ("all",), (limit,), summary=(), lenient=True
        )
        if rules.matching in ("pointing", "pointing_last"):
            return columns, cells, _point(columns, cells, protocol)
        return columns, cells, stages.match(columns, cells, protocol)[0]

    def _mean(self, rules: Rules, columns: Columns, cells: Cells, outcomes: Outcomes) -> Number:
        n = len(rules.iou_thresholds)
        n_gt = sums_of_ranges(outcomes.n_gt[:, 0], outcomes.category_cells)
        ignored = bits_of(outcomes.ignored, n)
        if rules.empty_categories == "left_out":
            ignored = ignored | (n_gt == 0)[np.repeat(cells.category(), np.diff(cells.dt_offsets))][:, None]
        matched = bits_of(outcomes.matched, n) & ~ignored
        has_truths = np.diff(cells.gt_offsets[cells.category_cells]) > 0
        outcomes = replace(outcomes, matched=words_of(matched), ignored=words_of(ignored))
        if rules.mean == "micro":
            outcomes = replace(outcomes, category_ids=np.zeros(1, np.int64), category_cells=np.array([0, len(cells)]))
            has_truths = np.ones(1, np.bool_)
        half = min(range(n), key=lambda i: abs(rules.iou_thresholds[i] - 0.5))
        states = np.full(len(self.dt), OUT, np.uint8)
        rows = cells.dt_rows if columns.dt.source_row is None else columns.dt.source_row[cells.dt_rows]
        states[rows] = np.where(ignored[:, half], OUT, np.where(matched[:, half], RIGHT, WRONG))
        is_defined = bool(n_gt.any())
        if not is_defined:
            return Number(0.0, is_defined, states)
        t = self.threshold(rules)
        return Number(mean_by_rules(rules, outcomes, matched, ignored, has_truths, t), is_defined, states)


def _matching(rules: Rules) -> tuple[Any, ...]:
    """The values of the rules that the matching reads."""
    return tuple(getattr(rules, name) for name in RULES if name not in OF_THE_MEAN)


def relabelled(gt: Source, dt: Source, how: str) -> Source:
    """The detections with other labels. Raises ValueError where they, or the ids of the ground truth, are strings."""
    known = joined_ids(gt.category if gt.axes.categories is None else gt.axes.categories)
    if dt.category.dtype.kind != "i" or known.dtype.kind != "i":
        raise ValueError(f"category_map={how!r} needs integer category ids")
    if how in ("add_1", "subtract_1"):
        return replace(dt, category=dt.category + (1 if how == "add_1" else -1))
    place = dt.category - (how == "from_1")
    is_there = (place >= 0) & (place < len(known))
    none = known.min(initial=0) - 1  # of no category
    return replace(dt, category=np.where(is_there, known[np.where(is_there, place, 0)], none))


def _as_given(side: Side) -> Side:
    """The rows in the order of the source (ONE_CATEGORY_ORDER)."""
    if side.source_row is None:
        return side
    order = np.argsort(side.source_row, kind="stable")
    columns = {name: value if len(value) == 0 else value[order] for name, value in vars(side).items()}
    return replace(side, **columns)


def _images_in(columns: Columns, images: Any) -> Any:
    """bool (images,): the images that are evaluated. Raises ValueError for ids that are not there."""
    ids = columns.axes.image_ids
    is_in = np.zeros(len(ids), np.bool_)
    if images == "all":
        return ~is_in
    if isinstance(images, str):
        side = columns.gt if images == "with_ground_truth" else columns.dt
        is_in[side.image[(side.image >= 0) & (side.category >= 0)]] = True
        return is_in
    place_of = {id: i for i, id in enumerate(ids.tolist())}
    for i, id in enumerate(images):
        if id not in place_of:
            raise ValueError(f"images[{i}] is {id!r}, which is not an image of gt")
        is_in[place_of[id]] = True
    return is_in


def _backwards(rows: Any, offsets: Any) -> Any:
    """The rows of each cell in the opposite order, so that the last of equals is the first."""
    places = np.arange(len(rows))
    cell = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    return rows[offsets[:-1][cell] + offsets[1:][cell] - 1 - places]


def _point(columns: Columns, cells: Cells, protocol: Protocol) -> Outcomes:
    """Outcomes where a detection points at the ground truth with the highest overlap, taken or not."""
    gt, n = columns.gt, len(protocol.iou_thresholds)
    lowest, highest = protocol.area_ranges[0]
    counts = (gt.flags & (CROWD | IGNORE) == 0) & (gt.area >= lowest) & (gt.area <= highest)
    area = columns.dt.area if len(columns.dt.area) else columns.shape.area(columns.dt.shape)
    is_outside = ((area < lowest) | (area > highest))[cells.dt_rows]
    keeps_free = columns.dt.flags != 0 if len(columns.dt.flags) else np.zeros(len(area), np.bool_)
    matched, ignored = (np.zeros((len(cells.dt_rows), n), np.bool_) for _ in range(2))
    for part, d, _ in cells.blocks():
        best, place = best_ground_truths(columns.shape.overlaps(columns.dt, gt, part), part)
        for t, threshold in enumerate(protocol.iou_thresholds):
            hit = np.flatnonzero((best >= threshold) & (place >= 0))
            is_counted = counts[part.gt_rows[place[hit]]]
            ignored[d, t][hit[~is_counted]] = True
            hit = hit[is_counted]
            takes = hit[~keeps_free[part.dt_rows[hit]]]
            first = np.full(len(part.gt_rows), len(best))
            np.minimum.at(first, place[takes], takes)
            right = hit[hit <= first[place[hit]]]
            matched[d, t][right] = gt.flags[part.gt_rows[place[right]]] & ID_ZERO == 0
    ignored |= is_outside[:, None] & ~matched
    n_gt = (
        np.add.reduceat(np.append(counts[cells.gt_rows], False), cells.gt_offsets[:-1]) if len(cells) else np.empty(0)
    )
    n_gt = (n_gt * (np.diff(cells.gt_offsets) > 0)).astype(np.int32)[:, None]
    return Outcomes(
        protocol, columns.shape, columns.axes.image_ids, columns.axes.category_ids, cells.category_cells, cells.image,
        cells.dt_offsets, n_gt, cells.scores, words_of(matched), words_of(ignored),
    )  # fmt: skip
