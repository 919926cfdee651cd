"""The four metrics of overlaps, and their functions, against torchmetrics' own: bits, dtypes, keys, exceptions."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from helpers.map_scenes import batch, complaint, differences

NAMES = {"iou": "", "giou": "Generalized", "diou": "Distance", "ciou": "Complete"}
SCENES: dict[str, dict[str, Any]] = {
    "plain": {"empty": 0},
    "empty sides": {"empty": 0.5},
    "all empty": {"empty": 1.1},
    "one class": {"n_classes": 1},
    "float64": {"dtype": "float64"},
    "float16": {"dtype": "float16", "labels": "int32"},
    "bfloat16": {"dtype": "bfloat16"},
    "int64": {"dtype": "int64"},
    "int32": {"dtype": "int32", "labels": "uint8"},
    "uint8": {"dtype": "uint8"},
    "bool labels": {"labels": "bool", "n_classes": 2},
}


@pytest.fixture(scope="module", params=NAMES)
def classes(request: Any, need: Callable[[str], Any]) -> Any:
    """Our class of one kind, and torchmetrics'."""
    need("torchmetrics"), need("torchvision")
    name = NAMES[request.param] + "IntersectionOverUnion"
    ours, theirs = (importlib.import_module(f"{library}.detection") for library in ("pymetrics", "torchmetrics"))
    assert getattr(importlib.import_module(f"pymetrics.detection.{request.param}"), name) is getattr(ours, name)
    return getattr(ours, name), getattr(theirs, name)


@pytest.fixture(scope="module", params=NAMES)
def functions(request: Any, need: Callable[[str], Any]) -> Any:
    need("torchmetrics"), need("torchvision")
    name = (NAMES[request.param] + "_intersection_over_union").lower().lstrip("_")
    modules = (importlib.import_module(f"{library}.functional.detection") for library in ("pymetrics", "torchmetrics"))
    return [getattr(module, name) for module in modules]


def run(metric: Any, *batches: Any) -> dict[str, Any]:
    for preds, target in batches:
        metric.update(preds, target)
    values: dict[str, Any] = metric.compute()
    return values


def whole(data: Any) -> Any:
    """Without the images of detections alone, on which torchmetrics' class_metrics fails."""
    pairs = [pair for pair in zip(*data, strict=True) if len(pair[1]["labels"]) or not len(pair[0]["labels"])]
    return [pred for pred, _ in pairs], [truth for _, truth in pairs]


@pytest.mark.cases(24)
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("box_format", ["xyxy", "xywh", "cxcywh"])
def test_equal_to_torchmetrics(classes: Any, box_format: str, scene: str) -> None:
    ours, theirs = classes
    layout = {"box_format": box_format}
    batches = [batch(seed, **SCENES[scene], **layout) for seed in (1, 2)]
    for arguments in ({}, {"respect_labels": False}, {"iou_threshold": 0.3}, {"iou_threshold": -0.4}):
        found, expected = (run(kind(**arguments, **layout), *batches) for kind in (ours, theirs))
        assert differences(found, expected) == [], arguments
        of_classes = [{**arguments, **layout, "class_metrics": True}] * 2
        found, expected = (run(kind(**a), *map(whole, batches)) for kind, a in zip(classes, of_classes, strict=True))
        assert differences(found, expected) == [], arguments


def test_odd_values(classes: Any) -> None:
    """Corners in the wrong order, boxes without area, values that are not numbers, two dtypes in one metric."""
    data = batch(3, empty=0)
    for item in (*data[0][::2], *data[1][1::2]):
        item["boxes"] = item["boxes"][:, [2, 3, 0, 1]]
    data[0][1]["boxes"][0, 2:] = data[0][1]["boxes"][0, :2]
    for arguments in ({"class_metrics": True}, {"respect_labels": False}):
        found, expected = (run(kind(**arguments), data, batch(4, empty=0, dtype="float64")) for kind in classes)
        assert differences(found, expected) == []
    data[0][0]["boxes"][0, 1] = float("nan")
    found, expected = (run(kind(respect_labels=False), data) for kind in classes)
    assert differences(found, expected) == []


