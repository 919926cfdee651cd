"""List of dicts → numbers: pycocotools' list of results, as a program has collected it, in; the twelve numbers out.

Inside ``call``: everything from the list to the numbers. Every call gets a fresh list of fresh dicts, made off the
clock, for some libraries write into them. The ground truth is loaded before, as each library likes it best.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from generate import SIZES, Floats, Scene, ground_truth_dict, result_dicts, scene

from .columns import (
    faster_ground_truth,
    hotcoco_ground_truth,
    pycocotools_ground_truth,
    ultrafast_ground_truth,
    vernier_ground_truth,
)
from .common import Call, Case, evaluated, n_threads, our_ground_truths, quiet

Rows = list[dict[str, Any]]


class Loaded(NamedTuple):
    scene: Scene
    rows: Rows  # never handed out


def load(size: str) -> Loaded:
    s = scene(SIZES[size])
    return Loaded(s, result_dicts(s))


def fresh(loaded: Loaded) -> Rows:
    return [{**row, "bbox": row["bbox"].copy()} for row in loaded.rows]


def pymetrics(loaded: Loaded) -> Call:
    from pymetrics import evaluate

    gt = our_ground_truths(loaded.scene)
    return lambda rows: evaluate(gt, rows).stats


def pymetrics_cocoeval(loaded: Loaded) -> Call:
    from pymetrics.coco import COCO, COCOeval

    gt = COCO()
    gt.dataset = ground_truth_dict(loaded.scene)
    with quiet():
        gt.createIndex()

    def call(rows: Rows) -> Floats:
        with quiet():
            evaluator = COCOeval(gt, gt.loadRes(rows), "bbox")
        return evaluated(evaluator)

    return call


def ultrafast(loaded: Loaded) -> Call:
    from ultrafast_pycocotools import COCOeval

    gt = ultrafast_ground_truth(loaded.scene)
    return lambda rows: evaluated(COCOeval(gt, gt.loadRes(rows), "bbox", print_function=lambda line: None))


def hotcoco(loaded: Loaded) -> Call:
    from hotcoco import COCOeval

    gt = hotcoco_ground_truth(loaded.scene)
    return lambda rows: evaluated(COCOeval(gt, gt.load_res(rows), "bbox"))


def vernier(loaded: Loaded) -> Call:
    from vernier.instance import Bbox, Evaluator

    gt, threads = vernier_ground_truth(loaded.scene), n_threads()
    evaluator = Evaluator(iou=Bbox(), parity_mode="strict")
    return lambda rows: np.asarray(evaluator.evaluate(gt, rows, num_threads=threads).stats)


def faster_coco_eval(loaded: Loaded) -> Call:
    from faster_coco_eval import COCOeval_faster

    gt = faster_ground_truth(loaded.scene)

    def call(rows: Rows) -> Floats:
        with quiet():
            evaluator = COCOeval_faster(gt, gt.loadRes(rows), "bbox", extra_calc=False)
            evaluator.run()
        return np.asarray(evaluator.all_stats[:12])

    return call


def pycocotools(loaded: Loaded) -> Call:
    from pycocotools.cocoeval import COCOeval

    gt = pycocotools_ground_truth(loaded.scene)

    def call(rows: Rows) -> Floats:
        with quiet():
            evaluator = COCOeval(gt, gt.loadRes(rows), "bbox")
        return evaluated(evaluator)

    return call


CASE = Case(
    name="dicts",
    title="List of dicts → twelve numbers",
    prepare={
        "native": pymetrics,
        "native-COCOeval": pymetrics_cocoeval,
        "numba": pymetrics,
        "ultrafast-pycocotools": ultrafast,
        "hotcoco": hotcoco,
        "vernier": vernier,
        "faster-coco-eval": faster_coco_eval,
        "pycocotools": pycocotools,
    },
    load=load,
    argument=fresh,
    base="native",
    largest={"faster-coco-eval": "500k", "pycocotools": "500k"},
)
