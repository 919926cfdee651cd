"""Columns of values from whatever holds them: numpy views, dtypes, and errors that name the row and the value."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

# How a source names a column ("scores", None) or one value of it ("scores", 5) in the text of an error.
Where = Callable[[str, "int | None"], str]


def widen(values: Any) -> NDArray[Any]:
    """A numpy array of the values: bfloat16 tensors, for which numpy has no dtype, become float32."""
    return values if isinstance(values, np.ndarray) else values.float().numpy()


def check_finite(column: Any, where: Where, name: str, but: Any = None) -> None:
    """Refuse values that are not finite, except in the rows of `but`. Raises ValueError, naming row and value."""
    with np.errstate(all="ignore"):
        if np.isfinite(np.add.reduce(widen(column), axis=None, dtype=np.float64)):
            return  # a sum needs no memory, and is not finite where a value is not
    finite = np.isfinite(widen(column))
    if but is not None:
        finite |= but
    if not finite.all():
        row = int(np.argmin(finite.reshape(len(column), -1).all(axis=1)))
        raise ValueError(f"{where(name, row)} must be finite, got {column[row].tolist()}")


def plain(prefix: str) -> Where:
    """The names of columns: "Detections.scores[5]"."""
    return partial(_plain, prefix)


def _plain(prefix: str, name: str, row: int | None) -> str:
    name = "labels" if name == "category" else name
    return f"{prefix}.{name}" if row is None else f"{prefix}.{name}[{row}]"


def as_array(values: Any, name: str) -> Any:
    """A numpy view of arrays, tensors and sequences; bfloat16 tensors stay tensors, for numpy has no dtype for them.

    Raises:
        ValueError: a sequence of sequences of unequal lengths.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        return values if values.dtype == torch.bfloat16 else values.numpy()
    if hasattr(values, "__cuda_array_interface__") and hasattr(values, "get"):  # CuPy's arrays come down when told to
        values = values.get()
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must be an array; its rows have different lengths") from error


def float_column(values: Any, where: Where, name: str) -> NDArray[np.float64]:
    """One column of numbers as float64, of any value. Raises TypeError or ValueError."""
    column = _column(values, where(name, None))
    if column.dtype.kind not in "iufb":
        column = np.array(_numbers(float, values, where, name, "a number"))
    return np.require(column, np.float64, ["C", "A", "W", "E"])


def flag_column(values: Any, where: Where, name: str) -> NDArray[np.bool_]:
    """One column of flags, set where the number is not 0. Raises TypeError, or ValueError for NaN."""
    column = float_column(values, where, name)
    if np.isnan(column).any():
        raise ValueError(f"{where(name, int(np.isnan(column).argmax()))} must be a number, got nan")
    return np.not_equal(column, 0)


def int_column(values: Any, where: Where, name: str) -> NDArray[np.int64]:
    """One column of whole numbers as int64; 3.0 passes. Raises TypeError or ValueError."""
    column = _column(values, where(name, None))
    if column.dtype.kind not in "iufb":
        column = np.array(_numbers(int, values, where, name, "a whole number"))
    if column.dtype.kind == "f":
        column = column.astype(np.float64)
        whole = (column == np.floor(column)) & (np.abs(column) < 2.0**63)
    elif column.dtype == np.uint64:
        whole = column < 2**63
    else:
        return np.require(column, np.int64, ["C", "A", "W", "E"])
    if not whole.all():
        row = int(np.argmin(whole))
        raise ValueError(f"{where(name, row)} must be a whole number, got {column[row].item()}")
    return column.astype(np.int64)


def image_column(values: Any, where: Where, name: str = "image") -> NDArray[Any]:
    """Image ids: all whole numbers (int64) or all strings. Raises TypeError or ValueError."""
    column = _column(values, where(name, None))
    if column.dtype.kind not in "UOT":
        return int_column(column, where, name)
    items = list(values) if isinstance(values, (list, tuple)) else column.tolist()
    strings = [isinstance(item, str) for item in items]
    if not any(strings):
        return int_column(items, where, name)
    if not all(strings):
        row = strings.index(not strings[0])
        raise TypeError(
            f"image ids must be all integers or all strings: {where(name, 0)} is {items[0]!r}, "
            f"{where(name, row)} is {items[row]!r}"
        )
    for row, item in enumerate(items):
        if item.endswith("\0"):  # numpy would drop it, and take two ids for one
            raise ValueError(f"{where(name, row)} must not end in a NUL character, got {item!r}")
    return np.array(items, dtype=np.str_)


def _column(values: Any, name: str) -> NDArray[Any]:
    column = widen(as_array(values, name))
    if column.ndim != 1:
        if column.size:
            raise ValueError(f"{name} must have shape (N,), got {column.shape}")
        column = column.reshape(0)
    return column


def _numbers(kind: type[int] | type[float], values: Any, where: Where, name: str, what: str) -> list[Any]:
    """The items of an odd column as Python numbers; or an error that names the first that is none."""
    items = values if isinstance(values, (list, tuple)) else values.tolist()
    numbers = []
    for row, item in enumerate(items):
        try:
            number = None if isinstance(item, str) else kind(item)
        except (TypeError, ValueError, OverflowError):
            number = None
        if number is None or (kind is int and (number != item or abs(number) >= 2**63)):
            raise TypeError(f"{where(name, row)} must be {what}, got {item!r}")
        numbers.append(number)
    return numbers
