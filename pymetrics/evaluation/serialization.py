"""Results as bytes: a container of named arrays that describes itself, so that later fields do not break older bytes.

8 bytes  b"pymetric"      the magic
4 bytes  version          unsigned, little-endian, as all numbers here
8 bytes  length           of the header
header                    JSON: kind, fields, and (name, dtype, shape) of each array
arrays                    raw, in the order of the header
32 bytes SHA-256          of all that stands before
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .matches import Matches
from .protocol import Protocol, tables
from .shapes import as_shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .outcomes import Outcomes

MAGIC, VERSION = b"pymetric", 2
START = struct.Struct("<8sIQ")
OUTCOMES = {
    "category_cells": "<i8", "cell_image": "<i4", "offsets": "<i8", "n_gt": "<i4",
    "scores": "<f8", "matched": "<u8", "ignored": "<u8",
}  # fmt: skip
MATCHES = {
    "dt_row": "<i8", "gt_row": "<i8", "gt_offsets": "<i8", "gt_of": "<i4", "overlap": "<f8", "matched": "<u8",
    "ignored": "<u8", "gt_ignored": "<u8",
}  # fmt: skip


def pack(kind: str, fields: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The container of some arrays, in little-endian dtypes of numbers or text, and of fields that JSON can hold."""
    import hashlib
    import json

    found = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    shapes = [[name, array.dtype.str, list(array.shape)] for name, array in found.items()]
    text = json.dumps({"kind": kind, "fields": fields, "arrays": shapes}, sort_keys=True).encode()
    body = b"".join([START.pack(MAGIC, VERSION, len(text)), text, *(array.tobytes() for array in found.values())])
    return body + hashlib.sha256(body).digest()


