"""Kernels compiled by Numba: compilation, the folder of compiled kernels, and the threads of one call."""

from __future__ import annotations

import functools
import hashlib
import os
import queue
import sys
import tempfile
import threading
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import numpy as np

from .. import _config
from .registry import HELPERS

LARGE = 1 << 18  # bytes of a call's arrays; smaller calls of one thread are not worth a thread
PATIENCE = 1.5  # seconds of compilation before a line on stderr says what takes so long

_compiling = threading.RLock()  # of the two below
_seconds = 0.0  # spent on compiling in this process
_has_said = False


def run(compiled: Any, parallel: bool, args: tuple[Any, ...]) -> None:
    """Run a compiled kernel, large calls in threads of this call alone, so that the caller can be interrupted.

    KeyboardInterrupt is raised at once, and the chunks that run are not waited for: they go on for a while in
    the background, in arrays of their own that no other code reads.
    """
    # One compiled version serves all: Numba would compile anew for every combination of read-only arrays.
    args = tuple(a.copy() if isinstance(a, np.ndarray) and not a.flags.writeable else a for a in args)
    if not compiled.signatures:
        with _compiling, _saying_so(compiled):
            compiled.compile(tuple(map(compiled.typeof_pyval, args)))
    is_large = sum(a.nbytes for a in args if isinstance(a, np.ndarray)) >= LARGE
    if not parallel:
        if is_large:
            _in_threads(lambda: compiled(*args), 1)
        else:
            compiled(*args)
        return
    *shared, begin, end = args
    units = _Units(begin, end)

    def work() -> None:
        step = 1  # then more, as long as chunks are quick, so that an interruption is never far away
        while (chunk := units.take(step)) is not None:
            started = time.perf_counter()
            compiled(*shared, *chunk)
            seconds = time.perf_counter() - started
            step = 2 * step if seconds < 0.002 else max(1, step // 2) if seconds > 0.02 else step

    n_threads = min(_config.get_num_threads(), end - begin)
    if n_threads < 1 or (n_threads == 1 and not is_large):
        work()
        return
    try:
        _in_threads(work, n_threads)
    finally:
        units.end = units.next  # after an error or an interruption: no further chunks


def _in_threads(work: Callable[[], None], n_threads: int) -> None:
    """Run `work` in so many threads at once, and wait for them; raises what one of them raises.

    The wait ends at once when a signal's handler raises. The threads are daemons: Python's exit does not wait for them.
    """
    outcomes: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

    def worker() -> None:
        try:
            work()
        except BaseException as error:
            outcomes.put(error)
        else:
            outcomes.put(None)

    threads: list[threading.Thread] = []
    for _ in range(n_threads):
        thread = threading.Thread(target=worker, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads for this process
            break
        threads.append(thread)
    if not threads:
        work()
    for _ in threads:
        if (error := _next(outcomes)) is not None:
            raise error
    for thread in threads:
        thread.join()


def _next(outcomes: queue.SimpleQueue[BaseException | None]) -> BaseException | None:
    while True:
        try:
            return outcomes.get(timeout=0.2)  # on Windows, Ctrl-C ends no wait without an end
        except queue.Empty:
            continue


@contextmanager
def _saying_so(compiled: Any) -> Iterator[None]:
    """One line on stderr per process, when compilation has taken PATIENCE seconds. Kernels from the cache are quick."""
    global _seconds
    timer = threading.Timer(max(0.0, PATIENCE - _seconds), _say_so)
    timer.daemon = True
    timer.start()
    started = time.perf_counter()
    try:
        yield
    finally:
        timer.cancel()
        if not compiled.stats.cache_hits:
            _seconds += time.perf_counter() - started


def _say_so() -> None:
    global _has_said
    if _has_said or sys.stderr is None:
        return
    _has_said = True
    folder = cache_dir()
    later = f"the next process finds them in {folder}" if folder else "no folder for them can be written"
    print(f"pymetrics: Numba compiles the kernels, some ten seconds in all; {later}", file=sys.stderr, flush=True)


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
def _scope(module: str) -> dict[str, Any]:
    """The module's globals, with every helper in its compiled form."""
    scope = dict(vars(import_module(module)))
    for name, value in list(scope.items()):
        if isinstance(value, types.FunctionType) and value in HELPERS:
            home = scope if value.__module__ == module else _scope(value.__module__)
            if home is scope:
                scope[name] = _njit(types.FunctionType(value.__code__, scope, name), cache=False)
            else:
                scope[name] = home[value.__name__]
    return scope


def jit(function: types.FunctionType, cache: bool) -> Callable[..., None]:
    """The function as Numba compiles it at its first call; helpers that it calls are compiled with it."""
    scope = _scope(function.__module__)
    return _njit(types.FunctionType(function.__code__, scope, function.__name__), cache)


def _njit(function: types.FunctionType, cache: bool) -> Callable[..., Any]:
    import numba

    options = {"nogil": True, "error_model": "numpy", "boundscheck": False, "no_cfunc_wrapper": True}
    folder = cache_dir() if cache else None
    if not cache:
        options["no_cpython_wrapper"] = True
    if folder is None:
        return cast("Callable[..., Any]", numba.njit(**options)(function))
    previous = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder)  # read only when the function is decorated
    try:
        return cast("Callable[..., Any]", numba.njit(cache=True, **options)(function))
    except RuntimeError:  # no place to write: compile for this process alone
        return cast("Callable[..., Any]", numba.njit(**options)(function))
    finally:
        numba.config.CACHE_DIR = previous


def cache_candidates() -> list[Path]:
    """Folders for compiled kernels, the best first; named after the sources, for Numba misses edits in other files."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    homes = [Path(tempfile.gettempdir()) / f"pymetrics-{_user()}"]
    if os.path.isabs(home):  # a user without a home keeps the ~
        homes.insert(0, Path(home) / "pymetrics")
    if os.environ.get("NUMBA_CACHE_DIR"):
        homes = [Path(os.environ["NUMBA_CACHE_DIR"])]
    return [home / f"numba-{digest.hexdigest()[:16]}" for home in homes]


@functools.cache
def cache_dir() -> Path | None:
    """Where compiled kernels are kept; None where no folder can be written, so that every process compiles anew."""
    for folder in cache_candidates():
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            continue
        # Numba executes the code in this folder. It must therefore belong to this user or to root.
        if os.access(folder, os.W_OK) and all(place.stat().st_uid in (_user(), 0) for place in (folder, folder.parent)):
            return folder
    return None


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0
