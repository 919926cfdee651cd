"""One contender in a process of its own, so that threads, imports and memory are its own; commands come through a pipe.

python worker.py NAME CASE SIZE        then lines on stdin: "run", "peak"; one JSON object per line on stdout
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from contenders import CONTENDERS, Call, Floats
from generate import SIZES, scene

RESULT_BYTES = (2 * 10 * 101 * 80 * 4 * 3 + 10 * 80 * 4 * 3) * 8  # precision, scores; recall


class Worker:
    """The parent's end: starts the process, waits until it is prepared, asks for runs. A context manager."""

    def __init__(self, name: str, size: str, threads: str, case: str = "columns", **popen: Any) -> None:
        """``threads``: "all" or "1". ``popen``: further arguments of subprocess.Popen; ``env`` is added to ours."""
        contender = CONTENDERS[name]
        environment = {**os.environ, **popen.pop("env", {}), **contender.variables(threads)}
        pin = contender.threading == "own" and threads == "1"
        command = [sys.executable, str(Path(__file__).resolve()), name, case, size, *(["pin"] if pin else [])]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, **popen
        )
        self.clock = 0.0  # CPU seconds that the process had used when it last answered
        self.ready = self._answer()

    def ask(self, command: str) -> dict[str, Any]:
        """The answer to "run" (seconds, cpu, stats) or, as the first command, "peak" (the same, and its memory)."""
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._answer()

    def run(self) -> Floats:
        """One evaluation; the twelve numbers."""
        return stats_of(self.ask("run"))

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args} ended with exit code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        self.clock = answer["clock"]
        return answer

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate("")


def stats_of(answer: dict[str, Any]) -> Floats:
    """The twelve numbers of an answer, with all their bits."""
    return np.array([float.fromhex(number) for number in answer["stats"]])


def _timed(call: Call) -> dict[str, Any]:
    gc.collect()
    cpu, start = time.process_time(), time.perf_counter()
    stats = call()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {"seconds": seconds, "cpu": cpu, "stats": [float(number).hex() for number in stats]}


def _memory(key: str) -> int:
    """VmRSS (now) or VmHWM (the most since the last reset) of this process in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    raise KeyError(key)


def _peak(call: Call, warm_up: Call) -> dict[str, Any]:
    """A first run and the most memory that it held beyond what the process held before, once its code was loaded."""
    warm_up()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # else the C library keeps what the warm-up freed, and `before` counts it
    Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM
    before = _memory("VmRSS")
    answer = _timed(call)
    return {**answer, "peak_bytes": _memory("VmHWM") - before, "result_bytes": RESULT_BYTES}


def main() -> None:
    name, case, size, *pin = sys.argv[1:]
    if pin:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints from C goes to stderr
    data = scene(SIZES[size])
    start = time.perf_counter()
    call = CONTENDERS[name].prepare[case](data)
    ready = {"prepare_s": time.perf_counter() - start, "columns_bytes": data.n_bytes, "clock": time.process_time()}
    print(json.dumps(ready), file=out, flush=True)
    for line in sys.stdin:
        if line.strip() == "peak":
            answer = _peak(call, CONTENDERS[name].prepare[case](scene(1_000)))
        else:
            answer = _timed(call)
        print(json.dumps({**answer, "clock": time.process_time()}), file=out, flush=True)


if __name__ == "__main__":
    main()
