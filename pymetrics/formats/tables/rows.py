"""One piece of a table (a batch in memory, a row group of a file) to numpy's columns, one row for each object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._records import record
from ..options import ReadOptions
from . import arrow
from .names import IMAGE_KEYS, preset_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .arrow import Place

IMAGE, CATEGORY = "image_id", "category_id"


@record
class Layout:
    """Which columns of one table or file are read, and how.

    argument: "gt" or "dt". file: for errors; "" of what is in memory. names: the column of each key that is there; of
    boxes maybe one for each number. nested: a row is an image, and its objects are lists. order: a further column,
    None where rows stand in order.
    """

    argument: str
    file: str
    names: dict[str, str | tuple[str, ...]]
    nested: bool
    order: str | None

    def columns(self) -> list[str]:
        """The columns to be read, each once."""
        found: list[str] = []
        for name in (*self.names.values(), *(() if self.order is None else (self.order,))):
            found += _parts(name)
        return list(dict.fromkeys(found))

    def place(self, key: str, row: int | None) -> str:
        """A column or one of its values in errors: "dt: 'a.parquet', column 'score', row 5"."""
        found: Any = self.order if key == "order" else self.names.get(key, key)
        name = list(found) if isinstance(found, tuple) else found
        if not self.file:
            return f"{self.argument}[{name!r}]" + ("" if row is None else f"[{row}]")
        return f"{self.argument}: {self.file!r}, column {name!r}" + ("" if row is None else f", row {row}")


def layout_of(schema: Any, file: str, options: ReadOptions, order: str | None, partition: Sequence[str] = ()) -> Layout:
    """Find the columns of a table. order: a column, too, or None. partition: columns that the file's folder gives.

    Raises:
        TypeError, ValueError: a column is missing, or is of lists where others are not.
    """
    top = {*schema.names, *partition}
    preset, own = preset_of(options, top)
    names = dict(preset.names)
    given = {key for key, name in names.items() if all(_has(schema, top, part) for part in _parts(name))}
    for key in required_keys(options, own):
        if key not in given:
            missing = next(part for part in _parts(names.get(key, key)) if not _has(schema, top, part))
            who = options.argument if not file else f"{options.argument}: {file!r}"
            has = ", ".join(map(repr, schema.names))
            raise ValueError(f"{who} has no column {missing!r}, which columns= may name otherwise; it has {has}")
    wanted = given & set(read_keys(options))
    found = {key: names[key] for key in names if key in wanted}
    category = names[CATEGORY]
    assert isinstance(category, str)
    nested = CATEGORY not in partition and _is_list(schema, category)
    layout = Layout(options.argument, file, found, nested, order)
    if nested:
        for key, name in found.items():
            is_list = all(_is_list(schema, part) for part in _parts(name))
            if key not in IMAGE_KEYS and (not is_list or isinstance(name, tuple)):
                raise TypeError(f"{layout.place(key, None)} must hold a list for each image, as {category!r} does")
    if order is not None and (nested or not _has(schema, top, order)):
        what = "rows with lists, whose order counts" if nested else f"no column {order!r}"
        raise ValueError(f"order={order!r}: {options.argument}{f': {file!r}' if file else ''} has {what}")
    return layout


def required_keys(options: ReadOptions, own: frozenset[str] = frozenset()) -> list[str]:
    """The keys without which nothing can be evaluated, and those that the user named and that are read."""
    keys = [IMAGE, CATEGORY]
    keys += {"boxes": ["bbox"], "masks": ["counts", "height", "width"], "keypoints": ["keypoints"]}[options.compares]
    keys += ["score"] if options.argument == "dt" else []
    if options.argument == "gt":
        keys += ["area"] if options.compares == "keypoints" else []
        keys += [key for key in ("iscrowd", "area", "ignore", "group_of") if key in own and key not in keys]
    return keys


def read_keys(options: ReadOptions) -> list[str]:
    """The keys that are read where they are there."""
    keys = [*required_keys(options), "area"]
    if options.argument == "gt":
        keys += ["iscrowd", "ignore", "group_of", "id", "height", "width"]
        keys += ["bbox", "num_keypoints"] if options.compares == "keypoints" else []
    return keys


def _parts(name: Any) -> Sequence[str]:
    return (name,) if isinstance(name, str) else name


def has_columns(schema: Any, partition: Iterable[str], name: str | tuple[str, ...]) -> bool:
    """Whether a table has a column, or each of several. partition: columns that the file's folder gives."""
    return all(_has(schema, {*schema.names, *partition}, part) for part in _parts(name))


