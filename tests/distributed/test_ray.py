"""The plan on Ray Data: a local Ray with two workers, which listens on the loopback address alone."""

import importlib
import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from helpers import kept
from helpers.absent import need_module
from helpers.engines import STEPS, UnorderedEngineTests, script_of, written
from helpers.tables import bits, of_sides

import pymetrics

pa = need_module("pyarrow")
os.environ |= {  # read by the import
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),  # else one is written to the user's folder
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # the loopback address alone, as on those systems
}
ray = need_module("ray")
need_module("ray.data")
pytestmark = pytest.mark.filterwarnings("ignore")  # of Ray
TESTS = str(Path(__file__).parents[1])
MAX_STORE = 300 << 20  # bytes of Ray's object store


def hook_of(folder):
    """What each worker runs first. A step ends its process where a file of the step's name lies in the folder.

    Where a file "apart" lies there, rows are cut by their number, not by their image.
    """

    def hook():
        from pymetrics.distributed import packets

        cut = packets.split

        def split(table, column, n):
            is_apart = column == "image_id" and os.path.exists(f"{folder}/apart")
            rows = range(table.num_rows)
            return [table.take(list(rows[i::n])) if is_apart else part for i, part in enumerate(cut(table, column, n))]

        packets.split = split
        sys.path.insert(0, TESTS)
        importlib.import_module("helpers.engines").end_where_asked(folder)

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
def frame():
    return lambda table: ray.data.from_arrow([table[:100], table[100:]])


class TestRay(UnorderedEngineTests):
    own = "Ray Dataset"

    def test_the_script_of_the_documents(self, coco, evaluate, tmp_path, capsys):
        script = script_of("Ray", tmp_path).replace('ray.init("auto")', "")
        assert "ray.init" not in script
        tables = of_sides(*coco)
        written(tmp_path, *tables)
        exec(script, {})
        assert capsys.readouterr().out == f"{pymetrics.evaluate(*tables, order='rows')}\n"

    @pytest.mark.parametrize("step", STEPS)
    def test_a_worker_that_dies(self, coco, evaluate, deaths, tmp_path, step):
        """In the middle of a step: Ray runs its tasks again, and no image counts twice."""
        gt, dt = of_sides(*coco)
        paths = written(tmp_path, gt, dt)
        mark = f"{deaths}/{step}"
        Path(mark).touch()
        result = evaluate(*paths, n_partitions=5, keep_matches=tmp_path / "m")
        assert not os.path.exists(mark)
        want = pymetrics.evaluate(gt, dt, order="rows")
        assert bits(result) == bits(want)
        assert kept.written(tmp_path / "m") == kept.rows_of_matches(want, gt, dt)


def test_a_split_image(evaluate, deaths, frame):
    """Its rows are in two partitions, each of another category, so that only the ids tell."""
    gt = pa.table({"image_id": [7, 7], "category_id": [3, 4], "bbox": [[0.0, 0.0, 9.0, 9.0]] * 2})
    sides = frame(gt), frame(gt.append_column("score", pa.array([0.5, 0.25])))
    assert evaluate(*sides, n_partitions=2, order="values")["map"] > 0.99
    mark = Path(deaths, "apart")
    mark.touch()
    try:
        with pytest.raises(ValueError, match=r"image 7 is in 2 partitions \('part-0', 'part-1'\)"):
            evaluate(*sides, n_partitions=2, order="values")
    finally:
        mark.unlink()
