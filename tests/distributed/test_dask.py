"""The plan on Dask: on a local cluster of two processes, and on threads."""

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from helpers.absent import need_module
from helpers.tables import axes_of, bits, of_sides, write_real

import pymetrics

pa = need_module("pyarrow")
pq = need_module("pyarrow.parquet")
dask = need_module("dask")
distributed = need_module("distributed")
pytestmark = pytest.mark.filterwarnings("ignore")  # of Dask and its servers


@pytest.fixture(scope="module")
def coco(data):
    """A COCO dict and results: the generated data set."""
    return [json.loads(data(f"generated/{name}.json").read_text()) for name in ("gt", "dt_coarse")]


@pytest.fixture(scope="module")
def evaluate():
    """pymetrics.distributed.dask.evaluate, on two processes."""
    from pymetrics.distributed.dask import evaluate

    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster),
    ):
        yield evaluate


def written(folder, gt, dt, size=29):
    """The paths of both tables, each in several files."""
    for name, table in (("gt", gt), ("dt", dt)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(3):
            part = table[i * len(table) // 3 : (i + 1) * len(table) // 3]
            pq.write_table(part, folder / name / f"{i}.parquet", row_group_size=size)
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
    values = evaluate(*paths, n_partitions=n, order="values")
    assert bits(values) == bits(pymetrics.evaluate(gt, dt, order="values"))


@pytest.mark.parametrize("schema", ["flat", "nested"])
@pytest.mark.parametrize("kind", ["segm", "keypoints"])
def test_other_shapes(data, evaluate, tmp_path, schema, kind):
    paths, _ = write_real(data, tmp_path, kind, schema)
    want = pymetrics.evaluate(*paths, iou_type=kind)
    assert bits(evaluate(*paths, iou_type=kind, n_partitions=5)) == bits(want)


def test_frames(coco, evaluate):
    """Data frames, with ids as text."""
    frames = need_module("dask.dataframe")
    rows = [[row | {"image_id": f"i{row['image_id']}"} for row in side] for side in (coco[0]["annotations"], coco[1])]
    gt, dt = of_sides({"annotations": rows[0]}, rows[1])
    names = ["x", "y", "w", "h"]  # Dask would make text of lists
    sides = []
    for table in (gt, dt):
        frame = table.drop_columns("bbox").to_pandas()
        frame[names] = np.array(table["bbox"].to_pylist())
        sides.append(frames.from_pandas(frame, npartitions=4, sort=False))
    options = {"n_partitions": 3, "columns": {"bbox": names}}
    want = pymetrics.evaluate(gt, dt, order="rows")
    assert bits(evaluate(*sides, order="rows", **options)) == bits(want)
    assert bits(evaluate(*sides, order="values", **options)) == bits(pymetrics.evaluate(gt, dt, order="values"))
    with pytest.raises(ValueError, match="is a table whose rows have no order"):
        evaluate(*sides, **options)


def test_faults(coco, evaluate, tmp_path):
    gt, dt = of_sides(*coco)
    place = str(tmp_path / "dt" / "1.parquet")

    def refused(kind, words, gt, dt, **options):
        with pytest.raises(kind, match=words):
            evaluate(*written(tmp_path, gt, dt), n_partitions=3, **options)

    first = len(dt) // 3
    scores = dt["score"].to_pylist()
    for value, words in ((None, "is null"), (np.nan, "must be finite")):
        scores[first + 30] = value
        refused(ValueError, f"dt: '{place}', column 'score', row 30 {words}", gt, dt.set_column(3, "score", [scores]))
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
    with pytest.raises(TypeError, match="gt must be a path of Parquet files or a Dask DataFrame, got list"):
        evaluate([], paths[1])


def test_a_worker_that_dies(coco, evaluate, tmp_path):
    """In the middle: its tasks run again on the other one, and no image counts twice."""
    gt, dt = of_sides(*coco)
    paths = written(tmp_path, gt, dt)
    client = distributed.get_client()
    pid = next(iter(client.run(os.getpid).values()))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(evaluate, *paths, n_partitions=40)
        while not any(client.processing().values()):
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)
        assert not running.done()
        result = running.result(120)
    assert bits(result) == bits(pymetrics.evaluate(gt, dt, order="rows"))
    client.wait_for_workers(2, timeout=60)
