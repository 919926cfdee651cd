"""Evaluations of rotated boxes: against plain boxes, against the rules with shapely's overlaps, from every source."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from helpers import literal
from helpers.columns import ingest, match_and_keep
from helpers.rotated_cases import CATEGORIES, corners, overlaps, scene

import pymetrics
from pymetrics import Accumulator, Detections, GroundTruths, Protocol, cli
from pymetrics.evaluation import stages
from pymetrics.evaluation.shapes import SHAPES
from pymetrics.kernels import arrays, cuda_backend

FEW = Protocol(
    iou_thresholds=(0.3, 0.5, 0.75), area_ranges=[(0, 1e10), (0, 700), (700, 1e10)], area_names=["all", "low", "high"],
    max_dets=(1, 5, 100),
)  # fmt: skip


def plain(boxes):
    """Whole-number boxes without an angle, as x, y, width, height."""
    return np.column_stack([boxes[:, :2] - boxes[:, 2:4] / 2, boxes[:, 2:4]])


def sides(gt, dt, box_format="cxcywhr", convert=lambda boxes: boxes):
    truths = GroundTruths(**{**gt, "boxes": convert(gt["boxes"])}, box_format=box_format)
    return truths, Detections(**{**dt, "boxes": convert(dt["boxes"])}, box_format=box_format)


def bits(result):
    return [array.tobytes() for array in (result.precision, result.recall, result.scores, result.stats)]


@pytest.fixture(params=["native", "numba", "reference"])
def backend(request, need, monkeypatch):
    if request.param != "reference":
        need("pymetrics._native" if request.param == "native" else "numba")
    monkeypatch.setenv("PYMETRICS_BACKEND", request.param)
    return request.param


@pytest.mark.parametrize("quarters", range(-1, 4))
@pytest.mark.parametrize("seed", range(3))
def test_whole_numbers_and_quarter_turns_are_the_evaluation_of_plain_boxes(seed, quarters):
    gt, dt = scene(seed, whole_numbers=True)
    want = pymetrics.evaluate(*sides(gt, dt, "xywh", plain))
    assert 0 < want["map"] < 1

    def turned(boxes):
        found = boxes.copy()
        if quarters % 2:
            found[:, 2:4] = boxes[:, [3, 2]]
        found[:, 4] = quarters * np.pi / 2
        return found

    got = pymetrics.evaluate(*sides(gt, dt, "cxcywhr", turned), iou_type="obb")
    assert bits(got) == bits(want)
    assert got.outcomes.iou_type == "obb"
    got = pymetrics.evaluate(*sides(gt, dt, "xyxyxyxy", lambda boxes: corners(turned(boxes)).round(1)), iou_type="obb")
    assert bits(got) == bits(want)


def test_the_whole_scene_may_be_turned():
    """By a quarter, the scene with it: (x, y) becomes (-y, x)."""
    gt, dt = scene(4)
    want = pymetrics.evaluate(*sides(gt, dt), iou_type="obb")

    def turned(boxes):
        x, y, w, h, angle = boxes.T
        return np.column_stack([-y, x, w, h, angle + np.pi / 2])

    got = pymetrics.evaluate(*sides(gt, dt, convert=turned), iou_type="obb")
    assert bits(got) == bits(want)


@pytest.mark.cases(4)
@pytest.mark.parametrize("seed", range(8))
def test_the_rules_with_shapelys_overlaps(seed, backend, need, monkeypatch):
    """Outcomes of every detection, and the curves, of a literal evaluation."""
    shapely = need("shapely")
    gt, dt = scene(seed, 2 if backend == "reference" else 5)
    columns = ingest(*sides(gt, dt), iou_type="obb")
    cells, outcomes, matches = match_and_keep(columns, FEW)
    raw = {"gt": gt["boxes"], "dt": dt["boxes"]}
    seen = []

    def overlap(d, g, crowd):
        seen.append(overlaps(shapely, d[None], g[None], crowd)[0])
        return seen[-1]

    monkeypatch.setattr(literal, "overlap", overlap)
    by_user = {name: replace(getattr(columns, name), shape=raw[name]) for name in ("gt", "dt")}
    by_user["dt"] = replace(by_user["dt"], area=raw["dt"][:, 2] * raw["dt"][:, 3])
    evaluated = literal.evaluate(replace(columns, **by_user), FEW)
    close = np.abs(np.subtract.outer(seen, FEW.iou_thresholds)).min()
    assert close > 1e-9, "shapely's rounding may decide"
    want = literal.accumulate(evaluated, len(CATEGORIES), FEW)
    got = stages.accumulate(outcomes)
    assert [array.tobytes() for array in got] == [array.tobytes() for array in want]
    assert (want[1] > 0).any()
    n_pairs = len(FEW.iou_thresholds)
    for c, (k, i) in enumerate(zip(cells.category().tolist(), cells.image.tolist(), strict=True)):
        rows = slice(cells.dt_offsets[c], cells.dt_offsets[c + 1])
        for a in range(len(FEW.area_ranges)):
            image = evaluated[k, a][i]
            assert cells.dt_rows[rows].tolist() == image.dt_rows
            taken = matches.gt_of[rows, a * n_pairs : (a + 1) * n_pairs].T
            assert taken.tolist() == image.taken.tolist()
            assert outcomes.n_gt[c, a] == np.count_nonzero(~image.gt_ignore)


@pytest.mark.slow
def test_backends_have_the_same_bits(monkeypatch):
    found = {}
    for name in ("reference", "numba", "native"):
        monkeypatch.setenv("PYMETRICS_BACKEND", name)
        found[name] = bits(pymetrics.evaluate(*sides(*scene(9, 2)), iou_type="obb", protocol=FEW))
    assert found["reference"] == found["numba"] == found["native"]


@pytest.mark.parametrize("use_cats", [True, False])
def test_any_split_has_the_bits_of_one_pass(use_cats):
    gt, dt = scene(5)
    protocol = replace(FEW, use_cats=use_cats)
    want = pymetrics.evaluate(*sides(gt, dt), iou_type="obb", protocol=protocol)

    def part(images):
        g, d = np.isin(gt["image"], images), np.isin(dt["image"], images)
        truths = {name: gt[name][g] for name in ("image", "boxes", "labels", "crowd", "ignore")}
        found = {name: dt[name][d] for name in dt}
        return sides({**truths, "images": images, "categories": gt["categories"]}, found)

    whole = Accumulator(protocol, "obb")
    whole.update(*sides(gt, dt))
    assert bits(whole.compute()) == bits(want)
    first, second = Accumulator(protocol, "obb"), Accumulator(protocol, "obb")
    first.update(*part([3]))
    first.update(*part([0, 5]))
    second.update(*part([2, 1, 4]))
    back = Accumulator.from_bytes(second.to_bytes())
    assert back.iou_type == "obb"
    first.merge(pickle.loads(pickle.dumps(back)))
    assert bits(first.compute()) == bits(want)
    assert first.to_bytes() == whole.to_bytes()
    with pytest.raises(ValueError, match="they differ in iou_type"):
        first.merge(Accumulator(protocol))


def lists(gt, dt, convert=lambda boxes: boxes, make=np.asarray):
    targets, predictions = [], []
    for image in gt["images"]:
        g, d = gt["image"] == image, dt["image"] == image
        target = {"boxes": convert(gt["boxes"][g]), "labels": gt["labels"][g], "iscrowd": gt["crowd"][g]}
        found = {"boxes": convert(dt["boxes"][d]), "labels": dt["labels"][d], "scores": dt["scores"][d]}
        targets.append({**{name: make(value) for name, value in target.items()}, "ignore": make(gt["ignore"][g])})
        predictions.append({name: make(value) for name, value in found.items()})
    return targets, predictions


def coco(gt, dt, convert=lambda boxes: boxes):
    """A COCO dict and a list of results, without areas; gt's rows without `ignore`."""
    truths, found = convert(gt["boxes"]).tolist(), convert(dt["boxes"]).tolist()
    annotations = [
        {"id": i + 1, "image_id": int(image), "category_id": int(label), "bbox": box, "iscrowd": int(crowd)}
        for i, (image, label, box, crowd) in enumerate(zip(gt["image"], gt["labels"], truths, gt["crowd"], strict=True))
    ]
    results = [
        {"image_id": int(image), "category_id": int(label), "bbox": box, "score": float(score)}
        for image, label, box, score in zip(dt["image"], dt["labels"], found, dt["scores"], strict=True)
    ]
    categories = [{"id": k, "name": "x"} for k in gt["categories"]]
    return {
        "images": [{"id": int(i)} for i in gt["images"]],
        "annotations": annotations,
        "categories": categories,
    }, results


