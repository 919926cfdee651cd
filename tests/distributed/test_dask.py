"""The plan on Dask: on a local cluster of two processes, and on threads."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from helpers import kept
from helpers.absent import need_module
from helpers.engines import EngineTests, script_of, written
from helpers.tables import bits, of_sides

import pymetrics

pa = need_module("pyarrow")
dask = need_module("dask")
distributed = need_module("distributed")
pytestmark = pytest.mark.filterwarnings("ignore")  # of Dask and its servers


@pytest.fixture(scope="module")
def evaluate():
    """pymetrics.distributed.dask.evaluate, on two processes."""
    from pymetrics.distributed.dask import evaluate

    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster),
    ):
        yield evaluate


class TestDask(EngineTests):
    own = "Dask DataFrame"

    def test_own_tables(self, coco, evaluate):
        """Data frames, with ids as text."""
        frames = need_module("dask.dataframe")
        rows = [
            [row | {"image_id": f"i{row['image_id']}"} for row in side] for side in (coco[0]["annotations"], coco[1])
        ]
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

    def test_the_script_of_the_documents(self, coco, evaluate, tmp_path):
        """As a program, which starts a cluster of its own."""
        script = script_of("Dask", tmp_path).replace(
            'Client("scheduler:8786")', "Client(n_workers=2, dashboard_address=None)"
        )
        assert "scheduler" not in script
        tables = of_sides(*coco)
        written(tmp_path, *tables)
        (tmp_path / "script.py").write_text(script)
        ran = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, check=True)
        assert ran.stdout == f"{pymetrics.evaluate(*tables, order='rows')}\n"

    def test_a_worker_that_dies(self, coco, evaluate, tmp_path):
        """In the middle: its tasks run again on the other one, and no image counts twice."""
        gt, dt = of_sides(*coco)
        paths = written(tmp_path, gt, dt)
        client = distributed.get_client()
        pid = next(iter(client.run(os.getpid).values()))
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(evaluate, *paths, n_partitions=40, keep_matches=tmp_path / "m")
            while not any(client.processing().values()):
                time.sleep(0.01)
            os.kill(pid, signal.SIGKILL)
            assert not running.done()
            result = running.result(120)
        want = pymetrics.evaluate(gt, dt, order="rows")
        assert bits(result) == bits(want)
        assert kept.written(tmp_path / "m") == kept.rows_of_matches(want, gt, dt)
        client.wait_for_workers(2, timeout=60)
