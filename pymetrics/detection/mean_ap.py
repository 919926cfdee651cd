"""MeanAveragePrecision: torchmetrics' metric and its numbers to the last bit, without its dicts."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
import torch

from ..evaluation import stages
from ..evaluation.cells import Cells, group
from ..evaluation.columns import Columns
from ..evaluation.protocol import COCO_IOU_THRESHOLDS, COCO_RECALL_THRESHOLDS, Protocol
from ..evaluation.result import Result
from ..evaluation.summary import UNDEFINED, SummaryRow
from . import coco_files, mask_states, outputs, validation
from .helpers import CocoBackend
from .list_metric import ListMetric
from .select import SelectedValue
from .shared import SharedList
from .state_columns import STATES, as_columns, copied_boxes

IouType = Literal["bbox", "segm"]
T = TypeVar("T")


class MeanAveragePrecision(ListMetric):
    """Mean average precision and recall of boxes and masks: torchmetrics' class, with the same numbers.

    A subclass of torchmetrics.Metric, with the arguments, states, exceptions and results of
    torchmetrics.detection.MeanAveragePrecision; docs/torchmetrics.md says where the two differ.

    Args:
        box_format: "xyxy", "xywh" or "cxcywh", in pixels.
        iou_type: "bbox", "segm" (masks), or both in a tuple: then all keys but `classes` begin with "bbox_" or "segm_".
        iou_thresholds: a list of overlaps; None or [] means .5, .55, ..., .95.
        rec_thresholds: a list of recalls at which precision is read; None or [] means 0, .01, ..., 1.
        max_detection_thresholds: three limits on the detections of one image and class; None means [1, 10, 100].
        class_metrics: also give the values of each class.
        extended_summary: also give ious, precision, recall and scores.
        average: "macro" means over classes; "micro" puts all boxes into one class.
        backend: whose numbers to give; neither is used. "pycocotools" takes `map` at the limit 100 whatever the limits
            are, so that it is -1 where they lack 100; "faster_coco_eval" takes it at the last limit, as all other
            values are, and its precision may be higher by 2.2e-16.
        thresholds: where the default lists come from: "torchmetrics" rounds them to float32 (.55 is 0.550000011920929),
            "coco" has pycocotools' float64. Ours alone.
        count_empty_images: with iou_type "segm", count detections in images without ground truth, which torchmetrics
            leaves out; with boxes they always count. Ours alone.
        **kwargs: of torchmetrics.Metric.

    Raises:
        ValueError: an argument is none of the above.
    """

    is_differentiable: bool = False
    higher_is_better: bool | None = True
    full_state_update: bool = True
    plot_lower_bound: float = 0.0
    plot_upper_bound: float = 1.0
    warn_on_many_detections: bool = True

    __jit_unused_properties__: ClassVar[list[str]] = [
        "is_differentiable",
        "higher_is_better",
        "plot_lower_bound",
        "plot_upper_bound",
        "plot_legend_name",
        "metric_state",
        "_update_called",
    ]

    def __init__(
        self,
        box_format: Literal["xyxy", "xywh", "cxcywh"] = "xyxy",
        iou_type: IouType | tuple[IouType, ...] = "bbox",
        iou_thresholds: list[float] | None = None,
        rec_thresholds: list[float] | None = None,
        max_detection_thresholds: list[int] | None = None,
        class_metrics: bool = False,
        extended_summary: bool = False,
        average: Literal["macro", "micro"] = "macro",
        backend: Literal["pycocotools", "faster_coco_eval"] = "pycocotools",
        *,
        thresholds: Literal["torchmetrics", "coco"] = "torchmetrics",
        count_empty_images: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        validation.check_choice("box_format", box_format, validation.BOX_FORMATS)
        self.box_format = box_format
        self.iou_type = validation.as_iou_types(iou_type)
        validation.check_list("iou_thresholds", iou_thresholds, "floats")
        validation.check_list("rec_thresholds", rec_thresholds, "floats")
        validation.check_list("max_detection_thresholds", max_detection_thresholds, "ints")
        self.max_detection_thresholds = validation.as_limits(max_detection_thresholds)
        validation.check_bool("class_metrics", class_metrics)
        self.class_metrics = class_metrics
        validation.check_bool("extended_summary", extended_summary)
        self.extended_summary = extended_summary
        validation.check_choice("average", average, validation.AVERAGES)
        self.average = average
        validation.check_choice("backend", backend, validation.BACKENDS)
        self.backend = backend
        self._coco_backend = CocoBackend(backend, box_format)
        validation.check_choice("thresholds", thresholds, validation.THRESHOLDS)
        exact = thresholds == "coco"
        self.iou_thresholds = iou_thresholds or (list(COCO_IOU_THRESHOLDS) if exact else _spaced(0.5, 0.95, 10))
        self.rec_thresholds = rec_thresholds or (list(COCO_RECALL_THRESHOLDS) if exact else _spaced(0.0, 1.0, 101))
        validation.check_numbers("iou_thresholds", self.iou_thresholds)
        validation.check_numbers("rec_thresholds", self.rec_thresholds)
        validation.check_any_iou_type(self.iou_type)
        validation.check_bool("count_empty_images", count_empty_images)
        self.count_empty_images = count_empty_images
        for name in STATES:
            self.add_state(name, default=[], dist_reduce_fx=None)
        self.detection_labels = SharedList()

    def update(self, preds: Sequence[dict[str, Any]], target: Sequence[dict[str, Any]]) -> None:
        """Take in a batch. No value is read before compute(): on a GPU nothing waits.

        Args:
            preds: one dict per image of boxes (n, 4), scores (n,) floats, labels (n,) integers.
            target: one dict per image of boxes (n, 4), labels (n,) integers; and, where known, iscrowd (n,) and area
                (n,) in square pixels (0: the box's or mask's own).

        With iou_type "segm" there are masks: bool or uint8 (n, height, width), or (n, 1, height, width), where floats
        above 0.5 are set; or a list of n dicts of size and counts (COCO's runs), or of n lists of polygons, which need
        the image's size: of its other masks, or the key `image_size` on either side.

        Boxes are copied, masks become runs on the host. All other tensors are detached and kept by reference, as in
        torchmetrics: do not change them in place before compute(). A part of a tensor over twice its size is copied.

        Raises:
            ValueError, TypeError: something is wrong; the message, or that of its cause, names the sample of this
                batch. The states are as before.
        """
        compiling = torch.compiler.is_compiling()
        shapes = validation.items_of(self.iou_type)
        if compiling or shapes != ("boxes",) or not validation.is_sound(preds, target):
            validation.check_inputs(preds, target, self.box_format, shapes)
        if isinstance(self.detection_labels, SharedList):
            self.detection_labels.forget()
        if "masks" in shapes:
            dt_masks, gt_masks = mask_states.read(preds, target, self.backend)
            self.detection_mask.extend(dt_masks)
            self.groundtruth_mask.extend(gt_masks)
        kept = _detached if compiling else _kept
        limit = self.max_detection_thresholds[-1] if self.warn_on_many_detections else math.inf
        if "boxes" in shapes:
            self.detection_box.extend(copied_boxes(preds))
            self.groundtruth_box.extend(copied_boxes(target))
        for item in preds:
            labels = item["labels"]
            if labels.shape[0] > limit:
                validation.warn_of_many_detections(self.max_detection_thresholds[-1])
            self.detection_labels.append(kept(labels))
            self.detection_scores.append(kept(item["scores"]))
        for item in target:
            labels = item["labels"]
            self.groundtruth_labels.append(kept(labels))
            zeros = None
            for name, states in (("iscrowd", self.groundtruth_crowds), ("area", self.groundtruth_area)):
                if name in item and validation.is_column(item[name]):
                    column, n = item[name], labels.shape[0]
                    states.append(kept(column if column.shape[0] == n else column[:n]))
                else:
                    zeros = torch.zeros_like(labels) if zeros is None else zeros
                    states.append(zeros)

    def compute(self) -> dict[str, Any]:
        """The numbers of everything taken in, by torchmetrics' names; -1 where there is nothing to average.

        Returns:
            CPU tensors: map, map_50, map_75, map_small, map_medium, map_large, mar_1, mar_10, mar_100 (for the limits
            1, 10, 100), mar_small, mar_medium, mar_large; with extended_summary ious, precision, recall and scores;
            map_per_class, mar_100_per_class (K,) (-1 without class_metrics); classes, int32 (K,). An entry of ious
            that has one element has no axis.
        """
        columns = self._columns()
        rows = outputs.rows(self.max_detection_thresholds, self.backend)
        found: dict[str, Any] = {}
        for iou_type in columns:
            found |= self._values(columns, iou_type, rows, f"{iou_type}_" if len(columns) > 1 else "")
        found["classes"] = torch.tensor(columns[iou_type].axes.category_ids, dtype=torch.int32)
        return found

    def _values(
        self, columns: dict[str, Columns], iou_type: str, rows: tuple[SummaryRow, ...], prefix: str
    ) -> dict[str, Any]:
        """The numbers of one iou type."""
        own = columns[iou_type]
        if not len(own.axes.image_ids) or (self._skips_images() and not len(own.dt.scores)):
            return outputs.scalars(rows, [UNDEFINED] * len(rows), prefix)
        protocol = self._protocol(rows)
        kind = outputs.FasterResult if self.backend == "faster_coco_eval" else Result
        result = self._evaluate(own, protocol, kind)
        found = outputs.scalars(rows, result.stats, prefix)
        if self.extended_summary:
            found |= outputs.extended(result, prefix)
        precision, recall = torch.tensor([UNDEFINED]), torch.tensor([UNDEFINED])
        if self.class_metrics:
            precision, recall = outputs.per_class(self._by_class(columns, iou_type, result))
        last = f"mar_{self.max_detection_thresholds[-1]}_per_class"
        return found | {f"{prefix}map_per_class": precision, f"{prefix}{last}": recall}

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
        if own is columns[iou_type] and self.average == "macro":
            return result
        return _result(own, result.protocol, type(result))

    def select(self, key: str) -> SelectedValue:
        """One number of compute() as a torchmetrics.Metric that shares the states.

        For what takes a metric of one tensor: MetricTracker, MinMaxMetric, Running, Lightning's `self.log`.

        Args:
            key: "map", "map_50", "mar_100", ...: one of the twelve numbers; of two iou types "segm_map", ...

        Raises:
            ValueError: there is no such number.
        """
        rows = outputs.rows(self.max_detection_thresholds, self.backend)
        prefixes = [f"{iou_type}_" for iou_type in self.iou_type] if len(self.iou_type) > 1 else [""]
        keys = tuple(f"{prefix}{row.key}" for prefix in prefixes for row in rows)
        validation.check_choice("key", key, keys)
        return SelectedValue(self, key)

    def result(self, iou_type: IouType | None = None) -> Result:
        """Everything taken in as a pymetrics Result, of all processes where there are several.

        Its `map` is taken at the last limit. Images are numbered in the order in which they came.

        Args:
            iou_type: which of the metric's, where it has two; None: the first.

        Raises:
            ValueError: the metric does not have this iou type.
        """
        chosen = self.iou_type[0] if iou_type is None else iou_type
        validation.check_choice("iou_type", chosen, tuple(self.iou_type))
        with self.sync_context(
            dist_sync_fn=self.dist_sync_fn, should_sync=self._to_sync, should_unsync=self._should_unsync
        ):
            return self._evaluate(self._columns()[chosen], self._protocol())

    def tm_to_coco(self, name: str = "tm_map_input") -> None:
        """Write everything taken in as COCO files: {name}_preds.json and {name}_target.json."""
        states = {state: getattr(self, state) for state in STATES}
        coco_files.write(self._coco_backend, states, name, self.iou_type)

    @staticmethod
    def coco_to_tm(
        coco_preds: str,
        coco_target: str,
        iou_type: IouType | tuple[IouType, ...] = ("bbox",),
        backend: Literal["pycocotools", "faster_coco_eval"] = "pycocotools",
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """preds and target for update() from COCO files: the images that have ground truth, boxes as "xywh"."""
        iou_types = validation.as_iou_types(iou_type)
        validation.check_choice("backend", backend, validation.BACKENDS)
        return coco_files.read(coco_preds, coco_target, iou_types)

    def plot(self, val: Any = None, ax: Any = None) -> Any:
        """Plot the values of compute() or forward(), one dict or several; needs matplotlib."""
        return self._plot(val, ax)

    def _apply(self, fn: Callable[..., Any], exclude_state: Sequence[str] = ()) -> Any:
        """Masks stay on the host, where they are evaluated."""
        found = super()._apply(fn, (*exclude_state, "detection_mask", "groundtruth_mask"))
        self.detection_labels = SharedList(self.detection_labels)
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "detection_labels" and isinstance(value, SharedList):
            value.holders.add(id(self))

    def _skips_images(self) -> bool:
        """Whether images without ground truth are left out, as in torchmetrics."""
        return "bbox" not in self.iou_type and not self.count_empty_images

    def _once(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        """make(), once for all metrics of a MetricCollection that share their states."""
        labels = self.detection_labels
        states = [getattr(self, name) for name in STATES]
        return labels.once(self, states, key, make) if isinstance(labels, SharedList) else make()

    def _columns(self) -> dict[str, Columns]:
        iou_types, all_images = tuple(self.iou_type), self.count_empty_images
        return self._once(
            (self.box_format, iou_types, all_images),
            lambda: as_columns(self.metric_state, self.box_format, iou_types, all_images=all_images),
        )

    def _protocol(self, rows: tuple[SummaryRow, ...] | None = None) -> Protocol:
        return Protocol(
            iou_thresholds=tuple(self.iou_thresholds),
            recall_thresholds=tuple(self.rec_thresholds),
            max_dets=tuple(self.max_detection_thresholds),
            summary=rows,
            lenient=True,
        )

    def _evaluate(self, columns: Columns, protocol: Protocol, kind: type[Result] = Result) -> Result:
        def grouped() -> tuple[Columns, Cells]:
            whole = columns
            if self.average == "micro":
                gt, dt = (replace(side, category=side.category * 0) for side in (columns.gt, columns.dt))
                axes = replace(columns.axes, category_ids=np.zeros(1, np.int64))
                whole = replace(columns, gt=gt, dt=dt, axes=axes)
            return whole, group(whole, protocol.limit)

        key = (self.box_format, tuple(self.iou_type), self.count_empty_images, columns.shape.iou_type)
        found, cells = self._once((*key, self.average, protocol.limit), grouped)
        return kind(stages.match(found, cells, protocol)[0], found, cells)

    def _wrap_compute(self, compute: Callable[..., Any]) -> Callable[..., Any]:
        """torchmetrics takes the axis from tensors of one element; what callers iterate over gets it back."""
        squeezed = super()._wrap_compute(compute)

        @functools.wraps(compute)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            found = squeezed(*args, **kwargs)
            if isinstance(found, dict):
                for key, value in found.items():
                    if key == "classes" or (self.class_metrics and key.endswith("_per_class")):
                        found[key] = torch.atleast_1d(value)
            return found

        return wrapped


def _result(columns: Columns, protocol: Protocol, kind: type[Result]) -> Result:
    cells = group(columns, protocol.limit)
    return kind(stages.match(columns, cells, protocol)[0], columns, cells)


def _spaced(start: float, end: float, n: int) -> list[float]:
    """Evenly spaced thresholds as torchmetrics has them: rounded to float32."""
    thresholds: list[float] = torch.linspace(start, end, n).tolist()
    return thresholds


def _detached(tensor: Any) -> Any:
    """The tensor itself, or without its graph."""
    return tensor.detach() if tensor.requires_grad else tensor


def _kept(tensor: Any) -> Any:
    """The tensor itself, or without its graph; a copy where it would keep over twice its memory alive."""
    if tensor.requires_grad:
        tensor = tensor.detach()
    return tensor.clone() if tensor.untyped_storage().nbytes() > 2 * tensor.nbytes else tensor
