"""Generated calls of the kernels of errors; see kernel_cases."""

from __future__ import annotations

from typing import Any

import numpy as np

from helpers.cell_cases import make_protocol, make_scores, make_words
from helpers.ragged import offsets_of, problems, split

Rng = np.random.Generator
Args = dict[str, Any]


def find_errors(rng: Rng, size: int) -> Args:
    dt_offsets, gt_offsets, overlap_offsets = problems(rng, size)
    n_dt, n_gt, n = (int(offsets[-1]) for offsets in (dt_offsets, gt_offsets, overlap_offsets))
    overlaps = rng.choice([0.0, 0.1, 0.2, 0.5, 0.7, 1.0], n) if rng.random() < 0.6 else rng.random(n)
    return {
        "overlaps": overlaps, "overlap_offsets": overlap_offsets,
        "dt_category": rng.integers(0, 3, n_dt).astype(np.int32), "dt_offsets": dt_offsets,
        "gt_category": rng.integers(0, 3, n_gt).astype(np.int32),
        "gt_ignored": (rng.random(n_gt) < 0.3).astype(np.uint8), "gt_offsets": gt_offsets,
        "positive": float(rng.choice([0.5, 0.3])), "background": float(rng.choice([0.1, 0.2])),
        "kind": np.empty(n_dt, np.uint8), "counted": np.empty(n_dt, np.uint8), "error_gt": np.empty(n_dt, np.int32),
        "mends": np.empty(n_dt, np.uint8), "gt_state": np.empty(n_gt, np.uint8),
        "begin": 0, "end": len(dt_offsets) - 1,
    }  # fmt: skip


def average_precision(rng: Rng, size: int) -> Args:
    n_categories = int(rng.integers(1 if size else 0, 6))
    return {
        "scores": make_scores(rng, size), "hits": rng.integers(0, 2, size).astype(np.uint8),
        "starts": offsets_of(split(rng, size, n_categories)), "n_gt": rng.integers(0, 6, n_categories),
        "recall_thresholds": rng.choice(np.arange(0, 1.1, 0.1), int(rng.choice([0, 2, 11]))),
        "average": np.empty(n_categories), "begin": 0, "end": n_categories,
    }  # fmt: skip


def lowest_lrp(rng: Rng, size: int) -> Args:
    protocol = make_protocol(rng)
    n_categories = int(rng.integers(1 if size else 0, 4))
    n_cells = int(rng.integers(1, 2 + size)) if n_categories else 0
    matched = make_words(rng, size, protocol, 0.5)
    return {
        "scores": make_scores(rng, size), "matched": matched, "ignored": make_words(rng, size, protocol, 0.1),
        "offsets": offsets_of(split(rng, size, n_cells)),
        "category_cells": offsets_of(split(rng, n_cells, n_categories)),
        "n_gt": rng.integers(0, 30, n_categories), "bit": int(rng.integers(0, 64 * matched.shape[1])),
        "overlap": rng.random(size), "threshold": float(rng.choice([0.5, 0.75])),
        "lowest": np.empty((n_categories, 5)), "begin": 0, "end": n_categories,
    }  # fmt: skip


def corner_iou(rng: Rng, size: int) -> Args:
    dt_offsets, gt_offsets, out_offsets = problems(rng, size)

    def corners(n: int) -> Any:
        boxes = np.concatenate([rng.integers(0, 4, (n, 2)), rng.integers(3, 8, (n, 2))], axis=1) * 16.0
        boxes += rng.uniform(0, 9, boxes.shape) * (rng.random() < 0.7)
        boxes[rng.random(n) < 0.1, 2:] = 0
        return boxes.astype(np.float32)

    return {
        "dt": corners(int(dt_offsets[-1])), "gt": corners(int(gt_offsets[-1])), "dt_offsets": dt_offsets,
        "gt_offsets": gt_offsets, "out_offsets": out_offsets, "kind": int(rng.integers(0, 2)),
        "out": np.empty(out_offsets[-1]), "begin": 0, "end": len(dt_offsets) - 1,
    }  # fmt: skip


def match_unclaimed(rng: Rng, size: int) -> Args:
    return match_pairs(rng, size) | {"across": int(rng.integers(0, 2))}


def match_pairs(rng: Rng, size: int) -> Args:
    args = find_errors(rng, size)
    names = (
        "overlaps", "overlap_offsets", "dt_category", "dt_offsets", "gt_category", "gt_offsets", "begin", "end"
    )  # fmt: skip
    return {name: args[name] for name in names} | {
        "threshold": float(rng.choice([0.45, 0.5])), "match_of": np.empty(len(args["dt_category"]), np.int32)
    }  # fmt: skip


def match_overlap_first(rng: Rng, size: int) -> Args:
    return match_pairs(rng, size)


def match_pointing(rng: Rng, size: int) -> Args:
    args = corner_iou(rng, size)
    names = ("dt_offsets", "gt_offsets", "begin", "end")
    return {name: args[name] for name in names} | {
        "dt": args["dt"].astype(float), "gt": args["gt"].astype(float),
        "gt_ignored": (rng.random(len(args["gt"])) < 0.3).astype(np.uint8), "threshold": float(rng.choice([0.5, 0.1])),
        "status": np.empty(len(args["dt"]), np.uint8),
    }  # fmt: skip


def match_groups(rng: Rng, size: int) -> Args:
    args = match_pointing(rng, size)
    del args["gt_ignored"]
    args["dt"][:, 2:] = args["dt"][:, :2] + np.abs(args["dt"][:, 2:] - args["dt"][:, :2]) + 1  # boxes have areas
    return args | {
        "gt_kind": rng.choice(np.array([0, 0, 1, 2, 3], np.uint8), len(args["gt"])),
        "group_of": np.empty(len(args["dt"]), np.int32),
    }


CALLS = (
    find_errors, average_precision, lowest_lrp, corner_iou, match_unclaimed, match_overlap_first, match_pairs,
    match_pointing, match_groups,
)  # fmt: skip
