"""The site of the documentation, which `make docs` builds: its reference names every public object."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
from helpers.absent import need

import pymetrics
from pymetrics import analysis

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "api"
SHOWN = [
    (page, name)
    for page in sorted(REFERENCE.glob("*.md"))
    for name in re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
]


def documented() -> set[str]:
    return {name.rpartition(".")[2] for _, name in SHOWN}


def test_every_public_name_is_in_the_reference() -> None:
    need(REFERENCE.exists(), "source", "not in the source folder")
    public = {name for name in pymetrics.__all__ if not name.startswith("__")}
    public |= {name for name in vars(analysis) if not name.startswith("_") and public_object(getattr(analysis, name))}
    missing = sorted(public - documented())
    assert not missing, f"docs/api/*.md needs a line `::: path.of.NAME` for each of {missing}"


def public_object(value: Any) -> bool:
    return callable(value) and getattr(value, "__module__", "").startswith("pymetrics.analysis.")


@pytest.mark.parametrize(("page", "name"), SHOWN, ids=[name for _, name in SHOWN])
def test_the_reference_names_what_is_there(page: Path, name: str, need: Any) -> None:
    module, _, attribute = name.rpartition(".")
    for tracker, library in (("wandb", "wandb"), ("comet", "comet_ml"), ("mlflow", "mlflow")):
        if module == f"pymetrics.trackers.{tracker}":
            need(library)
    if module.startswith("pymetrics.detection"):
        need("torchmetrics")
    value = getattr(importlib.import_module(module), attribute)
    assert value.__doc__
