"""Arrow's arrays as numpy's: views where the layout allows, errors that name file, column and row."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Place = Callable[["int | None"], str]  # how errors name a column (None) or one of its values


def pyarrow(argument: str) -> Any:
    """The library. Raises ImportError that says how to get it."""
    try:
        import pyarrow
        import pyarrow.compute
    except ImportError as error:
        raise ImportError(
            f"{argument} is a table, which is read by pyarrow: pip install 'pymetrics-detection[arrow]'"
        ) from error
    return pyarrow


def require_values(array: Any, place: Place) -> None:
    """Refuse null values. Raises ValueError, naming the first."""
    if array.null_count:
        row = int(np.argmax(np.asarray(array.is_null().to_numpy(zero_copy_only=False))))
        raise ValueError(f"{place(row)} is null")


def plain(array: Any) -> Any:
    """An array without a dictionary or an extension's type around it."""
    pa = pyarrow("")
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def numbers(array: Any, place: Place, default: float | None = None) -> NDArray[Any]:
    """Integers, floats or bools (N,), aligned, a view where that can be. default: stands for nulls; None: an error.

    Raises:
        TypeError: the column holds something else. ValueError: a value is null.
    """
    array, types = plain(array), pyarrow("").types
    if types.is_null(array.type) and default is not None:
        return np.full(len(array), default)
    is_number = types.is_integer(array.type) or types.is_floating(array.type) or types.is_boolean(array.type)
    if not is_number and not types.is_null(array.type):
        raise TypeError(f"{place(None)} must hold numbers, got the type {array.type}")
    if array.null_count and default is not None:
        array = array.fill_null(bool(default) if types.is_boolean(array.type) else default)
    require_values(array, place)
    found: NDArray[Any] = np.require(array.to_numpy(zero_copy_only=False), requirements="A")  # sent ones may not be
    return found


def has_values(array: Any) -> NDArray[np.bool_] | None:
    """bool (N,): where an array is not null; None: everywhere."""
    return np.asarray(array.is_valid().to_numpy(zero_copy_only=False)) if array.null_count else None


def ids(array: Any, place: Place) -> NDArray[Any]:
    """Ids: int64, or text (N,) as numpy's str. Raises TypeError or ValueError, naming row and value."""
    pa = pyarrow("")
    types, kind = pa.types, array.type.value_type if pa.types.is_dictionary(array.type) else array.type
    if not is_text(kind):
        if not types.is_integer(kind) and not types.is_null(kind) and not types.is_floating(kind):
            raise TypeError(f"{place(None)} must hold integers or strings, got the type {array.type}")
        return whole_numbers(numbers(array, place), place)
    require_values(array, place)
    if not types.is_dictionary(array.type):
        array = array.dictionary_encode()
    require_values(array.dictionary, place)
    texts = array.dictionary.to_pylist()
    wrong = next((i for i, text in enumerate(texts) if text.endswith("\0")), None)
    places = array.indices.to_numpy(zero_copy_only=False)
    if wrong is not None and (places == wrong).any():  # numpy would drop it, and take two ids for one
        row = int(np.argmax(places == wrong))
        raise ValueError(f"{place(row)} must not end in a NUL character, got {texts[wrong]!r}")
    return np.array(texts, np.str_)[places] if texts else np.empty(0, np.str_)


def narrow_ids(array: Any, place: Place) -> NDArray[Any]:
    """As ids; integers of fewer bits stay as they are, so that they can be joined and widened at once."""
    types = pyarrow("").types
    if types.is_integer(array.type) and array.type.bit_width < 64:
        return numbers(array, place)
    return ids(array, place)


def whole_numbers(values: NDArray[Any], place: Place) -> NDArray[np.int64]:
    """Numbers as int64. Raises ValueError for parts of one, and beyond 64 bits."""
    if values.dtype == np.int64:
        return values
    from ..values import int_column

    return int_column(values, lambda _, row: place(row), "")


def lists(array: Any, place: Place) -> tuple[Any, NDArray[np.int64]]:
    """The values of all lists, one after another, and the length of each; a list that is null has none.

    Raises:
        TypeError: the column holds no lists.
    """
    pa = pyarrow("")
    types, array = pa.types, plain(array)
    if types.is_fixed_size_list(array.type):
        size, valid = array.type.list_size, has_values(array)
        n = np.full(len(array), size, np.int64)
        return array.flatten(), n if valid is None else n * valid
    if types.is_list(array.type) or types.is_large_list(array.type):
        if array.null_count == 0:
            offsets = array.offsets.to_numpy(zero_copy_only=False).astype(np.int64)
            begin, end = (int(offsets[0]), int(offsets[-1])) if len(offsets) else (0, 0)
            return array.values.slice(begin, end - begin), np.diff(offsets)
    elif not (types.is_list_view(array.type) or types.is_large_list_view(array.type)):
        raise TypeError(f"{place(None)} must hold lists, got the type {array.type}")
    lengths = pa.compute.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False)
    return array.flatten(), lengths.astype(np.int64)


def is_text(kind: Any) -> bool:
    """Whether a type is one of strings, or a dictionary of these."""
    types = pyarrow("").types
    kind = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def is_list(kind: Any) -> bool:
    """Whether a type is one of lists."""
    types = pyarrow("").types
    return bool(
        types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
        or types.is_list_view(kind) or types.is_large_list_view(kind)
    )  # fmt: skip


def rows_of_numbers(array: Any, width: int | None, place: Place, what: str) -> NDArray[Any]:
    """Lists of `width` numbers each as (N, width), a view where the layout allows. width None: that of the first.

    Raises:
        TypeError, ValueError: a list is null or of another length, or holds null or no numbers.
    """
    require_values(array, place)
    array = plain(array)
    if pyarrow("").types.is_fixed_size_list(array.type) and width in (None, array.type.list_size):
        width, values = array.type.list_size, array.flatten()
    else:
        values, lengths = lists(array, place)
        width = width or (int(lengths[0]) if len(lengths) else 0)
        if not (lengths == width).all():
            row = int(np.argmax(lengths != width))
            raise ValueError(f"{place(row)} must hold {width} numbers, {what}: got {lengths[row]}")
    found = numbers(values, lambda i: place(None if i is None else i // max(width, 1)))
    return found.reshape(len(array), width)


def texts(array: Any, place: Place) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The bytes of all values, uint8, and where each begins, int64 (N + 1,). Raises TypeError or ValueError."""
    pa = pyarrow("")
    types, array = pa.types, plain(array)
    require_values(array, place)
    kind = array.type
    if types.is_binary_view(kind) or types.is_string_view(kind) or types.is_fixed_size_binary(kind):
        kind = pa.large_string() if types.is_string_view(kind) else pa.large_binary()
        array = array.cast(kind)
    is_large = types.is_large_binary(kind) or types.is_large_string(kind)
    if not is_large and not types.is_binary(kind) and not types.is_string(kind):
        raise TypeError(f"{place(None)} must hold binary, runs as COCO compresses them; got the type {kind}")
    _, places, data = array.buffers()
    dtype = np.dtype(np.int64 if is_large else np.int32)
    if not len(array):
        return np.empty(0, np.uint8), np.zeros(1, np.int64)
    offsets = np.frombuffer(places, dtype, len(array) + 1, array.offset * dtype.itemsize).astype(np.int64)
    whole = np.empty(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return whole[offsets[0] : offsets[-1]], offsets - offsets[0]
