"""pymetrics.detection.MeanAveragePrecision gives what torchmetrics' gives: keys, order, dtypes, shapes, bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from helpers.map_scenes import batch, differences

ARGUMENTS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "per class": {"class_metrics": True},
    "extended": {"extended_summary": True},
    "micro": {"average": "micro"},
    "micro per class extended": {"average": "micro", "class_metrics": True, "extended_summary": True},
    "few limits": {"max_detection_thresholds": [1, 2, 3], "class_metrics": True, "extended_summary": True},
    "limits around 100": {"max_detection_thresholds": [300, 1, 100], "class_metrics": True},
    "limits of 0 and equal": {"max_detection_thresholds": [0, 2, 2]},
    "one threshold": {"iou_thresholds": [0.5], "class_metrics": True},
    "unsorted thresholds": {"iou_thresholds": [0.75, 0.3, 1.0, 0.0], "class_metrics": True, "extended_summary": True},
    "own recalls": {"rec_thresholds": [0.0, 0.5, 1.0], "extended_summary": True},
    "per class extended": {"class_metrics": True, "extended_summary": True},
}  # fmt: skip

SCENES: dict[str, dict[str, Any]] = {
    "plain": {"crowd": 0, "area": False},
    "crowds and areas": {},
    "only crowds": {"crowd": 1.1},
    "one class": {"n_classes": 1},
    "one image": {"n_images": 1, "empty": 0},
    "one box": {"n_images": 1, "empty": 0, "most": 1, "n_classes": 1, "crowd": 0},
    "many empty": {"empty": 0.7},
    "all empty": {"empty": 1.1},
    "bare empties": {"empty": 0.4, "bare": True},
    "float16": {"dtype": "float16", "scores": "float16"},
    "bfloat16": {"dtype": "bfloat16", "scores": "bfloat16"},
    "float64": {"dtype": "float64", "scores": "float64"},
    "int64": {"dtype": "int64", "labels": "int32"},
    "uint8": {"dtype": "uint8", "labels": "uint8"},
    "xywh": {"box_format": "xywh"},
    "xywh int": {"box_format": "xywh", "dtype": "int32"},
    "cxcywh": {"box_format": "cxcywh"},
    "cxcywh float16": {"box_format": "cxcywh", "dtype": "float16"},
    "cxcywh float64": {"box_format": "cxcywh", "dtype": "float64"},
    "cxcywh int": {"box_format": "cxcywh", "dtype": "int64"},
    "bool labels": {"labels": "bool", "n_classes": 2},
}  # fmt: skip

QUICK = ("plain", "crowds and areas", "many empty", "bfloat16", "cxcywh int")

Build = Callable[..., tuple[Any, Any]]


@pytest.fixture(scope="session")
def both(need: Callable[[str], Any]) -> Build:
    """both(**arguments): our metric and torchmetrics'."""
    need("torchmetrics"), need("torchvision"), need("pycocotools")
    from torchmetrics.detection import MeanAveragePrecision as Theirs

    from pymetrics.detection import MeanAveragePrecision as Ours

    def build(**arguments: Any) -> tuple[Any, Any]:
        ours = Ours(**arguments)
        arguments.pop("thresholds", None)
        theirs = Theirs(**arguments)
        ours.warn_on_many_detections = theirs.warn_on_many_detections = False
        return ours, theirs

    return build


def run(metric: Any, *batches: Any) -> dict[str, Any]:
    """The metric's values; those of classes have an axis, which torchmetrics takes from one class's."""
    for preds, target in batches:
        metric.update(preds, target)
    values: dict[str, Any] = metric.compute()
    for key in values:
        of_classes = key == "classes" or (metric.class_metrics and key.endswith("_per_class"))
        if of_classes and values[key].ndim == 0:
            values[key] = values[key].reshape(1)
    return values


@pytest.mark.cases(12)
@pytest.mark.parametrize("scene", [pytest.param(s, marks=() if s in QUICK else pytest.mark.slow) for s in SCENES])
@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_equal_to_torchmetrics(both: Build, arguments: str, scene: str) -> None:
    layout = {"box_format": SCENES[scene].get("box_format", "xyxy")}
    ours, theirs = both(**ARGUMENTS[arguments], **layout)
    seed = list(ARGUMENTS).index(arguments) * 100 + list(SCENES).index(scene)
    batches = [batch(seed, **SCENES[scene]), batch(seed + 10_000, **SCENES[scene])]
    assert differences(run(ours, *batches), run(theirs, *batches)) == []


