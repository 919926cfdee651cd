"""Curves over confidence and the best threshold, beside the definition tried at every score."""

import math
import pickle

import numpy as np
import pytest
from helpers.analysis_scenes import count, f_beta, macro, match, scene

import pymetrics
from pymetrics.analysis import BestThreshold, best_threshold

OBJECTIVES = [
    "f1", "f0.5", "f2", "f0", *({kind: value} for kind in ("precision", "recall") for value in (0, 0.3, 0.5, 0.9, 1.0))
]  # fmt: skip


def distinct(of, matches, category=None):
    return sorted({of.dt[i][3] for i in matches if category in (None, of.dt[i][1])}, reverse=True)


def points(of, matches, average, category, beta):
    """(score, n_gt, precision, recall, F, tp, fp, fn) at every distinct score, falling."""
    for score in distinct(of, matches, category):
        n_gt, _, tp, fp, fn = count(of, matches, score, category=category)
        if average == "macro":
            precision, recall, f = macro(of, matches, score, beta)
        else:
            precision, recall = (tp / (tp + fp) if tp + fp else -1), (tp / n_gt if n_gt else -1)
            f = f_beta(tp, fp, fn, beta)
        yield score, n_gt, precision, recall, f, tp, fp, fn


def best(of, matches, objective, average, category=None):
    """(score, precision, recall, F, tp, fp, fn), or None."""
    beta = float(objective[1:]) if isinstance(objective, str) else 1.0
    rows = list(points(of, matches, average, category, beta))
    if count(of, matches, 0, category=category)[0] == 0 or not rows:
        return None
    if isinstance(objective, str):
        chosen = max(rows, key=lambda row: (row[4], row[0]))
    elif "precision" in objective:
        fit = [row for row in rows if row[2] >= objective["precision"] and row[3] > 0]
        chosen = min(fit, default=None)
    else:
        chosen = max([row for row in rows if row[3] >= objective["recall"]], default=None)
    return None if chosen is None else (chosen[0], *chosen[2:])


def values(found):
    names = ("threshold", "precision", "recall", "f", "tp", "fp", "fn")
    return tuple(getattr(found, name) for name in names)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("settings", [{}, {"max_dets": (1, 3)}])
def test_curves_hold_what_the_definition_says_at_every_score(seed, settings):
    of = scene(seed)
    result = of.evaluate(**settings)
    for iou, limit in ((0.5, None), (0.75, 1)):
        matches = match(of, iou, 1 if limit else settings.get("max_dets", (100,))[-1])
        curves = result.curves(iou, max_dets=limit).confidence
        assert curves.category_ids.tolist() == list(of.categories)
        wanted = [(curves.micro, "micro", None), (curves.macro, "macro", None)]
        wanted += [(c, "micro", id) for c, id in zip(curves.per_class, of.categories, strict=True)]
        for curve, average, category in wanted:
            want = list(points(of, matches, average, category, 1.0))
            columns = (curve.scores, curve.precision, curve.recall, curve.f1, curve.tp, curve.fp, curve.fn)
            got = [tuple(line) for line in zip(*(column.tolist() for column in columns), strict=True)]
            assert got == [(row[0], *row[2:]) for row in want]
            assert len(curve) == len(want)
            assert curve.n_gt == count(of, matches, 0, category=category)[0]


@pytest.mark.cases(28)
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("objective", OBJECTIVES, ids=str)
def test_best_threshold(seed, objective):
    of = scene(seed)
    result = of.evaluate()
    for iou in (0.5, 0.62):
        matches = match(of, iou)
        for average in ("macro", "micro"):
            found = result.best_threshold(objective, iou=iou, average=average)
            want = best(of, matches, objective, average)
            assert values(found) == (want or (None,) * 7)
            assert (found.why is None) == (want is not None)
        per_class = result.best_threshold(objective, iou=iou, per_class=True)
        assert list(per_class) == list(of.categories)
        for category, found in per_class.items():
            want = best(of, matches, objective, "micro", category)
            assert values(found) == (want or (None,) * 7)


