"""Lines on standard error."""

from __future__ import annotations

import sys
from typing import Any


def say(message: str) -> None:
    """Print one line on standard error, unless it is closed."""
    if sys.stderr is not None:  # print would take standard output instead
        print(message, file=sys.stderr)


def progress(message: str) -> None:
    """Print one line on standard error where that is a terminal: what takes a while now."""
    if sys.stderr is not None and sys.stderr.isatty():
        say(message)


def show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """For warnings.showwarning."""
    say(f"pymetrics: warning: {message}")
