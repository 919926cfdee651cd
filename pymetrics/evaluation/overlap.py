"""box_iou and match: the two kernels that people call by themselves, for one problem or for many at once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..formats.boxes import as_box_format, to_xywh, widen
from ..formats.rows import as_array, box_column
from ..kernels import arrays, cuda_backend
from . import on_device
from .protocol import COCO_IOU_THRESHOLDS, Protocol, tables

KINDS = ("iou", "giou", "diou", "ciou")


def box_iou(
    dt: Any, gt: Any, crowd: Any = None, offsets: Any = None, kind: str = "iou", box_format: str = "xyxy"
) -> Any:
    """Overlaps of boxes, in float64, by pycocotools' arithmetic.

    Args:
        dt: (N, 4) boxes; numpy or torch. On a GPU all is computed there ("ciou" on the host).
        gt: (G, 4) boxes.
        crowd: (G,) flags; against a crowd the union is the detection's own area. Only for kind "iou".
        offsets: a pair (dt_offsets, gt_offsets) of (P + 1,) rows at which P problems begin, each solved by itself.
        kind: "iou"; "giou", "diou" or "ciou" by the formulas of their papers, as in torchvision.
        box_format: "xyxy", "xywh" or "cxcywh". pycocotools' own boxes are xywh.

    Returns:
        float64 (N, G), or with offsets the problems' matrices, row by row, one after another: (sum of N_p * G_p,). A
        torch tensor, on dt's device, where dt is one. Boxes without area overlap nothing; 0 / 0 is NaN.

    Raises:
        TypeError, ValueError: a shape, length, kind or box_format is wrong, or a tensor is on another device; the
            message names it.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}, got {kind!r}")
    source = dt = arrays.as_tensor(dt)
    gt, crowd = arrays.as_tensor(gt), arrays.as_tensor(crowd)
    if _on_device(dt=dt, gt=gt, crowd=crowd) and (kind == "ciou" or not cuda_backend.works(dt)):
        dt, gt, crowd = (arrays.to_host(values) for values in (dt, gt, crowd))
    dt_boxes, gt_boxes = _boxes(dt, "dt", box_format), _boxes(gt, "gt", box_format)
    n_dt, n_gt = len(dt_boxes), len(gt_boxes)
    flags = arrays.to_device(np.zeros(n_gt, np.uint8), gt_boxes)
    if crowd is not None:
        if kind != "iou":
            raise ValueError(f'crowd goes with kind "iou" only, got kind {kind!r}')
        flags = _beside(_flags(crowd, "crowd", n_gt), gt_boxes)
    if offsets is None:
        out = arrays.empty((n_dt, n_gt), "float64", dt_boxes)
        step = max(1, 2**20 // max(1, n_gt))  # rows at a time: Ctrl-C waits for a call
        step = step if isinstance(out, np.ndarray) else max(1, n_dt)
        for begin in range(0, n_dt, step):
            rows = slice(begin, min(begin + step, n_dt))
            block = dt_boxes[rows], gt_boxes, flags, np.array([0, len(dt_boxes[rows])]), np.array([0, n_gt])
            _overlaps(*block, kind, out[rows].reshape(-1))
        return _like(out, source)
    dt_offsets, gt_offsets = _offsets(offsets, n_dt, n_gt)
    out = arrays.empty(int(np.dot(np.diff(dt_offsets), np.diff(gt_offsets))), "float64", dt_boxes)
    _overlaps(dt_boxes, gt_boxes, flags, dt_offsets, gt_offsets, kind, out)
    return _like(out, source)


def _overlaps(
    dt: NDArray[Any],
    gt: NDArray[Any],
    flags: NDArray[Any],
    dt_offsets: NDArray[Any],
    gt_offsets: NDArray[Any],
    kind: str,
    out: NDArray[Any],
) -> None:
    sizes = np.diff(dt_offsets) * np.diff(gt_offsets)
    offsets = (dt_offsets, gt_offsets, np.concatenate([[0], np.cumsum(sizes)]))
    problems = (dt, gt, flags, *(arrays.to_device(values, dt) for values in offsets))
    kernels.box_iou(*problems, KINDS.index("diou" if kind == "ciou" else kind), out, 0, len(sizes))
    if kind == "ciou":  # diou - alpha * v (Zheng et al., 2020); arctan differs between devices, hence no kernel
        iou = np.empty_like(out)
        kernels.box_iou(*problems, 0, iou, 0, len(sizes))
        rows, columns = _pairs(dt_offsets, gt_offsets)
        with np.errstate(divide="ignore", invalid="ignore"):
            angle = np.arctan(dt[:, 2] / dt[:, 3])[rows] - np.arctan(gt[:, 2] / gt[:, 3])[columns]
            v = (4 / np.pi**2) * angle**2
            out -= v * v / (1 - iou + v + 1e-7)


def match(
    ious: Any, crowd: Any = None, ignore: Any = None, iou_thresholds: Any = COCO_IOU_THRESHOLDS, offsets: Any = None
) -> Any:
    """Greedy matching by given overlaps, as pycocotools does it.

    Each detection takes the free ground truth of the highest overlap that is not below the threshold, of equals the
    later one; ground truths to be ignored only where no other will do; a crowd any number of times.

    Args:
        ious: (N, G) overlaps, detections by falling score; with offsets the problems' matrices, row by row, one after
            another: (sum of N_p * G_p,).
        crowd: (G,) flags; a crowd is also ignored.
        ignore: (G,) flags of ground truths to be ignored, or (A, G): one row for each of A settings.
        iou_thresholds: (T,) in any order.
        offsets: a pair (dt_offsets, gt_offsets) of (P + 1,) rows at which P problems begin.

    Returns:
        int64 (T, N), or (A, T, N) where ignore has rows: the ground truth that each detection takes, counted from the
        first of its problem, or -1. A torch tensor where ious is one.

    Raises:
        TypeError, ValueError: a shape, length or threshold is wrong; the message names it.
    """
    source = ious = arrays.as_tensor(ious)
    crowd, ignore = arrays.as_tensor(crowd), arrays.as_tensor(ignore)
    if _on_device(ious=ious, crowd=crowd, ignore=ignore) and not cuda_backend.works(ious):
        ious, crowd, ignore = (arrays.to_host(values) for values in (ious, crowd, ignore))
    values = ious if arrays.is_on_device(ious) else widen(as_array(ious, "ious"))
    if not (values.dtype.kind in "biuf" if isinstance(values, np.ndarray) else not values.dtype.is_complex):
        raise TypeError(f"ious must hold real numbers, got {values.dtype}")
    values = _floats(values)
    if offsets is None and values.ndim != 2:
        raise ValueError(f"ious must have shape (N, G), got {tuple(values.shape)}; many problems go with offsets")
    if offsets is not None and values.ndim != 1:
        raise ValueError(f"ious must have shape (sum of N_p * G_p,) with offsets, got {tuple(values.shape)}")
    n_dt, n_gt = values.shape if offsets is None else (None, None)
    dt_offsets, gt_offsets = _offsets(offsets, n_dt, n_gt)
    n_dt, n_gt = int(dt_offsets[-1]), int(gt_offsets[-1])
    iou_offsets = np.concatenate([[0], np.cumsum(np.diff(dt_offsets) * np.diff(gt_offsets))]).astype(np.int64)
    if iou_offsets[-1] != math.prod(values.shape):
        raise ValueError(f"ious must have {iou_offsets[-1]} entries for these offsets, got {math.prod(values.shape)}")
    crowds = np.zeros(n_gt, np.uint8) if crowd is None else arrays.to_host(_flags(crowd, "crowd", n_gt))
    ignored = np.zeros((1, n_gt), bool) if ignore is None else np.atleast_2d(_booleans(ignore, "ignore"))
    if ignored.ndim != 2 or ignored.shape[1] != n_gt or not len(ignored):
        raise ValueError(f"ignore must have shape ({n_gt},) or (A, {n_gt}), A > 0, got {tuple(np.shape(ignore))}")

    names = tuple(f"setting {a}" for a in range(len(ignored)))
    settings = Protocol(iou_thresholds=iou_thresholds, area_ranges=((0, 0),) * len(ignored), area_names=names)
    table, n_bits = tables(settings), settings.n_bits
    words = np.zeros((n_gt, settings.n_words), np.uint64)
    for row, area in zip(ignored, table.area_bits, strict=True):
        words[row] |= area
    words[crowds != 0] = table.reached_bits[-1]
    dt_rows, gt_rows = np.arange(n_dt, dtype=np.int32), np.arange(n_gt, dtype=np.int32)
    no_flags, no_words = np.empty(0, np.uint8), np.empty((0, settings.n_words), np.uint64)
    matched, dropped = (arrays.empty((n_dt, settings.n_words), "uint64", values) for _ in range(2))
    match_of, match_iou = (arrays.empty((n_dt, n_bits), dtype, values) for dtype in ("int32", "float64"))
    host = (
        iou_offsets, dt_rows, no_flags, no_words, dt_offsets, gt_rows, crowds, words, gt_offsets,
        table.thresholds, table.reached_bits,
    )  # fmt: skip
    kernels.match_cells(
        values.reshape(-1), *(arrays.to_device(part, values) for part in host), matched, dropped, match_of, match_iou,
        0, len(dt_offsets) - 1,
    )  # fmt: skip
    if offsets is not None:  # from the first ground truth of the problem
        first_gt = arrays.to_device(np.repeat(gt_offsets[:-1], np.diff(dt_offsets)).astype(np.int32), values)
        match_of -= first_gt.reshape(-1, 1) * (match_of >= 0)
    shape = (len(ignored), len(settings.iou_thresholds), n_dt)
    if isinstance(match_of, np.ndarray):
        out: Any = np.ascontiguousarray(match_of.T.astype(np.int64).reshape(shape))
    else:
        out = match_of.T.long().reshape(shape)
    return _like(out if np.ndim(ignore) == 2 else out[0], source)


def _on_device(**arguments: Any) -> bool:
    """Whether the first argument is on a GPU. Raises ValueError where one of the others is elsewhere."""
    (name, first), *others = arguments.items()
    is_on_gpu = arrays.is_on_device(first)
    for other, values in others:
        if is_on_gpu and other == "gt" and not arrays.is_tensor(values):
            raise ValueError(f"{name} is on {first.device}, but gt on the host: they must be on one device")
        is_tensor = arrays.is_tensor(values)
        if is_tensor and (is_on_gpu or arrays.is_on_device(values)) and values.device != getattr(first, "device", ""):
            where = first.device if arrays.is_tensor(first) else "the host"
            raise ValueError(f"{name} is on {where}, but {other} on {values.device}: they must be on one device")
    return is_on_gpu


def _beside(flags: Any, like: Any) -> Any:
    """The flags on the device of `like`."""
    return flags if arrays.is_tensor(flags) == arrays.is_tensor(like) else arrays.to_device(flags, like)


def _floats(values: Any) -> Any:
    """float64, contiguous."""
    if isinstance(values, np.ndarray):
        return np.ascontiguousarray(values, np.float64)
    return values.detach().double().contiguous()


def _boxes(boxes: Any, name: str, box_format: str) -> Any:
    layout = as_box_format(box_format).layout
    if not arrays.is_on_device(boxes):
        return to_xywh(box_column(boxes, lambda key, i: name), layout)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        if boxes.numel():
            raise ValueError(f"{name} must have shape (N, 4), got {tuple(boxes.shape)}")
        boxes = boxes.reshape(0, 4)
    if boxes.is_complex():
        raise TypeError(f"{name} must hold numbers, got dtype {boxes.dtype}")
    return on_device.to_xywh(boxes.detach(), layout)


def _flags(flags: Any, name: str, n: int) -> Any:
    if arrays.is_on_device(flags) and not flags.is_floating_point():
        if tuple(flags.shape) != (n,):
            raise ValueError(f"{name} must have shape ({n},), got {tuple(flags.shape)}")
        return arrays.empty(n, "uint8", flags).copy_(flags != 0)
    array = _booleans(flags, name)
    if array.shape != (n,):
        raise ValueError(f"{name} must have shape ({n},), got {array.shape}")
    found = np.ascontiguousarray(array, np.uint8)
    return arrays.to_device(found, flags) if arrays.is_on_device(flags) else found


def _booleans(flags: Any, name: str) -> NDArray[np.bool_]:
    array = widen(as_array(flags, name))
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold flags, got dtype {array.dtype}")
    if np.isnan(array).any():
        raise ValueError(f"{name} must hold flags, got nan at index {int(np.isnan(array).argmax())}")
    return array.astype(bool)


def _offsets(offsets: Any, n_dt: int | None, n_gt: int | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if offsets is None:
        return np.array([0, n_dt], np.int64), np.array([0, n_gt], np.int64)
    if not hasattr(offsets, "__len__") or len(offsets) != 2:
        raise ValueError(f"offsets must be a pair (dt_offsets, gt_offsets), got {offsets!r}")
    pair = []
    for name, values, n in zip(("dt", "gt"), offsets, (n_dt, n_gt), strict=True):
        array = widen(as_array(values, f"{name}_offsets"))
        if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
            raise ValueError(f"{name}_offsets must be (P + 1,) integers, got {array.dtype} of shape {array.shape}")
        array = np.ascontiguousarray(array, np.int64)
        last = int(array[-1]) if n is None else n
        falls = np.flatnonzero(np.diff(array) < 0)
        if array[0] != 0 or array[-1] != last:
            raise ValueError(f"{name}_offsets must run from 0 to {last}, got {array[0]} to {array[-1]}")
        if falls.size:
            raise ValueError(f"{name}_offsets must not fall, got {array[falls[0] + 1]} at index {falls[0] + 1}")
        pair.append(array)
    if len(pair[0]) != len(pair[1]):
        raise ValueError(f"dt_offsets and gt_offsets must have one length, got {len(pair[0])} and {len(pair[1])}")
    return pair[0], pair[1]


def _pairs(dt_offsets: NDArray[Any], gt_offsets: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The rows of dt and of gt of every entry of the output."""
    n_dt, n_gt = np.diff(dt_offsets), np.diff(gt_offsets)
    rows = np.repeat(np.arange(dt_offsets[-1]), np.repeat(n_gt, n_dt))
    first_gt = np.repeat(gt_offsets[:-1], n_dt * n_gt)
    start = np.repeat(np.concatenate([[0], np.cumsum(n_dt * n_gt)[:-1]]), n_dt * n_gt)
    within = np.arange(len(rows)) - start
    return rows, first_gt + within % np.repeat(np.maximum(n_gt, 1), n_dt * n_gt)


def _like(array: Any, source: Any) -> Any:
    """The array as a tensor where the source is one."""
    if not isinstance(array, np.ndarray) or not arrays.is_tensor(source):
        return array
    return arrays.torch().from_numpy(array).to(source.device)
