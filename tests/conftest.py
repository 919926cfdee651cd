"""Fixtures for what may be absent: real data and other libraries.

Where something is absent, a test skips with a reason; where PYMETRICS_REQUIRE names it (a comma-separated list, e.g.
PYMETRICS_REQUIRE=native,numba,data,pycocotools), it fails. A backend named there that is absent fails every test:
import pymetrics raises.
"""

from __future__ import annotations

import functools
import os
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import numpy as np
import pytest
from helpers.absent import absent, need_module

pytest.register_assert_rewrite("helpers.engines")
SLOW_BACKENDS = ("numba", "cuda_emu", "emulated")  # compiled at their first use
ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"  # real data, which are not part of the repository
FIXTURES = ROOT / "tests" / "fixtures"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Slow are tests whose parameter is a backend that is compiled first, most of those with the mark `cases`, and
    those that carry the mark."""
    for item in items:
        params = getattr(item, "callspec", None)
        if params and any(
            isinstance(value, str) and value.startswith(SLOW_BACKENDS) for value in params.params.values()
        ):
            item.add_marker("slow")
    cases = defaultdict(list)
    for item in items:
        if item.get_closest_marker("cases") and not item.get_closest_marker("slow"):
            cases[item.path, getattr(item, "originalname", item.name)].append(item)
    for same in cases.values():
        wanted = same[0].get_closest_marker("cases").args[0]
        kept = {k * len(same) // wanted for k in range(wanted)}
        for k, item in enumerate(same):
            if k not in kept:
                item.add_marker("slow")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Files of tests that belong to another part are not read."""
    part = config.getoption("part")
    if not part or collection_path.suffix != ".py":
        return None
    k, n = map(int, part.split("/"))
    return _place_of(collection_path) % n != k - 1 or None


@functools.cache
def _places() -> dict[Path, int]:
    return {
        path: i
        for i, path in enumerate(
            sorted((ROOT / "tests").rglob("test_*.py"), key=lambda path: (path.stat().st_size, path))
        )
    }


def _place_of(path: Path) -> int:
    return _places().get(path, 0)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--part", help="1/2 or 2/2: every second file of tests")


@pytest.fixture(scope="session")
def data() -> Callable[[str], Path]:
    """data("folder/file.json"): the path of a file of tests/fixtures, or else of the real data."""

    def path_of(name: str) -> Path:
        if (FIXTURES / name).exists():
            return FIXTURES / name
        path = DATA / name
        if not path.exists():
            absent("data", f"there is no {name} in {os.path.relpath(DATA, ROOT)}")
        return path

    return path_of


@pytest.fixture(scope="session")
def lacking() -> Callable[[str, str], NoReturn]:
    """lacking("cuda", "no GPU"): skips the test, or fails it where PYMETRICS_REQUIRE names what is lacking."""
    return absent


@pytest.fixture(scope="session")
def need() -> Callable[[str], ModuleType]:
    """need("pycocotools"): the imported module."""

    return need_module


@pytest.fixture(params=["native", "numba"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Everything on the host runs on this backend."""
    need_module("pymetrics._native" if request.param == "native" else "numba")
    monkeypatch.setenv("PYMETRICS_BACKEND", request.param)
    return str(request.param)


@pytest.fixture(scope="session")
def sum_order() -> None:
    """For tests that compare means with those of the numpy installed."""
    if tuple(int(part) for part in np.__version__.split(".")[:2]) < (2, 3):
        pytest.skip(f"numpy {np.__version__} adds long arrays in another order than numpy 2.3 and pymetrics do")
