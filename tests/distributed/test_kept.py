"""What workers write of their partitions: matches and tables of images are those of one process, to the last bit."""

import json
import os
import pickle
from dataclasses import replace

import numpy as np
import pytest
from helpers.absent import need_module
from helpers.kept import rows_of_images, rows_of_matches, written
from helpers.tables import of_sides, write_real

import pymetrics
from pymetrics.distributed import plan
from pymetrics.distributed.inputs import prepare
from pymetrics.distributed.kept import Kept, kept_of, whole
from pymetrics.distributed.shuffle import split

pa = need_module("pyarrow")
pq = need_module("pyarrow.parquet")

PROTOCOLS = {
    "coco": pymetrics.Protocol(),
    "words": pymetrics.Protocol(iou_thresholds=(*np.linspace(0.05, 0.95, 19), 0.75), max_dets=(1, 3, 7)),
    "one": pymetrics.Protocol(use_cats=False),
}


@pytest.fixture(scope="module")
def coco(data):
    """A COCO dict and results: the generated data set."""
    return [json.loads(data(f"generated/{name}.json").read_text()) for name in ("gt", "dt_coarse")]


def run(tables, n, kept, **options):
    """All partitions, as workers do them."""
    for folder in kept.folders.values():
        os.makedirs(folder)
    for i, (gt, dt) in enumerate(zip(*(split(table, "image_id", n) for table in tables), strict=True)):
        plan.match_partition(gt, dt, kept=kept, name=f"part-{i}", **options)


def with_texts(table):
    """The same with ids of images that are text."""
    return table.set_column(0, "image_id", [[f"i{image}" for image in table["image_id"].to_pylist()]])


@pytest.mark.parametrize("n", [1, 7])
@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=list(PROTOCOLS))
@pytest.mark.parametrize("ids", ["numbers", "texts"])
def test_rows_are_those_of_one_process(coco, backend, tmp_path, ids, protocol, n):
    """Of detections without the column `id`, in the order of the rows."""
    tables = [with_texts(table) if ids == "texts" else table for table in of_sides(*coco)]
    want = pymetrics.evaluate(*tables, protocol=protocol, order="rows")
    kept = Kept(str(tmp_path / "matches"), (0.5, 0.75), str(tmp_path / "images"), 0.3, 0.62)
    run(tables, n, kept, protocol=protocol, order="rows")
    ious = [protocol.iou_thresholds[protocol.place_of_threshold(iou)] for iou in (0.5, 0.75)]
    rows = written(tmp_path / "matches")
    assert rows == rows_of_matches(want, *tables, ious)
    assert {dict(row)["status"] for row in rows} == {"tp", "fp", "ignored", "fn"}
    assert written(tmp_path / "images") == rows_of_images(want, 0.62, 0.3)


def test_rows_in_the_order_of_a_column(coco, tmp_path):
    gt, dt = of_sides(*coco)
    tables = gt, dt.append_column("id", [range(len(dt), 0, -1)])
    by_id = [table.sort_by("id") for table in tables]
    run(tables, 5, Kept(str(tmp_path / "m")))
    assert written(tmp_path / "m") == rows_of_matches(pymetrics.evaluate(*by_id, order="rows"), *by_id)


def test_rows_in_the_order_of_their_values(coco, tmp_path):
    """Ids that are text lead to the rows, in tables that were shuffled."""
    gt, dt = of_sides(*coco)
    tables = [gt, dt.append_column("id", [[f"d{i:04}" for i in range(len(dt))]])]
    tables = [table.take(pa.array(np.random.default_rng(0).permutation(len(table)))) for table in tables]
    want = pymetrics.evaluate(*tables, order="values")
    run(tables, 5, Kept(str(tmp_path / "m")), order="values")
    rows = [dict(row) for row in written(tmp_path / "m")]
    of_status = [[row["status"] for row in rows].count(status) for status in ("tp", "fp", "ignored", "fn")]
    at = want.matches.at(0.5).status.tolist()
    assert of_status == [*(at.count(status) for status in ("tp", "fp", "ignored")), len(want.matches.missed(0.5))]
    keys = ("image_id", "category_id", "bbox", "id")
    for side, table in zip(("gt", "dt"), tables, strict=True):
        known = {(image, category, tuple(map(float, box)), id) for image, category, box, id in zip(
            *(table[key].to_pylist() for key in keys), strict=True)}  # fmt: skip
        names = ("image", "category", f"{side}_box", f"{side}_id")
        found = [tuple(row[name] for name in names) for row in rows if row[side] is not None]
        assert set(found) <= known
        assert side == "gt" or len(found) == len(set(found)) > 0


