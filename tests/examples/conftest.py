"""Every example runs offline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.absent import need_module
from helpers.examples import ROOT, run_in


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., str]:
    """run(name of an example, arguments): what it prints, in tmp_path."""
    if not (ROOT / "examples").exists():
        pytest.skip("not in the source folder")
    need_module("torch")
    return lambda name, *arguments, **variables: run_in(tmp_path, name, *arguments, **variables)
