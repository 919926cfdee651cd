"""MeanAveragePrecision: torchmetrics' metric and its numbers to the last bit, without its dicts."""

from __future__ import annotations

import functools
import math
import weakref
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, ClassVar, Literal, TypeVar

import torch

from ..evaluation.protocol import COCO_IOU_THRESHOLDS, COCO_RECALL_THRESHOLDS
from ..evaluation.result import Result
from . import coco_files, mask_states, options, outputs, validation
from .background import in_background
from .detector_items import as_items
from .evaluated import Evaluation, Settings
from .helpers import CocoBackend
from .list_metric import ListMetric
from .select import SelectedValue
from .shared import SharedList
from .state_columns import STATES, copied_boxes, detached, kept_tensor

IouType = Literal["bbox", "segm"]
T = TypeVar("T")


class MeanAveragePrecision(ListMetric):
    """Mean average precision and recall of boxes and masks: torchmetrics' class, with the same numbers.

    A subclass of torchmetrics.Metric, with the arguments, states, exceptions and results of
    torchmetrics.detection.MeanAveragePrecision; docs/torchmetrics.md says where the two differ.

    Args:
        box_format: "xyxy", "xywh" or "cxcywh", in pixels.
        iou_type: "bbox", "segm" (masks), "keypoints" (ours alone), or several in a tuple: then all keys but `classes`
            begin with "bbox_", "segm_", ...
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
            leaves out; with boxes they always count. Ours alone, as all that follow.
        area_ranges: (lowest, highest) in square pixels by name; "tiny" adds map_tiny and mar_tiny.
        max_dets: any number of limits, in place of max_detection_thresholds; all values but mar_<limit> are taken at
            the last one, `map` too.
        duplicates: update() reads `image_id` (an integer) from each target; of images that come again "first" keeps
            the first one, "error" makes compute() refuse them.
        sigmas: of keypoints; None: COCO's 17.
        data_warnings: compute() warns of boxes that look like parts of the image, and says how many detections the
            last limit cuts.
        compute_on: of several processes, which ones compute; with "rank0" compute() gives all others an empty dict.
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
        area_ranges: Mapping[str, tuple[float, float]] | None = None,
        max_dets: Sequence[int] | None = None,
        duplicates: Literal["first", "error"] | None = None,
        sigmas: Sequence[float] | None = None,
        data_warnings: bool = False,
        compute_on: Literal["all", "rank0"] = "all",
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
        self._own = options.checked(
            count_empty_images=count_empty_images, area_ranges=area_ranges, max_dets=max_dets, duplicates=duplicates,
            sigmas=sigmas, data_warnings=data_warnings,
        )  # fmt: skip
        validation.check_choice("compute_on", compute_on, ("all", "rank0"))
        self.compute_on = compute_on
        if max_dets is not None:
            self.max_detection_thresholds = sorted(int(limit) for limit in max_dets)
        for name in options.states_of(self.iou_type, duplicates):
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

        In place of dicts there may be what detectors return: supervision's Detections, Ultralytics' Results,
        detectron2's Instances, Hugging Face's instance segmentation. torchvision's BoundingBoxes are read in their own
        format.

        With iou_type "keypoints" there are keypoints (n, J, 3), x, y and visibility, which is not read of preds; and
        target must have `area`.

        Boxes are copied, masks become runs on the host. All other tensors are detached and kept by reference, as in
        torchmetrics: do not change them in place before compute(). A part of a tensor over twice its size is copied.

        Raises:
            ValueError, TypeError: something is wrong; the message, or that of its cause, names the sample of this
                batch. The states are as before.
        """
        compiling = torch.compiler.is_compiling()
        if not compiling:
            preds, target = (as_items(items, self.box_format) for items in (preds, target))
        shapes = validation.items_of(self.iou_type)
        if compiling or shapes != ("boxes",) or not validation.is_sound(preds, target):
            validation.check_inputs(preds, target, self.box_format, shapes)
        new: dict[str, list[Any]] = {}
        if self._own["duplicates"] is not None:
            new[options.IMAGE_ID] = options.image_ids(target)
        if "masks" in shapes:
            new["detection_mask"], new["groundtruth_mask"] = mask_states.read(preds, target, self.backend)
        if "boxes" in shapes:
            new["detection_box"], new["groundtruth_box"] = copied_boxes(preds), copied_boxes(target)
        if "keypoints" in shapes:
            for state, items in zip(options.POSES, (preds, target), strict=True):
                new[state] = [item["keypoints"].detach().clone() for item in items]
        if isinstance(self.detection_labels, SharedList):
            self.detection_labels.forget()
        for name, tensors in new.items():
            getattr(self, name).extend(tensors)
        kept = detached if compiling else kept_tensor
        limit = self.max_detection_thresholds[-1] if self.warn_on_many_detections else math.inf
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
            that has one element has no axis. With compute_on="rank0", on other ranks, {}.
        """
        return {} if self._is_idle() else self._evaluation().values()

    def select(self, key: str) -> SelectedValue:
        """One number of compute() as a torchmetrics.Metric that shares the states.

        For what takes a metric of one tensor: MetricTracker, MinMaxMetric, Running, Lightning's `self.log`.

        Args:
            key: "map", "map_50", "mar_100", ...: one of the twelve numbers; of two iou types "segm_map", ...

        Raises:
            ValueError: there is no such number.
        """
        validation.check_choice("key", key, self._settings().keys)
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
        with self._synchronised():
            return self._evaluation().result(chosen)

    def scalars(
        self,
        prefix: str = "",
        class_names: Mapping[int, str] | bool | None = None,
        undefined: Literal["drop", "keep", "nan"] = "drop",
    ) -> dict[str, float]:
        """The numbers of compute() as a flat dict of Python floats, of all processes where there are several.

        Lightning's `log_dict` and every experiment tracker take it.

        Args:
            prefix: goes before every key, for instance "val/".
            class_names: name by label; adds "map/<name>" per class; True takes the labels themselves.
            undefined: "drop" leaves undefined values out, "keep" gives -1.0, "nan" gives NaN.

        Raises:
            ValueError, TypeError: as Result.scalars.
        """
        settings = self._settings()
        found: dict[str, float] = {}
        with self._synchronised():
            evaluation = self._evaluation()
            for iou_type, of_type in settings.prefixes.items():
                result = evaluation.result(iou_type, with_rows=True)
                found |= result.scalars(f"{prefix}{of_type}", "torchmetrics", class_names, undefined)
        return found

    def compute_async(self) -> Future[dict[str, Any]]:
        """compute() on a thread, of the states as they are now: update() and reset() may follow at once.

        Where there are several processes, their states are gathered before this returns, in the calling thread.

        Returns:
            A future; its result() is what compute() gives, or raises what compute() would raise.
        """
        with self._synchronised():
            states = {name: list(getattr(self, name)) for name in self._defaults}
            if self._is_idle():
                return in_background(dict[str, Any])
        evaluation = Evaluation(self._settings(), states, lambda _, make: make())
        class_metrics = self.class_metrics
        return in_background(lambda: outputs.squeezed(evaluation.values(), class_metrics))

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
        """Plot the values of compute() or forward(), one dict or several, but for the arrays of extended_summary.

        Needs matplotlib.
        """
        values = self.compute() if val is None else val
        several = isinstance(values, (list, tuple))
        kept = [outputs.plotted(found) for found in (values if several else [values])]
        return self._plot(kept if several else kept[0], ax)

    def _apply(self, fn: Callable[..., Any], exclude_state: Sequence[str] = ()) -> Any:
        """Masks stay on the host, where they are evaluated."""
        found = super()._apply(fn, (*exclude_state, "detection_mask", "groundtruth_mask"))
        self.detection_labels = SharedList(self.detection_labels)
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "detection_labels" and isinstance(value, SharedList):
            value.holders[id(self)] = weakref.ref(self)

    def _synchronised(self) -> Any:
        """A context in which the states are those of all processes, where compute() would gather them."""
        return self.sync_context(
            dist_sync_fn=self.dist_sync_fn, should_sync=self._to_sync, should_unsync=self._should_unsync
        )

    def _is_idle(self) -> bool:
        """Whether another process computes what has been gathered."""
        return self.compute_on == "rank0" and self._is_synced and torch.distributed.get_rank(self.process_group) != 0

    def _once(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """make(), once for all metrics of a MetricCollection that share their states."""
        labels = self.detection_labels
        states = [getattr(self, name) for name in self._defaults]
        return labels.once(self, states, key, make) if isinstance(labels, SharedList) else make()

    def _settings(self) -> Settings:
        return Settings(
            box_format=self.box_format,
            iou_types=tuple(self.iou_type),
            iou_thresholds=tuple(self.iou_thresholds),
            rec_thresholds=tuple(self.rec_thresholds),
            limits=tuple(self.max_detection_thresholds),
            class_metrics=self.class_metrics,
            extended_summary=self.extended_summary,
            average=self.average,
            backend=self.backend,
            **self._own,
        )

    def _values_of_batch(self) -> dict[str, Any]:
        """Without torchmetrics' way around compute(), which has nothing to do for a batch of this process."""
        if self.dist_sync_on_step or type(self).compute is not MeanAveragePrecision.compute:
            values: dict[str, Any] = super()._values_of_batch()
            return values
        return outputs.squeezed(self._evaluation().values(), self.class_metrics)

    def _evaluation(self) -> Evaluation:
        labels = self.detection_labels
        others = labels.others(self, "detection_labels") if isinstance(labels, SharedList) else []
        return Evaluation(self._settings(), self.metric_state, self._once, [metric._settings() for metric in others])

    def _wrap_compute(self, compute: Callable[..., Any]) -> Callable[..., Any]:
        """torchmetrics takes the axis from tensors of one element; what callers iterate over gets it back."""
        wrapped = super()._wrap_compute(compute)

        @functools.wraps(compute)
        def with_axes(*args: Any, **kwargs: Any) -> Any:
            found = wrapped(*args, **kwargs)
            return outputs.with_axes(found, self.class_metrics) if isinstance(found, dict) else found

        return with_axes


def _spaced(start: float, end: float, n: int) -> list[float]:
    """Evenly spaced thresholds as torchmetrics has them: rounded to float32."""
    thresholds: list[float] = torch.linspace(start, end, n).tolist()
    return thresholds
