"""What a kernel is, and which backend runs it. This is the only dispatch in the library.

A kernel is written here in plain Python loops, which are its specification, run as they stand (`reference`), compiled
by Numba (`numba`), and written once more in C++ under the same name and arguments (`native`). It writes to its trailing
arrays and returns nothing; whoever calls it allocates. A kernel over independent units ends in `begin, end` and is
spread over threads. Arrays on a GPU go to the CUDA kernel of the same name and arguments (`cuda`), others to one of the
host's backends. All give the same bits.
"""

from __future__ import annotations

import functools
import hashlib
import os
import tempfile
import threading
import time
import types
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import numpy as np

from .. import _config
from . import _device

KERNELS: dict[str, Kernel] = {}
HELPERS: dict[Callable[..., Any], str] = {}
BACKENDS = ("native", "numba", "reference")  # in order of preference; the last only on request


class Kernel:
    """A function in the Python that Numba compiles, and its native twin of the same name and arguments."""

    def __init__(self, function: types.FunctionType, *, parallel: bool) -> None:
        functools.update_wrapper(self, function)
        self.name = function.__name__
        self.function = function
        self.parallel = parallel
        KERNELS[self.name] = self

    @functools.cached_property
    def compiled(self) -> Callable[..., None]:
        """The Numba version, compiled on its first call or read from the cache."""
        return _numba_jit(self.function, cache=True)

    def reference(self, *args: Any) -> None:
        """The specification itself, interpreted."""
        with np.errstate(all="ignore"):
            self.function(*args)

    def numba(self, *args: Any) -> None:
        """Compiled by Numba; without the interpreter's lock, over threads of this call only."""
        # One compiled version serves all: Numba would compile anew for every combination of read-only arrays.
        args = tuple(a.copy() if isinstance(a, np.ndarray) and not a.flags.writeable else a for a in args)
        if not self.parallel:
            self.compiled(*args)
            return
        *shared, begin, end = args
        units = _Units(begin, end)

        def work() -> None:
            step = 1  # then more, as long as chunks are quick, so that Ctrl-C is never far away
            while (chunk := units.take(step)) is not None:
                started = time.perf_counter()
                self.compiled(*shared, *chunk)
                seconds = time.perf_counter() - started
                step = 2 * step if seconds < 0.002 else max(1, step // 2) if seconds > 0.02 else step

        self.compiled(*shared, begin, begin)  # compiles, if need be, before the threads start
        n_threads = min(_config.get_num_threads(), end - begin)
        if n_threads <= 1:
            work()
            return
        with ThreadPoolExecutor(n_threads) as pool:
            futures = [pool.submit(work) for _ in range(n_threads)]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
            finally:
                units.end = units.next  # the others stop as well
        for future in futures:
            future.result()

    def native(self, *args: Any) -> None:
        """The C++ version."""
        function = getattr(import_module("pymetrics._native"), self.name)
        if self.parallel:
            function(*args, _config.get_num_threads())
        else:
            function(*args)

    def cuda(self, *args: Any) -> None:
        """The CUDA version, on tensors of one device; enqueued, not waited for."""
        _device.run(self.name, args)

    def __call__(self, *args: Any) -> None:
        if isinstance(args[0], np.ndarray):
            getattr(self, host_backend())(*args)
        else:
            self.cuda(*args)


def host_backend() -> str:
    """The backend that runs host data: what PYMETRICS_BACKEND names, or else the first of native, numba that is there.

    Raises:
        ImportError: PYMETRICS_BACKEND names a backend that is not there.
        ValueError: PYMETRICS_BACKEND names no backend.
    """
    return _config.host_backend()


def kernel(function: Callable[..., None] | None = None, *, parallel: bool = False) -> Any:
    """Register a kernel. `parallel`: its last two arguments are the range of units to do."""
    if function is None:
        return functools.partial(kernel, parallel=parallel)
    return Kernel(function, parallel=parallel)  # type: ignore[arg-type]


def helper(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function that kernels call, so that Numba compiles it with them."""
    HELPERS[function] = function.__name__
    return function


def empty(shape: int | tuple[int, ...], dtype: str, like: Any) -> Any:
    """An uninitialised array on the device of `like`: the one place where the road allocates."""
    if isinstance(like, np.ndarray):
        return np.empty(shape, dtype)
    if _device.is_tensor(like):
        return _device.empty(shape, dtype, like)
    raise TypeError(f"arrays must be numpy arrays or tensors, got {type(like).__name__}")


def beside(table: Any, like: Any) -> Any:
    """A table of the host on the device of `like`, where it is kept; itself where that is the host."""
    return table if isinstance(like, np.ndarray) else _device.beside(table, like)


def upload(values: Any, like: Any) -> Any:
    """An array of the host, or a list of integers as int64, on the device of `like`; `beside` keeps it there, too."""
    array = np.array(values, np.int64) if isinstance(values, list) else values
    return array if isinstance(like, np.ndarray) else _device.upload(array, like)


def fetch(*counts: Any) -> list[int]:
    """Integers out of arrays of one each: on a GPU the one thing that the road waits for."""
    if isinstance(counts[0], np.ndarray):
        return [int(count[0]) for count in counts]
    return _device.fetch(counts)


def shortened(array: Any, length: Any) -> Any:
    """The array's first rows, as many as the one integer of `length` says. On a GPU, where it is not known yet, all."""
    return array[: int(length[0])] if isinstance(length, np.ndarray) else array


def to_host(array: Any) -> Any:
    """A numpy array: the array itself, or a copy of what is on a GPU. Anything else is returned as it is."""
    return _device.to_host(array) if _device.is_tensor(array) else array


class _Units:
    """The units of one call, which its threads take in chunks."""

    def __init__(self, begin: int, end: int) -> None:
        self.next, self.end, self.lock = begin, end, threading.Lock()

    def take(self, n: int) -> tuple[int, int] | None:
        """The next n units, or what is left of them; None where nothing is."""
        with self.lock:
            chunk = self.next, min(self.next + n, self.end)
            self.next = max(self.next, chunk[1])
        return chunk if chunk[0] < chunk[1] else None


@functools.cache
def _numba_scope(module: str) -> dict[str, Any]:
    """The module's globals, with every helper in its compiled form."""
    scope = dict(vars(import_module(module)))
    for name, value in list(scope.items()):
        if isinstance(value, types.FunctionType) and value in HELPERS:
            home = scope if value.__module__ == module else _numba_scope(value.__module__)
            if home is scope:
                scope[name] = _njit(types.FunctionType(value.__code__, scope, name), cache=False)
            else:
                scope[name] = home[value.__name__]
    return scope


def _numba_jit(function: types.FunctionType, cache: bool) -> Callable[..., None]:
    scope = _numba_scope(function.__module__)
    return _njit(types.FunctionType(function.__code__, scope, function.__name__), cache)


def _njit(function: types.FunctionType, cache: bool) -> Callable[..., Any]:
    import numba

    options = {"nogil": True, "error_model": "numpy", "boundscheck": False}
    if not cache:
        return cast("Callable[..., Any]", numba.njit(**options)(function))
    previous = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(numba_cache_dir())  # read when the function is decorated, and by nobody else
    try:
        return cast("Callable[..., Any]", numba.njit(cache=True, **options)(function))
    except RuntimeError:  # no place to write: compile for this process alone
        return cast("Callable[..., Any]", numba.njit(**options)(function))
    finally:
        numba.config.CACHE_DIR = previous


@functools.cache
def numba_cache_dir() -> Path:
    """Where compiled kernels are kept: a folder named after the sources, for Numba misses edits in other files."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    user = os.getuid() if hasattr(os, "getuid") else 0
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    homes = [Path(tempfile.gettempdir()) / f"pymetrics-{user}"]
    if os.path.isabs(home):  # a user without a home keeps the ~
        homes.insert(0, Path(home) / "pymetrics")
    if os.environ.get("NUMBA_CACHE_DIR"):
        homes = [Path(os.environ["NUMBA_CACHE_DIR"])]
    folders = [home / f"numba-{digest.hexdigest()[:16]}" for home in homes]
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            continue
        # What lies here is run: nobody else's folder will do.
        if os.access(folder, os.W_OK) and all(place.stat().st_uid in (user, 0) for place in (folder, folder.parent)):
            return folder
    return folders[0]
