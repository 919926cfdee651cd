"""The plan on Spark: a local session of two threads, whose workers are processes, and a cluster of two executors."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import kept
from helpers.absent import need_module
from helpers.engines import STEPS, UnorderedEngineTests, script_of, written
from helpers.tables import bits, of_sides

import pymetrics

need_module("pyarrow")
need_module("pyspark")
sql = need_module("pyspark.sql")
pytestmark = pytest.mark.filterwarnings("ignore")  # of Spark
TESTS = str(Path(__file__).parents[1])
SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.executor.memory": "512m",
    "spark.sql.shuffle.partitions": "4",
    "spark.speculation": "true",  # a slow task runs twice
    "spark.speculation.multiplier": "1.5",
    "spark.speculation.quantile": "0.5",
    "spark.log.level": "OFF",
}


@pytest.fixture(scope="module")
def deaths(tmp_path_factory):
    """The folder of the files that end a worker, with a session in which a task may fail three times."""
    folder = tmp_path_factory.mktemp("spark")
    (folder / "dying_daemon.py").write_text(
        f"import sys\n"
        f"from pyspark import daemon\n"
        f"sys.path.insert(0, {TESTS!r})\n"
        f"from helpers.engines import end_where_asked\n"
        f"end_where_asked({str(folder)!r})\n"
        f"daemon.manager()\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]))
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.delenv("SPARK_HOME", raising=False)
        builder = sql.SparkSession.builder.master("local[2,4]").config("spark.python.daemon.module", "dying_daemon")
        for name, value in {**SETTINGS, "spark.local.dir": str(folder)}.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
        yield folder
        session.stop()


@pytest.fixture(scope="module")
def evaluate(deaths):
    """pymetrics.distributed.spark.evaluate, in that session."""
    from pymetrics.distributed.spark import evaluate

    return evaluate


@pytest.fixture(scope="module")
def frame(deaths, tmp_path_factory):
    """A DataFrame of four partitions."""
    import pyarrow.parquet as pq

    folder = tmp_path_factory.mktemp("frames")

    def make(table):
        path = folder / f"{len(list(folder.iterdir()))}.parquet"
        pq.write_table(table, path)
        return sql.SparkSession.getActiveSession().read.parquet(str(path)).repartition(4)

    return make


class TestSpark(UnorderedEngineTests):
    own = "Spark DataFrame"

    def test_the_script_of_the_documents(self, coco, evaluate, tmp_path, capsys):
        tables = of_sides(*coco)
        written(tmp_path, *tables)
        exec(script_of("Spark", tmp_path), {})
        assert capsys.readouterr().out == f"{pymetrics.evaluate(*tables, order='rows')}\n"

    @pytest.mark.parametrize("step", STEPS)
    def test_a_task_that_fails(self, coco, evaluate, deaths, tmp_path, step):
        """Its process ends in the middle of a step: Spark runs it again, and no image counts twice."""
        gt, dt = of_sides(*coco)
        paths = written(tmp_path, gt, dt)
        mark = deaths / step
        mark.touch()
        result = evaluate(*paths, n_partitions=5, keep_matches=tmp_path / "m")
        assert not mark.exists()
        want = pymetrics.evaluate(gt, dt, order="rows")
        assert bits(result) == bits(want)
        assert kept.written(tmp_path / "m") == kept.rows_of_matches(want, gt, dt)


def test_no_session(monkeypatch):
    from pymetrics.distributed.spark import evaluate

    monkeypatch.setattr(sql.SparkSession, "getActiveSession", lambda: None)
    with pytest.raises(RuntimeError, match="no Spark session is active"):
        evaluate("gt", "dt")


@pytest.mark.parametrize("kind", [TypeError, ValueError, OSError, FileNotFoundError, PermissionError])
def test_errors_are_those_of_the_tasks(kind):
    from pymetrics.distributed.spark import _cause

    text = (
        "\nTraceback (most recent call last):\n  File 'a.py', line 1, in f\n{}: [Errno 2] a\nb\n\n\tat org.Spark(S:1)"
    )
    error = _cause(RuntimeError(text.format(kind.__name__)))
    assert type(error) is kind
    assert str(error) == "[Errno 2] a\nb"
    other = RuntimeError(text.format("KeyError"))
    assert _cause(other) is other


def test_a_cluster_of_two_executors(data, tmp_path):
    """Each a Java process of its own; a script starts it."""
    import pyspark

    tables = of_sides(*(json.loads(data(f"generated/{name}.json").read_text()) for name in ("gt", "dt_coarse")))
    written(tmp_path, *tables)
    home = tmp_path / "home"  # whose folder "work" gets the executors' output
    home.mkdir()
    for path in Path(pyspark.__file__).parent.iterdir():
        (home / path.name).symlink_to(path)
    configs = "".join(f".config({name!r}, {value!r})" for name, value in SETTINGS.items())
    script = script_of("Spark", tmp_path).replace(
        "SparkSession.builder", f'SparkSession.builder.master("local-cluster[2,1,1024]"){configs}'
    )
    (tmp_path / "script.py").write_text(f"{script}\nprint(spark.sparkContext.master)")
    settings = {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    ran = subprocess.run(
        [sys.executable, tmp_path / "script.py"], capture_output=True, text=True, timeout=300, env=os.environ | settings
    )
    want = pymetrics.evaluate(*tables, order="rows")
    assert ran.stdout.splitlines() == [*f"{want}".splitlines(), "local-cluster[2,1,1024]"], ran.stderr[-2000:]
    assert len(list((home / "work").glob("app-*/*/stderr"))) >= 2
