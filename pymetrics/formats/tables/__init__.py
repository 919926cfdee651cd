"""Tables: what has Arrow's interface (pyarrow, polars, pandas, DuckDB), and Parquet files.

Flat: a row for each object. Nested: a row for each image, whose objects are lists. pyarrow is imported when a table is
read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from . import arrow, parquet
from .names import PRESETS, Preset, preset_of
from .rows import CATEGORY, Layout, Rows, layout_of, read_rows
from .source import source_of

if TYPE_CHECKING:
    from ..options import ReadOptions
    from ..source import Source

ROWS, VALUES = "rows", "values"

__all__ = ["PRESETS", "Table", "open_table", "read_table", "with_order"]


class Table:
    """A table that is open: `files`, or `content` in memory. Rows are read by `pieces`."""

    def __init__(self, argument: str, content: Any = None, files: list[parquet.File] | None = None) -> None:
        self.argument, self.content, self.files = argument, content, files
        self.scored = False

    @cached_property
    def schema(self) -> Any:
        """Arrow's schema; of files, that of the first."""
        if self.files is None:
            return self.content.schema
        return parquet.open_file(self.files[0], self.argument).schema_arrow

    @property
    def partition(self) -> dict[str, Any]:
        """The columns that folders give to the first file."""
        return {} if self.files is None else self.files[0].partition

    def preset(self, options: ReadOptions) -> Preset:
        """The names of its columns."""
        return preset_of(options, {*self.schema.names, *self.partition})[0]

    def layout(self, options: ReadOptions) -> Layout:
        """The columns of the table, or of its first file. Raises TypeError, ValueError."""
        file = "" if self.files is None else self.files[0].path
        return layout_of(self.schema, file, options, self.order_column(options), list(self.partition))

    def order_column(self, options: ReadOptions) -> str | None:
        """The column that order= names; None where rows stand in order or go by values."""
        order = options.tables.order
        if order in (None, ROWS, VALUES):
            return None
        name: Any = self.preset(options).names.get(str(order), order)
        return str(name)

    def pieces(self, options: ReadOptions) -> Iterator[tuple[Any, Layout, int]]:
        """Each batch or row group, its layout and the row of its first row in the table or the file."""
        if self.files is None:
            layout, first = self.layout(options), 0
            chosen = {name.partition(".")[0] if name not in self.schema.names else name for name in layout.columns()}
            for batch in self.content.select([name for name in self.schema.names if name in chosen]).to_batches():
                yield batch, layout, first
                first += batch.num_rows
            return
        for file in self.files:
            opened = parquet.open_file(file, self.argument)
            order = self.order_column(options)
            layout = layout_of(opened.schema_arrow, file.path, options, order, list(file.partition))
            for index, first, n in parquet.row_groups(file, opened):
                if n:
                    yield parquet.row_group(opened, index, layout.columns(), file, self.argument), layout, first

    def rows(self, options: ReadOptions) -> Iterator[Rows]:
        """The objects of each piece that has any row."""
        for piece, layout, first in self.pieces(options):
            if piece.num_rows:
                yield read_rows(piece, layout, first, options)

    def n_rows(self, options: ReadOptions) -> int | None:
        """How many rows its pieces have; None where there is one, or where rows are images."""
        if self.layout(options).nested:
            return None
        if self.files is None:
            n_pieces, n_rows = len(self.content.to_batches()), self.content.num_rows
        else:
            found = [parquet.open_file(file, self.argument).metadata for file in self.files]
            n_pieces, n_rows = sum(file.num_row_groups for file in found), sum(file.num_rows for file in found)
        return int(n_rows) if n_pieces > 1 else None

    def names_of_categories(self, options: ReadOptions) -> dict[int, str]:
        """What Hugging Face's data sets say of a category column: the names of 0, 1, ...; else nothing."""
        text = (self.schema.metadata or {}).get(b"huggingface")
        if text is None:
            return {}
        try:
            feature: Any = json.loads(text)["info"]["features"]
            name = str(self.preset(options).names[CATEGORY])
            for part in [name] if name in feature else name.split("."):
                feature = _inner(feature)[part]
            names = _inner(feature)["names"]
            return {i: str(name) for i, name in enumerate(names)}
        except (KeyError, TypeError, ValueError, IndexError):
            return {}

    def has_scores(self, options: ReadOptions) -> bool:
        """Whether it has the column of scores."""
        as_dt = replace(options, argument="dt")
        try:
            return "score" in self.layout(as_dt).names
        except (TypeError, ValueError):
            return False


def _inner(feature: Any) -> Any:
    """What a list of Hugging Face's features holds."""
    while True:
        if isinstance(feature, list):
            feature = feature[0]
        elif "feature" in feature:
            feature = feature["feature"]
        else:
            return feature


def open_table(source: Any, options: ReadOptions) -> Table | None:
    """A table of an object or a path; None where it is none. Raises OSError, ValueError, ImportError."""
    argument = options.argument
    if isinstance(source, (str, os.PathLike)):
        if not parquet.is_parquet(source):
            return None
        arrow.pyarrow(argument)
        table = Table(argument, files=parquet.files_of(source, argument))
    elif hasattr(source, "__arrow_c_stream__"):
        table = Table(argument, arrow.pyarrow(argument).table(source))
    else:
        return None
    table.scored = table.has_scores(options)
    return table


def with_order(gt: Any, dt: Any, gt_options: ReadOptions, dt_options: ReadOptions) -> tuple[ReadOptions, ReadOptions]:
    """The options of both sides with the order of the rows of an image decided, where a side is a table.

    Raises:
        ValueError: rows of a table have no order.
    """
    sides = [(side, options) for side, options in ((gt, gt_options), (dt, dt_options)) if isinstance(side, Table)]
    if not sides or gt_options.tables.order is not None:
        return gt_options, dt_options
    layouts = [table.layout(options) for table, options in sides]
    ids = [_id_column(table, options) for table, options in sides]
    if len(sides) == 2 and all(ids) and not any(layout.nested for layout in layouts):
        found = [replace(options, tables=replace(options.tables, order="id")) for options in (gt_options, dt_options)]
        return found[0], found[1]
    for (table, options), layout in zip(sides, layouts, strict=True):
        if table.files is None and not layout.nested:
            raise ValueError(
                f"{options.argument} is a table whose rows have no order, which equal scores and overlaps depend on: "
                'name a column that has it, order="id"; or say order="rows", as the rows stand, or order="values", by '
                "falling score, category and box"
            )
    return gt_options, dt_options


def _id_column(table: Table, options: ReadOptions) -> bool:
    return table.preset(options).names.get("id") in {*table.schema.names, *table.partition}


def read_table(table: Table, options: ReadOptions) -> Source:
    """One side of an evaluation. Raises TypeError, ValueError."""
    box_format, names = table.preset(options).box_format, table.names_of_categories(options)
    return source_of(table.rows(options), options, box_format, names, table.n_rows(options))
