"""Every case and contender as pytest-benchmark groups, at 36.8k detections or at those named by BENCH_SIZES.

pytest benchmarks --benchmark-only --benchmark-sort=mean -k "files and not pycocotools"
BENCH_SIZES="36.8k 500k" pytest benchmarks --benchmark-only -k columns
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from answers import difference
from contenders import CASES, CONTENDERS
from worker import Worker, stats_of

SIZES = os.environ.get("BENCH_SIZES", "36.8k").split()
SLOW = 2.0  # seconds: who takes longer is not run again


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("case_name", "name"), [(case.name, name) for case in CASES.values() for name in case.prepare])
def test_contender(benchmark: Any, case_name: str, name: str, size: str) -> None:
    case, contender = CASES[case_name], CONTENDERS[name]
    if contender.version() is None:
        pytest.skip(f"{contender.distribution} or what it needs is not installed")
    if size not in case.sizes_of(name):
        pytest.skip(f"{name} would take minutes or gigabytes at {size}")
    case.before(size)
    with Worker(case.name, size, name) as worker:
        answer = worker.ask("run")
        worst = difference(stats_of(answer), case.answers, size)
        benchmark.group = f"{case.title}, {size} detections"
        benchmark.name = f"{name} {contender.version()}" + (f" (differs by {worst:.1e})" if worst else "")
        benchmark.extra_info["largest difference"] = worst
        slow = answer["seconds"] > SLOW
        if not case.fresh:
            benchmark.pedantic(worker.run, rounds=1 if slow else 7, warmup_rounds=0 if slow else 1)
    if case.fresh:
        started: list[Worker] = []

        def prepared() -> tuple[tuple[Worker], dict[str, Any]]:
            started.append(Worker(case.name, size, name))
            return (started[-1],), {}

        benchmark.pedantic(Worker.run, setup=prepared, rounds=1 if slow else 5)
        for worker in started:
            worker.close()
    if contender.ours:
        assert worst == 0.0