@pytest.mark.parametrize("seed", range(4))
def test_at_the_best_threshold_is_what_it_says(seed):
    result = scene(seed, n_images=15).evaluate()
    found = result.best_threshold("f0.5")
    at = result.at(found.threshold)
    assert (at.macro.precision, at.macro.recall, at.macro.fbeta(0.5)) == (found.precision, found.recall, found.f)
    assert (at.tp, at.fp, at.fn) == (found.tp, found.fp, found.fn)
    found = result.best_threshold({"recall": 0.01}, average="micro")
    at = result.at(found.threshold)
    assert (at.precision, at.recall, at.f1) == (found.precision, found.recall, found.f)
    assert result.best_threshold("f1") == result.best_threshold() == best_threshold(result)
    assert result.best_threshold("f1", 0.5, "macro") == result.best_threshold()
    assert result.curves(0.5).confidence.macro.f1.max() == result.best_threshold().f


@pytest.mark.parametrize("n_categories", [1, 2, 33, 200])
def test_macro_curves_are_at_whatever_the_number_of_categories(n_categories):
    of = scene(n_categories, n_images=40, n_categories=n_categories + 1)
    result = of.evaluate()
    curve = result.curves(0.5).confidence.macro
    for i, score in enumerate(curve.scores.tolist()):
        found = result.at(score)
        assert (found.tp, found.fp, found.fn) == (curve.tp[i], curve.fp[i], curve.fn[i])
        macro = (found.macro.precision, found.macro.recall, found.macro.f1)
        assert macro == (curve.precision[i], curve.recall[i], curve.f1[i])
        rows = [row for row in found.per_class if row["n_gt"]]
        assert macro[2] == pytest.approx(np.mean([row["f1"] for row in rows]), rel=1e-13)


def test_outcomes_are_enough():
    of = scene(3)
    merged, whole = of.merged(), of.evaluate()
    for objective in OBJECTIVES:
        assert merged.best_threshold(objective) == whole.best_threshold(objective)
    with pytest.raises(ValueError, match=r"iou must be one of .*iou_thresholds="):
        merged.best_threshold(iou=0.62)
    curves = pickle.loads(pickle.dumps(merged.curves(0.5)))
    assert curves.confidence.macro.f1.tolist() == whole.curves(0.5).confidence.macro.f1.tolist()


def test_what_cannot_be_reached_says_why():
    gt = np.array([[1, 0, 0, 10, 10, 1], [1, 50, 50, 10, 10, 1]])
    dt = np.array([[1, 0, 0, 10, 10, 0.5, 1], [1, 80, 80, 10, 10, 0.9, 1], [1, 80, 0, 10, 10, 0.3, 2]])
    result = pymetrics.evaluate(gt, dt)
    assert result.best_threshold({"recall": 0.9}) == BestThreshold(
        None, why="no score reaches recall 0.9: the highest recall is 0.5"
    )
    assert "the highest precision is 0.5" in result.best_threshold({"precision": 0.9}).why
    assert result.best_threshold(per_class=True)[2].why == "there is no ground truth that counts"
    assert pymetrics.evaluate(gt, dt[:0]).best_threshold().why == "there are no detections"
    assert "no detection is right" in pymetrics.evaluate(gt, dt[1:2]).best_threshold({"precision": 0.1}).why
    assert pymetrics.evaluate(gt, dt[1:2]).best_threshold("f1") == BestThreshold(0.9, 0.0, 0.0, 0.0, 0, 1, 2)


@pytest.mark.parametrize("objective", ["f", "F1", "fone", "precision", {"precision": 0.5, "recall": 0.5}, {}, None, 1])
def test_bad_objectives(objective):
    with pytest.raises(ValueError, match=r"objective must be .* got "):
        scene(0).evaluate().best_threshold(objective)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"objective": {"precision": 90}}, r"objective\['precision'\] must be a number in \[0, 1\], got 90"),
        ({"objective": {"recall": math.nan}}, r"objective\['recall'\] must be a number in \[0, 1\], got nan"),
        ({"average": "mean"}, 'average must be "macro" or "micro", got \'mean\''),
        ({"iou": 2}, r"iou must be a number in \[0, 1\], got 2"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        scene(0).evaluate().best_threshold(**arguments)
