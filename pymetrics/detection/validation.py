"""What MeanAveragePrecision refuses: torchmetrics' complaints in torchmetrics' order and words, and some of our own.

torchmetrics finds some mistakes only in compute(), when every batch is mixed in; here they are errors of update().
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torchmetrics.utilities import rank_zero_warn

from .mask_states import are_listed

BOX_FORMATS = ("xyxy", "xywh", "cxcywh")
IOU_TYPES = ("segm", "bbox")
ITEMS = {"bbox": "boxes", "segm": "masks", "keypoints": "keypoints"}
AVERAGES = ("macro", "micro")
BACKENDS = ("pycocotools", "faster_coco_eval")
THRESHOLDS = ("torchmetrics", "coco")
FLOATS = frozenset((torch.float32, torch.float64, torch.float16, torch.bfloat16))
INTEGERS = frozenset((torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool))
PLAIN = FLOATS | INTEGERS
NUMBERS = PLAIN - {torch.bool}  # what torch can subtract: boxes that are converted must be of one of these


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """The argument `name` must be one of the choices."""
    if value not in choices:
        raise ValueError(f"Expected argument `{name}` to be one of {choices} but got {value}")


def check_bool(name: str, value: Any) -> None:
    """The argument `name` must be True or False."""
    if not isinstance(value, bool):
        raise ValueError(f"Expected argument `{name}` to be a boolean")


def as_iou_types(iou_type: Any) -> Any:
    """The iou types as torchmetrics keeps them: a str becomes a tuple, anything else stays."""
    iou_types = (iou_type,) if isinstance(iou_type, str) else iou_type
    if any(kind not in ITEMS for kind in iou_types):
        raise ValueError(f"Expected argument `iou_type` to be one of {IOU_TYPES} or a tuple of, but got {iou_types}")
    return iou_types


def check_any_iou_type(iou_types: Any) -> None:
    """torchmetrics takes an empty list of them, and then has nothing to compute."""
    if not len(iou_types):
        raise ValueError(f"Expected argument `iou_type` to name at least one of {IOU_TYPES} but got {iou_types}")


def items_of(iou_types: Any) -> tuple[str, ...]:
    """The keys of a sample that hold its shapes."""
    return tuple(ITEMS[kind] for kind in iou_types)


def check_list(name: str, value: Any, kind: str) -> None:
    """None or a list; torchmetrics looks no further."""
    if value is not None and not isinstance(value, list):
        raise ValueError(f"Expected argument `{name}` to either be `None` or a list of {kind} but got {value}")


def as_limits(limits: list[int] | None) -> list[int]:
    """Three limits, ascending, as torchmetrics keeps them; None and [] mean 1, 10, 100."""
    if limits is not None and len(limits) != 3:
        raise ValueError(
            f"When providing a list of max detection thresholds it should have length 3. Got value {len(limits)}"
        )
    ordered: list[int] = torch.sort(torch.tensor(limits or [1, 10, 100], dtype=torch.int))[0].tolist()
    if ordered[0] < 0:
        raise ValueError(f"Expected argument `max_detection_thresholds` to hold no negative limits but got {limits}")
    return ordered


def check_numbers(name: str, values: list[Any]) -> None:
    """Thresholds must be numbers: torchmetrics would stop in compute(), or match anything to a NaN."""
    for i, value in enumerate(values):
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if math.isnan(number):
            raise ValueError(f"Expected argument `{name}` to hold numbers but got {value!r} at index {i}")


def is_sound(preds: Any, target: Any) -> bool:
    """Whether a batch of boxes has no fault: one quick pass over what check_inputs() checks one by one."""
    if not (isinstance(preds, Sequence) and isinstance(target, Sequence) and len(preds) == len(target)):
        return False
    try:
        for items, keys in ((preds, ("scores",)), (target, ("iscrowd", "area"))):
            for item in items:
                boxes, labels = item["boxes"], item["labels"]
                shape = labels.shape
                if len(shape) != 1 or boxes.shape != (shape[0], 4):
                    return False
                if boxes.dtype not in NUMBERS or labels.dtype not in INTEGERS:
                    return False
                for key in keys:
                    if key == "scores" or key in item:
                        column = item[key]
                        if column.shape != shape or column.dtype not in (FLOATS if key == "scores" else PLAIN):
                            return False
    except (AttributeError, KeyError, TypeError):
        return False
    return True


def check_samples(
    preds: Any, target: Any, shapes: tuple[str, ...] = ("boxes",), scores: tuple[str, ...] = ("scores",)
) -> None:
    """Sequences of one length, of dicts of tensors; in target as many boxes or masks as labels.

    shapes: the keys of boxes and masks; masks may be lists, of runs or of polygons. scores: their key, or nothing.

    Raises:
        ValueError: something is wrong.
    """
    for name, items in (("preds", preds), ("target", target)):
        if not isinstance(items, Sequence):
            raise ValueError(f"Expected argument `{name}` to be of type Sequence, but got {items}")
    if len(preds) != len(target):
        raise ValueError(
            f"Expected argument `preds` and `target` to have the same length, but got {len(preds)} and {len(target)}"
        )
    for name, items, keys in (
        ("preds", preds, (*shapes, "labels", *scores)), ("target", target, (*shapes, "labels"))
    ):  # fmt: skip
        for key in keys:
            if any(key not in item for item in items):
                raise ValueError(f"Expected all dicts in `{name}` to contain the `{key}` key")
    for name, items, keys in (
        ("preds", preds, (*shapes, *scores, "labels")), ("target", target, (*shapes, "labels"))
    ):  # fmt: skip
        for key in keys:
            if not all(_has_type(item[key], key) for item in items):
                raise ValueError(f"Expected all {key} in `{name}` to be of type Tensor")

    for i, item in enumerate(target):
        for key in shapes:
            n, n_labels = (_length(item[name], name, i, "targets") for name in (key, "labels"))
            if n != n_labels:
                raise ValueError(
                    f"Input '{key}' and labels of sample {i} in targets have a different length "
                    f"(expected {n} labels, got {n_labels})"
                )


def _has_type(value: Any, key: str) -> bool:
    return isinstance(value, torch.Tensor) or (key == "masks" and are_listed(value))


def check_inputs(preds: Any, target: Any, box_format: str, shapes: tuple[str, ...] = ("boxes",)) -> None:
    """The arguments of update(), before any of them is kept. Reads shapes and dtypes, never values; masks not yet.

    Raises:
        ValueError: something is wrong; the message names the sample of this update and the element.
    """
    check_samples(preds, target, shapes)
    for i, item in enumerate(preds):
        for key in shapes:
            n, n_labels, n_scores = (_length(item[name], name, i, "predictions") for name in (key, "labels", "scores"))
            if not n == n_labels == n_scores:
                raise ValueError(
                    f"Input '{key}', labels and scores of sample {i} in predictions have a different length "
                    f"(expected {n} labels and scores, got {n_labels} labels and {n_scores})"
                )

    for i, item in enumerate(target):
        if item["labels"].shape[0]:
            if "boxes" in shapes:
                _check_boxes(item["boxes"], box_format, i, "targets")
            _check_labels(item["labels"], i)
            if "keypoints" in shapes:
                _check_poses(item["keypoints"], i, "targets")
                if "area" not in item:
                    raise ValueError(f"Expected all dicts in `target` to contain the `area` key: sample {i} has none")
            for key in ("iscrowd", "area"):
                if key in item:
                    _check_extra(item[key], key, item["labels"].shape[0], i)
    for i, item in enumerate(preds):
        if item["labels"].shape[0]:
            if "boxes" in shapes:
                _check_boxes(item["boxes"], box_format, i, "predictions")
            if "keypoints" in shapes:
                _check_poses(item["keypoints"], i, "predictions")
            _check_labels(item["labels"], i)
            _check_scores(item["scores"], i)


def _length(values: Any, key: str, i: int, side: str) -> int:
    if isinstance(values, torch.Tensor) and not values.ndim:
        raise ValueError(f"Input '{key}' of sample {i} in {side} must have one row per box, got {values!r}")
    return len(values)


def _check_boxes(boxes: Any, box_format: str, i: int, side: str) -> None:
    if boxes.ndim != 2:
        raise ValueError(
            f"Invalid input box of sample {i}, element 0 (expected shape (num_boxes, 4), got {tuple(boxes.shape)}) "
            f"in {side}"
        )
    if boxes.shape[1] != 4:
        if box_format != "xywh":
            check_unpacking(boxes, i)
        raise _not_four(boxes, i)
    if boxes.is_complex() or (boxes.dtype not in NUMBERS and box_format != "xywh"):
        raise ValueError(f"Invalid input box of sample {i}, element 0 (expected numbers, got {boxes.dtype}) in {side}")


def _check_poses(poses: Any, i: int, side: str) -> None:
    if poses.ndim != 3 or poses.shape[2] != 3 or poses.is_complex():
        raise ValueError(
            f"Invalid input keypoints of sample {i}, element 0 (expected shape (num_poses, num_keypoints, 3), got "
            f"{poses.dtype} {tuple(poses.shape)}) in {side}"
        )


def _not_four(boxes: Any, i: int) -> ValueError:
    return ValueError(f"Invalid input box of sample {i}, element 0 (expected 4 values, got {boxes.shape[-1]})")


def check_unpacking(boxes: Any, i: int) -> None:
    """Boxes that are converted must have four values: torchmetrics unpacks them, and gives Python's own text."""
    try:
        _, _, _, _ = tuple(range(boxes.shape[-1]))
    except ValueError as error:
        raise ValueError(str(error)) from _not_four(boxes, i)


