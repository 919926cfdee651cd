"""Boxes and matching at sizes that the specification is too slow for: every backend against native."""

import zlib

import numpy as np
import pytest
from helpers.absent import need_module
from helpers.kernel_cases import (
    Args,
    Rng,
    accumulate,
    call,
    make_boxes,
    make_protocol,
    make_words,
    offsets_of,
    output_names,
    poisoned,
)
from helpers.ragged import split

from pymetrics.evaluation.protocol import Protocol, tables

# By what there is: (detections, ground truths) of each cell.
CELLS = {
    "small cells": lambda rng: [tuple(rng.integers(0, (40, 9))) for _ in range(100)],
    "medium cells": lambda rng: [tuple(rng.integers(0, (80, 70))) for _ in range(6)],
    "hundreds of ground truths": lambda rng: [(40, int(rng.integers(64, 300))), (3, 2)],
    "hundreds of detections": lambda rng: [(int(rng.integers(513, 700)), int(rng.integers(1, 20))), (3, 2)],
    "a thousand ground truths": lambda rng: [(9, int(rng.integers(1000, 1400))), (5, 0), (0, 5), (0, 50)],
    "a large cell": lambda rng: [(int(rng.integers(190, 240)), 350), (33, 33), (0, 0)],
}
# What may be odd in boxes: coordinates here and there; or sides so small that an area is 0.
ODD = ("none", "detections", "ground truths", "tiny")
# Scores of a large category: native sorts those of few decimals by whole numbers.
SCORES = {
    "three decimals": lambda rng, n: rng.random(n).round(3),
    "six decimals": lambda rng, n: rng.random(n).round(6),
    "up to two": lambda rng, n: rng.integers(0, 2000, n) / 1000,
    "float32": lambda rng, n: rng.random(n, np.float32).astype(np.float64),
    "float64": lambda rng, n: rng.random(n),
    "one unlike the others": lambda rng, n: np.append(
        rng.random(n - 1).round(3), rng.choice([np.nan, -0.0, -0.5, 2.0, 1e300, np.inf, 1 / 3, 5e-324])
    ),
}
PROBLEMS = {
    "one": lambda rng: [tuple(rng.integers(1, (300, 700)))],
    "as images have": lambda rng: [(100, 7)] * 12,
    "a few numbers each": lambda rng: [tuple(rng.integers(0, (6, 6))) for _ in range(300)],
    "many empty": lambda rng: [(1, 2), *[(0, 1)] * 500, (3, 3), *[(5, 0)] * 70, (2, 2)],
    "some large": lambda rng: [tuple(rng.integers(100, (200, 400))) for _ in range(3)],
}


def compare(kernel: str, backend: str, args: Args) -> None:
    wanted, got = poisoned(kernel, args), poisoned(kernel, args)
    call(kernel, "native", wanted)
    call(kernel, backend, got)
    for name in output_names(kernel):
        for array in (wanted[name], got[name]):
            if array.dtype == np.float64:
                array[np.isnan(array)] = np.nan  # IEEE 754 leaves open which of two NaNs a sum is
        assert wanted[name].tobytes() == got[name].tobytes(), name


def scene(rng: Rng, sizes: list, odd: str) -> Args:
    """Detections near each other: ties, and many candidates for one."""
    protocol = Protocol() if rng.random() < 0.5 else make_protocol(rng)
    table = tables(protocol)
    n_dt, n_gt = np.array(sizes).T
    n, g = int(n_dt.sum()), int(n_gt.sum())
    spread, shift = int(rng.choice([2, 4, 30])), rng.choice([0.0, 2.0])
    dt, gt = (
        np.concatenate([rng.integers(0, spread, (m, 2)), rng.integers(1, 4, (m, 2))], 1) * 16.0
        + rng.uniform(0, 1, (m, 4)) * shift
        for m in (n, g)
    )
    for name, boxes in (("detections", dt), ("ground truths", gt)):
        if odd == name:
            where = rng.random(boxes.shape) < 0.01
            boxes[where] = rng.choice([0.0, -10.0, np.nan, np.inf, -np.inf, 1e300, 5e-324], where.sum())
        if odd == "tiny":
            boxes[rng.random(len(boxes)) < 0.2] *= 1e-170
    kept = n if rng.random() < 0.5 else 0
    return {
        "dt_boxes": dt, "gt_boxes": gt, "gt_area": rng.choice([0.0, 255.0, 256.0, 1024.0, np.nan, 1e11], g),
        "dt_area": np.empty(0), "dt_flags": rng.integers(0, 2, n if rng.random() < 0.5 else 0).astype(np.uint8),
        "dt_rows": rng.permutation(n).astype(np.int32), "dt_offsets": offsets_of(n_dt),
        "gt_flags": rng.choice(np.array([0] * rng.integers(1, 20) + [1, 2, 3, 4, 5, 6, 7], np.uint8), g),
        "gt_rows": rng.permutation(g).astype(np.int32), "gt_offsets": offsets_of(n_gt),
        "thresholds": table.thresholds, "reached_bits": table.reached_bits,
        "area_ranges": table.area_ranges, "area_bits": table.area_bits,
        "n_gt": np.empty((len(sizes), len(protocol.area_ranges)), np.int32),
        **outputs(n, kept, protocol), "begin": 0, "end": len(sizes),
    }  # fmt: skip


