"""Calls the emulated CUDA kernels on numpy arrays; device memory is the host's."""

from __future__ import annotations

import functools
import os
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from cuda_emu import build

SCHEDULES = ("forward", "reverse", "1", "2")


@functools.cache
def module() -> ModuleType:
    """`_cuda_emu`: at CUDA_EMU_MODULE, or built if need be."""
    path = os.environ.get("CUDA_EMU_MODULE")
    return build.load(Path(path) if path else build.build())


def why_not() -> str:
    """Why there can be no emulation here; "" where there can."""
    if not (build.ROOT / "csrc").exists():
        return "the CUDA kernels' sources are not beside the tests"
    if shutil.which(build.compiler()[0]) is None:
        return f"there is no C++ compiler {build.compiler()[0]} to emulate CUDA with"
    return ""


def call(kernel: str, *args: Any) -> None:
    """Run a kernel as its Python namesake; its scratch is nonsense at first, and ends where it should."""
    scratch = []

    def allocate(n_bytes: int) -> int:
        scratch.append(np.full(n_bytes, 0xA5, np.uint8))
        return scratch[-1].ctypes.data

    getattr(module(), kernel)(*map(argument, args), 0, allocate)


def argument(value: Any) -> Any:
    """An array as (pointer, dtype, shape); a number as it is."""
    if not isinstance(value, np.ndarray):
        return value
    assert value.flags.c_contiguous
    return value.ctypes.data, value.dtype.str[1:], value.shape