@pytest.mark.parametrize(("box_format", "convert"), [("cxcywhr", lambda boxes: boxes), ("xyxyxyxy", corners)])
def test_every_source_gives_the_same_result(box_format, convert, need, tmp_path):
    torch = need("torch")
    gt, dt = scene(6)
    want = pymetrics.evaluate(*sides(gt, dt, box_format, convert), iou_type="obb")
    given = {"box_format": box_format, "iou_type": "obb"}
    for make in (np.asarray, torch.as_tensor, lambda values: np.asarray(values).tolist()):
        assert bits(pymetrics.evaluate(*lists(gt, dt, convert, make), **given)) == bits(want)
    if box_format == "cxcywhr":
        assert bits(pymetrics.evaluate(*lists(gt, dt), iou_type="obb")) == bits(want)

    gt["ignore"] = np.zeros(len(gt["image"]), bool)  # which COCO's files do not have
    want = pymetrics.evaluate(*sides(gt, dt, box_format, convert), iou_type="obb")
    dataset, results = coco(gt, dt, convert)
    scored = {**dataset, "annotations": [{**row, "id": i + 1} for i, row in enumerate(results)]}
    for name, content in (("gt", dataset), ("dt", results)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    paths = [str(tmp_path / f"{name}.json") for name in ("gt", "dt")]
    read = [pymetrics.read(path, name, **given) for path, name in zip(paths, ("gt", "dt"), strict=True)]
    for both in ((dataset, results), (dataset, scored), paths, read):
        assert bits(pymetrics.evaluate(*both, **given)) == bits(want)
    out = tmp_path / "out.json"
    arguments = ["eval", "--gt", paths[0], "--dt", paths[1], "--iou-type", "obb", "--json", str(out)]
    assert cli.main([*arguments, "--box-format", box_format]) == 0
    written = json.loads(out.read_text())["detectors"]["dt"]
    assert written["iou_type"] == "obb"
    assert written["metrics"]["map"] == want["map"]
    if box_format == "cxcywhr":
        assert cli.main(arguments) == 0
        assert json.loads(out.read_text())["detectors"]["dt"] == written


def test_areas_are_width_times_height():
    gt, dt = scene(7)
    columns = ingest(*sides(gt, dt), iou_type="obb")
    assert columns.gt.area.tobytes() == (gt["boxes"][:, 2] * gt["boxes"][:, 3]).tobytes()
    assert len(columns.dt.area) == 0
    assert columns.shape.area(columns.dt.shape).tobytes() == (dt["boxes"][:, 2] * dt["boxes"][:, 3]).tobytes()
    given = ingest(*sides({**gt, "area": np.full(len(gt["image"]), 7.0)}, dt), iou_type="obb")
    assert (given.gt.area == 7).all()


@pytest.mark.parametrize("nothing", [[], np.empty(0), np.empty((0, 5))])
def test_nothing_was_found(nothing):
    gt, _ = sides(*scene(8))
    for box_format in (None, "cxcywhr"):
        result = pymetrics.evaluate(gt, nothing, iou_type="obb", box_format=box_format)
        assert result["map"] == 0
    with pytest.raises(ValueError, match="normalized=True does not go with"):
        pymetrics.evaluate([], nothing, iou_type="obb", normalized=True)


def test_tensors_on_a_device_go_to_the_host_with_one_warning(need, monkeypatch):
    torch = need("torch")
    monkeypatch.setattr(arrays, "DEVICES", {"cpu"})
    monkeypatch.setattr(cuda_backend, "works", lambda like: True)
    monkeypatch.setattr(cuda_backend, "_warned", set())
    gt, dt = scene(10)
    want = pymetrics.evaluate(*sides(gt, dt), iou_type="obb")
    accumulator = Accumulator(iou_type="obb")
    with pytest.warns(RuntimeWarning, match='iou_type "obb" has no CUDA version'):
        got = pymetrics.evaluate(*lists(gt, dt, make=torch.as_tensor), iou_type="obb")
    accumulator.update(*lists(gt, dt, make=torch.as_tensor))  # a second warning would be an error
    assert got.outcomes.device == "host"
    assert bits(got) == bits(want)
    assert bits(accumulator.compute()) == bits(want)


def test_boxes_that_seem_to_be_normalized():
    gt, dt = scene(11)
    small = [1 / 200, 1 / 200, 1 / 200, 1 / 200, 1]
    with pytest.warns(UserWarning, match=r"of gt and dt lie in \[0, 1\]: .* convert them to pixels"):
        pymetrics.evaluate(*sides(gt, dt, convert=lambda boxes: boxes * small), iou_type="obb")


ROW = {"image_id": 1, "category_id": 1, "bbox": [5, 5, 4, 2, 0.3]}
DATASET = {"images": [{"id": 1}], "categories": [{"id": 1}], "annotations": [{**ROW, "id": 1}]}
RESULT = {**ROW, "score": 0.5}
SQUARE, BOW = [0, 0, 4, 0, 4, 2, 0, 2], [0, 0, 4, 0, 0, 2, 4, 2]
NAN = float("nan")


def columns(boxes, box_format="cxcywhr"):
    n = len(boxes)
    return Detections(image=[1] * n, boxes=boxes, scores=[0.5] * n, labels=[1] * n, box_format=box_format)


def items(boxes):
    return [{"boxes": np.array(boxes), "labels": np.ones(len(boxes), int), "scores": np.ones(len(boxes))}]


IOU_TYPES = ", ".join(map(repr, SHAPES))

BAD = [
    (lambda: (DATASET, [RESULT, {**RESULT, "bbox": SQUARE[:4]}]), {}, r"dt\[1\]\['bbox'\] must hold 5 numbers"),
    (lambda: (DATASET, [{**RESULT, "bbox": SQUARE}]), {"box_format": "xyxyxyxy"}, r"gt\['annotations'\]\[0\].* 8 numb"),
    (lambda: (DATASET, [{**RESULT, "bbox": [5, 5, 4, 2, NAN]}]), {}, r"dt\[0\]\['bbox'\] must be finite, got \[5.*nan"),
    (lambda: (DATASET, columns([SQUARE[:4]])), {}, r"Detections.boxes must have shape \(N, 5\), got \(1, 4\)"),
    (lambda: (DATASET, columns([SQUARE, BOW], "xyxyxyxy")), {}, r"Detections.boxes\[1\] must be the four"),
    (lambda: (DATASET, columns([SQUARE[:4]], "xyxy")), {}, "box_format must be one of cxcywhr, xyxyxyxy; got 'xyxy'"),
    (lambda: ([], columns([ROW["bbox"]])), {"iou_type": "bbox"}, "box_format must be one of xyxy, .* got 'cxcywhr'"),
    (lambda: (DATASET, columns([SQUARE], "xyxyxyxy")), {"box_format": "cxcywhr"}, "box_format is 'cxcywhr', but dt "),
    (lambda: (DATASET, [RESULT]), {"normalized": True}, "normalized=True does not go with iou_type 'obb'"),
    (lambda: (DATASET, columns([ROW["bbox"]])), {"normalized": True}, "normalized=True does not go with iou_type"),
    (lambda: (DATASET, [RESULT]), {"box_format": "yolo"}, "box_format must be one of cxcywhr, xyxyxyxy; got 'yolo'"),
    (lambda: (items([SQUARE]), items([SQUARE])), {}, r"gt\[0\]\['boxes'\] must have shape \(1, 5\), got \(1, 8\)"),
    (lambda: (items([SQUARE]), items([BOW])), {"box_format": "xyxyxyxy"}, r"dt\[0\]\['boxes'\]\[0\] must be the four"),
    (lambda: (np.ones((1, 6)), [RESULT]), {}, "gt is an array, which is read for iou_type 'bbox' alone; it is 'obb'"),
    (lambda: (DATASET, [RESULT]), {"iou_type": "oob"}, f"iou_type must be one of {IOU_TYPES}; got 'oob'"),
    (lambda: (pymetrics.read({**DATASET, "annotations": []}, "gt"), [RESULT]), {}, "gt was read for another iou_type"),
    (
        lambda: (pymetrics.read(DATASET, "gt", iou_type="obb"), [{**RESULT, "bbox": SQUARE[:4]}]),
        {"iou_type": "bbox"},
        "gt was read for another iou_type: say iou_type='bbox' to pymetrics.read",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("make", "more", "words"), BAD)
def test_bad_input(make, more, words):
    with pytest.raises(ValueError, match=words):
        pymetrics.evaluate(*make(), **{"iou_type": "obb", **more})


def test_torchvisions_rotated_boxes_are_refused(need):
    """Their angles are degrees."""
    torch, tv_tensors = need("torch"), need("torchvision.tv_tensors")
    boxes = tv_tensors.BoundingBoxes(torch.tensor([[5.0, 5, 4, 2, 30]]), format="CXCYWHR", canvas_size=(9, 9))
    one = [{"boxes": boxes, "labels": torch.ones(1, dtype=int), "scores": torch.ones(1)}]
    with pytest.raises(
        ValueError, match="gt holds torchvision's boxes of the format CXCYWHR, whose angles are degrees"
    ):
        pymetrics.evaluate(one, one, iou_type="obb")


@pytest.mark.parametrize("arguments", [["--iou-type", "oob"], ["--box-format", "xywh", "--iou-type", "obb"]])
def test_the_command_line_refuses(arguments, tmp_path, capsys):
    for name, content in (("gt", DATASET), ("dt", [RESULT])):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    with pytest.raises(SystemExit):
        cli.main(["eval", "--gt", str(tmp_path / "gt.json"), "--dt", str(tmp_path / "dt.json"), *arguments])
    error = capsys.readouterr().err
    assert IOU_TYPES in error or "cxcywhr, xyxyxyxy" in error
