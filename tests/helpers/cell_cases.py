"""Generated calls of the kernels that group rows into cells."""

from __future__ import annotations

from typing import Any

import numpy as np

from helpers.ragged import offsets_of, split
from pymetrics import kernels
from pymetrics.evaluation.protocol import Protocol, tables

Rng = np.random.Generator
Args = dict[str, Any]


def make_scores(rng: Rng, n: int) -> Any:
    """Scores of one of the kinds that sorting treats differently."""
    kind = rng.integers(7)
    if kind == 0:
        return rng.random(n)
    if kind == 1:
        return rng.choice([0.1, 0.5, 0.9], n)
    if kind == 2:  # one upper half, or a few, and lower halves at random
        upper = rng.choice(np.array([0x3FE00000, 0x3FE00001, 0xBFE00000], np.uint64), n)
        return (upper << np.uint64(32) | rng.integers(0, 2**32, n, np.uint64)).view(np.float64)
    if kind == 3:  # any bits at all: NaN of every kind too
        return rng.integers(0, 2**64, n, np.uint64).view(np.float64)
    if kind == 4:
        odd = [0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 5e-324, -5e-324, 1.0, np.nextafter(1.0, 0.0)]
        return rng.choice(odd, n)
    if kind == 5:
        return np.sort(rng.random(n))[:: rng.choice([-1, 1])].copy()
    return np.full(n, rng.choice([0.5, 0.0, np.nan]))


def make_protocol(rng: Rng) -> Protocol:
    """From one (area range, threshold) pair to 180, which take three words; or no area range, recall or limit."""
    kind = rng.integers(6)
    if kind == 0:
        return Protocol()
    n_thresholds, n_areas = [(1, 1), (3, 3), (10, 12), (15, 12), (2, 0)][kind - 1]
    thresholds = rng.choice([0.0, 0.1, 0.25, 0.3, 0.5, 0.5, 0.75, 0.9, 1.0, -1.0, 2.0], n_thresholds)
    ranges = np.sort(rng.choice([0.0, 256.0, 512.0, 768.0, 1024.0, 2304.0, 1e10], (n_areas, 2)), axis=1)
    limits = [(100,), (1, 10, 100), (0, 2), (3, 3), (2, 5, 5, 7), (0,), ()][rng.integers(7)]
    recalls = [np.linspace(0, 1, 11), [0.5, 0.0, 1.0, 0.2], [-1.0, 2.0, 0.0], [np.nan, 0.1], [0.3], []][rng.integers(6)]
    return Protocol(
        iou_thresholds=thresholds, recall_thresholds=recalls, area_ranges=ranges,
        area_names=tuple(map(str, range(n_areas))), max_dets=limits, lenient=True,
    )  # fmt: skip


