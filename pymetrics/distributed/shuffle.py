"""What engines without a shuffle of their own need: rows of a table by image or category, in parts."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from ..formats.tables import arrow
from ..formats.tables.rows import column_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIXER = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio, made odd: spreads ids that follow one another
HIGH = np.uint64(32)


def part_of(ids: NDArray[Any], n: int) -> NDArray[np.int64]:
    """Which of n parts each id belongs to, int64 (N,): the same on every machine. ids: int64 or text."""
    if ids.dtype.kind == "U":
        names, places = np.unique(ids, return_inverse=True)
        found = np.array([zlib.crc32(name.encode()) for name in names.tolist()], np.int64)
        return found[places] % n
    with np.errstate(over="ignore"):
        mixed = (ids.view(np.uint64) * MIXER) >> HIGH
    return (mixed % np.uint64(n)).astype(np.int64)


def split(table: Any, column: str, n: int) -> list[Any]:
    """The rows of a table in n parts by the ids in a column, each part in the order of the table.

    Raises:
        TypeError, ValueError: an id is null, or neither an integer nor a string.
    """
    pa = arrow.pyarrow("table")
    ids = arrow.ids(column_of(table, column), lambda row: column if row is None else f"{column}[{row}]")
    part = part_of(ids, n)
    order = np.argsort(part, kind="stable")
    ends = np.append(0, np.cumsum(np.bincount(part, minlength=n)))
    return [table.take(pa.array(order[ends[i] : ends[i + 1]])) for i in range(n)]  # slices would keep the whole alive