@pytest.mark.parametrize("schema", ["flat", "nested"])
@pytest.mark.parametrize("kind", ["segm", "keypoints"])
def test_other_shapes(data, tmp_path, schema, kind):
    """Masks and poses have no boxes there; of nested tables the rows are those of the lists."""
    paths, _ = write_real(data, tmp_path, kind, "flat")
    flat = [pq.read_table(path) for path in paths]
    want = pymetrics.evaluate(*flat, iou_type=kind, order="rows")
    if schema == "nested":
        paths, _ = write_real(data, tmp_path, kind, schema)
    kept = Kept(str(tmp_path / "m"), per_image=str(tmp_path / "i"), per_image_score=0.25)
    run(
        [pq.read_table(path) for path in paths],
        4,
        kept,
        iou_type=kind,
        **({"order": "rows"} if schema == "flat" else {}),
    )
    assert written(tmp_path / "m") == rows_of_matches(want, *flat, boxes=False)
    assert written(tmp_path / "i") == rows_of_images(want, 0.5, 0.25)


def test_images_without_objects(tmp_path):
    """They have rows where tables list them."""
    gt = pa.table({"image_id": ["a", "b"], "category_id": [[3], []], "bbox": [[[0, 0, 9, 9]], []], "id": [[7], []]})
    dt = pa.table({
        "image_id": ["a"], "objects": [{"category": [3], "bbox": [[0, 0, 9, 9.0]], "score": [0.5], "id": [70]}],
    })  # fmt: skip
    kept = Kept(str(tmp_path / "m"), per_image=str(tmp_path / "i"), per_image_score=0.25)
    run((gt, dt), 7, kept)
    rows = [dict(row) for row in written(tmp_path / "m")]
    assert [(row["image"], row["status"], row["gt_id"], row["dt_id"]) for row in rows] == [("a", "tp", 7, 70)]
    assert written(tmp_path / "i") == rows_of_images(pymetrics.evaluate(gt, dt), 0.5, 0.25)


@pytest.mark.parametrize("layout", ["lists", "a struct of lists", "a list of structs"])
def test_ids_of_nested_files(tmp_path, layout):
    """As engines read them: both sides have ids, in lists."""
    rows = [{"category_id": 3, "bbox": [0, 0, 9, 9], "id": 7}, {"category_id": 3, "bbox": [50, 0, 9, 9], "id": 8}]
    for side, first, more in (("gt", 0, [{}, {}]), ("dt", 70, [{"score": 0.5}, {"score": 0.25}])):
        objects = [row | other | {"id": row["id"] + first} for row, other in zip(rows, more, strict=True)]
        lists = {key: [row[key] for row in objects] for key in objects[0]}
        if layout == "lists":
            table = pa.table({"image_id": ["a"], **{key: [values] for key, values in lists.items()}})
        else:
            names = {"category_id": "category"}
            of_structs = [{names.get(key, key): value for key, value in row.items()} for row in objects]
            of_lists = {names.get(key, key): values for key, values in lists.items()}
            table = pa.table({"image_id": ["a"], "objects": [of_lists if "lists" in layout else of_structs]})
        pq.write_table(table, tmp_path / f"{side}.parquet")
    paths = [tmp_path / f"{side}.parquet" for side in ("gt", "dt")]
    given = {"iou_type": "bbox", "protocol": "coco", "columns": None, "order": None, "categories": None}
    folder = tmp_path / "m"
    sides, options, _ = prepare(*paths, None, **given, keep_matches=folder, draws=0, seed=0)
    with whole(options["kept"]):
        plan.match_partition(*(side.read(0) for side in sides), **options, name="a")
    rows = [dict(row) for row in written(folder)]
    assert sorted((row["status"], row["gt_id"], row["dt_id"]) for row in rows) == [("tp", 7, 77), ("tp", 8, 78)]


def test_the_same_task_twice_and_empty_partitions(coco, tmp_path):
    """One file for a partition; none for one without rows."""
    gt, dt = of_sides(*coco)
    kept = Kept(str(tmp_path / "m"), per_image=str(tmp_path / "i"), per_image_score=0.25)
    os.makedirs(kept.keep_matches)
    os.makedirs(kept.per_image)
    for _ in range(2):
        plan.match_partition(gt, dt, order="rows", kept=kept, name="a")
    plan.match_partition(gt[:0], dt[:0], order="rows", kept=kept, name="b")
    for folder in (kept.keep_matches, kept.per_image):
        assert os.listdir(folder) == ["a.parquet"]
    want = pymetrics.evaluate(gt, dt, order="rows")
    assert written(kept.keep_matches) == rows_of_matches(want, gt, dt)
    assert written(kept.per_image) == rows_of_images(want, 0.5, 0.25)


def test_the_rest_does_not_change(coco, tmp_path):
    gt, dt = of_sides(*coco)
    kept = Kept(str(tmp_path))
    rows = plan.match_partition(gt, dt, order="rows", kept=kept, name="a")
    assert rows.equals(plan.match_partition(gt, dt, order="rows"), check_metadata=True)
    assert pickle.loads(pickle.dumps(kept)) == kept


