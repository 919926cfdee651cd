"""MeanAveragePrecision as a torchmetrics.Metric: what people do with metrics between update() and compute()."""

from __future__ import annotations

import copy
import importlib.util
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from helpers.map_scenes import batch, differences


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


BATCHES = [batch(seed, n_images=3) for seed in range(4)] if importlib.util.find_spec("torch") else []


def filled(metric: Any, batches: Any = None) -> Any:
    for preds, target in BATCHES if batches is None else batches:
        metric.update(preds, target)
    return metric


def states_of(metric: Any) -> dict[str, Any]:
    return {name: list(tensors) for name, tensors in metric.metric_state.items()}


def test_states_are_the_originals(make: Any, theirs: Any) -> None:
    """The same nine lists; the boxes as they came, where the original has converted them."""
    ours, other = filled(make(box_format="xywh")), filled(theirs(box_format="xywh"))
    assert differences(states_of(ours), other.metric_state) == []
    assert ours._reductions == other._reductions
    assert ours._persistent == other._persistent
    bare = [{"boxes": ours.detection_box[0].new_tensor([]), "scores": ours.detection_box[0].new_tensor([])}]
    bare[0]["labels"] = bare[0]["boxes"].long()
    ours.update(bare, bare)
    assert ours.detection_box[-1].shape == ours.groundtruth_box[-1].shape == (1, 0)


def test_tensors_are_kept_without_graph_and_without_large_storage(make: Any) -> None:
    import torch

    whole = torch.rand(64, 4, requires_grad=True)
    scores, labels = torch.rand(64, requires_grad=True) * 2, torch.arange(64)
    metric = make(box_format="xywh")
    metric.update(
        [{"boxes": whole[:40], "scores": scores[:40], "labels": labels[:40]}] * 2,
        [{"boxes": whole[:2].detach(), "labels": labels[:2]}] * 2,
    )
    states = [tensor for tensors in metric.metric_state.values() for tensor in tensors]
    assert not any(tensor.requires_grad or tensor.grad_fn is not None for tensor in states)
    boxes = [*metric.detection_box, *metric.groundtruth_box]
    assert all(tensor.untyped_storage().nbytes() <= 2 * tensor.nbytes for tensor in states if tensor.ndim == 1)
    assert all(tensor.untyped_storage().nbytes() == 2 * tensor.nbytes for tensor in boxes)  # two images' together
    assert metric.detection_labels[0].data_ptr() == labels.data_ptr()
    assert metric.detection_scores[0].data_ptr() == scores.data_ptr()
    assert metric.groundtruth_labels[0].data_ptr() != labels.data_ptr()


def test_inference_tensors(make: Any) -> None:
    import torch

    with torch.inference_mode():
        data = [batch(1)]
        metric = filled(make(), data)
    assert differences(metric.compute(), filled(make(), [batch(1)]).compute()) == []


