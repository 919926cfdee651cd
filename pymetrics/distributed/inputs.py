"""What engines share: both sides' rows before they are brought together by image, and the Result at the end."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..formats.options import ReadOptions
from ..formats.tables import Table, arrow, open_table, parquet
from ..formats.tables.names import preset_of
from ..formats.tables.rows import IMAGE, layout_of, read_rows
from ..formats.tables.source import source_of
from . import plan
from .curve_result import CurveResult

PLACE = "pymetrics_place"  # the column of (part, row), which a shuffle would lose
ROWS_OF_A_PART = 1 << 32


class Side:
    """One side, of whose parts flat ones get the column PLACE.

    in_files: its rows have an order. flat: a row is an object. has_id: it has the column of ids. image: the name of
    the column of images. groups: file, index and first row of each row group. empty: a part without rows.
    """

    def __init__(self, source: Any, options: ReadOptions, content: Any = None) -> None:
        """source: a path; or anything else, where content is a table of its columns."""
        table = open_table(source, options) if content is None else None
        self.in_files = table is not None
        if table is None:
            table = Table(options.argument, content)
        layout, preset = table.layout(options), table.preset(options)
        self.options = options
        self.flat, self.has_id = not layout.nested, preset.names.get("id") in table.schema.names
        self.image = str(preset.names[IMAGE])
        self.groups: list[tuple[parquet.File, int, int]] = [
            (file, index, first)
            for file in table.files or ()
            for index, first, n in parquet.row_groups(file, parquet.open_file(file, options.argument))
            if n
        ]
        self.empty = with_place(table.schema.empty_table(), 0, self.flat)


def is_path(source: Any) -> bool:
    return isinstance(source, (str, os.PathLike))


def order_of(order: str | None, sides: tuple[Side, Side]) -> str | None:
    """The column that match_partition orders rows by."""
    if order == "rows" or (order is None and all(side.in_files for side in sides)):
        order = "id" if order is None and all(side.has_id for side in sides) else PLACE
    return None if order == PLACE and not any(side.flat for side in sides) else order


def with_place(table: Any, part: int, flat: bool) -> Any:
    """The table with the column PLACE, if it is flat."""
    if not flat:
        return table
    pa = arrow.pyarrow("table")
    place = np.arange(table.num_rows, dtype=np.int64) + part * ROWS_OF_A_PART
    return table.append_column(PLACE, pa.array(place))


def read_group(file: parquet.File, index: int, first: int, part: int, options: ReadOptions) -> Any:
    """A row group, whose values are checked here, where file and row are known."""
    opened = parquet.open_file(file, options.argument)
    layout = layout_of(opened.schema_arrow, file.path, options, None, list(file.partition))
    names = layout.columns()
    id_name = preset_of(options, opened.schema_arrow.names)[0].names.get("id")
    if isinstance(id_name, str) and id_name in opened.schema_arrow.names and id_name not in names:
        names.append(id_name)
    table = parquet.row_group(opened, index, names, file, options.argument)
    source_of([read_rows(table, layout, first, options)], options, None, {}).check()
    return with_place(table, part, not layout.nested)


def joined(pieces: list[Any]) -> Any:
    """Tables of one side or of one part's categories, of which empty ones count only for their columns."""
    pa = arrow.pyarrow("table")
    filled = [piece for piece in pieces if piece.num_rows] or pieces[:1]
    return pa.concat_tables(filled, promote_options="permissive")


def result_of(curves: list[Any], ids: list[Any], images: Iterable[Any] | None, categories: Any) -> CurveResult:
    """plan.finish of what all tasks gave. images: those that the user lists, also without rows."""
    n_images = plan.check_images(ids)
    if images is not None:
        known = {id for table in ids for id in table.column("image").to_pylist()}
        n_images += len(set(images) - known)
    return plan.finish(joined(curves), n_images, categories)
