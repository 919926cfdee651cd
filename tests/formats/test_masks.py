"""Masks from every kind of source: the numbers of the same data as COCO dicts."""

import json

import numpy as np
import pytest

import pymetrics
from pymetrics.coco import mask
from pymetrics.formats import masks as mask_reading
from pymetrics.formats.ranges import take_ranges

SIZE = (30, 40)


def make(seed=0, n_images=6):
    """Lists of one dict per image, of bitmaps; and the same as COCO dicts."""
    rng = np.random.default_rng(seed)
    targets, predictions = [], []
    for _ in range(n_images):
        n, m = rng.integers(0, 4), rng.integers(0, 5)
        gts = np.zeros((n, *SIZE), bool)
        for bitmap in gts:
            y, x = rng.integers(0, 20, 2)
            bitmap[y : y + rng.integers(1, 12), x : x + rng.integers(1, 12)] = True
        dts = np.ones((m, *SIZE), bool)
        for bitmap in dts[: m if n else 0]:
            bitmap[:] = np.roll(gts[rng.integers(n)], rng.integers(0, 3), 1)
        crowd = (rng.random(n) < 0.2).astype(int)
        targets.append({"masks": gts, "labels": rng.integers(0, 2, n), "iscrowd": crowd})
        scores = rng.choice([0.2, 0.5, 0.9], m)
        predictions.append({"masks": dts, "labels": rng.integers(0, 2, m), "scores": scores})
    images = [{"id": i, "height": SIZE[0], "width": SIZE[1]} for i in range(n_images)]
    gt = {"images": images, "annotations": [], "categories": [{"id": 0}, {"id": 1}]}
    dt = []
    for i, (target, prediction) in enumerate(zip(targets, predictions, strict=True)):
        for bitmap, label, crowd in zip(target["masks"], target["labels"], target["iscrowd"], strict=True):
            row = {"id": len(gt["annotations"]) + 1, "image_id": i, "category_id": int(label), "iscrowd": int(crowd)}
            gt["annotations"].append(row | {"segmentation": mask.encode(bitmap)})
        for bitmap, label, score in zip(prediction["masks"], prediction["labels"], prediction["scores"], strict=True):
            row = {"image_id": i, "category_id": int(label), "score": float(score)}
            dt.append(row | {"segmentation": mask.encode(bitmap)})
    return targets, predictions, gt, dt


def same(result, other):
    assert result.precision.tobytes() == other.precision.tobytes()
    assert result.recall.tobytes() == other.recall.tobytes()


@pytest.fixture(params=["reference", "native", pytest.param("numba", marks=pytest.mark.slow)], autouse=True)
def backend(request, need, monkeypatch):
    if request.param != "reference":
        need("pymetrics._native" if request.param == "native" else "numba")
    monkeypatch.setenv("PYMETRICS_BACKEND", request.param)


def evaluated(gt, dt):
    return pymetrics.evaluate(gt, dt, iou_type="segm")


def test_lists_per_image(need):
    torch = need("torch")
    targets, predictions, gt, dt = make()
    wanted = evaluated(gt, dt)
    assert -1 < wanted["map"] < 1
    rles = [item | {"masks": [mask.encode(bitmap) for bitmap in item["masks"]]} for item in targets]
    soft = [item | {"masks": item["masks"][:, None] * 0.8 + 0.1} for item in predictions]  # as Mask R-CNN gives them
    tensors = [item | {"masks": torch.from_numpy(item["masks"])} for item in targets]
    soft_tensors = [item | {"masks": torch.from_numpy(item["masks"]).float()} for item in soft]
    for each in (targets, rles, tensors):
        for other in (predictions, soft, soft_tensors):
            same(evaluated(each, other), wanted)
    accumulator = pymetrics.Accumulator(iou_type="segm")
    for i in range(0, len(targets), 2):
        accumulator.update(targets[i : i + 2], predictions[i : i + 2])
    same(accumulator.compute(), wanted)


def columns_of(items):
    image = np.repeat(np.arange(len(items)), [len(item["labels"]) for item in items])
    return image, {key: np.concatenate([item[key] for item in items]) for key in items[0]}


