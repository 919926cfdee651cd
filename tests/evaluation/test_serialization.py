"""Outcomes and matches as bytes: what is damaged, foreign, of another version or contradictory is refused."""

import copy
import hashlib
import json
import pickle
import struct

import numpy as np
import pytest

import pymetrics
from pymetrics import Accumulator, Protocol
from pymetrics.evaluation import serialization


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
    for version, text in ((serialization.VERSION + 1, "this pymetrics reads version .*update"), (1, "no released")):
        other = sealed(packed[:8] + struct.pack("<I", version) + packed[12:-32])
        with pytest.raises(ValueError, match=f"^data has version {version}, .*{text}"):
            Accumulator.from_bytes(other)
    for kind in (bytes, bytearray, memoryview):
        assert Accumulator.from_bytes(kind(packed)).to_bytes() == packed


def sealed(body):
    return body + hashlib.sha256(body).digest()


def rewritten(packed, change):
    """The bytes with another header, and a checksum that is right."""
    magic, version, length = serialization.START.unpack_from(packed)
    start = serialization.START.size
    header = json.loads(packed[start : start + length])
    change(header)
    text = json.dumps(header).encode()
    return sealed(serialization.START.pack(magic, version, len(text)) + text + packed[start + length : -32])


def set_shape(name, shape):
    return lambda header: entry_of(header, name).__setitem__(2, shape)


def set_dtype(name, dtype):
    return lambda header: entry_of(header, name).__setitem__(1, dtype)


def entry_of(header, name):
    """The (name, dtype, shape) of an array."""
    return next(entry for entry in header["arrays"] if entry[0] == name)


def set_field(name, value):
    return lambda header: header["fields"].__setitem__(name, value)


def set_protocol(**values):
    return lambda header: header["fields"]["protocol"].update(values)


BAD_HEADERS = [
    lambda header: header.pop("fields"),
    lambda header: header.pop("arrays"),
    lambda header: header.pop("kind"),
    lambda header: header.update(kind="matches"),
    lambda header: header["fields"].pop("protocol"),
    lambda header: header["arrays"].pop(),
    lambda header: header.update(arrays=[]),
    lambda header: header.update(arrays=5),
    set_protocol(invented=1),
    set_protocol(iou_thresholds="abc"),
    set_protocol(area_ranges=[[0, 1], [1, 2]], area_names=["a", "b"]),
    set_protocol(max_dets=[]),
    set_protocol(summary=[{"key": "map"}]),
    set_field("iou_type", "segments"),
    set_field("shape", {"sigmas": 1}),
    set_field("category_names", {"x": "y"}),
    set_field("category_names", []),
    set_field("kept_areas", ["all"]),
    set_shape("scores", [-1]),
    set_shape("scores", [2**62]),
    set_shape("scores", [2**70]),
    set_shape("scores", ["a"]),
    set_shape("scores", [0.5]),
    set_shape("n_gt", [2, 2]),
    set_shape("image_ids", [1]),
    set_shape("category_cells", []),
    set_dtype("scores", "<f4"),
    set_dtype("scores", "<i8"),
    set_dtype("scores", "|O"),
    set_dtype("scores", ">f8"),
    set_dtype("scores", "number"),
    set_dtype("image_ids", "<f8"),
    set_dtype("category_ids", "<f8"),
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
    arrays = {
        name: np.asarray(getattr(outcomes, name)) for name in [*serialization.OUTCOMES, "image_ids", "category_ids"]
    }
    change(arrays)
    wrong = (
        copy.replace(outcomes, **arrays) if hasattr(copy, "replace") else type(outcomes)(**{**vars(outcomes), **arrays})
    )
    with pytest.raises(ValueError, match=r"^data is damaged: "):
        pymetrics.Outcomes.from_bytes(wrong.to_bytes())


@pytest.fixture(scope="module")
def with_matches():
    rng = np.random.default_rng(7)
    x, y, w, h = rng.integers(4, 60, (4, 12))
    gt = np.stack([rng.integers(1, 5, 12), x, y, w, h, rng.integers(1, 4, 12)], axis=1)
    dt = np.insert(gt[:9] * 1.0, 5, rng.integers(1, 9, 9) / 10, axis=1)
    accumulator = Accumulator(keep_matches=["all", "large"])
    accumulator.update(gt, dt)
    return accumulator


def test_matches_are_saved(with_matches, tmp_path):
    packed = with_matches.to_bytes()
    again = Accumulator.from_bytes(packed)
    assert again.keep_matches == ("all", "large")
    assert again.to_bytes() == packed
    result = with_matches.compute()
    result.save(tmp_path / "result")
    loaded = pymetrics.Result.load(tmp_path / "result")
    assert loaded.columns is None
    assert loaded.to_json() == result.to_json()
    for one, other in ((again.compute(), result), (loaded, result)):
        for name, value in vars(one.matches).items():
            want = getattr(other.matches, name)
            assert value.tobytes() == want.tobytes() if isinstance(value, np.ndarray) else value == want, name


@pytest.mark.parametrize(
    ("name", "at", "value"),
    [("gt_of", 0, 10**6), ("gt_of", 0, -2), ("gt_offsets", -1, 10**6), ("gt_offsets", 0, 1), ("gt_offsets", 1, -1)],
)
def test_matches_that_contradict_each_other(with_matches, name, at, value):
    outcomes, matches = with_matches.outcomes(), with_matches.matches()
    arrays = {key: np.array(getattr(matches, key)) for key in serialization.MATCHES}
    arrays[name].flat[at] = value
    wrong = type(matches)(**{**vars(matches), **arrays})
    with pytest.raises(ValueError, match=r"^data is damaged: matches\."):
        Accumulator.from_bytes(serialization.outcomes_to_bytes(outcomes, wrong))


def test_saving_leaves_no_half_written_file(with_matches, tmp_path, monkeypatch):
    result, path = with_matches.compute(), tmp_path / "result"
    path.write_bytes(b"before")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk")))
    with pytest.raises(OSError, match="disk"):
        result.save(path)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
    path.write_bytes(b"pymetric")
    with pytest.raises(ValueError, match=r"result': data is damaged"):
        pymetrics.Result.load(path)
    with pytest.raises(FileNotFoundError):
        pymetrics.Result.load(tmp_path / "nothing")


def test_a_result_that_cannot_be_saved_names_the_path_of_the_user(with_matches, tmp_path):
    for path, kind in ((tmp_path / "missing" / "x", FileNotFoundError), (tmp_path, IsADirectoryError)):
        with pytest.raises(kind) as caught:
            with_matches.compute().save(path)
        assert str(caught.value).endswith(f": {str(path)!r}")
    assert list(tmp_path.parent.glob("*.unfinished")) == []
