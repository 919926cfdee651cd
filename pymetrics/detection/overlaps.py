"""torchmetrics' functions of overlaps: of all pairs of boxes, as tensors, rounded step by step as torchvision's."""

from __future__ import annotations

from typing import Any, Literal

import torch

Kind = Literal["iou", "giou", "diou", "ciou"]
EPS = 1e-7


def intersection_over_union(
    preds: Any, target: Any, iou_threshold: float | None = None, replacement_val: float = 0, aggregate: bool = True
) -> Any:
    """IoU of two sets of boxes: torchmetrics.functional.detection's function of this name, without torchvision.

    Args:
        preds: boxes (N, 4), two corners each, in pixels.
        target: boxes (M, 4).
        iou_threshold: overlaps below it become replacement_val.
        replacement_val: their value.
        aggregate: give the mean of the diagonal, which needs N = M, in place of the matrix.

    Returns:
        A tensor without axes, 0 without boxes; or (N, M). If one side is empty, zeros: of the other's size, squared.

    Raises:
        ValueError: preds or target are not (N, 4).
    """
    return _overlap("iou", preds, target, iou_threshold, replacement_val, aggregate)


def generalized_intersection_over_union(
    preds: Any, target: Any, iou_threshold: float | None = None, replacement_val: float = 0, aggregate: bool = True
) -> Any:
    """Generalized IoU: the IoU less the share of the enclosing box that neither covers. See intersection_over_union."""
    return _overlap("giou", preds, target, iou_threshold, replacement_val, aggregate)


def distance_intersection_over_union(
    preds: Any, target: Any, iou_threshold: float | None = None, replacement_val: float = 0, aggregate: bool = True
) -> Any:
    """Distance IoU: the IoU less (distance of the centres / enclosing diagonal)². See intersection_over_union."""
    return _overlap("diou", preds, target, iou_threshold, replacement_val, aggregate)


def complete_intersection_over_union(
    preds: Any, target: Any, iou_threshold: float | None = None, replacement_val: float = 0, aggregate: bool = True
) -> Any:
    """Complete IoU: the distance IoU less a term for unlike aspect ratios. See intersection_over_union."""
    return _overlap("ciou", preds, target, iou_threshold, replacement_val, aggregate)


def _overlap(
    kind: Kind, preds: Any, target: Any, iou_threshold: float | None, replacement_val: float, aggregate: bool
) -> Any:
    check_shapes(preds, target)
    values = matrix(kind, preds, target, iou_threshold, replacement_val)
    if not aggregate:
        return values
    return values.diag().mean() if values.numel() else torch.tensor(0.0, device=values.device)


def check_shapes(preds: Any, target: Any) -> None:
    """Both (N, 4), empty ones too. Raises ValueError otherwise."""
    for name, boxes in (("preds", preds), ("target", target)):
        if boxes.ndim != 2 or boxes.shape[-1] != 4:
            raise ValueError(f"Expected {name} to be of shape (N, 4) but got {boxes.shape}")


def matrix(kind: Kind, preds: Any, target: Any, threshold: float | None, replacement: float) -> Any:
    """(N, M) of boxes with two corners; where one side is empty, zeros (N, N) or (M, M) in float32.

    Values below the threshold become the replacement.
    """
    if not preds.numel() or not target.numel():
        full = preds if preds.numel() else target
        return torch.zeros(len(full), len(full), device=full.device, dtype=torch.float32)
    values = OVERLAPS[kind](preds, target)
    if threshold is not None:
        values[values < threshold] = replacement
    return values


def corners(boxes: Any, box_format: str) -> Any:
    """Boxes (N, 4) as two corners, rounded in their own dtype."""
    if box_format == "xyxy" or not boxes.numel():
        return boxes
    x, y, width, height = boxes.unbind(-1)
    if box_format == "xywh":
        return torch.stack((x, y, x + width, y + height), -1)
    half_width, half_height = 0.5 * width, 0.5 * height
    return torch.stack((x - half_width, y - half_height, x + half_width, y + half_height), -1)


def _wide(values: Any) -> Any:
    """Half floats as float32, short integers as int32, as torchvision widens what it multiplies."""
    if values.is_floating_point():
        return values if values.dtype in (torch.float32, torch.float64) else values.float()
    return values if values.dtype in (torch.int32, torch.int64) else values.int()


def _area(boxes: Any) -> Any:
    boxes = _wide(boxes)
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _sides(low: Any, high: Any) -> Any:
    """Widths and heights (N, M, 2), at least 0."""
    return _wide(high - low).clamp(min=0)


def _enclosing(one: Any, other: Any) -> Any:
    low = torch.min(one[:, None, :2], other[None, :, :2])
    return _sides(low, torch.max(one[:, None, 2:], other[None, :, 2:]))


def _intersection_and_union(one: Any, other: Any) -> tuple[Any, Any]:
    areas = _area(one)[:, None], _area(other)[None, :]  # first, since the order of steps decides a gradient's last bit
    low = torch.max(one[:, None, :2], other[None, :, :2])
    sides = _sides(low, torch.min(one[:, None, 2:], other[None, :, 2:]))
    intersection = sides[..., 0] * sides[..., 1]
    return intersection, areas[0] + areas[1] - intersection


def _iou(one: Any, other: Any) -> Any:
    intersection, union = _intersection_and_union(one, other)
    return intersection / union


def _giou(one: Any, other: Any) -> Any:
    intersection, union = _intersection_and_union(one, other)
    sides = _enclosing(one, other)
    area = sides[..., 0] * sides[..., 1]
    return intersection / union - (area - union) / area


def _diou_and_iou(one: Any, other: Any) -> tuple[Any, Any]:
    iou = _iou(one, other)
    sides = _enclosing(one, other)
    diagonal = sides[..., 0] ** 2 + sides[..., 1] ** 2 + EPS  # squared, as the distance
    x, y, other_x, other_y = ((boxes[:, k] + boxes[:, k + 2]) / 2 for boxes in (one, other) for k in (0, 1))
    distance = (x[:, None] - other_x[None, :]) ** 2 + (y[:, None] - other_y[None, :]) ** 2
    return iou - distance / diagonal, iou


def _diou(one: Any, other: Any) -> Any:
    return _diou_and_iou(_wide(one), _wide(other))[0]


def _ciou(one: Any, other: Any) -> Any:
    """alpha, the weight of the aspect ratios, is a constant for the gradient."""
    one, other = _wide(one), _wide(other)
    diou, iou = _diou_and_iou(one, other)
    angles = torch.atan((one[:, None, 2] - one[:, None, 0]) / (one[:, None, 3] - one[:, None, 1]))
    other_angles = torch.atan((other[None, :, 2] - other[None, :, 0]) / (other[None, :, 3] - other[None, :, 1]))
    unlike = (4 / torch.pi**2) * torch.pow(angles - other_angles, 2)
    with torch.no_grad():
        alpha = unlike / (1 - iou + unlike + EPS)
    return diou - alpha * unlike


OVERLAPS = {"iou": _iou, "giou": _giou, "diou": _diou, "ciou": _ciou}
