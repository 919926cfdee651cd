"""What a call gives on several backends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


def on_both(call: Callable[[], Any]) -> list[Any]:
    """What the call gives on the native and the reference backend; of a ValueError or TypeError its type and text."""
    found: list[Any] = []
    for backend in ("native", "reference"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYMETRICS_BACKEND", backend)
            try:
                found.append(call())
            except (ValueError, TypeError) as error:
                found.append((type(error), str(error)))
    return found
