"""Words that were rewritten and must not come back: prose here is literal, for readers of any language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("pymetrics", "csrc", "docs", "tests", "benchmarks", "examples")
ENDS = {".py", ".pyi", ".h", ".cpp", ".cu", ".md"}
FILES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*")))
    if path.suffix in ENDS and path != Path(__file__).resolve() and "results" not in path.parts
)
WORDS = (
    "whoever",
    "nobody",
    "somebody",
    "in vain",
    "dear(?:ly)?",
    "for who",
    "their like",
    "roads?",
    "citizens?",
    "doors?",
)


@pytest.mark.parametrize("word", WORDS)
def test_a_word_does_not_come_back(word: str) -> None:
    found = []
    for path in FILES:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if re.search(rf"(?<![A-Za-z]){word}(?![A-Za-z])", line, re.IGNORECASE):
                found.append(f"{path.relative_to(ROOT).as_posix()}:{number}: {line.strip()}")
    assert not found, "\n".join([f"{len(found)} lines have {word!r}:", *found])
