"""Overlaps of rotated boxes: against shapely, against boxes without an angle, and what holds to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.rotated_cases import corners, make_boxes, overlaps, pairs

import pymetrics
from pymetrics.formats.rotated import to_rotated
from pymetrics.kernels import arrays, cuda_backend


def of_pairs(dt, gt, crowd=None, **more):
    """The overlap of each row of dt with its row of gt."""
    each = np.arange(len(dt) + 1)
    return pymetrics.box_iou(dt, gt, crowd=crowd, offsets=(each, each), kind="rotated", **more)


@pytest.fixture(scope="module")
def by_shapely(need):
    """100,100 pairs, by kind: boxes, their partners, flags of crowds, shapely's overlaps."""
    shapely, rng, found = need("shapely"), np.random.default_rng(0), {}
    for kind, (dt, gt) in pairs(rng, 7150).items():
        crowd = rng.random(len(gt)) < 0.2
        found[kind] = dt, gt, crowd, overlaps(shapely, dt, gt, crowd)
    return found


@pytest.mark.slow
def test_a_hundred_thousand_pairs_are_shapelys(backend, by_shapely):
    assert sum(len(dt) for dt, *_ in by_shapely.values()) >= 100_000
    for kind, (dt, gt, crowd, want) in by_shapely.items():
        got = of_pairs(dt, gt, crowd)
        assert np.abs(got - want).max() < 1e-9, kind
        assert got.min() >= 0, kind
        assert got.max() <= 1, kind
        if kind == "identical":
            assert (got == 1).all()
        if "zero area" in kind:
            assert (got == 0).all()
        if kind == "crossing":
            assert (got > 0).all()


def test_corners_give_what_angles_give(backend):
    rng = np.random.default_rng(1)
    for dt, gt in pairs(rng, 500).values():
        want = of_pairs(dt, gt)
        for a, b in ((dt, gt), (gt, dt)):
            ours, theirs = corners(a), corners(b)
            theirs = theirs.reshape(-1, 4, 2)[:, ::-1].reshape(-1, 8)  # the other sense
            got = of_pairs(ours, theirs, box_format="xyxyxyxy")
            np.testing.assert_allclose(got, want if a is dt else of_pairs(gt, dt), rtol=0, atol=1e-9)


def whole_boxes(rng, n):
    """x, y, width, height in whole numbers, some of width or height 0 or below."""
    return np.concatenate([rng.integers(-30, 30, (n, 2)), rng.integers(-1, 40, (n, 2))], axis=1).astype(float)


def turned(boxes, quarters):
    """x, y, width, height as rotated boxes by so many quarter turns, of the same place."""
    x, y, w, h = boxes.T
    sides = (w, h) if quarters % 2 == 0 else (h, w)
    return np.stack([x + w / 2, y + h / 2, *sides, np.full(len(x), quarters * np.pi / 2)], axis=1)


@pytest.mark.parametrize("quarters", [(0, 0), (0, 1), (1, 1), (2, 3), (-1, 4), (5, -6)])
def test_whole_numbers_and_quarter_turns_are_the_bits_of_plain_boxes(backend, quarters):
    rng = np.random.default_rng(2)
    dt, gt = whole_boxes(rng, 300), whole_boxes(rng, 200)
    gt[:40] = dt[:40]
    crowd = rng.random(200) < 0.3
    want = pymetrics.box_iou(dt, gt, crowd=crowd, box_format="xywh")
    assert (want > 0).mean() > 0.1
    got = pymetrics.box_iou(turned(dt, quarters[0]), turned(gt, quarters[1]), crowd=crowd, kind="rotated")
    assert got.tobytes() == want.tobytes()


def test_other_numbers_without_an_angle(backend):
    """Coordinates up to 2,000, sides from 1 on: the plain boxes' own rounding is what differs."""
    rng = np.random.default_rng(3)
    dt = np.concatenate([rng.uniform(0, 2000, (1000, 2)), rng.uniform(1, 300, (1000, 2))], axis=1)
    gt = dt + rng.normal(0, 1, dt.shape) * [20, 20, 0, 0]
    each = np.arange(1001)
    want = pymetrics.box_iou(dt, gt, offsets=(each, each), box_format="xywh")
    for quarters in range(4):
        np.testing.assert_allclose(of_pairs(turned(dt, 0), turned(gt, quarters)), want, rtol=0, atol=1e-11)


def test_identical_boxes_overlap_by_one(backend):
    rng = np.random.default_rng(4)
    boxes = make_boxes(rng, 20_000)
    boxes[:, 2:4] *= 10.0 ** rng.integers(-50, 50, (20_000, 1))
    assert (of_pairs(boxes, boxes) == 1).all()
    assert (of_pairs(boxes, boxes, np.ones(20_000)) == 1).all()
    ours = corners(make_boxes(rng, 20_000))
    assert (of_pairs(ours, ours, box_format="xyxyxyxy") == 1).all()


