"""Generated calls of the kernels of the bootstrap; see kernel_cases."""

from __future__ import annotations

from typing import Any

import numpy as np

from helpers.cell_cases import make_protocol, make_scores, make_words
from helpers.ragged import offsets_of, split
from pymetrics.evaluation.protocol import tables

Rng = np.random.Generator
Args = dict[str, Any]


def draw_weights(rng: Rng, size: int) -> Args:
    quantiles = np.sort(rng.integers(0, 2**64, int(rng.integers(0, 6)), np.uint64))
    n_replicates = int(rng.integers(0, 4))
    return {
        "hashes": rng.integers(0, 2**64, size, np.uint64), "quantiles": quantiles,
        "weights": np.empty((n_replicates, size), np.uint8), "begin": 0, "end": n_replicates,
    }  # fmt: skip


def replicate_means(rng: Rng, size: int) -> Args:
    """Equal scores within cells and between them; limits, categories and replicates without anything."""
    protocol = make_protocol(rng)
    table = tables(protocol)
    n_categories, n_cells = int(rng.integers(0 if size == 0 else 1, 4)), int(rng.integers(1, 2 + size))
    if n_categories == 0:
        n_cells = 0
    n_thresholds, n_areas = len(protocol.iou_thresholds), len(protocol.area_ranges)
    n_images, n_replicates = int(rng.integers(1, 2 + size)), int(rng.choice([0, 1, 3, 20]))
    n_queries, n_groups = int(rng.integers(0, 6)), int(rng.integers(1, 3))
    limits = (2, n_thresholds + 1, n_areas, len(protocol.max_dets), n_groups)
    n_queries = n_queries if min(limits) else 0
    queries = np.column_stack([rng.integers(0, max(limit, 1), n_queries) for limit in limits]).astype(np.int64)
    queries[:, 1] -= 1
    members = (rng.random((n_groups, n_categories)) < 0.7).astype(np.uint8)
    members[0] = 1
    scores = rng.choice([0.5, 0.25, -0.0, 0.0], size) if rng.random() < 0.5 else make_scores(rng, size)
    n_by_class = int(rng.integers(0, n_queries + 1))
    return {
        "scores": scores, "offsets": offsets_of(split(rng, size, n_cells)),
        "n_gt": rng.integers(0, rng.choice([1, 3, 20]), (n_cells, n_areas)).astype(np.int32),
        "matched": make_words(rng, size, protocol, rng.choice([0.05, 0.5])),
        "ignored": make_words(rng, size, protocol, rng.choice([0.05, 0.5])),
        "category_cells": offsets_of(split(rng, n_cells, n_categories)),
        "cell_image": rng.integers(0, n_images, n_cells).astype(np.int32),
        "weights": rng.choice(np.array([0, 1, 1, 2, rng.choice([3, 255])], np.uint8), (n_replicates, n_images)),
        "max_dets": table.max_dets, "recall_thresholds": table.recall_thresholds, "n_thresholds": n_thresholds,
        "queries": queries, "members": members, "means": np.empty((n_replicates, n_queries)),
        "class_means": np.empty((n_replicates, n_categories, n_by_class)), "begin": 0, "end": n_replicates,
    }  # fmt: skip


def image_means(rng: Rng, size: int) -> Args:
    args = replicate_means(rng, size)
    n_cells, n_categories = len(args["n_gt"]), args["members"].shape[1]
    n_images = int(rng.integers(1, 2 + size)) if n_cells else 0
    names = (
        "matched", "ignored", "offsets", "n_gt", "max_dets", "recall_thresholds", "n_thresholds", "queries", "members"
    )  # fmt: skip
    return {name: args[name] for name in names} | {
        "image_cells": offsets_of(split(rng, n_cells, n_images)),
        "cell_category": rng.integers(0, max(n_categories, 1), n_cells).astype(np.int32),
        "means": np.empty((n_images, len(args["queries"]))), "begin": 0, "end": n_images,
    }  # fmt: skip


CALLS = (draw_weights, replicate_means, image_means)
