"""Ranges of rows, one after another: where each begins, what is in them, their sums. On the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONG = 32  # values in a range on average, from which on ranges are copied one by one


def offsets_of(lengths: Any) -> NDArray[np.int64]:
    """int64 (N + 1,): where each of N parts begins, and where the last ends."""
    out = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, dtype=np.int64, out=out[1:])
    return out


def gather_ranges(starts: Any, counts: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows of ranges, one range after another, int64, and where each range begins among them, (ranges + 1,)."""
    offsets = offsets_of(counts)
    return np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], counts), offsets


def take_ranges(values: NDArray[Any], starts: Any, counts: Any) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """What values hold in ranges, one range after another, and where each range begins among them, (ranges + 1,)."""
    offsets = offsets_of(counts)
    if offsets[-1] <= LONG * len(counts):
        return values[gather_ranges(starts, counts)[0]], offsets
    ends = (starts + counts).tolist()
    return np.concatenate([values[begin:end] for begin, end in zip(starts.tolist(), ends, strict=True)]), offsets


def sums_of_ranges(values: Any, offsets: Any) -> NDArray[np.int64]:
    """int64: the sums of values[offsets[i] : offsets[i + 1]]."""
    running = offsets_of(values)
    sums: NDArray[np.int64] = running[offsets[1:]] - running[offsets[:-1]]
    return sums
