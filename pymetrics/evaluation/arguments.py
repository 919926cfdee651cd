"""Arguments of the functions that take arrays or tensors: box_iou and match."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..formats.values import as_array, widen
from ..kernels import arrays

if TYPE_CHECKING:
    from numpy.typing import NDArray


def on_device(**arguments: Any) -> bool:
    """Whether the first argument is on a GPU. Raises ValueError where one of the others is elsewhere."""
    (name, first), *others = arguments.items()
    is_on_gpu = arrays.is_on_device(first)
    for other, values in others:
        if is_on_gpu and other == "gt" and not arrays.is_tensor(values):
            raise ValueError(f"{name} is on {first.device}, but gt on the host: they must be on one device")
        is_tensor = arrays.is_tensor(values)
        if is_tensor and (is_on_gpu or arrays.is_on_device(values)) and values.device != getattr(first, "device", ""):
            where = first.device if arrays.is_tensor(first) else "the host"
            raise ValueError(f"{name} is on {where}, but {other} on {values.device}: they must be on one device")
    return is_on_gpu


def beside(flags: Any, like: Any) -> Any:
    """The flags on the device of `like`."""
    return flags if arrays.is_tensor(flags) == arrays.is_tensor(like) else arrays.to_device(flags, like)


def flags_column(flags: Any, name: str, n: int) -> Any:
    """uint8 (n,), where the flags are. Raises TypeError or ValueError."""
    if arrays.is_on_device(flags) and not flags.is_floating_point():
        if tuple(flags.shape) != (n,):
            raise ValueError(f"{name} must have shape ({n},), got {tuple(flags.shape)}")
        return arrays.empty(n, "uint8", flags).copy_(flags != 0)
    array = booleans(flags, name)
    if array.shape != (n,):
        raise ValueError(f"{name} must have shape ({n},), got {array.shape}")
    found = np.ascontiguousarray(array, np.uint8)
    return arrays.to_device(found, flags) if arrays.is_on_device(flags) else found


def booleans(flags: Any, name: str) -> NDArray[np.bool_]:
    """Flags of any shape, on the host. Raises TypeError or ValueError."""
    array = widen(as_array(flags, name))
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold flags, got dtype {array.dtype}")
    if np.isnan(array).any():
        raise ValueError(f"{name} must hold flags, got nan at index {int(np.isnan(array).argmax())}")
    return array.astype(bool)


def problem_offsets(offsets: Any, n_dt: int | None, n_gt: int | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows at which problems begin, (P + 1,) of each side; None: one problem. Raises ValueError."""
    if offsets is None:
        return np.array([0, n_dt], np.int64), np.array([0, n_gt], np.int64)
    if not hasattr(offsets, "__len__") or len(offsets) != 2:
        raise ValueError(f"offsets must be a pair (dt_offsets, gt_offsets), got {offsets!r}")
    pair = []
    for name, values, n in zip(("dt", "gt"), offsets, (n_dt, n_gt), strict=True):
        array = widen(as_array(values, f"{name}_offsets"))
        if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
            raise ValueError(f"{name}_offsets must be (P + 1,) integers, got {array.dtype} of shape {array.shape}")
        array = np.ascontiguousarray(array, np.int64)
        last = int(array[-1]) if n is None else n
        falls = np.flatnonzero(np.diff(array) < 0)
        if array[0] != 0 or array[-1] != last:
            raise ValueError(f"{name}_offsets must run from 0 to {last}, got {array[0]} to {array[-1]}")
        if falls.size:
            raise ValueError(f"{name}_offsets must not fall, got {array[falls[0] + 1]} at index {falls[0] + 1}")
        pair.append(array)
    if len(pair[0]) != len(pair[1]):
        raise ValueError(f"dt_offsets and gt_offsets must have one length, got {len(pair[0])} and {len(pair[1])}")
    return pair[0], pair[1]


def as_source(array: Any, source: Any) -> Any:
    """The array as a tensor where the source is one."""
    if not isinstance(array, np.ndarray) or not arrays.is_tensor(source):
        return array
    return arrays.torch().from_numpy(array).to(source.device)
