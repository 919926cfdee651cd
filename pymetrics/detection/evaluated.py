"""From the states of MeanAveragePrecision to its numbers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from .._records import value_record
from .._warnings import warn
from ..analysis.per_image import image_stats
from ..evaluation import stages
from ..evaluation.cells import Cells, group
from ..evaluation.columns import Columns
from ..evaluation.protocol import COCO_AREA_NAMES, COCO_AREA_RANGES, Protocol
from ..evaluation.result import Result
from ..evaluation.summary import UNDEFINED, SummaryRow
from . import outputs
from .state_columns import as_columns

T = TypeVar("T")
Once = Callable[[tuple[Any, ...], Callable[[], Any]], Any]  # (key, make): make(), or what it gave before


@value_record
class Settings:
    """What a metric was asked for.

    area_ranges: name and (lowest, highest) of each beside COCO's. last_limit: all values but mar_<limit> are taken at
    the last limit, `map` too. sigmas: of keypoints; None: COCO's. data_warnings: warn of data that may be wrong.
    """

    box_format: str
    iou_types: tuple[str, ...]
    iou_thresholds: tuple[float, ...]
    rec_thresholds: tuple[float, ...]
    limits: tuple[int, ...]
    class_metrics: bool
    extended_summary: bool
    average: str
    backend: str
    count_empty_images: bool = False
    area_ranges: tuple[tuple[str, tuple[float, float]], ...] = ()
    last_limit: bool = False
    duplicates: str | None = None
    sigmas: tuple[float, ...] | None = None
    data_warnings: bool = False

    @property
    def area_names(self) -> tuple[str, ...]:
        """Of all area ranges."""
        return (*COCO_AREA_NAMES, *(name for name, _ in self.area_ranges))

    @property
    def rows(self) -> tuple[SummaryRow, ...]:
        """The numbers of one iou type."""
        rows = self.protocol(True).summary
        assert rows is not None
        return rows

    @property
    def prefixes(self) -> dict[str, str]:
        """What the keys of each iou type begin with."""
        return {iou_type: f"{iou_type}_" if len(self.iou_types) > 1 else "" for iou_type in self.iou_types}

    @property
    def keys(self) -> tuple[str, ...]:
        """Of all numbers."""
        return tuple(f"{prefix}{row.key}" for prefix in self.prefixes.values() for row in self.rows)

    def protocol(self, with_rows: bool) -> Protocol:
        """with_rows: its summary is that of the metric; else the protocol's own."""
        rule = "faster_coco_eval" if self.last_limit else self.backend
        ranges = (*COCO_AREA_RANGES, *(ends for _, ends in self.area_ranges))
        return _protocol(
            self.iou_thresholds, self.rec_thresholds, self.limits, self.area_names, ranges, rule if with_rows else None
        )


@functools.lru_cache(maxsize=64)
def _protocol(
    iou_thresholds: tuple[float, ...],
    rec_thresholds: tuple[float, ...],
    limits: tuple[int, ...],
    area_names: tuple[str, ...],
    area_ranges: tuple[tuple[float, float], ...],
    rule: str | None,
) -> Protocol:
    """rule: the backend that decides about the rows of the summary; None: they are the protocol's own."""
    return Protocol(
        iou_thresholds=iou_thresholds,
        recall_thresholds=rec_thresholds,
        area_ranges=area_ranges,
        area_names=area_names,
        max_dets=limits,
        summary=None if rule is None else outputs.rows(limits, rule, area_names),
        lenient=True,
    )