def unpack(data: bytes, kind: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The fields and arrays of a container of this kind.

    Raises:
        TypeError: data is not bytes.
        ValueError: the bytes are damaged, not of this kind, or of another version.
    """
    import hashlib
    import json

    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"data must be bytes, got {type(data).__name__}")
    data = bytes(data)
    if data[: len(MAGIC)] != MAGIC:
        raise ValueError(f"data is not pymetrics Outcomes: it begins with {data[:8]!r}, not {MAGIC!r}")
    if len(data) < START.size + 32:
        raise ValueError(f"data is damaged: {len(data)} bytes are too few")
    _, version, length = START.unpack_from(data)
    if version > VERSION:
        raise ValueError(f"data has version {version}, this pymetrics reads version {VERSION}: update pymetrics")
    if version < VERSION:
        raise ValueError(f"data has version {version}, which no released pymetrics wrote: make it again")
    if hashlib.sha256(data[:-32]).digest() != data[-32:]:
        raise ValueError(f"data is damaged: the checksum of its {len(data)} bytes is wrong")
    try:
        header = json.loads(data[START.size : START.size + length])
        if header["kind"] != kind:
            raise ValueError(f"it holds {header['kind']!r}, not {kind!r}")
        at, arrays = START.size + length, {}
        for name, dtype, shape in header["arrays"]:
            stored = np.dtype(dtype)
            if (
                stored.kind not in "iufbU"
                or stored.byteorder == ">"
                or not all(type(n) is int and n >= 0 for n in shape)
            ):
                raise ValueError(f"{name} has dtype {dtype!r} and shape {shape!r}")
            count = int(np.prod(shape, dtype=object)) if shape else 1
            if count * stored.itemsize > len(data) - 32 - at:
                raise ValueError(f"{name} is longer than the data")
            native = stored.newbyteorder("=")
            arrays[name] = np.frombuffer(data, stored, count, at).reshape(shape).astype(native)
            at += count * stored.itemsize
        if at != len(data) - 32:
            raise ValueError(f"{len(data) - 32 - at} bytes are left over")
        return dict(header["fields"]), arrays
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"data is damaged: {error}") from error


def outcomes_to_bytes(outcomes: Outcomes, matches: Matches | None = None) -> bytes:
    """Outcomes on the host, and the matches that were kept with them."""
    arrays = {"category_ids": _little_endian(outcomes.category_ids)}
    arrays |= {name: np.ascontiguousarray(getattr(outcomes, name), dtype) for name, dtype in OUTCOMES.items()}
    arrays["image_ids"] = _little_endian(outcomes.image_ids)
    fields = {
        "protocol": outcomes.protocol.to_dict(),
        "iou_type": outcomes.iou_type,
        "shape": dict(outcomes.shape.params),
        "category_names": {str(k): name for k, name in outcomes.category_names.items()},
        "category_groups": {name: list(members) for name, members in outcomes.category_groups.items()},
        "kept_areas": None if matches is None else list(matches.protocol.area_names),
    }
    if matches is not None:
        for name, dtype in MATCHES.items():
            arrays[f"matches.{name}"] = np.ascontiguousarray(getattr(matches, name), dtype)
    return pack("outcomes", fields, arrays)


def _little_endian(ids: Any) -> NDArray[Any]:
    """Ids as int64 or text."""
    found: NDArray[Any] = np.ascontiguousarray(ids)
    return found.astype(found.dtype.newbyteorder("<") if found.dtype.kind == "U" else "<i8")


def outcomes_from_bytes(data: bytes) -> tuple[Outcomes, Matches | None]:
    """The inverse of outcomes_to_bytes. Raises TypeError or ValueError, as `unpack`."""
    from .outcomes import Outcomes

    fields, arrays = unpack(data, "outcomes")
    try:
        key = str if arrays["category_ids"].dtype.kind == "U" else int
        outcomes = Outcomes(
            protocol=Protocol.from_dict(fields["protocol"]),
            shape=as_shape(fields["iou_type"], **fields["shape"]),
            image_ids=arrays["image_ids"],
            category_ids=arrays["category_ids"],
            category_names={key(k): name for k, name in fields["category_names"].items()},
            category_groups={name: tuple(members) for name, members in fields.get("category_groups", {}).items()},
            **{name: _typed(arrays[name], name, dtype) for name, dtype in OUTCOMES.items()},
        )
        _check(outcomes)
        if fields.get("kept_areas") is None:
            return outcomes, None
        found = {name: _typed(arrays[f"matches.{name}"], f"matches.{name}", dtype) for name, dtype in MATCHES.items()}
        return outcomes, _matches_of(outcomes, fields["kept_areas"], found)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(f"data is damaged: {error}") from error


def _typed(array: NDArray[Any], name: str, dtype: str) -> Any:
    if array.dtype != np.dtype(dtype).newbyteorder("="):
        raise ValueError(f"{name} has dtype {array.dtype}, not {np.dtype(dtype)}")
    return array


def _matches_of(outcomes: Outcomes, areas: list[str], found: dict[str, Any]) -> Matches:
    protocol = outcomes.protocol.with_areas(areas)
    n_dt, n_gt, n_cells = len(outcomes.scores), len(found["gt_row"]), len(outcomes.cell_image)
    shapes = {
        "dt_row": (n_dt,), "gt_row": (n_gt,), "gt_offsets": (n_cells + 1,), "gt_of": (n_dt, protocol.n_bits),
        "overlap": (n_dt, protocol.n_bits), "matched": (n_dt, protocol.n_words), "ignored": (n_dt, protocol.n_words),
        "gt_ignored": (n_gt, protocol.n_words),
    }  # fmt: skip
    for name, shape in shapes.items():
        if found[name].shape != shape:
            raise ValueError(f"matches.{name} has shape {found[name].shape}, not {shape}")
    _check_offsets("matches.gt_offsets", found["gt_offsets"], n_gt)
    counts = np.repeat(np.diff(found["gt_offsets"]), np.diff(outcomes.offsets))
    if n_dt and not (np.all(found["gt_of"] >= -1) and np.all(found["gt_of"] < counts[:, None])):
        raise ValueError("matches.gt_of names a ground truth that is not in its cell")
    return Matches(
        protocol=protocol, image_ids=outcomes.image_ids, category_ids=outcomes.category_ids,
        category_cells=outcomes.category_cells, cell_image=outcomes.cell_image, dt_offsets=outcomes.offsets,
        scores=outcomes.scores, **found,
    )  # fmt: skip


def _check(outcomes: Outcomes) -> None:
    """That the arrays fit each other; what a right checksum does not say of a wrong writer."""
    protocol, n_cells, n_dt = outcomes.protocol, len(outcomes.cell_image), len(outcomes.scores)
    if not protocol.area_ranges or not protocol.max_dets:
        raise ValueError("the protocol has no area_ranges or no max_dets")
    for name in ("image_ids", "category_ids"):
        ids = getattr(outcomes, name)
        if ids.ndim != 1 or (ids.dtype.kind != "U" and ids.dtype != np.int64):
            raise ValueError(f"{name} have dtype {ids.dtype} and shape {ids.shape}")
    shapes = {
        "category_cells": (len(outcomes.category_ids) + 1,),
        "cell_image": (n_cells,), "offsets": (n_cells + 1,), "n_gt": (n_cells, len(protocol.area_ranges)),
        "scores": (n_dt,), "matched": (n_dt, protocol.n_words), "ignored": (n_dt, protocol.n_words),
    }  # fmt: skip
    for name, shape in shapes.items():
        if getattr(outcomes, name).shape != shape:
            raise ValueError(f"{name} has shape {getattr(outcomes, name).shape}, not {shape}")
    for name, last in (("category_cells", n_cells), ("offsets", n_dt)):
        _check_offsets(name, getattr(outcomes, name), last)
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


def _check_offsets(name: str, offsets: NDArray[Any], last: int) -> None:
    if offsets[0] != 0 or offsets[-1] != last or np.any(np.diff(offsets) < 0):
        raise ValueError(f"{name} does not rise from 0 to {last}")
