"""Where the time of one evaluation goes: every kernel and every station of the road, columns -> twelve numbers.

python stages.py [--size 500k] [--repeats 15]      PYMETRICS_BACKEND and PYMETRICS_NUM_THREADS as ever
"""

from __future__ import annotations

import argparse
import functools
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from contenders.columns import pymetrics as prepare
from generate import SIZES, scene

from pymetrics.evaluation import evaluate, ingest, road, sources
from pymetrics.kernels import Kernel

STATIONS = [
    (sources.Detections, "__post_init__"),
    (evaluate, "ingest"),
    (road, "match"),
    (road, "accumulate"),
    (road, "means"),
]
Times = dict[str, float]


@contextmanager
def watched(times: Times) -> Iterator[None]:
    """Add the seconds spent in each station and kernel to ``times``."""

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                times[name] += time.perf_counter() - start

        return call

    run_kernel = Kernel.__call__

    def run(kernel: Kernel, *args: Any) -> None:
        timed(f"  {kernel.name}", functools.partial(run_kernel, kernel))(*args)

    with (
        mock.patch.object(Kernel, "__call__", run),
        mock.patch.multiple(
            road, **{name: timed(name, getattr(home, name)) for home, name in STATIONS if home is road}
        ),
        mock.patch.object(evaluate, "ingest", timed("ingest", ingest.ingest)),
        mock.patch.object(sources.Detections, "__post_init__", timed("Detections", sources.Detections.__post_init__)),
    ):
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="500k")
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    data = scene(SIZES[options.size])
    call = prepare(data)
    call(data)
    runs: list[Times] = []
    for _ in range(options.repeats):
        times: Times = defaultdict(float)
        with watched(times):
            start = time.perf_counter()
            call(data)
            times["total"] = time.perf_counter() - start
        runs.append(times)
    print(f"{'ms':24s}{'least':>8s}{'median':>8s}")
    for name in runs[0]:
        values = [1e3 * run[name] for run in runs]
        print(f"{name:24s}{min(values):8.2f}{statistics.median(values):8.2f}")


if __name__ == "__main__":
    main()
