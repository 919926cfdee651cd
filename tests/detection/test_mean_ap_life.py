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


def test_states_are_the_originals(make: Any, theirs: Any) -> None:
    """The same nine lists; the boxes as they came, where the original has converted them."""
    ours, other = filled(make(box_format="xywh")), filled(theirs(box_format="xywh"))
    assert differences(ours.metric_state, other.metric_state) == []
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
    assert all(tensor.untyped_storage().nbytes() <= 2 * tensor.nbytes for tensor in states)
    assert metric.detection_labels[0].data_ptr() == labels.data_ptr()
    assert metric.detection_box[0].data_ptr() == whole.data_ptr()
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


def test_merge_state_is_refused_as_in_torchmetrics(make: Any, theirs: Any) -> None:
    for build in (make, theirs):
        with pytest.raises(RuntimeError, match="``merge_state`` is not supported"):
            filled(build()).merge_state(filled(build()))


@pytest.mark.parametrize("arguments", [{}, {"class_metrics": True, "extended_summary": True}, {"compute_on_cpu": True}])
def test_forward(make: Any, theirs: Any, arguments: dict[str, Any]) -> None:
    """The values of the batch; the states grow by it, once."""
    ours, other = make(**arguments), theirs(**arguments)
    for preds, target in BATCHES:
        assert differences(ours(preds, target), other(preds, target)) == []
        assert ours.update_count == other.update_count
        assert len(ours.detection_box) == len(other.detection_box)
    assert differences(ours.compute(), other.compute()) == []


def test_a_failed_forward_leaves_the_states(make: Any) -> None:
    metric = filled(make())
    preds, target = batch(9, n_images=2, empty=0)
    target[1]["labels"][0] = 2**40
    with pytest.raises(ValueError, match="32 bits"):
        metric(preds, target)
    assert len(metric.groundtruth_labels) == 14
    assert metric._to_sync
    assert metric._should_unsync


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
