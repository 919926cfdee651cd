"""Tables: of a terminal, of Markdown, of CSV."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from ..evaluation.result import Result

UNDEFINED = -1.0
N_IMAGES_SHOWN = 20
PER_CLASS = ("map", "map_50", "map_75")
PER_IMAGE = ("map", "map_50", "n_gt", "n_dt", "tp", "fp", "fn", "precision", "recall", "f1")


@dataclass
class Table:
    """A header and rows of values, as they are; the first n_left columns are text.

    caption: what it shows; None: nothing to say. note: what stands below it; "": nothing.
    """

    header: list[str]
    rows: list[list[Any]]
    n_left: int = 1
    caption: str | None = None
    note: str = ""


def of_detectors(results: Mapping[str, Result]) -> Table:
    """A row per detector and a column per number of the summary."""
    rows = {name: result.scalars(keys="coco", undefined="keep") for name, result in results.items()}
    return Table(["", *next(iter(rows.values()))], [[name, *row.values()] for name, row in rows.items()])


def per_class(name: str, result: Result) -> Table:
    """AP, AP50, AP75 and counts of the categories with ground truth, the highest AP first."""
    coco_key = {row.key: row.coco_key for row in result.rows}
    keys = [row.key for row in result.rows if row.key in PER_CLASS and not _is_unknown(result, row.key)]
    rows = [row for row in result.per_class if row["n_gt"]]
    if keys:
        rows.sort(key=lambda row: -row[keys[0]])
    n_without = len(result.per_class) - len(rows)
    note = f"{n_without} {_plural(n_without, 'category', 'categories')} without ground truth left out"
    columns = ["id", "name", *keys, "n_gt", "n_dt"]
    return Table(
        [coco_key.get(key, key) for key in columns],
        [[row[key] for key in columns] for row in rows],
        2,
        name,
        note if n_without else "",
    )


def _is_unknown(result: Result, key: str) -> bool:
    """Whether the protocol lacks the threshold of this number."""
    return dict(zip(result, result.protocol.places, strict=True))[key] is None


def per_image(name: str, rows: Sequence[Mapping[str, Any]], most: int | None = N_IMAGES_SHOWN) -> Table:
    """The worst images. rows: of analysis.per_image."""
    keys = [key for key in PER_IMAGE if not rows or key in rows[0]]
    names = ["file_name"] if any(row["file_name"] is not None for row in rows) else []
    columns = ["id", *names, *keys]
    n_more = 0 if most is None else max(0, len(rows) - most)
    coco = {"map": "AP", "map_50": "AP50"}
    return Table(
        [coco.get(key, key) for key in columns],
        [[row[key] for key in columns] for row in rows[:most]],
        1 + len(names),
        f"{name}, the worst images" if n_more else f"{name}, images",
        f"{n_more} more {_plural(n_more, 'image', 'images')} in --csv and --json" if n_more else "",
    )


def _plural(n: int, one: str, many: str) -> str:
    return one if n == 1 else many


def print_table(table: Table, file: TextIO, best: bool = False) -> None:
    """In columns. best: the highest number of each column is bold, on a terminal that may show it."""
    cells = aligned([table.header, *(list(map(cell, row)) for row in table.rows)], table.n_left)
    if best and file.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb":
        for j in range(table.n_left, len(table.header)):
            highest = max(row[j] for row in table.rows)
            for i, row in enumerate(table.rows, 1):
                if row[j] == highest != UNDEFINED:
                    cells[i][j] = f"\033[1m{cells[i][j]}\033[0m"
    if table.caption is not None:
        print(f"\n{shown(table.caption)}", file=file)
    print(*("  ".join(line).rstrip() for line in cells), sep="\n", file=file)
    if table.note:
        print(table.note, file=file)


def cell(value: Any) -> str:
    """A value as a table shows it."""
    if isinstance(value, float):
        return "n/a" if value == UNDEFINED or value != value else f"{value:0.3f}"
    return "" if value is None else shown(str(value))


def shown(text: str) -> str:
    """Text on one line, without what would move a terminal's cursor."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def aligned(lines: list[list[str]], n_left: int) -> list[list[str]]:
    """The cells padded to columns: the first n_left flush left, the others flush right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    formats = [f"{'<' if j < n_left else '>'}{width}" for j, width in enumerate(widths)]
    return [[format(text, how) for text, how in zip(line, formats, strict=True)] for line in lines]


def markdown(parts: Iterable[Table | str]) -> str:
    """Tables, each with its caption above and its note below, and lines, as Markdown."""
    found = []
    for table in parts:
        if isinstance(table, str):
            found.append("\n".join(f"- {_escaped(line.strip())}" for line in table.splitlines()))
            continue
        lines = [table.header, *(list(map(cell, row)) for row in table.rows)]
        header, *rows = ("| " + " | ".join(map(_escaped, line)) + " |" for line in lines)
        line = "|" + "|".join(" --- " if j < table.n_left else " ---: " for j in range(len(table.header))) + "|"
        caption = [] if table.caption is None else [f"**{_escaped(shown(table.caption))}**", ""]
        found.append("\n".join([*caption, header, line, *rows, *(["", _escaped(table.note)] if table.note else [])]))
    return "\n\n".join(found) + "\n"


def _escaped(text: str) -> str:
    for letter, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(letter, entity)
    return re.sub(r"([\\|`*\[\]])", r"\\\1", text)


def defined(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with None in place of undefined numbers. An id may be -1."""
    return {key: None if value == UNDEFINED and key != "id" else value for key, value in row.items()}


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows with all digits, and nothing where a value is undefined. The keys of the first one are the header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0] if rows else [])
    for row in rows:
        writer.writerow(["" if value is None else _plain(value) for value in defined(row).values()])
    return text.getvalue()


def _plain(value: Any) -> Any:
    return repr(value) if isinstance(value, float) else value
