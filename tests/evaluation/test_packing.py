"""Outcomes as bytes: what is damaged, foreign, newer or contradictory is refused."""

import copy
import hashlib
import json
import pickle
import struct

import numpy as np
import pytest

import pymetrics
from pymetrics import Accumulator, Protocol
from pymetrics.evaluation import packing


@pytest.fixture(scope="module")
def packed():
    """A few images: small enough to damage every byte in turn."""
    rng = np.random.default_rng(6)
    x, y, w, h = rng.integers(4, 60, (4, 12))
    gt = np.stack([rng.integers(1, 5, 12), x, y, w, h, rng.integers(1, 4, 12)], axis=1)
    dt = np.insert(gt[:9] * 1.0, 5, rng.integers(1, 9, 9) / 10, axis=1)
    dt[:, 1] += 1
    accumulator = Accumulator(Protocol(max_dets=(2,), recall_thresholds=(0.5,), iou_thresholds=(0.5,)))
    accumulator.update(gt, dt)
    return accumulator.to_bytes()


def test_every_damaged_byte_is_noticed(packed):
    rng = np.random.default_rng(0)
    for at in range(len(packed)):
        damaged = bytearray(packed)
        damaged[at] ^= int(rng.integers(1, 256))
        with pytest.raises(ValueError, match=r"^data (is damaged|is not pymetrics|has version)"):
            Accumulator.from_bytes(bytes(damaged))


def test_bytes_that_are_cut_or_longer(packed):
    for n in range(len(packed)):
        with pytest.raises(ValueError, match=r"^data (is damaged|is not pymetrics)"):
            Accumulator.from_bytes(packed[:n])
    for other in (packed + b"\0", packed + packed, b"\0" + packed):
        with pytest.raises(ValueError, match=r"^data is (damaged|not pymetrics)"):
            Accumulator.from_bytes(other)


def test_foreign_and_newer_bytes(packed):
    for foreign in (b"", b"{}", pickle.dumps({}), b"PK\x03\x04" * 30, bytes(500)):
        with pytest.raises(ValueError, match=r"^data is not pymetrics Outcomes: it begins with"):
            Accumulator.from_bytes(foreign)
    with pytest.raises(TypeError, match="data must be bytes, got str"):
        Accumulator.from_bytes("pymetric")
    newer = sealed(packed[:8] + struct.pack("<I", packing.VERSION + 1) + packed[12:-32])
    with pytest.raises(ValueError, match=f"version {packing.VERSION + 1}, this pymetrics reads up to .*update"):
        Accumulator.from_bytes(newer)
    for kind in (bytes, bytearray, memoryview):
        assert Accumulator.from_bytes(kind(packed)).to_bytes() == packed


def sealed(body):
    return body + hashlib.sha256(body).digest()


def rewritten(packed, change):
    """The bytes with another header, and a checksum that is right."""
    magic, version, length = packing.START.unpack_from(packed)
    start = packing.START.size
    header = json.loads(packed[start : start + length])
    change(header)
    text = json.dumps(header).encode()
    return sealed(packing.START.pack(magic, version, len(text)) + text + packed[start + length : -32])


def set_shape(name, shape):
    return lambda header: header["shapes"].__setitem__(name, shape)


BAD_HEADERS = [
    lambda header: header.pop("protocol"),
    lambda header: header.pop("shapes"),
    lambda header: header["protocol"].update(invented=1),
    lambda header: header["protocol"].update(iou_thresholds="abc"),
    lambda header: header["protocol"].update(area_ranges=[[0, 1], [1, 2]], area_names=["a", "b"]),
    lambda header: header["shapes"].pop("scores"),
    lambda header: header.update(image_ids=["a"]),
    lambda header: header.update(image_ids=5),
    lambda header: header.update(category_names={"x": "y"}),
    lambda header: header.update(category_names=[]),
    lambda header: header.update(shapes=[]),
    set_shape("scores", [-1]),
    set_shape("scores", [2**62]),
    set_shape("scores", [2**70]),
    set_shape("scores", ["a"]),
    set_shape("scores", [0.5]),
    set_shape("n_gt", [2, 2]),
    set_shape("image_ids", [1]),
    set_shape("category_cells", []),
]


@pytest.mark.parametrize("change", BAD_HEADERS)
def test_headers_that_contradict_the_arrays(packed, change):
    with pytest.raises(ValueError, match=r"^data is damaged: "):
        Accumulator.from_bytes(rewritten(packed, change))


def set_array(name, at, value):
    def change(arrays):
        arrays[name] = arrays[name].copy()
        arrays[name].flat[at] = value

    return change


BAD_ARRAYS = [
    set_array("n_gt", 0, -1),
    set_array("offsets", 1, 10**9),
    set_array("offsets", 0, 1),
    set_array("offsets", -1, 10**9),
    set_array("category_cells", 1, -1),
    set_array("cell_image", 0, -1),
    set_array("cell_image", 0, 10**6),
    set_array("image_ids", 1, -(10**6)),
    set_array("category_ids", 1, 1),
]


@pytest.mark.parametrize("change", BAD_ARRAYS)
def test_arrays_that_contradict_each_other(packed, change):
    """A right checksum of a wrong writer."""
    outcomes = pymetrics.Outcomes.from_bytes(packed)
    arrays = {name: np.asarray(getattr(outcomes, name)) for name in [*packing.ARRAYS, "image_ids"]}
    change(arrays)
    wrong = (
        copy.replace(outcomes, **arrays) if hasattr(copy, "replace") else type(outcomes)(**{**vars(outcomes), **arrays})
    )
    with pytest.raises(ValueError, match=r"^data is damaged: "):
        pymetrics.Outcomes.from_bytes(wrong.to_bytes())
