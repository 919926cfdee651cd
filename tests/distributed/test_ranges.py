"""Categories cut by score into ranges: the bits of pymetrics.evaluate, whatever the ranges and the order of rows."""

import re

import numpy as np
import pytest
from helpers.absent import need_module
from helpers.tables import bits

import pymetrics
from pymetrics.distributed import plan, ranges
from pymetrics.evaluation.score_ranges import range_of, score_bounds

pa = need_module("pyarrow")

WIDE = pymetrics.Protocol(
    iou_thresholds=np.linspace(0.3, 0.9, 20), recall_thresholds=[0.5, 0.0, 1.0, 0.2, 2.0, 0.1], max_dets=(1, 2, 7),
    area_ranges=[(0, 1e10), (0, 300), (200, 900), (900, 1e10)], area_names=("all", "a", "b", "c"), lenient=True,
)  # fmt: skip


def scene(seed, share, n_gt, n_dt, coarse=True, n_images=None):
    """Tables of some images and four categories, of which number 2 has this share of the detections."""
    rng = np.random.default_rng(seed)
    n_images = n_images or int(rng.integers(1, 9))

    def rows(n, **more):
        corner, size = rng.integers(0, 4, (n, 2)) * 8.0, rng.integers(1, 5, (n, 2)) * 8.0
        category = np.where(rng.random(n) < share, 2, rng.choice([1, 3, 4], n))
        boxes = np.concatenate([corner, size], axis=1)
        return pa.table({
            "image_id": rng.integers(0, n_images, n), "category_id": category,
            "bbox": pa.FixedSizeListArray.from_arrays(pa.array(boxes.reshape(-1)), 4), "id": rng.permutation(n) + 1,
            **more,
        })  # fmt: skip

    scores = rng.integers(-3, 10, n_dt) / 10 if coarse else rng.normal(size=n_dt)
    return rows(n_gt, iscrowd=rng.integers(0, 8, n_gt) == 0), rows(n_dt, score=scores * rng.choice([-1, 1]))


def partitions_of(table, n):
    image = table["image_id"].to_numpy()
    return [table.filter(pa.array(image % n == i)) for i in range(n)]


def filled(tables):
    return pa.concat_tables([table for table in tables if table.num_rows] or tables[:1])


def shuffled(table, rng):
    return table.take(pa.array(rng.permutation(table.num_rows)))


def run(gt, dt, max_rows, n=3, seed=0, categories=None, keep_scores=True, **options):
    """The plan with ranges, as an engine runs it; also how many ranges there were."""
    rng = np.random.default_rng(seed)
    pairs = list(zip(partitions_of(gt, n), partitions_of(dt, n), strict=True))
    matched = [shuffled(plan.match_partition(*pair, **options), rng) for pair in pairs]
    ids = [plan.image_ids(*pair, str(i)) for i, pair in enumerate(pairs)]
    cuts = ranges.find_cuts([ranges.sample_scores(rows, max_rows) for rows in matched], max_rows)
    rest, *pieces = [filled(tables) for tables in zip(*(ranges.cut_rows(rows, cuts) for rows in matched), strict=True)]
    curves = [plan.reduce_category(rest, keep_scores=keep_scores)]
    for cut in cuts:
        rows, pieces = pieces[: cut.n_ranges], pieces[cut.n_ranges :]
        counts = shuffled(pa.concat_tables([ranges.count_range(piece, i) for i, piece in enumerate(rows)]), rng)
        found = shuffled(pa.concat_tables([ranges.reduce_range(piece, i, counts) for i, piece in enumerate(rows)]), rng)
        curves.append(ranges.join_ranges(counts, found, cut=cut, keep_scores=keep_scores))
    assert not pieces
    return plan.finish(filled(curves), plan.check_images(ids), categories), sum(cut.n_ranges for cut in cuts)


@pytest.mark.cases(40)
@pytest.mark.parametrize("max_rows", [1, 3, 50])
@pytest.mark.parametrize("seed", range(100))
def test_generated_scenes(seed, max_rows):
    """One class or one of 60 %; many images without ground truth, or without detections; scores of one decimal."""
    share = [0.6, 1.0, 0.25][seed % 3]
    rng = np.random.default_rng([seed, 1])
    n_gt, n_dt = int(rng.choice([0, 1, 6, 40])), int(rng.choice([0, 2, 30, 150]))
    gt, dt = scene(seed, share, n_gt, n_dt, coarse=seed % 4 > 0)
    for protocol in ("coco", WIDE):
        want = pymetrics.evaluate(gt, dt, protocol=protocol)
        result, n_ranges = run(gt, dt, max_rows, seed=seed, protocol=protocol)
        assert bits(result) == bits(want)
        assert (n_ranges > 0) == any(row["n_dt"] > max_rows for row in want.per_class)


@pytest.mark.parametrize("share", [0.6, 1.0])
@pytest.mark.parametrize("n", [1, 7])
def test_many_rows(share, n, backend):
    """Enough for several ranges whatever the sample is."""
    gt, dt = scene(5, share, 300, 4000, coarse=False, n_images=60)
    want = pymetrics.evaluate(gt, dt)
    for max_rows in (100, 1000, 1999):
        result, n_ranges = run(gt, dt, max_rows, n)
        assert bits(result) == bits(want)
        assert n_ranges >= 2
    assert run(gt, dt, 4001, n)[1] == 0


def test_equal_scores():
    """One range, however many they are."""
    gt, dt = scene(3, 1.0, 40, 200)
    for score in (0.5, 0.0, -0.0):
        same = dt.set_column(4, "score", pa.array(np.full(200, score)))
        result, n_ranges = run(gt, same, 20)
        assert n_ranges == 1
        assert bits(result) == bits(pymetrics.evaluate(gt, same))
    zeros = dt.set_column(4, "score", pa.array(np.where(np.arange(200) % 2 == 0, 0.0, -0.0)))
    result, n_ranges = run(gt, zeros, 20)
    assert n_ranges == 1
    assert bits(result) == bits(pymetrics.evaluate(gt, zeros))


