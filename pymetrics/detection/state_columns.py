"""From the metric's states, one tensor per image, to Columns: one concatenation per kind, one copy to the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..evaluation.columns import CROWD, IGNORE, Columns
from ..evaluation.on_device import Side, columns_of, corners_to_sizes
from ..kernels import arrays, cuda_backend

STATES = (
    "detection_box",
    "detection_mask",
    "detection_scores",
    "detection_labels",
    "groundtruth_box",
    "groundtruth_mask",
    "groundtruth_labels",
    "groundtruth_crowds",
    "groundtruth_area",
)
PORTION = 64
TABLE_SIZE = 1 << 20  # labels within a span up to this are looked up in a table


def as_columns(states: Mapping[str, Sequence[Any]], box_format: str) -> Columns:
    """The images in the order in which they came; the categories are the labels that any box has.

    states: the metric's lists by name; the boxes are in box_format.

    Raises:
        ValueError: a label is not an integer (after set_dtype) or beyond 32 bits; the message names sample and element.
    """
    n_dt, n_gt = (_lengths(states[f"{side}_labels"]) for side in ("detection", "groundtruth"))
    joined = {name: _joined(states[name]) for name in STATES if not name.endswith(("box", "mask"))}
    joined |= {name: _joined_boxes(states[name], box_format) for name in STATES if name.endswith("box")}
    on_gpu = _columns_on_device(joined, n_gt, n_dt)
    if on_gpu is not None:
        return on_gpu
    of = {name: _array(tensor) for name, tensor in _on_host(joined).items()}
    dt_labels, gt_labels = of["detection_labels"], of["groundtruth_labels"]
    _check_labels(dt_labels, n_dt, "predictions")
    _check_labels(gt_labels, n_gt, "targets")
    category_ids, dt_category, gt_category = index_labels(
        dt_labels.astype(np.int64, copy=False), gt_labels.astype(np.int64, copy=False)
    )

    gt_boxes = of["groundtruth_box"].reshape(-1, 4).astype(np.float64, copy=False)
    area, crowds = of["groundtruth_area"].astype(np.float64, copy=False), of["groundtruth_crowds"]
    gt_flags = (crowds != 0) * np.uint8(IGNORE) + (np.trunc(crowds) != 0) * np.uint8(CROWD)
    images = np.arange(len(n_gt), dtype=np.int32)
    return Columns(
        image_ids=images.astype(np.int64, copy=False),
        category_ids=category_ids,
        dt_image=np.repeat(images, n_dt),
        dt_category=dt_category,
        dt_boxes=of["detection_box"].reshape(-1, 4).astype(np.float64, copy=False),
        dt_scores=of["detection_scores"].astype(np.float64, copy=False),
        dt_area=np.empty(0),
        dt_flags=np.empty(0, np.uint8),
        gt_image=np.repeat(images, n_gt),
        gt_category=gt_category,
        gt_boxes=gt_boxes,
        gt_area=np.where(area > 0, area, gt_boxes[:, 2] * gt_boxes[:, 3]),
        gt_flags=gt_flags,
    )


def _columns_on_device(joined: dict[str, Any], n_gt: NDArray[np.int64], n_dt: NDArray[np.int64]) -> Columns | None:
    """Columns on the GPU where the joined states are; None: on the host."""
    scores = joined["detection_scores"]
    if not arrays.is_on_device(scores) or not cuda_backend.works(scores):
        return None

    def side(name: str, counts: NDArray[np.int64], **more: Any) -> Side:
        boxes = joined[f"{name}_box"].reshape(-1, 4)
        return Side(boxes=boxes, labels=joined[f"{name}_labels"], layout="xywh", counts=counts, **more)

    gt = side("groundtruth", n_gt, crowd=joined["groundtruth_crowds"], area=joined["groundtruth_area"])
    dt = side("detection", n_dt, scores=scores)
    images = np.arange(len(n_gt), dtype=np.int64)
    return columns_of(gt, dt, images=images, crowds_are_trunc=True, checks_values=False)


def index_labels(
    dt_labels: NDArray[np.int64], gt_labels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """The labels that occur, ascending (K,), and where among them the labels of each side stand."""
    filled = [labels for labels in (dt_labels, gt_labels) if len(labels)]
    if not filled:
        return np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.int32)
    low, high = min(int(labels.min()) for labels in filled), max(int(labels.max()) for labels in filled)
    if high - low >= TABLE_SIZE:
        known, inverse = np.unique(np.concatenate((dt_labels, gt_labels)), return_inverse=True)
        places: NDArray[np.int32] = inverse.astype(np.int32)
        return known, places[: len(dt_labels)], places[len(dt_labels) :]
    seen = np.zeros(high - low + 1, bool)
    for labels in filled:
        seen[labels - low] = True
    place_of: NDArray[np.int32] = (np.cumsum(seen) - 1).astype(np.int32)
    return np.flatnonzero(seen) + low, place_of[dt_labels - low], place_of[gt_labels - low]


def _lengths(tensors: Sequence[Any]) -> NDArray[np.int64]:
    return np.array([tensor.numel() for tensor in tensors], np.int64)


def _joined(tensors: Sequence[Any]) -> Any:
    """One tensor of all rows, in their own dtype; where there are several dtypes, in the widest of their kind.

    Empty tensors may have any shape and dtype.
    """
    parts = [tensor for tensor in tensors if tensor.numel()]
    if not parts:
        return torch.empty(0, dtype=torch.int64, device="cpu")
    if len({part.dtype for part in parts}) > 1:
        floats = any(part.is_floating_point() for part in parts)
        parts = [part.to(torch.float64 if floats else torch.int64) for part in parts]
    # In portions, which torch joins without waking its threads: they cost more than the copy of so small tensors.
    return torch.cat([torch.cat(parts[i : i + PORTION]) for i in range(0, len(parts), PORTION)])


def _joined_boxes(tensors: Sequence[Any], box_format: str) -> Any:
    """The same for boxes, as x, y, width, height: conversions round, so they come before any change of dtype."""
    if len({tensor.dtype for tensor in tensors}) > 1:
        return _joined([corners_to_sizes(tensor, box_format).to(torch.float64) for tensor in tensors if tensor.numel()])
    joined = _joined(tensors)  # a tensor of its own
    if joined.numel() and box_format == "xyxy":
        joined[:, 2:] -= joined[:, :2]
        return joined
    return corners_to_sizes(joined, box_format) if joined.numel() else joined


def _on_host(tensors: dict[str, Any]) -> dict[str, Any]:
    """The tensors on the CPU; those on one device come over in one copy."""
    away = {name: tensor for name, tensor in tensors.items() if tensor.device.type != "cpu"}
    if len({tensor.device for tensor in away.values()}) == 1:
        return tensors | _in_one_copy(away)
    return tensors | {name: tensor.cpu() for name, tensor in away.items()}


def _in_one_copy(tensors: dict[str, Any]) -> dict[str, Any]:
    """The tensors on the CPU, by way of one buffer; wide dtypes first, so that all of them are aligned in it."""
    names = sorted(tensors, key=lambda name: -tensors[name].element_size())
    buffer = torch.cat([tensors[name].contiguous().reshape(-1).view(torch.uint8) for name in names]).cpu()
    parts = buffer.split([tensors[name].nbytes for name in names])
    return {
        name: part.view(tensors[name].dtype).reshape(tensors[name].shape)
        for name, part in zip(names, parts, strict=True)
    }


def _array(tensor: Any) -> NDArray[Any]:
    """A CPU tensor as numpy sees it. From here on numpy computes: torch would wake its threads for each small step."""
    array: NDArray[Any] = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
    return array


def _check_labels(labels: NDArray[Any], counts: NDArray[np.int64], side: str) -> None:
    """update() looks at dtypes; set_dtype changes them, and values are not read before now."""
    if labels.dtype.kind == "f" and len(labels):
        i = int(np.argmax(counts > 0))
        raise ValueError(
            f"Invalid input class of sample {i}, element 0 (expected value of type integer, got type {float}) in {side}"
        )
    if labels.dtype.itemsize > 4 and len(labels) and not -(2**31) <= int(labels.min()) <= int(labels.max()) < 2**31:
        row, ends = int(np.argmax((labels < -(2**31)) | (labels >= 2**31))), np.cumsum(counts)
        i = int(np.searchsorted(ends, row, side="right"))
        k = row - int(ends[i] - counts[i])
        raise ValueError(
            f"Invalid input class of sample {i}, element {k} (expected 32 bits, got {int(labels[row])}) in {side}"
        )
