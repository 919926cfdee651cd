"""Generated calls of every kernel, odd values included.

CALLS[kernel](rng, size) is a dict of the kernel's arguments by name, where `size` is roughly the number of rows. The
outputs are those that the kernel's decorator names; what is in them beforehand must not matter.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from cuda_emu import emulated

from helpers import bootstrap_cases, cell_cases, error_cases, keypoint_cases, mask_cases
from helpers.cell_cases import make_protocol, make_scores, make_words
from helpers.ragged import offsets_of, problems, split
from pymetrics import kernels
from pymetrics.evaluation.protocol import Protocol, tables
from pymetrics.kernels.accumulate import UNREACHED

SIZES = (0, 1, 2, 5, 12, 25, 60)
Rng = np.random.Generator
Args = dict[str, Any]


def parameters(kernel: str) -> list[str]:
    return list(kernels.KERNELS[kernel].parameters)


def output_names(kernel: str) -> tuple[str, ...]:
    return kernels.KERNELS[kernel].outputs


def runs_on(kernel: str | None, backend: str) -> bool:
    """Whether the kernel, if one is named, has a version for the backend: not all have one for CUDA."""
    return kernel is None or not backend.startswith("cuda") or kernels.KERNELS[kernel].has_cuda


def poisoned(kernel: str, args: Args, byte: int = 0xA5) -> Args:
    """The arguments with outputs of their own, every byte of them the same nonsense."""
    out = {name: np.full(args[name].nbytes, byte, np.uint8) for name in output_names(kernel)}
    return args | {name: out[name].view(args[name].dtype).reshape(args[name].shape) for name in out}


def call(kernel: str, backend: str, args: Args) -> None:
    values = [args[name] for name in parameters(kernel)]
    if backend == "cuda_emu":
        emulated.call(kernel, *values)
    elif backend == "cuda":
        _on_a_gpu(kernel, values)
    else:
        getattr(kernels.KERNELS[kernel], backend)(*values)


def _on_a_gpu(kernel: str, values: list[Any]) -> None:
    """Tensors there and back, the outputs' nonsense too."""
    import torch

    moved = [torch.from_numpy(np.array(v)).cuda() if isinstance(v, np.ndarray) else v for v in values]
    kernels.KERNELS[kernel].cuda(*moved)
    for value, tensor in zip(values, moved, strict=True):
        if isinstance(value, np.ndarray) and value.flags.writeable:
            value[...] = tensor.cpu().numpy()


def run(kernel: str, backend: str, args: Args, byte: int = 0xA5) -> dict[str, bytes]:
    """The bytes of the outputs after a call on poisoned ones."""
    args = poisoned(kernel, args, byte)
    call(kernel, backend, args)
    return {name: args[name].tobytes() for name in output_names(kernel)}


def make_boxes(rng: Rng, n: int) -> Any:
    """Boxes on a coarse grid, so that equal overlaps are common; now and then one that is no box."""
    boxes = np.concatenate([rng.integers(0, 4, (n, 2)), rng.integers(1, 4, (n, 2))], axis=1) * 16.0
    if rng.random() < 0.4:
        boxes += rng.uniform(0, 4, boxes.shape)
    if rng.random() < 0.4:
        odd = rng.random(boxes.shape) < 0.1
        boxes[odd] = rng.choice([0.0, -0.0, -10.0, np.nan, np.inf, -np.inf, 1e300, 5e-324], odd.sum())
    return boxes


def box_iou(rng: Rng, size: int) -> Args:
    dt_offsets, gt_offsets, out_offsets = problems(rng, size)
    n_gt = int(gt_offsets[-1])
    return {
        "dt": make_boxes(rng, int(dt_offsets[-1])), "gt": make_boxes(rng, n_gt),
        "crowd": (rng.random(n_gt) < 0.3).astype(np.uint8),
        "dt_offsets": dt_offsets, "gt_offsets": gt_offsets, "out_offsets": out_offsets,
        "kind": int(rng.integers(0, 3)), "out": np.empty(out_offsets[-1]), "begin": 0, "end": len(dt_offsets) - 1,
    }  # fmt: skip


def make_rotated(rng: Rng, n: int) -> Any:
    """Rotated boxes near each other, some of them equal or of one angle; now and then one that is no box."""
    angles = rng.choice(np.array([0, 0.3, 0.3 + 1e-9, np.pi / 2, np.pi, 2.0]), n)
    if rng.random() < 0.5:
        angles = rng.uniform(-4, 4, n)
    boxes = np.column_stack([make_boxes(rng, n), np.cos(angles), np.sin(angles)])
    equal = rng.random(n) < 0.2
    boxes[equal] = boxes[:1]
    if rng.random() < 0.2:
        boxes[rng.random(n) < 0.2, 4:] = rng.choice([np.nan, 0.0, -0.0])
    return boxes


