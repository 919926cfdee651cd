"""Arrays on a GPU: torch's CUDA tensors, for the CUDA kernels. They hold the pointers, torch owns the memory.

torch is never imported here: where there is a tensor, it has been. Arrays of other libraries (CuPy, JAX) become tensors
by DLPack or __cuda_array_interface__, without a copy.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from .. import _config

DEVICES = {"cuda"}  # the kinds of device whose tensors the CUDA kernels take; tests without a GPU emulate them on "cpu"
SHORT = {"float64": "f8", "int64": "i8", "int32": "i4", "uint64": "u8", "uint8": "u1"}
KEPT = 4096

_tables: dict[tuple[int, Any], tuple[Any, Any]] = {}
_last_stream: dict[Any, Any] = {}  # where each device's last work of ours went
_warned = False


def torch() -> Any:
    """The module, where it has been imported; or None."""
    return sys.modules.get("torch")


def as_tensor(values: Any) -> Any:
    """A tensor on a device, or another library's array there as one; all else is returned as it is."""
    library = torch()
    if library is not None and isinstance(values, library.Tensor):
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


def is_tensor(values: Any) -> bool:
    """Whether these are a torch tensor. On the road, where all host data are numpy arrays: whether they are a GPU's."""
    library = torch()
    return library is not None and isinstance(values, library.Tensor)


def is_on_device(values: Any) -> bool:
    """Whether these are a tensor on a GPU."""
    return is_tensor(values) and values.device.type in DEVICES


def works(like: Any) -> bool:
    """Whether the CUDA kernels can run where the tensor `like` is. The first time that they cannot, a warning."""
    global _warned
    why = why_not() or _why_not_on(like.device)
    if why and not _warned:
        _warned = True
        message = f"tensors on a GPU are copied to the host and evaluated there: {why}"
        warnings.warn(message, RuntimeWarning, stacklevel=2)
    return not why


def why_not() -> str:
    """Why the CUDA kernels cannot run; "" where they can."""
    if _config.cuda is None:
        return _config.why_no_cuda
    is_there, text = _config.cuda.status()
    return "" if is_there else str(text)


@functools.cache
def _why_not_on(device: Any) -> str:
    if device.type != "cuda":
        return ""
    with _Guard(device):
        return str(_config.cuda.why_not_here())  # type: ignore[union-attr]


def empty(shape: int | tuple[int, ...], dtype: str, like: Any) -> Any:
    """An uninitialised tensor on the device of `like`."""
    library = torch()
    return library.empty(shape, dtype=getattr(library, dtype), device=like.device)


def beside(table: Any, like: Any) -> Any:
    """A small host array on the device of `like`; those that come again (the tables of a protocol) are kept there."""
    key = (id(table), like.device)
    if key in _tables:
        return _tables[key][1]
    if len(_tables) >= KEPT:
        return upload(table, like)
    there = torch().from_numpy(np.array(table)).to(like.device)  # waits, so that any stream finds it there
    return _tables.setdefault(key, (table, there))[1]  # the array too, so that its id stays its own


def upload(array: Any, like: Any) -> Any:
    """A host array on the device of `like`, without waiting for it."""
    tensor = torch().from_numpy(np.array(array))
    if like.device.type == "cuda":
        tensor = tensor.pin_memory()  # torch keeps it until it is copied
    return tensor.to(like.device, non_blocking=True)


def to_host(tensor: Any) -> Any:
    """The tensor as a numpy array, when the work that makes it is done."""
    with _on(tensor.device):
        return tensor.detach().cpu().numpy()


def fetch(counts: Sequence[Any]) -> list[int]:
    """Integers out of tensors of one each, in one copy."""
    values: list[int] = torch().cat(list(counts)).tolist()
    return values


def run(name: str, args: tuple[Any, ...]) -> None:
    """Enqueue a CUDA kernel on the current stream of the device where its arrays are.

    Raises:
        ValueError: the arrays lie on different devices, or are not contiguous.
        RuntimeError: CUDA refuses the launch; torch.OutOfMemoryError: there is no room for scratch.
    """
    library: Any = torch()
    device = args[0].device
    scratch = []

    def allocate(n_bytes: int) -> int:
        scratch.append(library.empty(n_bytes, dtype=library.uint8, device=device))
        return int(scratch[-1].data_ptr())

    handles = [_handle(arg, device, name) if hasattr(arg, "shape") else int(arg) for arg in args]
    with _on(device) as stream:
        getattr(_config.cuda, name)(*handles, stream, allocate)


def _handle(array: Any, device: Any, name: str) -> tuple[int, str, tuple[int, ...]]:
    """(pointer, dtype, shape) as the bindings take it."""
    if not is_tensor(array) or array.device != device:
        where = array.device if is_tensor(array) else "the host"
        raise ValueError(f"{name}: all arrays must be on one device; one is on {where}, the first on {device}")
    if not array.is_contiguous():
        raise ValueError(f"{name}: arrays must be contiguous, got strides {array.stride()} of shape {array.shape}")
    return array.data_ptr(), SHORT.get(str(array.dtype).rpartition(".")[2], str(array.dtype)), tuple(array.shape)


def _on(device: Any) -> AbstractContextManager[int]:
    """The device is current; gives the address of its current stream."""
    return _Guard(device) if device.type == "cuda" else nullcontext(0)


class _Guard:
    """torch's device guard, which gives the stream; it waits for what this library did on another one.

    The kernels' CUDA runtime is one of their own: it is told of the device, too.
    """

    def __init__(self, device: Any) -> None:
        self._device, self._guard = device, torch().cuda.device(device)

    def __enter__(self) -> int:
        cuda = torch().cuda
        self._guard.__enter__()
        try:
            if _config.cuda is not None:
                _config.cuda.set_device(cuda.current_device())
            stream = cuda.current_stream(self._device)
            last = _last_stream.get(self._device)
            if last is not None and last != stream:
                stream.wait_stream(last)
            _last_stream[self._device] = stream
        except BaseException:
            self._guard.__exit__(None, None, None)
            raise
        return int(stream.cuda_stream)

    def __exit__(self, *error: Any) -> None:
        self._guard.__exit__(*error)
