"""Random columns with their Result, and a protocol that is not COCO's."""

import numpy as np

from helpers.columns import match
from pymetrics.evaluation.columns import CROWD, Axes, Columns, Side
from pymetrics.evaluation.protocol import Protocol
from pymetrics.evaluation.result import Result
from pymetrics.evaluation.shapes import as_shape

ODD = Protocol(
    iou_thresholds=(0.3, *(0.4 + i / 100 for i in range(30)), 0.75),
    area_ranges=((0, 900), (900, 4000), (0, float("inf"))),
    area_names=("tiny", "big", "all"),
    max_dets=(7, 2),
)


def make_columns(seed=0, n_images=6, n_categories=4, n_dt=80, n_gt=30, names=None):
    """Random data with score ties, crowds, images without objects; the last category has no ground truth."""
    rng = np.random.default_rng(seed)
    gt_boxes = np.concatenate([rng.random((n_gt, 2)) * 200, rng.uniform(5, 150, (n_gt, 2))], axis=1)
    gt_image = rng.integers(0, max(1, n_images - 1), n_gt).astype(np.int32)
    gt_category = rng.integers(0, max(1, n_categories - 1), n_gt).astype(np.int32)
    near = rng.integers(0, n_gt, n_dt) if n_gt else np.zeros(0, np.int64)
    n_dt = len(near)
    wrong = rng.random(n_dt) < 0.2
    dt = Side(
        image=gt_image[near],
        category=np.where(wrong, rng.integers(0, max(1, n_categories), n_dt), gt_category[near]).astype(np.int32),
        shape=gt_boxes[near] + rng.normal(0, 3, (n_dt, 4)),
        scores=rng.random(n_dt).round(1),
        area=np.zeros(0),
        flags=np.zeros(0, np.uint8),
    )
    gt = Side(
        image=gt_image,
        category=gt_category,
        shape=gt_boxes,
        scores=np.zeros(0),
        area=gt_boxes[:, 2] * gt_boxes[:, 3],
        flags=np.where(rng.random(n_gt) < 0.1, CROWD, 0).astype(np.uint8),
    )
    axes = Axes(np.arange(10, 10 + n_images), np.arange(1, n_categories + 1), names or {})
    return Columns(gt, dt, axes, as_shape("bbox"))


def make_result(protocol=None, **settings):
    columns = make_columns(**settings)
    return Result(match(columns, protocol or Protocol()), columns)
