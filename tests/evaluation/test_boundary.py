"""Boundary IoU: against faster-coco-eval and against bitmaps; parameters, and what is refused."""

from __future__ import annotations

import contextlib
import io
import json
import logging

import numpy as np
import pytest
from helpers.mask_scenes import SIZE, make_mask_scene

import pymetrics
from pymetrics import Accumulator, Detections, GroundTruths, cli
from pymetrics.formats.masks import bitmaps


@pytest.fixture
def theirs(need):
    """faster-coco-eval's COCO and COCOeval_faster, silent."""
    module = need("faster_coco_eval")
    logging.disable(logging.INFO)
    yield module.COCO, module.COCOeval_faster
    logging.disable(logging.NOTSET)


def boundary(pixels, distance):
    """The boundary of a bitmap, by its definition: what has a pixel of the background within the distance."""
    padded = np.pad(pixels, distance)
    near = np.ones_like(pixels)
    height, width = pixels.shape
    for dy in range(2 * distance + 1):
        for dx in range(2 * distance + 1):
            near &= padded[dy : dy + height, dx : dx + width]
    return pixels & ~near & 1


def iou(a, b):
    shared = int((a & b).sum())
    return shared / int((a | b).sum()) if shared else 0.0


@pytest.mark.parametrize("seed", range(4))
def test_boundaries_are_their_definition(backend, seed):
    rng = np.random.default_rng(seed)
    for _ in range(30):
        height, width = rng.integers(1, 40, 2)
        pixels = np.zeros((height, width), np.uint8)
        for _ in range(rng.integers(0, 4)):
            (y0, y1), (x0, x1) = (np.sort(rng.integers(0, n + 1, 2)) for n in pixels.shape)
            pixels[y0:y1, x0:x1] ^= 1
        pixels ^= (rng.random(pixels.shape) < rng.choice([0, 0, 0.02])).astype(np.uint8)
        ratio = float(rng.choice([0.02, 0.05, 0.1, 0.3]))
        distance = max(1, int(np.ceil(ratio * np.sqrt(height**2 + width**2) - 0.5)))
        found = bitmaps(pixels[None], "masks").boundaries(ratio)
        want = bitmaps(boundary(pixels, distance)[None], "masks")
        assert found.counts.tolist() == want.counts.tolist()


@pytest.mark.parametrize(("size", "distance"), [((225, 300), 7), ((1, 1), 1), ((480, 640), 16), ((427, 640), 15)])
def test_the_distance_is_rounded_an_exact_half_down(size, distance):
    found = bitmaps(np.ones((1, *size), np.uint8), "masks").boundaries(0.02).pixels()[0].T
    want = boundary(np.ones(size, np.uint8), distance)
    assert np.array_equal(found, want)


def evaluated(theirs, gt, dt, ratio=0.02, params=()):
    coco_class, eval_class = theirs
    with contextlib.redirect_stdout(io.StringIO()):
        coco = coco_class(gt)
        evaluation = eval_class(coco, coco.loadRes(dt), "boundary", boundary_dilation_ratio=ratio)
        for name, value in dict(params).items():
            setattr(evaluation.params, name, value)
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


def assert_equal(result, evaluation):
    """Their precision is rounded otherwise in the last digit, whatever is compared; recall has the same bits."""
    assert np.abs(result.precision - evaluation.eval["precision"]).max() <= 4e-16
    assert result.recall.tobytes() == evaluation.eval["recall"].tobytes()


@pytest.mark.parametrize("seeds", [range(40), pytest.param(range(40, 300), marks=pytest.mark.slow)], ids=str)
def test_scenes(theirs, backend, seeds):
    n_matched = 0
    for seed in seeds:
        scene = make_mask_scene(seed)
        ids = [image["id"] for image in scene.gt["images"]]
        plain = not scene.own_ids and not any(isinstance(id, str) or id > 1000 for id in ids)
        areas = [gt["area"] for gt in scene.gt["annotations"]]
        scores = [value for dt in scene.dt for value in (dt["score"], *dt.get("bbox", ()))]
        if not plain or not scene.gt["annotations"] or not np.isfinite([*areas, *scores]).all():
            continue
        scene.dt = [dt for dt in scene.dt if dt["category_id"] != 77 and dt["image_id"] in ids]
        scene.dt = [
            dt for dt in scene.dt if not isinstance(dt["segmentation"], dict) or dt["segmentation"]["size"] == [*SIZE]
        ]
        for i, gt in enumerate(scene.gt["annotations"]):
            gt |= {"id": i + 1, "iscrowd": int(gt["iscrowd"])}
            gt.pop("ignore", None)
        if not scene.dt:
            continue
        for row in [*scene.gt["annotations"], *scene.dt]:
            counts = row["segmentation"]["counts"] if isinstance(row["segmentation"], dict) else None
            if isinstance(counts, bytes):
                row["segmentation"] = dict(row["segmentation"], counts=counts.decode())
        gt, dt = (json.loads(json.dumps(rows, default=lambda value: value.item())) for rows in (scene.gt, scene.dt))
        result = pymetrics.evaluate(gt, dt, iou_type="boundary", boundary_dilation_ratio=0.05)
        assert_equal(result, evaluated(theirs, scene.gt, scene.dt, 0.05))
        n_matched += int(result.outcomes.matched.astype(bool).sum())
    assert n_matched > 20


