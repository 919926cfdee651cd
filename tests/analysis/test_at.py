"""Result.at: counts and ratios at a score, beside the definition computed literally."""

import math
import pickle

import numpy as np
import pytest
from helpers.analysis_scenes import count, f_beta, macro, match, scene

import pymetrics
from pymetrics import Outcomes, Result
from pymetrics.analysis.counted import tree_mean

SCORES = (-math.inf, 0.0, 0.25, 0.3, 0.5, 0.875, 1.0, 1.5)


def expected(row):
    n_gt, n_dt, tp, fp, fn = row
    precision, recall = (tp / (tp + fp) if tp + fp else -1), (tp / n_gt if n_gt else -1)
    return [n_gt, n_dt, tp, fp, fn, precision, recall, f_beta(tp, fp, fn, 1)]


@pytest.mark.cases(12)
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("settings", [{}, {"max_dets": (1, 3)}, {"iou_thresholds": (0.75, 0.5)}])
def test_counts_are_those_of_the_definition(seed, settings):
    of = scene(seed)
    result = of.evaluate(**settings)
    for iou in (0.5, 0.75, 0.62):  # the last is matched anew
        matches = match(of, iou, settings.get("max_dets", (100,))[-1])
        for score in SCORES:
            found = result.at(score=score, iou=iou)
            whole = expected(count(of, matches, score))
            got = [found.tp, found.fp, found.fn, found.precision, found.recall, found.f1]
            assert got == whole[2:]
            assert [type(value) for value in got] == [int] * 3 + [float] * 3
            for beta in (0.5, 2, 0, 0.3):
                assert found.fbeta(beta) == f_beta(found.tp, found.fp, found.fn, beta)
                assert found.macro.fbeta(beta) == macro(of, matches, score, beta)[2]
            assert (found.macro.precision, found.macro.recall, found.macro.f1) == macro(of, matches, score)
            rows = found.per_class
            assert [(row.pop("id"), row.pop("name")) for row in map(dict, rows)] == list(of.categories.items())
            keys = ["n_gt", "n_dt", "tp", "fp", "fn", "precision", "recall", "f1"]
            for row in rows:
                want = expected(count(of, matches, score, category=row["id"]))
                assert [row[key] for key in keys] == want
            want = {image: expected(count(of, matches, score, image=image)) for image in of.images}
            assert {row["id"]: [row[key] for key in keys] for row in found.per_image} == want
            empty = [row for row in want.values() if row[0] == 0]
            assert found.n_images_without_objects == len(empty)
            assert found.fp_without_objects == sum(row[3] for row in empty)
            assert found.fppi == found.fp / len(of.images)


@pytest.mark.parametrize("seed", range(6))
def test_the_worst_images_come_first(seed):
    of = scene(seed, n_images=20)
    rows = of.evaluate().at(0.4).per_image
    position = {image: i for i, image in enumerate(sorted(of.images))}
    keys = [(row["f1"] == -1, row["f1"], -row["fp"] - row["fn"], position[row["id"]]) for row in rows]
    assert keys == sorted(keys)
    assert len(keys) == 20
    assert keys[-1][0]  # an image without anything


@pytest.mark.parametrize("seed", range(4))
def test_outcomes_are_enough(seed):
    of = scene(seed)
    whole, merged = of.evaluate().at(0.5), of.merged()
    loaded = Result(Outcomes.from_bytes(merged.outcomes.to_bytes()))
    for other in (merged.at(0.5), loaded.at(0.5), pickle.loads(pickle.dumps(loaded)).at(0.5)):
        assert (other.per_class, other.per_image) == (whole.per_class, whole.per_image)
        assert other.macro.f1 == whole.macro.f1
    assert merged.at(0.5, iou=0.75).per_class == of.evaluate().at(0.5, iou=0.75).per_class
    with pytest.raises(ValueError, match=r"iou must be one of the protocol's \(0.5, .*, got 0.62: .*iou_thresholds="):
        merged.at(0.5, iou=0.62)


def test_without_images_or_categories():
    none = np.zeros((0, 6))
    result = pymetrics.evaluate(none, np.zeros((0, 7)))
    found = result.at()
    assert (found.tp, found.fp, found.fn, found.precision, found.recall, found.f1, found.fppi) == (0, 0, 0, *[-1] * 4)
    assert (found.macro.precision, found.macro.n_categories, found.per_class, found.per_image) == (-1, 0, [], [])
    assert repr(found).startswith("<AtThreshold score=0.5 iou=0.5")
    assert repr(found.macro).startswith("<Macro")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"score": "high"}, "score must be a number, got 'high'"),
        ({"score": math.nan}, "score must be a number, got nan"),
        ({"score": True}, "score must be a number, got True"),
        ({"score": None}, "score must be a number, got None"),
        ({"iou": 50}, r"iou must be a number in \[0, 1\], got 50"),
        ({"iou": -0.1}, r"iou must be a number in \[0, 1\], got -0.1"),
        ({"iou": [0.5]}, r"iou must be a number in \[0, 1\], got \[0.5\]"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        scene(0).evaluate().at(**arguments)


def test_bad_beta():
    found = scene(0).evaluate().at()
    for of in (found, found.macro):
        for beta in (-1, math.inf, math.nan, "2"):
            with pytest.raises(ValueError, match=r"beta must be a number in \[0, 1e\+06\], got"):
                of.fbeta(beta)


def test_tree_mean():
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 4, 5, 8, 80, 1203):
        values, counts = rng.random(n), rng.integers(0, 2, n)
        counts[0] = 1
        assert tree_mean(values, counts) == pytest.approx(values[counts > 0].mean(), rel=1e-14)
    assert tree_mean(np.zeros(0), np.zeros(0)) == tree_mean(np.ones(3), np.zeros(3)) == -1
