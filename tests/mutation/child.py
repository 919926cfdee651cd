"""Work in a child process that imports a copy of the package: what it returns, or how it ended."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np  # noqa: F401  so that no child has to

HERE = Path(__file__).resolve().parent


def in_child(copy: Path, work: Callable[[], Any], seconds: int, backend: str = "reference") -> tuple[str, bytes]:
    """ "done" and what work() returns, pickled; or "killed", or "endless", and why.

    copy: the folder that holds the package. seconds: of CPU time; of real time five times as many.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reader)
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
            resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(5 * seconds)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what the C library says before it ends the process
            sys.path[:0] = [str(copy), str(HERE), str(HERE.parent)]
            sys.dont_write_bytecode = True
            os.environ["PYMETRICS_BACKEND"] = backend
            result = pickle.dumps(work())
            code = 0
        except BaseException as error:
            result = f"{type(error).__name__}: {error}".encode()
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(result)
        os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        result = pipe.read()
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return (
            "endless" if os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL, signal.SIGALRM) else "killed"
        ), b"a signal"
    return ("done" if os.WEXITSTATUS(status) == 0 else "killed"), result
