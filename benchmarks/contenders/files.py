"""Files → numbers: the paths of two COCO JSON files in, the twelve numbers out.

Inside ``call``: reading the ground truth, reading the detections, the evaluation. Each measurement is the first and
only one of a fresh process; the library is imported before the clock starts, and the files lie in the page cache. The
whole process, imports included, and the most memory that it held are recorded beside it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from generate import Floats, file_paths, write_files

from .common import Call, Case, evaluated, n_threads, quiet

Paths = tuple[str, str]  # ground truth, detections


def pymetrics(_: Paths) -> Call:
    from pymetrics import evaluate

    return lambda paths: evaluate(*paths).stats


def pymetrics_cocoeval(_: Paths) -> Call:
    from pymetrics.coco import COCO, COCOeval

    def call(paths: Paths) -> Floats:
        with quiet():
            gt = COCO(paths[0])
            evaluator = COCOeval(gt, gt.loadRes(paths[1]), "bbox")
        return evaluated(evaluator)

    return call


def ultrafast(_: Paths) -> Call:
    from ultrafast_pycocotools import COCO, COCOeval

    def call(paths: Paths) -> Floats:
        gt = COCO(paths[0], verbose=False)
        return evaluated(COCOeval(gt, gt.loadRes(paths[1]), "bbox", print_function=lambda line: None))

    return call


def hotcoco(_: Paths) -> Call:
    from hotcoco import COCO, COCOeval

    def call(paths: Paths) -> Floats:
        gt = COCO(paths[0])
        return evaluated(COCOeval(gt, gt.load_res(paths[1]), "bbox"))

    return call


def vernier(_: Paths) -> Call:
    from vernier.instance import Bbox, Evaluator

    evaluator, threads = Evaluator(iou=Bbox(), parity_mode="strict"), n_threads()

    def call(paths: Paths) -> Floats:
        gt, dt = (Path(path).read_bytes() for path in paths)
        return np.asarray(evaluator.evaluate(gt, dt, num_threads=threads).stats)

    return call


def faster_coco_eval(_: Paths) -> Call:
    from faster_coco_eval import COCO, COCOeval_faster

    def call(paths: Paths) -> Floats:
        gt = COCO(paths[0])
        evaluator = COCOeval_faster(gt, gt.loadRes(paths[1]), "bbox", extra_calc=False)
        with quiet():
            evaluator.run()
        return np.asarray(evaluator.all_stats[:12])

    return call


def pycocotools(_: Paths) -> Call:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def call(paths: Paths) -> Floats:
        with quiet():
            gt = COCO(paths[0])
            evaluator = COCOeval(gt, gt.loadRes(paths[1]), "bbox")
        return evaluated(evaluator)

    return call


CASE = Case(
    name="files",
    title="COCO JSON files → twelve numbers",
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
    load=file_paths,
    before=write_files,
    base="native",
    fresh=True,
    largest={"pycocotools": "500k"},
    one_thread=("500k",),
)
