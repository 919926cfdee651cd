"""box_iou: overlaps of boxes, for one problem or for many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import kernels
from ..formats.boxes import as_box_format, box_column, tensors_to_xywh, to_xywh
from ..kernels import arrays
from .arguments import as_source, beside, flags_column, on_device, problem_offsets

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
    if on_device(dt=dt, gt=gt, crowd=crowd) and (kind == "ciou" or not arrays.has_cuda_kernels(dt)):
        dt, gt, crowd = (arrays.to_host(values) for values in (dt, gt, crowd))
    dt_boxes, gt_boxes = _boxes(dt, "dt", box_format), _boxes(gt, "gt", box_format)
    n_dt, n_gt = len(dt_boxes), len(gt_boxes)
    flags = arrays.to_device(np.zeros(n_gt, np.uint8), gt_boxes)
    if crowd is not None:
        if kind != "iou":
            raise ValueError(f'crowd goes with kind "iou" only, got kind {kind!r}')
        flags = beside(flags_column(crowd, "crowd", n_gt), gt_boxes)
    if offsets is None:
        out = arrays.empty((n_dt, n_gt), "float64", dt_boxes)
        step = max(1, 2**20 // max(1, n_gt))  # rows at a time: Ctrl-C waits for a call
        step = step if isinstance(out, np.ndarray) else max(1, n_dt)
        for begin in range(0, n_dt, step):
            rows = slice(begin, min(begin + step, n_dt))
            block = dt_boxes[rows], gt_boxes, flags, np.array([0, len(dt_boxes[rows])]), np.array([0, n_gt])
            _overlaps(*block, kind, out[rows].reshape(-1))
        return as_source(out, source)
    dt_offsets, gt_offsets = problem_offsets(offsets, n_dt, n_gt)
    out = arrays.empty(int(np.dot(np.diff(dt_offsets), np.diff(gt_offsets))), "float64", dt_boxes)
    _overlaps(dt_boxes, gt_boxes, flags, dt_offsets, gt_offsets, kind, out)
    return as_source(out, source)


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
    return tensors_to_xywh(boxes.detach(), layout)


def _pairs(dt_offsets: NDArray[Any], gt_offsets: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The rows of dt and of gt of every entry of the output."""
    n_dt, n_gt = np.diff(dt_offsets), np.diff(gt_offsets)
    rows = np.repeat(np.arange(dt_offsets[-1]), np.repeat(n_gt, n_dt))
    first_gt = np.repeat(gt_offsets[:-1], n_dt * n_gt)
    start = np.repeat(np.concatenate([[0], np.cumsum(n_dt * n_gt)[:-1]]), n_dt * n_gt)
    within = np.arange(len(rows)) - start
    return rows, first_gt + within % np.repeat(np.maximum(n_gt, 1), n_dt * n_gt)
