"""Columns of values from whatever holds them: numpy views, dtypes, and errors that name the row and the value."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

INT64_END = 2**63
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


def as_array(values: Any, name: str) -> Any:
    """A numpy view of arrays, tensors and sequences; bfloat16 tensors stay tensors, for numpy has no dtype for them.

    Raises:
        TypeError: a tensor that is sparse or has no data.
        ValueError: a sequence of sequences of unequal lengths; a masked array that masks something.
    """
    torch, masked = sys.modules.get("torch"), sys.modules.get("numpy.ma")
    if torch is not None and isinstance(values, torch.Tensor):
        check_tensor(values, name)
        values = values.detach().cpu()
        return values if values.dtype == torch.bfloat16 else values.numpy()
    if hasattr(values, "__cuda_array_interface__") and hasattr(values, "get"):  # CuPy's arrays come down when told to
        values = values.get()
    if masked is not None and isinstance(values, masked.MaskedArray) and np.any(values.mask):
        n = int(np.count_nonzero(masked.getmaskarray(values)))
        raise ValueError(f"{name} masks {n} of its {values.size} values: leave their rows out, or fill them")
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must be an array; its rows have different lengths") from error


def check_tensor(tensor: Any, name: str) -> None:
    """Refuse a tensor that numpy cannot view. Raises TypeError."""
    layout = str(tensor.layout).removeprefix("torch.")
    if layout != "strided" or tensor.device.type == "meta":
        kind = "a tensor on the device meta" if tensor.device.type == "meta" else f"the layout {layout}"
        raise TypeError(f"{name} must be a dense tensor that holds data, got {kind}")


def float_column(values: Any, where: Where, name: str) -> NDArray[np.float64]:
    """One column of numbers as float64, of any value. Raises TypeError or ValueError."""
    column = _column(values, where, name)
    if column.dtype.kind not in "iufb":
        column = np.array(_numbers(float, values, where, name, "a number"))
    return np.require(column, np.float64, ["C", "A", "W", "E"])


def flag_column(values: Any, where: Where, name: str) -> NDArray[np.bool_]:
    """One column of flags, set where the number is not 0. Raises TypeError, or ValueError for NaN."""
    column = float_column(values, where, name)
    if np.isnan(column).any():
        raise ValueError(f"{where(name, int(np.isnan(column).argmax()))} must be a number, got nan")
    return np.not_equal(column, 0)


def crowd_column(values: Any, where: Where) -> NDArray[np.bool_]:
    """The column "crowd": 0 or 1. Raises TypeError or ValueError."""
    flags = flag_column(values, where, "crowd")
    if not isinstance(values, np.ndarray) or values.dtype != np.bool_:
        is_wrong = flags & (float_column(values, where, "crowd") != 1)
        if is_wrong.any():
            row = int(is_wrong.argmax())
            raise ValueError(f"{where('crowd', row)} must be 0 or 1, got {_shown(_item(values, row))}")
    return flags


def int_column(values: Any, where: Where, name: str) -> NDArray[np.int64]:
    """One column of whole numbers as int64; 3.0 passes. Raises TypeError or ValueError."""
    column = _column(values, where, name)
    if column.dtype.kind not in "iufb":
        column = np.array(_numbers(int, values, where, name, "a whole number"))
    if column.dtype.kind == "f":
        column = column.astype(np.float64)
        whole = (column == np.floor(column)) & (np.abs(column) < float(INT64_END))
    elif column.dtype == np.uint64:
        whole = column < INT64_END
    else:
        return np.require(column, np.int64, ["C", "A", "W", "E"])
    if not whole.all():
        row = int(np.argmin(whole))
        item = _item(values, row)
        is_whole = np.isfinite(column[row]) and column[row] == np.floor(column[row])
        what = _range(item) if is_whole else "a whole number"
        raise ValueError(f"{where(name, row)} must be {what}, got {_shown(item)}")
    return column.astype(np.int64)


def image_column(values: Any, where: Where, name: str = "image") -> NDArray[Any]:
    """Image ids: all whole numbers (int64) or all strings. Raises TypeError or ValueError."""
    return _id_column(values, where, name, "image ids")


def category_column(values: Any, where: Where, name: str = "category") -> NDArray[Any]:
    """Category ids or names: all whole numbers (int64) or all strings. Raises TypeError or ValueError."""
    return _id_column(values, where, name, "category ids")


def _id_column(values: Any, where: Where, name: str, kind: str) -> NDArray[Any]:
    column = _column(values, where, name)
    if column.dtype.kind not in "UOT":
        return int_column(values, where, name)
    items = list(values) if isinstance(values, (list, tuple)) else column.tolist()
    strings = [isinstance(item, str) for item in items]
    if not any(strings):
        return int_column(items, where, name)
    if not all(strings):
        row = strings.index(not strings[0])
        raise TypeError(
            f"{kind} must be all integers or all strings: {where(name, 0)} is {items[0]!r}, "
            f"{where(name, row)} is {items[row]!r}"
        )
    for row, item in enumerate(items):
        if item.endswith("\0"):  # numpy would drop it, and take two ids for one
            raise ValueError(f"{where(name, row)} must not end in a NUL character, got {item!r}")
    return np.array(items, dtype=np.str_)


def _column(values: Any, where: Where, name: str) -> NDArray[Any]:
    try:
        column = widen(as_array(values, where(name, None)))
    except ValueError:
        _refuse_items(values, where, name)
        raise
    if column.ndim != 1:
        if column.size:
            raise ValueError(f"{where(name, None)} must have shape (N,), got {column.shape}")
        column = column.reshape(0)
    return column


def _refuse_items(values: Any, where: Where, name: str) -> None:
    """Name the first item of a list that is no single value. Raises TypeError."""
    for row, item in enumerate(values if isinstance(values, (list, tuple)) else ()):
        if isinstance(item, (list, tuple, dict, set)) or getattr(item, "ndim", False):
            raise TypeError(f"{where(name, row)} must be one value, got {_shown(item)}")


def _item(values: Any, row: int) -> Any:
    """One value, as it was given where that was a list."""
    return values[row] if isinstance(values, (list, tuple)) else widen(as_array(values, ""))[row].item()


def _range(number: Any) -> str:
    return "at least -2**63" if number < 0 else "below 2**63"


def _shown(item: Any) -> str:
    """A value's repr, cut where it is long; a numpy number as a Python one."""
    try:
        text = repr(item.item() if isinstance(item, np.generic) else item)
    except ValueError:  # Python writes no integers of thousands of digits
        return f"an integer of {item.bit_length()} bits"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _numbers(kind: type[int] | type[float], values: Any, where: Where, name: str, what: str) -> list[Any]:
    """The items of a column of another dtype as Python numbers; or an error that names the first that is none."""
    items = values if isinstance(values, (list, tuple)) else values.tolist()
    numbers = []
    for row, item in enumerate(items):
        try:
            number = None if isinstance(item, (str, bytes, bytearray)) else kind(item)
        except OverflowError as error:
            if kind is float:
                raise ValueError(f"{where(name, row)} must be below 2**1024, got {_shown(item)}") from error
            number = None  # infinity
        except (TypeError, ValueError):
            number = None
        if number is None or (kind is int and number != item):
            raise TypeError(f"{where(name, row)} must be {what}, got {_shown(item)}")
        if kind is int and abs(number) >= INT64_END:
            raise ValueError(f"{where(name, row)} must be {_range(number)}, got {_shown(item)}")
        numbers.append(number)
    return numbers


def is_number(value: Any) -> bool:
    """Whether a value of JSON is a number, finite and no bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -1e300 < value < 1e300
