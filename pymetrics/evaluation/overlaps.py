"""box_iou: overlaps of boxes, for one problem or for many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import kernels
from ..formats.boxes import RawBoxes, as_box_format, box_column, tensors_to_xywh, to_xywh
from ..formats.ranges import offsets_of
from ..kernels import arrays
from .arguments import as_source, beside, flags_column, on_device, problem_offsets

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS = ("iou", "giou", "diou", "ciou", "rotated")
ON_HOST = ("ciou", "rotated")  # kinds that no CUDA kernel computes


def box_iou(
    dt: Any, gt: Any, crowd: Any = None, offsets: Any = None, kind: str = "iou", box_format: str | None = None
) -> Any:
    """Overlaps of boxes, in float64, by pycocotools' arithmetic.

    Args:
        dt: (N, 4) boxes, for kind "rotated" (N, 5) or (N, 8); numpy or torch. On a GPU all is computed there ("ciou"
            and "rotated" on the host).
        gt: (G, 4) boxes, for kind "rotated" (G, 5) or (G, 8).
        crowd: (G,) flags; against a crowd the union is the detection's own area. Only for kinds "iou" and "rotated".
        offsets: a pair (dt_offsets, gt_offsets) of (P + 1,) rows at which P problems begin, each solved by itself.
        kind: "iou"; "giou", "diou" or "ciou" by the formulas of their papers, as in torchvision; "rotated": "iou" of
            rotated boxes.
        box_format: "xyxy" (None), "xywh" or "cxcywh". pycocotools' own boxes are xywh. Of rotated boxes "cxcywhr"
            (None), the angle in radians from the x axis towards the y axis, or "xyxyxyxy", four corners in order.

    Returns:
        float64 (N, G), or with offsets the problems' matrices, row by row, one after another: (sum of N_p * G_p,). A
        torch tensor, on dt's device, where dt is one. Boxes without area overlap nothing; 0 / 0 is NaN, but not for
        kind "rotated", whose overlaps are in [0, 1].

    Raises:
        TypeError, ValueError: a shape, length, kind or box_format is wrong, or a tensor is on another device; rotated
            boxes that are not finite, or whose corners are those of no rectangle. The message names it.

    Warns:
        RuntimeWarning: rotated boxes on a GPU are copied to the host; once.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}, got {kind!r}")
    source = dt = arrays.as_tensor(dt)
    gt, crowd = arrays.as_tensor(gt), arrays.as_tensor(crowd)
    if on_device(dt=dt, gt=gt, crowd=crowd) and (kind in ON_HOST or not arrays.has_cuda_kernels(dt)):
        if kind == "rotated":
            arrays.warn_of_host('iou_type "obb"')
        dt, gt, crowd = (arrays.to_host(values) for values in (dt, gt, crowd))
    read = _rotated_boxes if kind == "rotated" else _boxes
    dt_boxes, gt_boxes = read(dt, "dt", box_format), read(gt, "gt", box_format)
    n_dt, n_gt = len(dt_boxes), len(gt_boxes)
    flags = arrays.to_device(np.zeros(n_gt, np.uint8), gt_boxes)
    if crowd is not None:
        if kind not in ("iou", "rotated"):
            raise ValueError(f'crowd goes with the kinds "iou" and "rotated" only, got kind {kind!r}')
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
    offsets = (dt_offsets, gt_offsets, offsets_of(sizes))
    problems = (dt, gt, flags, *(arrays.to_device(values, dt) for values in offsets))
    if kind == "rotated":
        kernels.rotated_iou(*problems, out, 0, len(sizes))
        return
    kernels.box_iou(*problems, KINDS.index("diou" if kind == "ciou" else kind), out, 0, len(sizes))
    if kind == "ciou":  # diou - alpha * v (Zheng et al., 2020); arctan differs between devices, hence no kernel
        iou = np.empty_like(out)
        kernels.box_iou(*problems, 0, iou, 0, len(sizes))
        rows, columns = _pairs(dt_offsets, gt_offsets)
        with np.errstate(divide="ignore", invalid="ignore"):
            angle = np.arctan(dt[:, 2] / dt[:, 3])[rows] - np.arctan(gt[:, 2] / gt[:, 3])[columns]
            v = (4 / np.pi**2) * angle**2
            out -= v * v / (1 - iou + v + 1e-7)


def _boxes(boxes: Any, name: str, box_format: str | None) -> Any:
    layout = as_box_format(box_format or "xyxy").layout
    if not arrays.is_on_device(boxes):
        return to_xywh(box_column(boxes, lambda key, i: name), layout)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        if boxes.numel():
            raise ValueError(f"{name} must have shape (N, 4), got {tuple(boxes.shape)}")
        boxes = boxes.reshape(0, 4)
    if boxes.is_complex():
        raise TypeError(f"{name} must hold numbers, got dtype {boxes.dtype}")
    return tensors_to_xywh(boxes.detach(), layout)


def _rotated_boxes(boxes: Any, name: str, box_format: str | None) -> NDArray[np.float64]:
    from ..formats.rotated import to_rotated

    found = as_box_format(box_format or "cxcywhr", iou_type="obb")

    def where(_: str, row: int | None) -> str:
        return name if row is None else f"{name}[{row}]"

    raw = RawBoxes(box_column(boxes, where, found.n_columns), found)
    raw.check(where)
    return to_rotated(raw.values, found.layout)


def _pairs(dt_offsets: NDArray[Any], gt_offsets: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The rows of dt and of gt of every entry of the output."""
    n_dt, n_gt = np.diff(dt_offsets), np.diff(gt_offsets)
    rows = np.repeat(np.arange(dt_offsets[-1]), np.repeat(n_gt, n_dt))
    first_gt = np.repeat(gt_offsets[:-1], n_dt * n_gt)
    start = np.repeat(offsets_of(n_dt * n_gt)[:-1], n_dt * n_gt)
    within = np.arange(len(rows)) - start
    return rows, first_gt + within % np.repeat(np.maximum(n_gt, 1), n_dt * n_gt)