def test_rounding_lifts_no_overlap_above_one(backend):
    """Half a turn, and sides that differ in the last bit."""
    boxes = make_boxes(np.random.default_rng(11), 20_000)
    for least in (-1, 0, 1):
        other = boxes + np.array([0, 0, 0, 0, np.pi])
        other[:, 2:4] *= 1 + least * 2.3e-16
        for dt, gt in ((boxes, other), (other, boxes)):
            for crowd in (0, 1):
                got = of_pairs(dt, gt, np.full(len(dt), crowd))
                assert 1 - 1e-12 < got.min() <= got.max() <= 1


def test_the_place_in_the_image_changes_no_bit(backend):
    """Where moving a centre rounds nothing, as by whole numbers of centres in 1/64ths."""
    rng = np.random.default_rng(5)
    for dt, gt in pairs(rng, 300).values():
        dt, gt = dt.copy(), gt.copy()
        dt[:, :2], gt[:, :2] = np.round(dt[:, :2] * 64) / 64, np.round(gt[:, :2] * 64) / 64
        want = of_pairs(dt, gt)
        far = [1e6, -3e9, 0, 0, 0]
        assert of_pairs(dt + far, gt + far).tobytes() == want.tobytes()


def test_many_problems_at_once(backend):
    rng = np.random.default_rng(6)
    n_dt, n_gt = rng.integers(0, 6, 40), rng.integers(0, 6, 40)
    dt, gt = make_boxes(rng, n_dt.sum(), 20), make_boxes(rng, n_gt.sum(), 20)
    crowd = rng.random(len(gt)) < 0.3
    d, g = (np.concatenate([[0], np.cumsum(n)]) for n in (n_dt, n_gt))
    got = pymetrics.box_iou(dt, gt, crowd=crowd, offsets=(d, g), kind="rotated")
    rows = [(slice(d[p], d[p + 1]), slice(g[p], g[p + 1])) for p in range(40)]
    want = [pymetrics.box_iou(dt[a], gt[b], crowd=crowd[b], kind="rotated").reshape(-1) for a, b in rows]
    assert got.tobytes() == np.concatenate(want).tobytes()
    assert (got > 0).any()


def test_a_row_does_not_depend_on_its_neighbours():
    """numpy's cosines of one value and of many are the same bits, however the values lie in memory."""
    boxes = make_boxes(np.random.default_rng(7), 1000)
    for layout, values in (("cxcywhr", boxes), ("xyxyxyxy", corners(boxes))):
        whole = to_rotated(values, layout)
        one_by_one = np.concatenate([to_rotated(values[i : i + 1], layout) for i in range(1000)])
        assert one_by_one.tobytes() == whole.tobytes()
        assert to_rotated(np.asfortranarray(values), layout).tobytes() == whole.tobytes()


def test_known_values(backend):
    square, diamond = [0, 0, 2, 2, 0], [0, 0, 2, 2, np.pi / 4]
    inside = 8 * (np.sqrt(2) - 1)  # a regular octagon
    np.testing.assert_allclose(pymetrics.box_iou([square], [diamond], kind="rotated"), [[inside / (8 - inside)]])
    # The angle goes from the x axis towards the y axis: this one has its long side along the diagonal x = y.
    long = [5, 5, 10, 1, np.pi / 4]
    got = pymetrics.box_iou([[8, 8, 0.5, 0.5, 0], [8, 2, 0.5, 0.5, 0]], [long], crowd=[1], kind="rotated")
    assert got.tolist()[1] == [0]
    assert got[0, 0] > 0
    degenerate = [[0, 0, 0, 5, 1], [0, 0, 5, 0, 1], [0, 0, -2, -2, 0], [0, 0, 2, -2, 0]]
    assert pymetrics.box_iou(degenerate, [square], kind="rotated").tolist() == [[0]] * 4
    assert pymetrics.box_iou(np.empty((0, 5)), [square], kind="rotated").shape == (0, 1)
    assert pymetrics.box_iou([], [], kind="rotated", box_format="xyxyxyxy").shape == (0, 0)


def test_rounded_corners_are_rectangles(backend):
    """Corners in float32, or with two decimals, of boxes of ten pixels and more."""
    rng = np.random.default_rng(8)
    boxes = np.column_stack(
        [rng.uniform(0, 4000, (3000, 2)), rng.uniform(10, 500, (3000, 2)), rng.uniform(-4, 4, 3000)]
    )
    near = boxes + rng.normal(0, 1, boxes.shape) * [2, 2, 1, 1, 0.05]
    want = of_pairs(boxes, near)
    for rounded in (lambda a: a.astype(np.float32), lambda a: a.round(2)):
        got = of_pairs(rounded(corners(boxes)), rounded(corners(near)), box_format="xyxyxyxy")
        np.testing.assert_allclose(got, want, rtol=0, atol=4e-3)