def _has(schema: Any, top: set[str], name: str) -> bool:
    if name in top:
        return True
    return type_of(schema, name) is not None


def type_of(schema: Any, name: str) -> Any:
    """The type of a column, or of a field "objects.bbox" of a column; None where there is none.

    Of a list of structs, the field is a list.
    """
    types = arrow.pyarrow("").types
    if name in schema.names:
        return schema.field(name).type
    outer, _, inner = name.partition(".")
    if outer not in schema.names:
        return None
    kind, listed = schema.field(outer).type, False
    if arrow.is_list(kind):
        kind, listed = kind.value_type, True
    if not types.is_struct(kind) or kind.get_field_index(inner) < 0:
        return None
    inner_type = kind.field(inner).type
    return arrow.pyarrow("").list_(inner_type) if listed else inner_type


def has_column(schema: Any, name: str) -> bool:
    """Whether it has a column, or a field "objects.id" of a column."""
    return type_of(schema, name) is not None


def _is_list(schema: Any, name: str) -> bool:
    kind = type_of(schema, name)
    return kind is not None and arrow.is_list(kind)


@record
class Rows:
    """N objects of one piece.

    layout: of the piece. columns: by key, (N,) or of boxes (N, width), of keypoints (N, 3 J); of masks, under "counts",
    a tuple of text and begins and ends (N,). row: a range, or int64 (N,): the row of each in the table or the file.
    images: of a nested piece, the id of each row; None of a flat one. sizes: float64 (rows, 2), of its images, or None.
    """

    layout: Layout
    columns: dict[str, Any]
    row: range | NDArray[np.int64]
    images: NDArray[Any] | None = None
    sizes: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.row)

    def take(self, keep: NDArray[np.bool_], images: NDArray[np.bool_] | None) -> Rows:
        """Some objects, and of a nested piece some images."""
        columns = {
            key: (value[0], value[1][keep], value[2][keep]) if isinstance(value, tuple) else value[keep]
            for key, value in self.columns.items()
        }
        row = np.flatnonzero(keep) + self.row.start if isinstance(self.row, range) else self.row[keep]
        found = replace(self, columns=columns, row=row)
        if self.images is None or images is None:
            return found
        sizes = None if self.sizes is None else self.sizes[images]
        return replace(found, images=self.images[images], sizes=sizes)


def read_rows(piece: Any, layout: Layout, first: int, options: ReadOptions) -> Rows:
    """The objects of one record batch or one table of one chunk. first: the row of its first row.

    Raises:
        TypeError, ValueError: a value is null, of the wrong kind or out of range; the message names column and row.
    """
    if layout.nested:
        return _nested(piece, layout, first, options)
    columns = {
        key: _column(column_of(piece, layout.names[key]), key, place_of(layout, key, first), options)
        for key in layout.names
        if key not in ("height", "width") or options.compares == "masks"
    }
    if layout.order is not None:
        columns["order"] = arrow.ids(column_of(piece, layout.order), place_of(layout, "order", first))
    return Rows(layout, columns, range(first, first + piece.num_rows))


def values_of(piece: Any, layout: Layout, key: str, first: int, options: ReadOptions) -> Any:
    """One column of all objects. Raises TypeError, ValueError."""
    place = place_of(layout, key, first)
    if not layout.nested:
        return _column(column_of(piece, layout.names[key]), key, place, options)
    values, lengths = list_column(piece, layout.names[key], place)
    row = np.repeat(np.arange(first, first + piece.num_rows), lengths)
    return _column(values, key, _place_of_object(layout, key, row), options)


def place_of(layout: Layout, key: str, first: int) -> Place:
    return lambda row: layout.place(key, None if row is None else first + row)


def _place_of_object(layout: Layout, key: str, row: NDArray[np.int64]) -> Place:
    """row: of each object, the row that holds it."""
    return lambda i: layout.place(key, None if i is None else int(row[i]))


def column_of(piece: Any, name: Any) -> Any:
    """The array of a column; of several, a list of arrays."""
    if not isinstance(name, str):
        return [column_of(piece, part) for part in name]
    column = _top(piece, name) if name in piece.schema.names else None
    if column is None:
        outer, _, inner = name.partition(".")
        column = arrow.pyarrow("").compute.struct_field(_top(piece, outer), inner)
    return column


