"""Parts of images with more digits than a float64 holds: pixels come back to the last bit."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from pymetrics.formats.boxes import BoxFormat, RawBoxes, to_xywh
from pymetrics.formats.fine import centred, ends, low_part, to_pixels


def boxes_and_sizes(n=4000):
    rng = np.random.default_rng(5)
    sizes = rng.integers(1, 5000, (n, 2)).astype(float)
    part = rng.random((n, 2, 2))
    boxes = np.concatenate([part[:, 0], part[:, 1] * (1 - part[:, 0])], 1) * sizes[:, [1, 0, 1, 0]]
    kinds = np.arange(n) % 4
    boxes[kinds == 0] = np.round(boxes[kinds == 0])
    boxes[kinds == 1] = np.round(boxes[kinds == 1], 2)
    boxes[kinds == 2, :2] = 0
    return boxes, sizes


@pytest.mark.parametrize(("write", "layout"), [(centred, "cxcywh"), (ends, "xyxy")])
def test_pixels_come_back(write, layout):
    boxes, sizes = boxes_and_sizes()
    order = [0, 1, 2, 3] if layout == "cxcywh" else [0, 2, 1, 3]
    texts = [
        [write(box, (width, height))[k] for k in order]
        for box, (height, width) in zip(boxes.tolist(), sizes.tolist(), strict=True)
    ]
    values = np.array([[float(text) for text in row] for row in texts])
    low = np.array([[low_part(text) for text in row] for row in texts])
    raw = RawBoxes(values, BoxFormat(layout, normalized=True), low)
    assert raw.scaled(to_xywh(values, layout), sizes).tobytes() == boxes.tobytes()
    has_more = (low != 0).any(axis=1)
    assert 0.1 < has_more.mean() < 1  # floats do where they can
    assert RawBoxes(values, raw.format).scaled(to_xywh(values, layout), sizes).tobytes() != boxes.tobytes()


@pytest.mark.parametrize("layout", ["cxcywh", "xyxy"])
def test_arithmetic_beside_fractions(layout):
    rng = np.random.default_rng(6)
    values = rng.random((500, 4))
    low, sizes = values * rng.uniform(-1e-17, 1e-17, (500, 4)), rng.integers(1, 9000, (500, 2)).astype(float)
    found = to_pixels(values, low, layout, sizes)
    for row in range(500):
        parts = [Fraction(a) + Fraction(b) for a, b in zip(values[row].tolist(), low[row].tolist(), strict=True)]
        for axis in (0, 1):
            one, other, side = parts[axis], parts[axis + 2], Fraction(sizes[row, 1 - axis])
            begin = one - other / 2 if layout == "cxcywh" else one
            length = other if layout == "cxcywh" else other - one
            wanted = float(begin * side), float(length * side)
            assert found[row, axis] == pytest.approx(wanted[0], rel=3e-16, abs=1e-300)
            assert found[row, axis + 2] == pytest.approx(wanted[1], rel=3e-16, abs=1e-300)


def test_low_parts():
    assert low_part("0.1") == low_part("0.12345678901234567") == 0
    text = "0.12345678901234567890123456789012"
    assert Fraction(low_part(text)) == pytest.approx(Fraction(text) - Fraction(float(text)), rel=1e-15)
    assert low_part(text.encode()) == low_part(text)


@pytest.mark.parametrize("text", ["9" * 400, "nan".rjust(30), "-" + "0" * 40, "1e-300".rjust(30), "1" * 30 + "e-320"])
def test_numbers_that_have_no_low_part(text):
    assert low_part(text) == 0
