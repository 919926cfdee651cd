"""What a kernel is, and which backend runs it: the only dispatch of kernels.

A kernel is written here in plain Python loops, which are its specification, run as they stand (`reference`), compiled
by Numba (`numba`), and written once more in C++ under the same name and arguments (`native`). It writes to its output
arrays and returns nothing; the caller allocates them. A kernel over independent units ends in `begin, end` and is
spread over threads. Arrays on a GPU go to the CUDA kernel of the same name and arguments (`cuda`), others to one of the
host's backends. All give the same bits.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import _config

FEW_BYTES = 1 << 20  # that kernels of linear time do on one thread: some 100 microseconds
KERNELS: dict[str, Kernel] = {}
HELPERS: set[Callable[..., Any]] = set()


class Kernel:
    """A function in the Python that Numba compiles, and its twins of the same name and arguments.

    parallel: the last two arguments are the range of units to do. outputs: the names of the arrays that it writes, in
    the order of the arguments. has_cuda: whether there is a CUDA version. linear: its time grows with the bytes of its
    arrays alone, so that threads are not worth their start where these are few.
    """

    def __init__(
        self, function: types.FunctionType, *, parallel: bool, outputs: Sequence[str], cuda: bool, linear: bool
    ) -> None:
        functools.update_wrapper(self, function)
        self.name = function.__name__
        self.function = function
        self.parallel = parallel
        self.parameters = function.__code__.co_varnames[: function.__code__.co_argcount]
        self.outputs = tuple(outputs)
        self.has_cuda = cuda
        self.linear = linear
        if not self.outputs or self.outputs != tuple(name for name in self.parameters if name in self.outputs):
            raise ValueError(f"{self.name}: outputs must name arguments in their order, got {self.outputs}")
        KERNELS[self.name] = self

    @functools.cached_property
    def compiled(self) -> Callable[..., None]:
        """The Numba version, compiled on its first call or read from the cache."""
        from . import numba_backend

        return numba_backend.jit(self.function, cache=True)

    def reference(self, *args: Any) -> None:
        """The specification itself, interpreted."""
        with np.errstate(all="ignore"):
            self.function(*args)

    def numba(self, *args: Any) -> None:
        """Compiled by Numba; without the interpreter's lock, over threads of this call only."""
        from . import numba_backend

        numba_backend.run(self.compiled, self.parallel, args)

    def native(self, *args: Any) -> None:
        """The C++ version."""
        function = getattr(_config.native, self.name)
        if self.parallel:
            is_small = args[-1] - args[-2] <= 1  # small calls are short: asking for the threads takes longer
            if self.linear and not is_small:
                is_small = sum(arg.nbytes for arg in args if isinstance(arg, np.ndarray)) < FEW_BYTES
            function(*args, 1 if is_small else _config.get_num_threads())
        else:
            function(*args)

    def cuda(self, *args: Any) -> None:
        """The CUDA version, on tensors of one device; enqueued, not waited for.

        A kernel without one runs on the host, on copies, and its outputs are copied back.
        """
        from . import cuda_backend

        if self.has_cuda:
            cuda_backend.run(self.name, args)
        else:
            cuda_backend.run_on_host(self, args)

    def __call__(self, *args: Any) -> None:
        if isinstance(args[0], np.ndarray):
            getattr(self, _config.host_backend())(*args)
        else:
            self.cuda(*args)


def kernel(
    *, outputs: Sequence[str], parallel: bool = False, cuda: bool = True, linear: bool = False
) -> Callable[..., Any]:
    """Register a kernel.

    outputs: the names of the arrays that it writes. parallel: its last two arguments are the range of units to do.
    cuda: False where there is no CUDA version; data on a GPU are then copied to the host, which a warning says once.
    linear: its time grows with the bytes of its arrays alone.
    """
    return functools.partial(Kernel, parallel=parallel, outputs=outputs, cuda=cuda, linear=linear)


def helper(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function that kernels call, so that Numba compiles it with them."""
    HELPERS.add(function)
    return function