def test_tensors(backend, need):
    torch = need("torch")
    boxes = make_boxes(np.random.default_rng(9), 30).astype(np.float32)
    got = pymetrics.box_iou(torch.from_numpy(boxes), torch.from_numpy(boxes[:9]), kind="rotated")
    assert isinstance(got, torch.Tensor)
    assert got.dtype == torch.float64
    assert got.numpy().tobytes() == pymetrics.box_iou(boxes, boxes[:9], kind="rotated").tobytes()
    half = torch.from_numpy(boxes).bfloat16()
    again = pymetrics.box_iou(half, half, kind="rotated")
    assert again.diagonal().tolist() == [1] * 30


def test_tensors_on_a_device_go_to_the_host_with_one_warning(need, monkeypatch):
    torch = need("torch")
    monkeypatch.setattr(arrays, "DEVICES", {"cpu"})
    monkeypatch.setattr(cuda_backend, "works", lambda like: True)
    monkeypatch.setattr(cuda_backend, "_warned", set())
    boxes = torch.from_numpy(make_boxes(np.random.default_rng(10), 5))
    with pytest.warns(RuntimeWarning, match='iou_type "obb" has no CUDA version') as caught:
        got = [pymetrics.box_iou(boxes, boxes, torch.zeros(5), kind="rotated") for _ in range(3)]
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert all(isinstance(one, torch.Tensor) for one in got)
    assert got[0].diagonal().tolist() == [1] * 5


BOX, SQUARE = [[5, 5, 4, 2, 0.3]], [[0, 0, 4, 0, 4, 2, 0, 2]]
NAN = float("nan")


@pytest.mark.parametrize(
    ("dt", "more", "error", "words"),
    [
        ([[0, 0, 1, 1]], {}, ValueError, r"dt must have shape \(N, 5\), got \(1, 4\)"),
        (SQUARE, {}, ValueError, r"dt must have shape \(N, 5\), got \(1, 8\)"),
        (BOX, {"box_format": "xyxyxyxy"}, ValueError, r"dt must have shape \(N, 8\), got \(1, 5\)"),
        (BOX, {"box_format": "xyxy"}, ValueError, "box_format must be one of cxcywhr, xyxyxyxy; got 'xyxy'"),
        ([*BOX, [5, 5, 4, NAN, 0]], {}, ValueError, r"dt\[1\] must be finite, got \[5.0, 5.0, 4.0, nan, 0.0\]"),
        ([["a"] * 5], {}, TypeError, "dt must hold numbers"),
        (BOX, {"crowd": [1, 0]}, ValueError, r"crowd must have shape \(1,\)"),
        (BOX, {"kind": "giou", "box_format": "cxcywhr"}, ValueError, "box_format must be one of xyxy"),
    ],
)
def test_bad_input(dt, more, error, words):
    with pytest.raises(error, match=words):
        pymetrics.box_iou(dt, BOX, **{"kind": "rotated", **more})


@pytest.mark.parametrize(
    "odd",
    [
        [0, 0, 4, 0, 0, 2, 4, 2],  # two corners exchanged
        [0, 0, 4, 0, 5, 2, 1, 2],  # no right angles
        [0, 0, 4, 0, 4, 2, 0, 2.1],
        [0, 0, 4, 0, 4, 2, 0, 0],
        [0, 0, 1, 0, 0, 0, 1, 0],  # there and back
        [0, 0, 1000, 0, 0, 1, 1000, 1],  # the same of a thin one
        [0, 0, 4, 2, 4, 2, 4, 2],
    ],
)
def test_corners_of_no_rectangle(odd):
    words = r"dt\[1\] must be the four corners of a rectangle, in order around it: one lies .* off, .* got \["
    with pytest.raises(ValueError, match=words):
        pymetrics.box_iou([*SQUARE, odd], SQUARE, kind="rotated", box_format="xyxyxyxy")


@pytest.mark.parametrize(
    "flat", [[3] * 8, [0, 0, 4, 0, 4, 0, 0, 0], [0, 0, 0, 0, 1, 3, 1, 3], [0, 0, 3, 4, 3, 4, 0, 0]]
)
def test_rectangles_without_area_overlap_nothing(flat):
    assert pymetrics.box_iou([flat], [flat], kind="rotated", box_format="xyxyxyxy").tolist() == [[0]]
