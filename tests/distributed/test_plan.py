"""The plan in one process: partitions of images and shuffles of rows give the bits of one evaluation."""

import json
import pickle
import re

import numpy as np
import pytest
from helpers.absent import need_module
from helpers.tables import axes_of, bits, of_sides, scene, some_scene

import pymetrics
from pymetrics.distributed import plan
from pymetrics.formats.tables.write import table_of

pa = need_module("pyarrow")


def split(table, n, by="image_id"):
    """The rows of a table in n parts, all of an image in one of them; some are empty."""
    values = table[by].to_numpy(zero_copy_only=False)
    part = np.array([hash(str(value)) % 1009 % n if n > 1 else 0 for value in values.tolist()], np.int64)
    return [table.filter(pa.array(part == i)) for i in range(n)]


def run(partitions, n_reducers=3, categories=None, keep_scores=True, seed=0, **options):
    """The plan as an engine runs it: rows are shuffled, and go to the reducers by category."""
    rows, ids = [], []
    for i, (gt, dt) in enumerate(partitions):
        rows.append(plan.match_partition(gt, dt, categories=categories, **options))
        columns = options.get("columns")
        ids.append(plan.image_ids(gt, dt, f"part {i}", columns=columns))
    filled = [table for table in rows if table.num_rows] or rows[:1]
    whole = pa.concat_tables(filled)
    whole = whole.take(pa.array(np.random.default_rng(seed).permutation(whole.num_rows)))
    names = sorted(set(whole["category"].to_pylist()))
    reducer_of = {name: i % n_reducers for i, name in enumerate(names)}
    reducer = np.array([reducer_of[name] for name in whole["category"].to_pylist()], np.int64)
    curves = [
        plan.reduce_category(whole.filter(pa.array(reducer == i)), keep_scores=keep_scores)
        for i in range(max(1, min(n_reducers, len(names))))
    ]
    return plan.finish(pa.concat_tables(curves[::-1]), plan.check_images(ids), categories)


@pytest.fixture(scope="module")
def coco(data):
    """A COCO dict and results: the generated data set."""
    return [json.loads(data(f"generated/{name}.json").read_text()) for name in ("gt", "dt_coarse")]


REAL = {
    "bbox": ("coco_yolact100/gt.json", "coco_yolact100/dt_yolact_im700.json"),
    "segm": (
        "coco_val2014_100/instances_val2014_100.json",
        "coco_val2014_100/instances_val2014_fakesegm100_results.json",
    ),
    "keypoints": ("coco_val2017_person538/gt_person_keypoints.json", None),
}


@pytest.mark.parametrize("n", [1, 2, 7, 64])
@pytest.mark.parametrize("kind", list(REAL))
def test_splits_of_real_data(data, kind, n):
    gt, dt = REAL[kind]
    gt = data(gt)
    if dt is None:
        rows = json.loads(gt.read_text())["annotations"]
        keys = ("image_id", "category_id", "keypoints")
        dt = [{key: row[key] for key in keys} | {"score": (i % 9) / 9} for i, row in enumerate(rows)]
    else:
        dt = data(dt)
    sources = pymetrics.read(gt, "gt", kind), pymetrics.read(dt, "dt", kind)
    tables = [table_of(source) for source in sources]
    categories = axes_of(json.loads(gt.read_text()))["categories"]
    want = pymetrics.evaluate(*tables, iou_type=kind, order="rows", categories=categories)
    partitions = zip(*(split(table, n) for table in tables), strict=True)
    result = run(partitions, iou_type=kind, order="rows", categories=categories)
    assert bits(result) == bits(want)
    assert result.to_json() == want.to_json()
    assert str(result) == str(want)


