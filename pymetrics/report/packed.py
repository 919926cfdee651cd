"""Arrays as text in JSON: integers in base64, low byte first."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from ..evaluation.summary import UNDEFINED

SCALE = 50_000  # a share is this many steps; one more than its largest stands for undefined
NONE = SCALE + 1


def pack_shares(values: Any) -> dict[str, Any]:
    """Shares from 0 to 1 as uint16, to 1e-5; -1 and NaN stand for undefined."""
    values = np.asarray(values, np.float64)
    is_share = (values >= 0) & (values <= 1)
    steps = np.where(is_share, np.rint(np.where(is_share, values, 0) * SCALE), NONE).astype("<u2")
    return {"dtype": "uint16", "shape": list(steps.shape), "scale": SCALE, "none": NONE, "data": _text(steps)}


def pack_counts(values: Any) -> dict[str, Any]:
    """Counts as uint16, or uint32 where they are larger."""
    values = np.asarray(values)
    dtype = "uint16" if not values.size or values.max() < 2**16 else "uint32"
    return {
        "dtype": dtype,
        "shape": list(values.shape),
        "data": _text(values.astype(np.dtype(dtype).newbyteorder("<"))),
    }


def unpack(packed: dict[str, Any]) -> Any:
    """The inverse: float64 shares, -1 where undefined; or int64 counts."""
    data = base64.b64decode(packed["data"])
    values = np.frombuffer(data, np.dtype(packed["dtype"]).newbyteorder("<")).reshape(packed["shape"])
    if "scale" not in packed:
        return values.astype(np.int64)
    return np.where(values == packed["none"], UNDEFINED, values / packed["scale"])


def _text(values: Any) -> str:
    return base64.b64encode(values.tobytes()).decode("ascii")
