"""Checks of the engine that whole scenes lack: fewer detections, bits, searches, sums, many problems at once."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any
from unittest import mock

import numpy as np

from helpers.columns import match, match_and_keep
from helpers.literal import match_by_the_rules
from pymetrics.evaluation import cells, stages
from pymetrics.evaluation.merging import without_images
from pymetrics.evaluation.result import Result
from pymetrics.evaluation.shapes.boxes import Boxes

WORDS = ("n_gt", "matched", "ignored")
bootstrap, per_image = (import_module(f"pymetrics.analysis.{name}") for name in ("bootstrap", "per_image"))


class Unfused(Boxes):
    """Boxes that are matched as shapes without a kernel of their own are: overlaps in blocks, then match_cells."""

    match = None  # type: ignore[assignment]


def check_variants(columns: Any, protocol: Any, outcomes: Any, matches: Any) -> None:
    """Without the matches; by given overlaps, in blocks of cells; and with fewer detections counted than matched."""
    bare = match(columns, protocol)
    assert all(getattr(bare, name).tobytes() == getattr(outcomes, name).tobytes() for name in WORDS)
    for at_once in (1, 40, 1 << 22):
        with mock.patch.object(cells.Cells.blocks, "__defaults__", (at_once,)):
            _, by_overlaps, found = match_and_keep(replace(columns, shape=Unfused()), protocol)
        assert all(getattr(by_overlaps, name).tobytes() == getattr(outcomes, name).tobytes() for name in WORDS)
        assert found.gt_of.tobytes() == matches.gt_of.tobytes()
        assert found.overlap.tobytes() == matches.overlap.tobytes()
    fewer = replace(protocol, max_dets=(1, 2), lenient=True)
    cut, whole = stages.accumulate(replace(outcomes, protocol=fewer)), stages.accumulate(match(columns, fewer))
    if max(protocol.max_dets) >= 2:
        assert [array.tobytes() for array in cut] == [array.tobytes() for array in whole]


def check_summaries(outcomes: Any) -> None:
    """The summary of a draw that holds every image once is that of all; the summary of each image that of it alone."""
    result = Result(outcomes)
    with mock.patch.object(bootstrap, "weights", lambda ids, n, seed: np.ones((n, len(ids)), np.uint8)):
        drawn = bootstrap.replicates(result, 2, 0)
    stats = result.stats[[result.rows.index(row) for row in drawn.rows]]  # keys may be equal: areas are named 0, 1, ...
    assert drawn.values.tobytes() == np.array([stats, stats]).tobytes()
    ids = outcomes.image_ids.tolist()
    alone = [Result(without_images(outcomes, None, {*ids} - {id})[0]).stats for id in ids]
    assert per_image.image_stats(outcomes).tobytes() == np.array(alone).tobytes()


def check_parts() -> None:
    """What small scenes do not reach."""
    with np.errstate(all="ignore"):
        check_bits()
        check_hits_needed()
        check_means()
    check_match()


def check_bits() -> None:
    from pymetrics.kernels.accumulate import lowest_bit

    rng = np.random.default_rng(0)
    for b in range(64):
        for above in (0, *rng.integers(0, 2**64, 3, np.uint64).tolist()):
            word = (above << (b + 1) | 1 << b) % 2**64
            assert lowest_bit(np.uint64(word)) == b


def check_hits_needed() -> None:
    """The first place in tp / n that is not below a threshold, as numpy finds it."""
    from pymetrics.kernels.accumulate import UNREACHED, hits_needed

    recalls = [*np.linspace(0, 1, 101)[::9], 1 / 3, 2 / 3, 0.7, np.nextafter(0.5, 1), np.nextafter(0.5, 0), -1.0, 1.5]
    for n in [*range(1, 70), 997, 10**6]:
        rc = np.arange(n + 1) / np.float64(n)
        for threshold in recalls:
            need = hits_needed(np.float64(threshold), np.int64(n))
            want = np.searchsorted(rc, threshold)
            assert need == want if want <= n else need > n
    assert hits_needed(np.float64(0.5), np.int64(0)) == hits_needed(np.float64(np.nan), np.int64(3)) == UNREACHED
    assert hits_needed(np.float64(2e9), np.int64(3)) == UNREACHED


def check_means() -> None:
    rng = np.random.default_rng(1)
    for n in (0, 1, 7, 8, 9, 15, 16, 17, 127, 128, *[129] * 12, 136, 137, 250, 256, 257, 264, 400, 1000, 1025, 3000):
        table = rng.random((1, n, 1, 1, 2))
        table[0, :: max(1, n // 3), 0, 0, 1] = -1
        table[0, 1 :: max(1, n // 3), 0, 0, 1] = 0
        for m in range(2):
            values = table[..., m]
            values = values[values > -1]
            want: Any = np.mean(values) if values.size else np.float64(-1)
            assert stages.means(table, [(None, 0, m)])[0].tobytes() == want.tobytes(), n


def check_match() -> None:
    """match() on many problems at once against each of them by itself, literally."""
    import pymetrics
    from pymetrics import Protocol

    rng = np.random.default_rng(2)
    for _ in range(25):
        n_dt, n_gt = rng.integers(0, 5, (2, 4))
        blocks = [rng.choice([0.0, 0.3, 0.5, 0.7, 0.9, 1.0], (d, g)) for d, g in zip(n_dt, n_gt, strict=True)]
        if rng.random() < 0.2:
            blocks[0][rng.random(blocks[0].shape) < 0.3] = np.nan
        crowd, ignore = rng.random((2, n_gt.sum())) < 0.3
        offsets = tuple(np.concatenate([[0], np.cumsum(n)]) for n in (n_dt, n_gt))
        thresholds = [0.5, 0.0, 1.0]
        ious = np.concatenate([block.reshape(-1) for block in blocks])
        got = pymetrics.match(ious, crowd, ignore, thresholds, offsets)
        for p, block in enumerate(blocks):
            d, g = (slice(*o[p : p + 2]) for o in offsets)
            for t, threshold in enumerate(thresholds):
                assert got[t, d].tolist() == match_by_the_rules(block, crowd[g], ignore[g], threshold)
        check_match_words(
            ious, crowd, ignore, Protocol(thresholds, area_ranges=((0, 0),), area_names=("all",)), offsets, got
        )


def check_match_words(ious: Any, crowd: Any, ignore: Any, protocol: Any, offsets: Any, want: Any) -> None:
    """The words that match_cells writes say the same as the matches."""
    from pymetrics import kernels
    from pymetrics.evaluation.protocol import tables

    table, (dt_offsets, gt_offsets) = tables(protocol), offsets
    iou_offsets = np.concatenate([[0], np.cumsum(np.diff(dt_offsets) * np.diff(gt_offsets))])
    words = np.where((crowd | ignore)[:, None], table.reached_bits[-1], np.zeros(1, np.uint64))
    matched, ignored = np.empty((2, int(dt_offsets[-1]), 1), np.uint64)
    bare = np.empty((0, 3), np.int32), np.empty((0, 3))
    kernels.match_cells(
        ious, iou_offsets, np.arange(dt_offsets[-1], dtype=np.int32), np.empty(0, np.uint8),
        np.empty((0, 1), np.uint64), dt_offsets, np.arange(gt_offsets[-1], dtype=np.int32), crowd.astype(np.uint8),
        words, gt_offsets, table.thresholds, table.reached_bits, matched, ignored, *bare, 0, len(dt_offsets) - 1,
    )  # fmt: skip
    first = np.repeat(gt_offsets[:-1], np.diff(dt_offsets))
    for t in range(3):
        bit = np.uint64(1 << t)
        taken = want[t] >= 0
        assert np.array_equal((matched[:, 0] & bit) != 0, taken)
        drops = [bool(hit and (crowd | ignore)[first[d] + want[t, d]]) for d, hit in enumerate(taken)]
        assert np.array_equal((ignored[:, 0] & bit) != 0, drops)