def make_words(rng: Rng, n: int, protocol: Protocol, dense: float) -> Any:
    """(n, W) words with some of the protocol's bits; often whole area ranges, as matching makes them."""
    table = tables(protocol)
    bits = rng.random((n, protocol.n_bits)) < rng.choice([0.0, dense, 0.5 if n < 30 else dense])
    words = np.zeros((n, protocol.n_words), np.uint64)
    for b in range(protocol.n_bits):
        words[:, b // 64] |= bits[:, b].astype(np.uint64) << np.uint64(b % 64)
    for area in table.area_bits:
        words[rng.random(n) < 0.3] |= area
    return words & table.reached_bits[-1]


def index_ids(rng: Rng, size: int) -> Args:
    spread = rng.choice([2 * size + 2, 2**62])  # near each other, or anywhere
    known = np.unique(rng.integers(-spread, spread, size * rng.integers(0, 3)))
    ids = rng.integers(-spread, spread, size)
    if len(known) and size:
        ids[rng.random(size) < 0.5] = rng.choice(known)
        if rng.random() < 0.3:
            known[0], known[-1] = np.iinfo(np.int64).min, np.iinfo(np.int64).max
            ids[rng.integers(size)] = rng.choice([known[0], known[-1]])
    return {"ids": ids, "known": np.unique(known), "out": np.empty(size, np.int32)}


def rows_of_cells(rng: Rng, size: int, n_categories: int, n_images: int) -> tuple[Any, Any]:
    """Category and image of rows, some of them left out."""
    least = -1 if rng.random() < 0.5 or not (n_categories and n_images) else 0
    category, image = (rng.integers(least, max(n, least + 1), size).astype(np.int32) for n in (n_categories, n_images))
    if rng.random() < 0.5:
        image.sort()  # a short cut of the native backend
    return category, image


def sort_rows(rng: Rng, size: int) -> Args:
    n_categories, n_images = (int(n) for n in rng.integers(0, 6, 2))
    category, image = rows_of_cells(rng, size, n_categories, n_images)
    order, starts = np.empty(size, np.int32), np.empty(n_categories + 1, np.int64)
    return {"category": category, "image": image, "n_images": n_images, "order": order, "starts": starts}


def join_cells(rng: Rng, size: int) -> Args:
    n_categories, n_images = (int(n) for n in rng.integers(0, 6, 2))
    args: Args = {"limit": int(rng.choice([0, 1, 3, 100, 2**40]))}
    most = 0
    for side in ("dt", "gt"):
        category, image = rows_of_cells(rng, int(size * rng.choice([0, 0.3, 1])), n_categories, n_images)
        order, starts = np.empty(len(category), np.int32), np.empty(n_categories + 1, np.int64)
        kernels.KERNELS["sort_rows"].reference(category, image, n_images, order, starts)
        args |= {f"{side}_image": image, f"{side}_order": order[: starts[-1]].copy(), f"{side}_starts": starts}
        most += int(starts[-1])
    args |= {name: np.empty(most + 1, np.int64) for name in ("cell_dt", "cell_gt", "offsets")}
    return args | {
        "category_cells": np.empty(n_categories + 1, np.int64), "cell_image": np.empty(most, np.int32),
    }  # fmt: skip


def rank_detections(rng: Rng, size: int) -> Args:
    n_cells = int(rng.choice([1, 1 + size // 4, 1 + size]))
    counts = split(rng, size, n_cells)
    kept = np.minimum(counts, rng.choice([0, 1, 10, 10**6], p=[0.1, 0.1, 0.1, 0.7]))
    offsets = offsets_of(kept)
    return {
        "scores": make_scores(rng, size), "dt_order": rng.permutation(size).astype(np.int32),
        "cell_dt": offsets_of(counts), "offsets": offsets,
        "rows": np.empty(offsets[-1], np.int32), "ranked": np.empty(offsets[-1]), "begin": 0, "end": n_cells,
    }  # fmt: skip


def place_cells(rng: Rng, size: int) -> Args:
    n_categories, n_images = int(rng.integers(1, 5)), int(rng.integers(1, 9))
    return {
        "category_cells": offsets_of(split(rng, size, n_categories)),
        "categories": rng.integers(-1, 9, n_categories).astype(np.int32),
        "cell_image": rng.integers(0, n_images, size).astype(np.int32),
        "images": rng.integers(-1, 99, n_images).astype(np.int32), "offsets": offsets_of(rng.integers(0, 4, size)),
        "first_dt": int(rng.integers(0, 1000)),
        "out_category": np.empty(size, np.int32), "out_image": np.empty(size, np.int32),
        "starts": np.empty(size, np.int64), "counts": np.empty(size, np.int64),
    }  # fmt: skip


def move_cells(rng: Rng, size: int) -> Args:
    protocol = make_protocol(rng)
    counts = rng.integers(0, 4, size)
    n, n_areas, n_words = int(counts.sum()), len(protocol.area_ranges), protocol.n_words
    order = rng.permutation(size)[: size - size // 5].astype(np.int32)  # some are left out
    m = len(order)
    return {
        "order": order, "starts": offsets_of(counts)[:-1], "counts": counts,
        "cell_image": rng.integers(0, 99, size).astype(np.int32),
        "n_gt": rng.integers(0, 9, (size, n_areas)).astype(np.int32), "scores": make_scores(rng, n),
        "matched": make_words(rng, n, protocol, 0.2), "ignored": make_words(rng, n, protocol, 0.2),
        "new_offsets": np.empty(m + 1, np.int64), "new_cell_image": np.empty(m, np.int32),
        "new_n_gt": np.empty((m, n_areas), np.int32), "new_scores": np.empty(n),
        "new_matched": np.empty((n, n_words), np.uint64), "new_ignored": np.empty((n, n_words), np.uint64),
    }  # fmt: skip


CALLS = (index_ids, sort_rows, join_cells, rank_detections, place_cells, move_cells)
