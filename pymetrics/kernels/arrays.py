"""Arrays of the host and of a GPU by one set of functions: numpy's arrays, and torch's tensors on a CUDA device.

torch is imported for arrays of other libraries alone (CuPy, JAX), which become tensors by DLPack or
__cuda_array_interface__, without a copy: where there is a tensor, torch has been imported.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np

DEVICES = {"cuda"}  # the kinds of device whose tensors the CUDA kernels take; tests without a GPU emulate them on "cpu"
MAX_TABLES = 4096

_tables: dict[tuple[int, Any], tuple[Any, Any, Any]] = {}  # (id(table), device): (table, its copy, the copy's stream)
_tables_lock = threading.Lock()


def torch() -> Any:
    """The module, where it has been imported; or None."""
    return sys.modules.get("torch")


def is_tensor(values: Any) -> bool:
    """Whether these are a torch tensor. Where all host data are numpy arrays: whether they are a GPU's."""
    library = torch()
    return library is not None and isinstance(values, library.Tensor)


def is_on_device(values: Any) -> bool:
    """Whether these are a tensor on a GPU."""
    return is_tensor(values) and values.device.type in DEVICES


def as_tensor(values: Any) -> Any:
    """A tensor on a device, or another library's array there as one; all else is returned as it is."""
    if is_tensor(values):
        return values
    if hasattr(values, "__cuda_array_interface__") or _dlpack_device(values) == 2:  # kDLCUDA
        try:
            import torch as imported
        except ImportError as error:
            raise ImportError(f"arrays on a GPU need torch, which is not installed ({error})") from error
        return imported.from_dlpack(values) if hasattr(values, "__dlpack__") else imported.as_tensor(values)
    return values


def _dlpack_device(values: Any) -> int | None:
    return int(values.__dlpack_device__()[0]) if hasattr(values, "__dlpack_device__") else None


def empty(shape: int | tuple[int, ...], dtype: str, like: Any) -> Any:
    """An uninitialised array on the device of `like`."""
    if isinstance(like, np.ndarray):
        return np.empty(shape, dtype)
    if is_tensor(like):
        library = torch()
        return library.empty(shape, dtype=getattr(library, dtype), device=like.device)
    raise TypeError(f"arrays must be numpy arrays or tensors, got {type(like).__name__}")


def to_device(values: Any, like: Any) -> Any:
    """An array of the host, or a list of integers as int64, on the device of `like`, without waiting for the copy."""
    array = np.array(values, np.int64) if isinstance(values, list) else values
    if isinstance(like, np.ndarray):
        return array
    tensor = torch().from_numpy(np.array(array))
    if like.device.type == "cuda":
        tensor = tensor.pin_memory()  # torch keeps it until it is copied
    return tensor.to(like.device, non_blocking=True)


def cached_on(table: Any, like: Any) -> Any:
    """A small host array on the device of `like`; itself where that is the host.

    The copy is kept for later calls with the same array, which must not be changed meanwhile. MAX_TABLES copies are
    kept in this process; one more drops the oldest. Safe to call from several threads.
    """
    if isinstance(like, np.ndarray):
        return table
    key, stream = (id(table), like.device), _stream(like.device)
    with _tables_lock:
        if key not in _tables:
            there = torch().from_numpy(np.array(table)).to(like.device)  # waits, so that any stream finds it there
            while len(_tables) >= MAX_TABLES:
                del _tables[next(iter(_tables))]
            _tables[key] = table, there, stream  # the array too, so that its id stays its own
        _, there, made_on = _tables[key]
    if made_on != stream:
        there.record_stream(stream)  # torch gives its memory to nobody else before this stream's work is done
    return there


def _stream(device: Any) -> Any:
    return torch().cuda.current_stream(device) if device.type == "cuda" else None


def to_host(array: Any) -> Any:
    """A numpy array: the array itself, or a copy of a tensor, when the work that makes it is done.

    Anything else is returned as it is.
    """
    if not is_tensor(array):
        return array
    from .cuda_backend import current

    with current(array.device):
        return array.detach().cpu().numpy()


def to_ints(*counts: Any) -> list[int]:
    """Integers out of arrays of one each, in one copy: on a GPU the host waits for it."""
    if isinstance(counts[0], np.ndarray):
        return [int(count[0]) for count in counts]
    values: list[int] = torch().cat(counts).tolist()
    return values


def first_rows(array: Any, length: Any) -> Any:
    """The array's first rows, as many as the one integer of `length` says. On a GPU, where it is not known yet, all."""
    return array[: int(length[0])] if isinstance(length, np.ndarray) else array
