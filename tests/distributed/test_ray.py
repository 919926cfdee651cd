"""The plan on Ray Data: a local Ray with two workers, which listens on the loopback address alone."""

import json
import os
import secrets
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from helpers.absent import need_module
from helpers.tables import axes_of, bits, of_sides, write_real

import pymetrics

pa = need_module("pyarrow")
pq = need_module("pyarrow.parquet")
os.environ |= {  # read by the import
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),  # else one is written to the user's folder
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # the loopback address alone, as on those systems
}
ray = need_module("ray")
need_module("ray.data")
pytestmark = pytest.mark.filterwarnings("ignore")  # of Ray
STEPS = ("match_partition", "reduce_category")
MAX_STORE = 300 << 20  # bytes of Ray's object store


def hook_of(folder):
    """What each worker runs first. A step ends its process where a file of the step's name lies in the folder.

    Where a file "apart" lies there, rows are cut by their number, not by their image.
    """

    def hook():
        from pymetrics.distributed import plan
        from pymetrics.distributed import ray as engine

        cut = engine.split

        def split(table, column, n):
            is_apart = column == "image_id" and os.path.exists(f"{folder}/apart")
            rows = range(table.num_rows)
            return [table.take(list(rows[i::n])) if is_apart else part for i, part in enumerate(cut(table, column, n))]

        engine.split = split

        def deadly(name, step):
            def run(*args, **kwargs):
                try:
                    os.unlink(f"{folder}/{name}")
                except FileNotFoundError:
                    return step(*args, **kwargs)
                os._exit(1)

            return run

        for name in STEPS:
            setattr(plan, name, deadly(name, getattr(plan, name)))

    return hook


@pytest.fixture(scope="module")
def deaths():
    """The folder of the files that end a worker."""
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # short, for names of sockets have 107 characters at most
    ray.init(
        num_cpus=2, include_dashboard=False, object_store_memory=MAX_STORE, log_to_driver=False,
        runtime_env={"worker_process_setup_hook": hook_of(folder)}, _temp_dir=folder,
    )  # fmt: skip
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    context.max_errored_blocks = 5  # what evaluate must not heed: blocks that fail are left out
    yield folder
    ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def evaluate(deaths):
    """pymetrics.distributed.ray.evaluate, on two workers."""
    from pymetrics.distributed.ray import evaluate

    assert [node["NodeManagerAddress"] for node in ray.nodes()] == ["127.0.0.1"]
    return evaluate


@pytest.fixture(scope="module")
def coco(data):
    """A COCO dict and results: the generated data set."""
    return [json.loads(data(f"generated/{name}.json").read_text()) for name in ("gt", "dt_coarse")]


