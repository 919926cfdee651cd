"""Child processes of tests."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def child(arguments: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that is interrupted by SIGINT; at the end it is killed, if it still runs, and its pipes are closed.

    A process that a shell starts in the background ignores SIGINT, and so would its children.
    """
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(arguments, text=True, **options)
    finally:
        signal.signal(signal.SIGINT, previous)
    with process:
        try:
            yield process
        finally:
            process.kill()