class Evaluation:
    """The states of one moment, evaluated.

    states: the metric's lists by name. others: the settings of the other metrics that share the states.
    """

    def __init__(
        self, settings: Settings, states: Mapping[str, Sequence[Any]], once: Once, others: Sequence[Settings] = ()
    ) -> None:
        self.settings = settings
        self._others = others
        self._states = states
        self._once = once

    @property
    def columns(self) -> dict[str, Columns]:
        """By iou type."""
        of = self.settings
        key = (of.box_format, of.iou_types, of.count_empty_images, of.duplicates, of.sigmas)
        found: dict[str, Columns] = self._once(
            key,
            lambda: as_columns(
                self._states, of.box_format, of.iou_types, all_images=of.count_empty_images, duplicates=of.duplicates,
                sigmas=of.sigmas,
            ),
        )  # fmt: skip
        return found

    def values(self) -> dict[str, Any]:
        """What MeanAveragePrecision.compute() gives, before torchmetrics takes axes from tensors of one element."""
        columns, found = self.columns, dict[str, Any]()
        for iou_type, prefix in self.settings.prefixes.items():
            found |= self._values(columns, iou_type, prefix)
        ids = next(iter(columns.values())).axes.category_ids
        return found | {"classes": torch.tensor(ids, dtype=torch.int32)}

    def result(self, iou_type: str, with_rows: bool = False) -> Result:
        """The Result of one iou type. with_rows: its summary is that of the metric; else that of evaluate()."""
        return self._result(self.columns[iou_type], self.settings.protocol(with_rows))

    def _values(self, columns: dict[str, Columns], iou_type: str, prefix: str) -> dict[str, Any]:
        of, own = self.settings, columns[iou_type]
        protocol = of.protocol(True)
        keys = [f"{prefix}{row.key}" for row in protocol.rows]
        keys_per_class = [f"{prefix}map_per_class", f"{prefix}mar_{of.limits[-1]}_per_class"]
        skips = of.iou_types == ("segm",) and not of.count_empty_images
        if not len(own.axes.image_ids) or (skips and not len(own.dt.scores)):
            return outputs.scalars(keys, [UNDEFINED] * len(keys))
        if self._needs_means_alone(own):
            outcomes, _ = stages.match(*self._grouped(own, protocol.limit), protocol)
            return outputs.scalars([*keys, *keys_per_class], [*image_stats(outcomes)[0].tolist(), UNDEFINED, UNDEFINED])
        present = None if of.extended_summary or of.data_warnings else self._with_ground_truth(own)
        result = self._of_all(own, protocol, present) or self._result(own, protocol, present)
        if of.data_warnings:
            warn_of_data(own, result, iou_type, of.limits[-1])
        found = outputs.scalars(keys, result.stats)
        if of.extended_summary:
            found |= outputs.extended(result, prefix)
        if not of.class_metrics:
            return found | outputs.scalars(keys_per_class, [UNDEFINED, UNDEFINED])
        precision, recall = outputs.per_class(self._by_class(columns, iou_type, result))
        if len(precision) < len(own.axes.category_ids):
            precision, recall = (_spread(values, present, len(own.axes.category_ids)) for values in (precision, recall))
        return found | dict(zip(keys_per_class, (precision, recall), strict=True))

    def _needs_means_alone(self, columns: Columns) -> bool:
        """Whether the summary of one image is all that is asked for: it comes without arrays of all precisions."""
        of = self.settings
        is_one = len(columns.axes.image_ids) == 1 and isinstance(columns.dt.scores, np.ndarray)
        more = of.class_metrics or of.extended_summary or of.data_warnings
        return is_one and not more and of.backend == "pycocotools"

    def _by_class(self, columns: dict[str, Columns], iou_type: str, result: Result) -> Result:
        """The Result whose classes are the labels. torchmetrics gives detections of both types the masks' areas here.

        That matters where a box has an area that no area range holds: negative, or above the last.
        """
        own = columns[iou_type]
        if iou_type == "bbox" and "segm" in columns:
            area = own.shape.area(own.dt.shape)
            low, high = result.protocol.area_ranges[0]
            if ((area < low) | (area > high)).any():
                masks = columns["segm"]
                own = replace(own, dt=replace(own.dt, area=masks.shape.area(masks.dt.shape)))
        if own is columns[iou_type] and self.settings.average == "macro":
            return result
        return self._matched(own, group(own, result.protocol.limit), result.protocol)

    def _with_ground_truth(self, columns: Columns) -> NDArray[np.int64] | None:
        """The categories that have ground truth, where some have none. The others are in no mean."""
        n = len(columns.axes.category_ids)
        if self.settings.average == "micro" or not isinstance(columns.gt.category, np.ndarray):
            return None
        is_present = np.zeros(n, np.bool_)
        is_present[columns.gt.category] = True
        present = np.flatnonzero(is_present)
        return present if 0 < len(present) < n else None

    def _of_all(
        self, columns: Columns, protocol: Protocol, present: NDArray[np.int64] | None
    ) -> outputs.ResultOfSome | None:
        """The Result of this metric's thresholds, out of one with those of all metrics that differ in nothing else.

        None: there is no other such metric, or the arrays of the Result are not all that is needed.
        """
        of = self.settings
        alike = [
            other
            for other in self._others
            if replace(other, iou_thresholds=of.iou_thresholds, class_metrics=of.class_metrics) == of
        ]
        if not alike or of.extended_summary or of.data_warnings:
            return None
        thresholds = tuple(sorted({t for settings in (of, *alike) for t in settings.iou_thresholds}))
        whole = replace(of, iou_thresholds=thresholds)
        key = (replace(whole, class_metrics=False), columns.shape.iou_type, present is None)
        found: Result = self._once(key, lambda: self._result(columns, whole.protocol(True), present))
        return outputs.ResultOfSome(found, protocol)

    def _result(self, columns: Columns, protocol: Protocol, present: NDArray[np.int64] | None = None) -> Result:
        found, cells = self._grouped(columns, protocol.limit, present)
        return self._matched(found, cells, protocol)

    def _grouped(self, columns: Columns, limit: int, present: NDArray[np.int64] | None = None) -> tuple[Columns, Cells]:
        """The columns as they are evaluated, and their cells. present: the categories to evaluate; None: all."""
        of = self.settings

        def grouped() -> tuple[Columns, Cells]:
            whole = columns if present is None else _restricted(columns, present)
            if of.average == "micro":
                gt, dt = (replace(side, category=side.category * 0) for side in (columns.gt, columns.dt))
                axes = replace(columns.axes, category_ids=np.zeros(1, np.int64))
                whole = replace(columns, gt=gt, dt=dt, axes=axes)
            return whole, group(whole, limit)

        key = (of.box_format, of.iou_types, of.count_empty_images, of.duplicates, of.sigmas, columns.shape.iou_type)
        found: tuple[Columns, Cells] = self._once((*key, of.average, limit, present is None), grouped)
        return found

    def _matched(self, columns: Columns, cells: Cells, protocol: Protocol) -> Result:
        kind = outputs.FasterResult if self.settings.backend == "faster_coco_eval" and protocol.summary else Result
        return kind(stages.match(columns, cells, protocol)[0], columns, cells)


