"""A seeded scene of the size of COCO val2017: 5,000 images, 36.8k ground truths, as many detections as asked for.

The ground truth is the real one where ``../shared/data`` lies beside the repository (its crowd flags were lost, so
COCO's share of them is drawn again) and a synthetic one of the same shape elsewhere. Detections are drawn from it:
jittered copies of its boxes, the same with a wrong class, and boxes that belong to nothing. Coordinates have two
decimals and scores three, so that equal scores occur as often as in a result file.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SIZES = {"36.8k": 36_800, "500k": 500_000, "5M": 5_000_000}
N_IMAGES = 5_000
N_GT = 36_608
N_CATEGORIES = 80
WIDTH, HEIGHT = 640, 480
CROWD_SHARE = 0.012
DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "coco_val2017_boxes" / "gt_boxes.json"

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scene:
    """Numpy columns; boxes are x, y, width, height in pixels, ids int64, all else float64 but ``gt_crowd``."""

    source: str  # "coco_val2017_boxes" or "synthetic"
    images: Ints  # [5000] all image ids, those without boxes too
    categories: Ints  # [80]
    gt_image: Ints  # [G]
    gt_category: Ints  # [G]
    gt_boxes: Floats  # [G, 4]
    gt_area: Floats  # [G]
    gt_crowd: NDArray[np.bool_]  # [G]
    dt_image: Ints  # [N]
    dt_category: Ints  # [N]
    dt_boxes: Floats  # [N, 4]
    dt_scores: Floats  # [N]

    @property
    def n_bytes(self) -> int:
        """Bytes that the columns occupy."""
        return sum(value.nbytes for f in fields(self) if isinstance(value := getattr(self, f.name), np.ndarray))


def scene(n_dt: int, seed: int = 0) -> Scene:
    """The scene with ``n_dt`` detections; the same arguments and data give the same bits on every machine."""
    rng = np.random.default_rng(seed)
    real = DATA.exists() and "BENCH_SYNTHETIC" not in os.environ
    gt = _real_ground_truth(rng) if real else _synthetic_ground_truth(rng)
    images, _, gt_image, gt_category, gt_boxes, _ = gt
    gt_crowd = rng.random(len(gt_image)) < CROWD_SHARE
    source = "coco_val2017_boxes" if real else "synthetic"
    return Scene(source, *gt, gt_crowd, *_detections(rng, n_dt, images, gt_image, gt_category, gt_boxes))


def _real_ground_truth(rng: np.random.Generator) -> tuple[Ints, Ints, Ints, Ints, Floats, Floats]:
    content = json.loads(DATA.read_bytes())
    annotations = content["annotations"]
    images = np.array([image["id"] for image in content["images"]], np.int64)
    n_empty = N_IMAGES - len(images)  # val2017's images without any box
    images = np.concatenate([images, images.max() + 1 + np.arange(n_empty)])
    categories = np.array(sorted(category["id"] for category in content["categories"]), np.int64)
    image = np.array([a["image_id"] for a in annotations], np.int64)
    category = np.array([a["category_id"] for a in annotations], np.int64)
    boxes = np.array([a["bbox"] for a in annotations], np.float64)
    area = np.array([a["area"] for a in annotations], np.float64)
    return images, categories, image, category, boxes, area


def _synthetic_ground_truth(rng: np.random.Generator) -> tuple[Ints, Ints, Ints, Ints, Floats, Floats]:
    """Categories as skewed as COCO's (the first holds 3 of 10 boxes), 0 to 60 boxes an image, sizes log-uniform."""
    images = np.sort(rng.choice(600_000, N_IMAGES, replace=False)).astype(np.int64)
    categories = np.arange(1, N_CATEGORIES + 1, dtype=np.int64)
    share = 1.0 / (np.arange(N_CATEGORIES) + 1.5) ** 0.8
    share[0] = 0.43 * share[1:].sum()
    crowding = rng.gamma(1.2, size=N_IMAGES)
    image = images[np.sort(rng.choice(N_IMAGES, N_GT, p=crowding / crowding.sum()))]
    category = categories[rng.choice(N_CATEGORIES, N_GT, p=share / share.sum())]
    boxes = _random_boxes(rng, N_GT)
    return images, categories, image, category, boxes, boxes[:, 2] * boxes[:, 3] * rng.uniform(0.5, 1.0, N_GT).round(2)


def _random_boxes(rng: np.random.Generator, n: int) -> Floats:
    size = np.exp(rng.uniform(np.log(6), np.log(400), (n, 2)))
    size = np.minimum(size, [WIDTH, HEIGHT])
    corner = rng.random((n, 2)) * ([WIDTH, HEIGHT] - size)
    return np.hstack([corner, size]).round(2)


def _detections(
    rng: np.random.Generator, n: int, images: Ints, gt_image: Ints, gt_category: Ints, gt_boxes: Floats
) -> tuple[Ints, Ints, Floats, Floats]:
    """Half are jittered copies, a fifth copies of a wrong class, the rest random; grouped by image in a drawn order."""
    kind = rng.choice(3, n, p=[0.5, 0.2, 0.3])
    origin = rng.integers(len(gt_image), size=n)
    image, category, boxes = gt_image[origin], gt_category[origin], gt_boxes[origin]
    spread = rng.choice([0.03, 0.1, 0.3], (n, 1))
    boxes = boxes + rng.normal(size=(n, 4)) * spread * np.tile(boxes[:, 2:], 2)
    other = kind > 0  # a class of another box: as skewed as the ground truth
    category[other] = gt_category[rng.integers(len(gt_image), size=int(other.sum()))]
    stray = kind == 2
    image[stray] = rng.choice(images, int(stray.sum()))
    boxes[stray] = _random_boxes(rng, int(stray.sum()))
    boxes[:, 2:] = np.maximum(boxes[:, 2:], 1.0)
    scores = np.where(other, rng.beta(1, 6, n), rng.beta(2, 2, n) * (1.2 - 2 * spread[:, 0])).clip(0.001, 0.999)
    place = np.empty(images.max() + 1, np.int64)
    place[images] = rng.permutation(len(images))
    order = np.argsort(place[image], kind="stable")
    return image[order], category[order], boxes[order].round(2), scores[order].round(3)