def test_columns():
    targets, predictions, gt, dt = make(1)
    wanted = evaluated(gt, dt)
    (gt_image, gts), (dt_image, dts) = columns_of(targets), columns_of(predictions)
    boxes = np.zeros((len(gt_image), 4))
    for masks in (gts["masks"], list(gts["masks"]), [mask.encode(bitmap) for bitmap in gts["masks"]]):
        for more in ({}, {"boxes": boxes}):
            ours = pymetrics.GroundTruths(
                gt_image, labels=gts["labels"], crowd=gts["iscrowd"], masks=masks, images=range(6), **more
            )
            theirs = pymetrics.Detections(dt_image, scores=dts["scores"], labels=dts["labels"], masks=dts["masks"])
            same(evaluated(ours, theirs), wanted)
    assert repr(theirs) == f"Detections({len(dt_image)} masks)"
    with pytest.raises(ValueError, match="GroundTruths has no masks"):
        evaluated(pymetrics.GroundTruths(gt_image, boxes, gts["labels"]), theirs)
    with pytest.raises(ValueError, match="dt holds masks alone, but iou_type is 'bbox'"):
        pymetrics.evaluate(ours, theirs)
    with pytest.raises(TypeError, match="Detections needs boxes, masks or keypoints"):
        pymetrics.Detections(dt_image, scores=dts["scores"], labels=dts["labels"])
    with pytest.raises(TypeError, match="Detections needs scores"):
        pymetrics.Detections(dt_image, labels=dts["labels"], masks=dts["masks"])


def test_kinds_in_one_list():
    """Polygons, compressed and uncompressed runs, bitmaps: each row keeps its own."""
    polygon = [[2.0, 2, 20, 2, 20, 20, 2, 20], [1.0, 1, 9, 1, 9, 9]]
    rle = mask.merge(mask.frPyObjects(polygon, *SIZE))
    bitmap = mask.decode(rle)
    flat = bitmap.ravel(order="F")
    runs = np.diff(np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1, [flat.size]])).tolist()
    kinds = [polygon, rle, {"size": list(SIZE), "counts": runs}, dict(rle, counts=rle["counts"].decode())]
    other = mask.encode(np.ones(SIZE, np.uint8))
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]):
        annotations = [
            {"id": i + 1, "image_id": 1, "category_id": i, "iscrowd": 0, "area": 5, "segmentation": kinds[at]}
            for i, at in enumerate(order)
        ]
        image = {"id": 1, "height": SIZE[0], "width": SIZE[1]}
        gt = {"images": [image], "annotations": annotations, "categories": [{"id": i} for i in range(4)]}
        dt = [{"image_id": 1, "category_id": i, "score": 0.5, "segmentation": rle} for i in range(4)]
        assert evaluated(gt, dt)["map"] == pytest.approx(1)
        dt[2]["segmentation"] = other
        assert evaluated(gt, dt).precision[:, :, 2, 0, 2].max() == 0


def test_image_sizes_of_lists_with_polygons():
    polygon = [[2.0, 2, 20, 2, 20, 20, 2, 20]]
    gt = [{"masks": [polygon], "labels": [1]}]
    dt = [{"masks": mask.frPyObjects(polygon, *SIZE), "labels": [1], "scores": [0.5]}]
    assert pymetrics.evaluate(gt, dt, iou_type="segm", image_sizes=SIZE)["map"] == pytest.approx(1)
    with pytest.raises(ValueError, match=r"polygons need image_sizes, which has no .* for image 0"):
        evaluated(gt, dt)


def test_areas():
    """The key area, else the mask's pixels; of results their boxes' area if the first has a box (BOX_AREA)."""
    image = {"id": 1, "height": 100, "width": 100}
    bitmap = np.zeros((100, 100), np.uint8)
    bitmap[:30, :30] = 1
    rle = mask.encode(bitmap)
    ann = {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "segmentation": rle}
    gt = {"images": [image], "categories": [{"id": 1}], "annotations": [ann]}
    dt = [{"image_id": 1, "category_id": 1, "score": 0.5, "segmentation": rle}]
    assert evaluated(gt, dt)["map_small"] == pytest.approx(1)
    ann["area"] = 5000
    assert evaluated(gt, dt)["map_small"] == -1
    assert evaluated(gt, dt)["map_medium"] == pytest.approx(1)
    other = dict(dt[0], segmentation=mask.encode(1 - bitmap), score=0.9)
    assert evaluated(gt, [*dt, other])["map_medium"] < 1
    with_boxes = [row | {"bbox": [0, 0, 5, 5]} for row in (*dt, other)]
    assert evaluated(gt, with_boxes)["map_medium"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda gt, dt: gt[0].pop("masks"), r"gt\[0\] has no 'masks'"),
        (lambda gt, dt: dt[1].update(masks=dt[1]["masks"][:-1]), r"dt\[1\]\['masks'\] has 0 rows, dt\[1\]\['labels'\]"),
        (
            lambda gt, dt: dt[1].update(masks=np.ones((1, 3))),
            r"dt\[1\]\['masks'\] must have shape \(N, height, width\)",
        ),
        (lambda gt, dt: dt[1].update(masks=[5]), r"dt\[1\]\['masks'\]\[0\] must be a dict of size and counts"),
        (lambda gt, dt: dt[1].update(masks=[[[1, 1, 5, 1, 5, 5]]]), r"dt\[1\]\['masks'\] holds polygons, where other"),
        (lambda gt, dt: dt[1].update(masks=5), r"dt\[1\]\['masks'\] must be an array or a list, got int"),
        (lambda gt, dt: dt[1].update(masks=np.full((1, 3, 3), "a")), r"dt\[1\]\['masks'\] must hold numbers"),
    ],
)
def test_refusals(change, words):
    one = {"masks": np.ones((1, *SIZE), bool), "labels": [1]}
    gt, dt = [dict(one), dict(one)], [one | {"scores": [0.5]}, one | {"scores": [0.5]}]
    change(gt, dt)
    with pytest.raises((ValueError, TypeError), match=words):
        evaluated(gt, dt)