def written(folder, gt, dt, files=3):
    """The paths of both tables, each in several files."""
    for name, table in (("gt", gt), ("dt", dt)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(files):
            part = table[i * len(table) // files : (i + 1) * len(table) // files]
            pq.write_table(part, folder / name / f"{i}.parquet", row_group_size=99)
    return folder / "gt", folder / "dt"


@pytest.mark.parametrize("n", [1, 7])
def test_files(coco, evaluate, tmp_path, n):
    """Rows of an image are spread over the files; their order is that of the files."""
    gt, dt = of_sides(*coco)
    rng, axes = np.random.default_rng(0), axes_of(coco[0])
    gt, dt = (table.take(pa.array(rng.permutation(len(table)))) for table in (gt, dt))
    paths = written(tmp_path, gt, dt)
    want = pymetrics.evaluate(gt, dt, order="rows", **axes)
    result = evaluate(*paths, n_partitions=n, **axes)
    assert bits(result) == bits(want)
    assert result.to_json() == want.to_json()


@pytest.mark.parametrize("schema", ["flat", "nested"])
@pytest.mark.parametrize("kind", ["segm", "keypoints"])
def test_other_shapes(data, evaluate, tmp_path, schema, kind):
    paths, _ = write_real(data, tmp_path, kind, schema)
    want = pymetrics.evaluate(*paths, iou_type=kind)
    assert bits(evaluate(*paths, iou_type=kind, n_partitions=5)) == bits(want)


def test_datasets(coco, evaluate):
    """Ray's own, with ids as text; their rows have no order of their own."""
    gt, dt = of_sides(*coco)
    gt, dt = (t.set_column(0, "image_id", [[f"i{id}" for id in t["image_id"].to_pylist()]]) for t in (gt, dt))
    sides = [ray.data.from_arrow([table[:100], table[100:]]) for table in (gt, dt)]
    want = pymetrics.evaluate(gt, dt, order="values")
    assert bits(evaluate(*sides, order="values", n_partitions=3)) == bits(want)
    numbered = dt.append_column("id", pa.array(np.arange(len(dt))))
    want = pymetrics.evaluate(gt, numbered)
    assert bits(evaluate(sides[0], ray.data.from_arrow(numbered), n_partitions=3)) == bits(want)
    with pytest.raises(ValueError, match='order must not be "rows" for a Ray Dataset'):
        evaluate(*sides, order="rows")
    with pytest.raises(ValueError, match="is a table whose rows have no order"):
        evaluate(*sides, n_partitions=3)
    scores = pa.array([None, *dt["score"].to_pylist()[1:]])
    nulls = ray.data.from_arrow(dt.set_column(3, "score", scores))
    with pytest.raises(ValueError, match=r"dt\['score'\]\[\d+\] is null"):
        evaluate(sides[0], nulls, order="values", n_partitions=3)


def test_the_script_of_the_documents(coco, evaluate, tmp_path, capsys):
    page = Path(__file__).parents[2] / "docs" / "scale.md"
    section = page.read_text("utf-8").partition("\n## Ray\n")[2].partition("\n## ")[0]
    lines = [line[4:] for line in section.splitlines() if line.startswith("    ") and "pip install" not in line]
    script = "\n".join(lines).replace('ray.init("auto")', "").replace("/data/", f"{tmp_path}/")
    assert "ray.init" not in script
    assert "n_partitions=256" in script
    tables = of_sides(*coco)
    written(tmp_path, *tables)
    exec(script.replace("256", "4"), {})
    assert capsys.readouterr().out == f"{pymetrics.evaluate(*tables, order='rows')}\n"


def test_empty_partitions(coco, evaluate, tmp_path):
    """More partitions than images, no detections, no ground truth, no rows at all."""
    gt, dt = of_sides(*coco)
    image = gt["image_id"][0]
    gt, dt = (table.filter(pa.compute.equal(table["image_id"], image)) for table in (gt, dt))
    assert len(gt) > 0
    assert len(dt) > 0
    for i, (g, d) in enumerate(((gt, dt), (gt, dt[:0]), (gt[:0], dt), (gt[:0], dt[:0]))):
        paths = written(tmp_path / str(i), g, d)
        want = pymetrics.evaluate(g, d, order="rows")
        assert bits(evaluate(*paths, n_partitions=4)) == bits(want)


def test_faults(coco, evaluate, tmp_path):
    gt, dt = of_sides(*coco)
    place = str(tmp_path / "dt" / "1.parquet")

    def refused(kind, words, gt, dt):
        with pytest.raises(kind, match=words):
            evaluate(*written(tmp_path, gt, dt), n_partitions=3)

    scores = dt["score"].to_pylist()
    scores[len(dt) // 3 + 30] = None
    words = f"dt: '{place}', column 'score', row 30 is null"
    refused(ValueError, words, gt, dt.set_column(3, "score", [scores]))
    texts = dt.set_column(0, "image_id", [[str(image) for image in dt["image_id"].to_pylist()]])
    refused(TypeError, "image ids must be all integers or all strings", gt, texts)
    refused(ValueError, "dt: '.*' has no column 'score'", gt, dt.drop_columns("score"))
    paths = written(tmp_path, gt, dt)
    pq.write_table(dt.drop_columns("score"), place)
    with pytest.raises(ValueError, match=f"dt: '{place}' has no column 'score'"):
        evaluate(*paths, n_partitions=3)
    whole = bytearray((tmp_path / "dt" / "2.parquet").read_bytes())
    whole[100:1500] = b"\xff" * 1400
    (tmp_path / "dt" / "1.parquet").write_bytes(whole)
    with pytest.raises(ValueError, match=f"dt: '{place}' cannot be read as Parquet"):
        evaluate(*paths, n_partitions=3)
    with pytest.raises(TypeError, match="gt must be a path of Parquet files or a Ray Dataset, got list"):
        evaluate([], paths[1])


def test_an_image_in_two_places(evaluate, tmp_path):
    """Of nested ground truth, an image is a row: two files that both have it are refused."""
    rows = {"image_id": [7], "category_id": [[3]], "bbox": [[[0.0, 0.0, 9.0, 9.0]]]}
    (tmp_path / "gt").mkdir()
    for i in range(2):
        pq.write_table(pa.table(rows), tmp_path / "gt" / f"{i}.parquet")
    pq.write_table(pa.table(rows | {"score": [[0.5]]}), tmp_path / "dt.parquet")
    with pytest.raises(ValueError, match=r"gt\['image_id'\] holds 7 in 2 rows: .* a row is an image"):
        evaluate(tmp_path / "gt", tmp_path / "dt.parquet", n_partitions=3)


def test_a_split_image(evaluate, deaths, tmp_path):
    """Its rows are in two partitions, each of another category, so that only the ids tell."""
    gt = pa.table({"image_id": [7, 7], "category_id": [3, 4], "bbox": [[0.0, 0.0, 9.0, 9.0]] * 2})
    paths = written(tmp_path, gt, gt.append_column("score", pa.array([0.5, 0.25])), files=1)
    assert evaluate(*paths, n_partitions=2)["map"] > 0.99
    mark = Path(deaths, "apart")
    mark.touch()
    try:
        with pytest.raises(ValueError, match=r"image 7 is in 2 partitions \('part 0', 'part 1'\)"):
            evaluate(*paths, n_partitions=2)
    finally:
        mark.unlink()


@pytest.mark.parametrize("step", STEPS)
def test_a_worker_that_dies(coco, evaluate, deaths, tmp_path, step):
    """In the middle of a step: Ray runs its tasks again, and no image counts twice."""
    gt, dt = of_sides(*coco)
    paths = written(tmp_path, gt, dt)
    mark = f"{deaths}/{step}"
    Path(mark).touch()
    result = evaluate(*paths, n_partitions=5)
    assert not os.path.exists(mark)
    assert bits(result) == bits(pymetrics.evaluate(gt, dt, order="rows"))
