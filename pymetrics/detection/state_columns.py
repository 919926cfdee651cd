"""From the metric's states, one tensor per image, to Columns: one concatenation per kind, one copy to the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..evaluation.build_columns import build_columns
from ..evaluation.columns import CROWD, IGNORE, Axes, Columns, Side
from ..evaluation.shapes import as_shape
from ..formats.boxes import RawBoxes, corners_to_sizes
from ..formats.coco import XYWH
from ..formats.ids import joined_ids, positions
from ..formats.keypoints import RawPoses, joined_points, with_unlabelled_ignored
from ..formats.masks import RawMasks
from ..formats.source import Source, SourceAxes
from ..kernels import arrays
from .mask_states import unpacked

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
OF_BOXES = tuple(name for name in STATES if name.endswith("box"))
OF_ROWS = tuple(name for name in STATES if not name.endswith(("box", "mask")))  # one number of each
PORTION = 64
BOXES = as_shape("bbox")
NO_FLOATS, NO_FLAGS = np.empty(0), np.empty(0, np.uint8)


def copied_boxes(items: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Copies of the boxes of some images, so that the caller may change its tensors. Empty boxes are not copied.

    Boxes of one axis, which are empty, get a second one, (1, 0), as in torchmetrics.
    """
    found = [item["boxes"] for item in items]
    if len(found) > 1 and len({(boxes.dtype, boxes.device, boxes.shape[1:]) for boxes in found}) == 1:
        portions = (found[i : i + PORTION] for i in range(0, len(found), PORTION))
        if found[0].ndim == 2:  # copied together, kept as parts of one tensor: few calls of torch for many images
            return [
                boxes
                for portion in portions
                for boxes in torch.cat(portion).split([boxes.shape[0] for boxes in portion])
            ]
    return [boxes.clone() if boxes.numel() else boxes.unsqueeze(0) if boxes.ndim == 1 else boxes for boxes in found]


def detached(tensor: Any) -> Any:
    """The tensor itself, or without its graph."""
    return tensor.detach() if tensor.requires_grad else tensor


def kept_tensor(tensor: Any) -> Any:
    """The tensor itself, or without its graph; a copy where it would keep over twice its memory alive."""
    if tensor.requires_grad:
        tensor = tensor.detach()
    return tensor.clone() if tensor.untyped_storage().nbytes() > 2 * tensor.nbytes else tensor