def test_names_and_one_category_of_all():
    gt, dt = scene(8, 0.6, 60, 300)
    names = {1: "a", 2: "b", 3: "c", 4: "d"}
    named = [
        table.set_column(1, "category_id", pa.array([names[id] for id in table["category_id"].to_pylist()]))
        for table in (gt, dt)
    ]
    result, n_ranges = run(*named, 20)
    assert n_ranges > 2
    assert bits(result) == bits(pymetrics.evaluate(*named))
    protocol = pymetrics.Protocol(use_cats=False)
    result, n_ranges = run(gt, dt, 20, protocol=protocol)
    assert n_ranges > 2
    assert bits(result) == bits(pymetrics.evaluate(gt, dt, protocol=protocol))
    short, _ = run(gt, dt, 20, keep_scores=False)
    assert short.stats.tobytes() == pymetrics.evaluate(gt, dt).stats.tobytes()


def test_the_order_of_ranges_matters(monkeypatch):
    """A planted fault: ranges joined by rising score."""
    gt, dt = scene(3, 1.0, 40, 200)
    want = bits(pymetrics.evaluate(gt, dt))
    assert bits(run(gt, dt, 20)[0]) == want
    by_range = ranges._by_range
    monkeypatch.setattr(ranges, "_by_range", lambda *given: by_range(*given)[::-1])
    assert bits(run(gt, dt, 20)[0]) != want


def test_bounds():
    scores = np.array([0.1, 0.9, 0.5, 0.5, 0.5, 0.7, 0.2])
    assert score_bounds(scores, np.ones(7), 2).tolist() == [0.7, 0.5]
    assert score_bounds(scores, np.ones(7), 1).tolist() == [0.9, 0.7, 0.5, 0.2]
    assert score_bounds(scores, np.ones(7), 7).tolist() == []
    assert score_bounds(scores, np.full(7, 3.0), 9).tolist() == [0.7, 0.5]
    assert score_bounds(scores[:0], np.ones(0), 9).tolist() == []
    assert range_of(np.array([1.0, 0.7, 0.69, 0.5, 0.4]), np.array([0.7, 0.5])).tolist() == [0, 0, 1, 1, 2]


def test_samples():
    """Their weights add up, they do not depend on the order of rows, and ranges of many rows come out even."""
    rng = np.random.default_rng(0)
    tables = []
    for _ in range(50):
        n = 4000
        table = pa.table({"category": [7] * n, "rank": np.zeros(n, np.int32), "score": rng.random(n)})
        tables.append(table)
        sample = ranges.sample_scores(table, 50_000)
        assert sample.num_rows == 328
        assert sum(sample["weight"].to_pylist()) == n
        assert ranges.sample_scores(shuffled(table, rng), 50_000).equals(sample)
    (cut,) = ranges.find_cuts([ranges.sample_scores(table, 50_000) for table in tables], 50_000)
    assert (cut.category, cut.n_rows) == (7, 200_000)
    sizes = np.bincount(range_of(np.concatenate([table["score"].to_numpy() for table in tables]), cut.bounds))
    assert cut.n_ranges in (4, 5)
    assert sizes.max() < 50_500
    assert ranges.find_cuts([], 5) == []
    assert [ranges.are_needed(n, 5) for n in (5, 6, None)] == [False, True, True]


def test_faults():
    gt, dt = scene(3, 1.0, 40, 200)
    rows = plan.match_partition(gt, dt)
    n_dt = pa.compute.sum(pa.compute.greater_equal(rows["rank"], 0)).as_py()
    (cut,) = ranges.find_cuts([ranges.sample_scores(rows, 60)], 60)
    pieces = ranges.cut_rows(rows, [cut])[1:]
    counts = [ranges.count_range(piece, i) for i, piece in enumerate(pieces)]
    found = [ranges.reduce_range(piece, i, pa.concat_tables(counts)) for i, piece in enumerate(pieces)]
    assert len(counts) > 2
    for again in (pieces[1][:1], pieces[0].filter(pa.compute.equal(pieces[0]["rank"], -1))[:1]):
        piece = pieces[1] if again["rank"][0].as_py() >= 0 else pieces[0]
        with pytest.raises(ValueError, match=r"the rows of category 2 of image \d+ came from two partitions, or twice"):
            ranges.count_range(pa.concat_tables([piece, again]), 1)
    with pytest.raises(ValueError, match="a range must have rows of one category, got 0"):
        ranges.count_range(rows[:0], 0)
    with pytest.raises(ValueError, match=re.escape("of category 2 must be there once each, got [0, 0, 1")):
        ranges.join_ranges(pa.concat_tables([*counts, counts[0]]), pa.concat_tables(found))
    with pytest.raises(ValueError, match=re.escape("of category 2 must be there once each, got [1,")):
        ranges.join_ranges(pa.concat_tables(counts), pa.concat_tables(found[1:]))
    short = [ranges.count_range(pieces[0][1:], 0), *counts[1:]]
    with pytest.raises(ValueError, match=f"category 2 was cut with {n_dt} detections into {len(counts)} ranges, but"):
        ranges.join_ranges(pa.concat_tables(short), pa.concat_tables(found), cut=cut)
    with pytest.raises(ValueError, match="counts must be those of all ranges of category 2"):
        ranges.reduce_range(pieces[2], 2, pa.concat_tables(counts[:2]))
    with pytest.raises(ValueError, match="has lost its metadata"):
        ranges.count_range(pieces[0].replace_schema_metadata(None), 0)
