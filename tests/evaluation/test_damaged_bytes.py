"""Bytes whose checksum is right, but whose header is not one that to_bytes writes."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from pymetrics import Accumulator
from pymetrics.evaluation import serialization

GT, DT = np.array([[1, 10, 10, 50, 50, 3]]), np.array([[1, 10, 10, 50, 40, 0.9, 3]])


def sealed(packed, header):
    _, _, length = serialization.START.unpack_from(packed)
    rest = packed[serialization.START.size + length : -32]
    body = serialization.START.pack(serialization.MAGIC, serialization.VERSION, len(header)) + header + rest
    return body + hashlib.sha256(body).digest()


@pytest.fixture
def packed():
    accumulator = Accumulator()
    accumulator.update(GT, DT)
    return accumulator.to_bytes()


def header_of(packed):
    _, _, length = serialization.START.unpack_from(packed)
    return json.loads(packed[serialization.START.size : serialization.START.size + length])


def test_a_protocol_without_limits(packed):
    header = header_of(packed)
    assert Accumulator.from_bytes(sealed(packed, json.dumps(header).encode())).n_images == 1
    header["fields"]["protocol"]["max_dets"] = []
    with pytest.raises(ValueError, match="data is damaged: the protocol has no area_ranges or no max_dets"):
        Accumulator.from_bytes(sealed(packed, json.dumps(header).encode()))


def test_a_protocol_without_area_ranges():
    packed = Accumulator().to_bytes()  # no cell, so that no array depends on the number of areas
    header = header_of(packed)
    header["fields"]["protocol"] |= {"area_ranges": [], "area_names": []}
    next(entry for entry in header["arrays"] if entry[0] == "n_gt")[2] = [0, 0]
    with pytest.raises(ValueError, match="data is damaged: the protocol has no area_ranges or no max_dets"):
        Accumulator.from_bytes(sealed(packed, json.dumps(header).encode()))


def test_a_header_nested_too_deep(packed):
    for text in (b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000):
        with pytest.raises(ValueError, match="data is damaged: "):
            Accumulator.from_bytes(sealed(packed, text))


def test_matches_with_rows_of_two_numbers():
    accumulator = Accumulator(keep_matches=True)
    accumulator.update(GT, DT)
    matches = accumulator.matches()
    wide = replace(matches, gt_row=np.stack([matches.gt_row, matches.gt_row], axis=1))
    packed = serialization.outcomes_to_bytes(accumulator.outcomes(), wide)
    with pytest.raises(ValueError, match=r"data is damaged: matches\.gt_row has shape \(1, 2\), not \(1,\)"):
        Accumulator.from_bytes(packed)


def test_matches_of_another_dtype():
    accumulator = Accumulator(keep_matches=True)
    accumulator.update(GT, DT)
    matches = accumulator.matches()
    packed = serialization.outcomes_to_bytes(accumulator.outcomes(), matches)
    header = header_of(packed)
    next(entry for entry in header["arrays"] if entry[0] == "matches.matched")[1] = "<i8"
    with pytest.raises(ValueError, match=r"data is damaged: matches\.matched has dtype int64, not uint64"):
        Accumulator.from_bytes(sealed(packed, json.dumps(header).encode()))