def as_columns(
    states: Mapping[str, Sequence[Any]], box_format: str, iou_types: Sequence[str] = ("bbox",), *,
    all_images: bool = False, duplicates: str | None = None, sigmas: tuple[float, ...] | None = None,
) -> dict[str, Columns]:  # fmt: skip
    """By iou type: the images in the order in which they came; the categories are the labels that any object has.

    states: the metric's lists by name; the boxes are in box_format.
    all_images: with masks alone, keep the images without ground truth; torchmetrics leaves them out, detections and
        all.
    duplicates: "first" or "error", what becomes of images whose ids came before; None: they have no ids.
    sigmas: of keypoints; None: COCO's.

    Raises:
        ValueError: an image came twice, and must not; a label is not an integer (after set_dtype) or beyond 32 bits;
            the message names sample and element.
    """
    if duplicates is not None:
        states = _without_duplicates(states, duplicates)
    n_dt, n_gt = (_lengths(states[f"{side}_labels"]) for side in ("detection", "groundtruth"))
    joined = {name: _joined(states[name]) for name in OF_ROWS}
    joined |= {name: _joined_boxes(states[name], box_format) for name in OF_BOXES}
    scores = joined["detection_scores"]
    if tuple(iou_types) == ("bbox",) and arrays.is_on_device(scores) and arrays.has_cuda_kernels(scores):
        columns = _on_device(joined, n_dt, n_gt)
        if columns is not None:
            return {"bbox": columns}
    of = {name: _array(tensor) for name, tensor in _on_host(joined).items()}
    dt_labels, gt_labels = of["detection_labels"], of["groundtruth_labels"]
    for labels, counts in ((dt_labels, n_dt), (gt_labels, n_gt)):
        _check_type(labels, counts)
    dt_labels, gt_labels = dt_labels.astype(np.int64, copy=False), gt_labels.astype(np.int64, copy=False)
    categories, images = joined_ids(dt_labels, gt_labels), np.arange(len(n_gt), dtype=np.int64)
    if len(categories) and not -(2**31) <= categories[0] <= categories[-1] < 2**31:
        _refuse_wide(dt_labels, n_dt, "predictions")
        _refuse_wide(gt_labels, n_gt, "targets")
    dt_image, gt_image = (np.repeat(images.astype(np.int32), counts) for counts in (n_dt, n_gt))
    if "bbox" not in iou_types and not all_images:
        images = images[n_gt > 0]
        dt_image, gt_image = (positions(image.astype(np.int64), images) for image in (dt_image, gt_image))
    area, crowds = of["groundtruth_area"].astype(np.float64, copy=False), of["groundtruth_crowds"]
    if tuple(iou_types) == ("bbox",):
        gt_side = _boxes_side(of, "groundtruth", gt_image, positions(gt_labels, categories))
        dt_side = _boxes_side(of, "detection", dt_image, positions(dt_labels, categories))
        return {"bbox": Columns(gt_side, dt_side, Axes(images, categories, {}), BOXES)}
    axes = SourceAxes(images=images, categories=categories, unknown="drop")

    def source(side: str, image: NDArray[np.int32], labels: NDArray[np.int64], shape: Any, **more: Any) -> Source:
        return Source(
            where=lambda name, _: f"{side}_{name}", image=image, category=positions(labels, categories), indexed=True,
            shape=shape, axes=axes, is_checked=True, **more,
        )  # fmt: skip

    masks = {}
    if "segm" in iou_types:
        masks = {"detection": unpacked(states["detection_mask"], n_dt)}
        masks["groundtruth"] = unpacked(states["groundtruth_mask"], n_gt)
    more = {"crowd": np.trunc(crowds) != 0, "ignore": crowds != 0, "area": area, "no_area": ~(area > 0)}
    if len(iou_types) > 1 and masks:  # the area of ground truths is the mask's, for boxes too
        more["area"] = np.where(more["no_area"], masks["groundtruth"].measures.areas, area)
        more["no_area"] = None
    found = {}
    for iou_type in iou_types:
        dt_shape, gt_shape = (_raw_shape(states, of, masks, iou_type, side) for side in ("detection", "groundtruth"))
        gt = source("groundtruth", gt_image, gt_labels, gt_shape, **more)
        if iou_type == "keypoints":
            gt = with_unlabelled_ignored(gt)
        scores = of["detection_scores"].astype(np.float64, copy=False)
        dt = source("detection", dt_image, dt_labels, dt_shape, scores=scores)
        params = {"sigmas": sigmas} if iou_type == "keypoints" and sigmas is not None else {}
        found[iou_type] = build_columns(gt, dt, as_shape(iou_type, **params), in_pixels=True)
    return found


def _boxes_side(of: Mapping[str, NDArray[Any]], side: str, image: NDArray[np.int32], category: Any) -> Side:
    """What build_columns() makes of boxes alone. of: the joined states."""
    boxes = of[f"{side}_box"].reshape(-1, 4).astype(np.float64, copy=False)
    if side == "detection":
        return Side(image, category, boxes, NO_FLOATS, NO_FLAGS, of["detection_scores"].astype(np.float64, copy=False))
    area, crowds = of["groundtruth_area"].astype(np.float64, copy=False), of["groundtruth_crowds"]
    area = np.where(area > 0, area, BOXES.area(boxes))
    flags = (crowds != 0) * np.uint8(CROWD | IGNORE)
    if crowds.dtype.kind == "f":  # torchmetrics takes the whole part for COCO's flag
        flags[np.trunc(crowds) == 0] &= IGNORE
    return Side(image, category, boxes, area, flags, NO_FLOATS)


def _raw_shape(states: Mapping[str, Sequence[Any]], of: Any, masks: Any, iou_type: str, side: str) -> Any:
    """What is compared: masks, poses, or boxes."""
    if iou_type == "segm":
        return RawMasks(masks[side])
    if iou_type == "bbox":
        return RawBoxes(of[f"{side}_box"].reshape(-1, 4), XYWH)
    poses = states[f"{side}_keypoints"]
    return RawPoses(
        joined_points([pose.cpu() for pose in poses], [f"keypoints of sample {i}" for i in range(len(poses))])
    )


