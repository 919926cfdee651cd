"""The engine against the second oracle, over a thousand small scenes."""

import functools

import numpy as np
import pytest
from helpers.columns import match_and_keep
from helpers.literal import accumulate, differences, evaluate, make_problem
from helpers.literal_checks import check_parts, check_variants

from pymetrics.evaluation import stages

SCENES = {"native": 1000, "numba": 1000, "reference": 300}


def solve(seed):
    columns, protocol = make_problem(seed)
    cells, outcomes, matches = match_and_keep(columns, protocol)
    return columns, protocol, cells, outcomes, matches, stages.accumulate(outcomes)


@pytest.mark.slow
def test_scenes(on_backend):
    for seed in range(SCENES[on_backend]):
        found = differences(*solve(seed))
        assert found == [], f"seed {seed}"


def test_parts_that_scenes_do_not_reach(on_backend):
    check_parts()


def test_other_ways_to_the_same_outcomes(on_backend):
    """Fewer detections counted than matched; matches kept or not; overlaps computed first, in blocks of cells."""
    for seed in range(100):
        columns, protocol, _, outcomes, matches, _ = solve(seed)
        check_variants(columns, protocol, outcomes, matches)


def test_the_scenes_hold_what_they_should():
    """Not the engine but the generator: how often each rule decides something."""
    seen = dict.fromkeys(("matched", "ignored", "nan", "crowd twice", "words", "partial recall", "precision"), 0)
    for seed in range(300):
        columns, protocol = make_problem(seed)
        evaluated = evaluate(columns, protocol)
        precision = accumulate(evaluated, len(columns.axes.category_ids), protocol)[0]
        seen["words"] += protocol.n_words > 1
        seen["precision"] += bool(np.any((precision > 0) & (precision < 0.9)))
        seen["nan"] += bool(np.isnan(columns.gt.shape).any() and len(columns.dt.scores))
        for images in evaluated.values():
            for image in images.values():
                seen["matched"] += bool(np.any((image.dt_matches != 0) & ~image.dt_ignore))
                seen["ignored"] += bool(np.any(image.dt_ignore))
                for row in image.taken:
                    taken = row[row >= 0]
                    seen["crowd twice"] += len(np.unique(taken)) < len(taken)
                    seen["partial recall"] += 0 < len(taken) < len(image.gt_ignore)
    assert min(seen.values()) >= 12, seen


@functools.cache
def _random(n):
    return np.random.default_rng(n).random(n)


def test_means_are_numpys(on_backend):
    """means() is numpy.mean(s[s > -1]) to the last bit, at every length that changes the order of its sum."""
    lengths = [*range(300), *range(300, 2001, 37), 1023, 1024, 1025, 2000]
    lengths = lengths if on_backend != "reference" else lengths[::9]
    for n in lengths:
        values = _random(n).reshape(1, n, 1, 1, 1)
        assert _mean(values, [(None, 0, 0)])[0].tobytes() == _numpy_mean(values).tobytes(), n


@pytest.mark.usefixtures("sum_order")
def test_means_of_slices(on_backend):
    rng = np.random.default_rng(7)
    shape = (10, 101, 80, 4, 3) if on_backend != "reference" else (3, 11, 4, 4, 3)  # COCO's: 80,800 numbers in a mean
    precision = rng.random(shape)
    precision[rng.random(shape) < 0.3] = -1
    precision[:, :, 1] = 0
    precision[..., 3, :] = -1
    for values in (precision, precision[:, 0].copy()):
        queries = [(t, a, m) for t in (None, 0, shape[0] - 1) for a in range(4) for m in range(3)]
        got = _mean(values, queries)
        want = [_numpy_mean(values[slice(t, None if t is None else t + 1), ..., a, m]) for t, a, m in queries]
        assert got.tobytes() == np.array(want).tobytes()
        assert (got == -1).sum() == 9


def test_means_of_nothing(on_backend):
    assert _mean(np.empty((2, 3, 0, 1, 1)), [(None, 0, 0), (1, 0, 0)]).tolist() == [-1, -1]
    assert _mean(np.empty((0, 3, 2, 1, 1)), [(None, 0, 0)]).tolist() == [-1]
    assert _mean(np.ones((1, 1, 1, 1, 1)), []).shape == (0,)
    odd = np.array([np.nan, np.inf, 0.5, -1, -2, -0.0]).reshape(1, 6, 1, 1, 1)
    assert _mean(odd, [(None, 0, 0)]).tolist() == [np.inf]


def _mean(values, queries):
    return stages.means(np.ascontiguousarray(values), queries)


def _numpy_mean(values):
    valid = values[values > -1]
    return np.mean(valid) if valid.size else np.float64(-1)


@pytest.mark.parametrize("n_threads", [1, 2, 3, 4])
def test_threads_change_nothing(on_backend, threads, n_threads):
    threads(n_threads)
    for seed in range(1000, 1030):
        assert differences(*solve(seed)) == [], seed