def _restricted(columns: Columns, categories: NDArray[np.int64]) -> Columns:
    """The rows of some categories; the others are left out."""
    place = np.full(len(columns.axes.category_ids), -1, np.int32)
    place[categories] = np.arange(len(categories))
    gt, dt = (replace(side, category=place[side.category]) for side in (columns.gt, columns.dt))
    return replace(
        columns, gt=gt, dt=dt, axes=replace(columns.axes, category_ids=columns.axes.category_ids[categories])
    )


def _spread(values: Any, present: Any, n: int) -> Any:
    """Values of the categories that are present, among n; UNDEFINED for the others."""
    out = torch.full((n,), UNDEFINED)
    out[torch.from_numpy(present)] = values
    return out


def warn_of_data(columns: Columns, result: Result, iou_type: str, limit: int) -> None:
    """Boxes that look like parts of an image, and detections that the last limit cuts; on the host."""
    columns = columns.on_host()
    n_dt = int(((columns.dt.image >= 0) & (columns.dt.category >= 0)).sum())
    n_kept = len(result.outcomes.scores)
    if n_kept < n_dt:
        warn(
            f"the limit of {limit} detections of an image and class cuts {n_dt - n_kept} of {n_dt} detections "
            f"({(n_dt - n_kept) / n_dt:.1%}): raise max_detection_thresholds to count them"
        )
    if iou_type != "bbox":
        return
    for name, side in (("preds", columns.dt), ("target", columns.gt)):
        boxes = side.shape
        if len(boxes) and boxes.min() >= 0 and (boxes[:, :2] + boxes[:, 2:]).max() <= 1:
            warn(f"all boxes of {name} lie in [0, 1]: boxes are in pixels here, where these all count as small")