def _top(piece: Any, name: str) -> Any:
    column = piece.column(name)
    chunks = getattr(column, "chunks", None)
    if chunks is None:
        return column
    return chunks[0] if len(chunks) == 1 else column.combine_chunks()


def _nested(piece: Any, layout: Layout, first: int, options: ReadOptions) -> Rows:
    """A row for each object of lists."""
    places = {key: place_of(layout, key, first) for key in layout.names}
    image_names = {key: layout.names[key] for key in IMAGE_KEYS if key in layout.names}
    images = arrow.ids(column_of(piece, image_names[IMAGE]), places[IMAGE])
    n_objects: Any = None
    columns: dict[str, Any] = {}
    for key in [CATEGORY, *(key for key in layout.names if key not in (CATEGORY, *IMAGE_KEYS))]:
        values, lengths = list_column(piece, layout.names[key], places[key])
        if n_objects is None:
            n_objects = lengths
            row = np.repeat(np.arange(first, first + piece.num_rows), lengths)
        if not np.array_equal(lengths, n_objects):
            at = int(np.argmax(lengths != n_objects))
            raise ValueError(
                f"{places[key](at)} holds {lengths[at]} objects, column {layout.names[CATEGORY]!r} {n_objects[at]}"
            )
        columns[key] = _column(values, key, _place_of_object(layout, key, row), options)
    sizes = None
    if "height" in image_names and "width" in image_names:
        pairs = [
            arrow.numbers(column_of(piece, image_names[key]), places[key], np.nan).astype(np.float64)
            for key in ("height", "width")
        ]
        sizes = np.stack(pairs, axis=1)
        if options.compares == "masks":
            for key, pair in zip(("height", "width"), pairs, strict=True):
                columns[key] = arrow.whole_numbers(np.repeat(pair, n_objects), places[key])
    columns[IMAGE] = np.repeat(images, n_objects)
    return Rows(layout, columns, row, images, sizes)


def list_column(piece: Any, name: Any, place: Place) -> tuple[Any, NDArray[np.int64]]:
    """The values of a column of lists; or of a field of a column of structs of lists, or of lists of structs."""
    if name in piece.schema.names:
        return arrow.lists(_top(piece, name), place)
    outer, _, inner = name.partition(".")
    column = _top(piece, outer)
    field = arrow.pyarrow("").compute.struct_field
    if arrow.is_list(column.type):
        values, lengths = arrow.lists(column, place)
        return field(values, inner), lengths
    return arrow.lists(field(column, inner), place)


def _column(array: Any, key: str, place: Place, options: ReadOptions) -> Any:
    """The values of one column for objects."""
    if key in (IMAGE, CATEGORY):
        return arrow.narrow_ids(array, place)
    if key == "id":
        return arrow.whole_numbers(arrow.numbers(array, place), place)
    if key in ("height", "width"):
        return arrow.whole_numbers(arrow.numbers(array, place), place)
    if key == "counts":
        text, offsets = arrow.texts(array, place)
        return text, offsets[:-1], offsets[1:]
    if key == "bbox":
        width = options.format("xywh").n_columns if options.compares == "boxes" else 4
        if isinstance(array, list):
            if len(array) != width:
                raise ValueError(f"{place(None)} must be {width} columns, got {len(array)}")
            return np.stack([arrow.numbers(part, place) for part in array], axis=1)
        return arrow.rows_of_numbers(array, width, place, "a box")
    if key == "keypoints":
        return arrow.rows_of_numbers(array, None, place, "x, y and visibility of each keypoint")
    if key in ("area", "num_keypoints"):
        return arrow.numbers(array, place, np.nan) if not _is_whole(array) else _with_nan(array, place)
    if key in ("iscrowd", "ignore", "group_of"):
        return arrow.numbers(array, place, 0)
    return arrow.numbers(array, place)


def _is_whole(array: Any) -> bool:
    types = arrow.pyarrow("").types
    return bool(types.is_integer(arrow.plain(array).type))


def _with_nan(array: Any, place: Place) -> NDArray[Any]:
    """Integers, NaN in place of null."""
    valid = arrow.has_values(arrow.plain(array))
    found = arrow.numbers(array, place, 0)
    return found if valid is None else np.where(valid, found, np.nan)