def _check_labels(labels: Any, i: int) -> None:
    if labels.ndim != 1 or labels.is_floating_point() or labels.is_complex():
        raise ValueError(
            f"Invalid input class of sample {i}, element 0 (expected value of type integer, got type "
            f"{type(labels[0].tolist())})"
        )


def _check_scores(scores: Any, i: int) -> None:
    if scores.ndim != 1 or not scores.is_floating_point():
        raise ValueError(
            f"Invalid input score of sample {i}, element 0 (expected value of type float, got type "
            f"{type(scores[0].tolist())})"
        )


def is_column(values: Any) -> bool:
    """A tensor of one axis. Nothing else is right, but of images without objects torchmetrics accepts anything."""
    return isinstance(values, torch.Tensor) and values.ndim == 1


def _check_extra(values: Any, key: str, n: int, i: int) -> None:
    """iscrowd and area: torchmetrics takes the first n of them, and so do we, but not silently."""
    if not isinstance(values, torch.Tensor):
        raise ValueError(f"Expected {key} of sample {i} in targets to be of type Tensor, got {type(values).__name__}")
    if values.ndim != 1 or values.shape[0] < n or values.is_complex():
        raise ValueError(
            f"Input '{key}' of sample {i} in targets must have one number per label, {n} of them, got {values.dtype} "
            f"of shape {tuple(values.shape)}"
        )
    if values.shape[0] > n:
        rank_zero_warn(
            f"Input '{key}' of sample {i} in targets has {values.shape[0]} values for {n} labels; as in torchmetrics, "
            "the first ones are taken",
            UserWarning,
        )


def warn_of_many_detections(limit: int) -> None:
    """One image has more detections than any limit lets through."""
    rank_zero_warn(
        f"Encountered more than {limit} detections in a single image. This means that certain detections with the"
        " lowest scores will be ignored, that may have an undesirable impact on performance. Please consider adjusting"
        " the `max_detection_threshold` to suit your use case. To disable this warning, set attribute class"
        " `warn_on_many_detections=False`, after initializing the metric.",
        UserWarning,
    )
