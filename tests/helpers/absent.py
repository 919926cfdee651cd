"""What may be absent where tests run: a compiled part, another library, real data, a GPU."""

from __future__ import annotations

import importlib
import os
from types import ModuleType
from typing import NoReturn

import pytest

BACKEND_OF = {"pymetrics._native": "native", "pymetrics._cuda": "cuda"}


def required() -> list[str]:
    """What PYMETRICS_REQUIRE names: a comma-separated list, e.g. native,numba,data,pycocotools."""
    return [name.strip() for name in os.environ.get("PYMETRICS_REQUIRE", "").split(",")]


def absent(name: str, reason: str) -> NoReturn:
    """Skip the test for want of `name`, or fail it where PYMETRICS_REQUIRE names it."""
    if name in required():
        pytest.fail(f"PYMETRICS_REQUIRE names {name}, but {reason}", pytrace=False)
    pytest.skip(reason, allow_module_level=True)


def need_module(name: str) -> ModuleType:
    """The imported module; where it is absent, `absent`."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        absent(BACKEND_OF.get(name, name.partition(".")[0]), f"{name} cannot be imported ({error})")


def need(holds: bool, name: str, reason: str) -> None:
    """Where something does not hold, `absent`: the source folder ("source"), a system of POSIX ("posix"), ..."""
    if not holds:
        absent(name, reason)
