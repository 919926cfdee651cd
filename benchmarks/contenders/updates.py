"""Batches of 16 images → numbers, as in a training loop: update for every batch, then compute.

Inside ``call``: all updates and compute; ``parts`` has the seconds of each update and of compute. What every library is
given alike: for each image a dict of CPU tensors, boxes (xyxy, float32), scores, labels; and for the ground truth crowd
flags and areas. What it needs otherwise (N×7, dicts, float64) is made of them on the clock; only vernier, which takes
the ground truth beforehand, gets it off the clock. Thresholds are torchmetrics' (float32) where they can be told, and
the numbers are compared as torchmetrics gives them, in float32.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from generate import HEIGHT, SIZES, WIDTH, Floats, Scene, scene

from .columns import vernier_ground_truth
from .common import Call, Case, Timed, quiet, twelve

BATCH = 16
Batch = tuple[list[dict[str, Any]], list[dict[str, Any]]]  # preds, target


class Batches(list[Batch]):
    """All batches of a scene, and the scene itself."""

    scene: Scene


def load(size: str) -> Batches:
    import torch

    s = scene(SIZES[size])

    def rows(image: Any) -> list[Any]:
        order = np.argsort(image, kind="stable")
        ends = np.searchsorted(image[order], np.sort(s.images), side="right")
        return np.split(order, ends[:-1])

    def corners(boxes: Any) -> Any:
        return torch.tensor(np.hstack((boxes[:, :2], boxes[:, :2] + boxes[:, 2:])), dtype=torch.float32)

    preds = [
        {
            "boxes": corners(s.dt_boxes[r]),
            "scores": torch.tensor(s.dt_scores[r], dtype=torch.float32),
            "labels": torch.tensor(s.dt_category[r]),
        }
        for r in rows(s.dt_image)
    ]
    target = [
        {
            "boxes": corners(s.gt_boxes[r]),
            "labels": torch.tensor(s.gt_category[r]),
            "iscrowd": torch.tensor(s.gt_crowd[r], dtype=torch.int64),
            "area": torch.tensor(s.gt_area[r], dtype=torch.float32),
        }
        for r in rows(s.gt_image)
    ]
    starts = range(0, len(preds), BATCH)
    batches = Batches((preds[i : i + BATCH], target[i : i + BATCH]) for i in starts)
    batches.scene = s
    return batches


def timed(batches: Batches, update: Callable[..., None], compute: Callable[[], Floats]) -> Timed:
    """Run it and look at the clock after each part. ``update`` takes preds, target and the first image's number."""
    seconds = []
    for number, (preds, target) in enumerate(batches):
        start = time.perf_counter()
        update(preds, target, number * BATCH)
        seconds.append(time.perf_counter() - start)
    start = time.perf_counter()
    stats = compute()
    parts = {"update": float(np.median(seconds)), "compute": time.perf_counter() - start}
    return np.asarray(stats, np.float32).astype(np.float64), parts


def _metric(cls: Callable[..., Any], **arguments: Any) -> Call:
    def call(batches: Batches) -> Timed:
        metric = cls(**arguments)
        metric.warn_on_many_detections = False
        return timed(batches, lambda preds, target, _: metric.update(preds, target), lambda: twelve(metric.compute()))

    return call


def pymetrics(_: Batches) -> Call:
    from pymetrics.detection import MeanAveragePrecision

    return _metric(MeanAveragePrecision)


def pymetrics_classes(_: Batches) -> Call:
    from pymetrics.detection import MeanAveragePrecision

    return _metric(MeanAveragePrecision, class_metrics=True)


def torchmetrics(_: Batches) -> Call:
    from torchmetrics.detection import MeanAveragePrecision

    return _metric(MeanAveragePrecision, backend="pycocotools")


def torchmetrics_faster(_: Batches) -> Call:
    from torchmetrics.detection import MeanAveragePrecision

    return _metric(MeanAveragePrecision, backend="faster_coco_eval")


def pymetrics_accumulator(_: Batches) -> Call:
    from pymetrics import Accumulator

    def call(batches: Batches) -> Timed:
        accumulator = Accumulator("torchmetrics")
        return timed(
            batches, lambda preds, target, _: accumulator.update(target, preds), lambda: accumulator.compute().stats
        )

    return call


def hotcoco(loaded: Batches) -> Call:
    import torch
    from hotcoco import Params, StreamingEval

    params = Params()
    params.iou_thrs = torch.linspace(0.5, 0.95, 10).tolist()
    params.rec_thrs = torch.linspace(0.0, 1.0, 101).tolist()
    categories = [{"id": i, "name": str(i)} for i in loaded.scene.categories.tolist()]

    def xywh(boxes: Any) -> Any:
        return np.hstack((boxes[:, :2], boxes[:, 2:] - boxes[:, :2]))

    def call(batches: Batches) -> Timed:
        evaluator = StreamingEval(categories, params=params)
        n_gt = 0

        def update(preds: Any, target: Any, first: int) -> None:
            nonlocal n_gt
            images, gts, dts = [], [], []
            for image, (p, t) in enumerate(zip(preds, target, strict=True), first):
                images.append({"id": image, "width": WIDTH, "height": HEIGHT})
                columns = (xywh(t["boxes"].numpy()).tolist(), *(t[k].tolist() for k in ("labels", "iscrowd", "area")))
                for box, label, crowd, area in zip(*columns, strict=True):
                    n_gt += 1
                    gts.append({"id": n_gt, "image_id": image, "category_id": label, "bbox": box, "iscrowd": crowd,
                                "area": area})  # fmt: skip
                boxes = xywh(p["boxes"].numpy())
                ids = np.full(len(boxes), float(image))
                dts.append(np.column_stack((ids, boxes, p["scores"].numpy(), p["labels"].numpy())))
            evaluator.update(images, gts, np.concatenate(dts))

        def compute() -> Floats:
            found = evaluator.finalize()
            with quiet():
                found.accumulate()
                found.summarize()
            return np.asarray(found.stats)

        return timed(batches, update, compute)

    return call


def vernier(loaded: Batches) -> Call:
    from vernier.instance import Bbox, Evaluator

    gt, evaluator = vernier_ground_truth(loaded.scene), Evaluator(iou=Bbox(), parity_mode="strict")
    ids = np.sort(loaded.scene.images).tolist()

    def call(batches: Batches) -> Timed:
        with evaluator.background(gt) as background:

            def update(preds: Any, _target: Any, first: int) -> None:
                images = []
                for p, image in zip(preds, ids[first : first + BATCH], strict=True):
                    boxes = p["boxes"].numpy()
                    boxes = np.hstack((boxes[:, :2], boxes[:, 2:] - boxes[:, :2])).astype(np.float64)
                    scores = p["scores"].numpy().astype(np.float64)
                    images.append({"image_id": image, "boxes": boxes, "scores": scores, "labels": p["labels"].numpy()})
                background.submit(images)

            return timed(batches, update, lambda: np.asarray(background.finalize().stats))

    return call


CASE = Case(
    name="updates",
    title="Batches of 16 images, update and compute → twelve numbers",
    prepare={
        "metric": pymetrics,
        "metric-classes": pymetrics_classes,
        "metric-numba": pymetrics,
        "accumulator": pymetrics_accumulator,
        "hotcoco-streaming": hotcoco,
        "vernier-background": vernier,
        "torchmetrics-faster": torchmetrics_faster,
        "torchmetrics": torchmetrics,
    },
    load=load,
    base="metric",
    answers="torchmetrics",
    largest={"torchmetrics": "500k"},
)
