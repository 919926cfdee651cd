"""Warnings that point at the caller's line."""

from __future__ import annotations

import os
import sys
import warnings

PACKAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """A warning that points at the line outside of this package that called it."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
