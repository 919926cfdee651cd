"""CUDA kernels on torch's tensors: devices, streams, launches. torch owns the memory, the kernels get pointers."""

from __future__ import annotations

import functools
import threading
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _config
from .._warnings import warn
from .arrays import is_tensor, to_host, torch

if TYPE_CHECKING:
    from .registry import Kernel

SHORT = {"float64": "f8", "int64": "i8", "int32": "i4", "uint64": "u8", "uint8": "u1"}

MAX_TABLES = 4096

_tables: dict[tuple[int, Any], tuple[Any, Any, Any]] = {}  # (id(table), device): (table, its copy, the copy's stream)
_tables_lock = threading.Lock()
_lock = threading.Lock()  # of the two below
_last_stream: dict[Any, Any] = {}  # the stream of the last kernel of this library, one for each device
_warned: set[str] = set()  # what was warned of: "" (no CUDA here), and what has no CUDA version


def works(like: Any) -> bool:
    """Whether the CUDA kernels can run where the tensor `like` is. The first time that they cannot, a warning."""
    why = why_not() or _why_not_on(like.device)
    if why:
        warn_once("", f"tensors on a GPU are copied to the host and evaluated there: {why}")
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


def warn_once(what: str, message: str) -> None:
    """A RuntimeWarning, the first time in this process that there is one of `what`."""
    with _lock:
        is_first = what not in _warned
        _warned.add(what)
    if is_first:
        warn(message, RuntimeWarning)


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
    with current(device) as stream:
        getattr(_config.cuda, name)(*handles, stream, allocate)


def run_on_host(kernel: Kernel, args: tuple[Any, ...]) -> None:
    """Run a kernel that has no CUDA version on copies of its arrays on the host, and copy the outputs back."""
    message = f"{kernel.name} has no CUDA version: its data are copied to the host, and what it writes back"
    warn_once(kernel.name, message)
    copies = [to_host(arg) for arg in args]  # outputs too: a range of units leaves the rest as it was
    kernel(*copies)
    for name, arg, copy in zip(kernel.parameters, args, copies, strict=True):
        if name in kernel.outputs:
            arg.copy_(torch().from_numpy(copy))


def cached_table(table: np.ndarray[Any, Any], device: Any) -> Any:
    """A small host array on a device. MAX_TABLES copies are kept in this process; one more drops the oldest."""
    key, stream = (id(table), device), torch().cuda.current_stream(device) if device.type == "cuda" else None
    with _tables_lock:
        if key not in _tables:
            there = torch().from_numpy(np.array(table)).to(device)  # waits, so that any stream finds it there
            while len(_tables) >= MAX_TABLES:
                del _tables[next(iter(_tables))]
            _tables[key] = table, there, stream  # the array too, so that its id stays its own
        _, there, made_on = _tables[key]
    if made_on != stream:
        there.record_stream(stream)  # when dropped, its memory is used again only after this stream's work so far
    return there


def _handle(array: Any, device: Any, name: str) -> tuple[int, str, tuple[int, ...]]:
    """(pointer, dtype, shape) as the bindings take it."""
    if not is_tensor(array) or array.device != device:
        where = array.device if is_tensor(array) else "the host"
        raise ValueError(f"{name}: all arrays must be on one device; one is on {where}, the first on {device}")
    if not array.is_contiguous():
        raise ValueError(f"{name}: arrays must be contiguous, got strides {array.stride()} of shape {array.shape}")
    return array.data_ptr(), SHORT.get(str(array.dtype).rpartition(".")[2], str(array.dtype)), tuple(array.shape)


def current(device: Any) -> AbstractContextManager[int]:
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
            with _lock:
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
