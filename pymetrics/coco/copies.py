"""Deep copies of what JSON and parameters hold, which evaluators make for every batch."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

_ATOMS = frozenset({str, int, float, bool, type(None), np.float64, np.int64, np.str_})


def deep_copy(value: Any) -> Any:
    """copy.deepcopy of dicts, lists, arrays and plain values, without its bookkeeping; other values go through it.

    An object that stands in several places becomes several.
    """
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind is dict:
        return {key: item if type(item) in _ATOMS else deep_copy(item) for key, item in value.items()}
    if kind is list:
        return [item if type(item) in _ATOMS else deep_copy(item) for item in value]
    if kind is np.ndarray and value.dtype != object:
        return value.copy()
    return copy.deepcopy(value)
