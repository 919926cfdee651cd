"""Columns → numbers: numpy columns of detections in, the twelve numbers out.

Inside ``call``: what a user who holds such columns must do for every evaluation, converting them included (N×7 for the
rivals, checks for us). What stays the same from epoch to epoch, the ground truth, is built before.
"""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any

import numpy as np
from generate import HEIGHT, SIZES, WIDTH, Floats, Scene, category_dicts, ground_truth_dict, image_dicts, scene

from .common import Call, Case, evaluated, n_threads, our_ground_truths, quiet


def matrix(s: Scene) -> Floats:
    """N×7 as pycocotools' loadRes reads it."""
    return np.column_stack([s.dt_image, s.dt_boxes, s.dt_scores, s.dt_category])


def pymetrics(s: Scene) -> Call:
    import pymetrics

    gt = our_ground_truths(s)

    def call(s: Scene) -> Floats:
        dt = pymetrics.Detections(s.dt_image, s.dt_boxes, s.dt_scores, s.dt_category, box_format="xywh")
        return pymetrics.evaluate(gt, dt).stats

    return call


def hotcoco_ground_truth(s: Scene) -> Any:
    from hotcoco import COCO

    return COCO.from_arrays(
        image_dicts(s), category_dicts(s), s.gt_image, s.gt_category, s.gt_boxes,
        area=s.gt_area, iscrowd=s.gt_crowd.astype(np.int64),
    )  # fmt: skip


def hotcoco(s: Scene) -> Call:
    from hotcoco import COCOeval

    gt = hotcoco_ground_truth(s)
    return lambda s: evaluated(COCOeval(gt, gt.load_res(matrix(s)), "bbox"))


def ultrafast_ground_truth(s: Scene) -> Any:
    """From a file: only so it keeps native columns; from a dict every evaluation costs 10 ms more."""
    from ultrafast_pycocotools import COCO

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "gt.json")
        with open(path, "w") as file:
            json.dump(ground_truth_dict(s), file)
        return COCO(path, verbose=False)


def ultrafast(s: Scene) -> Call:
    from ultrafast_pycocotools import COCOeval

    gt = ultrafast_ground_truth(s)

    def call(s: Scene) -> Floats:
        with quiet():
            dt = gt.loadRes(matrix(s))
        return evaluated(COCOeval(gt, dt, "bbox", print_function=lambda line: None))

    return call


def vernier_ground_truth(s: Scene) -> Any:
    from vernier.instance import CocoDataset

    images = {"id": s.images, "width": np.full(len(s.images), WIDTH), "height": np.full(len(s.images), HEIGHT)}
    annotations = {
        "id": np.arange(1, len(s.gt_image) + 1), "image_id": s.gt_image, "category_id": s.gt_category,
        "bbox": s.gt_boxes, "area": s.gt_area, "iscrowd": s.gt_crowd,
    }  # fmt: skip
    return CocoDataset.from_arrays(images, annotations, category_dicts(s))


def vernier(s: Scene) -> Call:
    from vernier import _core

    gt, max_dets, threads = vernier_ground_truth(s), [1, 10, 100], n_threads()

    def call(s: Scene) -> Floats:  # the grid that its public Evaluator wraps: a quarter faster than Evaluator.evaluate
        grid = _core.evaluate_bbox_grid(
            gt, matrix(s), parity_mode="strict", max_dets_per_image=100, use_cats=True, num_threads=threads,
            retain_meta=False,
        )  # fmt: skip
        return np.asarray(grid.accumulate(max_dets).summarize(max_dets).stats)

    return call


def faster_ground_truth(s: Scene) -> Any:
    from faster_coco_eval import COCO

    with quiet():
        return COCO(ground_truth_dict(s))


def faster_coco_eval(s: Scene) -> Call:
    from faster_coco_eval import COCOeval_faster

    gt = faster_ground_truth(s)

    def call(s: Scene) -> Floats:
        with quiet():
            evaluator = COCOeval_faster(gt, gt.loadRes(matrix(s)), "bbox", extra_calc=False)
            evaluator.run()
        return np.asarray(evaluator.all_stats[:12])

    return call


def pycocotools_ground_truth(s: Scene) -> Any:
    from pycocotools.coco import COCO

    gt = COCO()
    gt.dataset = ground_truth_dict(s)
    with quiet():
        gt.createIndex()
    return gt


def pycocotools(s: Scene) -> Call:
    from pycocotools.cocoeval import COCOeval

    gt = pycocotools_ground_truth(s)

    def call(s: Scene) -> Floats:
        with quiet():
            dt = gt.loadRes(matrix(s))
        return evaluated(COCOeval(gt, dt, "bbox"))

    return call


CASE = Case(
    name="columns",
    title="Numpy columns → twelve numbers",
    prepare={
        "native": pymetrics,
        "numba": pymetrics,
        "ultrafast-pycocotools": ultrafast,
        "hotcoco": hotcoco,
        "vernier": vernier,
        "faster-coco-eval": faster_coco_eval,
        "pycocotools": pycocotools,
    },
    load=lambda size: scene(SIZES[size]),
    base="native",
    sizes=("36.8k", "500k", "1.5M", "5M"),
    largest={"vernier": "1.5M", "faster-coco-eval": "500k", "pycocotools": "500k"},
    one_thread=("500k",),
)
