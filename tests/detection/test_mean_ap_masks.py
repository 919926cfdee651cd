"""MeanAveragePrecision of masks, alone and beside boxes, gives what torchmetrics' gives."""

from __future__ import annotations

import copy
import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.map_scenes import batch, complaint, differences, with_masks

import pymetrics

IOU_TYPES: tuple[Any, ...] = ("segm", ("bbox", "segm"), ["segm", "bbox"])
BACKENDS = ("pycocotools", "faster_coco_eval")
Build = Callable[..., tuple[Any, Any]]


@pytest.fixture(scope="module")
def both(need: Callable[[str], Any]) -> Build:
    """both(**arguments): our metric and torchmetrics'."""
    need("torchmetrics"), need("torchvision"), need("pycocotools"), need("faster_coco_eval")
    from torchmetrics.detection import MeanAveragePrecision as Theirs

    from pymetrics.detection import MeanAveragePrecision as Ours

    def build(**arguments: Any) -> tuple[Any, Any]:
        return Ours(**arguments), Theirs(**arguments)

    return build


def run(metric: Any, *batches: Any) -> dict[str, Any]:
    """The metric's values; those of classes have an axis, which torchmetrics takes from one class's."""
    for preds, target in batches:
        metric.update(preds, target)
    values: dict[str, Any] = dict(metric.compute())
    for key in values:
        of_classes = key == "classes" or (metric.class_metrics and key.endswith("_per_class"))
        if of_classes and values[key].ndim == 0:
            values[key] = values[key].reshape(1)
    return values


def sample(n: int, height: int = 10, width: int = 12, seed: int = 0, **values: Any) -> dict[str, Any]:
    import torch

    generator = torch.Generator().manual_seed(seed)
    whole = {
        "masks": torch.rand(n, height, width, generator=generator) < 0.5,
        "boxes": (torch.rand(n, 4, generator=generator) * 10).sort(1)[0],
        "labels": torch.randint(0, 2, (n,), generator=generator),
        "scores": torch.rand(n, generator=generator),
    }
    return whole | values


@pytest.mark.cases(2)
@pytest.mark.parametrize("backend", [BACKENDS[0], pytest.param(BACKENDS[1], marks=pytest.mark.slow)])
@pytest.mark.parametrize("iou_type", IOU_TYPES, ids=str)
@pytest.mark.parametrize("empty", [0.1, 0.5])
def test_equal_to_torchmetrics(both: Build, iou_type: Any, backend: str, empty: float) -> None:
    combinations = itertools.product((False, True), (False, True), ("macro", "micro"), ([1, 10, 100], [1, 2, 3]))
    for seed, (extended, per_class, average, limits) in enumerate(combinations):
        if average == "micro" and per_class and len(iou_type) == 2:
            continue  # test_micro_of_the_second_type
        ours, theirs = both(
            iou_type=iou_type, backend=backend, extended_summary=extended, class_metrics=per_class, average=average,
            max_detection_thresholds=limits,
        )  # fmt: skip
        ours.warn_on_many_detections = theirs.warn_on_many_detections = False
        batches = [with_masks(batch(100 * seed + i, empty=empty, n_classes=3), seed) for i in range(2)]
        assert differences(run(ours, *batches), run(theirs, *batches)) == []


