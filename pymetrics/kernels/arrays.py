"""Arrays of the host and of a GPU by one set of functions: numpy's arrays, and torch's tensors on a CUDA device.

torch is imported for arrays of other libraries alone (CuPy, JAX), which become tensors by DLPack or
__cuda_array_interface__, without a copy: where there is a tensor, torch has been imported.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

HUGE = 1 << 22  # bytes from which on numpy asks for huge pages
DEVICES = {"cuda"}  # the kinds of device whose tensors the CUDA kernels take; tests without a GPU emulate them on "cpu"


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


def has_cuda_kernels(tensor: Any) -> bool:
    """Whether the CUDA kernels can run where the tensor is. The first time that they cannot, a warning says why."""
    from .cuda_backend import works

    return works(tensor)


def warn_of_host(what: str) -> None:
    """Warn once that what is on a GPU is copied to the host, because no CUDA kernel computes it."""
    from .cuda_backend import warn_once

    warn_once(what, f"{what} has no CUDA version: its data are copied to the host and evaluated there")


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


def empties(like: Any, *wanted: tuple[int | tuple[int, ...], str]) -> list[Any]:
    """Uninitialised arrays on the device of `like`, each of a (shape, dtype).

    On the host large ones share a block of memory, and are freed together: for such a block numpy asks for huge pages,
    and the first touch of small pages costs a tenth of an evaluation.
    """
    places, end = [], 0
    for shape, dtype in wanted:
        places.append(end)
        size = math.prod(shape) if isinstance(shape, tuple) else shape
        end += -(-size * np.dtype(dtype).itemsize // 64) * 64
    if end < HUGE // 4 or not isinstance(like, np.ndarray):
        return [empty(shape, dtype, like) for shape, dtype in wanted]
    block = np.empty(max(end, HUGE), np.uint8)  # what is not touched takes no memory
    return [np.ndarray(shape, dtype, block, place) for place, (shape, dtype) in zip(places, wanted, strict=True)]


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

    The copy is kept for later calls with the same array, which must not be changed meanwhile.
    """
    if isinstance(like, np.ndarray):
        return table
    from .cuda_backend import cached_table

    return cached_table(table, like.device)


def cast(array: Any, dtype: str) -> Any:
    """The array with this dtype, C-contiguous; itself where it is that already."""
    if isinstance(array, np.ndarray):
        return np.ascontiguousarray(array, dtype)
    return array.to(getattr(torch(), dtype)).contiguous()


def choose(condition: Any, where_true: Any, where_false: Any) -> Any:
    """numpy.where or torch.where; the arrays are on one device."""
    if isinstance(condition, np.ndarray):
        return np.where(condition, where_true, where_false)
    return torch().where(condition, where_true, where_false)


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
