"""Intervals of the plan: of each category those of one process to the last bit; of all categories to 1e-15."""

import json
import pickle

import numpy as np
import pytest
from helpers.absent import need_module
from helpers.tables import axes_of, of_sides

import pymetrics
from pymetrics.analysis import bootstrap
from pymetrics.analysis.bootstrap import weights
from pymetrics.distributed import intervals, plan
from pymetrics.distributed.shuffle import split
from pymetrics.evaluation.summary import SummaryRow

pa = need_module("pyarrow")

PROTOCOLS = {
    "coco": pymetrics.Protocol(),
    "limits": pymetrics.Protocol(iou_thresholds=(0.75, 0.5), max_dets=(1, 3, 4)),
    "words": pymetrics.Protocol(
        area_ranges=[(0, 1e10), *((8.0 * i, 1e4) for i in range(13))], area_names=["all", *"bcdefghijklmn"]
    ),
    "one": pymetrics.Protocol(use_cats=False),
    "group": pymetrics.Protocol(
        summary=(
            SummaryRow("map", "AP", "precision"),
            SummaryRow("map_few", "F", "precision", categories="few"),
            SummaryRow("map_40", "F40", "precision", iou=0.4),
            SummaryRow("mar", "AR", "recall"),
        )
    ),
}


@pytest.fixture(scope="module")
def coco(data):
    """A COCO dict and results: the generated data set."""
    return [json.loads(data(f"generated/{name}.json").read_text()) for name in ("gt", "dt_coarse")]


def run(tables, n_reducers, draws, seed, categories=None, **options):
    parts = zip(*(split(table, "image_id", 3) for table in tables), strict=True)
    rows = pa.concat_tables([plan.match_partition(*part, categories=categories, **options) for part in parts])
    reduced = [plan.reduce_category(part, draws=draws, seed=seed) for part in split(rows, "category", n_reducers)]
    images = len(set(tables[0]["image_id"].to_pylist()) | set(tables[1]["image_id"].to_pylist()))
    return plan.finish(pa.concat_tables(reduced[::-1]), images, categories)


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=list(PROTOCOLS))
def test_those_of_one_process(coco, backend, protocol):
    tables = of_sides(*coco)
    categories = axes_of(coco[0])["categories"]
    options = {"protocol": protocol, "order": "rows", "categories": categories}
    result = run(tables, 4, 50, 3, **options)
    want, got = bootstrap(pymetrics.evaluate(*tables, **options), 50, 3), result.bootstrap()
    assert got.per_class == want.per_class
    assert (got.n, got.seed, got.n_images, got.keys) == (want.n, want.seed, want.n_images, want.keys)
    assert [interval.value for interval in got.intervals.values()] == [x.value for x in want.intervals.values()]
    assert np.array_equal(got.values == -1, want.values == -1)
    assert np.abs(got.values - want.values).max() < 1e-15
    for key, interval in want.intervals.items():
        assert got[key].low == pytest.approx(interval.low, abs=1e-15)
        assert got[key].high == pytest.approx(interval.high, abs=1e-15)
    again = pickle.loads(pickle.dumps(result)).bootstrap()
    assert again.values.tobytes() == got.values.tobytes()
    other = run(tables, 1, 50, 3, **options).bootstrap()
    assert other.values.tobytes() == got.values.tobytes()


def test_blocks_of_draws(coco, monkeypatch):
    """So few images at once that there are blocks of 16 draws."""
    tables = of_sides(*coco)
    want = run(tables, 2, 50, 3, order="rows").bootstrap()
    monkeypatch.setattr(intervals, "BLOCK", 1)
    assert run(tables, 2, 50, 3, order="rows").bootstrap().values.tobytes() == want.values.tobytes()
    monkeypatch.setattr(plan, "ROWS_AT_ONCE", 5)  # one category after another
    assert run(tables, 2, 50, 3, order="rows").bootstrap().values.tobytes() == want.values.tobytes()
    ids = np.array([5, -7, 2**62])
    assert weights(ids, 7, 2**64 - 1, 13).tobytes() == weights(ids, 20, 2**64 - 1)[13:].tobytes()


def test_one_category_has_the_bits(coco):
    """A number over one category is its own."""
    gt, dt = of_sides(*coco)
    first = gt["category_id"][0].as_py()
    tables = [table.filter(pa.compute.equal(table["category_id"], first)) for table in (gt, dt)]
    want = bootstrap(pymetrics.evaluate(*tables, order="rows"), 40)
    assert run(tables, 1, 40, 0, order="rows").bootstrap().values.tobytes() == want.values.tobytes()


def test_without_rows(coco):
    gt, dt = of_sides(*coco)
    result = run((gt[:0], dt[:0]), 1, 20, 0, order="rows", categories=[1, 2])
    found = result.bootstrap()
    assert (found.values == -1).all()
    assert found["map"] == pymetrics.analysis.Interval(-1, -1, -1)
    assert [row["id"] for row in found.per_class] == [1, 2]


def test_what_is_refused(coco):
    tables = of_sides(*coco)
    rows = plan.match_partition(*tables, order="rows")
    for draws, seed, kind, words in (
        (1, 0, ValueError, r"draws must be an integer in \[2, 1000000\], got 1"),
        (True, 0, TypeError, "draws must be an integer, got True"),
        (2.5, 0, TypeError, "draws must be an integer, got 2.5"),
        (20, -1, ValueError, r"seed must be an integer in \[0, 18446744073709551615\], got -1"),
    ):
        with pytest.raises(kind, match=words):
            plan.reduce_category(rows, draws=draws, seed=seed)
    with pytest.raises(ValueError, match="no draws were made: say reduce_category"):
        run(tables, 2, 0, 0, order="rows").bootstrap()
    parts = split(rows, "category", 2)
    for more, words in (
        ({"draws": 20, "seed": 1}, "the tables were reduced with different seeds, or some without draws"),
        ({"draws": 30, "seed": 0}, r"curves\['draws'\]\[\d\] holds 360 numbers, expected 240"),
        ({}, "the tables were reduced with different seeds, or some without draws"),
    ):
        halves = plan.reduce_category(parts[0], draws=20), plan.reduce_category(parts[1], **more)
        with pytest.raises(ValueError, match=words):
            plan.finish(pa.concat_tables(halves, promote_options="default"), 1)
