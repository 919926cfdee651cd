"""Sources to columns: the same data through every source is the same columns and gives the same numbers."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import pickle

import numpy as np
import pytest
from helpers.columns import ingest
from helpers.ingest_cases import assert_same_columns, columns_source, per_image_source, same, scene, tensors
from hypothesis import given, settings
from hypothesis import strategies as st

import pymetrics
from pymetrics import Detections, GroundTruths, Protocol

SIZES = ["small", "medium", "large"]
NAMES = [
    "AP",
    "AP50",
    "AP75",
    *(f"AP_{size}" for size in SIZES),
    "AR_1",
    "AR_10",
    "AR_100",
    *(f"AR_{size}" for size in SIZES),
]
YOLACT = [f"coco_yolact100/dt_yolact_{name}.json" for name in ("base", "darknet53", "im700", "resnet50")]
FAKE = "coco_val2014_100/instances_val2014_fakebbox100_results.json"
FILES = [
    *(("generated/gt.json", f"generated/dt_{name}.json") for name in ("good", "poor", "coarse")),
    *(("coco_yolact100/gt.json", dt) for dt in YOLACT),
    ("coco_val2014_100/instances_val2014_100.json", FAKE),
]

# The same data through every source


@pytest.mark.parametrize("use_cats", [True, False])
@pytest.mark.parametrize("kind", ["path", "text path", "dict", "mixed", "object", "columns", "tensors", "lists"])
def test_sources_of_whole_data_sets_give_the_same_columns(tmp_path, need, kind, use_cats):
    gt, dt = scene(1)
    protocol = Protocol(use_cats=use_cats)
    expected = ingest(gt, dt, protocol=protocol)
    before = copy.deepcopy((gt, dt))
    gt_path, dt_path = tmp_path / "gt.json", tmp_path / "dt.json"
    gt_path.write_text(json.dumps(gt))
    dt_path.write_text(json.dumps(dt))
    if kind == "object":
        coco = need("pycocotools.coco")
        with contextlib.redirect_stdout(io.StringIO()):
            truth = coco.COCO(str(gt_path))
            found = truth.loadRes(str(dt_path))
    sources = {
        "path": lambda: (gt_path, dt_path),
        "text path": lambda: (str(gt_path), str(dt_path)),
        "dict": lambda: (gt, tuple(dt)),
        "mixed": lambda: (gt, columns_source(gt, dt)[1]),
        "object": lambda: (truth, found),
        "columns": lambda: columns_source(gt, dt),
        "tensors": lambda: columns_source(gt, dt, tensors(need)),
        "lists": lambda: columns_source(gt, dt, np.ndarray.tolist),
    }
    assert_same_columns(ingest(*sources[kind](), protocol=protocol), expected)
    assert (gt, dt) == before


def test_results_and_array_give_the_same_columns():
    gt, dt = scene(2)
    array = np.array([[row["image_id"], *row["bbox"], row["score"], row["category_id"]] for row in dt])
    expected = ingest(gt, dt)
    assert_same_columns(ingest(gt, array), expected)
    assert_same_columns(ingest(gt, np.asfortranarray(array)), expected)
    before = array.copy()
    array.flags.writeable = False
    assert_same_columns(ingest(gt, array), expected)
    assert array.tobytes() == before.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_tensors_of_rows_are_arrays(need, dtype):
    torch = need("torch")
    gt, dt = scene(2, crowds=False)
    array = torch.tensor([[row["image_id"], *row["bbox"], row["score"], row["category_id"]] for row in dt])
    truth = torch.tensor([[row["image_id"], *row["bbox"], row["category_id"]] for row in gt["annotations"]])
    array, truth = array.to(getattr(torch, dtype)), truth.to(getattr(torch, dtype))
    assert_same_columns(ingest(truth, array), ingest(truth.double().numpy(), array.double().numpy()))


def test_ground_truth_array():
    gt, dt = scene(3, crowds=False)
    array = np.array([[row["image_id"], *row["bbox"], row["category_id"]] for row in gt["annotations"]])
    found = np.array([[row["image_id"], *row["bbox"], row["score"], row["category_id"]] for row in dt])
    columns = ingest(array, found)
    shown = {row["image_id"] for row in gt["annotations"]}
    gt["images"] = [image for image in gt["images"] if image["id"] in shown]
    expected = ingest(gt, dt)
    assert_same_columns(columns, expected, but=["category_names"])
    assert_same_columns(ingest(array, dt), expected, but=["category_names"])


@pytest.mark.parametrize("layout", ["xywh", "xyxy"])
@pytest.mark.parametrize("kind", ["numpy", "torch", "lists"])
def test_lists_per_image_give_the_same_result(need, kind, layout):
    gt, dt = scene(4, string_ids=True)
    make = {"numpy": np.asarray, "torch": tensors(need), "lists": np.ndarray.tolist}[kind]
    targets, predictions = per_image_source(gt, dt, make, layout)
    got = pymetrics.evaluate(targets, predictions, box_format=layout)
    expected = pymetrics.evaluate(gt, dt)
    same(got, {name: getattr(expected, name) for name in ("precision", "recall", "scores")})
    assert got.columns.axes.image_ids.tolist() == sorted(image["id"] for image in gt["images"])


def test_lists_without_image_ids_are_numbered():
    gt, dt = scene(5)
    targets, predictions = per_image_source(gt, dt, with_ids=False)
    columns = ingest(targets, predictions, box_format="xywh")
    assert columns.axes.image_ids.tolist() == list(range(6))
    assert ingest(targets, predictions, box_format="xywh", first_image=100).axes.image_ids.tolist() == list(
        range(100, 106)
    )
    place = {image["id"]: i for i, image in enumerate(gt["images"])}
    for row in [*gt["annotations"], *gt["images"], *dt]:
        key = "image_id" if "image_id" in row else "id"
        row[key] = place[row[key]]
    expected = ingest(gt, dt)
    order = np.argsort(expected.dt.image, kind="stable")
    assert columns.dt.shape.tolist() == expected.dt.shape[order].tolist()
    assert columns.dt.image.tolist() == expected.dt.image[order].tolist()


def test_image_ids_may_be_tensors(need):
    torch = need("torch")
    box = {"boxes": torch.tensor([[1.0, 1, 9, 9]]), "labels": torch.tensor([1])}
    gt = [
        {**box, "image_id": torch.tensor([9])},
        {**box, "image_id": torch.tensor(2)},
        {**box, "image_id": np.int32(5)},
    ]
    dt = [{**box, "scores": torch.tensor([0.5])}] * 3
    assert ingest(gt, dt).axes.image_ids.tolist() == [2, 5, 9]
    assert ingest(gt, dt).dt.image.tolist() == [2, 0, 1]
    coco, _ = scene(0)
    coco["images"] = [{"id": 9}, {"id": 2}]
    coco["annotations"] = []
    dt = [{**box, "scores": torch.tensor([0.5]), "image_id": i} for i in (9, 2)]
    assert ingest(coco, dt).dt.image.tolist() == [1, 0]


def test_dtypes_may_differ_between_images(need):
    torch = need("torch")
    rows = torch.tensor([[10.1, 20.3, 110.7, 50.9]], dtype=torch.float64)
    dtypes = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
    gt = [{"boxes": rows.to(dtype), "labels": torch.tensor([1])} for dtype in dtypes]
    gt += [{"boxes": torch.tensor([]), "labels": torch.tensor([])}]
    dt = [{**item, "scores": torch.ones(len(item["labels"]), dtype=torch.float16)} for item in gt]
    columns = ingest(gt, dt)
    for row, dtype in enumerate(dtypes):
        alone = ingest([gt[row]], [dt[row]])
        assert columns.gt.shape[row].tolist() == alone.gt.shape[0].tolist(), dtype
    assert len(columns.axes.image_ids) == 5


def test_bfloat16_columns(need):
    torch = need("torch")
    boxes = torch.tensor([[10.1, 20.3, 110.7, 50.9]], dtype=torch.bfloat16, requires_grad=True)
    scores = torch.tensor([0.3], dtype=torch.bfloat16)
    columns = ingest(GroundTruths([1], boxes, torch.tensor([1])), Detections([1], boxes, scores, torch.tensor([1])))
    assert columns.dt.scores.tolist() == [float(scores)]
    low, high = boxes[:, :2], boxes[:, 2:]
    assert columns.dt.shape.tolist() == [[*low[0].tolist(), *(high - low)[0].tolist()]]


def test_without_torch_nothing_imports_it():
    import subprocess
    import sys

    code = "import numpy as np, pymetrics, sys; pymetrics.evaluate(np.zeros((0, 6)), np.zeros((0, 7))); "
    subprocess.run([sys.executable, "-c", code + "sys.exit('torch' in sys.modules)"], check=True)


# Nothing at all


def empty_sources():
    nothing = {"boxes": np.zeros((0, 4)), "labels": np.zeros(0), "scores": np.zeros(0)}
    coco = {"images": [{"id": 1}], "annotations": [], "categories": [{"id": 1}]}
    gts = {
        "coco": coco,
        "no images": {"images": [], "annotations": [], "categories": []},
        "array": np.zeros((0, 6)),
        "flat array": np.array([]),
        "list": [],
        "columns": GroundTruths([], [], []),
        "tensor-like": GroundTruths(np.zeros(0), np.zeros((0, 4), np.float32), np.zeros(0, np.int32), images=[]),
    }
    dts = {
        "list": [],
        "array": np.zeros((0, 7)),
        "flat array": np.array([]),
        "columns": Detections([], np.zeros((0, 4)), [], []),
        "coco": {**coco, "annotations": []},
    }
    pairs = {f"{g} and {d}": (gts[g], dts[d]) for g in gts for d in dts}
    pairs["images"] = ([{k: nothing[k] for k in ("boxes", "labels")}] * 3, [nothing] * 3)
    pairs["odd images"] = ([{"boxes": np.zeros((1, 0)), "labels": []}], [{"boxes": [], "labels": [], "scores": []}])
    return pairs


@pytest.mark.parametrize("use_cats", [True, False])
@pytest.mark.parametrize("pair", empty_sources())
def test_nothing_gives_nothing(pair, use_cats):
    result = pymetrics.evaluate(*empty_sources()[pair], protocol=Protocol(use_cats=use_cats))
    assert set(result.stats) == {-1.0}
    assert result.columns.dt.shape.shape == result.columns.gt.shape.shape == (0, 4)
    assert result.columns.dt.scores.shape == result.columns.gt.area.shape == (0,)


def test_no_detections():
    gt, _ = scene(11)
    for nothing in ([], np.zeros((0, 7)), Detections([], [], [], [])):
        result = pymetrics.evaluate(gt, nothing)
        assert result["map"] == 0
        assert result["mar_100"] == 0


def test_no_ground_truth():
    dt = Detections([1, 2], [[1, 1, 9, 9]] * 2, [0.5, 0.5], [1, 2])
    for nothing in ([], np.zeros((0, 6)), GroundTruths([], [], [])):
        columns = pymetrics.evaluate(nothing, dt).columns
        assert columns.axes.image_ids.tolist() == [1, 2]
        assert columns.axes.category_ids.tolist() == [1, 2]


# The objects themselves


def test_columns_are_views_that_travel():
    boxes, scores = np.ones((2, 4)) * 9, np.array([0.5, 0.25])
    dt = Detections(np.array([1, 2]), boxes, scores, np.array([1, 1]), "xywh")
    gt = GroundTruths(np.array([1, 2]), boxes, np.array([1, 1]), box_format="xywh")
    assert len(dt) == len(gt) == 2
    assert repr(dt) == "Detections(2 boxes, xywh)"
    assert repr(gt) == "GroundTruths(2 boxes, xywh)"
    columns = ingest(gt, dt)
    assert columns.dt.shape is boxes
    assert columns.dt.scores is scores
    again = pickle.loads(pickle.dumps((gt, dt)))
    assert_same_columns(ingest(*copy.deepcopy(again)), columns)


# Files, with the numbers that pycocotools gives for them


@pytest.mark.cases(12)
@pytest.mark.parametrize("kind", ["path", "dict", "array", "columns", "tensors", "images", "torchvision"])
@pytest.mark.parametrize(("gt", "dt"), FILES)
def test_files_give_pycocotools_numbers(data, need, gt, dt, kind):
    expected = json.loads(data(gt).with_name("expected.json").read_text())
    expected = expected[f"{gt.rpartition('/')[2]} vs {dt.rpartition('/')[2]} bbox"]
    sources, box_format = (data(gt), data(dt)), None
    if kind != "path":
        sources = [json.loads(path.read_text()) for path in sources]
    if kind == "array":
        rows = [[row["image_id"], *row["bbox"], row["score"], row["category_id"]] for row in sources[1]]
        sources = (sources[0], np.array(rows))
    if kind in ("columns", "tensors"):
        sources = columns_source(*sources, np.asarray if kind == "columns" else tensors(need))
    if kind in ("images", "torchvision"):
        sources, box_format = per_image_source(*sources, np.asarray if kind == "images" else tensors(need)), "xywh"
    result = pymetrics.evaluate(*sources, box_format=box_format)
    assert list(result.stats) == [expected[name] for name in NAMES]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_generated_scenes_give_the_same_columns(seed):
    gt, dt = scene(seed)
    expected = ingest(gt, dt)
    assert_same_columns(ingest(*columns_source(gt, dt)), expected)
    assert_same_columns(ingest(*columns_source(gt, dt, layout="xyxy")), expected)
