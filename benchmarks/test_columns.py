"""Numpy columns -> twelve numbers, every contender: ``pytest benchmarks --benchmark-sort=mean -k "500k and all"``."""

from __future__ import annotations

from typing import Any

import pytest
from answers import difference
from contenders import CONTENDERS, OURS
from generate import SIZES
from worker import Worker, stats_of


@pytest.mark.parametrize("threads", ["all", "1"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", CONTENDERS)
@pytest.mark.parametrize("case", ["columns"])
def test_evaluate(benchmark: Any, case: str, name: str, size: str, threads: str) -> None:
    contender = CONTENDERS[name]
    if contender.version() is None:
        pytest.skip(f"{contender.distribution} is not installed")
    if SIZES[size] > contender.largest:
        pytest.skip(f"{name} would take minutes or gigabytes at {size}")
    benchmark.group = f"{case} -> stats, {size} detections, threads: {threads}"
    benchmark.name = f"{name} {contender.version()}"
    with Worker(name, size, threads, case) as worker:
        first = worker.ask("run")
        worst = difference(stats_of(first), size)
        benchmark.extra_info["largest difference"] = worst
        if worst:
            benchmark.name += f" (differs by {worst:.1e})"
        slow = first["seconds"] > 2
        benchmark.pedantic(worker.run, rounds=1 if slow else 7, warmup_rounds=0 if slow else 1)
    if name in OURS:
        assert worst == 0.0
