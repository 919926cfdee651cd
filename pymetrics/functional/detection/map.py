"""mean_average_precision: torchmetrics' function of this name, with the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from ...detection import MeanAveragePrecision, validation


def mean_average_precision(
    preds: Sequence[dict[str, Any]],
    target: Sequence[dict[str, Any]],
    box_format: Literal["xyxy", "xywh", "cxcywh"] = "xyxy",
    iou_type: Any = "bbox",
    iou_thresholds: Sequence[float] | None = None,
    rec_thresholds: Sequence[float] | None = None,
    max_detection_thresholds: Sequence[int] | None = None,
    class_metrics: bool = False,
    extended_summary: bool = False,
    average: Literal["macro", "micro"] = "macro",
    backend: Literal["pycocotools", "faster_coco_eval"] = "pycocotools",
    warn_on_many_detections: bool = True,
) -> dict[str, Any]:
    """Mean average precision and recall of some images; pymetrics.detection.MeanAveragePrecision explains the rest.

    Args:
        preds, target: one dict per image, as for the metric's update().
        iou_thresholds, rec_thresholds, max_detection_thresholds: sequences of any kind.
        warn_on_many_detections: warn of images with more detections than the last limit.

    Returns:
        The dict of the metric's compute().

    Raises:
        ValueError, TypeError: an argument is wrong; first the images are looked at, as in torchmetrics.
    """
    shapes = validation.items_of(validation.as_iou_types(iou_type))
    validation.check_inputs(preds, target, box_format, shapes)
    metric = MeanAveragePrecision(
        box_format=box_format,
        iou_type=iou_type,
        iou_thresholds=list(iou_thresholds or ()),
        rec_thresholds=list(rec_thresholds or ()),
        max_detection_thresholds=list(max_detection_thresholds or (1, 10, 100)),
        class_metrics=bool(class_metrics),
        extended_summary=bool(extended_summary),
        average=average,
        backend=backend,
    )
    metric.warn_on_many_detections = warn_on_many_detections
    metric.update(preds, target)
    found: dict[str, Any] = metric.compute()
    return found
