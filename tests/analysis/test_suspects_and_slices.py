"""analysis.suspects beside its definition, row by row; analysis.slices beside evaluations of the parts."""

import numpy as np
import pytest
from helpers.analysis_scenes import match, overlap, scene

import pymetrics
from pymetrics.analysis import slices, suspects


def defined(of, iou, least, score):
    said, best = match(of, iou), of.evaluate().best_threshold("f1", iou=iou).threshold
    missing = {}
    for i, (status, _) in said.items():
        near = [overlap(of.dt[i][2], g[2], g[3]) for g in of.gt if g[0] == of.dt[i][0]]
        if status == "fp" and of.dt[i][3] >= best and max(near, default=0.0) < least:
            missing[i] = max(near, default=0.0)
    found = {g for i, (status, g) in said.items() if status == "tp" and of.dt[i][3] >= score}
    return missing, {g for g, row in enumerate(of.gt) if not row[3] and not row[4] and g not in found}


@pytest.mark.parametrize("seed", range(10))
def test_suspects_are_those_of_the_definition(seed):
    of = scene(seed, n_images=25)
    for iou, least, score in ((0.5, 0.1, 0.05), (0.62, 0.3, 0.5)):
        missing, doubtful = defined(of, iou, least, score)
        found = suspects(of.evaluate(), iou, least, score)
        assert {row["dt"] for row in found.missing} == set(missing)
        for row in found.missing:
            assert (row["image"], row["category"]) == of.dt[row["dt"]][:2]
            assert row["score"] == of.dt[row["dt"]][3]
            assert row["overlap"] == pytest.approx(missing[row["dt"]], rel=1e-12)
            assert row["result"] == ""
        scores = [row["score"] for row in found.missing]
        assert scores == sorted(scores, reverse=True)
        assert {row["gt"] for row in found.doubtful} == doubtful
        assert all((row["image"], row["category"]) == of.gt[row["gt"]][:2] for row in found.doubtful)


def test_several_results():
    of = scene(4, n_images=25)
    other = type(of)(of.images, of.categories, of.gt, of.dt[: len(of.dt) // 2])
    both = suspects({"a": of.evaluate(), "b": other.evaluate()})
    alone = [suspects(one.evaluate()) for one in (of, other)]
    assert {row["gt"] for row in both.doubtful} == set.intersection(
        *({row["gt"] for row in one.doubtful} for one in alone)
    )
    assert [sum(row["result"] == name for row in both.missing) for name in "ab"] == [len(one.missing) for one in alone]
    text = f"<Suspects: {len(both.missing)} labels may be missing, {len(both.doubtful)} are found by no model>"
    assert repr(both) == text


def test_bad_suspects():
    of = scene(0)
    with pytest.raises(ValueError, match="suspects needs the data that was evaluated"):
        suspects(of.merged())
    with pytest.raises(TypeError, match="results must be a Result or a dict of Results by name, got list"):
        suspects([of.evaluate()])
    with pytest.raises(ValueError, match=r"overlap must be a number in \[0, 1\], got 3"):
        suspects(of.evaluate(), overlap=3)
    with pytest.raises(ValueError, match=r"cannot be compared with results\['a'\]: image 19 is in a alone"):
        suspects({"a": of.evaluate(), "b": of.part(of.images[:-1]).evaluate()})
    nothing = suspects(pymetrics.evaluate(np.zeros((0, 6)), np.zeros((0, 7))))
    assert (nothing.missing, nothing.doubtful) == ([], [])


@pytest.mark.parametrize("seed", range(4))
def test_a_slice_is_an_evaluation_of_its_images(seed):
    of = scene(seed, n_images=12)
    parts = {"first": of.images[:5], "rest": of.images[5:], "one": [of.images[2]]}
    none = slices(of.evaluate(), {"none": []})[0]
    assert list(none.values())[:4] == ["none", 0, 0, 0]
    assert set(list(none.values())[4:]) == {-1.0}
    for result in (of.evaluate(), of.merged()):
        for row, (name, ids) in zip(slices(result, parts), parts.items(), strict=True):
            alone = of.part(list(ids)).evaluate()
            assert row["name"] == name
            assert row["n_images"] == len(ids)
            assert [row[key] for key in alone] == list(alone.values())
            assert row["n_gt"] == sum(one["n_gt"] for one in alone.per_class)
            assert row["n_dt"] == sum(one["n_dt"] for one in alone.per_class)


def test_bad_slices():
    result = scene(0).evaluate()
    with pytest.raises(ValueError, match=r"parts\['a'\] holds 77, which is not an image of the result"):
        slices(result, {"a": [77]})
    with pytest.raises(TypeError, match=r"parts\['a'\] must hold image ids, got 'b'"):
        slices(result, {"a": "b"})
    with pytest.raises(TypeError, match="parts must be a dict of image ids by name, got list"):
        slices(result, [1])
