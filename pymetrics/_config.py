"""Which backends are there and, if not, why; how many threads work; what the environment asks for.

PYMETRICS_BACKEND=native|numba|reference   the backend of host data; its absence is then an error
PYMETRICS_NUM_THREADS=n                    threads of one call; default: this process's cores / LOCAL_WORLD_SIZE
PYMETRICS_ISA=sse2|avx2|avx512             the longest vectors of the C++ part, which reads it itself; for tests
PYMETRICS_REQUIRE=native,numba,cuda,...    what must be there: importing pymetrics without it is an error
                                           (other names are read by the test suite)
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from ._version import INTERFACE, VERSION

MAX_THREADS = 1024
BACKENDS = ("native", "numba", "reference")
HOME = Path(__file__).resolve().parent

_threads_asked: int | None = None


def _is_source() -> bool:
    return (HOME.parent / "CMakeLists.txt").exists()


def _built_where() -> str:
    return f" in the source folder {HOME.parent}" if _is_source() else " when pymetrics was installed"


def _load(name: str) -> tuple[ModuleType | None, str]:
    """A compiled part and "", or None and the reason why it is not there."""
    try:
        # Not `from . import name`: that calls a missing file a circular import.
        module = import_module(f"{__package__}.{name}")
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError):
            return None, f"{__package__}.{name} was not built{_built_where()}"
        return None, f"{type(error).__name__}: {error}"
    wanted, built_for = f"{VERSION}, interface {INTERFACE}", getattr(module, "BUILT_FOR", "of an earlier version")
    if wanted != built_for:
        raise ImportError(
            f"{module.__file__} was built for pymetrics {built_for}, but the Python files beside it are "
            f"{wanted}: build it again ({'make test' if _is_source() else 'pip install --force-reinstall'})"
        )
    return module, ""


native, why_no_native = _load("_native")
cuda, why_no_cuda = _load("_cuda")


def numba_is_there() -> bool:
    """Whether numba can be imported; it is not imported."""
    return "numba" in sys.modules or find_spec("numba") is not None


def backend_asked() -> str | None:
    """PYMETRICS_BACKEND, or None where it is not set. ValueError: no such backend."""
    value = os.environ.get("PYMETRICS_BACKEND", "").strip().lower()
    if value and value not in BACKENDS:
        raise ValueError(f"PYMETRICS_BACKEND must be one of {', '.join(BACKENDS)}, got {value!r}")
    return value or None


def host_backend() -> str:
    """The backend of host data: the one asked for, else the first of native and numba that is there.

    Raises:
        ValueError: PYMETRICS_BACKEND names no backend.
        ImportError: the backend is not there; the message says why.
    """
    backend = backend_asked() or ("native" if native is not None else "numba")
    if backend == "native" and native is None:
        raise ImportError(f"PYMETRICS_BACKEND=native, but {why_no_native}. {_how_to_mend()}")
    if backend == "numba" and not numba_is_there():
        raise ImportError("pymetrics needs numba here, and it is not installed (pip install numba)")
    return backend


def _count(name: str) -> int | None:
    """An environment variable that holds a whole number of at least 1, or None where it is not set."""
    value = os.environ.get(name, "").strip()
    if not value:
        return None
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
    return int(value)


def get_num_threads() -> int:
    """How many threads one call may use.

    What set_num_threads was given; else PYMETRICS_NUM_THREADS; else the cores that this process may use, divided by
    LOCAL_WORLD_SIZE (the processes that share this machine in a distributed run), at least 1. Never more than 1024.

    Raises:
        ValueError: an environment variable is not a whole number of at least 1; the message names it.
    """
    if _threads_asked is not None:
        return _threads_asked
    asked = _count("PYMETRICS_NUM_THREADS")
    if asked is not None:
        return min(asked, MAX_THREADS)
    affinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return min(max(1, cores // (_count("LOCAL_WORLD_SIZE") or 1)), MAX_THREADS)


def set_num_threads(n: int | None) -> None:
    """Let every later call of this process use n threads; None goes back to the default.

    Raises:
        TypeError: n is not a whole number.
        ValueError: n is below 1 or above 1024.
    """
    global _threads_asked
    if n is not None:
        if isinstance(n, bool) or not hasattr(n, "__index__"):
            raise TypeError(f"n must be a whole number or None, got {n!r}")
        n = n.__index__()
        if not 1 <= n <= MAX_THREADS:
            raise ValueError(f"n must be at least 1 and at most {MAX_THREADS}, got {n}")
    _threads_asked = n


def _how_to_mend() -> str:
    if "was not built" not in why_no_native:
        return "It is there, but does not load here: reinstall pymetrics-detection on this machine, for this Python."
    remedy = (
        "Most likely there was no C++ compiler: install one, and reinstall pymetrics-detection with pip's options "
        "--force-reinstall --no-cache-dir (pip keeps the wheel that it built without a compiler)."
    )
    if _is_source():
        remedy += " If it is installed elsewhere, this folder shadows it: start Python in another, or pip install -e."
    return remedy


def _other_pymetrics() -> str | None:
    """The metadata folder of an installed distribution that is named pymetrics, or None.

    Looked up by name: importing importlib.metadata would take longer than the rest of this package.
    """
    for folder in sys.path:
        try:
            entries = os.listdir(folder or ".")
        except OSError:  # a zip archive, or a folder that is gone
            continue
        for entry in entries:
            stem, _, kind = entry.rpartition(".")
            if kind in ("dist-info", "egg-info") and stem.partition("-")[0].lower() == "pymetrics":
                return os.path.join(folder, entry)
    return None


def check_environment() -> None:
    """Raise if an environment variable has an invalid value or names a backend that is not available.

    Raises:
        ImportError: PYMETRICS_REQUIRE or PYMETRICS_BACKEND names a part that is not there.
        ValueError: an environment variable holds a value that it cannot have.
    """
    required = {name.strip() for name in os.environ.get("PYMETRICS_REQUIRE", "").split(",")}
    if "native" in required and native is None:
        raise ImportError(f"PYMETRICS_REQUIRE names native, but {why_no_native}. {_how_to_mend()}")
    if "cuda" in required and cuda is None:
        raise ImportError(f"PYMETRICS_REQUIRE names cuda, but {why_no_cuda}")
    if "numba" in required and not numba_is_there():
        raise ImportError("PYMETRICS_REQUIRE names numba, but numba is not installed")
    get_num_threads()
    host_backend()


def environment_error() -> str:
    """The message that check_environment raises; empty if it raises nothing."""
    try:
        check_environment()
    except (ImportError, ValueError) as error:
        return str(error)
    return ""


def _is_command() -> bool:
    """Whether this process is the command pymetrics, or python -m pymetrics."""
    program = (getattr(sys, "argv", None) or [""])[0]
    return Path(program).stem == "pymetrics" or (program == "-m" and "pymetrics" in sys.orig_argv)


def check_at_import() -> None:
    """As check_environment; and warn once if the C++ part is missing or another package named pymetrics is installed.

    The command line reports such errors itself, in one line, and `pymetrics config` shows them in its page.

    Raises:
        ImportError, ValueError: as check_environment.
    """
    if _is_command():
        if environment_error():
            return
    else:
        check_environment()

    if native is None and backend_asked() is None:
        message = f"pymetrics runs without its C++ part, on Numba, slower: {why_no_native}. {_how_to_mend()}"
        warnings.warn(message, RuntimeWarning, stacklevel=3)
    if other := _other_pymetrics():
        message = (
            f"a distribution named 'pymetrics' is installed as well ({other}). It is another project with the same "
            "import name, and the two overwrite each other's files: uninstall both, then install pymetrics-detection."
        )
        warnings.warn(message, RuntimeWarning, stacklevel=3)
