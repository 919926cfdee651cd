"""What the C++ part makes of masks as dicts, and what it leaves to Python: the same answers, and the same errors."""

import numpy as np
import pytest

from pymetrics import _config
from pymetrics.coco import mask

pytestmark = pytest.mark.skipif(_config.native is None, reason="the C++ part is not there")
RNG = np.random.default_rng(5)
BITMAPS = [
    (RNG.random((h, w)) < share).astype(np.uint8) for h, w, share in ((7, 9, 0.5), (70, 130, 0.02), (1, 200, 0.9))
]
POLYGONS = [[1.0, 1.0, 40.5, 3.0, 20.25, 60.0], [5, 5, 5, 30, 30, 30, 30, 5], [0.5, 2.0, 300.0, 2.0, -4.0, 77.0, 9.0]]


class OwnDict(dict):
    pass


def unlike(rle):
    """The same mask in ways that are left to Python."""
    size = [np.int64(side) for side in rle["size"]]
    return [OwnDict(rle), {**rle, "size": size}, {**rle, "size": np.array(rle["size"])}]


def by_python(monkeypatch, function, *args):
    with monkeypatch.context() as patch:
        patch.setattr(mask._config, "native", None)
        patch.setenv("PYMETRICS_BACKEND", "reference")
        return function(*args)


@pytest.fixture
def rles():
    return [mask.encode(bitmap) for bitmap in BITMAPS]


@pytest.mark.parametrize(
    "bitmap", [*BITMAPS, np.ones((65, 64), bool), np.zeros((3, 4), np.uint8), np.eye(128, dtype=np.uint8) * 7]
)
def test_encode_in_every_layout(bitmap, monkeypatch):
    wanted = by_python(monkeypatch, mask.encode, bitmap)
    padded = np.zeros((bitmap.shape[0] + 2, bitmap.shape[1] + 3), bitmap.dtype)[1:-1, 2:-1]
    padded[:] = bitmap
    for layout in (bitmap, np.asfortranarray(bitmap), padded, np.flip(np.flip(bitmap).copy())):
        assert mask.encode(layout) == wanted
    assert (mask.decode(wanted) == (bitmap != 0)).all()


def test_other_forms_of_a_mask(rles):
    for rle in rles:
        text = {**rle, "counts": rle["counts"].decode()}
        for other in (text, {**rle, "size": tuple(rle["size"])}, {**rle, "more": 1}, *unlike(rle)):
            assert mask.area(other) == mask.area(rle)
            assert mask.area(other).dtype == np.uint32
            assert mask.toBbox(other).tobytes() == mask.toBbox(rle).tobytes()
            assert mask.decode(other).tobytes() == mask.decode(rle).tobytes()
            assert mask.decode(other).flags.f_contiguous
            assert mask.merge([other, rle]) == mask.merge([rle])
            assert mask.iou([other], [rle], [0]).tolist() == [[1.0]]


def test_lists(rles, monkeypatch):
    for function, args in (
        (mask.area, (rles,)), (mask.toBbox, (rles,)), (mask.iou, (rles, rles[:2], [0, 1])), (mask.merge, (rles,)),
        (mask.merge, (rles[:1] * 3, True)), (mask.frPyObjects, (POLYGONS, 50, 60)), (mask.decode, (rles[1:2] * 3,)),
        (mask.frPyObjects, (POLYGONS[0], 70, 30)), (mask.area, ([],)), (mask.toBbox, ([],)),
    ):  # fmt: skip
        got, wanted = function(*args), by_python(monkeypatch, function, *args)
        if isinstance(wanted, np.ndarray):
            assert (got.dtype, got.shape, got.strides) == (wanted.dtype, wanted.shape, wanted.strides)
            assert got.tobytes() == wanted.tobytes()
        else:
            assert got == wanted


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (mask.area, [{"size": [2, 2], "counts": b"\x01"}]), (mask.area, [{"size": [2, 2]}]), (mask.area, [5]),
        (mask.decode, [{"size": [2, 2], "counts": b"5"}]), (mask.toBbox, [{"size": [-1, 2], "counts": b"4"}]),
        (mask.merge, [[{"size": [2, 2], "counts": b"5"}] * 2]), (mask.area, [{"size": [2], "counts": b"4"}]),
        (mask.iou, [[{"size": [2, 2], "counts": b"5"}], [{"size": [2, 2], "counts": b"4"}], [0]]),
        (mask.iou, [[{"size": [2, 2], "counts": b"4"}], [{"size": [2, 2], "counts": b"4"}], [0, 1]]),
        (mask.frPyObjects, [[[1.0, 2.0, float("nan"), 3.0, 4.0, 5.0]], 5, 5]),
        (mask.frPyObjects, [[[1.0, 2.0, "3", 3.0, 4.0, "x"]], 5, 5]), (mask.frPyObjects, [POLYGONS, -1, 5]),
        (mask.frPyObjects, [[[1, 2, 10**400, 3, 4, 5]], 5, 5]), (mask.frPyObjects, [[[1.0] * 6, [2.0]], 5, 5]),
    ],
)  # fmt: skip
def test_errors_are_python_s(function, args, monkeypatch):
    with pytest.raises(Exception) as wanted:  # noqa: PT011
        by_python(monkeypatch, function, *args)
    with pytest.raises(type(wanted.value)) as got:
        function(*args)
    assert str(got.value) == str(wanted.value)


@pytest.mark.parametrize("backend", ["reference", "native", ""])
def test_another_backend_is_obeyed(backend, rles, monkeypatch):
    monkeypatch.setenv("PYMETRICS_BACKEND", backend)
    answers = [
        _config.native.measure_rles(rles, False), _config.native.decode_rles(rles[:1], 1),
        _config.native.merge_rles(rles[:1], False), _config.native.encode_rles(BITMAPS[0], 1),
        _config.native.iou_rles(rles, rles, np.zeros(3, np.uint8), 1), _config.native.draw_rles(POLYGONS, 5, 5, 1),
    ]  # fmt: skip
    assert [answer is None for answer in answers] == [backend == "reference"] * 6


def test_a_key_that_runs_code():
    """The dict whose key empties the list that holds it is still read to its end."""

    class Key:
        def __hash__(self):
            return hash("counts")

        def __eq__(self, other):
            rles.clear()
            return False

    rles: list = []
    rles.append({Key(): 1, **mask.encode(BITMAPS[0])})
    assert mask.area(rles).tolist() == [int(BITMAPS[0].sum())]
    assert rles == []