def odd_scenes(torch: Any) -> dict[str, Any]:
    """(preds, target)"""
    return {
        "no detections": ([sample(0), sample(0)], [sample(3), sample(2)]),
        "no ground truths": ([sample(2), sample(1)], [sample(0), sample(0)]),
        "nothing": ([sample(0)], [sample(0)]),
        "no images": ([], []),
        "detections in an image without ground truths": ([sample(3), sample(4)], [sample(3), sample(0)]),
        "bare": ([dict.fromkeys(sample(0), torch.tensor([])), sample(3)], [sample(3), sample(3)]),
        "values 0 to 2": ([sample(3, masks=torch.randint(0, 3, (3, 10, 12)).to(torch.uint8))], [sample(3)]),
        "values 255": ([sample(3, masks=sample(3)["masks"].to(torch.uint8) * 255)], [sample(3)]),
        "two sizes": ([sample(3, height=20)], [sample(3)]),
        "zeros": ([sample(3, masks=torch.zeros(3, 10, 12).bool())], [sample(3, masks=torch.zeros(3, 10, 12).bool())]),
        "ones": ([sample(3, masks=torch.ones(3, 10, 12).bool())], [sample(3, masks=torch.ones(3, 10, 12).bool())]),
        "0 x 5": ([sample(2, masks=torch.zeros(2, 0, 5).bool())], [sample(2, masks=torch.zeros(2, 0, 5).bool())]),
        "crowds": ([sample(3)], [sample(3, iscrowd=torch.ones(3).long())]),
        "a crowd": ([sample(3)], [sample(3, iscrowd=torch.tensor([1, 0, 0]))]),
        "areas": ([sample(3)], [sample(3, area=torch.tensor([0.0, 2000.0, 1e6]))]),
        "odd areas": ([sample(3)], [sample(3, area=torch.tensor([float("nan"), -2000.0, 1e16]))]),
        "corners in the wrong order": (
            [sample(3, boxes=sample(3)["boxes"].flip(1)), sample(4, seed=2)],
            [sample(3, boxes=sample(3)["boxes"].flip(1)), sample(3, seed=2)],
        ),
        "box areas outside all ranges": (
            [sample(3, boxes=torch.tensor([[0, 0, 1e6, 1e6], [9.0, 9, 2, 10], [0, 0, 3, 4]]), seed=3), sample(4)],
            [sample(3), sample(3, seed=2)],
        ),
        "by columns": ([sample(2, masks=sample(2, 12, 10)["masks"].transpose(1, 2))], [sample(2)]),
        "every second pixel": ([sample(2, masks=sample(2, 20, 24)["masks"][:, ::2, ::2])], [sample(2)]),
        "half scores": ([sample(3, scores=torch.rand(3).half())], [sample(3)]),
    }


@pytest.mark.cases(1)
@pytest.mark.parametrize("iou_type", IOU_TYPES, ids=str)
def test_odd_scenes(both: Build, need: Any, iou_type: Any) -> None:
    for name in odd_scenes(need("torch")):
        for backend in BACKENDS:
            data = odd_scenes(need("torch"))[name]
            ours, theirs = both(iou_type=iou_type, backend=backend, extended_summary=True, class_metrics=True)
            assert differences(run(ours, data), run(theirs, data)) == [], (name, backend)


def test_micro_of_the_second_type(both: Build) -> None:
    """torchmetrics gives macro means there, where class_metrics is asked for."""
    arguments = {"average": "micro", "class_metrics": True}
    data = with_masks(batch(3, n_classes=3), 3)
    ours, theirs = (run(metric, data) for metric in both(iou_type=("bbox", "segm"), **arguments))
    first = run(both(iou_type=("segm", "bbox"), **arguments)[1], data)
    assert theirs["segm_map"] != ours["segm_map"] == first["segm_map"]
    assert differences(ours["segm_map_per_class"], theirs["segm_map_per_class"]) == []


def test_images_without_ground_truth(both: Build) -> None:
    """With masks alone torchmetrics leaves them out; count_empty_images counts their detections."""
    data = [sample(3), sample(2, seed=4)], [sample(3), sample(0)]
    data[0][0]["scores"] = data[0][0]["scores"] / 2
    data[0][1]["scores"] = data[0][1]["scores"] / 2 + 0.5
    data[0][1]["labels"] = data[0][0]["labels"][:2]
    ours, theirs = both(iou_type="segm")
    assert run(ours, data)["map"] == run(theirs, data)["map"] == 1
    counting, beside_boxes = (
        type(ours)(iou_type="segm", count_empty_images=True), type(ours)(iou_type=("bbox", "segm"))
    )  # fmt: skip
    assert run(counting, data)["map"] == run(beside_boxes, data)["segm_map"] < 1
    assert len(counting.result().columns.axes.image_ids) == 2
    without = type(ours)(iou_type="segm", count_empty_images=True)
    assert run(without, ([sample(0)], [sample(2)]))["map"] == 0