def test_other_tables(coco, backend):
    """Names, ids that are text, an order by values, other protocols, categories of the data alone."""
    gt, dt = coco
    name = {category["id"]: category["name"] for category in gt["categories"]}
    words = pymetrics.Protocol(iou_thresholds=np.linspace(0.05, 0.95, 19), max_dets=(1, 3, 7))

    def renamed(rows):
        return [row | {"image_id": f"i{row['image_id']}", "category_id": name[row["category_id"]]} for row in rows]

    texts = of_sides({"annotations": renamed(gt["annotations"])}, renamed(dt))
    for tables in (of_sides(gt, dt), texts):
        for options in (
            {"order": "rows"},
            {"order": "values", "protocol": words},
            {"order": "rows", "protocol": pymetrics.Protocol(use_cats=False)},
        ):
            want = pymetrics.evaluate(*tables, **options)
            for n in (1, 5):
                result = run(zip(*(split(table, n) for table in tables), strict=True), **options)
                assert bits(result) == bits(want)
                assert bits(pickle.loads(pickle.dumps(result))) == bits(want)
    renamed = [table.rename_columns({"image_id": "file"}) for table in texts]
    partitions = zip(*(split(table, 4, "file") for table in renamed), strict=True)
    result = run(partitions, order="rows", columns={"image_id": "file"})
    assert bits(result) == bits(pymetrics.evaluate(*texts, order="rows"))


@pytest.mark.cases(40)
@pytest.mark.parametrize("seed", range(300))
def test_generated_scenes(seed):
    """Order by id, in shuffled partitions, some of them without ground truth or without detections."""
    rng = np.random.default_rng(seed)
    gt, dt = some_scene(seed)
    want = pymetrics.evaluate(gt, dt)
    shuffled = [table.take(pa.array(rng.permutation(table.num_rows))) for table in (gt, dt)]
    result = run(zip(*(split(table, 4) for table in shuffled), strict=True), n_reducers=2, seed=seed)
    assert bits(result) == bits(want)


@pytest.mark.slow
def test_a_thousand_partitions_and_1203_categories():
    gt, dt = scene(7, 3000, 1203, 20_000, 60_000)
    protocol = pymetrics.Protocol(recall_thresholds=np.linspace(0, 1, 11))
    want = pymetrics.evaluate(gt, dt, protocol=protocol)
    order = [table.take(pa.array(np.argsort(table["image_id"].to_numpy()))) for table in (gt, dt)]
    ends = [np.searchsorted(table["image_id"].to_numpy(), np.arange(0, 3001, 3)) for table in order]
    partitions = [
        tuple(table[end[i] : end[i + 1]] for table, end in zip(order, ends, strict=True)) for i in range(1000)
    ]
    result = run(partitions, n_reducers=200, protocol=protocol)
    assert bits(result) == bits(want)
    assert len(result.per_class) == 1203


def test_one_category_after_another(coco, monkeypatch):
    """Where there are many rows; also of names."""
    gt, dt = of_sides(*coco)
    rows = plan.match_partition(gt, dt, order="rows")
    named = rows.set_column(0, "category", pa.compute.cast(rows["category"], pa.string()))
    for table in (rows, named):
        want = plan.reduce_category(table)
        monkeypatch.setattr(plan, "ROWS_AT_ONCE", 5)
        assert plan.reduce_category(table).sort_by("category").equals(want.sort_by("category"), check_metadata=True)
        monkeypatch.undo()
    assert want.num_rows > 5


def test_bytes_between_the_steps(coco):
    """As docs/scale.md says: of a detection with ids of 64 bits, and of a category."""
    gt, dt = of_sides(*coco)
    rows = plan.match_partition(gt, dt, order="rows")
    n_dt = int(sum(row["n_dt"] for row in pymetrics.evaluate(gt, dt, order="rows").per_class))
    of_gt = rows.num_rows - n_dt
    assert 44 * rows.num_rows <= rows.nbytes <= 49 * rows.num_rows + 16 * of_gt
    curves = plan.reduce_category(rows)
    assert 0 <= curves.nbytes - curves.num_rows * (2 * 10 * 101 + 10) * 4 * 3 * 8 <= 60 * curves.num_rows + 100


def test_what_there_is_without_outcomes(coco):
    gt, dt = of_sides(*coco)
    result, want = run([(gt, dt)], order="rows"), pymetrics.evaluate(gt, dt, order="rows")
    assert repr(result) == repr(want)
    assert result.scalars(class_names=True) == want.scalars(class_names=True)
    curves = result.curves(0.75)
    assert curves.precision.tolist() == want.curves(0.75).precision.tolist()
    with pytest.raises(ValueError, match="made without the outcomes"):
        _ = curves.confidence
    with pytest.raises(ValueError, match="holds the curves of a plan, not the outcomes"):
        _ = result.outcomes
    with pytest.raises(ValueError, match="keep_matches='folder/' writes them"):
        _ = result.matches
    with pytest.raises(ValueError, match="holds the curves of a plan"):
        result.at(0.5)
    short = run([(gt, dt)], order="rows", keep_scores=False)
    assert short.stats.tobytes() == want.stats.tobytes()
    with pytest.raises(ValueError, match="the scores were not kept"):
        _ = short.scores


