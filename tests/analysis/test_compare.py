"""pymetrics.compare and analysis.images_needed beside their formulas, number by number."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from helpers.analysis_scenes import Scene, count, match, scene

import pymetrics
from pymetrics import Accumulator, Protocol, compare
from pymetrics.analysis import bootstrap, images_needed
from pymetrics.analysis.bootstrap import replicates
from pymetrics.analysis.compare import discoveries, holm


def worse(of, seed, share=0.5):
    """The same ground truth, some detections moved away."""
    rng = np.random.default_rng(seed)
    moved = [(*row[:2], [row[2][0] + 20, *row[2][1:]], row[3]) if rng.random() < share else row for row in of.dt]
    return Scene(of.images, of.categories, of.gt, moved)


@pytest.fixture
def scenes():
    of = scene(4, n_images=60)
    return {"a": of, "b": worse(of, 0, 0.9), "c": worse(of, 1, 0.01)}


def test_numbers_are_those_of_the_formulas(scenes):
    results = {name: of.evaluate() for name, of in scenes.items()}
    found = compare(results, n=100, seed=3)
    drawn = {name: replicates(result, 100, 3, "map") for name, result in results.items()}
    keys = [row.key for row in drawn["a"].rows]
    assert [(pair.first, pair.second) for pair in found.pairs] == [("a", "b"), ("a", "c")]
    assert found.values == {name: result["map"] for name, result in results.items()}
    p = []
    for pair in found.pairs:
        for key in results["a"]:
            between = (drawn[pair.second].values - drawn["a"].values)[:, keys.index(key)]
            got = pair.differences[key]
            if results["a"][key] == -1:
                assert all(math.isnan(value) for value in (got.value, got.low, got.high))
                continue
            assert got.value == results[pair.second][key] - results["a"][key]
            assert [got.low, got.high] == np.quantile(between, (0.025, 0.975)).tolist()
            if key == "map":
                deviation = np.std(between, ddof=1)
                assert pair.deviation == deviation
                p.append(2 * NormalDist().cdf(-abs(got.value) / deviation))
    assert [pair.p for pair in found.pairs] == pytest.approx(p, rel=1e-9)
    low, high = sorted(p)
    want = {low: min(1, 2 * low), high: max(min(1, 2 * low), high)}
    assert [pair.p_corrected for pair in found.pairs] == pytest.approx([want[one] for one in p], rel=1e-9)


def test_categories(scenes):
    results = {name: scenes[name].evaluate() for name in "ab"}
    pair = compare(results, n=80).pairs[0]
    drawn = [replicates(results[name], 80, 0, "map").by_class[..., 0] for name in "ab"]
    rows = {row["id"]: row for row in results["a"].per_class}
    assert [row["id"] for row in pair.per_class] == [id for id, row in rows.items() if row["n_gt"] > 0]
    ids = list(rows)
    for row in pair.per_class:
        k = ids.index(row["id"])
        between = drawn[1][:, k] - drawn[0][:, k]
        assert row["difference"].value == results["b"].per_class[k]["map"] - results["a"].per_class[k]["map"]
        defined = (drawn[0][:, k] > -1) & (drawn[1][:, k] > -1)
        if defined.all():
            assert row["difference"].low == np.quantile(between, 0.025)
        s = np.std(between[defined], ddof=1)
        want = 2 * NormalDist().cdf(-abs(row["difference"].value) / s) if s else 1.0
        assert row["p"] == pytest.approx(want, rel=1e-9, abs=1e-300)
    judged = [row for row in pair.per_class if row["n_images"] >= 10]
    assert [row["reliable"] for row in judged] == discoveries([row["p"] for row in judged])
    assert sum(row["reliable"] for row in pair.per_class) == sum(row["reliable"] for row in judged)
    for metric in ("mar_10", "map_small"):  # of every metric
        by_class = compare(results, metric=metric, n=5).pairs[0].per_class
        value = {row["id"]: row[metric] for row in results["b"].per_class}
        other = {row["id"]: row[metric] for row in results["a"].per_class}
        assert by_class
        assert all(row["difference"].value == value[row["id"]] - other[row["id"]] for row in by_class)


def test_images_that_changed_most(scenes):
    results = {name: scenes[name].evaluate() for name in "ab"}
    pair = compare(results, n=2).pairs[0]
    counts = {}
    for name in "ab":
        of, score = scenes[name], results[name].best_threshold("f1").threshold
        matches = match(of, 0.5)
        counts[name] = {image: count(of, matches, score, image=image)[2:] for image in of.images}
    assert {row["id"] for row in pair.changed} == set(scenes["a"].images)
    for row in pair.changed:
        (tp, fp, fn), (tp2, fp2, fn2) = row["first"], row["second"]
        assert (tp, fp, fn) == counts["a"][row["id"]]
        assert (tp2, fp2, fn2) == counts["b"][row["id"]]
        assert row["change"] == (tp2 - fp2 - fn2) - (tp - fp - fn)
    sizes = [abs(row["change"]) for row in pair.changed]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 0


def test_the_words(scenes):
    results = {name: of.evaluate() for name, of in scenes.items()}
    found = compare({name: results[name] for name in "abc"}, n=300)
    worse_pair, same = found.pairs
    got = worse_pair.differences["map"]

    def signed(value):
        return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")

    span = f"95 % interval {signed(got.low)} to {signed(got.high)}, 60 images"
    assert worse_pair.verdict == f"b is worse than a: map {signed(got.value)} ({span})"
    assert str(same).startswith("no reliable difference between a and c: map ")
    assert str(found) == f"{worse_pair}\n{same}"
    back = compare({"b": results["b"], "a": results["a"]}, n=300).pairs[0]
    assert back.verdict.startswith("a is better than b: map +0.")
    alone = compare({"x": results["a"], "y": results["a"]}, n=10).pairs[0]
    assert (alone.p, alone.deviation, alone.reliable) == (1.0, 0.0, False)
    assert alone.verdict == (
        "no reliable difference between x and y: map +0.000 (95 % interval +0.000 to +0.000, 60 images)"
    )
    assert repr(found) == "<Comparison of a, b, c by map, 300 draws>"
    assert repr(alone) == f"<Pair {alone.verdict}>"
    few = scene(2).evaluate()
    assert compare({"x": few, "y": few}, n=10).pairs[0].verdict.endswith(", 7 images); too few images to rely on")


def test_all_pairs_and_short_names(scenes):
    results = {name: of.evaluate() for name, of in scenes.items()}
    found = compare(results, metric="AP50", pairs="all", n=10)
    assert found.metric == "map_50"
    assert [(pair.first, pair.second) for pair in found.pairs] == [("a", "b"), ("a", "c"), ("b", "c")]


def test_undefined_numbers():
    gt, dt = np.zeros((0, 6)), np.zeros((0, 7))
    nothing = pymetrics.evaluate(gt, dt)
    pair = compare({"a": nothing, "b": nothing}, n=3).pairs[0]
    assert pair.verdict == "no difference between a and b: map is undefined"
    assert (pair.p, pair.per_class, pair.changed) == (1.0, [], [])
    assert math.isnan(pair.differences["map"].low)
    with pytest.raises(ValueError, match="metric 'map' is undefined in these images"):
        images_needed(pair)
    with pytest.raises(ValueError, match="metric 'map' is undefined in these images"):
        images_needed(nothing)


def test_corrections_by_hand():
    """Holm: sorted p times 3, 2, 1, never falling. The other: the last p below its line, and all before."""
    assert holm([0.04, 0.01, 0.03]) == [0.06, 0.03, 0.06]
    assert holm([0.9, 0.5]) == [1.0, 1.0]
    assert discoveries([0.04, 0.01, 0.9, 0.03]) == [False, True, False, False]
    assert discoveries([0.02, 0.01, 0.9, 0.03]) == [True, True, False, True]
    assert discoveries([]) == []


def test_accumulators_are_enough(scenes):
    of, other = scenes["a"], scenes["b"]
    whole = compare({"a": of.evaluate(), "b": other.evaluate()}, n=20)
    merged = compare({"a": of.merged(), "b": other.merged()}, n=20)
    assert repr(merged.pairs[0].differences) == repr(whole.pairs[0].differences)
    assert merged.pairs[0].changed == whole.pairs[0].changed


def test_what_cannot_be_compared():
    of = scene(6)
    result = of.evaluate()

    def refused(other, words, error=ValueError, **settings):
        with pytest.raises(error, match=words):
            compare({"a": result, "b": other}, n=2, **settings)

    fewer = of.part(of.images[:-1])
    refused(
        fewer.evaluate(), rf"results\['b'\] cannot be compared with results\['a'\]: image {of.images[-1]} is in a alone"
    )
    more = Scene([*of.images, 999], of.categories, of.gt, of.dt)
    refused(more.evaluate(), "image 999 is in b alone")
    refused(Scene(of.images, of.categories | {77: "new"}, of.gt, of.dt).evaluate(), "category 77 is in b alone")
    place = next(i for i, row in enumerate(of.gt) if not row[3] and not row[4])
    image, category = of.gt[place][:2]
    n = sum(row[:2] == (image, category) and not row[3] and not row[4] for row in of.gt)
    lost = Scene(of.images, of.categories, of.gt[:place] + of.gt[place + 1 :], of.dt)
    refused(lost.evaluate(), f"image {image} has {n} ground truths of category {category} in a, {n - 1} in b")
    refused(of.evaluate(max_dets=(1, 10, 50)), r"max_dets is \(1, 10, 100\) in a, \(1, 10, 50\) in b")
    refused(of.evaluate(protocol=Protocol(use_cats=False)), "use_cats is True in a, False in b")
    text = scene(7)
    refused(text.evaluate(), "image 1 is in a alone")
    refused(result, "metric must be one of .*, got 'mAP'", metric="mAP")
    refused(result, 'pairs must be "first" or "all", got \'each\'', pairs="each")
    refused(Accumulator(), r"results\['b'\] must be a Result, got Accumulator: say .compute\(\)", TypeError)
    for results, words, error in [
        ({"a": result}, "results must hold at least two, got 1", ValueError),
        ([result, result], "results must be a dict of Results by name, got list", TypeError),
        ({1: result, 2: result}, "results must have names for keys, got 1", TypeError),
    ]:
        with pytest.raises(error, match=words):
            compare(results)


def test_images_needed(scenes):
    results = {name: scenes[name].evaluate() for name in "ab"}
    pair = compare(results, n=50, seed=2).pairs[0]
    found = images_needed(pair, difference=0.01)
    exact = 60 * ((1.959964 + 0.841621) * pair.deviation / 0.01) ** 2
    assert found.images == pytest.approx(exact, abs=1.5)
    alone = images_needed(results["a"], difference=0.02, power=0.9, metric="AP50", n=50, seed=2)
    values = bootstrap(results["a"], 50, 2).values[:, list(results["a"]).index("map_50")]
    s = math.sqrt(2) * np.std(values, ddof=1)
    assert alone.deviation == pytest.approx(s, rel=1e-12)
    assert alone.images == pytest.approx(60 * ((1.959964 + 1.281552) * s / 0.02) ** 2, abs=1.5)
    assert "of two independent models" in str(alone)
    assert str(found).startswith(f"{found.images} images would tell a difference of 0.01 in map from chance")
    for settings, error, words in [
        ({"difference": 0}, ValueError, "difference must be above 0"),
        ({"power": 1.0}, ValueError, r"power in \(0, 1\)"),
        ({"difference": 2}, ValueError, r"difference must be a number in \[0, 1\], got 2"),
        ({"metric": "x"}, ValueError, "metric must be one of"),
    ]:
        with pytest.raises(error, match=words):
            images_needed(results["a"], **settings)
    with pytest.raises(TypeError, match="result must be a Result or a Pair, got int"):
        images_needed(3)


def test_images_needed_where_draws_say_nothing():
    gt = [{"boxes": [[0, 0, 9, 9]], "labels": [1]}]
    result = pymetrics.evaluate(gt, [gt[0] | {"scores": [0.5]}])
    with pytest.raises(ValueError, match="'map' is the same in all draws of these 1 images"):
        images_needed(result, n=50)


@pytest.mark.parametrize(("n_images", "reliable"), [(9, False), (10, True)])
def test_categories_on_few_images_are_not_judged(n_images, reliable):
    """Category 1 is on many images, category 2 on a few; of both the second detector finds nothing, or little."""
    boxes = np.array([[0.0, 0, 40, 40]])
    gt, good, bad = [], [], []
    for i in range(60):
        labels = np.array([2 if i < n_images else 1])
        gt.append({"boxes": boxes, "labels": labels})
        good.append({"boxes": boxes, "labels": labels, "scores": np.array([0.9])})
        kept = boxes[: i % 3 == 0]
        bad.append({"boxes": kept, "labels": labels[: len(kept)], "scores": np.full(len(kept), 0.9)})
    found = compare({"good": pymetrics.evaluate(gt, good), "bad": pymetrics.evaluate(gt, bad)}, n=200)
    of = {row["id"]: row for row in found.pairs[0].per_class}
    assert (of[1]["n_images"], of[1]["reliable"]) == (60 - n_images, True)
    assert (of[2]["n_images"], of[2]["reliable"]) == (n_images, reliable)
    assert of[2]["p"] < 0.01
