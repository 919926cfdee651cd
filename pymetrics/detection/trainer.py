"""TrainerMetrics: MeanAveragePrecision as Hugging Face's Trainer calls its `compute_metrics`."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import torch

from .._warnings import warn
from .mean_ap import MeanAveragePrecision


class TrainerMetrics:
    """`compute_metrics` of a transformers.Trainer for object detection, batch by batch.

    Needs TrainingArguments(batch_eval_metrics=True, eval_do_concat_batches=False). No logits are kept.

    Args:
        processor: the model's image processor; its post_process_object_detection is called with threshold 0.
        metric: a MeanAveragePrecision of boxes with box_format "xyxy"; None: one that takes the threshold lists of COCO
            and does not warn of many detections.
        class_names: name by label, for instance model.config.id2label; adds "map/<name>" per class; True takes the
            labels themselves.

    Raises:
        ValueError: the metric has another box_format.
    """

    def __init__(
        self,
        processor: Any,
        metric: MeanAveragePrecision | None = None,
        class_names: Mapping[int, str] | bool | None = None,
    ) -> None:
        if metric is None:
            metric = MeanAveragePrecision(thresholds="coco")
            metric.warn_on_many_detections = False
        if metric.box_format != "xyxy" or tuple(metric.iou_type) != ("bbox",):
            raise ValueError(
                f'Expected argument `metric` to be of boxes with box_format "xyxy" but got {metric.iou_type} with '
                f"{metric.box_format!r}"
            )
        self.processor = processor
        self.metric = metric
        self.class_names = class_names
        self._most_images = 0  # of one batch

    def __call__(self, eval_pred: Any, compute_result: bool = True) -> dict[str, float]:
        """Take in a batch.

        Args:
            eval_pred: predictions: a tuple of logits (B, queries, classes + 1), pred_boxes (B, queries, 4) and more,
                maybe after a dict of losses; label_ids: B dicts of boxes (centre and size in parts of the image),
                class_labels and orig_size, (height, width); also iscrowd and area, in square pixels, where they are.
            compute_result: whether it was the last batch.

        Returns:
            After the last batch the numbers of all of them as floats, undefined ones left out; else {}.

        Raises:
            ValueError: as MeanAveragePrecision.update; or the predictions of several batches are concatenated.
        """
        predictions = eval_pred.predictions
        logits, boxes = predictions[1:3] if isinstance(predictions[0], Mapping) else predictions[:2]
        labels = list(eval_pred.label_ids)
        if any(not isinstance(label, Mapping) for label in labels) or len(labels) != len(logits):
            raise ValueError(
                f"label_ids must be one dict for each of {len(logits)} images: pass "
                "TrainingArguments(batch_eval_metrics=True, eval_do_concat_batches=False)"
            )
        self._check_last_batch(labels)
        sizes = torch.stack([torch.as_tensor(label["orig_size"]).cpu() for label in labels])
        found = self.processor.post_process_object_detection(
            SimpleNamespace(logits=torch.as_tensor(logits).cpu(), pred_boxes=torch.as_tensor(boxes).cpu()),
            threshold=0.0,
            target_sizes=sizes,
        )
        self.metric.update(found, [_target(label, size) for label, size in zip(labels, sizes, strict=True)])
        if not compute_result:
            return {}
        self._most_images = 0
        values = self.metric.scalars(class_names=self.class_names)
        self.metric.reset()
        return values

    def _check_last_batch(self, labels: list[Mapping[str, Any]]) -> None:
        """accelerate cuts every tensor of a last batch of n images to n rows, those of labels too."""
        n = len(labels)
        remedy = "choose a per_device_eval_batch_size that divides the number of images"
        for i, label in enumerate(labels):
            if len(label["orig_size"]) != 2:
                raise ValueError(
                    f"orig_size of label {i} must be (height, width), got {label['orig_size']!r}: accelerate cuts the "
                    f"labels of a last batch that is smaller; {remedy}"
                )
        if n < self._most_images and max(len(label["class_labels"]) for label in labels) == n:
            warn(
                f"the last batch has {n} images, and no label has more than {n} objects: accelerate cuts the labels of "
                f"a last batch that is smaller; {remedy}"
            )
        self._most_images = max(self._most_images, n)


def _target(label: Mapping[str, Any], size: torch.Tensor) -> dict[str, torch.Tensor]:
    """What update() takes, from the labels of an image."""
    height, width = size.tolist()
    x, y, w, h = torch.as_tensor(label["boxes"]).cpu().reshape(-1, 4).unbind(1)
    corners = torch.stack((x - 0.5 * w, y - 0.5 * h, x + 0.5 * w, y + 0.5 * h), 1)
    found = {
        "boxes": corners * torch.tensor([width, height, width, height]),
        "labels": torch.as_tensor(label["class_labels"]).cpu(),
    }
    if "iscrowd" in label:
        found["iscrowd"] = torch.as_tensor(label["iscrowd"]).cpu()
    return found
