"""analysis.bootstrap: every draw is the evaluation of the drawn data set, bit for bit; intervals are numpy's."""

import contextlib
import dataclasses
import hashlib
import io
import json
import math

import numpy as np
import pytest
from helpers.analysis_scenes import Scene, scene

import pymetrics
from pymetrics import Protocol
from pymetrics.analysis import bootstrap
from pymetrics.analysis.bootstrap import basic, quantiles, weights
from pymetrics.evaluation.summary import SummaryRow

MASK = 2**64 - 1


def splitmix(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


@pytest.mark.parametrize("ids", [[-7, 0, 3, 2**63 - 1], ["a", "ü/é.jpg", ""]])
def test_draws_are_those_of_the_definition(backend, ids):
    """Poisson(1) by its distribution function, in units of 2^-64; an uncertain last digit is hit once in 2^60 draws."""
    seed, n = 2**64 - 3, 40
    hashes = [
        i & MASK if isinstance(i, int) else int.from_bytes(hashlib.blake2b(i.encode()).digest()[:8], "little")
        for i in ids
    ]
    levels = [math.exp(-1) * sum(1 / math.factorial(i) for i in range(j + 1)) for j in range(12)]
    got = weights(np.array(ids), n, seed)
    for b in range(n):
        for i, h in enumerate(hashes):
            u = splitmix((splitmix((seed ^ h) & MASK) + b) & MASK) / 2**64
            assert got[b, i] == sum(u >= level for level in levels)


def test_draws_are_of_mean_and_variance_1():
    drawn = weights(np.arange(500), 400, 5).astype(float)
    assert drawn.mean() == pytest.approx(1, abs=0.01)
    assert drawn.var() == pytest.approx(1, abs=0.02)
    assert abs(np.corrcoef(drawn[:, 0], drawn[:, 1])[0, 1]) < 0.2


def drawn_scene(of, times):
    """Every image as often as its weight says, copies next to each other, in the order of ids."""
    images, gt, dt = [], [], []
    for image, weight in zip(sorted(of.images), times.tolist(), strict=True):
        for _ in range(weight):
            new = len(images)
            images.append(new)
            gt += [(new, *row[1:]) for row in of.gt if row[0] == image]
            dt += [(new, *row[1:]) for row in of.dt if row[0] == image]
    return Scene(images, of.categories, gt, dt)


def basic_interval(value, draws):
    """The 95 % interval of a number, or [-1, -1]."""
    draws = [draw for draw in draws if draw > -1]
    if len(draws) < 0.95 * 20:
        return [-1, -1]
    return [min(max(2 * value - np.quantile(draws, level), 0), 1) for level in (0.975, 0.025)]


SETTINGS = [
    {},
    {"max_dets": (1, 3, 4), "iou_thresholds": (0.75, 0.5)},
    {"area_ranges": {f"r{i}": (8.0 * i, 1e4) for i in range(14)}},
    {"protocol": Protocol(use_cats=False)},
]


@pytest.mark.cases(8)
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("settings", SETTINGS, ids=["coco", "other limits", "three words", "one category"])
def test_a_draw_is_an_evaluation_of_the_drawn_data(backend, seed, settings):
    of = scene(seed, n_images=12)
    result = of.evaluate(**settings)
    found = bootstrap(result, n=20, seed=seed)
    drawn = weights(result.outcomes.image_ids, 20, seed)
    assert found.keys == tuple(result)
    for b in range(20):
        if drawn[b].any():
            alone = drawn_scene(of, drawn[b]).evaluate(**settings)
            assert found.values[b].tobytes() == alone.stats.tobytes()
    lows = np.array([[interval.low, interval.high] for interval in found.intervals.values()])
    assert lows.tolist() == [basic_interval(*of) for of in zip(result.values(), found.values.T.tolist(), strict=True)]
    assert [found[key].value for key in result] == list(result.values())


def test_categories_are_drawn_with_the_rest():
    of = scene(2, n_images=30)
    result, n = of.evaluate(), 60
    found, drawn = bootstrap(result, n=n, seed=1), weights(np.array(sorted(of.images)), n, 1)
    per_draw = [drawn_scene(of, each).evaluate().per_class for each in drawn]
    keys = ("map", "map_50", "map_75")
    for k, row in enumerate(found.per_class):
        values = np.array([[classes[k][key] for key in keys] for classes in per_draw])
        whole = np.array([result.per_class[k][key] for key in keys])
        for key, (low, high) in zip(keys, basic(whole, quantiles(values)).tolist(), strict=True):
            assert (row[key].low, row[key].high) == (low, high)
            assert row[key].value == result.per_class[k][key]
    assert [list(row) for row in found.per_class] == [["id", "name", *keys]] * len(of.categories)
    assert found.per_class[-1]["map"] == pymetrics.analysis.Interval(-1, -1, -1)


@pytest.mark.parametrize("seed", range(3))
def test_groups_of_categories(backend, seed):
    """Rows of a summary over the members of a group; one that the protocol lacks stays undefined."""
    rows = (
        SummaryRow("map_few", "F", "precision", categories="few"),
        SummaryRow("mar_few", "RF", "recall", categories="few"),
        SummaryRow("mar_50", "R50", "recall", 0.5),
        SummaryRow("map_none", "N", "precision", categories="none"),
        SummaryRow("map_12", "A12", "precision", 0.123),
    )

    def grouped(of):
        outcomes = of.evaluate(protocol=Protocol(summary=rows)).outcomes
        members = {"few": tuple(outcomes.category_ids[:2].tolist())}
        return pymetrics.Result(dataclasses.replace(outcomes, category_groups=members))

    of = scene(seed, n_images=12)
    found, drawn = bootstrap(grouped(of), n=20), weights(np.array(sorted(of.images)), 20, 0)
    for b in np.flatnonzero(drawn.any(axis=1)):
        assert found.values[b].tobytes() == grouped(drawn_scene(of, drawn[b])).stats.tobytes()
    assert found["map_few"].low > -1
    assert (found["map_none"].low, found["map_12"].low) == (-1, -1)


@pytest.mark.parametrize("seed", range(4))
def test_neither_partition_nor_order_matters(seed):
    of = scene(seed, n_images=20)
    whole, merged = bootstrap(of.evaluate(), 30, 4), bootstrap(of.merged(), 30, 4)
    assert whole.values.tobytes() == merged.values.tobytes()
    assert whole.intervals == merged.intervals
    assert whole.per_class == merged.per_class
    assert bootstrap(of.evaluate(), 30, 5).values.tobytes() != whole.values.tobytes()
    assert bootstrap(of.evaluate(), 20, 4).values.tobytes() == whole.values[:20].tobytes()


def test_quantiles_and_their_rule():
    values = np.random.default_rng(0).random((100, 4))
    values[:5, 1] = -1
    values[:6, 2] = -1
    values[:, 3] = -1
    got = quantiles(values)
    assert got[0].tolist() == np.quantile(values[:, 0], (0.025, 0.975)).tolist()
    assert got[1].tolist() == np.quantile(values[5:, 1], (0.025, 0.975)).tolist()
    assert got[2:].tolist() == [[-1, -1], [-1, -1]]


def test_bad_arguments():
    result = scene(0).evaluate()
    for settings, error, words in [
        ({"n": 1}, ValueError, r"n must be an integer in \[2, 1000000\], got 1"),
        ({"n": 10.0}, TypeError, r"n must be an integer, got 10\.0"),
        ({"n": True}, TypeError, "n must be an integer, got True"),
        ({"seed": -1}, ValueError, r"seed must be an integer in \[0, .*\], got -1"),
        ({"seed": 2**64}, ValueError, "seed must be"),
        ({"seed": "a"}, TypeError, "seed must be an integer, got 'a'"),
    ]:
        with pytest.raises(error, match=words):
            bootstrap(result, **settings)
    with pytest.raises(KeyError, match="'maps' is not one of map, "):
        bootstrap(result, n=2)["maps"]


def test_nothing_at_all():
    found = bootstrap(pymetrics.evaluate(np.zeros((0, 6)), np.zeros((0, 7))), n=3)
    assert set(found.values.ravel()) == {-1.0}
    assert found.per_class == []
    assert repr(found) == "<Bootstrap of 3 draws of 0 images>"


def resampled(gt, dt, drawn):
    """COCO's dicts of a draw, image by image, copies next to each other."""
    images, annotations, detections = [], [], []
    for image, weight in zip(sorted(gt["images"], key=lambda row: row["id"]), drawn.tolist(), strict=True):
        for _ in range(weight):
            new = {"image_id": len(images) + 1}
            images.append({**image, "id": new["image_id"]})
            for row in gt["annotations"]:
                if row["image_id"] == image["id"]:
                    annotations.append({**row, **new, "id": len(annotations) + 1})
            detections += [{**row, **new} for row in dt if row["image_id"] == image["id"]]
    return {**gt, "images": images, "annotations": annotations}, detections


@pytest.mark.slow
@pytest.mark.parametrize(
    "names",
    [
        ("generated/gt.json", "generated/dt_coarse.json"),
        pytest.param(("coco_yolact100/gt.json", "coco_yolact100/dt_yolact_base.json"), marks=pytest.mark.slow),
    ],
    ids=["generated", "yolact"],
)
def test_pycocotools_on_the_drawn_data(data, need, sum_order, names):
    """Its twelve numbers by bytes; scores rounded to two digits, so that equal ones are common."""
    coco, cocoeval = need("pycocotools.coco"), need("pycocotools.cocoeval")
    gt, dt = (json.loads(data(name).read_text(encoding="utf-8")) for name in names)
    keys = ("image_id", "category_id", "bbox", "score")
    dt = [{key: row[key] for key in keys} | {"score": round(row["score"], 2)} for row in dt]
    result, n = pymetrics.evaluate(gt, dt), 20
    found, drawn = bootstrap(result, n=n, seed=7), weights(result.outcomes.image_ids, n, 7)
    for b in range(n):
        truth, rows = resampled(gt, dt, drawn[b])
        with contextlib.redirect_stdout(io.StringIO()):
            dataset = coco.COCO()
            dataset.dataset = truth
            dataset.createIndex()
            evaluation = cocoeval.COCOeval(dataset, dataset.loadRes(rows), "bbox")
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        assert np.array(evaluation.stats, float).tobytes() == found.values[b].tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("images", ["differ", "are alike", "hold six objects"])
def test_intervals_hold_the_whole(images):
    """200 samples of 300 of 20,000 generated images: the share of intervals that hold the number of all images.

    Images that differ in difficulty, as those of real sets do, that are all drawn alike, or hold six objects each.
    """
    rng, n_images = np.random.default_rng(12), 20_000
    if images == "hold six objects":
        n_gt, image = 6 * n_images, np.repeat(np.arange(n_images), 6)
    else:
        n_gt = 3 * n_images
        image = rng.integers(0, n_images, n_gt)
    label = rng.integers(0, 3, n_gt)
    boxes = np.column_stack([rng.uniform(0, 300, (n_gt, 2)), rng.uniform(20, 120, (n_gt, 2))])
    difficulty = {
        "differ": lambda: rng.random(n_images)[image] ** 2, "are alike": lambda: np.full(n_gt, 1 / 3),
        "hold six objects": lambda: rng.random(n_gt) ** 2,
    }[images]()  # fmt: skip
    noise = 0.02 + 0.25 * difficulty * rng.random(n_gt)
    moved = boxes + rng.normal(0, 1, (n_gt, 4)) * noise[:, None] * boxes[:, [2, 3, 2, 3]]
    false = rng.random(n_gt) < 0.6 * difficulty
    moved[false, :2] += 150
    scores = np.clip(0.9 - noise - 0.3 * false + rng.normal(0, 0.15, n_gt), 0.01, 1)

    def evaluate(chosen):
        rows = np.isin(image, chosen)
        gt = pymetrics.GroundTruths(
            image=image[rows], boxes=boxes[rows], labels=label[rows], images=chosen.tolist(), box_format="xywh"
        )
        dt = pymetrics.Detections(
            image=image[rows], boxes=moved[rows], scores=scores[rows], labels=label[rows], box_format="xywh"
        )
        return pymetrics.evaluate(gt, dt)

    keys = ("map", "map_50", "mar_100")
    whole, held = evaluate(np.arange(n_images)), dict.fromkeys(keys, 0)
    for seed in range(200):
        found = bootstrap(evaluate(np.sort(rng.choice(n_images, 300, replace=False))), n=200, seed=seed)
        for key in keys:
            held[key] += found[key].low <= whole[key] <= found[key].high
    assert all(0.88 <= n / 200 <= 0.99 for n in held.values()), held
