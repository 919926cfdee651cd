"""Tables of results, as text."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from ..evaluation.result import Result


def print_tables(results: dict[str, Result], file: TextIO, per_class: bool) -> None:
    """The summary of one result, the table of several; then, where asked for, the categories of each."""
    if len(results) == 1:
        print(next(iter(results.values())).summary("n/a"), file=file)
    else:
        print_comparison(results, file)
    if per_class:
        for name, result in results.items():
            print(f"\n{name}", file=file)
            header = ["id", "name", *result, "n_gt", "n_dt"]
            lines = [[cell(row[key]) for key in header] for row in result.per_class]
            print_lines(aligned([header, *lines], n_left=2), file)


def print_comparison(results: dict[str, Result], file: TextIO) -> None:
    """A row per detector and a column per number; the best of each column is bold on a terminal."""
    rows = {name: result.scalars(keys="coco", undefined="keep") for name, result in results.items()}
    header = list(next(iter(rows.values())))
    table = aligned([["", *header], *([name, *map(cell, row.values())] for name, row in rows.items())], n_left=1)
    if file.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb":
        for j, key in enumerate(header, 1):
            best = max(row[key] for row in rows.values())
            for i, row in enumerate(rows.values(), 1):
                if row[key] == best != -1:
                    table[i][j] = f"\033[1m{table[i][j]}\033[0m"
    print_lines(table, file)


def cell(value: Any) -> str:
    """A value as a table shows it."""
    if isinstance(value, float):
        return "n/a" if value == -1 else f"{value:0.3f}"
    return "" if value is None else str(value)


def aligned(lines: list[list[str]], n_left: int) -> list[list[str]]:
    """The cells padded to columns: the first n_left flush left, the others flush right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    formats = [f"{'<' if j < n_left else '>'}{width}" for j, width in enumerate(widths)]
    return [[format(text, how) for text, how in zip(line, formats, strict=True)] for line in lines]


def print_lines(table: list[list[str]], file: TextIO) -> None:
    """Print what aligned has made."""
    print(*("  ".join(line).rstrip() for line in table), sep="\n", file=file)
