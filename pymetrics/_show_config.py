"""The page that show_config prints."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from . import __version__, _config
from .kernels import numba_backend

VARIABLES = ("PYMETRICS_BACKEND", "PYMETRICS_NUM_THREADS", "PYMETRICS_REQUIRE", "LOCAL_WORLD_SIZE", "NUMBA_CACHE_DIR")


def _version_of(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _answer(ask: Callable[[], object]) -> str:
    """The answer of a function of _config; empty where it raises, which the page reports in a row of its own."""
    try:
        return str(ask())
    except (ImportError, ValueError):
        return ""


def _no_cache() -> str:
    tried = " and ".join(map(str, numba_backend.cache_candidates()))
    return f"none, every process compiles anew: cannot write to {tried}"


def config_page() -> str:
    """Which version and backends are there (and, if not, why), the threads and the environment variables.

    Invalid environment variables are reported in the page.
    """
    native, cuda = _config.native, _config.cuda
    simd_level = getattr(native, "simd_level", None)
    rows = {
        "pymetrics": f"{__version__} in {_config.HOME}",
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "numpy": _version_of("numpy"),
        "backend": _answer(_config.host_backend),
        "native": native.__file__ if native else f"no: {_config.why_no_native}",
        "native simd": simd_level() if simd_level else "",
        "numba": _version_of("numba") if _config.numba_is_there() else "no: numba is not installed",
        "numba cache": str(numba_backend.cache_dir() or _no_cache()),
        "cuda": f"{cuda.__file__}: {cuda.status()[1]}" if cuda else f"no: {_config.why_no_cuda}",
        "torch": _version_of("torch") + (", imported" if "torch" in sys.modules else ""),
        "threads": _answer(_config.get_num_threads),
        "environment error": _config.environment_error(),
    }
    rows |= {name: os.environ.get(name, "") for name in VARIABLES}
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items() if value)


def show_config() -> None:
    """Print which version and backends are there (and, if not, why), the threads and the environment variables."""
    print(config_page())
