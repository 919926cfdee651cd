"""Marks: words in capitals such as LAST_OF_EQUALS that stand in the code, so that tables and tests can find a line.

A table names the mark and a regular expression, neither the file nor the whole line, so that names around it may
change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

REACH = 3  # lines: the one with the mark and those right after it


class Edit(NamedTuple):
    """A change of one line: its file, its number, the line and the whole file after it."""

    path: Path
    line: int
    changed: str
    text: str


def sources(folder: Path, *ends: str) -> list[Path]:
    """The files in a folder and its subfolders whose names have one of the ends, such as ".py"."""
    return sorted(path for path in folder.rglob("*") if path.suffix in ends)


def edits(files: Iterable[Path], mark: str, pattern: str, other: str, comment: str) -> Iterator[Edit]:
    """For each line with the mark: the first line from there on whose code holds the pattern, changed.

    comment: what begins a comment, in which nothing is changed.
    """
    for path in files:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        places = set()
        for marked in (i for i, line in enumerate(lines) if re.search(rf"\b{mark}\b", line)):
            near = range(marked, min(marked + REACH, len(lines)))
            places |= set([i for i in near if re.search(pattern, lines[i].partition(comment)[0])][:1])
        for i in sorted(places):
            code, *rest = lines[i].partition(comment)
            changed = re.sub(pattern, other, code) + "".join(rest)
            yield Edit(path, i + 1, changed.strip(), "".join([*lines[:i], changed, *lines[i + 1 :]]))
