"""MeanAveragePrecision against torchmetrics' own: batches of 16 images to numbers, update() and compute() together.

python benchmarks/metric.py [SIZE] [NAME ...]   SIZE: a key of generate.SIZES, default 500k; NAME: of CONTENDERS below

Answers are compared before times are shown: to the last bit with torchmetrics on pycocotools; on faster-coco-eval
within 1e-7, since its precision differs from pycocotools' in the last bit. torchmetrics on pycocotools takes minutes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from generate import SIZES, Scene, scene

BATCH = 16
Sides = tuple[list[dict[str, Any]], list[dict[str, Any]]]


def _ours(**arguments: Any) -> Any:
    from pymetrics.detection import MeanAveragePrecision

    return MeanAveragePrecision(**arguments)


def _theirs(**arguments: Any) -> Any:
    from torchmetrics.detection import MeanAveragePrecision

    return MeanAveragePrecision(**arguments)


# name: the class, its arguments, runs of which the fastest counts
CONTENDERS: dict[str, tuple[Callable[..., Any], dict[str, Any], int]] = {
    "pymetrics": (_ours, {}, 9),
    "pymetrics class_metrics": (_ours, {"class_metrics": True}, 9),
    "torchmetrics faster_coco_eval": (_theirs, {"backend": "faster_coco_eval"}, 2),
    "torchmetrics pycocotools": (_theirs, {"backend": "pycocotools"}, 1),
}


def sides(s: Scene) -> Sides:
    """preds and target: one dict per image of tensors, boxes (as xyxy) and scores in float32."""

    def rows(image: Any) -> list[Any]:
        order = np.argsort(image, kind="stable")
        ends = np.searchsorted(image[order], np.sort(s.images), side="right")
        return np.split(order, ends[:-1])

    def tensor(values: Any, dtype: torch.dtype) -> torch.Tensor:
        return torch.tensor(values, dtype=dtype)

    def corners(boxes: Any) -> torch.Tensor:
        return tensor(np.hstack((boxes[:, :2], boxes[:, :2] + boxes[:, 2:])), torch.float32)

    preds = [
        {
            "boxes": corners(s.dt_boxes[r]),
            "scores": tensor(s.dt_scores[r], torch.float32),
            "labels": tensor(s.dt_category[r], torch.int64),
        }
        for r in rows(s.dt_image)
    ]
    target = [
        {
            "boxes": corners(s.gt_boxes[r]),
            "labels": tensor(s.gt_category[r], torch.int64),
            "iscrowd": tensor(s.gt_crowd[r], torch.int64),
            "area": tensor(s.gt_area[r], torch.float32),
        }
        for r in rows(s.gt_image)
    ]
    return preds, target


def timed(build: Callable[[], Any], preds: list[Any], target: list[Any]) -> tuple[float, float, dict[str, Any]]:
    """Seconds of all updates, seconds of compute, the values."""
    metric = build()
    metric.warn_on_many_detections = False
    start = time.perf_counter()
    for i in range(0, len(preds), BATCH):
        metric.update(preds[i : i + BATCH], target[i : i + BATCH])
    middle = time.perf_counter()
    values = metric.compute()
    return middle - start, time.perf_counter() - middle, values


def main() -> None:
    size, names = (sys.argv[1:2] or ["500k"])[0], sys.argv[2:] or list(CONTENDERS)
    preds, target = sides(scene(SIZES[size]))
    print(f"{size} detections, {len(preds)} images, {torch.get_num_threads()} torch threads; seconds")
    best: dict[str, tuple[float, float, dict[str, Any]]] = {}
    for number in range(max(CONTENDERS[name][2] for name in names)):  # in turn, so that a busy moment hits all of them
        for name in names:
            cls, arguments, n_runs = CONTENDERS[name]
            if number < n_runs:
                run = timed(partial(cls, **arguments), preds, target)
                best[name] = min(best.get(name, run), run, key=lambda run: run[0] + run[1])
    first = best[names[0]]
    for name, (update, compute, values) in best.items():
        numbers = [key for key in first[2] if "per_class" not in key and key != "classes"]
        worst = max(abs(first[2][key] - values[key]).item() for key in numbers)
        assert worst < 1e-7, f"{name} differs by {worst}"
        verdict = "the same bits" if worst == 0 else f"differs by {worst:.1e}"
        total, ratio = update + compute, (update + compute) / (first[0] + first[1])
        print(f"{name:30} update {update:7.3f} compute {compute:8.3f} total {total:8.3f} = {ratio:5.2f} x  {verdict}")


if __name__ == "__main__":
    main()