def test_folders_are_whole_or_absent(tmp_path):
    folder, other = tmp_path / "a" / "m", tmp_path / "i"
    kept, others = kept_of({"keep_matches": folder, "normalized": True}, "coco", "bbox")
    assert others == {"normalized": True}
    assert kept.keep_matches == str(folder)
    beside = folder.parent / (folder.name + kept.beside)
    with whole(kept):
        (beside / "part-0.parquet").write_bytes(b"0")
        (beside / "part-1.parquet.1234.unfinished").write_bytes(b"1")  # of a worker that died
        assert not folder.exists()
    assert os.listdir(folder) == ["part-0.parquet"]
    assert os.listdir(folder.parent) == ["m"]
    other.mkdir()
    kept, _ = kept_of({"per_image": f"{other}/", "per_image_score": 0}, "coco", "bbox")
    beside = tmp_path / ("i" + kept.beside)
    with pytest.raises(RuntimeError, match="in the middle"), whole(kept):
        fail_beside(beside)
    assert sorted(os.listdir(tmp_path)) == ["a", "i"]
    with whole(kept):
        (beside / "x").write_bytes(b"")
    assert os.listdir(other) == ["x"]
    (tmp_path / "link").symlink_to(other)
    (other / "x").unlink()
    kept, _ = kept_of({"keep_matches": tmp_path / "link"}, "coco", "bbox")
    with whole(kept):
        (tmp_path / ("i" + kept.beside) / "y").write_bytes(b"")
    assert os.listdir(tmp_path / "link") == ["y"]
    with whole(None):
        pass
    assert kept_of({"normalized": True}, "coco", "bbox") == (None, {"normalized": True})


def test_a_second_run_that_ends_meanwhile(tmp_path, monkeypatch):
    """Its file is gone when it is to be removed."""
    kept, _ = kept_of({"keep_matches": tmp_path / "m"}, "coco", "bbox")
    names = os.listdir
    with whole(kept):
        monkeypatch.setattr(os, "listdir", lambda path: [*names(path), "part-0.parquet.1234.unfinished"])
    assert names(tmp_path) == ["m"]
    assert names(tmp_path / "m") == []


def fail_beside(folder):
    (folder / "part-0.parquet").write_bytes(b"0")
    raise RuntimeError("in the middle")


def test_what_is_refused(coco, tmp_path):
    def refused(kind, words, **options):
        with pytest.raises(kind, match=words):
            kept_of(options, "coco", "bbox")

    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "old.parquet").write_bytes(b"")
    refused(
        FileExistsError, "keep_matches must be a folder that is absent or empty: .*full", keep_matches=tmp_path / "full"
    )
    refused(
        FileExistsError, "per_image must be a folder that is absent or empty: .*old.parquet",
        per_image=tmp_path / "full" / "old.parquet", per_image_score=0.5,
    )  # fmt: skip
    new = str(tmp_path / "new")
    refused(ValueError, "per_image needs per_image_score=, the score from which on detections count", per_image=new)
    refused(ValueError, "must be two folders", keep_matches=new, per_image=new + "/", per_image_score=0.5)
    for folder, inner in (("keep_matches", "per_image"), ("per_image", "keep_matches")):
        refused(
            ValueError, "two folders, but '.*new/a/b' is in '.*new'", per_image_score=0.5,
            **{folder: new, inner: new + "/a/b"},
        )  # fmt: skip
    refused(ValueError, "keep_matches must be the path of a folder, got an empty string", keep_matches="")
    refused(
        ValueError,
        r"keep_matches_at\[1\]: iou must be one of .* got 0.62",
        keep_matches=new,
        keep_matches_at=(0.5, 0.62),
    )
    refused(
        ValueError, r"keep_matches_at\[0\] must be a number in \[0, 1\], got 'x'", keep_matches=new, keep_matches_at="x"
    )
    refused(ValueError, "keep_matches_at must hold IoU thresholds", keep_matches=new, keep_matches_at=())
    refused(ValueError, "per_image_score must be a number, got 'low'", per_image=new, per_image_score="low")
    refused(
        ValueError, r"per_image_iou must be a number in \[0, 1\]", per_image=new, per_image_score=0, per_image_iou=2
    )
    refused(TypeError, "keep_matches must be the path of a folder, got True", keep_matches=True)
    refused(ValueError, "per_image_score is of what keep_matches= and per_image= write", per_image_score=0.5)
    assert not os.path.exists(new)
    gt, dt = of_sides(*coco)
    with pytest.raises(FileNotFoundError, match=r"new.*part-3\.parquet"):
        plan.match_partition(gt, dt, order="rows", kept=Kept(new), name="part-3")
    with pytest.raises(ValueError, match="per_image needs per_image_score="):
        plan.match_partition(gt, dt, order="rows", kept=Kept(per_image=new), name="part-3")
    lost = dt.append_column("id", [[None, *range(1, len(dt))]])
    with pytest.raises(ValueError, match=r"dt\['id'\]\[0\] is null"):
        plan.match_partition(gt, lost, order="rows", kept=replace(Kept(new)), name="part-3")