def rotated_iou(rng: Rng, size: int) -> Args:
    args = box_iou(rng, size)
    del args["kind"]
    return args | {side: make_rotated(rng, len(args[side])) for side in ("dt", "gt")}


def match_outputs(rng: Rng, n: int, protocol: Protocol) -> Args:
    kept = n if rng.random() < 0.5 else 0
    return {
        "matched": np.empty((n, protocol.n_words), np.uint64), "ignored": np.empty((n, protocol.n_words), np.uint64),
        "match_of": np.empty((kept, protocol.n_bits), np.int32), "match_iou": np.empty((kept, protocol.n_bits)),
    }  # fmt: skip


def area_words(rng: Rng, size: int) -> Args:
    protocol = make_protocol(rng)
    table = tables(protocol)
    n_cells = int(rng.choice([1, 1 + size // 6])) if size else int(rng.integers(0, 3))
    n_rows = size - size // 5 if n_cells else 0  # some rows are in no cell
    return {
        "area": rng.choice([0.0, 255.0, 256.0, 1024.0, 2304.0, 1e11, np.nan], size),
        "flags": rng.integers(0, 8, size).astype(np.uint8) if rng.random() < 0.7 else np.empty(0, np.uint8),
        "always": int(rng.choice([0, 1, 5])),
        "rows": rng.permutation(size)[:n_rows].astype(np.int32), "offsets": offsets_of(split(rng, n_rows, n_cells)),
        "area_ranges": table.area_ranges, "area_bits": table.area_bits,
        "words": np.empty((n_rows, protocol.n_words), np.uint64),
        "n_inside": np.empty((n_cells if rng.random() < 0.7 else 0, len(protocol.area_ranges)), np.int32),
        "begin": 0, "end": n_cells,
    }  # fmt: skip


def match_cells(rng: Rng, size: int) -> Args:
    protocol = make_protocol(rng)
    table = tables(protocol)
    dt_offsets, gt_offsets, overlap_offsets = problems(rng, size)
    n_dt, n_gt, n = (int(offsets[-1]) for offsets in (dt_offsets, gt_offsets, overlap_offsets))
    overlaps = rng.choice(
        [rng.random(n), rng.choice([0.0, 0.3, 0.5, 0.9, 1.0], n), rng.choice([0.5, np.nan, -1.0, 2.0], n)]
    )
    n_flags = n_dt + 2 if rng.random() < 0.5 else 0
    return {
        "overlaps": overlaps, "overlap_offsets": overlap_offsets,
        "dt_rows": rng.permutation(n_dt + 2)[:n_dt].astype(np.int32),
        "dt_flags": rng.integers(0, 2, n_flags).astype(np.uint8),
        "dt_ignored": make_words(rng, n_dt if rng.random() < 0.7 else 0, protocol, 0.1), "dt_offsets": dt_offsets,
        "gt_rows": rng.permutation(n_gt + 2)[:n_gt].astype(np.int32),
        "gt_flags": rng.choice(np.array([0, 0, 0, 1, 2, 3, 4, 5], np.uint8), n_gt + 2),
        "gt_ignored": make_words(rng, n_gt, protocol, 0.1), "gt_offsets": gt_offsets,
        "thresholds": table.thresholds, "reached_bits": table.reached_bits,
        **match_outputs(rng, n_dt, protocol), "begin": 0, "end": len(dt_offsets) - 1,
    }  # fmt: skip


def match_boxes(rng: Rng, size: int) -> Args:
    protocol = make_protocol(rng)
    table = tables(protocol)
    n_cells = int(rng.choice([1, 1 + size // 6])) if size else int(rng.integers(0, 3))
    n_gt = int(size * rng.choice([0, 0.5, 1])) if n_cells else 0
    n_kept = size - size // 5  # some rows are in no cell
    gt_area = rng.choice([0.0, 255.0, 256.0, 1024.0, 2304.0, 1e11, np.nan], n_gt)
    dt_boxes, gt_boxes = make_boxes(rng, size), make_boxes(rng, n_gt)
    if n_gt and size:
        near = rng.random(size) < 0.6
        dt_boxes[near] = gt_boxes[rng.integers(0, n_gt, near.sum())]
    return {
        "dt_boxes": dt_boxes, "gt_boxes": gt_boxes, "gt_area": gt_area,
        "dt_area": rng.choice(gt_area, size) if n_gt and rng.random() < 0.4 else np.empty(0),
        "dt_flags": rng.integers(0, 2, size).astype(np.uint8) if rng.random() < 0.3 else np.empty(0, np.uint8),
        "dt_rows": rng.permutation(size)[:n_kept].astype(np.int32),
        "dt_offsets": offsets_of(split(rng, n_kept, n_cells)),
        "gt_flags": rng.choice(np.array([0, 0, 0, 1, 2, 3, 4, 5, 6, 7], np.uint8), n_gt),
        "gt_rows": rng.permutation(n_gt).astype(np.int32), "gt_offsets": offsets_of(split(rng, n_gt, n_cells)),
        "thresholds": table.thresholds, "reached_bits": table.reached_bits,
        "area_ranges": table.area_ranges, "area_bits": table.area_bits,
        "n_gt": np.empty((n_cells, len(protocol.area_ranges)), np.int32),
        **match_outputs(rng, n_kept, protocol), "begin": 0, "end": n_cells,
    }  # fmt: skip


def accumulate(rng: Rng, size: int) -> Args:
    protocol = make_protocol(rng)
    table = tables(protocol)
    n_categories, n_cells = int(rng.integers(0 if size == 0 else 1, 4)), int(rng.integers(1, 2 + size))
    if n_categories == 0:
        n_cells = 0
    n_thresholds, n_recalls = len(protocol.iou_thresholds), len(protocol.recall_thresholds)
    shape = (n_categories, len(protocol.area_ranges), len(protocol.max_dets))
    n_gt = rng.integers(0, rng.choice([1, 3, 20]), (n_cells, shape[1])).astype(np.int32)
    return {
        "scores": make_scores(rng, size), "offsets": offsets_of(split(rng, size, n_cells)), "n_gt": n_gt,
        "matched": make_words(rng, size, protocol, 0.05), "ignored": make_words(rng, size, protocol, 0.05),
        "category_cells": offsets_of(split(rng, n_cells, n_categories)), "area_bits": table.area_bits,
        "max_dets": table.max_dets, "recall_thresholds": table.recall_thresholds,
        "precision": np.empty((n_thresholds, n_recalls, *shape)), "recall": np.empty((n_thresholds, *shape)),
        "scores_at": np.empty((n_thresholds if rng.random() < 0.7 else 0, n_recalls, *shape)),
        "begin": 0, "end": n_categories,
    }  # fmt: skip


def accumulate_range(rng: Rng, size: int) -> Args:
    """Some recall thresholds are reached before, some at one true positive, some never."""
    protocol = make_protocol(rng)
    while not protocol.area_ranges:
        protocol = make_protocol(rng)
    shape = protocol.n_bits, len(protocol.max_dets)
    n_areas, n_recalls = len(protocol.area_ranges), len(protocol.recall_thresholds)
    needed = np.sort(rng.integers(0, rng.choice([3, 12, 12 + size]), (n_areas, n_recalls)), axis=1)
    needed[:, n_recalls - int(rng.integers(0, n_recalls + 1)) :] = UNREACHED
    hits = rng.integers(0, rng.choice([1, 6]), shape)
    return {
        "scores": make_scores(rng, size), "matched": make_words(rng, size, protocol, rng.choice([0.05, 0.5])),
        "ignored": make_words(rng, size, protocol, 0.05),
        "limit_index": rng.integers(0, shape[1] + 1, size).astype(np.uint8), "needed": needed, "hits_before": hits,
        "counted_before": hits + rng.integers(0, 9, shape), "hits": np.empty(shape, np.int64),
        "counted": np.empty(shape, np.int64), "highest": np.empty((*shape, n_recalls)),
        "scores_at": np.empty((*shape, n_recalls)), "top": np.empty(shape[1], np.int64),
    }  # fmt: skip


def match_across(rng: Rng, size: int) -> Args:
    args = match_cells(rng, size)
    names = ("overlaps", "overlap_offsets", "dt_offsets", "gt_offsets", "begin", "end")
    n_dt, n_gt = int(args["dt_offsets"][-1]), int(args["gt_offsets"][-1])
    return {name: args[name] for name in names} | {
        "dt_category": rng.integers(0, 3, n_dt).astype(np.int32),
        "gt_category": rng.integers(0, 3, n_gt).astype(np.int32),
        "threshold": float(rng.choice([0.5, 0.0, 0.3, 1 - 1e-10])),
        "match_of": np.empty(n_dt, np.int32), "match_iou": np.empty(n_dt),
    }  # fmt: skip


def panoptic_pairs(rng: Rng, size: int) -> Args:
    """Images of patches, or of pixels without order; sometimes with less room than there are pairs."""
    n_images, n_kinds = int(rng.integers(0 if size < 2 else 2, 4)), int(rng.choice([1, 3, 2**40]))
    preds, target = (rng.integers(-n_kinds, n_kinds, (n_images, size, 2)) for _ in range(2))
    if rng.random() < 0.5:
        rows = np.sort(rng.integers(0, max(1, size // 3), size))
        preds, target = preds[:, rows], target[:, rows // 2]
    room = int(rng.choice([size, 2 * size + 3, 2]))
    return {
        "preds": np.ascontiguousarray(preds), "target": np.ascontiguousarray(target),
        "colors": np.empty((n_images, room, 4), np.int64), "areas": np.empty((n_images, room), np.int64),
        "n_pairs": np.empty(n_images, np.int64), "begin": 0, "end": n_images,
    }  # fmt: skip


def count_at(rng: Rng, size: int) -> Args:
    args = accumulate(rng, size)
    n_cells = len(args["n_gt"])
    n_words = args["matched"].shape[1]
    score = float(rng.choice([0.5, -np.inf, np.nan, rng.choice(args["scores"]) if size else 0.0]))
    return {name: args[name] for name in ("scores", "matched", "ignored", "offsets")} | {
        "bit": int(rng.integers(0, 64 * n_words)), "score": score,
        "n_dt": np.empty(n_cells, np.int32), "tp": np.empty(n_cells, np.int32), "fp": np.empty(n_cells, np.int32),
        "begin": 0, "end": n_cells,
    }  # fmt: skip


def count_along_scores(rng: Rng, size: int) -> Args:
    args = accumulate(rng, size)
    n_categories = args["end"]
    names = ("scores", "matched", "ignored", "offsets", "category_cells", "begin", "end")
    return {name: args[name] for name in names} | {
        "bit": int(rng.integers(0, 64 * args["matched"].shape[1])), "limit": int(rng.choice([0, 1, 3, 100, 2**40])),
        "each": int(rng.integers(0, 2)), "point_scores": np.empty(size), "tp": np.empty(size, np.int64),
        "fp": np.empty(size, np.int64), "n_points": np.empty(n_categories, np.int64),
    }  # fmt: skip


def join_along_scores(rng: Rng, size: int) -> Args:
    """Points of up to nine categories, some without points or ground truth."""
    n_categories = int(rng.integers(1 if size else 0, 10))
    counts = split(rng, size, n_categories)
    scores = make_scores(rng, size)
    tp, fp = (np.concatenate([np.zeros(0, int), *(np.sort(rng.integers(0, 20, n)) for n in counts)]) for _ in range(2))
    n_gt = np.where(rng.random(n_categories) < 0.7, rng.integers(15, 40, n_categories), 0)
    return {
        "scores": scores, "tp": tp, "fp": fp, "starts": offsets_of(counts), "n_gt": n_gt,
        "beta_squared": float(rng.choice([1.0, 0.25, 4.0, 0.1, 0.0])), "point_scores": np.empty(size),
        "sum_tp": np.empty(size, np.int64), "sum_fp": np.empty(size, np.int64), "means": np.empty((size, 3)),
        "counts": np.empty(2, np.int64),
    }  # fmt: skip


def mean_valid(rng: Rng, size: int) -> Args:
    n_columns, n_slices = int(rng.integers(1, 5)), int(rng.integers(0, 6))
    n_rows = size * int(rng.choice([1, 7, 30]))
    values = rng.random((n_rows, n_columns)) * rng.choice([1.0, 1e-300, 1e16])
    values[rng.random(values.shape) < rng.choice([0, 0.3, 1])] = -1
    if rng.random() < 0.2 and values.size:
        values.flat[rng.integers(values.size)] = rng.choice([np.nan, np.inf, -0.0])
    rows = np.sort(rng.integers(0, n_rows + 1, (2, n_slices)), axis=0)
    return {
        "values": values, "columns": rng.integers(0, n_columns, n_slices),
        "first_rows": rows[0], "last_rows": rows[1], "means": np.empty(n_slices), "begin": 0, "end": n_slices,
    }  # fmt: skip


CALLS = {
    function.__name__: function
    for function in (
        *cell_cases.CALLS, box_iou, rotated_iou, area_words, match_cells, match_boxes, accumulate,
        accumulate_range, mean_valid, match_across, panoptic_pairs, count_at, count_along_scores,
        join_along_scores, *mask_cases.CALLS, *keypoint_cases.CALLS, *bootstrap_cases.CALLS, *error_cases.CALLS,
    )
}  # fmt: skip
LARGE = {
    "index_ids": 5000,
    "sort_rows": 3000,
    "join_cells": 2000,
    "rank_detections": 5000,
    "accumulate": 2600,
    "accumulate_range": 2600,
    "count_along_scores": 2600,
    "join_along_scores": 5000,
}


def make_calls(kernel: str, seed: int) -> list[Args]:
    """One call of each size. Every fourth seed has a large one, for the paths that only those take."""
    rng = np.random.default_rng([seed, len(kernel), *kernel.encode()])
    sizes = [*SIZES, *([LARGE[kernel]] if kernel in LARGE and seed % 4 == 0 else [])]
    return [CALLS[kernel](rng, size) for size in sizes]
