"""box_iou and match by themselves: against pycocotools, torchvision, and a literal reading of the rules."""

import importlib

import numpy as np
import pytest
from helpers.literal import match_by_the_rules

import pymetrics


def make_boxes(rng, n, odd):
    boxes = np.concatenate([rng.integers(-3, 4, (n, 2)), rng.integers(0, 5, (n, 2))], axis=1).astype(float)
    boxes += rng.random(boxes.shape) * rng.choice([0, 0, 1, 1e-9, 1e9])
    if odd:
        where = rng.random(boxes.shape) < 0.2
        boxes[where] = rng.choice([0.0, -0.0, -2.0, np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324], where.sum())
    return boxes


def same(a, b):
    """To the last bit, but for the payload of NaN."""
    nan = np.isnan(a)
    return a.shape == b.shape and np.array_equal(nan, np.isnan(b)) and a[~nan].tobytes() == b[~nan].tobytes()


@pytest.mark.parametrize("odd", [False, True])
def test_iou_is_pycocotools(backend, need, odd):
    mask = need("pycocotools.mask")
    rng = np.random.default_rng(odd)
    for _ in range(300):
        dt, gt = (make_boxes(rng, int(rng.integers(1, 12)), odd) for _ in range(2))
        crowd = rng.random(len(gt)) < rng.choice([0, 0.3, 1])
        want = np.ascontiguousarray(mask.iou(dt, gt, crowd.astype(int).tolist()))
        got = pymetrics.box_iou(dt, gt, crowd=crowd, box_format="xywh")
        assert got.dtype == np.float64
        assert same(got, want), (dt, gt, crowd)


@pytest.mark.parametrize("kind", ["iou", "giou", "diou", "ciou"])
def test_kinds_are_torchvisions(backend, need, kind):
    torch, ops = need("torch"), need("torchvision.ops")
    name = {"iou": "box", "giou": "generalized_box", "diou": "distance_box", "ciou": "complete_box"}[kind]
    rng = np.random.default_rng(3)
    for scale in (1, 1e-3, 1e4):
        dt, gt = (np.concatenate([corner, corner + rng.uniform(0.01, 1, corner.shape)], 1) * scale
                  for corner in (rng.random((40, 2)), rng.random((30, 2))))  # fmt: skip
        gt[:5] = dt[:5]
        gt[5:8, :2] = dt[5:8, 2:]  # corner to corner
        gt[5:8, 2:] = gt[5:8, :2] + scale
        want = getattr(ops, f"{name}_iou")(torch.from_numpy(dt), torch.from_numpy(gt))
        got = pymetrics.box_iou(torch.from_numpy(dt), torch.from_numpy(gt), kind=kind)
        assert isinstance(got, torch.Tensor)
        assert got.dtype == torch.float64
        torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(pymetrics.box_iou(dt, gt, kind=kind), got.numpy())


def test_known_values(backend):
    dt = [[0, 0, 10, 10], [20, 20, 30, 30]]
    gt = [[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10]]
    np.testing.assert_array_equal(pymetrics.box_iou(dt, gt), [[1, 50 / 150, 0], [0, 0, 0]])
    np.testing.assert_array_equal(pymetrics.box_iou(dt, gt, crowd=[0, 1, 1]), [[1, 0.5, 0], [0, 0, 0]])
    np.testing.assert_allclose(pymetrics.box_iou(dt, gt, kind="giou")[0], [1, 1 / 3, 0], atol=1e-15)
    np.testing.assert_allclose(pymetrics.box_iou(dt, gt, kind="diou")[0], [1, 1 / 3 - 25 / 325, -100 / 500], atol=1e-8)
    np.testing.assert_allclose(
        pymetrics.box_iou([[0, 0, 10, 10]], [[0, 0, 10, 5]], kind="ciou"), [[0.46550187]], atol=1e-8
    )


@pytest.mark.parametrize("box_format", ["xyxy", "xywh", "cxcywh"])
def test_formats_mean_the_same(backend, box_format):
    x, y, w, h = np.random.default_rng(1).integers(1, 9, (4, 20)) * 2.0
    layouts = {"xyxy": (x, y, x + w, y + h), "xywh": (x, y, w, h), "cxcywh": (x + w / 2, y + h / 2, w, h)}
    boxes, plain = np.stack(layouts[box_format], 1), np.stack(layouts["xyxy"], 1)
    got = pymetrics.box_iou(boxes, boxes[:7], box_format=box_format)
    np.testing.assert_array_equal(got, pymetrics.box_iou(plain, plain[:7]))