def test_command_line(tmp_path, capsys):
    from pymetrics.cli import main

    _, _, gt, dt = make(2)
    for row in (*gt["annotations"], *dt):
        row["segmentation"]["counts"] = row["segmentation"]["counts"].decode()
    paths = tmp_path / "gt.json", tmp_path / "dt.json"
    for path, content in zip(paths, (gt, dt), strict=True):
        path.write_text(json.dumps(content))
    assert main(["eval", "--gt", str(paths[0]), "--dt", str(paths[1]), "--iou-type", "segm"]) in (0, None)
    assert str(evaluated(*paths)).strip().splitlines()[0] in capsys.readouterr().out


RLE = {"size": [30, 40], "counts": [100, 200, 900]}


def test_runs_need_no_size_of_their_image_beside_polygons():
    square = [[10, 10, 20, 10, 20, 20, 10, 20]]
    gt = {"images": [{"id": 1}, {"id": 2, "height": 30, "width": 40}], "categories": [{"id": 1}], "annotations": []}
    rows = [{"image_id": 2, "segmentation": square}, {"image_id": 1, "segmentation": RLE}]
    gt["annotations"] = [{**row, "id": i + 1, "category_id": 1, "iscrowd": 0} for i, row in enumerate(rows)]
    dt = [{**row, "category_id": 1, "score": 0.5} for row in rows]
    assert evaluated(gt, dt)["map"] == 1
    dt[1]["segmentation"] = square
    with pytest.raises(ValueError, match=r"^polygons need image_sizes, which has no \(height, width\) for image 1$"):
        evaluated(gt, dt)


def test_image_sizes_of_runs():
    row = {"image_id": 1, "category_id": 1, "segmentation": RLE}
    gt = {"images": [{"id": 1}], "categories": [{"id": 1}], "annotations": [{**row, "id": 1, "iscrowd": 0}]}
    with pytest.warns(UserWarning, match="^image_sizes has no effect on masks of runs and bitmaps$"):
        pymetrics.evaluate(gt, [{**row, "score": 0.5}], iou_type="segm", image_sizes=(30, 40))


def test_results_whose_boxes_are_arrays():
    row = {"image_id": 1, "category_id": 1, "segmentation": RLE}
    gt = {"images": [{"id": 1}], "categories": [{"id": 1}], "annotations": [{**row, "id": 1, "iscrowd": 0}]}
    results = [evaluated(gt, [{**row, "score": 0.5, "bbox": make([0, 0, 5, 5])}]) for make in (list, np.array)]
    same(*results)
    same(*(evaluated(gt, [{**row, "score": 0.5, "bbox": make([])}]) for make in (list, np.array)))


def test_columns_read_their_masks_once(monkeypatch):
    """Also where they have boxes, too."""
    bitmaps = np.zeros((2, *SIZE), bool)
    bitmaps[:, 3:9, 4:20] = True
    rows = [mask.encode(bitmap) for bitmap in bitmaps]
    reads = []
    read = mask_reading.raw_masks
    monkeypatch.setattr(mask_reading, "raw_masks", lambda *args: reads.append(1) or read(*args))
    for more in ({}, {"boxes": [[4, 3, 20, 9]] * 2}):
        gt = pymetrics.GroundTruths([1, 2], labels=[0, 0], masks=rows, **more)
        dt = pymetrics.Detections([1, 2], labels=[0, 0], scores=[0.5, 0.6], masks=rows, **more)
        for _ in range(3):
            assert pymetrics.evaluate(gt, dt, iou_type="segm")["map"] == 1
        assert len(reads) == 2
        reads.clear()


def test_ranges_are_taken_whole():
    """Few long ones and many short ones go two ways; some are empty, some overlap."""
    rng = np.random.default_rng(3)
    values = rng.integers(0, 2**32, 5000).astype(np.uint32)
    for longest in (0, 3, 500):
        starts, counts = rng.integers(0, 4000, 60), rng.integers(0, longest + 1, 60)
        found, offsets = take_ranges(values, starts, counts)
        parts = [values[start : start + n] for start, n in zip(starts, counts, strict=True)]
        assert found.dtype == np.uint32
        assert found.tolist() == [value for part in parts for value in part.tolist()]
        assert offsets.tolist() == [0, *np.cumsum(counts).tolist()]
    assert len(take_ranges(values, starts[:0], counts[:0])[0]) == 0
