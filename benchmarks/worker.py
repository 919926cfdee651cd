"""One contender in a process of its own, so that threads, imports and memory are its own; commands come through a pipe.

python worker.py CASE SIZE NAME        then lines on stdin: "run", "peak"; one JSON object per line on stdout
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from contenders import CASES, CONTENDERS
from generate import Floats, scene

RESULT_BYTES = (2 * 10 * 101 * 80 * 4 * 3 + 10 * 80 * 4 * 3) * 8  # precision, scores; recall
LIMIT = 300.0  # seconds for one answer; a contender that takes longer has failed


class Failed(Exception):  # noqa: N818
    """A contender died, or took longer than LIMIT; the message is its last line."""


class Worker:
    """The parent's end: starts the process, waits until it is prepared, asks for runs. A context manager."""

    def __init__(self, case: str, size: str, name: str, threads: str = "all", **popen: Any) -> None:
        """``threads``: "all" or "1". ``popen``: further arguments of subprocess.Popen; ``env`` is added to ours."""
        contender = CONTENDERS[name]
        environment = {**os.environ, **popen.pop("env", {}), **contender.variables(threads)}
        pin = contender.threading == "own" and threads == "1"
        command = [sys.executable, str(Path(__file__).resolve()), case, size, name, *(["pin"] if pin else [])]
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed by close
        self._start = time.perf_counter()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True, env=environment,
            **popen,
        )  # fmt: skip
        self.clock = 0.0  # CPU seconds that the process had used when it last answered
        self.process_seconds = 0.0  # of the whole process, once it has ended
        try:
            self.ready = self._answer()
        except Failed:
            self.close()
            raise

    def ask(self, command: str) -> dict[str, Any]:
        """The answer to "run" (seconds, cpu, stats, ...) or, as the first command, "peak" (the same, and memory)."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # _answer says why it died
            self._process.stdin.write(command + "\n")
            self._process.stdin.flush()
        return self._answer()

    def run(self) -> Floats:
        """One evaluation; the twelve numbers."""
        return stats_of(self.ask("run"))

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        timer = threading.Timer(LIMIT, self._process.kill)
        timer.start()
        line = self._process.stdout.readline()
        late = not timer.is_alive()
        timer.cancel()
        if late:
            raise Failed(f"more than {LIMIT:.0f} s")
        if not line:
            code = self._process.wait()
            self._errors.seek(0)
            lines = self._errors.read().strip().splitlines()
            raise Failed(lines[-1][:200] if lines else f"exit code {code}")
        answer: dict[str, Any] = json.loads(line)
        self.clock = answer["clock"]
        return answer

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the process end."""
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate("")
        self.process_seconds = time.perf_counter() - self._start
        self._errors.close()


def stats_of(answer: dict[str, Any]) -> Floats:
    """The twelve numbers of an answer, with all their bits."""
    return np.array([float.fromhex(number) for number in answer["stats"]])


def _timed(call: Callable[[], Any]) -> dict[str, Any]:
    gc.collect()
    before = _memory("VmRSS")
    cpu, start = time.process_time(), time.perf_counter()
    result = call()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    stats, parts = result if isinstance(result, tuple) else (result, {})
    return {
        "seconds": seconds, "cpu": cpu, "parts": parts, "stats": [float(number).hex() for number in stats],
        "base_bytes": before, "peak_bytes": _memory("VmHWM"),
    }  # fmt: skip


def _memory(key: str) -> int:
    """VmRSS (now) or VmHWM (the most since the last reset) of this process, in bytes; 0 where it is not known."""
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.exists() else ():
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    return 0


def _peak(call: Callable[[], Any], warm_up: Callable[[], Any]) -> dict[str, Any]:
    """A first run and the most memory that it held beyond what the process held before, once its code was loaded."""
    warm_up()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # else the C library keeps what the warm-up freed, and `before` counts it
    Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM
    answer = _timed(call)
    return {**answer, "peak_bytes": answer["peak_bytes"] - answer["base_bytes"], "result_bytes": RESULT_BYTES}


def main() -> None:
    case_name, size, name, *pin = sys.argv[1:]
    if pin:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints from C goes to stderr
    case = CASES[case_name]
    loaded = case.load(size)
    gc.collect()
    gc.freeze()  # what only the benchmark holds is not to be walked through by every garbage collection
    call = case.prepare[name](loaded)
    print(json.dumps({"clock": time.process_time()}), file=out, flush=True)
    for line in sys.stdin:
        if line.strip() == "peak":
            tiny = scene(1_000)
            answer = _peak(partial(call, loaded), partial(case.prepare[name](tiny), tiny))
        else:
            answer = _timed(partial(call, case.argument(loaded)))
        print(json.dumps({**answer, "clock": time.process_time()}), file=out, flush=True)


if __name__ == "__main__":
    main()
