"""Box formats: conversion in the input's own dtype, rounding included; names; normalized boxes."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.columns import ingest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import pymetrics
from pymetrics.formats.boxes import as_box_format, to_xywh

LAYOUTS = ("xyxy", "xywh", "cxcywh")
BOXES = np.array([[10.1, 20.3, 110.7, 50.9], [0.1, 0.2, 0.3, 0.7], [1000.3, 3.7, 1001.1, 2047.9], [5, 5, 5, 5]])


def columns_of(boxes, box_format, **more):
    gt = pymetrics.GroundTruths(image=[1], boxes=[[0, 0, 9, 9]], labels=[1], box_format="xywh")
    n = len(boxes)
    dt = pymetrics.Detections(
        image=np.ones(n, int), boxes=boxes, scores=np.ones(n), labels=np.ones(n, int), box_format=box_format
    )
    return ingest(gt, dt, **more)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_conversion_rounds_as_torchvision_does(need, layout, dtype):
    torch, ops = need("torch"), need("torchvision.ops")
    boxes = torch.tensor(np.vstack([BOXES, np.random.default_rng(3).uniform(0, 2000, (20000, 4))])).to(
        getattr(torch, dtype)
    )
    expected = ops.box_convert(boxes, layout, "xywh").double().numpy()
    got = to_xywh(boxes if dtype == "bfloat16" else boxes.numpy(), layout)
    assert got.dtype == np.float64
    assert got.tobytes() == np.ascontiguousarray(expected).tobytes()


@given(boxes=hnp.arrays(np.float32, (5, 4), elements=st.floats(-1000, 1000, width=32)), layout=st.sampled_from(LAYOUTS))
def test_conversion_equals_one_number_at_a_time(boxes, layout):
    expected = []
    for a, b, c, d in boxes:
        half_w, half_h = np.float32(0.5) * c, np.float32(0.5) * d
        expected.append(
            {
                "xywh": (a, b, c, d),
                "xyxy": (a, b, c - a, d - b),
                "cxcywh": (a - half_w, b - half_h, (a + half_w) - (a - half_w), (b + half_h) - (b - half_h)),
            }[layout]
        )
    assert to_xywh(boxes, layout).tobytes() == np.array(expected, np.float64).tobytes()


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64", "uint64"])
def test_integers_are_computed_in_float64(dtype):
    boxes = np.array([[100, 3, 20, 4], [5, 6, 100, 127]], dtype=dtype)
    assert to_xywh(boxes, "xyxy").tolist() == [[100, 3, -80, 1], [5, 6, 95, 121]]
    assert to_xywh(boxes, "cxcywh").tolist() == [[90, 1, 20, 4], [-45, -57.5, 100, 127]]
    assert to_xywh(boxes, "xywh").tolist() == boxes.tolist()


def test_float64_xywh_is_not_copied():
    boxes = np.ascontiguousarray(BOXES)
    assert to_xywh(boxes, "xywh") is boxes
    assert columns_of(boxes, "xywh").dt.shape is boxes


@pytest.mark.parametrize("change", ["strided", "fortran", "read-only", "big-endian", "subclass"])
def test_unsafe_arrays_are_copied(change):
    boxes = {
        "strided": lambda: np.hstack([BOXES, BOXES])[:, :4],
        "fortran": lambda: np.asfortranarray(BOXES),
        "read-only": lambda: np.frombuffer(BOXES.tobytes()).reshape(-1, 4),
        "big-endian": lambda: BOXES.astype(">f8"),
        "subclass": lambda: BOXES.copy().view(type("Odd", (np.ndarray,), {})),
    }[change]()
    got = to_xywh(boxes, "xywh")
    assert not np.shares_memory(got, boxes) or change == "subclass"
    assert type(got) is np.ndarray
    assert got.flags.c_contiguous
    assert got.flags.writeable
    assert got.dtype == np.dtype("=f8")
    assert got.tolist() == BOXES.tolist()


def test_names():
    assert as_box_format("pascal_voc") == ("xyxy", False)
    assert as_box_format("coco") == ("xywh", False)
    assert as_box_format("yolo") == ("cxcywh", True)
    assert as_box_format("albumentations") == ("xyxy", True)
    assert as_box_format("xyxy", normalized=True) == ("xyxy", True)
    for wrong in ("XYXY", "xyhw", "", None, 4):
        with pytest.raises(ValueError, match=r"box_format must be one of xyxy, xywh.*got"):
            as_box_format(wrong)


def test_one_box_in_every_format():
    in_pixels = [[30.0, 40.0, 100.0, 60.0]]  # of an image 200 high and 400 wide
    boxes = {
        "xywh": in_pixels,
        "coco": in_pixels,
        "xyxy": [[30, 40, 130, 100]],
        "pascal_voc": [[30, 40, 130, 100]],
        "cxcywh": [[80, 70, 100, 60]],
        "yolo": [[80 / 400, 70 / 200, 100 / 400, 60 / 200]],
        "albumentations": [[30 / 400, 40 / 200, 130 / 400, 100 / 200]],
    }
    with pytest.warns(UserWarning, match="image_sizes has no effect on boxes in pixels.*normalized=True"):
        columns_of(in_pixels, "xywh", image_sizes=(200, 400))
    for box_format, box in boxes.items():
        sizes = (200, 400) if box_format in ("yolo", "albumentations") else None
        got = columns_of(box, box_format, image_sizes=sizes).dt.shape
        np.testing.assert_allclose(got, in_pixels, rtol=1e-12, err_msg=box_format)


@pytest.mark.parametrize("kind", ["pair", "dict", "list", "tensor", "coco"])
def test_image_sizes(need, kind):
    box = {"boxes": np.array([[0.5, 0.5, 0.5, 0.25]]), "labels": [1]}
    gt = [{**box, "image_id": 7}, {**box, "image_id": 3}]
    dt = [{**box, "scores": [0.5]}] * 2
    sizes = {"dict": {3: (10, 20), 7: (100, 200)}, "list": [(100, 200), (10, 20)], "pair": (10, 20)}.get(kind)
    if kind == "tensor":
        torch = need("torch")
        sizes = torch.tensor([[100, 200], [10, 20]])
    if kind == "coco":
        gt = {
            "images": [{"id": 7, "height": 100, "width": 200}, {"id": 3, "height": 10, "width": 20}],
            "annotations": [],
            "categories": [{"id": 1}],
        }
        dt = [{"image_id": i, "category_id": 1, "score": 0.5, "bbox": [0.5, 0.5, 0.5, 0.25]} for i in (7, 3)]
    columns = ingest(gt, dt, box_format="xywh", normalized=True, image_sizes=sizes)
    small, large = [10.0, 5.0, 10.0, 2.5], [100.0, 50.0, 100.0, 25.0]
    assert columns.axes.image_ids.tolist() == [3, 7]
    assert columns.dt.shape.tolist() == [small if kind == "pair" else large, small]
    assert len(columns.dt.area) == 0
    if kind != "coco":
        assert columns.gt.area.tolist() == [w * h for _, _, w, h in columns.gt.shape.tolist()]


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        (None, "needs? image_sizes.* no .height, width. for image 1"),
        ({2: (10, 10)}, "no .height, width. for image 1"),
        ({1: (0, 10)}, r"image_sizes\[1\] must be .height, width., both above 0; got \(0, 10\)"),
        ({1: (10, float("nan"))}, r"image_sizes\[1\] must be"),
        ({1: 10}, r"image_sizes\[1\] must be .* got 10"),
        ({1: ("a", "b")}, r"image_sizes\[1\] must be"),
        ([(10, 10), (10, 10)], r"image_sizes must be one .height, width.*got shape \(2, 2\)"),
        ((10, 10, 3), r"got shape \(3,\)"),
    ],
)
def test_wrong_image_sizes(sizes, message):
    with pytest.raises(ValueError, match=message):
        columns_of([[0.5, 0.5, 0.1, 0.1]], "yolo", image_sizes=sizes)


def test_boxes_in_the_unit_square_warn_once():
    boxes = [[0.1, 0.1, 0.5, 0.5], [0.0, 0.0, 1.0, 1.0]]
    gt = [{"boxes": boxes, "labels": [1, 1]}]
    dt = [{"boxes": boxes, "labels": [1, 1], "scores": [0.5, 0.6]}]
    with pytest.warns(UserWarning, match=r"all boxes of gt and dt lie in \[0, 1\].*normalized=True") as seen:
        result = pymetrics.evaluate(gt, dt)
    assert len(seen) == 1
    assert seen[0].filename == __file__
    assert result["map_medium"] == -1
    assert pymetrics.evaluate(gt, dt, normalized=True, image_sizes=(100, 100))["map_medium"] > 0.99
    with pytest.warns(UserWarning, match="all boxes of dt lie"):
        pymetrics.evaluate([{"boxes": [[1, 1, 9, 9]], "labels": [1]}], dt)


def test_boxes_far_outside_of_the_unit_square_warn_if_normalized():
    with pytest.warns(UserWarning, match="the boxes of dt are said to be normalized, but reach 30"):
        columns_of([[0.5, 10, 30, 12]], "albumentations", image_sizes=(10, 10))


def test_corners_in_the_wrong_order_warn():
    with pytest.warns(UserWarning, match="dt has boxes whose x2, y2 lie before x1, y1.*xywh"):
        columns_of([[1, 1, 9, 9], [50, 10, 20, 30]], "xyxy")
    assert columns_of([[50.0, 10.0, -20.0, 30.0]], "xywh").dt.shape.tolist() == [[50, 10, -20, 30]]


def test_torchvision_boxes_know_their_format(need):
    torch, tv_tensors = need("torch"), need("torchvision.tv_tensors")
    boxes = tv_tensors.BoundingBoxes([[10.0, 20, 30, 40]], format="CXCYWH", canvas_size=(99, 99))
    gt = [{"boxes": boxes, "labels": torch.tensor([1])}]
    dt = [{"boxes": torch.tensor([[10.0, 20, 30, 40]]), "labels": torch.tensor([1]), "scores": torch.tensor([0.5])}]
    columns = ingest(gt, dt)
    assert columns.gt.shape.tolist() == [[-5, 0, 30, 40]]
    assert columns.dt.shape.tolist() == [[10, 20, 20, 20]]
    assert ingest(gt, dt, box_format="xywh").gt.shape.tolist() == [[10, 20, 30, 40]]


def test_a_source_keeps_its_own_format():
    gt = pymetrics.GroundTruths([1], [[1, 1, 9, 9]], [1])
    dt = pymetrics.Detections([1], [[1, 1, 9, 9]], [0.5], [1])
    with pytest.raises(ValueError, match="box_format is 'xywh', but gt says 'xyxy' itself"):
        pymetrics.evaluate(gt, dt, box_format="xywh")
    assert pymetrics.evaluate(gt, dt, box_format="pascal_voc")["map"] == pytest.approx(1)