@pytest.mark.parametrize("copied", [lambda m: m.clone(), copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_go_their_own_way(make: Any, copied: Callable[[Any], Any]) -> None:
    metric = filled(make(class_metrics=True), BATCHES[:2])
    first = metric.compute()
    other = copied(metric)
    assert differences(other.compute(), first) == []
    filled(other, BATCHES[2:])
    assert differences(other.compute(), filled(make(class_metrics=True)).compute()) == []
    metric.reset()
    filled(metric, BATCHES[:2])
    assert differences(metric.compute(), first) == []


def test_compute_is_kept_until_something_changes(make: Any) -> None:
    metric = filled(make(), BATCHES[:1])
    first = metric.compute()
    assert metric.compute() is first
    filled(metric, BATCHES[1:2])
    assert metric.compute() is not first
    metric.reset()
    assert not any(metric.metric_state.values())
    assert metric.update_count == 0
    with pytest.warns(UserWarning, match="was called before the ``update`` method"):
        assert metric.compute()["map"] == -1
    uncached = filled(make(compute_with_cache=False))
    assert uncached.compute() is not uncached.compute()


def test_state_dict(make: Any) -> None:
    metric = filled(make())
    assert metric.state_dict() == {}
    metric.persistent(True)
    saved = metric.state_dict()
    assert list(saved) == list(metric.metric_state)
    other = make()
    other.persistent(True)
    other.load_state_dict(saved)
    other._update_count = 1
    assert differences(other.compute(), metric.compute()) == []


def test_moves_and_dtypes(make: Any, theirs: Any) -> None:
    """half(), float() and double() do nothing, as in torchmetrics; set_dtype() makes labels floats, and says so."""
    import torch

    metric = filled(make())
    expected = metric.compute()
    for moved in (metric.to("cpu"), metric.cpu(), metric.half(), metric.double(), metric.float()):
        assert moved is metric
        assert all(labels.dtype == torch.int64 for labels in moved.detection_labels)
        metric._computed = None
        assert differences(metric.compute(), expected) == []
    metric.to("meta")
    assert all(boxes.device.type == "meta" for boxes in metric.detection_box)
    for other in (filled(make()), filled(theirs())):
        with pytest.raises(
            ValueError, match=r"Invalid input class of sample \d, element 0 .* got type <class 'float'>"
        ):
            other.set_dtype(torch.float64).compute()


def test_compute_on_cpu(make: Any) -> None:
    assert differences(filled(make(compute_on_cpu=True)).compute(), filled(make()).compute()) == []


def test_constants(make: Any) -> None:
    metric = make()
    for name in ("is_differentiable", "higher_is_better", "full_state_update", "plot_lower_bound", "plot_legend_name"):
        with pytest.raises(RuntimeError, match=f"Can't change const `{name}`"):
            setattr(metric, name, 1)


@pytest.mark.parametrize("n_images", [1, 3])
def test_boxes_may_change_after_update(make: Any, theirs: Any, n_images: int) -> None:
    """Boxes are copied, as torchmetrics copies them; scores and labels are not, in neither."""
    import torch

    ours, other = make(), theirs()
    for metric in (ours, other):
        preds, target = batch(1, n_images=n_images, empty=0, dtype="float64")
        preds[0]["boxes"] = target[0]["boxes"].clone()
        preds[0]["scores"], preds[0]["labels"] = torch.ones(len(target[0]["labels"])), target[0]["labels"].clone()
        metric.update(preds, target)
        for item in (*preds, *target):
            item["boxes"] *= 2
        preds[0]["boxes"].zero_()
        preds[0]["scores"] /= 2
    assert differences(ours.compute(), other.compute()) == []
    assert ours.compute()["map"] > 0.1


@pytest.mark.parametrize("of", [lambda metric: metric, lambda metric: metric.metric_state])
def test_merge_state(make: Any, of: Callable[[Any], Any]) -> None:
    """The other's images come first; torchmetrics, which refuses, merges lists in this order elsewhere."""
    metric, other = filled(make(), BATCHES[2:]), filled(make(), BATCHES[:2])
    before = metric.compute()
    metric.merge_state(of(other))
    assert metric.compute() is not before
    whole = filled(make())
    assert differences(states_of(metric), states_of(whole)) == []
    assert differences(metric.compute(), whole.compute()) == []
    empty = make()
    empty.merge_state(of(whole))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # that nothing has been taken in
        assert differences(empty.compute(), whole.compute()) == []


def test_states_that_do_not_merge(make: Any) -> None:
    from torchmetrics import SumMetric

    metric = filled(make())
    partial = {"detection_box": []}
    for other, text in ((3, "to be a dict or an instance of Metric but got <class 'int'>"),
                        (SumMetric(), "to be an instance of MeanAveragePrecision but got .*SumMetric"),
                        (partial, "Expected state variable detection_mask to be present")):  # fmt: skip
        with pytest.raises(ValueError, match=text):
            metric.merge_state(other)
    assert differences(states_of(metric), states_of(filled(make()))) == []


@pytest.mark.parametrize("groups", [True, False])
def test_collection(make: Any, groups: bool) -> None:
    """Metrics with equal states share them, and each computes by its own arguments."""
    from torchmetrics import MetricCollection

    arguments = {"a": {}, "b": {"class_metrics": True}, "c": {"iou_thresholds": [0.3]}, "d": {"box_format": "cxcywh"}}
    members = {name: make(**values) for name, values in arguments.items()}
    collection = filled(MetricCollection(members, compute_groups=groups))
    if groups:
        assert collection.compute_groups == {0: ["a", "b", "c", "d"]}
    found = collection.compute()
    for name, values in arguments.items():
        alone = filled(make(**values)).compute()
        assert differences({key: found[f"{name}_{key}"] for key in alone}, alone) == []
    assert differences(collection.clone(prefix="val_").compute(), {f"val_{key}": found[key] for key in found}) == []
    collection.reset()
    assert not any(any(member.metric_state.values()) for member in collection.values())


def test_script(make: Any) -> None:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is deprecated
        torch.jit.script(make())


@pytest.mark.slow
def test_update_compiles_whole(make: Any) -> None:
    """torch.compile(fullgraph=True) traces update(), as it traces the original's."""
    import torch

    metric = make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        update = torch.compile(metric.update, fullgraph=True, backend="eager")
        for data in BATCHES[:2]:
            update(*data)
    assert differences(metric.compute(), filled(make(), BATCHES[:2]).compute()) == []


def test_tracker(make: Any) -> None:
    from torchmetrics import MetricTracker

    tracker = MetricTracker(make())
    for data in BATCHES[:2]:
        tracker.increment()
        tracker.update(*data)
    expected = [filled(make(), [data]).compute()["map"].item() for data in BATCHES[:2]]
    assert tracker.compute_all()["map"].tolist() == expected


def test_selected_value(make: Any) -> None:
    """One tensor, of the metric's states, whichever of the two is updated."""
    metric = make(max_detection_thresholds=[1, 10, 300], backend="faster_coco_eval")
    selected = metric.select("mar_300")
    selected.update(*BATCHES[0])
    metric.update(*BATCHES[1])
    expected = filled(make(max_detection_thresholds=[1, 10, 300], backend="faster_coco_eval"), BATCHES[:2]).compute()
    assert differences(selected.compute(), expected["mar_300"]) == []
    assert selected.compute().shape == ()
    assert selected.update_count == metric.update_count == 2
    step = selected(*BATCHES[2])
    assert differences(step, make(max_detection_thresholds=[1, 10, 300])(*BATCHES[2])["mar_300"]) == []
    assert len(metric.detection_box) == 9
    copied = pickle.loads(pickle.dumps(selected))
    assert differences(copied.compute(), selected.compute()) == []
    copied.update(*BATCHES[3])
    assert len(metric.detection_box) == 9
    selected.reset()
    assert metric.update_count == len(metric.detection_box) == 0
    with pytest.raises(ValueError, match=r"`key` to be one of \('map', .*'mar_large'\) but got mar_100"):
        metric.select("mar_100")


def test_wrappers_of_a_selected_value(make: Any) -> None:
    from torchmetrics import MetricTracker
    from torchmetrics.wrappers import MinMaxMetric, Running

    alone = [filled(make(), [data]).compute()["map"] for data in BATCHES]
    assert len({value.item() for value in alone}) > 2
    tracker = MetricTracker(make().select("map"))
    bounds, running = MinMaxMetric(make().select("map")), Running(make().select("map"), window=2)
    growing: list[Any] = []
    for i, data in enumerate(BATCHES):
        tracker.increment()
        tracker.update(*data)
        bounds.update(*data)
        growing.append(filled(make(), BATCHES[: i + 1]).compute()["map"])
        assert bounds.compute() == {"raw": growing[-1], "max": max(growing), "min": min(growing)}
        assert running(*data) == alone[i]
    assert tracker.best_metric(return_step=True) == (max(alone).item(), alone.index(max(alone)))
    assert tracker.compute_all().tolist() == [value.item() for value in alone]
    assert running.compute() == filled(make(), BATCHES[3:1:-1]).compute()["map"]
    assert running.compute() == filled(make(), BATCHES[3:1:-1]).compute()["map"]


def test_synchronised_states(make: Any) -> None:
    """With dist_sync_fn, as two processes: each image twice, in turn."""
    calls = []

    def gather(tensor: Any, group: Any = None) -> list[Any]:
        calls.append(tensor)
        return [tensor, tensor]

    metric = make(dist_sync_fn=gather, distributed_available_fn=lambda: True)
    filled(metric, BATCHES[:1])
    twice = make()
    for preds, target in zip(*BATCHES[0], strict=True):
        twice.update([preds, preds], [target, target])
    assert differences(metric.compute(), twice.compute()) == []
    assert metric.result().stats.tolist() == twice.result().stats.tolist()
    assert calls
    assert len(metric.detection_box) == len(BATCHES[0][0])


def test_one_copy_from_a_device(make: Any) -> None:
    """The packing that brings a device's tensors over in one copy; here, from the CPU."""
    import torch

    from pymetrics.detection.state_columns import _in_one_copy

    tensors = {
        "a": torch.rand(3, 4, dtype=torch.float16), "b": torch.arange(5), "c": torch.rand(2, 4, dtype=torch.float64),
        "d": torch.ones(3, dtype=torch.bool), "e": torch.empty(0), "f": torch.rand(4, 7).T.bfloat16(),
    }  # fmt: skip
    assert differences(dict(sorted(_in_one_copy(tensors).items())), tensors) == []
