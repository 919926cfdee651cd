"""Outcomes as bytes, and back.

8 bytes  b"pymetric"      the magic
4 bytes  version          unsigned, little-endian, as all numbers here
8 bytes  length           of the header
header                    JSON: protocol, iou_type, categories, string image ids, shapes of the arrays
arrays                    raw, in the order of ARRAYS
32 bytes SHA-256          of all that stands before
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from .protocol import Protocol, tables
from .shapes import as_shape

if TYPE_CHECKING:
    from .outcomes import Outcomes

MAGIC, VERSION = b"pymetric", 1
START = struct.Struct("<8sIQ")
ARRAYS = {
    "category_ids": "<i8", "category_cells": "<i8", "cell_image": "<i4", "offsets": "<i8", "n_gt": "<i4",
    "scores": "<f8", "matched": "<u8", "ignored": "<u8",
}  # fmt: skip


def pack(outcomes: Outcomes) -> bytes:
    """The bytes of Outcomes."""
    import hashlib
    import json

    image_ids = np.asarray(outcomes.image_ids)
    arrays = {name: np.ascontiguousarray(getattr(outcomes, name), dtype) for name, dtype in ARRAYS.items()}
    named = image_ids.dtype.kind == "U"
    if not named:
        arrays["image_ids"] = np.ascontiguousarray(image_ids, "<i8")
    header = {
        "protocol": outcomes.protocol.to_dict(),
        "iou_type": outcomes.iou_type,
        "shape": dict(outcomes.shape.params),
        "category_names": {str(k): name for k, name in outcomes.category_names.items()},
        "image_ids": image_ids.tolist() if named else None,
        "shapes": {name: array.shape for name, array in arrays.items()},
    }
    text = json.dumps(header, sort_keys=True).encode()
    body = b"".join([START.pack(MAGIC, VERSION, len(text)), text, *(array.tobytes() for array in arrays.values())])
    return body + hashlib.sha256(body).digest()


def unpack(data: bytes) -> Outcomes:
    """Outcomes from their bytes.

    Raises:
        TypeError: data is not bytes.
        ValueError: the bytes are damaged, not of this kind, or of a newer version.
    """
    import hashlib
    import json

    from .outcomes import Outcomes

    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"data must be bytes, got {type(data).__name__}")
    data = bytes(data)
    if data[: len(MAGIC)] != MAGIC:
        raise ValueError(f"data is not pymetrics Outcomes: it begins with {data[:8]!r}, not {MAGIC!r}")
    if len(data) < START.size + 32:
        raise ValueError(f"data is damaged: {len(data)} bytes are too few")
    _, version, length = START.unpack_from(data)
    if version > VERSION:
        raise ValueError(f"data has version {version}, this pymetrics reads up to {VERSION}: update pymetrics")
    if hashlib.sha256(data[:-32]).digest() != data[-32:]:
        raise ValueError(f"data is damaged: the checksum of its {len(data)} bytes is wrong")
    try:
        header = json.loads(data[START.size : START.size + length])
        at, arrays = START.size + length, {}
        for name, dtype in {**ARRAYS, **({} if header["image_ids"] is not None else {"image_ids": "<i8"})}.items():
            shape = tuple(header["shapes"][name])
            count = int(np.prod(shape, dtype=np.int64))
            native = np.dtype(dtype).newbyteorder("=")
            arrays[name] = np.frombuffer(data, dtype, count, at).reshape(shape).astype(native)
            at += count * native.itemsize
        if at != len(data) - 32:
            raise ValueError(f"{len(data) - 32 - at} bytes are left over")
        image_ids: Any = arrays.pop("image_ids", None)
        if image_ids is None:
            image_ids = np.array(header["image_ids"], str)
        outcomes = Outcomes(
            protocol=Protocol.from_dict(header["protocol"]), shape=as_shape(header["iou_type"], **header["shape"]),
            image_ids=image_ids,
            category_names={int(k): name for k, name in header["category_names"].items()}, **arrays,
        )  # fmt: skip
        _check(outcomes)
        return outcomes
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"data is damaged: {error}") from error


def _check(outcomes: Outcomes) -> None:
    """That the arrays fit each other; what a right checksum does not say of a wrong writer."""
    protocol, n_cells, n_dt = outcomes.protocol, len(outcomes.cell_image), len(outcomes.scores)
    for name in ("area_ranges", "max_dets"):
        if not getattr(protocol, name):
            raise ValueError(f"the protocol's {name} are empty")
    shapes = {
        "category_ids": (len(outcomes.category_ids),), "category_cells": (len(outcomes.category_ids) + 1,),
        "cell_image": (n_cells,), "offsets": (n_cells + 1,), "n_gt": (n_cells, len(protocol.area_ranges)),
        "scores": (n_dt,), "matched": (n_dt, protocol.n_words), "ignored": (n_dt, protocol.n_words),
    }  # fmt: skip
    for name, shape in shapes.items():
        if getattr(outcomes, name).shape != shape:
            raise ValueError(f"{name} has shape {getattr(outcomes, name).shape}, not {shape}")
    for name, last in (("category_cells", n_cells), ("offsets", n_dt)):
        offsets = getattr(outcomes, name)
        if offsets[0] != 0 or offsets[-1] != last or np.any(np.diff(offsets) < 0):
            raise ValueError(f"{name} does not rise from 0 to {last}")
    if np.any((outcomes.matched | outcomes.ignored) & ~tables(protocol).reached_bits[-1]):
        raise ValueError("matched or ignored has a bit beyond the last (area, threshold) pair")
    if n_cells and outcomes.n_gt.min() < 0:
        raise ValueError("n_gt has counts below 0")
    if n_cells and not 0 <= outcomes.cell_image.min() <= outcomes.cell_image.max() < outcomes.n_images:
        raise ValueError("cell_image names an image that is not there")
    for name in ("image_ids", "category_ids"):
        ids = getattr(outcomes, name)
        if np.any(ids[1:] <= ids[:-1]) and (name == "image_ids" or len(set(ids.tolist())) != len(ids)):
            raise ValueError(f"{name} are not unique")