def test_other_kinds_of_masks(both: Build, need: Any) -> None:
    """Floats (n, 1, height, width), runs and polygons give what bitmaps give."""
    torch = need("torch")
    preds, target = with_masks(batch(5, n_classes=2, bare=False), 5)
    expected = run(both(iou_type="segm")[0], (preds, target))

    def changed(of: Callable[[Any], Any]) -> Any:
        return [[{**item, "masks": of(item["masks"])} for item in items] for items in (preds, target)]

    def rles(masks: Any) -> Any:
        return pymetrics.coco.mask.encode_many(masks) if len(masks) else masks

    kinds = {
        "floats": changed(lambda masks: (masks != 0).float().unsqueeze(1) * 0.6 + 0.2),
        "one channel": changed(lambda masks: masks.unsqueeze(1)),
        "runs": changed(rles),
        "texts": changed(lambda masks: [{**rle, "counts": rle["counts"].decode()} for rle in rles(masks)] or masks),
        "one side": (changed(rles)[0], target),
    }
    for name, data in kinds.items():
        assert differences(run(both(iou_type="segm")[0], data), expected) == [], name
    square = [[2, 3, 8, 3, 8, 7, 2, 7]]
    bitmap = torch.from_numpy(pymetrics.coco.mask.decode(pymetrics.coco.mask.frPyObjects(square, 10, 12)))
    bitmap = bitmap.permute(2, 0, 1)
    whole = {"labels": torch.zeros(1).long(), "scores": torch.ones(1)}
    metric = both(iou_type="segm")[0]
    metric.update(
        [{**whole, "masks": bitmap}, {**whole, "masks": [square]}],
        [{**whole, "masks": [square]}, {**whole, "masks": [square], "image_size": torch.tensor([10, 12])}],
    )
    assert metric.compute()["map"] == 1
    assert torch.equal(metric.detection_mask[0], metric.groundtruth_mask[1])


def test_an_empty_list_of_masks(both: Build, need: Any) -> None:
    """An image without objects has no runs, and so an empty list. torchmetrics takes no lists."""
    torch = need("torch")
    bitmap = torch.ones(1, 4, 5).bool()
    rle = pymetrics.coco.mask.encode(bitmap[0].numpy())

    def images(*counts: int, listed: bool = True) -> list[dict[str, Any]]:
        return [
            {"masks": [rle] * n if listed else bitmap[:n], "scores": torch.ones(n), "labels": torch.zeros(n).long()}
            for n in counts
        ]

    ours, dense = both(iou_type="segm")[0], both(iou_type="segm")[0]
    found = run(ours, (images(1, 0, 1), images(1, 1, 0)))
    assert differences(found, run(dense, (images(1, 0, 1, listed=False), images(1, 1, 0, listed=False)))) == []
    assert float(found["mar_100"]) == 0.5
    with pytest.raises(ValueError, match="Expected all masks in `target` to be of type Tensor"):
        ours.update(images(1), [{"masks": [], "labels": torch.zeros(1).long()}])


def test_what_torchmetrics_refuses(both: Build, need: Any) -> None:
    """The same texts, of update(); the states stay."""
    torch = need("torch")
    masks = {
        "float": torch.rand(2, 6, 8), "double": torch.rand(2, 6, 8).double(), "half": torch.rand(2, 6, 8).half(),
        "long": torch.ones(2, 6, 8).long(), "int": torch.ones(2, 6, 8).int(), "short": torch.ones(2, 6, 8).short(),
        "char": torch.ones(2, 6, 8).to(torch.int8), "bfloat16": torch.rand(2, 6, 8).bfloat16(),
        "list": [[1, 2], [3, 4]], "empty list": [], "rows": [torch.ones(2, 3).bool()] * 2,
        "too many": sample(3)["masks"],
    }  # fmt: skip
    for (name, value), backend, side in itertools.product(masks.items(), BACKENDS, (0, 1)):
        ours, theirs = both(iou_type="segm", backend=backend)
        data = [[sample(2), sample(2)], [sample(2), sample(2)]]
        data[side][1]["masks"] = value
        expected = complaint(lambda data=data, theirs=theirs: theirs.update(*data))
        assert expected[1], name
        assert complaint(lambda data=data, ours=ours: ours.update(*data)) == expected, (name, backend)
        assert not any(ours.metric_state.values())
    for key in ("masks", "labels", "scores"):
        item = sample(2)
        del item[key]
        texts = [
            complaint(lambda m=m, item=item: m.update([item], [sample(2)])) for m in both(iou_type=("segm", "bbox"))
        ]
        assert texts[0] == texts[1]
        assert texts[0][0] is ValueError


