"""Where the time of one evaluation goes: every kernel and every stage, columns -> twelve numbers.

python stages.py [--size 500k] [--repeats 15]      PYMETRICS_BACKEND and PYMETRICS_NUM_THREADS as ever
"""

from __future__ import annotations

import argparse
import functools
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from contenders.columns import pymetrics as prepare
from generate import SIZES, scene

from pymetrics.evaluation import evaluate, stages
from pymetrics.formats.columns import Detections
from pymetrics.kernels import Kernel

STAGES = [
    (Detections, "__post_init__"),
    (evaluate, "read_sources"),
    (evaluate, "build_columns"),
    (evaluate, "group"),
    (stages, "match"),
    (stages, "accumulate"),
    (stages, "means"),
]
Times = dict[str, float]


@contextmanager
def watched(times: Times) -> Iterator[None]:
    """Add the seconds spent in each stage and kernel to ``times``."""

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

    with ExitStack() as patches:
        patches.enter_context(mock.patch.object(Kernel, "__call__", run))
        for home, name in STAGES:
            title = "Detections" if home is Detections else name
            patches.enter_context(mock.patch.object(home, name, timed(title, getattr(home, name))))
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