def test_where_torchmetrics_fails(classes: Any) -> None:
    """class_metrics with an image of detections alone, and before any update."""
    ours, theirs = classes
    data = batch(5, n_images=12, empty=0.4)
    assert len(whole(data)[0]) < 12
    assert complaint(lambda: run(theirs(class_metrics=True), data))[0] is IndexError
    found = run(ours(class_metrics=True), data)
    assert found[ours._iou_type] == run(theirs(), data)[ours._iou_type]
    expected = run(theirs(class_metrics=True), whole(data))
    assert all(found[key] == expected[key] for key in expected if "/" in key)
    assert {key: value.item() for key, value in run(ours(class_metrics=True), ([], [])).items()} == {ours._iou_type: 0}


def test_signatures(classes: Any) -> None:
    ours, theirs = classes
    for name in ("__init__", "update", "compute", "plot", "forward"):
        parameters = [inspect.signature(getattr(kind, name)).parameters.values() for kind in classes]
        found, expected = ([(p.name, p.kind, p.default) for p in part] for part in parameters)
        assert found == expected, name
    for name in ("is_differentiable", "higher_is_better", "full_state_update", "_iou_type", "_invalid_val",
                 "plot_lower_bound", "plot_upper_bound"):  # fmt: skip
        assert getattr(ours, name) == getattr(theirs, name), name


@pytest.mark.parametrize(
    "arguments", [{"box_format": "yolo"}, {"class_metrics": 1}, {"respect_labels": None}, {"foo": 1}], ids=str
)
def test_arguments_that_are_refused(classes: Any, arguments: dict[str, Any]) -> None:
    found, expected = (complaint(lambda kind=kind: kind(**arguments)) for kind in classes)
    assert expected[0] is ValueError
    assert found == expected


@pytest.mark.parametrize("box_format", ["xyxy", "xywh", "cxcywh"])
def test_batches_that_are_refused(classes: Any, box_format: str) -> None:
    import torch

    item = {"boxes": torch.rand(2, 4), "labels": torch.arange(2)}
    cases: dict[str, Any] = {
        "not a sequence": (torch.ones(2), []),
        "lengths": ([item], []),
        "no boxes": ([{"labels": item["labels"]}], [item]),
        "no labels": ([item], [{"boxes": item["boxes"]}]),
        "a list": ([item | {"boxes": [[1, 2, 3, 4]]}], [item]),
        "labels as a list": ([item], [item | {"labels": [1, 2]}]),
        "target lengths": ([item], [item | {"labels": torch.arange(3)}]),
        "bare and empty": ([item | {"boxes": torch.tensor([]), "labels": torch.tensor([])}], [item]),
        "bare target": ([item], [item | {"boxes": torch.tensor([]), "labels": torch.tensor([])}]),
        "five values": ([item | {"boxes": torch.rand(2, 5)}], [item]),
        "three values": ([item], [item | {"boxes": torch.rand(2, 3)}]),
        "empty of five": ([item], [item | {"boxes": torch.rand(0, 5), "labels": torch.arange(0)}]),
        "one axis": ([item | {"boxes": torch.rand(4)}], [item]),
        "three axes": ([item | {"boxes": torch.rand(2, 3, 4)}], [item]),
    }
    for name, (preds, target) in cases.items():
        metric = classes[0](box_format=box_format)
        metric.update([item], [item])
        expected = complaint(lambda p=preds, t=target: classes[1](box_format=box_format).update(p, t))
        assert expected[0] is ValueError, name
        found = complaint(lambda p=preds, t=target, m=metric: m.update([item, *p] if isinstance(p, list) else p,
                                                                       [item, *t]))  # fmt: skip
        assert found == (expected[0], expected[1].replace("sample 0", "sample 1").replace("1 and 0", "2 and 1")), name
        assert all(len(states) == 1 for states in metric.metric_state.values()), name


def test_labels_that_do_not_fit(classes: Any) -> None:
    """torchmetrics' error is an IndexError of torch; without respect_labels it takes them."""
    import torch

    item = {"boxes": torch.rand(2, 4), "labels": torch.arange(2)}
    odd = item | {"labels": torch.arange(3)}
    assert complaint(lambda: classes[1]().update([odd], [item]))[0] is IndexError
    with pytest.raises(ValueError, match=r"sample 0 in preds .*expected 2 labels, got labels of shape \(3,\)"):
        classes[0]().update([odd], [item])
    with pytest.raises(ValueError, match=r"boxes of sample 0 in preds to be numbers, got torch.bool"):
        classes[0]().update([item | {"boxes": torch.ones(2, 4).bool()}], [item])
    found, expected = (run(kind(respect_labels=False), ([odd], [item])) for kind in classes)
    assert differences(found, expected) == []