@pytest.mark.parametrize(
    ("value", "error", "match"),
    [
        (lambda torch: torch.ones(2, 6).bool(), ValueError, r"mask of sample 1, element 0 .*got \(2, 6\)\) in pred"),
        (lambda torch: torch.ones(2, 3, 6, 8).bool(), ValueError, r"sample 1, .*got \(2, 3, 6, 8\)\)"),
        (lambda torch: torch.ones(2, 6, 8).to(torch.complex64), ValueError, "must be bool or uint8, got torch.complex"),
        (
            lambda _: [{"size": [2, 2], "counts": [1, 1]}] * 2,
            ValueError,
            r"sample 1 in predictions: masks\[0\] has runs",
        ),
        (lambda _: [{"size": [2], "counts": b"1"}] * 2, ValueError, r"masks\[0\]\['size'\] must be \[height, width\]"),
        (lambda _: [[[1, 2, 3]], [[1, 2, 3]]], ValueError, r"sample 1 .*list x, y, x, y"),
        (
            lambda _: [[[1, 2, 3, 4, 5, 6]], [[1, 2, 3, 4, 5, math.inf]]],
            ValueError,
            r"^Invalid input mask of sample 1 in predictions: masks\[1\]\[0\] has the point \[5.0, inf\]; ",
        ),
    ],
)
def test_what_is_refused_with_a_name(both: Build, need: Any, value: Any, error: type[Exception], match: str) -> None:
    ours = both(iou_type="segm")[0]
    with pytest.raises(error, match=match):
        ours.update([sample(2), sample(2, masks=value(need("torch")))], [sample(2), sample(2)])
    assert not any(ours.metric_state.values())


def test_polygons_without_a_size(both: Build) -> None:
    square = [[[2, 3, 8, 3, 8, 7, 2, 7]]]
    ours = both(iou_type="segm")[0]
    data = [sample(1, masks=square)], [sample(1, masks=square)]
    with pytest.raises(ValueError, match="Polygons of sample 0 need the key `image_size`"):
        ours.update(*data)
    data[1][0]["image_size"] = (3,)
    with pytest.raises(ValueError, match=r"image_size of sample 0 must be \(height, width\), got \(3,\)"):
        ours.update(*data)


@pytest.mark.slow
def test_states(both: Build, need: Any) -> None:
    """Tensors that move, merge, copy and are saved; no more bytes than torchmetrics' tuples; on the host always."""
    torch = need("torch")
    ours, theirs = both(iou_type="segm")
    data = with_masks(batch(1, empty=0), 1, 480, 640)
    for metric in (ours, theirs):
        metric.update(*data)
    for name in ("detection_mask", "groundtruth_mask"):
        assert all(state.dtype == torch.uint8 for state in getattr(ours, name))
        n_bytes = sum(state.numel() for state in getattr(ours, name))
        assert n_bytes <= sum(2 * 8 + len(text) for masks in getattr(theirs, name) for _, text in masks)
    expected = ours.compute()
    other = both(iou_type="segm")[0]
    other.merge_state(ours)
    assert differences(other.compute(), expected) == []
    ours.persistent(True)
    saved = ours.state_dict()
    other.reset()
    other.persistent(True)
    other.load_state_dict(saved)
    other._update_count = 1
    assert differences(other.compute(), expected) == []
    assert differences(copy.deepcopy(ours).compute(), expected) == []
    moved = copy.deepcopy(ours).to("meta")
    assert {state.device.type for state in moved.detection_mask} == {"cpu"}
    assert {state.device.type for state in moved.detection_labels} == {"meta"}
    on_cpu = both(iou_type="segm", compute_on_cpu=True)[0]
    assert differences(run(on_cpu, data), run(ours)) == []


