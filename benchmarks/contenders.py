"""Every library by the fastest entry it has, as ``prepare(scene) -> call``, where ``call()`` gives the twelve numbers.

One rule for all: the ground truth, which a training run builds once and uses in every epoch, is built by ``prepare``;
what a user who holds numpy columns of detections must do for every evaluation is inside ``call``. The entries were
chosen by timing the alternatives at 500k detections (README.md says which lost). A case is a key of
``Contender.prepare``; files, lists of dicts and torchmetrics' calls would be further keys.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import numpy as np
from generate import HEIGHT, WIDTH, Floats, Scene

Call = Callable[[], Floats]
Prepare = Callable[[Scene], Call]

ONE_THREAD = {
    "RAYON_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYMETRICS_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class Contender:
    """A library, or one of our backends, in a benchmark."""

    name: str
    distribution: str  # its name in the package index, for the version
    prepare: dict[str, Prepare]  # case -> prepare
    environment: dict[str, str] = field(default_factory=dict)
    threading: str = "asked"  # "asked": obeys what it is told; "own": not, so one thread means one core; "none"
    largest: int = 5_000_000  # detections; more would take minutes or gigabytes

    def version(self) -> str | None:
        """The installed version; None where the library is absent."""
        try:
            return metadata.version(self.distribution)
        except metadata.PackageNotFoundError:
            return None

    def variables(self, threads: str) -> dict[str, str]:
        """The environment that holds it to ``threads``: "all" or "1". Set before the library is imported."""
        return {**self.environment, **(ONE_THREAD if threads == "1" else {})}


def _n_threads() -> int:
    """For libraries that ask for a number."""
    return int(os.environ.get("RAYON_NUM_THREADS", 0)) or len(os.sched_getaffinity(0))


def _quiet() -> contextlib.AbstractContextManager[Any]:
    return contextlib.redirect_stdout(io.StringIO())


def _matrix(s: Scene) -> Floats:
    """N×7 as pycocotools' loadRes reads it."""
    return np.column_stack([s.dt_image, s.dt_boxes, s.dt_scores, s.dt_category])


def _image_dicts(s: Scene) -> list[dict[str, Any]]:
    return [{"id": i, "width": WIDTH, "height": HEIGHT} for i in s.images.tolist()]


def _category_dicts(s: Scene) -> list[dict[str, Any]]:
    return [{"id": i, "name": str(i)} for i in s.categories.tolist()]


def _ground_truth_dict(s: Scene) -> dict[str, Any]:
    columns = (s.gt_image, s.gt_category, s.gt_boxes, s.gt_area, s.gt_crowd.astype(int))
    keys = ("id", "image_id", "category_id", "bbox", "area", "iscrowd")
    rows = enumerate(zip(*(column.tolist() for column in columns), strict=True), 1)
    annotations = [dict(zip(keys, (number, *row), strict=True)) for number, row in rows]
    return {"images": _image_dicts(s), "categories": _category_dicts(s), "annotations": annotations}


def pymetrics(s: Scene) -> Call:
    import pymetrics

    gt = pymetrics.GroundTruths(
        s.gt_image, s.gt_boxes, s.gt_category, crowd=s.gt_crowd, area=s.gt_area,
        images=s.images, categories=s.categories.tolist(), box_format="xywh",
    )  # fmt: skip

    def call() -> Floats:
        dt = pymetrics.Detections(s.dt_image, s.dt_boxes, s.dt_scores, s.dt_category, box_format="xywh")
        return pymetrics.evaluate(gt, dt).stats

    return call


def hotcoco(s: Scene) -> Call:
    from hotcoco import COCO, COCOeval

    gt = COCO.from_arrays(
        _image_dicts(s), _category_dicts(s), s.gt_image, s.gt_category, s.gt_boxes,
        area=s.gt_area, iscrowd=s.gt_crowd.astype(np.int64),
    )  # fmt: skip

    def call() -> Floats:
        evaluator = COCOeval(gt, gt.load_res(_matrix(s)), "bbox")
        evaluator.evaluate()
        evaluator.accumulate()
        with _quiet():
            evaluator.summarize()
        return np.asarray(evaluator.stats)

    return call


def ultrafast(s: Scene) -> Call:
    from ultrafast_pycocotools import COCO, COCOeval

    with (
        tempfile.TemporaryDirectory() as folder
    ):  # only a file gives it native columns; a dict costs 10 ms per evaluation
        path = os.path.join(folder, "gt.json")
        with open(path, "w") as file:
            json.dump(_ground_truth_dict(s), file)
        gt = COCO(path, verbose=False)

    def call() -> Floats:
        with _quiet():
            evaluator = COCOeval(gt, gt.loadRes(_matrix(s)), "bbox", print_function=lambda line: None)
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
        return np.asarray(evaluator.stats)

    return call


def vernier(s: Scene) -> Call:
    from vernier import _core
    from vernier.instance import CocoDataset

    images = {"id": s.images, "width": np.full(len(s.images), WIDTH), "height": np.full(len(s.images), HEIGHT)}
    annotations = {
        "id": np.arange(1, len(s.gt_image) + 1), "image_id": s.gt_image, "category_id": s.gt_category,
        "bbox": s.gt_boxes, "area": s.gt_area, "iscrowd": s.gt_crowd,
    }  # fmt: skip
    gt = CocoDataset.from_arrays(images, annotations, _category_dicts(s))
    max_dets = [1, 10, 100]
    n_threads = _n_threads()

    def call() -> Floats:  # the grid that its public Evaluator wraps: a quarter faster than Evaluator.evaluate
        grid = _core.evaluate_bbox_grid(
            gt, _matrix(s), parity_mode="strict", max_dets_per_image=100, use_cats=True, num_threads=n_threads,
            retain_meta=False,
        )  # fmt: skip
        return np.asarray(grid.accumulate(max_dets).summarize(max_dets).stats)

    return call


def faster_coco_eval(s: Scene) -> Call:
    from faster_coco_eval import COCO, COCOeval_faster

    with _quiet():
        gt = COCO(_ground_truth_dict(s))

    def call() -> Floats:
        with _quiet():
            evaluator = COCOeval_faster(gt, gt.loadRes(_matrix(s)), "bbox", extra_calc=False)
            evaluator.run()
        return np.asarray(evaluator.all_stats[:12])

    return call


def pycocotools(s: Scene) -> Call:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    gt = COCO()
    gt.dataset = _ground_truth_dict(s)
    with _quiet():
        gt.createIndex()

    def call() -> Floats:
        with _quiet():
            evaluator = COCOeval(gt, gt.loadRes(_matrix(s)), "bbox")
            evaluator.evaluate()
            evaluator.accumulate()
            evaluator.summarize()
        return np.asarray(evaluator.stats)

    return call


_ALL = [
    Contender("native", "pymetrics-detection", {"columns": pymetrics}, {"PYMETRICS_BACKEND": "native"}),
    Contender("numba", "pymetrics-detection", {"columns": pymetrics}, {"PYMETRICS_BACKEND": "numba"}),
    Contender("ultrafast-pycocotools", "ultrafast-pycocotools", {"columns": ultrafast}),
    Contender("hotcoco", "hotcoco", {"columns": hotcoco}),
    Contender("vernier", "vernier", {"columns": vernier}),
    Contender("faster-coco-eval", "faster-coco-eval", {"columns": faster_coco_eval}, threading="own", largest=500_000),
    Contender("pycocotools", "pycocotools", {"columns": pycocotools}, threading="none", largest=500_000),
]  # fmt: skip
CONTENDERS = {contender.name: contender for contender in _ALL}
OURS = ("native", "numba")
