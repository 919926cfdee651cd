"""mask.to_polygons: drawn again the polygons are the mask, its holes filled."""

import sys

import numpy as np
import pytest

from pymetrics.coco import mask


def without_holes(bitmap):
    """Background that no way of sides leads to from outside is filled."""
    wide = np.pad(bitmap, 1)
    outside, open_ends = np.zeros(wide.shape, bool), [(0, 0)]
    while open_ends:
        y, x = open_ends.pop()
        if 0 <= y < wide.shape[0] and 0 <= x < wide.shape[1] and not wide[y, x] and not outside[y, x]:
            outside[y, x] = True
            open_ends += [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
    return (~outside[1:-1, 1:-1]).astype(np.uint8)


def drawn(polygons, height, width):
    return mask.decode(mask.merge(mask.frPyObjects(polygons, height, width)))


@pytest.fixture
def cv2(need):
    return need("cv2")


def test_drawn_again_they_are_the_mask(cv2, backend):
    rng = np.random.default_rng(0)
    for _ in range(400 if backend == "native" else 60):
        height, width = rng.integers(1, 14, 2).tolist()
        bitmap = (rng.random((height, width)) < rng.random()).astype(np.uint8)
        bitmap[0, 0] = 1
        polygons = mask.to_polygons(mask.encode(np.asfortranarray(bitmap)))
        assert np.array_equal(drawn(polygons, height, width), without_holes(bitmap)), bitmap


def test_values(cv2):
    bitmap = np.zeros((6, 9), np.uint8)
    bitmap[1:3, 2:5] = 1
    bitmap[2:4, 4:6] = 1
    bitmap[5, 8] = 1
    polygons = mask.to_polygons(mask.encode(np.asfortranarray(bitmap)))
    assert sorted(map(len, polygons)) == [8, 16]
    corners = {(x, y) for x, y in zip(max(polygons)[::2], max(polygons)[1::2], strict=True)}
    assert corners == {(8, 5), (9, 5), (9, 6), (8, 6)}
    assert all(type(value) is float for polygon in polygons for value in polygon)
    rle = mask.encode(np.zeros((6, 9), np.uint8, order="F"))
    assert mask.to_polygons(rle) == []
    with pytest.raises(TypeError, match="rle must be one mask, a dict of size and counts, got list"):
        mask.to_polygons([rle])


def test_without_opencv(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ImportError, match=r"pip install 'pymetrics-detection\[opencv\]'"):
        mask.to_polygons(mask.encode(np.ones((2, 2), np.uint8, order="F")))
