"""What each process does in test_ranks.py. Each function returns what the test compares."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from helpers.map_scenes import batch, with_masks
from helpers.panoptic_scenes import panoptic_scene
from torch import distributed

import pymetrics
from pymetrics.detection import GeneralizedIntersectionOverUnion, MeanAveragePrecision, PanopticQuality

ARGUMENTS: dict[str, Any] = {"class_metrics": True, "extended_summary": True}


def shards(scene: str, n_ranks: int) -> list[Any]:
    """preds and target of each rank."""
    counts = {
        "even": [4, 4, 4, 4],
        "uneven": [5, 2, 3, 1],
        "one empty": [3, 0, 2, 4],
        "all empty": [0, 0, 0, 0],
        "mixed": [3, 4, 2, 3],
    }[scene][:n_ranks]
    kinds: list[dict[str, Any]] = [{}] * 4
    if scene == "mixed":
        kinds = [
            {"dtype": "float16", "labels": "int32", "area": False},
            {"dtype": "float64", "scores": "float16", "crowd": 0, "empty": 0.5, "bare": True},
            {"dtype": "int32", "labels": "uint8"},
            {"dtype": "bfloat16", "labels": "int16"},
        ]
    return [batch(rank, n_images=max(n, 1), **kinds[rank]) if n else ([], []) for rank, n in enumerate(counts)]


def masked(scene: str, n_ranks: int) -> list[Any]:
    return [with_masks(data, rank) for rank, data in enumerate(shards(scene, n_ranks))]


def interleaved(parts: list[Any]) -> Any:
    """One process's batch, in the order of T4: first images of all ranks, second ones, ..."""
    longest = max(len(preds) for preds, _ in parts)
    order = [(rank, i) for i in range(longest) for rank in range(len(parts)) if i < len(parts[rank][0])]
    return tuple([parts[rank][side][i] for rank, i in order] for side in (0, 1))


def states(metric: Any) -> dict[str, Any]:
    return {name: list(tensors) for name, tensors in metric.metric_state.items()}


def counted(call: Any) -> Any:
    """The call's value and the collectives that it took."""
    names = ("all_gather", "all_gather_object", "barrier", "all_reduce", "broadcast", "all_gather_into_tensor")
    kept = {name: getattr(distributed, name) for name in names}
    calls: list[str] = []

    def counting(name: str) -> Any:
        def counted_call(*args: Any, **kwargs: Any) -> Any:
            calls.append(name)
            return kept[name](*args, **kwargs)

        return counted_call

    for name in names:
        setattr(distributed, name, counting(name))
    try:
        return call(), calls
    finally:
        for name in names:
            setattr(distributed, name, kept[name])