@pytest.mark.slow
@pytest.mark.parametrize("scene", ["plain", "crowds and areas", "one class", "one box", "many empty", "all empty"])
@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_equal_to_torchmetrics_with_faster_coco_eval(need: Any, both: Build, arguments: str, scene: str) -> None:
    need("faster_coco_eval")
    ours, theirs = both(**ARGUMENTS[arguments], backend="faster_coco_eval")
    data = batch(list(ARGUMENTS).index(arguments), **SCENES[scene])
    assert differences(run(ours, data), run(theirs, data)) == []


def test_first_precision_of_the_backends(need: Any, both: Build) -> None:
    """One detection counted: tp / (n + eps) against tp / n."""
    import torch

    need("faster_coco_eval")
    sample = {"boxes": torch.tensor([[0.0, 0, 9, 9]]), "scores": torch.ones(1), "labels": torch.ones(1).long()}
    for backend, first in (("pycocotools", 1 / (1 + 2**-52)), ("faster_coco_eval", 1.0)):
        for metric in both(backend=backend, extended_summary=True):
            assert run(metric, ([sample], [sample]))["precision"][0, 0, 0, 0, 0].item() == first


@pytest.mark.parametrize("class_metrics", [True, False])
def test_values_of_one_class_have_an_axis(both: Build, class_metrics: bool) -> None:
    """Callers iterate over them; torchmetrics' cannot be iterated over."""
    ours, theirs = (metric for metric in both(class_metrics=class_metrics))
    data = batch(1, n_classes=1)
    for metric in (ours, theirs):
        metric.update(*data)
    for found in (ours.compute(), ours(*data)):
        shape = (1,) if class_metrics else ()
        assert found["classes"].shape == (1,)
        assert found["map_per_class"].shape == found["mar_100_per_class"].shape == shape
    assert theirs.compute()["map_per_class"].shape == ()


def test_values_that_are_not_numbers(both: Build) -> None:
    """NaN boxes match (NAN_OVERLAP), NaN scores come last (NAN_SCORE_LAST), infinite sides overlap nothing."""
    import torch

    ours, theirs = both(extended_summary=True, class_metrics=True)
    preds, target = batch(1, n_images=10, n_classes=2)
    for i, item in enumerate(preds):
        if len(item["boxes"]) > 1:
            item["boxes"][0, i % 4] = float("inf") if i % 3 else float("nan")
            item["scores"][1] = float("nan")
    for i, item in enumerate(target):
        if i % 2 and len(item["boxes"]):
            item["boxes"][0, i % 4] = float("nan")
            item["area"][-1] = float("nan")
    found, expected = run(ours, (preds, target)), run(theirs, (preds, target))
    assert any(torch.is_tensor(ious) and ious.isnan().any() for ious in found["ious"].values())
    assert differences(found, expected) == []


@pytest.mark.parametrize("labels", [[-3, 0, 7], [0, 1 << 22, 2_000_000_000], [5, 5, 5]])
def test_labels_may_be_any_32_bits(both: Build, labels: list[int]) -> None:
    import torch

    ours, theirs = both(class_metrics=True, extended_summary=True)
    preds, target = batch(2, n_classes=3)
    for item in (*preds, *target):
        item["labels"] = torch.tensor(labels)[item["labels"]]
    assert differences(run(ours, (preds, target)), run(theirs, (preds, target))) == []


def test_kinds_of_tensors_may_change_between_images(both: Build) -> None:
    """Half boxes round before they join doubles; integer areas beyond float32 stay whole."""
    import torch

    ours, theirs = both(extended_summary=True)
    batches = [
        batch(3, dtype="float16", scores="float64", labels="int16"),
        batch(4, dtype="float64", scores="float16", area=False, crowd=0),
        batch(5, dtype="int32", labels="uint8"),
    ]
    batches[0][1][1]["area"] = torch.full_like(batches[0][1][1]["labels"], 2**24 + 1, dtype=torch.int64)
    batches[0][1][0]["iscrowd"] = batches[0][1][0]["iscrowd"].bool()
    batches[2][1][0]["iscrowd"] = torch.full_like(batches[2][1][0]["labels"], 0.5, dtype=torch.float32)  # ignored
    assert differences(run(ours, *batches), run(theirs, *batches)) == []