def test_life(both: Build) -> None:
    """forward, a collection, plot, select and result."""
    from torchmetrics import MetricCollection

    batches = [with_masks(batch(seed, n_classes=2), seed) for seed in range(3)]
    ours, theirs = both(iou_type=("bbox", "segm"))
    for data in batches:
        assert differences(ours(*data), theirs(*data)) == []
    whole = ours.compute()
    assert differences(whole, theirs.compute()) == []
    members = {"a": both(iou_type="segm")[0], "b": both(iou_type="segm", iou_thresholds=[0.5])[0]}
    collection = MetricCollection(members)
    for data in batches:
        collection.update(*data)
    assert collection.compute_groups == {0: ["a", "b"]}
    found = collection.compute()
    assert found["a_map_50"] == found["b_map_50"] == run(both(iou_type="segm")[1], *batches)["map_50"]
    assert ours.select("segm_map").compute() == whole["segm_map"]
    with pytest.raises(ValueError, match=r"`key` to be one of \('bbox_map',"):
        ours.select("map")
    assert ours.result("segm")["map"] == pytest.approx(whole["segm_map"].item(), abs=1e-7)
    assert ours.result()["map"] == pytest.approx(whole["bbox_map"].item(), abs=1e-7)
    with pytest.raises(ValueError, match="`iou_type` to be one of"):
        ours.result("obb")


@pytest.mark.parametrize("iou_type", ["bbox", "segm", ("bbox", "segm")])
def test_plot(both: Build, need: Any, iou_type: Any) -> None:
    """In every setting; torchmetrics' fails with extended_summary."""
    pyplot = need("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    for per_class, extended in itertools.product((False, True), repeat=2):
        ours, _ = both(iou_type=iou_type, class_metrics=per_class, extended_summary=extended)
        values = ours(*with_masks(batch(1), 1))
        for given in (None, values, [values, values]):
            _, axes = ours.plot(given)
            assert axes is not None
            pyplot.close("all")
    assert any(key.endswith("ious") for key in ours.compute())


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools'
@pytest.mark.parametrize("iou_type", ["segm", ("bbox", "segm")])
def test_files(both: Build, need: Any, iou_type: Any, tmp_path: Path) -> None:
    """The same as torchmetrics', but with categories; they come back as torchmetrics reads them."""
    data = with_masks(batch(1, n_images=10, empty=0, box_format="xyxy"), 1)
    ours, theirs = both(iou_type=iou_type)
    for metric, name in ((ours, "ours"), (theirs, "theirs")):
        metric.update(*data)
        metric.tm_to_coco(str(tmp_path / name))

    def content(name: str) -> Any:
        return json.loads((tmp_path / f"{name}.json").read_text())

    assert (tmp_path / "ours_preds.json").read_text() == (tmp_path / "theirs_preds.json").read_text()
    found, expected = content("ours_target"), content("theirs_target")
    assert {key: found[key] for key in ("images", "annotations")} == {
        key: expected[key] for key in ("images", "annotations")
    }
    paths = str(tmp_path / "ours_preds.json"), str(tmp_path / "ours_target.json")
    for kind in ("segm", ("segm", "bbox"))[: len(ours.iou_type)]:
        read = [metric.coco_to_tm(*paths, iou_type=kind) for metric in both()]
        for side, other in zip(*read, strict=True):
            assert [set(item) for item in side] == [set(item) for item in other]
            sides = [[{key: item[key] for key in sorted(item)} for item in items] for items in (side, other)]
            assert differences(*sides) == []
    again = both(iou_type="segm")[0]
    again.update(*ours.coco_to_tm(*paths, iou_type="segm"))
    prefix = "segm_" if isinstance(iou_type, tuple) else ""
    assert again.compute()["map_50"] == ours.compute()[f"{prefix}map_50"]


@pytest.mark.parametrize("iou_type", IOU_TYPES, ids=str)
def test_datasets_of_subclasses(both: Build, iou_type: Any) -> None:
    """_get_coco_datasets gives torchmetrics' dicts, and our numbers when they are evaluated."""
    ours, theirs = both(iou_type=iou_type)
    data = with_masks(batch(4, empty=0.3), 4)
    run(ours, data), run(theirs, data)
    names = [f"groundtruth_{name}" for name in ("labels", "box", "mask", "crowds", "area")]
    names += [f"detection_{name}" for name in ("labels", "box", "mask", "scores")]
    pairs = [
        metric._coco_backend._get_coco_datasets(
            *(getattr(metric, name) for name in names), iou_type=metric.iou_type, average="macro"
        )
        for metric in (ours, theirs)
    ]
    for found, other in zip(*pairs, strict=True):
        for key in ("images", "annotations", "categories"):
            assert found.dataset[key] == other.dataset[key], key
        assert list(found.dataset["annotations"][0]) == list(other.dataset["annotations"][0])
    assert ours._coco_backend.mask_utils is pymetrics.coco.mask
