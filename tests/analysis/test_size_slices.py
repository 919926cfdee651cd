"""analysis.size_slices beside evaluations whose areas are the sizes."""

import itertools

import numpy as np
import pytest
from helpers.analysis_scenes import scene

import pymetrics
from pymetrics.analysis import size_slices

SIZE = {
    "area": lambda box: box[2] * box[3], "width": lambda box: box[2], "height": lambda box: box[3],
    "aspect": lambda box: box[2] / box[3] if box[3] else np.inf * (box[2] > 0),
}  # fmt: skip


def columns(rows, n):
    return [[row[j] for row in rows] for j in range(n)]


def evaluate(of, size=None, **settings):
    """size: of a box, which becomes its area."""
    image, label, boxes, crowd, ignore = columns(of.gt, 5)
    given = None if size is None else [size(box) for box in boxes]
    gt = pymetrics.GroundTruths(
        image=image, boxes=boxes, labels=label, crowd=crowd, ignore=ignore, area=given, images=of.images,
        categories=of.categories, box_format="xywh",
    )  # fmt: skip
    image, label, boxes, scores = columns(of.dt, 4)
    given = None if size is None else [size(box) for box in boxes]
    dt = pymetrics.Detections(image=image, boxes=boxes, labels=label, scores=scores, area=given, box_format="xywh")
    return pymetrics.evaluate(gt, dt, **settings)


@pytest.mark.cases(4)
@pytest.mark.parametrize("by", SIZE)
@pytest.mark.parametrize("seed", range(4))
def test_a_range_of_sizes_is_an_area_range(backend, seed, by):
    of = scene(seed, n_images=20)
    edges = {"area": (0, 200, 600, 1e9), "aspect": (0, 0.7, 1.5, 100)}.get(by, (0, 14, 26, 1000))
    rows = size_slices(evaluate(of), by, edges)
    ranges = {f"r{i}": pair for i, pair in enumerate(itertools.pairwise(edges))}
    want = evaluate(of, SIZE[by], area_ranges=ranges)
    for i, row in enumerate(rows):
        assert (row["low"], row["high"]) == ranges[f"r{i}"]
        assert row["map"] == want[f"map_r{i}"]
        assert row["mar_100"] == want[f"mar_r{i}"]
        assert row["n_gt"] == sum(
            not g[3] and not g[4] and row["low"] <= SIZE[by](g[2]) <= row["high"] for g in of.gt
        )  # fmt: skip
        only = evaluate(of, SIZE[by], area_ranges={"all": ranges[f"r{i}"]})
        assert (row["map_50"], row["map_75"]) == (only["map_50"], only["map_75"])
    assert [row["n_gt"] > 0 for row in rows] == [True] * 3
    assert rows[0]["name"] == f"0 to {edges[1]:g}"


def test_ranges_between_quantiles():
    of = scene(2, n_images=60)
    sizes = [SIZE["width"](g[2]) for g in of.gt if not g[3] and not g[4]]
    rows = size_slices(evaluate(of), "width", 2)
    assert [row["low"] for row in rows] + [rows[-1]["high"]] == np.quantile(sizes, [0, 0.5, 1]).tolist()
    one = size_slices(pymetrics.evaluate(np.array([[0, 0, 0, 8, 8, 1]]), np.zeros((0, 7))))
    assert [(row["name"], row["n_gt"], row["map"]) for row in one] == [("64 to 64", 1, 0)]
    assert size_slices(pymetrics.evaluate(np.zeros((0, 6)), np.zeros((0, 7)))) == []


def test_masks_and_rotated_boxes():
    mask = np.zeros((2, 20, 30), np.uint8)
    mask[0, 2:6, 3:13] = 1
    mask[1, 2:6, 3:5] = 1
    sides = {"image": [0, 0], "masks": mask, "labels": [1, 1]}
    gt, dt = pymetrics.GroundTruths(**sides), pymetrics.Detections(**sides, scores=[0.5, 0.4])
    for kind in ("segm", "boundary"):
        rows = size_slices(pymetrics.evaluate(gt, dt, iou_type=kind), "width", (1, 5, 10))
        assert [(row["n_gt"], round(row["map"], 9)) for row in rows] == [(1, 1), (1, 1)]
    turned = {"image": [0], "boxes": [[20, 20, 8, 4, 0.5]], "labels": [1], "box_format": "cxcywhr"}
    gt, dt = pymetrics.GroundTruths(**turned), pymetrics.Detections(**turned, scores=[0.5])
    (row,) = size_slices(pymetrics.evaluate(gt, dt, iou_type="obb"), "aspect", 1)
    assert (row["low"], row["high"], row["n_gt"]) == (2, 2, 1)


def test_bad_arguments():
    of = scene(0)
    result = of.evaluate()
    for arguments, error, message in (
        ({"by": "size"}, ValueError, r"by must be one of \('area', 'width', 'height', 'aspect'\), got 'size'"),
        ({"edges": 0}, ValueError, r"edges must be an integer in \[1, 1000\], got 0"),
        ({"edges": "3"}, TypeError, "edges must be an integer, got '3'"),
        ({"edges": [1]}, ValueError, r"edges must hold at least two numbers, got \[1.0\]"),
        ({"edges": [1, "a"]}, TypeError, r"edges\[1\] must be a number, got 'a'"),
        ({"edges": [1, 3, 3]}, ValueError, r"edges must increase, got edges\[1\] = 3, edges\[2\] = 3"),
        ({"edges": [1, np.nan]}, ValueError, r"edges must increase, got edges\[0\] = 1, edges\[1\] = nan"),
    ):
        with pytest.raises(error, match=message):
            size_slices(result, **arguments)
    with pytest.raises(ValueError, match="size_slices needs the data that was evaluated"):
        size_slices(of.merged())
    poses = {"image": [0], "labels": [1], "keypoints": [[[1, 1, 2]] * 17]}
    gt = pymetrics.GroundTruths(**poses, area=[9.0])
    result = pymetrics.evaluate(gt, pymetrics.Detections(**poses, scores=[0.5]), iou_type="keypoints")
    assert size_slices(result, edges=1)[0]["map"] == pytest.approx(1)
    with pytest.raises(ValueError, match="by='width' needs boxes or masks, got the IoU type 'keypoints'"):
        size_slices(result, "width")