def test_empty_tensors_of_any_shape(both: Build) -> None:
    import torch

    ours, theirs = both(class_metrics=True)
    preds, target = batch(12, empty=0)
    preds[0] = {"boxes": torch.empty(0, 5), "scores": torch.empty(0, 1).long(), "labels": torch.tensor([])}
    target[1] = {"boxes": torch.empty(0, 3, 7), "labels": torch.tensor([]), "iscrowd": torch.empty(0, 2)}
    assert differences(run(ours, (preds, target)), run(theirs, (preds, target))) == []


def test_corners_in_the_wrong_order(both: Build) -> None:
    ours, theirs = both(extended_summary=True, class_metrics=True)
    preds, target = batch(6)
    for item in (*preds[::2], *target[1::2]):
        item["boxes"] = item["boxes"][:, [2, 3, 0, 1]]
    assert differences(run(ours, (preds, target)), run(theirs, (preds, target))) == []


@pytest.mark.parametrize("average", ["macro", "micro"])
def test_without_images(both: Build, average: str) -> None:
    arguments = {"average": average, "class_metrics": True, "extended_summary": True}
    ours, theirs = both(**arguments)
    for metric in (ours, theirs):
        metric.update([], [])
    assert differences(ours.compute(), theirs.compute()) == []


def test_surplus_values_of_crowds_and_areas(both: Build) -> None:
    """torchmetrics takes the first ones silently; so do we, with a warning."""
    import torch

    ours, theirs = both()
    preds, target = batch(7, empty=0)
    for key in ("iscrowd", "area"):
        target[2][key] = torch.cat((target[2][key], torch.ones(3, dtype=target[2][key].dtype)))
    with pytest.warns(UserWarning, match=r"'(iscrowd|area)' of sample 2 in targets has \d+ values for \d+ labels"):
        ours.update(preds, target)
    assert differences(ours.compute(), run(theirs, (preds, target))) == []


def test_exact_thresholds(need: Any, both: Build) -> None:
    """thresholds="coco" gives pycocotools' lists, and so evaluate()'s numbers; lists that are given stay."""
    import numpy as np

    import pymetrics

    exact, rounded = both(thresholds="coco")[0], both()[0]
    data = batch(8, n_images=30, dtype="float64", scores="float64")
    gt = [
        {**item, "area": np.where(item["area"] > 0, item["area"].double(), _sizes(item["boxes"]))} for item in data[1]
    ]
    expected = pymetrics.evaluate(gt, data[0])
    found = run(exact, data)
    assert {key: found[key].item() for key in expected} == {key: np.float32(expected[key]) for key in expected}
    assert tuple(exact.iou_thresholds) == pymetrics.Protocol().iou_thresholds
    assert tuple(exact.rec_thresholds) == pymetrics.Protocol().recall_thresholds
    assert rounded.iou_thresholds[1] == 0.550000011920929
    assert both(thresholds="coco", iou_thresholds=[0.1])[0].iou_thresholds == [0.1]
    assert exact.result().stats.tolist() == expected.stats.tolist()


def _sizes(boxes: Any) -> Any:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def test_preset(need: Any, both: Build) -> None:
    """The preset "torchmetrics" of evaluate() has the metric's lists."""
    import torch

    from pymetrics.evaluation.protocol import as_protocol

    if torch.backends.cpu.get_cpu_capability() == "DEFAULT":
        pytest.skip("without vector instructions torch.linspace rounds twice")
    ours, theirs = both()
    assert as_protocol("torchmetrics") == ours.result().protocol
    assert list(as_protocol("torchmetrics").iou_thresholds) == theirs.iou_thresholds
    assert list(as_protocol("torchmetrics").recall_thresholds) == theirs.rec_thresholds


@pytest.mark.parametrize("average", ["macro", "micro"])
def test_result(both: Build, average: str) -> None:
    """result() is the Result of the same numbers, with the boxes at hand."""
    metric = both(average=average)[0]
    values = run(metric, batch(9, n_images=20))
    result = metric.result()
    assert {key: pytest.approx(result[key], abs=1e-7) for key in result} == {key: values[key].item() for key in result}
    assert len(result.per_image) == 20
    assert len(result.columns.dt.scores) == sum(len(scores) for scores in metric.detection_scores)
