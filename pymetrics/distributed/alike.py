"""Files of one side whose types differ, and tables of such files."""

from __future__ import annotations

from typing import Any

from ..formats.tables import arrow, parquet
from ..formats.tables.rows import CATEGORY, IMAGE, Layout, type_of


class Kinds:
    """The kinds of rows and of ids that all files of one side have to share."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, bool], Layout] = {}

    def require(self, schema: Any, layout: Layout, file: parquet.File) -> None:
        """Raises TypeError: a file with rows is of another kind than one before it."""
        found = {"nested": layout.nested}
        for key in (IMAGE, CATEGORY):
            name = str(layout.names[key])
            given = file.partition.get(name)
            found[key] = _is_text(type_of(schema, name)) if given is None else isinstance(given, str)
        for key, is_so in found.items():
            self._first.setdefault((key, is_so), layout)
            other = self._first.get((key, not is_so))
            if other is None:
                continue
            yes, no = (layout, other) if is_so else (other, layout)
            if key == "nested":
                raise TypeError(
                    f"{layout.argument}: the rows of {yes.file!r} are images, those of {no.file!r} objects: all files "
                    "of one side must have one schema"
                )
            raise TypeError(f"{yes.place(key, None)} holds strings, {no.place(key, None)} numbers")


def _is_text(kind: Any) -> bool:
    """Whether a type, or what its lists hold, is of text."""
    while arrow.is_list(kind):
        kind = kind.value_type
    return arrow.is_text(kind)


def without_views(table: Any) -> Any:
    """The same with text and binary as pyarrow takes rows of them."""
    pa = arrow.pyarrow("table")
    for i, field in enumerate(table.schema):
        for is_view, kind in (
            (pa.types.is_string_view, pa.large_string()),
            (pa.types.is_binary_view, pa.large_binary()),
        ):
            if is_view(field.type):
                table = table.set_column(i, field.name, table.column(i).cast(kind))
    return table


def of_like_types(tables: list[Any]) -> list[Any]:
    """Tables of several files: text of all kinds as one, flags as numbers where some are; Arrow promotes the rest."""
    pa = arrow.pyarrow("table")
    found = list(tables)
    for name in dict.fromkeys(name for table in tables for name in table.schema.names):
        kinds = {table.schema.field(name).type for table in tables if name in table.schema.names}
        to = None
        if len(kinds) > 1 and all(map(arrow.is_text, kinds)):
            to, is_one = pa.large_string(), arrow.is_text
        elif len(kinds) > 1 and pa.bool_() in kinds:
            to, is_one = pa.uint8(), pa.types.is_boolean
        for i, table in enumerate(found if to is not None else ()):
            place = table.schema.get_field_index(name)
            if place >= 0 and is_one(table.schema.field(place).type):
                found[i] = table.set_column(place, name, table.column(place).cast(to))
    return found
