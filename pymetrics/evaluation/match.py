"""match: greedy matching by given overlaps, for one problem or for many at once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import kernels
from ..formats.ranges import offsets_of
from ..formats.values import as_array, widen
from ..kernels import arrays
from .arguments import as_source, booleans, flags_column, on_device, problem_offsets
from .protocol import COCO_IOU_THRESHOLDS, Protocol, tables


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
    if on_device(ious=ious, crowd=crowd, ignore=ignore) and not arrays.has_cuda_kernels(ious):
        ious, crowd, ignore = (arrays.to_host(values) for values in (ious, crowd, ignore))
    values = ious.detach() if arrays.is_on_device(ious) else widen(as_array(ious, "ious"))
    if not (values.dtype.kind in "biuf" if isinstance(values, np.ndarray) else not values.dtype.is_complex):
        raise TypeError(f"ious must hold real numbers, got {values.dtype}")
    values = arrays.cast(values, "float64")
    if offsets is None and values.ndim != 2:
        raise ValueError(f"ious must have shape (N, G), got {tuple(values.shape)}; many problems go with offsets")
    if offsets is not None and values.ndim != 1:
        raise ValueError(f"ious must have shape (sum of N_p * G_p,) with offsets, got {tuple(values.shape)}")
    n_dt, n_gt = values.shape if offsets is None else (None, None)
    dt_offsets, gt_offsets = problem_offsets(offsets, n_dt, n_gt)
    n_dt, n_gt = int(dt_offsets[-1]), int(gt_offsets[-1])
    iou_offsets = offsets_of(np.diff(dt_offsets) * np.diff(gt_offsets))
    if iou_offsets[-1] != math.prod(values.shape):
        raise ValueError(f"ious must have {iou_offsets[-1]} entries for these offsets, got {math.prod(values.shape)}")
    crowds = np.zeros(n_gt, np.uint8) if crowd is None else arrays.to_host(flags_column(crowd, "crowd", n_gt))
    ignored = np.zeros((1, n_gt), bool) if ignore is None else np.atleast_2d(booleans(ignore, "ignore"))
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
    return as_source(out if np.ndim(ignore) == 2 else out[0], source)