def scenes(rank: int, n_ranks: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for scene in ("even", "uneven", "one empty", "all empty", "mixed"):
        metric = MeanAveragePrecision(**ARGUMENTS, compute_on_cpu=scene == "uneven")
        metric.update(*shards(scene, n_ranks)[rank])
        before = states(metric)
        values, calls = counted(metric.compute)
        found[scene] = values, calls
        after = states(metric)
        assert all(a is b for name in before for a, b in zip(before[name], after[name], strict=True))
        metric.sync()
        found[f"{scene} states"] = states(metric)
        metric.unsync()
    metric = MeanAveragePrecision(iou_type=("segm", "bbox"), **ARGUMENTS)
    metric.update(*masked("one empty", n_ranks)[rank])
    found["masks"] = counted(metric.compute)
    metric = MeanAveragePrecision(compute_on="rank0")
    metric.update(*shards("uneven", n_ranks)[rank])
    found["rank 0"] = counted(metric.compute)
    found["async"] = counted(metric.compute_async)[1], metric.compute_async().result(timeout=60)
    metric = MeanAveragePrecision(sync_on_compute=False)
    metric.update(*shards("uneven", n_ranks)[rank])
    found["alone"] = counted(metric.compute)
    calls: list[int] = []

    def own(tensor: Any, group: Any = None) -> list[Any]:
        calls.append(1)
        return [tensor, tensor]

    metric = MeanAveragePrecision(dist_sync_fn=own)
    metric.update(*shards("uneven", n_ranks)[rank])
    found["own function"] = counted(metric.compute), len(calls)
    metric = MeanAveragePrecision(dist_sync_on_step=True)
    found["step"] = metric(*shards("uneven", n_ranks)[rank])
    selected = MeanAveragePrecision().select("map_50")
    selected.update(*shards("uneven", n_ranks)[rank])
    found["selected"] = counted(selected.compute)
    overlap = GeneralizedIntersectionOverUnion(class_metrics=True)
    overlap.update(*shards("one empty", n_ranks)[rank])
    found["giou"] = counted(overlap.compute)
    panoptic = PanopticQuality(things={1, 4}, stuffs={0, 3}, allow_unknown_preds_category=True)
    for i in range(rank + 1):
        panoptic.update(*panoptic_scene(10 * rank + i))
    found["panoptic"] = counted(panoptic.compute)
    groups = [distributed.new_group([0, 1]), distributed.new_group(list(range(2, n_ranks)) or [1])]
    group = groups[0] if rank < 2 else groups[1]
    metric = MeanAveragePrecision(process_group=group)
    metric.update(*shards("uneven", n_ranks)[rank])
    found["group"] = metric.compute()
    found["accumulated"] = accumulated(rank, n_ranks)
    return found


def numbered(samples: list[dict[str, Any]], start: int) -> list[dict[str, Any]]:
    return [sample | {"image_id": start + i} for i, sample in enumerate(samples)]


def accumulated(rank: int, n_ranks: int) -> Any:
    """Accumulator.gather: uneven, one rank without images; and images that all ranks have."""
    parts = shards("one empty", n_ranks)
    local, whole = pymetrics.Accumulator(), pymetrics.Accumulator()
    for other, (preds, target) in enumerate(parts):
        for accumulator in (whole, *([local] if other == rank else [])):
            if preds:
                accumulator.update(numbered(target, 10 * other), numbered(preds, 10 * other))
    n_images = local.n_images
    gathered, calls = counted(local.gather)
    assert local.n_images == n_images
    twice = []
    for duplicates in ("first", "error"):
        accumulator = pymetrics.Accumulator(duplicates=duplicates)
        accumulator.update(numbered(parts[0][1], 0), numbered(parts[0][0], 0))
        try:
            twice.append(accumulator.gather().n_images)
        except ValueError as error:
            twice.append(str(error))
    return gathered.to_bytes() == whole.to_bytes(), calls, *twice


def theirs(rank: int, n_ranks: int) -> Any:
    """torchmetrics on even shards: values and states."""
    from torchmetrics.detection import MeanAveragePrecision as Theirs

    metric = Theirs(box_format="xywh", **ARGUMENTS)
    metric.update(*shards("even", n_ranks)[rank])
    values = metric.compute()
    metric.sync()
    ours = MeanAveragePrecision(box_format="xywh", **ARGUMENTS)
    ours.update(*shards("even", n_ranks)[rank])
    found = ours.compute()
    ours.sync()
    return values, states(metric), found, states(ours)


def killed(rank: int, n_ranks: int) -> Any:
    """The last rank dies before the exchange; the others get an error, and keep their states."""
    metric = MeanAveragePrecision()
    metric.update(*shards("uneven", n_ranks)[rank])
    distributed.barrier()
    if rank == n_ranks - 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return failure(metric)


def failure(metric: Any) -> Any:
    """The error of compute(), after how many seconds it came, and whether the states are the same tensors as before."""
    before, start, text = states(metric), time.monotonic(), ""
    try:
        metric.compute()
    except RuntimeError as error:
        text = str(error)
    kept = all(a is b for name, tensors in before.items() for a, b in zip(tensors, states(metric)[name], strict=True))
    return text, time.monotonic() - start, kept


def stuck(rank: int, n_ranks: int) -> Any:
    """The last rank does not come: it sleeps, and then dies."""
    metric = MeanAveragePrecision()
    metric.update(*shards("uneven", n_ranks)[rank])
    distributed.barrier()
    if rank == n_ranks - 1:
        time.sleep(14)
        os.kill(os.getpid(), signal.SIGKILL)
    return failure(metric)
