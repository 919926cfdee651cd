"""What pymetrics.coco.mask refuses, on every backend; and what it takes beyond pycocotools."""

import numpy as np
import pytest

from pymetrics.coco import mask

GOOD = {"size": [5, 6], "counts": b";2309"}
BAD_TEXTS = {
    "cut off": b";23o",
    "cut off at once": b"o",
    "other characters": b";2\x00309",
    "below 0": b";2 309",
    "a number of 13 characters": b"pppppppppppp0",
    "not ASCII": "é",
}
BAD_SUMS = {"short": b";2", "long": b";2309" * 2, "empty": b"", "wraps to below 0": b";23N09"}


@pytest.fixture(params=["reference", "native", pytest.param("numba", marks=pytest.mark.slow)], autouse=True)
def backend(request, need, monkeypatch):
    if request.param != "reference":
        need("pymetrics._native" if request.param == "native" else "numba")
    monkeypatch.setenv("PYMETRICS_BACKEND", request.param)


def calls(rle):
    yield lambda: mask.decode(rle)
    yield lambda: mask.decode([GOOD, rle])
    yield lambda: mask.merge([GOOD, rle])
    yield lambda: mask.iou([rle], [GOOD], [0])
    yield lambda: mask.iou([GOOD], [GOOD, rle], [0, 1])


@pytest.mark.parametrize("counts", BAD_TEXTS.values(), ids=BAD_TEXTS)
def test_texts_that_are_no_runs(counts):
    rle = {"size": [5, 6], "counts": counts}
    for call in (*calls(rle), lambda: mask.area(rle), lambda: mask.toBbox(rle)):
        with pytest.raises(ValueError, match=r"\[\d\] holds no compressed runs"):
            call()


@pytest.mark.parametrize("counts", BAD_SUMS.values(), ids=BAD_SUMS)
def test_runs_that_do_not_sum_to_the_size(counts):
    rle = {"size": [5, 6], "counts": counts}
    for call in calls(rle):
        with pytest.raises(ValueError, match=r"has runs of \d+ pixels in all, but its size is 5 x 6, which is 30"):
            call()
    assert mask.area(rle).dtype == np.uint32  # what pycocotools says of these it says here
    assert mask.toBbox(rle).shape == (4,)


@pytest.mark.parametrize(
    ("size", "error", "words"),
    [
        ([-5, 6], OverflowError, "height and width must be at least 0"),
        ([2**20, 2**13], ValueError, "their product below 2"),
        ([2**62, 4], ValueError, "their product below 2"),
    ],
)
def test_sizes(size, error, words):
    with pytest.raises(error, match=words):
        mask.area({"size": size, "counts": b"0"})
    with pytest.raises(error, match=words):
        mask.frPyObjects([[1.0, 1, 4, 1, 4, 4]], *size)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e12, 2.0**27, -(2.0**27)])
def test_coordinates(value):
    with pytest.raises(ValueError, match=r"pyobj\[1\] has the point .* finite and below"):
        mask.frPyObjects([[1.0, 1, 4, 1, 4, 4], [1.0, 1, value, 1, 4, 4]], 5, 6)
    with pytest.raises(ValueError, match=r"pyobj\[0\] has the point"):
        mask.frPyObjects(np.array([[value, 1, 1, 2]]), 5, 6)


def test_far_coordinates_are_quick():
    """Only the columns of the mask are visited."""
    far = 2.0**27 - 1
    rle = mask.frPyObjects([[-far, -far, far, -far, far, far, -far, far]], 5, 6)[0]
    assert mask.area(rle) == 30


def test_types():
    with pytest.raises(TypeError, match="must be bytes or str, got list"):
        mask.area({"size": [5, 6], "counts": [5, 25]})
    with pytest.raises(KeyError, match="counts"):
        mask.area({"size": [5, 6]})
    with pytest.raises(KeyError, match="size"):
        mask.area({"counts": b"0"})
    with pytest.raises(ValueError, match="must be uint8 or bool, got dtype float64"):
        mask.encode(np.zeros((3, 4)))
    with pytest.raises(ValueError, match=r"must have shape \(N, height, width\)"):
        mask.encode_many(np.zeros((3, 4), np.uint8))
    with pytest.raises(ValueError, match="one array holds masks of one size"):
        mask.decode([GOOD, {"size": [6, 5], "counts": GOOD["counts"]}])
    assert mask.decode([]).shape == (0, 0, 0)


def test_iou_of_other_things():
    for dt in ([(1, 1, 2, 2)], [[1, 1, 2, 2], [1, 2]], GOOD, "abc", np.zeros((2, 5)), np.zeros(4)):
        with pytest.raises(Exception, match="dt"):
            mask.iou(dt, [GOOD], [0])
    with pytest.raises(Exception, match="of one kind"):
        mask.iou([GOOD], [[1, 1, 2, 2]], [0])
    with pytest.raises(AssertionError, match="as many flags as gt has"):
        mask.iou([GOOD], [GOOD, GOOD], [0])
    with pytest.raises(ValueError, match=r"pyiscrowd must have shape"):
        mask.iou([GOOD], [GOOD], [[0]])
    assert mask.iou([], [GOOD], [0]) == []


def test_objects():
    with pytest.raises(IndexError):
        mask.frPyObjects([], 5, 6)
    with pytest.raises(OverflowError):
        mask.frPyObjects({"counts": [-5, 35], "size": [5, 6]}, 5, 6)
    with pytest.raises(Exception, match="not supported"):
        mask.frPyObjects([[1.0, 1]], 5, 6)
    with pytest.raises(Exception, match="not supported"):
        mask.frPyObjects("abc", 5, 6)
    with pytest.raises(ValueError, match=r"pyobj\[1\] must be a list x, y"):
        mask.frPyObjects([[1.0, 1, 4, 1, 4, 4], [1.0]], 5, 6)
    with pytest.raises(ValueError, match=r"pyobj\[0\] must hold a list of runs"):
        mask.frPyObjects({"counts": [[1, 2]], "size": [5, 6]}, 5, 6)


def test_beyond_pycocotools():
    """Lists of boxes, and one polygon or box without a list around it."""
    boxes, polygon = np.array([[1.0, 1, 2, 2], [0, 0, 3, 3]]), [1.0, 1, 4, 1, 4, 4]
    assert mask.frPyObjects(boxes.tolist(), 5, 6) == mask.frPyObjects(boxes, 5, 6)
    assert mask.frPyObjects(boxes.tolist()[0], 5, 6) == mask.frPyObjects(boxes, 5, 6)[0]
    assert mask.frPyObjects(polygon, 5, 6) == mask.frPyObjects([polygon], 5, 6)[0]