def outputs(n: int, kept: int, protocol: Protocol) -> Args:
    return {
        "matched": np.empty((n, protocol.n_words), np.uint64), "ignored": np.empty((n, protocol.n_words), np.uint64),
        "match_of": np.empty((kept, protocol.n_bits), np.int32), "match_iou": np.empty((kept, protocol.n_bits)),
    }  # fmt: skip


def seeded(*what: object) -> Rng:
    return np.random.default_rng(zlib.crc32(repr(what).encode()))


@pytest.fixture
def other(any_backend):
    need_module("pymetrics._native")
    if any_backend in ("native", "reference"):
        pytest.skip("native is the reference here, and the interpreted kernels are too slow")
    return any_backend


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("cells", CELLS)
def test_match_boxes(other, cells, odd):
    for seed in range(1 if cells == "a large cell" else 4):
        rng = seeded(cells, odd, seed)
        compare("match_boxes", other, scene(rng, CELLS[cells](rng), odd))


@pytest.mark.parametrize("cells", CELLS)
def test_match_cells(other, cells):
    for seed in range(1 if cells == "a large cell" else 4):
        rng = seeded(cells, seed)
        protocol = Protocol() if seed % 2 else make_protocol(rng)
        n_dt, n_gt = np.array(CELLS[cells](rng)).T
        offsets, g = offsets_of(n_dt * n_gt), int(n_gt.sum())
        n = int(offsets[-1])
        values = [rng.random(n), rng.choice([0.0, 0.3, 0.5, 0.9, 1.0], n)][seed // 2 % 2]
        values[rng.random(n) < rng.choice([0.0, 0.95])] = 0.0
        values[rng.random(n) < rng.choice([0.0, 0.001])] = np.nan
        d = int(n_dt.sum())
        compare("match_cells", other, {
            "overlaps": values, "overlap_offsets": offsets,
            "dt_rows": rng.permutation(d).astype(np.int32), "dt_offsets": offsets_of(n_dt),
            "dt_flags": rng.integers(0, 2, d if rng.random() < 0.5 else 0).astype(np.uint8),
            "dt_ignored": make_words(rng, d if rng.random() < 0.5 else 0, protocol, 0.1),
            "gt_rows": rng.permutation(g).astype(np.int32), "gt_offsets": offsets_of(n_gt),
            "gt_flags": rng.choice(np.array([0] * 9 + [1, 2, 3, 4, 5], np.uint8), g),
            "gt_ignored": make_words(rng, g, protocol, 0.1),
            "thresholds": tables(protocol).thresholds, "reached_bits": tables(protocol).reached_bits,
            **outputs(d, d * (seed % 2), protocol), "begin": 0, "end": len(n_dt),
        })  # fmt: skip


@pytest.mark.parametrize("kind", SCORES)
def test_accumulate(other, kind):
    for seed in range(8):
        rng = seeded(kind, seed)
        args, n = accumulate(rng, 60), int(rng.integers(250, 1500))
        n_words, n_cells = args["matched"].shape[1], len(args["n_gt"])
        words = (
            rng.integers(0, 2**63, (n, n_words), np.uint64) & np.bitwise_or.reduce(args["area_bits"]) for _ in range(2)
        )
        few = rng.random((n, 1)) < 0.1
        args["matched"], args["ignored"] = (np.where(few, word, np.uint64(0)) for word in words)
        args["scores"], args["offsets"] = SCORES[kind](rng, n), offsets_of(split(rng, n, n_cells))
        compare("accumulate", other, args)


@pytest.mark.parametrize("problems", PROBLEMS)
def test_box_iou(other, problems):
    for kind in range(3):
        rng = seeded(problems, kind)
        n_dt, n_gt = np.array(PROBLEMS[problems](rng)).T
        n, g = int(n_dt.sum()), int(n_gt.sum())
        offsets = offsets_of(n_dt * n_gt)
        compare("box_iou", other, {
            "dt": make_boxes(rng, n), "gt": make_boxes(rng, g), "crowd": (rng.random(g) < 0.3).astype(np.uint8),
            "dt_offsets": offsets_of(n_dt), "gt_offsets": offsets_of(n_gt), "out_offsets": offsets,
            "kind": kind, "out": np.empty(offsets[-1]), "begin": 0, "end": len(n_dt),
        })  # fmt: skip
