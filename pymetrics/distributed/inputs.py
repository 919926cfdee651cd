"""What engines share: both sides' rows before they are brought together by image, and the Result at the end."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..formats.ids import joined_ids
from ..formats.options import ReadOptions
from ..formats.table_options import TableOptions
from ..formats.tables import Table, arrow, open_table, parquet
from ..formats.tables.names import preset_of
from ..formats.tables.rows import IMAGE, Layout, has_column, layout_of, read_rows
from ..formats.tables.source import source_of
from ..formats.values import category_column, image_column
from . import plan
from .alike import Kinds, of_like_types, without_views
from .curve_result import CurveResult
from .intervals import check_draws
from .kept import kept_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

PLACE = "pymetrics_place"  # the column of (part, row), which a shuffle would lose
ROWS_OF_A_PART = 1 << 32


class Side:
    """One side, of whose parts flat ones get the column PLACE.

    in_files: its rows have an order. flat: a row is an object. image: the name of the column of images. columns: those
    that are read. order: the column that order= names, or None. has_id: it is flat and has the column of ids. groups:
    file, index and first row of each row group. n_rows: objects, of flat files; else None. empty: a part without rows.
    """

    def __init__(self, source: Any, options: ReadOptions, order: str | None, content: Any = None) -> None:
        """source: a path; or anything else, where content is a table of its columns. order: what the user says."""
        table = open_table(source, options) if content is None else None
        if table is None and content is None:
            raise FileNotFoundError(2, f"{options.argument}: no Parquet file is there", os.fsdecode(source))
        self.in_files = table is not None
        if table is None:
            table = Table(options.argument, content)
        layout, names = table.layout(options), table.preset(options).names
        self.options, self.flat, self.image = options, not layout.nested, str(names[IMAGE])
        self.order = str(names.get(order, order)) if self.flat and order not in (None, "rows", "values") else None
        if self.order is not None:
            path = table.files[0].path if table.files else ""
            layout = layout_of(table.schema, path, options, self.order, list(table.partition))
        self.has_id = self.flat and names.get("id") in table.schema.names
        groups, self.reads_id, kinds = [], True, Kinds()
        for file in table.files or ():
            opened = parquet.open_file(file, options.argument)
            groups += [(file, *group) for group in parquet.row_groups(file, opened)]
            self.reads_id = self.reads_id and self._id_of(opened.schema_arrow) is not None
            if opened.metadata.num_rows:
                schema = opened.schema_arrow
                kinds.require(schema, layout_of(schema, file.path, options, self.order, list(file.partition)), file)
        self.columns = self._columns(self._layout(layout), table.schema)
        self.groups: list[tuple[parquet.File, int, int]] = [(file, i, first) for file, i, first, n in groups if n]
        self.n_rows = sum(n for *_, n in groups) if self.in_files and self.flat else None
        self.empty = with_place(without_views(_empty_of(table)), 0, self.flat)

    def _id_of(self, schema: Any) -> str | None:
        """The column of ids, of a file or a table that has it."""
        name = preset_of(self.options, schema.names)[0].names.get("id")
        return name if isinstance(name, str) and has_column(schema, name) else None

    def _layout(self, layout: Layout) -> Layout:
        """The same; without ids, where some files lack them."""
        if self.reads_id:
            return layout
        return replace(layout, names={key: name for key, name in layout.names.items() if key != "id"})

    def _columns(self, layout: Layout, schema: Any) -> list[str]:
        """The columns of the layout, and that of ids, of those that a table has."""
        name = self._id_of(schema) if self.reads_id else None
        return list(dict.fromkeys([*layout.columns(), *([] if name is None else [name])]))

    def top_columns(self, names: list[str]) -> list[str]:
        """The columns of a table that hold those that are read."""
        return list(dict.fromkeys(name if name in names else name.partition(".")[0] for name in self.columns))

    def image_spans(self) -> list[tuple[int, int, int]] | None:
        """Lowest and highest image id, and objects, of each row group.

        None: it is no file, or the files do not say it, or ids are no integers, or stand in names of folders.
        """
        spans, opened, path = [], None, ""
        for file, index, _ in self.groups:
            if self.image in file.partition:
                return None
            if opened is None or file.path != path:
                opened, path = parquet.open_file(file, self.options.argument), file.path
            group = opened.metadata.row_group(index)
            columns = {c.path_in_schema: c for c in (group.column(i) for i in range(group.num_columns))}
            found = columns[self.image].statistics if self.image in columns else None
            if found is None or not found.has_min_max or not isinstance(found.min, int):
                return None
            lists = [column.num_values for name, column in columns.items() if "." in name and not self.flat]
            spans.append((found.min, found.max, max(group.num_rows, min(lists, default=0))))
        return spans if self.in_files else None

    def read(self, place: int) -> Any:
        """The row group at a place of `groups`. Its values are checked here, where file and row are known."""
        file, index, first = self.groups[place]
        opened = parquet.open_file(file, self.options.argument)
        schema = opened.schema_arrow
        layout = self._layout(layout_of(schema, file.path, self.options, self.order, list(file.partition)))
        columns = self._columns(layout, schema)
        table = without_views(parquet.row_group(opened, index, columns, file, self.options.argument))
        source_of([read_rows(table, layout, first, self.options)], self.options, None, {}).check()
        return with_place(table, place, self.flat)


def _empty_of(table: Table) -> Any:
    """Without rows, with the columns that folders give, too."""
    pa = arrow.pyarrow("table")
    found = table.schema.empty_table()
    for name, value in table.partition.items():
        found = found.drop_columns([name] if name in found.schema.names else []).append_column(
            name, pa.array([value])[:0]
        )
    return found


def is_path(source: Any) -> bool:
    return isinstance(source, (str, os.PathLike))


def prepare(
    gt: Any, dt: Any, empty_of: Callable[[Any, str], Any], *, keeps_order: bool = False, **given: Any
) -> tuple[tuple[Side, Side], dict[str, Any], dict[str, Any]]:
    """Both sides, and the arguments of plan.match_partition and of plan.reduce_category.

    empty_of: gives a table without rows of an engine's own, and of its argument; or raises TypeError. keeps_order: the
    rows of an engine's own have an order. given: the arguments as the user gave them.

    Raises:
        TypeError, ValueError, OSError: a side is not readable, or its rows have no order; or as kept_of, check_draws.
    """
    reduce_options = {name: given.pop(name) for name in ("draws", "seed")}
    check_draws(**reduce_options)
    kept, given = kept_of(given, given["protocol"], given["iou_type"])
    unknown = given.keys() - inspect.signature(plan.match_partition).parameters.keys()
    if unknown:
        raise TypeError(
            f"evaluate() got an unexpected keyword argument {min(unknown)!r}; thresholds, limits and areas of your own "
            "are protocol=pymetrics.Protocol(...)"
        )
    tables, order = TableOptions(given["columns"], None, None, given["categories"]), given["order"]

    def side(argument: Literal["gt", "dt"], source: Any) -> Side:
        box_format, normalized = given.get("box_format"), given.get("normalized", False)
        options = ReadOptions(argument, given["iou_type"], box_format, normalized, tables=tables)
        return Side(source, options, order, None if is_path(source) else empty_of(source, argument))

    sides = side("gt", gt), side("dt", dt)
    loose = next((side for side in sides if side.flat and not side.in_files), None)
    if loose is not None and order == "rows" and not keeps_order:
        raise ValueError(f'order must not be "rows": those of {loose.options.argument} have no order')
    if order is None and all(side.has_id for side in sides):
        order = "id"
    if loose is not None and order is None:
        raise ValueError(
            f"{loose.options.argument} is a table whose rows have no order, which equal scores and overlaps depend on: "
            'name a column that has it, order="id", or say order="values", by falling score, category and box'
        )
    if order in (None, "rows"):
        order = PLACE if all(side.flat for side in sides) else "rows"  # lists have no PLACE; all pieces stand in order
    return sides, {**given, "order": order, "kept": kept}, reduce_options


def checked(
    n_partitions: Any, max_rows: Any, images: Any, categories: Any
) -> tuple[int, int, NDArray[Any] | None, list[Any] | dict[Any, str] | None]:
    """The arguments of engines that no task has to refuse. images: int64 or text (N,), or None.

    Raises:
        TypeError, ValueError: a size is no integer or not positive, or images or categories are no ids.
    """
    for name, value in (("n_partitions", n_partitions), ("max_rows", max_rows)):
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise TypeError(f"{name} must be an integer, got {value!r}")
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")

    def place(name: str, row: int | None) -> str:
        return name if row is None else f"{name}[{row}]"

    images = None if images is None else image_column(_listed(images), place, "images")
    if isinstance(categories, Mapping):
        categories = dict(categories)
    elif categories is not None:
        categories = category_column(_listed(categories), place, "categories").tolist()
    return int(n_partitions), int(max_rows), images, categories


def _listed(ids: Any) -> Any:
    """What may be read once as a list."""
    return ids if hasattr(ids, "__len__") or not isinstance(ids, Iterable) else list(ids)


def with_place(table: Any, part: int, flat: bool) -> Any:
    """The table with the column PLACE, if it is flat."""
    if not flat:
        return table
    pa = arrow.pyarrow("table")
    place = np.arange(table.num_rows, dtype=np.int64) + part * ROWS_OF_A_PART
    return table.append_column(PLACE, pa.array(place))


def joined(pieces: list[Any]) -> Any:
    """Tables of one side or of one part's categories, of which empty ones count only for their columns.

    Raises:
        TypeError: a column holds text in some and numbers in others.
    """
    pa = arrow.pyarrow("table")
    filled = [piece for piece in pieces if piece.num_rows] or pieces[:1]
    if not all(piece.schema.equals(filled[0].schema) for piece in filled):
        filled = of_like_types(filled)
    return pa.concat_tables(filled, promote_options="permissive")


def result_of(curves: list[Any], ids: list[Any], images: NDArray[Any] | None, categories: Any) -> CurveResult:
    """plan.finish of what all tasks gave. images: those that the user lists, also without rows.

    Raises:
        TypeError, ValueError: as plan.check_images and plan.finish; or some ids are integers and some are strings.
    """
    n_images = plan.check_images(ids)
    if images is not None:
        found = [arrow.ids(table["image"].combine_chunks(), lambda row: "image") for table in ids if table.num_rows]
        n_images = len(joined_ids(images, *found, names=["images[0]", "the first image of the tables"]))
    return plan.finish(joined(curves), n_images, categories)