def test_images():
    def ids(images, partition):
        table = pa.table({"image_id": images})
        return plan.image_ids(table, table, partition)

    assert plan.check_images([]) == 0
    assert plan.check_images([ids([1, 2, 2], "a"), ids([3], "b")]) == 3
    empty = pa.table({"image_id": pa.array([], pa.int64())})
    assert plan.check_images([plan.image_ids(empty, empty, "a", images=[4, 5])]) == 2
    with pytest.raises(ValueError, match=re.escape("image 2 is in 2 partitions ('a', 'b'); 1 of 3 images are")):
        plan.check_images([ids([1, 2], "a"), ids([2, 3], "b")])
    with pytest.raises(TypeError, match="integers or all strings: 1 in partition 'a', '1' in partition 'b'"):
        plan.check_images([ids([1], "a"), ids(["1"], "b")])
    with pytest.raises(TypeError, match="image ids must be all integers or all strings"):
        plan.image_ids(pa.table({"image_id": [1]}), pa.table({"image_id": ["1"]}), "a")
    with pytest.raises(ValueError, match="dt has no column 'image_id'"):
        plan.image_ids(empty, pa.table({"image": [1]}), "a")
    with pytest.raises(ValueError, match=re.escape("dt['image_id'][1] is null")):
        plan.image_ids(empty, pa.table({"image_id": [1, None]}), "a")


def test_faults(coco):
    gt, dt = of_sides(*coco)
    rows = plan.match_partition(gt, dt, order="rows")
    with pytest.raises(ValueError, match="is a table whose rows have no order"):
        plan.match_partition(gt, dt)
    twice = gt.set_column(5, "id", pa.array([*gt["id"].to_pylist()[:-1], gt["id"][0].as_py()]))
    with pytest.raises(ValueError, match=r"gt has 2 rows of the id \d+ in one partition, and repeats 1 ids"):
        plan.match_partition(twice, dt, order="rows")
    with pytest.raises(ValueError, match="protocol must not be 'lvis'"):
        plan.match_partition(gt, dt, "lvis", order="rows")
    with pytest.raises(ValueError, match=r"the rows of category \d+ of image \d+ came from two partitions"):
        plan.reduce_category(pa.concat_tables([rows, rows[:1]]))
    first = pa.compute.index(rows["rank"], 0).as_py()
    rest = pa.concat_tables([rows[:first], rows[first + 1 :]])
    with pytest.raises(ValueError, match=r"rows of category \d+ of image \d+ are missing: rank 0 is not there"):
        plan.reduce_category(rest)
    with pytest.raises(ValueError, match="has lost its metadata, which names the protocol"):
        plan.reduce_category(rows.replace_schema_metadata(None))
    stored = json.loads(rows.schema.metadata[b"pymetrics"])
    stored["header"] = stored["header"].replace("0.95", "0.96")
    with pytest.raises(ValueError, match="their checksum is wrong"):
        plan.reduce_category(rows.replace_schema_metadata({"pymetrics": json.dumps(stored)}))
    curves = plan.reduce_category(rows)
    with pytest.raises(ValueError, match=r"category \d+ has several rows of curves"):
        plan.finish(pa.concat_tables([curves, curves[:1]]), 1)
    with pytest.raises(ValueError, match=r"category \d+ is not one of categories"):
        plan.finish(curves, 1, [1])


def test_nothing(coco):
    gt, dt = of_sides(*coco)
    result = run([(gt[:0], dt[:0])], order="rows")
    assert (result.stats == -1).all()
    assert bits(result) == bits(pymetrics.evaluate(gt[:0], dt[:0], order="rows"))
    result = run([(gt[:0], dt[:0])], order="rows", categories=[1, 2])
    assert [row["id"] for row in result.per_class] == [1, 2]


def test_a_notebook_shows_it(coco):
    gt, dt = of_sides(*coco)
    assert run([(gt, dt)], order="rows")._repr_html_() == pymetrics.evaluate(gt, dt, order="rows")._repr_html_()