def _without_duplicates(states: Mapping[str, Sequence[Any]], duplicates: str) -> dict[str, Sequence[Any]]:
    """The states without images whose id came before."""
    ids = torch.cat(list(states["groundtruth_image_id"])).tolist() if states["groundtruth_image_id"] else []
    first: dict[int, int] = {}
    for i, id in enumerate(ids):
        if id in first and duplicates == "error":
            raise ValueError(
                f"image {id} came twice, as images {first[id]} and {i}; duplicates='first' keeps the first"
            )
        first.setdefault(id, i)
    if len(first) == len(ids):
        return dict(states)
    kept = list(first.values())
    return {name: [tensors[i] for i in kept] if tensors else tensors for name, tensors in states.items()}


def _on_device(joined: dict[str, Any], n_dt: NDArray[np.int64], n_gt: NDArray[np.int64]) -> Columns | None:
    """Columns of boxes on their GPU; None: the host should look at the labels."""
    scores = joined["detection_scores"]
    sources = (
        _source_on_device(joined, "groundtruth", n_gt, scores),
        _source_on_device(joined, "detection", n_dt, scores),
    )
    if any(source.category.is_floating_point() for source in sources):
        return None
    columns = build_columns(*sources, as_shape("bbox"), in_pixels=True)
    ids = columns.axes.category_ids
    return columns if not len(ids) or (ids[0] >= -(2**31) and ids[-1] < 2**31) else None


def _source_on_device(joined: dict[str, Any], side: str, counts: NDArray[np.int64], like: Any) -> Source:
    """One side's states, which are on a GPU. like: a tensor there."""
    images = np.arange(len(counts), dtype=np.int64)
    labels = joined[f"{side}_labels"].to(like.device)
    image = torch.repeat_interleave(
        arrays.to_device(images, like), arrays.to_device(counts, like), output_size=int(counts.sum())
    )
    more: dict[str, Any] = {}
    if side == "detection":
        more = {"scores": arrays.cast(joined["detection_scores"], "float64")}
    else:
        crowds, area = (joined[f"groundtruth_{name}"].to(like.device) for name in ("crowds", "area"))
        area = arrays.cast(area, "float64")
        crowd = crowds.trunc() if crowds.is_floating_point() else crowds
        more = {"crowd": crowd, "ignore": crowds, "area": area, "no_area": ~(area > 0)}
    boxes = joined[f"{side}_box"].reshape(-1, 4).to(like.device)
    return Source(
        where=lambda name, _: f"{side}_{name}", image=image,
        category=labels if labels.is_floating_point() else arrays.cast(labels, "int64"), shape=RawBoxes(boxes, XYWH),
        shares_images=True, axes=SourceAxes(images=images), is_checked=True, **more,
    )  # fmt: skip


def _lengths(tensors: Sequence[Any]) -> NDArray[np.int64]:
    return np.array([tensor.numel() for tensor in tensors], np.int64)


def _joined(tensors: Sequence[Any]) -> Any:
    """One tensor of all rows, in their own dtype; where there are several dtypes, in the widest of their kind.

    Empty tensors may have any shape and dtype.
    """
    parts = [tensor for tensor in tensors if tensor.numel()]
    if not parts:
        return torch.empty(0, dtype=torch.int64, device="cpu")
    if len(parts) == 1:
        return parts[0].clone(memory_format=torch.contiguous_format)
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
        corners = joined.numpy() if joined.is_cpu and joined.dtype != torch.bfloat16 else joined  # the same memory
        for low, high in ((0, 2), (1, 3)):
            corners[:, high] -= corners[:, low]
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


def _check_type(labels: NDArray[Any], counts: NDArray[np.int64]) -> None:
    """update() looks at dtypes; set_dtype changes them."""
    if labels.dtype.kind == "f" and len(labels):
        i = int(np.argmax(counts > 0))
        raise ValueError(
            f"Invalid input class of sample {i}, element 0 (expected value of type integer, got type {float})"
        )


def _refuse_wide(labels: NDArray[np.int64], counts: NDArray[np.int64], side: str) -> None:
    """Name the first label beyond 32 bits, if there is one: update() does not read values."""
    is_wide = (labels < -(2**31)) | (labels >= 2**31)
    if is_wide.any():
        row, ends = int(np.argmax(is_wide)), np.cumsum(counts)
        i = int(np.searchsorted(ends, row, side="right"))
        k = row - int(ends[i] - counts[i])
        raise ValueError(
            f"Invalid input class of sample {i}, element {k} (expected 32 bits, got {int(labels[row])}) in {side}"
        )
