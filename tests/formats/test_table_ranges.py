"""Parquet files that are read in ranges of images: the bits of reading them at once, and the same errors."""

import json
import pickle
import re

import numpy as np
import pytest
from helpers.absent import need_module
from helpers.tables import axes_of, bits, of_sides, write_real

import pymetrics
from pymetrics.evaluation import parts
from pymetrics.evaluation.parts import PartedResult
from pymetrics.formats.tables import ranges
from pymetrics.formats.tables.write import write_tables

pa = need_module("pyarrow")
pq = need_module("pyarrow.parquet")


@pytest.fixture(scope="module")
def coco(data):
    """A COCO dict and results: the generated data set."""
    return [json.loads(data(f"generated/{name}.json").read_text()) for name in ("gt", "dt_coarse")]


@pytest.fixture(params=[41, 500])
def small(request, monkeypatch):
    """Few rows at once."""
    monkeypatch.setattr(ranges, "ROWS_AT_ONCE", request.param)
    monkeypatch.setattr(parts, "DETECTIONS_AT_ONCE", request.param)
    return request.param


def written(folder, gt, dt, size=23):
    """The paths of both tables, of which dt is in several files."""
    folder.mkdir(exist_ok=True)
    pq.write_table(gt, folder / "gt.parquet", row_group_size=size)
    (folder / "dt").mkdir(exist_ok=True)
    for i in range(3):
        part = dt[i * len(dt) // 3 : (i + 1) * len(dt) // 3]
        pq.write_table(part, folder / "dt" / f"{i}.parquet", row_group_size=size)
    return folder / "gt.parquet", folder / "dt"


def at_once(paths, iou_type="bbox", order=None, **axes):
    gt = pymetrics.read(paths[0], "gt", iou_type, order=order, **axes)
    return pymetrics.evaluate(gt, pymetrics.read(paths[1], "dt", iou_type, order=order), iou_type)


def test_flat(coco, small, tmp_path, backend):
    gt, dt = of_sides(*coco)
    rng, axes = np.random.default_rng(0), axes_of(coco[0])
    for seed, (g, d) in enumerate([(gt, dt), (gt.take(rng.permutation(len(gt))), dt.take(rng.permutation(len(dt))))]):
        paths = written(tmp_path / str(seed), g, d)
        for given in ({}, axes, {"images": axes["images"]}):
            result = pymetrics.evaluate(*paths, **given)
            assert isinstance(result, PartedResult)
            assert bits(result) == bits(at_once(paths, **given))
        want = at_once(paths, **axes)
        result = pymetrics.evaluate(*paths, **axes)
        assert result.to_json() == want.to_json()
        assert str(result) == str(want)
        assert repr(result) == repr(want)
        again = pickle.loads(pickle.dumps(result))
        assert bits(again) == bits(want)
        assert result.at(0.5).images == want.at(0.5).images  # from outcomes, which it joins
        assert bits(result) == bits(want)
        assert result.columns is None
    assert bits(pymetrics.evaluate(*written(tmp_path / "0", gt, dt), **axes)) == bits(pymetrics.evaluate(*coco))


def test_a_range_for_each_image(coco, tmp_path, monkeypatch):
    monkeypatch.setattr(ranges, "ROWS_AT_ONCE", 1)
    monkeypatch.setattr(parts, "DETECTIONS_AT_ONCE", 1)
    paths = written(tmp_path, *of_sides(*coco), size=1000)
    assert bits(pymetrics.evaluate(*paths)) == bits(at_once(paths))


@pytest.mark.parametrize("order", ["id", "values", "rows"])
def test_the_order_of_rows(coco, small, tmp_path, order):
    rng = np.random.default_rng(4)
    gt, dt = of_sides(*coco)
    dt = dt.append_column("id", pa.array(rng.permutation(len(dt))))
    dt = dt.set_column(3, "score", pa.array(np.ceil(dt["score"].to_numpy() * 4) / 4))  # ties
    paths = written(tmp_path, gt.take(rng.permutation(len(gt))), dt.take(rng.permutation(len(dt))))
    assert bits(pymetrics.evaluate(*paths, order=order)) == bits(at_once(paths, order=order))


@pytest.mark.parametrize("schema", ["flat", "nested"])
@pytest.mark.parametrize("kind", ["segm", "keypoints"])
def test_other_shapes(data, small, tmp_path, schema, kind):
    paths, gt = write_real(data, tmp_path, kind, schema)
    axes = {} if schema == "nested" else {"images": axes_of(json.loads(gt.read_text()))["images"]}
    result = pymetrics.evaluate(*paths, iou_type=kind, **axes)
    assert isinstance(result, PartedResult)
    assert bits(result) == bits(at_once(paths, kind, **axes))


@pytest.mark.parametrize("held", [1 << 32, 20_000])
@pytest.mark.parametrize("schema", ["flat", "nested"])
@pytest.mark.parametrize("kind", ["segm", "keypoints"])
def test_another_order(data, tmp_path, monkeypatch, kind, schema, held):
    """Images stand all over the files: each row group is read once, or as often as what is held asks for."""
    monkeypatch.setattr(ranges, "MOST_HELD", held)
    monkeypatch.setattr(ranges, "ROWS_AT_ONCE", 100)
    paths, _ = write_real(data, tmp_path, kind, schema)
    for path in paths:
        table = pq.read_table(path)
        pq.write_table(table.take(np.random.default_rng(0).permutation(len(table))), path, row_group_size=29)
    reads, read_rows = [], ranges.read_rows
    monkeypatch.setattr(ranges, "read_rows", lambda *given: (reads.append(1), read_rows(*given))[1])
    result = pymetrics.evaluate(*paths, iou_type=kind)
    assert isinstance(result, PartedResult)
    n_groups = sum(pq.ParquetFile(path).num_row_groups for path in paths)
    assert len(reads) <= n_groups + 2 if held == 1 << 32 else len(reads) > 2 * n_groups
    assert bits(result) == bits(at_once(paths, kind))


@pytest.mark.parametrize("n_empty", [1, 3])
def test_another_order_with_empty_groups(coco, tmp_path, monkeypatch, n_empty):
    """Nested row groups without objects, also the first one."""
    monkeypatch.setattr(ranges, "ROWS_AT_ONCE", 40)
    paths = [tmp_path / f"{side}.parquet" for side in ("gt", "dt")]
    for side, source, path in zip(("gt", "dt"), coco, paths, strict=True):
        write_tables(pymetrics.read(source, side), path, "nested")
        rows = pq.read_table(path)
        rows = rows.take(np.random.default_rng(0).permutation(len(rows)))
        bare = {name: [] if isinstance(value, list) else value for name, value in rows.to_pylist()[0].items()}
        first, last = (
            pa.Table.from_pylist([bare | {"image_id": id} for id in ids[:n_empty]], rows.schema)
            for ids in ([-1, -2, 10**6], [-3, -4, 10**7])
        )
        pq.write_table(pa.concat_tables([first, rows, last]), path, row_group_size=n_empty)
    result = pymetrics.evaluate(*paths)
    assert isinstance(result, PartedResult)
    want = at_once(paths)
    assert bits(result) == bits(want)
    assert result.to_dict()["n_images"] == want.to_dict()["n_images"]


def test_names_and_nested_images(coco, small, tmp_path):
    gt, dt = coco
    name = {category["id"]: category["name"] for category in gt["categories"]}

    def renamed(rows):
        return [row | {"image_id": f"i{row['image_id']}", "category_id": name[row["category_id"]]} for row in rows]

    g, d = of_sides({"annotations": renamed(gt["annotations"])}, renamed(dt))
    paths = written(tmp_path, g, d)
    assert bits(pymetrics.evaluate(*paths)) == bits(at_once(paths))
    nested = [tmp_path / f"{side}-nested.parquet" for side in ("gt", "dt")]
    for side, source, path in zip(("gt", "dt"), coco, nested, strict=True):
        write_tables(pymetrics.read(source, side), path, "nested")
    result = pymetrics.evaluate(*nested)
    assert bits(result) == bits(at_once(nested))
    assert result.to_dict()["n_images"] == len(gt["images"])


def test_repeated_ids_are_read_at_once(coco, small, tmp_path):
    """The last of the rows with one id stands for all, and it may be in another range."""
    gt, dt = of_sides(*coco)
    ids = gt["id"].to_pylist()
    paths = written(tmp_path, gt.set_column(5, "id", pa.array([ids[-1], *ids[1:]])), dt)
    with pytest.warns(UserWarning, match="annotations of one id on different images") as found:
        result = pymetrics.evaluate(*paths)
    assert len(found) == 1
    assert not isinstance(result, PartedResult)


def test_what_needs_all_at_once(coco, small, tmp_path):
    paths = written(tmp_path, *of_sides(*coco))
    for options in ({"keep_matches": True}, {"class_map": {1: 2}}):
        result = pymetrics.evaluate(*paths, **options)
        assert not isinstance(result, PartedResult)


def test_errors(coco, tmp_path, monkeypatch):
    monkeypatch.setattr(ranges, "ROWS_AT_ONCE", 40)
    gt, dt = of_sides(*coco)
    scores, images = dt["score"].to_pylist(), dt["image_id"].to_pylist()

    def refused(kind, words, gt, dt, **options):
        paths = written(tmp_path, gt, dt)
        with pytest.raises(kind, match=re.escape(words)):
            pymetrics.evaluate(*paths, **options)

    first = len(dt) // 3
    place = repr(str(tmp_path / "dt" / "1.parquet"))
    scores[first + 30] = None
    refused(ValueError, f"dt: {place}, column 'score', row 30 is null", gt, dt.set_column(3, "score", [scores]))
    scores[first + 30] = np.nan
    refused(ValueError, f"dt: {place}, column 'score', row 30 must be fin", gt, dt.set_column(3, "score", [scores]))
    images[first + 30] = None
    refused(ValueError, f"dt: {place}, column 'image_id', row 30 is null", gt, dt.set_column(0, "image_id", [images]))
    images[first + 30] = 10**9
    refused(
        ValueError, f"dt: {place}, column 'image_id', row 30 is 1000000000, which is not an image of gt", gt,
        dt.set_column(0, "image_id", [images]), images=axes_of(coco[0])["images"],
    )  # fmt: skip
    texts = dt.set_column(0, "image_id", [[str(image) for image in dt["image_id"].to_pylist()]])
    refused(TypeError, "image ids must be all integers or all strings: gt: ", gt, texts)
    refused(ValueError, "gt and dt are swapped", dt, gt)
    refused(ValueError, "has no column 'score'", gt, dt.drop_columns("score"))


def test_images_that_are_not_listed(coco, tmp_path, monkeypatch):
    """Nested ground truth lists its images also for the ranges where it has none."""
    gt, dt = of_sides(*coco)
    write_tables(pymetrics.read(gt, "gt", order="rows"), tmp_path / "gt.parquet", "nested")
    for image in (-5, 10**9):
        pq.write_table(dt.set_column(0, "image_id", [[image] * len(dt)]), tmp_path / "dt.parquet")
        paths = tmp_path / "gt.parquet", tmp_path / "dt.parquet"
        for at_once in (1 << 20, 1):
            monkeypatch.setattr(ranges, "ROWS_AT_ONCE", at_once)
            with pytest.raises(ValueError, match=f"column 'image_id', row 0 is {image}, which is not an image of gt"):
                pymetrics.evaluate(*paths)
        assert isinstance(pymetrics.evaluate(*paths, images=[image]), PartedResult)
    texts = {"image_id": ["a", "b", "c"], "category_id": [[3], [], []], "bbox": [[[0.0, 0.0, 9.0, 9.0]], [], []]}
    pq.write_table(pa.table(texts), paths[0], row_group_size=1)
    for image in ("b", "d"):
        row = {"image_id": ["a", image], "category_id": [3, 3], "bbox": [[0.0, 0.0, 9.0, 9.0]] * 2, "score": [0.5, 0.6]}
        pq.write_table(pa.table(row), paths[1])
        if image == "b":
            assert pymetrics.evaluate(*paths).to_dict()["n_images"] == 3
        else:
            with pytest.raises(ValueError, match="column 'image_id', row 1 is 'd', which is not an image of gt"):
                pymetrics.evaluate(*paths)


def test_nothing(coco, tmp_path, monkeypatch):
    monkeypatch.setattr(ranges, "ROWS_AT_ONCE", -1)
    gt, dt = of_sides(*coco)
    paths = written(tmp_path, gt[:0], dt[:0])
    result = pymetrics.evaluate(*paths)
    assert (result.stats == -1).all()
    assert result.per_class == []
