"""Rows: what every reader makes of its source, and the checks that they share."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .boxes import BoxFormat, widen

# How a source calls a column ("scores", None) or one value of it ("scores", 5) in an error's text.
Where = Callable[[str, "int | None"], str]
PACKAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")


@dataclass(frozen=True, eq=False)
class Rows:
    """Boxes of one side, in the order of the source. N rows; None stands for the natural default.

    image: int64 or str (N,). category: int64 (N,). boxes: (N, 4) in the source's own dtype and box_format.
    scores: float64 (N,), detections only. area: float64 (N,); width * height where it is None, or no_area (N,) is set.
    crowd: bool (N,). ids: N annotation ids: int64, or a list of any kind.
    images: every image of the evaluation, in the source's order. categories: int64, every category of the evaluation.
    drops_unknown: rows of other images or categories are left out with a warning, as pycocotools does; else refused.
    names: of the categories. sizes: (height, width) of the images, by id.
    is_checked: what check() refuses is not there.
    """

    where: Where
    image: NDArray[Any]
    category: NDArray[np.int64]
    boxes: Any
    box_format: BoxFormat
    scores: NDArray[np.float64] | None = None
    area: NDArray[np.float64] | None = None
    no_area: NDArray[np.bool_] | None = None
    crowd: NDArray[np.bool_] | None = None
    ids: list[Any] | NDArray[np.int64] | None = None
    images: NDArray[Any] | None = None
    categories: NDArray[np.int64] | None = None
    drops_unknown: bool = False
    names: dict[int, str] = field(default_factory=dict)
    sizes: dict[Any, Any] = field(default_factory=dict)
    is_checked: bool = False

    def __len__(self) -> int:
        return len(self.image)

    def check(self) -> None:
        """Refuse columns of unequal lengths and values that are not finite. Raises ValueError, naming row and value."""
        if self.is_checked:
            return
        for name in ("category", "boxes", "scores", "area", "crowd", "ids"):
            column = getattr(self, name)
            if column is not None and len(column) != len(self):
                raise ValueError(
                    f"{self.where(name, None)} has {len(column)} rows, {self.where('image', None)} has {len(self)}"
                )
        for name in ("boxes", "scores", "area"):
            column = getattr(self, name)
            if column is None:
                continue
            with np.errstate(all="ignore"):
                if np.isfinite(np.add.reduce(widen(column), axis=None, dtype=np.float64)):
                    continue  # a sum needs no memory, and is not finite where a value is not
            finite = np.isfinite(widen(column))
            if name == "area" and self.no_area is not None:
                finite |= self.no_area
            if not finite.all():
                row = int(np.argmin(finite.reshape(len(self), -1).all(axis=1)))
                raise ValueError(f"{self.where(name, row)} must be finite, got {column[row].tolist()}")


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


def box_column(values: Any, where: Where) -> Any:
    """Boxes (N, 4) of a real dtype, as they are. Raises TypeError or ValueError."""
    name = where("boxes", None)
    boxes = as_array(values, name)
    if len(boxes.shape) == 2 and boxes.shape[1] == 4:
        pass
    elif 0 in boxes.shape and len(boxes.shape) < 3:
        boxes = boxes.reshape(0, 4)
    else:
        raise ValueError(f"{name} must have shape (N, 4), got {tuple(boxes.shape)}")
    if isinstance(boxes, np.ndarray) and boxes.dtype.kind not in "iuf":
        raise TypeError(f"{name} must hold numbers, got dtype {boxes.dtype}")
    return boxes


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


def joined_ids(*columns: NDArray[Any], names: Sequence[str] = ()) -> NDArray[Any]:
    """All ids of some columns, ascending and unique. names: of the columns' first values, where they are image ids.

    Raises:
        TypeError: some are integers and some strings.
    """
    first = [f"{name} is {column[0].item()!r}" for name, column in zip(names, columns, strict=False) if len(column)]
    columns = tuple(column for column in columns if len(column))
    if not columns:
        return np.empty(0, np.int64)
    if len({column.dtype.kind for column in columns}) > 1:
        raise TypeError(f"image ids must be all integers or all strings: {', '.join(first)}")
    if columns[0].dtype.kind == "U":
        return _unique(np.concatenate(columns))
    lowest = min(int(column.min()) for column in columns)
    span = max(int(column.max()) for column in columns) - lowest + 1
    if span > 4 * sum(map(len, columns)) + 65536:
        return _unique(np.concatenate(columns))
    present = np.zeros(span, np.bool_)
    for column in columns:
        present[column - lowest] = True
    return np.flatnonzero(present) + lowest


def _unique(ids: NDArray[Any]) -> NDArray[Any]:
    """The ids, ascending, each once. (numpy.unique imports numpy.ma, a tenth of what reading two files takes.)"""
    ordered = np.sort(ids)
    found: NDArray[Any] = ordered[np.append(True, ordered[1:] != ordered[:-1])]
    return found


def warn(message: str) -> None:
    """A UserWarning that points at the line outside of this package that called it."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)


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