def test_many_problems_at_once(backend):
    rng = np.random.default_rng(5)
    n_dt, n_gt = rng.integers(0, 6, 40), rng.integers(0, 6, 40)
    dt, gt = make_boxes(rng, n_dt.sum(), False), make_boxes(rng, n_gt.sum(), False)
    crowd = rng.random(len(gt)) < 0.3
    d, g = (np.concatenate([[0], np.cumsum(n)]) for n in (n_dt, n_gt))
    for kind in ("iou", "giou", "diou", "ciou"):
        flags = crowd if kind == "iou" else None
        got = pymetrics.box_iou(dt, gt, crowd=flags, offsets=(d, g), kind=kind, box_format="xywh")
        want = [
            pymetrics.box_iou(
                dt[d[p] : d[p + 1]], gt[g[p] : g[p + 1]], None if flags is None else flags[g[p] : g[p + 1]],
                kind=kind, box_format="xywh",
            ).reshape(-1)
            for p in range(40)
        ]  # fmt: skip
        np.testing.assert_array_equal(got, np.concatenate(want))

    ious = pymetrics.box_iou(dt, gt, offsets=(d, g), box_format="xywh")
    starts = np.concatenate([[0], np.cumsum(n_dt * n_gt)])
    got = pymetrics.match(ious, crowd=crowd, offsets=(d, g))
    want = [
        pymetrics.match(ious[starts[p] : starts[p + 1]].reshape(n_dt[p], n_gt[p]), crowd=crowd[g[p] : g[p + 1]])
        for p in range(40)
    ]
    np.testing.assert_array_equal(got, np.concatenate(want, axis=1))


def test_match_follows_the_rules(backend):
    rng = np.random.default_rng(11)
    thresholds = [0.5, 0.9, 0.3, 1.0, 0.0]
    for _ in range(400):
        n_dt, n_gt = rng.integers(0, 7, 2)
        ious = rng.choice([0.0, 0.3, 0.5, 0.7, 0.9, 1.0], (n_dt, n_gt))
        if rng.random() < 0.2:
            ious[rng.random(ious.shape) < 0.2] = np.nan
        crowd, ignore = rng.random(n_gt) < 0.3, rng.random((3, n_gt)) < 0.3
        got = pymetrics.match(ious, crowd=crowd, ignore=ignore, iou_thresholds=thresholds)
        assert got.shape == (3, 5, n_dt)
        assert got.dtype == np.int64
        for a in range(3):
            for t, threshold in enumerate(thresholds):
                assert got[a, t].tolist() == match_by_the_rules(ious, crowd, ignore[a], threshold)
        flat = pymetrics.match(ious, crowd=crowd, ignore=ignore[0], iou_thresholds=thresholds)
        np.testing.assert_array_equal(flat, got[0])
        plain = pymetrics.match(ious, iou_thresholds=thresholds)
        none = np.zeros(n_gt, bool)
        for t, threshold in enumerate(thresholds):
            assert plain[t].tolist() == match_by_the_rules(ious, none, none, threshold)


def test_match_in_words(backend):
    assert pymetrics.match([[0.6, 0.8], [0.7, 0.7]], iou_thresholds=[0.5]).tolist() == [[1, 0]]
    assert pymetrics.match([[0.7, 0.7], [0.7, 0.7]], iou_thresholds=[0.5]).tolist() == [[1, 0]]  # of equals the later
    assert pymetrics.match([[0.6, 0.9]], ignore=[0, 1], iou_thresholds=[0.5, 0.8]).tolist() == [[0], [1]]
    assert pymetrics.match([[0.6], [0.6], [0.4]], crowd=[1], iou_thresholds=[0.5]).tolist() == [[0, 0, -1]]
    assert pymetrics.match(np.empty((3, 0))).tolist() == [[-1] * 3] * 10
    assert pymetrics.match(np.empty((0, 3))).shape == (10, 0)


def test_torch_comes_back_as_torch(backend, need):
    torch = need("torch")
    matches = pymetrics.match(torch.tensor([[0.6, 0.8], [0.7, 0.7]], dtype=torch.float64))
    assert isinstance(matches, torch.Tensor)
    assert matches.dtype == torch.int64


def test_bfloat16(backend, need):
    torch = need("torch")
    flags, boxes = torch.tensor([0, 1]).bfloat16(), torch.tensor([[0, 0, 4, 4], [0, 0, 8, 8]]).bfloat16()
    ious = pymetrics.box_iou(boxes, boxes, crowd=flags)
    assert ious.tolist() == [[1, 1], [0.25, 1]]
    matches = pymetrics.match(ious.bfloat16(), crowd=flags, ignore=flags, iou_thresholds=[0.5])
    assert matches.tolist() == [[0, 1]]


def test_more_than_fifty_settings(backend):
    ignore = np.arange(120)[:, None] % 2
    assert pymetrics.match([[0.5]], ignore=ignore, iou_thresholds=[0.5]).tolist() == [[[0]]] * 120


