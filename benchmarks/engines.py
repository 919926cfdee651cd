"""Time and memory of the plan on an engine with two workers on this machine, beside one process.

    python benchmarks/engines.py dask|ray|spark|alone FOLDER [--partitions 64] [--limit 1.5] [--max-rows 5000000]
        [--data in-order]

FOLDER holds gt.parquet and dt.parquet; benchmarks/arrow.py makes them, and --data says what they are. Figures go to
the tables of benchmarks/arrow.py, unless --no-results is said; the twelve numbers must be those of one process, which
runs first. The memory of a process is that which no other one shares (USS: the private pages of
/proc/PID/smaps_rollup; of those that map Ray's object store the anonymous ones), ten times a second; that of the
largest Python process counts. Java's heap, Ray's object store and Dask's limit are what --limit says.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from arrow import DATA, Figures

import pymetrics

TICKS = os.sysconf("SC_CLK_TCK")


class Watch(threading.Thread):
    """Looks at this process and all below it until it is stopped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.uss: dict[tuple[int, str], int] = {}
        self.cpu: dict[int, float] = {}
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.wait(0.1):
            self.look()

    def look(self) -> None:
        for pid in below(os.getpid()):
            try:
                name = Path(f"/proc/{pid}/comm").read_text().strip()
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            except OSError:  # it has ended
                continue
            sizes = {line.split()[0]: int(line.split()[1]) << 10 for line in rollup[1:]}
            alone = sum(size for kind, size in sizes.items() if kind.startswith("Private_"))
            if sizes.get("Pss_Shmem:"):  # pages of Ray's object store that no other process has mapped yet are private
                alone = sizes["Anonymous:"]
            self.uss[pid, name] = max(self.uss.get((pid, name), 0), alone)
            self.cpu[pid] = (int(fields[11]) + int(fields[12])) / TICKS

    def stop(self) -> None:
        self.look()
        self._end.set()
        self.join()

    def largest(self, is_java: bool) -> float:
        """Of one process, in GB."""
        return max((size for (_, name), size in self.uss.items() if (name == "java") == is_java), default=0) / 1e9


def below(pid: int) -> Iterator[int]:
    """The process and all that it started, and these."""
    yield pid
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = path.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from below(int(child))


@contextmanager
def on_dask(limit: float, folder: str) -> Iterator[Callable[..., Any]]:
    import dask
    import distributed

    from pymetrics.distributed.dask import evaluate

    dask.config.set({"temporary-directory": folder})
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=int(limit * 1e9)
        ) as cluster,
        distributed.Client(cluster),
    ):
        yield evaluate


@contextmanager
def on_ray(limit: float, folder: str) -> Iterator[Callable[..., Any]]:
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    import ray

    from pymetrics.distributed.ray import evaluate

    ray.init(
        num_cpus=2, include_dashboard=False, object_store_memory=int(limit * 1e9), log_to_driver=False, _temp_dir=folder
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield evaluate
    ray.shutdown()


@contextmanager
def on_spark(limit: float, folder: str) -> Iterator[Callable[..., Any]]:
    from pyspark.sql import SparkSession

    from pymetrics.distributed.spark import evaluate

    os.environ |= {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    settings = {
        "spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": f"{int(limit * 1000)}m", "spark.local.dir": folder, "spark.log.level": "ERROR",
    }  # fmt: skip
    builder = SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield evaluate
    session.stop()


@contextmanager
def alone(limit: float, folder: str) -> Iterator[Callable[..., Any]]:
    yield lambda *sides, **_: pymetrics.evaluate(*sides)


ENGINES = {"dask": on_dask, "ray": on_ray, "spark": on_spark, "alone": alone}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--partitions", type=int, default=64)
    parser.add_argument("--limit", type=float, default=1.5, help="GB")
    parser.add_argument("--max-rows", type=int)
    parser.add_argument("--data", choices=DATA, default="in-order", help="what the files hold")
    parser.add_argument("--no-results", action="store_true", help="print alone")
    options = parser.parse_args()
    sides = options.folder / "gt.parquet", options.folder / "dt.parquet"
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, ENGINES[options.engine](options.limit, folder) as evaluate:
        watch = Watch()
        watch.look()
        cpu = sum(watch.cpu.values())
        watch.start()
        start = time.perf_counter()
        more = {} if options.max_rows is None else {"max_rows": options.max_rows}
        result = evaluate(*sides, n_partitions=options.partitions, **more)
        wall = time.perf_counter() - start
        watch.stop()
    check(result, options.folder / "stats.json", options.engine == "alone")
    print(sorted((round(size / 1e9, 2), name) for (_, name), size in watch.uss.items())[-8:])
    n = pq.ParquetFile(sides[1]).metadata.num_rows
    figures = {
        "detections": n, "partitions": options.partitions, "limit": options.limit, "wall": round(wall, 1),
        "cpu": round(sum(watch.cpu.values()) - cpu, 1), "python": round(watch.largest(False), 2),
        "java": round(watch.largest(True), 2),
    }  # fmt: skip
    Figures().add(f"{options.engine}-{options.data}/{n}", figures, not options.no_results)


def check(result: pymetrics.Result, path: Path, is_alone: bool) -> None:
    """One process writes its numbers beside the data; those of an engine must have the same bits."""
    numbers = [float(number).hex() for number in result.stats]
    if is_alone:
        path.write_text(json.dumps(numbers))
    elif json.loads(path.read_text()) != numbers:
        raise AssertionError(f"{path} holds other numbers")


if __name__ == "__main__":
    main()
