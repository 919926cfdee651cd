"""forward(): the values of a batch alone, which the states then hold."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import pytest
from helpers.map_scenes import batch, differences, with_masks

BATCHES = [batch(seed, n_images=3) for seed in range(4)] if importlib.util.find_spec("torch") else []
ONE_IMAGE: list[dict[str, Any]] = [
    {},
    {"average": "micro"},
    {"iou_thresholds": [0.3, 0.5], "rec_thresholds": [0.2, 0.9, 0.4]},
    {"class_metrics": True},
    {"max_detection_thresholds": [1, 2, 3]},
    {"extended_summary": True},
    {"backend": "faster_coco_eval"},
]
KINDS: list[dict[str, Any]] = [
    {},
    {"dtype": "float64", "scores": "float64"},
    {"empty": 1.0},
    {"crowd": 1.0},
    {"area": False, "labels": "int32"},
    {"empty": 0.6, "bare": True},
]


@pytest.fixture(scope="module")
def make(need: Callable[[str], Any]) -> Callable[..., Any]:
    """make(**arguments): our metric."""
    need("torchmetrics")
    from pymetrics.detection import MeanAveragePrecision

    return MeanAveragePrecision


@pytest.fixture(scope="module")
def theirs(need: Callable[[str], Any]) -> Callable[..., Any]:
    """theirs(**arguments): torchmetrics' metric."""
    need("torchmetrics"), need("torchvision"), need("pycocotools")
    from torchmetrics.detection import MeanAveragePrecision

    return MeanAveragePrecision


@pytest.mark.parametrize("steps", ["ufu", "uf", "fuf", "uuffu", "fufuf"])
def test_update_and_forward_of_a_collection(make: Any, theirs: Any, steps: str) -> None:
    """After an update the metrics of a MetricCollection share their states; forward extends each alone."""
    from torchmetrics import MetricCollection
    from torchmetrics.detection import IntersectionOverUnion as TheirIou

    from pymetrics.detection import IntersectionOverUnion

    found = []
    for metric, iou in ((make, IntersectionOverUnion), (theirs, TheirIou)):
        members = {"a": metric(), "b": metric(iou_thresholds=[0.5]), "c": metric(average="micro")}
        members |= {"d": iou(), "e": iou(iou_threshold=0.5)}
        collection = MetricCollection(members)
        values = []
        for step, (preds, target) in zip(steps, BATCHES + BATCHES, strict=False):
            values.append(collection.update(preds, target) if step == "u" else collection(preds, target))
        found.append([*values, collection.compute()])
        assert len(collection["a"].groundtruth_labels) == 3 * len(steps)
    for ours, other in zip(*found, strict=True):
        if ours is not None:
            for of in "abcde":
                parts = [{k: v for k, v in each.items() if k.startswith(of)} for each in (ours, other)]
                assert parts[0]
                assert differences(*parts) == []


@pytest.mark.cases(2)
@pytest.mark.parametrize("arguments", [{}, {"class_metrics": True, "extended_summary": True}, {"compute_on_cpu": True}])
def test_forward(make: Any, theirs: Any, arguments: dict[str, Any]) -> None:
    """The values of the batch; the states grow by it, once."""
    ours, other = make(**arguments), theirs(**arguments)
    for preds, target in BATCHES:
        assert differences(ours(preds, target), other(preds, target)) == []
        assert ours.update_count == other.update_count
        assert len(ours.detection_box) == len(other.detection_box)
    assert differences(ours.compute(), other.compute()) == []


@pytest.mark.cases(2)
@pytest.mark.parametrize("arguments", ONE_IMAGE)
def test_forward_of_single_images(
    make: Any, theirs: Any, arguments: dict[str, Any], need: Callable[[str], Any]
) -> None:
    """They have a shorter way of their own where the twelve numbers are all that is asked for."""
    if "backend" in arguments:
        need("faster_coco_eval")
    ours, other = make(**arguments), theirs(**arguments)
    ours.warn_on_many_detections = other.warn_on_many_detections = False
    for seed, kind in enumerate(KINDS):
        for preds, target in zip(*batch(seed, n_images=3, **kind), strict=True):
            expected = other([preds], [target])
            for key in expected:  # of one class torchmetrics takes the axis away
                if key == "classes" or ("class_metrics" in arguments and key.endswith("_per_class")):
                    expected[key] = expected[key].reshape(-1)
            assert differences(ours([preds], [target]), expected) == []
    assert differences(ours.compute(), other.compute()) == []


@pytest.mark.parametrize("iou_type", ["segm", ("bbox", "segm")])
def test_forward_of_single_images_with_masks(make: Any, theirs: Any, iou_type: Any) -> None:
    ours, other = make(iou_type=iou_type), theirs(iou_type=iou_type)
    for preds, target in zip(*with_masks(batch(5, n_images=12, empty=0.3), 5), strict=True):
        expected = other([preds], [target])
        expected["classes"] = expected["classes"].reshape(-1)
        assert differences(ours([preds], [target]), expected) == []
    assert differences(ours.compute(), other.compute()) == []


def test_values_of_forward_are_apart(make: Any) -> None:
    """Changing one in place changes no other, nor what is computed later."""
    preds, target = BATCHES[0]
    metric = make()
    found, again = metric(preds[:1], target[:1]), make()(preds[:1], target[:1])
    found["map"] += 1
    assert (
        differences({key: found[key] for key in found if key != "map"}, {k: again[k] for k in again if k != "map"})
        == []
    )
    assert differences(metric.compute(), again) == []


def test_forward_calls_an_overridden_compute(make: Any) -> None:
    class Own(make):  # type: ignore[misc]
        def compute(self) -> Any:
            return {"map": super().compute()["map"] + 1}

    preds, target = BATCHES[0]
    assert Own()(preds, target) == {"map": make()(preds, target)["map"] + 1}


def test_a_failed_forward_leaves_the_states(make: Any) -> None:
    metric = make()
    for images in BATCHES:
        metric.update(*images)
    preds, target = batch(9, n_images=2, empty=0)
    target[1]["labels"][0] = 2**40
    with pytest.raises(ValueError, match="32 bits"):
        metric(preds, target)
    assert len(metric.groundtruth_labels) == 14
    assert metric._to_sync
    assert metric._should_unsync