def test_inputs_are_not_changed_and_may_be_odd(backend):
    dt = np.arange(24, dtype=np.float32).reshape(6, 4)[::-2]
    before = dt.copy()
    dt.flags.writeable = False
    out = pymetrics.box_iou(dt, dt.astype(int))
    assert out.dtype == np.float64
    assert np.array_equal(dt, before)
    assert pymetrics.box_iou([], np.empty((0, 4))).shape == (0, 0)
    assert pymetrics.box_iou(np.empty((0, 4)), [[0, 0, 1, 1]]).shape == (0, 1)


BOX = [[0, 0, 1, 1]]
BAD = [
    (lambda: pymetrics.box_iou(BOX, BOX, kind="IoU"), ValueError, "kind must be one of .*'IoU'"),
    (lambda: pymetrics.box_iou(BOX, BOX, crowd=[1], kind="giou"), ValueError, "crowd goes with .*.rotated. only"),
    (lambda: pymetrics.box_iou(BOX, BOX, crowd=[1, 0]), ValueError, r"crowd must have shape \(1,\), got \(2,\)"),
    (lambda: pymetrics.box_iou([[0, 0, 1]], BOX), ValueError, "^dt .*4"),
    (lambda: pymetrics.box_iou(BOX, [[0, 0, 1, 1, 1]]), ValueError, "^gt .*4"),
    (lambda: pymetrics.box_iou(BOX, [["a"] * 4]), (TypeError, ValueError), "^gt"),
    (lambda: pymetrics.box_iou(BOX, BOX, box_format="xy"), ValueError, "box_format must be"),
    (lambda: pymetrics.box_iou(BOX, BOX, offsets=[[0, 1]]), ValueError, "offsets must be a pair"),
    (lambda: pymetrics.box_iou(BOX, BOX, offsets=([0, 2], [0, 1])), ValueError, "run from 0 to 1, got 0 to 2"),
    (lambda: pymetrics.box_iou(BOX, BOX, offsets=([0, 1], [1, 1])), ValueError, "gt_offsets must run from 0"),
    (lambda: pymetrics.box_iou(BOX, BOX, offsets=([0, 1], [0, 0, 1])), ValueError, "one length, got 2 and 3"),
    (lambda: pymetrics.box_iou(BOX, BOX, offsets=([0, 1, 0, 1], [0] * 3 + [1])), ValueError, "fall, got 0 at index 2"),
    (lambda: pymetrics.box_iou(BOX, BOX, offsets=([0.0, 1.0], [0, 1])), ValueError, "dt_offsets must be .* integers"),
    (lambda: pymetrics.match([0.5]), ValueError, r"ious must have shape \(N, G\), got \(1,\)"),
    (lambda: pymetrics.match([[0.5]], offsets=([0, 1], [0, 1])), ValueError, "ious must have shape .* with offsets"),
    (lambda: pymetrics.match([0.5, 0.1], offsets=([0, 1], [0, 1])), ValueError, "ious must have 1 entries"),
    (lambda: pymetrics.match([[0.5]], crowd=[1, 1]), ValueError, r"crowd must have shape \(1,\)"),
    (lambda: pymetrics.match([[0.5]], ignore=[1, 1]), ValueError, r"ignore must have shape \(1,\)"),
    (lambda: pymetrics.match([[0.5]], iou_thresholds=[0.5, 1.5]), ValueError, r"iou_thresholds\[1\] must"),
    (lambda: pymetrics.match([[0.5]], iou_thresholds=[]), ValueError, "iou_thresholds .* must not be empty"),
    (lambda: pymetrics.match([[0.5]], ignore=np.zeros((0, 1))), ValueError, r"ignore .* A > 0, got \(0, 1\)"),
    (lambda: pymetrics.match([[0.5]], ignore=[np.nan]), ValueError, "ignore must hold flags, got nan at index 0"),
    (lambda: pymetrics.box_iou(BOX, BOX * 2, crowd=[0, np.nan]), ValueError, "crowd .* flags, got nan at index 1"),
    (lambda: pymetrics.box_iou(BOX, BOX, crowd=["no"]), TypeError, "crowd must hold flags, got dtype <U2"),
    (lambda: pymetrics.box_iou(BOX, BOX, offsets=3), ValueError, "offsets must be a pair .*, got 3"),
    (lambda: pymetrics.match([["a"]]), (TypeError, ValueError), "^ious"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "words"), BAD)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_the_names_are_public():
    assert pymetrics.box_iou is importlib.import_module("pymetrics.evaluation.overlaps").box_iou
    assert pymetrics.match is importlib.import_module("pymetrics.evaluation.match").match
