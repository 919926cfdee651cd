"""IntersectionOverUnion: torchmetrics' metric, which keeps boxes in place of matrices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from . import overlaps, validation
from .list_metric import ListMetric
from .state_columns import copied_boxes


class IntersectionOverUnion(ListMetric):
    """Mean IoU of all pairs of a detection and a ground truth of one image: torchmetrics' class, with the same numbers.

    Args:
        box_format: "xyxy", "xywh" or "cxcywh", in pixels.
        iou_threshold: overlaps below it do not count.
        class_metrics: also give the mean over the ground truths of each class.
        respect_labels: only pairs of one label count.
        **kwargs: of torchmetrics.Metric.

    Raises:
        ValueError: an argument is none of the above.
    """

    is_differentiable: bool = False
    higher_is_better: bool | None = True
    full_state_update: bool = True

    _iou_type: overlaps.Kind = "iou"
    _invalid_val: float = -1.0  # stands for a pair that does not count

    def __init__(
        self,
        box_format: str = "xyxy",
        iou_threshold: float | None = None,
        class_metrics: bool = False,
        respect_labels: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        validation.check_choice("box_format", box_format, validation.BOX_FORMATS)
        self.box_format = box_format
        self.iou_threshold = iou_threshold
        validation.check_bool("class_metrics", class_metrics)
        self.class_metrics = class_metrics
        validation.check_bool("respect_labels", respect_labels)
        self.respect_labels = respect_labels
        for name in ("groundtruth_labels", "pred_labels", "groundtruth_boxes", "pred_boxes"):
            self.add_state(name, default=[], dist_reduce_fx=None)

    def update(self, preds: Sequence[dict[str, Any]], target: Sequence[dict[str, Any]]) -> None:
        """Take in a batch: one dict per image of boxes (n, 4) and labels (n,), on either side.

        Boxes and labels are copied.

        Raises:
            ValueError: something is wrong; the states are as before.
        """
        validation.check_samples(preds, target, scores=())
        for i, (pred, truth) in enumerate(zip(preds, target, strict=True)):
            self._check(pred, truth, i)
        self.pred_boxes.extend(copied_boxes(preds))
        self.groundtruth_boxes.extend(copied_boxes(target))
        self.pred_labels.extend(item["labels"].clone() for item in preds)
        self.groundtruth_labels.extend(item["labels"].clone() for item in target)

    def compute(self) -> dict[str, Any]:
        """The mean over all pairs that count, 0 without any; with class_metrics also iou/cl_{label} of each label.

        The keys start with the kind: iou, giou, diou, ciou.
        """
        matrices = list(self._matrices())
        counted = [values[values != self._invalid_val] for values in matrices]
        counted = [values for values in counted if values.numel()]
        mean = torch.cat(counted).mean() if counted else torch.tensor(0.0, device=self.device)
        found: dict[str, Any] = {self._iou_type: torch.tensor(0.0, device=mean.device) if torch.isnan(mean) else mean}
        if self.class_metrics:
            found |= self._of_classes(matrices, mean)
        return found

    def plot(self, val: Any = None, ax: Any = None) -> Any:
        """Plot the values of compute() or forward(), one dict or several; needs matplotlib."""
        return self._plot(val, ax)

    def _check(self, pred: dict[str, Any], truth: dict[str, Any], i: int) -> None:
        """One image. torchmetrics' texts where it has one."""
        sides = [_with_axes(item["boxes"]) for item in (pred, truth)]
        for boxes in sides:
            if boxes.numel() and boxes.shape[-1:] != (4,) and boxes.ndim and self.box_format != "xyxy":
                validation.check_unpacking(boxes, i)
        overlaps.check_shapes(*sides)
        for name, boxes, labels in zip(("preds", "target"), sides, (pred["labels"], truth["labels"]), strict=True):
            if boxes.numel() and boxes.dtype not in validation.NUMBERS:
                raise ValueError(f"Expected boxes of sample {i} in {name} to be numbers, got {boxes.dtype}")
            if self.respect_labels and len(sides[0]) and len(sides[1]) and labels.shape != boxes.shape[:1]:
                raise ValueError(
                    f"Input 'boxes' and labels of sample {i} in {name} have a different length "
                    f"(expected {len(boxes)} labels, got labels of shape {tuple(labels.shape)})"
                )

    def _matrices(self) -> Iterator[Any]:
        """Each image's overlaps, (detections, ground truths); where one side is empty, zeros of the other's size."""
        images = zip(self.pred_boxes, self.groundtruth_boxes, self.pred_labels, self.groundtruth_labels, strict=True)
        for pred_boxes, true_boxes, pred_labels, true_labels in images:
            sides = [overlaps.corners(boxes, self.box_format) for boxes in (pred_boxes, true_boxes)]
            values = overlaps.matrix(self._iou_type, sides[0], sides[1], self.iou_threshold, self._invalid_val)
            if self.respect_labels:
                if pred_boxes.numel() and true_boxes.numel():
                    same = pred_labels[:, None] == true_labels[None, :]
                else:
                    same = torch.eye(len(values), dtype=torch.bool, device=values.device)
                values[~same] = self._invalid_val
            yield values

    def _of_classes(self, matrices: list[Any], mean: Any) -> dict[str, Any]:
        """By key: the mean over the pairs of ground truths of each label; 0 where there are none."""
        labels = [*self.groundtruth_labels, *self.pred_labels]
        classes = torch.cat(labels).unique().tolist() if labels else []
        sums = {label: torch.zeros_like(mean) for label in classes}
        counts = {label: torch.zeros_like(mean) for label in classes}
        for values, true_labels in zip(matrices, self.groundtruth_labels, strict=True):
            for label in true_labels.unique().tolist():
                part = values[:, true_labels == label]
                part = part[part != self._invalid_val]
                sums[label] += part.sum()
                counts[label] += part.numel()
        zero = torch.tensor(0.0, device=mean.device)
        return {
            f"{self._iou_type}/cl_{label}": sums[label] / counts[label] if counts[label] else zero.clone()
            for label in classes
        }


def _with_axes(boxes: Any) -> Any:
    return boxes.unsqueeze(0) if boxes.ndim == 1 and not boxes.numel() else boxes
