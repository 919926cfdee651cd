"""Calls of the C++ matchers on cells of n detections and n ground truths, of which all pairs are candidates."""

import numpy as np


def _match_boxes(n_cells, n):
    rows, offsets = np.arange(n_cells * n, dtype=np.int32), np.arange(n_cells + 1) * n
    rng = np.random.default_rng(0)
    dt, gt = (np.concatenate([rng.random((len(rows), 2)), 99 + rng.random((len(rows), 2))], axis=1) for _ in range(2))
    no_flags, flags = np.empty(0, np.uint8), np.zeros(len(rows), np.uint8)
    return (
        dt, np.empty(0), rows, no_flags, offsets, gt, np.ones(len(rows)), rows, flags, offsets, *_thresholds(),
        np.array([[0.0, 1e9]]), np.array([[1]], np.uint64), np.empty((n_cells, 1), np.int32), *_outputs(len(rows)),
        0, n_cells,
    )  # fmt: skip


def _match_cells(n_cells, n):
    rows, offsets = np.arange(n_cells * n, dtype=np.int32), np.arange(n_cells + 1) * n
    overlaps = 0.5 + np.random.default_rng(0).random(n_cells * n * n) / 2
    no_flags, flags = np.empty(0, np.uint8), np.zeros(len(rows), np.uint8)
    return (
        overlaps, np.arange(n_cells + 1) * n * n, rows, no_flags, np.empty((0, 1), np.uint64), offsets,
        rows, flags, np.zeros((len(rows), 1), np.uint64), offsets, *_thresholds(), *_outputs(len(rows)), 0, n_cells,
    )  # fmt: skip


def _thresholds():
    return np.array([0.5]), np.array([[0], [1]], np.uint64)


def _outputs(n):
    return np.empty((n, 1), np.uint64), np.empty((n, 1), np.uint64), np.empty((0, 1), np.int32), np.empty((0, 1))


ARGUMENTS = {"match_boxes": _match_boxes, "match_cells": _match_cells}
