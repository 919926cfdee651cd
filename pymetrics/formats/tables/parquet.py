"""Parquet: which files a path names, and their row groups."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from ... import _config
from ..._records import record
from . import arrow

ENDS = (".parquet", ".parq", ".pq")


@record
class File:
    """partition: what the names of its folders say, "split=val": strings, or integers where all files have such."""

    path: str
    partition: dict[str, Any]


def is_parquet(source: Any) -> bool:
    """Whether a path names Parquet files: by its end, or the first file in its folder."""
    path: str = os.fsdecode(source)
    if path.endswith(ENDS) or (glob.has_magic(path) and not os.path.exists(path) and _names_parquet(path)):
        return True
    if not os.path.isdir(path):
        return False
    for _, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if name[0] not in "._")
        for name in sorted(names):
            if name[0] not in "._":
                return name.endswith(ENDS)
    return False


def _names_parquet(pattern: str) -> bool:
    return any(found.endswith(ENDS) or (os.path.isdir(found) and is_parquet(found)) for found in glob.glob(pattern))


def files_of(path: Any, argument: str) -> list[File]:
    """The files of a path, a glob or a folder, by their names.

    Raises:
        FileNotFoundError: there are none.
    """
    path = os.fsdecode(path)
    if os.path.exists(path):
        found = _below(path)
    else:
        found = [
            pair for match in sorted(glob.glob(path, recursive=True)) for pair in _below(match) if match != pair[0] or
            match.endswith(ENDS)
        ]  # fmt: skip
    if not found:
        raise FileNotFoundError(2, f"{argument}: no Parquet file is there", path)
    texts = [{key: unquote(value) for key, value in pairs} for _, pairs in found]
    whole = {
        key
        for key in dict.fromkeys(key for text in texts for key in text)
        if all(text.get(key, "x").lstrip("-").isdigit() for text in texts)
    }
    return [
        File(name, {key: int(value) if key in whole else value for key, value in text.items()})
        for (name, _), text in zip(found, texts, strict=True)
    ]


def _below(path: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """The files of a folder, or the file, each with the pairs that its folders' names give."""
    if not os.path.isdir(path):
        return [(path, [])]
    found = []
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if name[0] not in "._")
        parts = os.path.relpath(folder, path).split(os.sep)
        pairs = [(part.split("=", 1)[0], part.split("=", 1)[1]) for part in parts if "=" in part]
        found += [(os.path.join(folder, name), pairs) for name in names if name.endswith(ENDS) and name[0] not in "._"]
    return sorted(found)


def open_file(file: File, argument: str) -> Any:
    """pyarrow's ParquetFile. Raises OSError, or ValueError where it is none."""
    pa = arrow.pyarrow(argument)
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(file.path)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise _unreadable(error, file, argument) from error


def _unreadable(error: Exception, file: File, argument: str) -> Exception:
    if isinstance(error, OSError) and error.errno is not None:
        return error
    return ValueError(f"{argument}: {file.path!r} cannot be read as Parquet: {error}")


def row_group(opened: Any, index: int, columns: list[str], file: File, argument: str) -> Any:
    """One row group as a table. Raises ValueError where it is damaged."""
    pa = arrow.pyarrow(argument)
    schema = opened.schema_arrow
    stored = []
    for name in columns:
        outer = name.partition(".")[0]
        if name in schema.names or outer not in schema.names:
            stored += [name] if name not in file.partition else []
        else:
            stored.append(outer if arrow.is_list(schema.field(outer).type) else name)
    try:
        found = opened.read_row_group(
            index, columns=list(dict.fromkeys(stored)), use_threads=_config.get_num_threads() > 1
        )
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(error, file, argument) from error
    for name in columns:
        if name in file.partition:
            found = found.append_column(name, pa.repeat(file.partition[name], found.num_rows))
    return found


def row_groups(file: File, opened: Any) -> Iterator[tuple[int, int, int]]:
    """Index, first row and number of rows of each row group of a file."""
    first = 0
    for index in range(opened.metadata.num_row_groups):
        n = opened.metadata.row_group(index).num_rows
        yield index, first, n
        first += n