@pytest.fixture
def files(data, tmp_path):
    """The persons of ten images with genuine masks, and what a detector found there."""
    gt = data("coco_yolact100/gt_person_masks_genuine.json")
    images = {image["id"] for image in json.loads(gt.read_text())["images"]}
    rows = json.loads(data("coco_yolact100/dt_yolact_base.json").read_text())
    dt = tmp_path / "dt.json"
    dt.write_text(json.dumps([row for row in rows if row["image_id"] in images and row["category_id"] == 1]))
    return gt, dt


def test_files(theirs, backend, files):
    evaluation = evaluated(theirs, str(files[0]), str(files[1]))
    result = pymetrics.evaluate(*files, iou_type="boundary")
    assert_equal(result, evaluation)
    assert 0 < result["map"] < pymetrics.evaluate(*files, iou_type="segm")["map"]
    parsed = [json.loads(path.read_text()) for path in files]
    assert pymetrics.evaluate(*parsed, iou_type="boundary").precision.tobytes() == result.precision.tobytes()


def scene_of_bitmaps(seed):
    rng = np.random.default_rng(seed)
    gt, dt = [], []
    for _ in range(3):
        masks = np.zeros((3, 30, 40), np.uint8)
        for mask in masks:
            y, x, h, w = rng.integers(2, 20, 4)
            mask[y : y + h, x : x + w] = 1
        gt.append({"masks": masks, "labels": np.ones(3, int), "iscrowd": np.array([0, 0, 1])})
        dt.append({"masks": np.roll(masks, 1, (1, 2)), "labels": np.ones(3, int), "scores": rng.random(3)})
    return gt, dt


def test_overlaps_are_the_lower_of_both(backend):
    gt, dt = scene_of_bitmaps(0)
    accumulator = Accumulator(iou_type="boundary", boundary_dilation_ratio=0.04)
    accumulator.update(gt, dt)
    again = Accumulator.from_bytes(accumulator.to_bytes())
    result = pymetrics.evaluate(gt, dt, iou_type="boundary", boundary_dilation_ratio=0.04)
    assert again.compute().precision.tobytes() == result.precision.tobytes()
    assert again.shape.params == {"boundary_dilation_ratio": 0.04}
    with pytest.raises(ValueError, match="they differ in boundary_dilation_ratio"):
        again.merge(Accumulator(iou_type="boundary"))
    from pymetrics.evaluation.cells import group

    cells = group(result.columns, 100)
    found = result.columns.shape.overlaps(result.columns.dt, result.columns.gt, cells)
    want = []
    for c in range(len(cells)):
        for d in cells.dt_rows[cells.dt_offsets[c] : cells.dt_offsets[c + 1]]:
            for g in cells.gt_rows[cells.gt_offsets[c] : cells.gt_offsets[c + 1]]:
                a, b = dt[d // 3]["masks"][d % 3], gt[g // 3]["masks"][g % 3]
                shared = int((a & b).sum())
                if g % 3 == 2:
                    want.append(shared / int(a.sum()))
                else:
                    want.append(min(iou(a, b), iou(boundary(a, 2), boundary(b, 2))))
    assert found.tolist() == want


def test_columns_and_the_command_line(files, capsys):
    gt, dt = scene_of_bitmaps(1)
    sides = [np.concatenate([item["masks"] for item in items]) for items in (gt, dt)]
    image, labels = np.repeat(range(3), 3), np.ones(9, int)
    crowd, scores = np.tile([0, 0, 1], 3), np.concatenate([item["scores"] for item in dt])
    columns = pymetrics.evaluate(
        GroundTruths(image=image, labels=labels, masks=sides[0], crowd=crowd),
        Detections(image=image, labels=labels, masks=sides[1], scores=scores), iou_type="boundary",
    )  # fmt: skip
    assert columns.precision.tobytes() == pymetrics.evaluate(gt, dt, iou_type="boundary").precision.tobytes()
    command = ["eval", "--gt", str(files[0]), "--dt", str(files[1]), "--iou-type", "boundary"]
    assert cli.main([*command, "--boundary-dilation-ratio", "0.01"]) == 0
    want = pymetrics.evaluate(*files, iou_type="boundary", boundary_dilation_ratio=0.01)
    assert capsys.readouterr().out == f"{want.summary('n/a')}\n"


@pytest.mark.parametrize("ratio", [0, -0.1, np.nan, np.inf, "0.02", True])
def test_bad_ratios_are_refused(ratio):
    with pytest.raises(ValueError, match="boundary_dilation_ratio must be a finite number above 0, got"):
        pymetrics.evaluate(*scene_of_bitmaps(0), iou_type="boundary", boundary_dilation_ratio=ratio)
    with pytest.raises(ValueError, match="iou_type 'segm' has no parameter 'boundary_dilation_ratio': leave it out"):
        pymetrics.evaluate(*scene_of_bitmaps(0), iou_type="segm", boundary_dilation_ratio=0.02)
