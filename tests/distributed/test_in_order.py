"""Files in the order of their images: partitions without a shuffle."""

import numpy as np
import pytest
from helpers.absent import need_module
from helpers.engines import written
from helpers.tables import bits, scene

import pymetrics
from pymetrics.distributed import in_order, plan
from pymetrics.distributed.inputs import prepare
from pymetrics.formats.tables.write import write_tables

pa = need_module("pyarrow")
pq = need_module("pyarrow.parquet")


def prepared(paths, **given):
    names = {"iou_type": "bbox", "protocol": "coco", "columns": None, "order": None, "categories": None}
    return prepare(*paths, None, draws=0, seed=0, **{**names, **given})[:2]


def by_spans(sides, options, spans):
    """The Result, and how many objects each partition holds."""
    parts = [in_order.read_span(sides, span) for span in spans]
    rows = pa.concat_tables([plan.match_partition(*part, **options) for part in parts])
    ids = [plan.image_ids(*part, str(i), columns=options["columns"]) for i, part in enumerate(parts)]
    return plan.finish(plan.reduce_category(rows), plan.check_images(ids)), [sum(map(len, part)) for part in parts]


@pytest.fixture(scope="module")
def tables():
    """Of 400 images, in their order; some have no ground truth or no detections."""
    return [
        table.take(pa.array(np.argsort(table["image_id"].to_numpy(), kind="stable"))).drop_columns("id")
        for table in scene(3, 400, 5, 1500, 6000)
    ]


@pytest.mark.parametrize("n", [1, 2, 7, 64])
def test_sorted_files(tables, tmp_path, n):
    """Images stand across the ends of row groups and of files."""
    paths = written(tmp_path, *tables, size=25)
    sides, options = prepared(paths)
    spans = in_order.spans_of(sides, n)
    result, n_rows = by_spans(sides, options, spans)
    assert bits(result) == bits(pymetrics.evaluate(*tables, order="rows"))
    assert len(spans) == n
    assert sum(n_rows) == sum(map(len, tables))
    assert max(n_rows) <= 1.5 * sum(n_rows) / n + 100


def test_nested_files(tables, tmp_path):
    paths = [tmp_path / f"{side}.parquet" for side in ("gt", "dt")]
    for side, table, path in zip(("gt", "dt"), tables, paths, strict=True):
        images = range(400) if side == "gt" else None
        write_tables(pymetrics.read(table, side, order="rows", images=images), path, "nested")
        pq.write_table(pq.read_table(path), path, row_group_size=9)
    sides, options = prepared(paths)
    assert sum(rows for *_, rows in sides[1].image_spans()) >= len(tables[1])
    spans = in_order.spans_of(sides, 5)
    assert len(spans) == 5
    result, _ = by_spans(sides, options, spans)
    assert bits(result) == bits(pymetrics.evaluate(*paths))


def test_what_needs_a_shuffle(tables, tmp_path, monkeypatch):
    """Files in another order, ids that are text, files without statistics, row groups that are too large."""
    rng = np.random.default_rng(0)
    shuffled = [table.take(pa.array(rng.permutation(len(table)))) for table in tables]
    sides, _ = prepared(written(tmp_path / "shuffled", *shuffled, size=25))
    assert in_order.spans_of(sides, 7) is None
    texts = [table.set_column(0, "image_id", pa.compute.cast(table["image_id"], pa.string())) for table in tables]
    sides, _ = prepared(written(tmp_path / "texts", *texts, size=25))
    assert in_order.spans_of(sides, 7) is None
    paths = written(tmp_path / "bare", *tables, size=25)
    pq.write_table(tables[0], paths[0] / "0.parquet", write_statistics=False)
    assert in_order.spans_of(prepared(paths)[0], 7) is None
    sides, _ = prepared(written(tmp_path / "large", *tables, files=1, size=10_000))
    assert len(in_order.spans_of(sides, 7)) == 1
    monkeypatch.setattr(in_order, "SMALL", 1000)
    assert in_order.spans_of(sides, 7) is None


def test_ids_of_folders(tables, tmp_path):
    """The name of a folder says the image, not the statistics of a column that the file has, too."""
    paths = written(tmp_path, *tables, size=25)
    assert in_order.spans_of(prepared(paths)[0], 7) is not None
    (tmp_path / "named" / "image_id=5").mkdir(parents=True)
    pq.write_table(tables[1], tmp_path / "named" / "image_id=5" / "0.parquet", row_group_size=25)
    assert in_order.spans_of(prepared([paths[0], tmp_path / "named"])[0], 7) is None


def test_ids_in_a_struct(tables, tmp_path):
    whole = [
        table.drop_columns("image_id").append_column("image", pa.StructArray.from_arrays([ids], ["id"]))
        for table, ids in ((table, table["image_id"].combine_chunks()) for table in tables)
    ]
    sides, options = prepared(written(tmp_path, *whole, size=25), columns={"image_id": "image.id"})
    spans = in_order.spans_of(sides, 7)
    assert len(spans) == 7
    assert bits(by_spans(sides, options, spans)[0]) == bits(pymetrics.evaluate(*tables, order="rows"))


def test_boxes_of_eight_numbers(tables, tmp_path):
    def corners(table):
        x, y, w, h = np.array(table["bbox"].to_pylist()).T
        return table.set_column(2, "bbox", [np.stack([x, y, x + w, y, x + w, y + h, x, y + h], 1).tolist()])

    given = {"iou_type": "obb", "box_format": "xyxyxyxy"}
    turned = [corners(table) for table in tables]
    sides, options = prepared(written(tmp_path, *turned, size=25), **given)
    result, _ = by_spans(sides, options, in_order.spans_of(sides, 3))
    assert bits(result) == bits(pymetrics.evaluate(*turned, order="rows", **given))


def test_no_rows(tables, tmp_path):
    sides, options = prepared(written(tmp_path, *(table[:0] for table in tables)))
    spans = in_order.spans_of(sides, 4)
    assert len(spans) == 1
    result, n_rows = by_spans(sides, options, spans)
    assert n_rows == [0]
    assert (result.stats == -1).all()
