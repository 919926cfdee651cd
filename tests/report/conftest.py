"""Results that many tests of the report share, made once."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.report_scenes import demo_results, picture

import pymetrics


@pytest.fixture(scope="session")
def results() -> dict[str, pymetrics.Result]:
    return demo_results()


@pytest.fixture(scope="session")
def comparison(results: dict[str, pymetrics.Result]) -> Any:
    return pymetrics.compare(results, n=100)


@pytest.fixture(scope="session")
def report_path(comparison: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The report of the demo's two detectors, with images, costs and slices."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    costs = {"sharp": {"latency_ms": 31.5, "parameters": 44_000_000, "peak_bytes": 2**30}, "hasty": {"latency_ms": 12}}
    slices = {"first half": range(1, 51), "second half": range(51, 101)}
    comparison.report(path, images=picture, costs=costs, slices=slices, title="Two detectors")
    return path
