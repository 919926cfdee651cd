"""The documents: Markdown is wrapped, and links lead somewhere. tests/documents/ runs their code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WRITTEN_BY_PROGRAMS = {path.name for path in (ROOT / "benchmarks" / "results").glob("*.md")}
DOCUMENTS = [
    path
    for path in (
        *ROOT.glob("*.md"),
        *(p for folder in ("docs", "benchmarks", "csrc") for p in ROOT.glob(f"{folder}/**/*.md")),
    )
    if path.name not in WRITTEN_BY_PROGRAMS
]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_markdown_is_wrapped(path: Path) -> None:
    """Tables apart, which cannot be."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        assert len(line) <= 100 or line.startswith("|"), f"line {number} is of {len(line)} characters"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target
