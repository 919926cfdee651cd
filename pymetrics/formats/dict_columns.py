"""Lists of COCO's dicts to columns, by the C++ part: one walk through the dicts, which are not changed.

It takes rows of plain values: exact dicts, ints, floats, bools, lists or tuples of numbers. Any other row, and any
error, is left to the caller's own code, so that what is valid is decided in one place, with one text for each error.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _config

if TYPE_CHECKING:
    from numpy.typing import NDArray

INTS = ("image_id", "category_id", "id")
FLAGS = ("iscrowd", "ignore")  # 0 or 1; other numbers are not taken


class DictColumns:
    """The values of some keys of N dicts.

    Items, by key: int64 (N,) of image_id, category_id, id; float64 (N, 4) of bbox, (N, width) of keypoints and (N,) of
    score, area, num_keypoints; bool (N,) of iscrowd, ignore. Where an optional key is missing, the item is 0.
    has: bool (N,) by optional key: where it is there. An area of None is not.
    """

    def __init__(self, columns: dict[str, NDArray[Any]], has: dict[str, NDArray[np.bool_]]) -> None:
        self._columns, self.has = columns, has

    def __getitem__(self, key: str) -> NDArray[Any]:
        return self._columns[key]


def read_columns(
    rows: Any, keys: Iterable[str], optional: Iterable[str] = (), n_keypoints: int = 0
) -> DictColumns | None:
    """The columns of these keys, or None: the rows, or this backend, are left to the caller.

    n_keypoints: how many numbers the lists of `keypoints` hold, where that is one of the keys.

    A list that changes while it is read (by a signal's handler) is left, too. Numbers of boxes, scores and areas are
    floats, or ints below 2**53; ids are ints of 64 bits.

    Raises:
        KeyboardInterrupt: by Ctrl-C, as any exception of a signal's handler.
    """
    if _config.host_backend() != "native" or type(rows) not in (list, tuple):
        return None
    n = len(rows)
    columns = {key: _empty(key, n, n_keypoints) for key in (*keys, *optional)}
    has = {key: np.empty(n, np.bool_) for key in optional}
    required = {key: _bytes_of(column) for key, column in columns.items() if key not in has}
    others = {key: (_bytes_of(columns[key]), has[key].view(np.uint8)) for key in has}
    from .. import _native

    read = _native.read_dicts(rows, n, required, others)
    return DictColumns(columns, has) if read == n == len(rows) else None


def _empty(key: str, n: int, n_keypoints: int) -> NDArray[Any]:
    if key in ("bbox", "keypoints"):
        return np.empty((n, 4 if key == "bbox" else n_keypoints))
    return np.empty(n, np.int64 if key in INTS else np.bool_ if key in FLAGS else np.float64)


def _bytes_of(column: NDArray[Any]) -> NDArray[Any]:
    return column.view(np.uint8) if column.dtype == np.bool_ else column
