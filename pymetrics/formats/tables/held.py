"""Objects of one range of images, collected from many row groups into memory that is freed as a whole."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .rows import Rows


class Held:
    """About n objects: an array for each column, of the type that the column has first; `pieces` are parts of them."""

    def __init__(self, n: int) -> None:
        self.pieces: list[Rows] = []
        self._n, self._filled = n, 0
        self._arrays: dict[str, NDArray[Any]] = {}

    def put(self, found: Rows, at: NDArray[np.intp], images: NDArray[np.intp] | None) -> None:
        """The objects at these places of a piece, and of a nested piece the images at those."""
        columns: dict[str, Any] = {}
        for key, value in found.columns.items():
            if isinstance(value, tuple):  # text, begins and ends
                columns[key] = (value[0], *(self._taken(f"{key}-{i}", value[i], at) for i in (1, 2)))
            else:
                columns[key] = self._taken(key, value, at)
        if isinstance(found.row, range):
            kind = np.int32 if found.row.stop < 2**31 else np.int64
            row = self._taken("", np.arange(found.row.start, found.row.stop, dtype=kind), at)
        else:
            row = self._taken("", found.row, at)
        piece = replace(found, columns=columns, row=row)
        if found.images is not None:
            sizes = None if found.sizes is None else found.sizes[images]
            piece = replace(piece, images=found.images[images], sizes=sizes)
        self.pieces.append(piece)
        self._filled += len(at)

    def _taken(self, key: str, value: NDArray[Any], at: NDArray[np.intp]) -> NDArray[Any]:
        if key not in self._arrays:
            self._arrays[key] = np.empty((self._n, *value.shape[1:]), value.dtype)
        whole = self._arrays[key]
        end = self._filled + len(at)
        if whole.dtype != value.dtype or whole.shape[1:] != value.shape[1:] or end > self._n:
            return value[at]
        found: NDArray[Any] = np.take(value, at, axis=0, out=whole[self._filled : end], mode="clip")
        return found


def size_of(found: Rows) -> float:
    """Bytes of an object in Held, of a piece that has some."""
    n_bytes = 4 * len(found)
    for value in found.columns.values():
        n_bytes += sum(part.nbytes for part in value) if isinstance(value, tuple) else value.nbytes
    return n_bytes / len(found)


def by_range(ids: NDArray[Any], lows: NDArray[Any]) -> dict[int, NDArray[np.intp]]:
    """The places of ids in each range that has any, in their order. lows: the lowest id of each range, ascending."""
    found = range_of(ids, lows).astype(np.min_scalar_type(len(lows)))
    order = np.argsort(found, kind="stable")
    numbers, starts = np.unique(found[order], return_index=True)
    return dict(zip(numbers.tolist(), np.split(order, starts)[1:], strict=True))


def range_of(ids: Any, lows: NDArray[Any]) -> NDArray[np.intp]:
    """The range of each id, -1 of those below all."""
    found: NDArray[np.intp] = np.searchsorted(lows, ids, side="right") - 1
    return found
