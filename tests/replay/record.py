"""Calls of every kernel, with the bytes that the reference writes, for replay.cpp: record.py FILE [--seeds N]

A file is calls, one after another; a call is name, number of arguments, arguments. Texts and bytes begin with their
length. Integers and lengths are int64, all little-endian. An argument begins with its kind (KINDS); an array has item
size, dimensions, shape and bytes, and an output then the bytes that it must have after a call on FILLED ones.
"""

from __future__ import annotations

import argparse
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from helpers import kernel_cases

from pymetrics.kernels import KERNELS

KINDS = {"integer": 0, "number": 1, "input": 2, "output": 3}
FILLED = 0xA5


def _integers(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}q", *values)


def _text(data: bytes) -> bytes:
    return _integers(len(data)) + data


def _argument(value: Any, after: bytes | None) -> bytes:
    if isinstance(value, np.ndarray):
        kind = KINDS["input" if after is None else "output"]
        data = np.ascontiguousarray(value).tobytes()
        head = _integers(kind, value.itemsize, value.ndim, *value.shape)
        return head + (_text(data) if after is None else _text(after))
    if isinstance(value, (int, np.integer)):
        return _integers(KINDS["integer"], int(value))
    return _integers(KINDS["number"]) + struct.pack("<d", value)


def record(kernel: str, args: dict[str, Any]) -> bytes:
    """One call."""
    after = kernel_cases.run(kernel, "reference", args, byte=FILLED)
    names = kernel_cases.parameters(kernel)
    found = b"".join(_argument(args[name], after.get(name)) for name in names)
    return _text(kernel.encode()) + _integers(len(names)) + found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    with options.file.open("wb") as out:
        for kernel in sorted(KERNELS):
            for seed in range(options.seeds):
                out.writelines(record(kernel, args) for args in kernel_cases.make_calls(kernel, seed))


if __name__ == "__main__":
    main()
