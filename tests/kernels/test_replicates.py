"""Weights of images against what they stand for: copies of the images, and no weights at all."""

import functools
import itertools

import numpy as np
import pytest
from helpers.kernel_cases import accumulate_replicates, call, make_calls, offsets_of, poisoned, run

SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))]


def outputs(backend, args):
    args = poisoned("accumulate_replicates", args)
    call("accumulate_replicates", backend, args)
    return args["precision"], args["recall"]


def without_ties(rng, args):
    """Other scores: different within a cell, often equal between cells."""
    starts = args["offsets"]
    scores = np.empty(starts[-1])
    for low, high in itertools.pairwise(starts):
        n = high - low
        scores[low:high] = rng.choice(2 * n + 1, n, replace=False) / 8
    return args | {"scores": scores}


def with_copies(args, weights):
    """The call of `accumulate` in which every cell stands as often as its image weighs."""
    cell = np.arange(len(args["n_gt"]))
    times = weights[args["cell_image"]]
    copies = np.repeat(cell, times)
    starts, counts = args["offsets"][:-1], np.diff(args["offsets"])
    rows = np.concatenate([np.arange(starts[c], starts[c] + counts[c]) for c in copies] + [np.empty(0, np.int64)])
    rows = rows.astype(np.int64)
    _, n_thresholds, n_recalls, n_categories, n_areas, n_limits = args["precision"].shape
    areas = np.zeros((n_areas, args["matched"].shape[1]), np.uint64)
    for b in range(n_areas * n_thresholds):
        areas[b // n_thresholds, b // 64] |= np.uint64(1) << np.uint64(b % 64)
    in_front = np.concatenate([[0], np.cumsum(times)]).astype(np.int64)
    shape = (n_categories, n_areas, n_limits)
    return {
        "scores": args["scores"][rows], "matched": args["matched"][rows], "ignored": args["ignored"][rows],
        "offsets": offsets_of(counts[copies]), "n_gt": args["n_gt"][copies],
        "category_cells": in_front[args["category_cells"]], "area_bits": areas,
        "max_dets": args["max_dets"], "recall_thresholds": args["recall_thresholds"],
        "precision": np.empty((n_thresholds, n_recalls, *shape)), "recall": np.empty((n_thresholds, *shape)),
        "scores_at": np.empty((0, n_recalls, *shape)), "begin": 0, "end": n_categories,
    }  # fmt: skip


@functools.cache
def specified(seed):
    """Calls of accumulate_replicates; for each replicate what `accumulate` makes of the copies."""
    rng, calls = np.random.default_rng(seed), []
    drawn = make_calls("accumulate_replicates", seed)
    for args in [*drawn, accumulate_replicates(rng, 700)]:  # the last one is of several chunks
        args = without_ties(rng, args) | {"weights": np.minimum(args["weights"], 4)}
        calls.append((args, [run("accumulate", "reference", with_copies(args, each)) for each in args["weights"]]))
    return calls


@pytest.mark.parametrize("seed", SEEDS)
def test_a_weight_is_so_many_copies(any_backend, seed):
    for args, copies in specified(seed):
        if any_backend == "reference" and len(args["scores"]) > 100:
            continue  # minutes
        precision, recall = outputs(any_backend, args)
        for b, want in enumerate(copies):
            assert want["precision"] == precision[b].tobytes()
            assert want["recall"] == recall[b].tobytes()


@functools.cache
def unweighted(seed):
    return [(args, run("accumulate", "reference", args)) for args in make_calls("accumulate", seed)[:7]]


@pytest.mark.parametrize("seed", SEEDS)
def test_weights_of_one_are_none(any_backend, seed):
    for args, want in unweighted(seed):
        weighted = {name: args[name] for name in args if name not in ("area_bits", "scores_at")} | {
            "cell_image": np.zeros(len(args["n_gt"]), np.int32), "weights": np.ones((2, 1), np.uint8),
            "precision": np.empty((2, *args["precision"].shape)), "recall": np.empty((2, *args["recall"].shape)),
        }  # fmt: skip
        for got, name in zip(outputs(any_backend, weighted), ("precision", "recall"), strict=True):
            assert got.tobytes() == 2 * want[name]