def test_life(classes: Any) -> None:
    ours, theirs = (kind() for kind in classes)
    with pytest.warns(UserWarning, match="was called before the ``update`` method"):
        assert classes[0]().compute()[classes[0]._iou_type] == 0
    for seed in range(3):
        data = batch(seed, empty=0)
        assert differences(ours(*data), theirs(*data)) == []
        for item in (*data[0], *data[1]):
            item["boxes"] *= 2
        for item in data[0]:
            item["labels"] += 1
    assert differences(ours.compute(), theirs.compute()) == []
    for other in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours)), ours.clone(), ours.to("cpu")):
        other._computed = None
        assert differences(other.compute(), theirs.compute()) == []
    other = classes[0]()
    other.update(*batch(7, empty=0))
    other.merge_state(ours)
    assert len(other.pred_boxes) == 32
    ours.reset()
    assert not any(ours.metric_state.values())
    assert differences(ours.higher_is_better, theirs.higher_is_better) == []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is deprecated
        importlib.import_module("torch").jit.script(classes[0]())


def test_collection(need: Callable[[str], Any]) -> None:
    """Equal states are shared, and each metric gives its own number, perfect boxes or not."""
    need("torchmetrics")
    from torchmetrics import MetricCollection

    from pymetrics import detection

    kinds = [getattr(detection, f"{name}IntersectionOverUnion") for name in NAMES.values()]
    collection = MetricCollection([kind() for kind in kinds])
    preds, target = batch(1, empty=0)
    collection.update(target, target)
    collection.update(preds, target)
    found = collection.compute()
    assert len(collection.compute_groups) == 1
    for kind in kinds:
        assert found[kind._iou_type] == run(kind(), (target, target), (preds, target))[kind._iou_type]
    assert len({value.item() for value in found.values()}) == 4


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8"])
def test_functions(functions: Any, dtype: str) -> None:
    import torch

    ours, theirs = functions
    assert inspect.signature(ours).parameters.keys() == inspect.signature(theirs).parameters.keys()
    preds, target = batch(3, n_images=4, empty=0, dtype=dtype)
    for pred, truth in zip(preds, target, strict=True):
        n = min(len(pred["boxes"]), len(truth["boxes"]))
        for arguments in ({}, {"iou_threshold": 0.3}, {"iou_threshold": 0.5, "replacement_val": -7}):
            pair = pred["boxes"][:n], truth["boxes"][:n]
            assert differences(ours(*pair, **arguments), theirs(*pair, **arguments)) == []
            pair = pred["boxes"], truth["boxes"]
            arguments |= {"aggregate": False}
            assert differences(ours(*pair, **arguments), theirs(*pair, **arguments)) == []
    full, none = preds[0]["boxes"], torch.empty(0, 4)
    for pair in ((full, none), (none, full), (none, none)):
        for aggregate in (True, False):
            assert differences(ours(*pair, aggregate=aggregate), theirs(*pair, aggregate=aggregate)) == []


def test_functions_refuse(functions: Any) -> None:
    import torch

    good = torch.rand(2, 4)
    for pair in (
        (torch.rand(4), good),
        (good, torch.rand(2, 5)),
        (torch.tensor([]), good),
        (good, torch.rand(1, 2, 4)),
    ):
        found, expected = (complaint(lambda f=function, p=pair: f(*p)) for function in functions)
        assert expected[0] is ValueError
        assert found == expected


def test_gradients(functions: Any) -> None:
    import torch

    grads = []
    for function in functions:
        boxes = torch.tensor([[1.0, 2, 30, 44], [7, 8, 29, 60]], requires_grad=True)
        function(boxes, torch.tensor([[2.0, 1, 33, 41], [9, 9, 39, 61]])).backward()
        grads.append(boxes.grad)
    assert torch.equal(*grads)
