"""A seeded scene of the size of COCO val2017: 5,000 images, 36.8k ground truths, as many detections as asked for.

The ground truth is the real one where ``../shared/data`` lies beside the repository (its crowd flags were lost, so
COCO's share of them is drawn again) and a synthetic one of the same shape elsewhere. Detections are drawn from it:
jittered copies of its boxes, the same with a wrong class, and boxes that belong to nothing. Coordinates have two
decimals and scores three, so that equal scores occur as often as in a result file. The same scene as dicts and as
COCO JSON files is here, too.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIZES = {"36.8k": 36_800, "500k": 500_000, "1.5M": 1_500_000, "5M": 5_000_000}
N_IMAGES = 5_000
N_GT = 36_608
N_CATEGORIES = 80
WIDTH, HEIGHT = 640, 480
CROWD_SHARE = 0.012
DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "coco_val2017_boxes" / "gt_boxes.json"
CACHE = Path(__file__).resolve().parent / ".cache"

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

    def digest(self) -> str:
        """A fingerprint of all columns."""
        found = hashlib.sha256()
        for f in fields(self):
            if isinstance(value := getattr(self, f.name), np.ndarray):
                found.update(value.tobytes())
        return found.hexdigest()[:16]


def scene(n_dt: int, seed: int = 0) -> Scene:
    """The scene with ``n_dt`` detections; the same arguments and data give the same bits on every machine."""
    rng = np.random.default_rng(seed)
    source = data_source()
    gt = _real_ground_truth(rng) if source != "synthetic" else _synthetic_ground_truth(rng)
    images, _, gt_image, gt_category, gt_boxes, _ = gt
    gt_crowd = rng.random(len(gt_image)) < CROWD_SHARE
    return Scene(source, *gt, gt_crowd, *_detections(rng, n_dt, images, gt_image, gt_category, gt_boxes))


def data_source() -> str:
    """Where the ground truth comes from: the name of a data set, or "synthetic"."""
    return DATA.parent.name if DATA.exists() and "BENCH_SYNTHETIC" not in os.environ else "synthetic"


def image_dicts(s: Scene) -> list[dict[str, Any]]:
    """COCO's ``images``."""
    return [{"id": i, "width": WIDTH, "height": HEIGHT} for i in s.images.tolist()]


def category_dicts(s: Scene) -> list[dict[str, Any]]:
    """COCO's ``categories``."""
    return [{"id": i, "name": str(i)} for i in s.categories.tolist()]


def ground_truth_dict(s: Scene) -> dict[str, Any]:
    """What a COCO ground-truth file holds, without segmentations."""
    columns = (s.gt_image, s.gt_category, s.gt_boxes, s.gt_area, s.gt_crowd.astype(int))
    keys = ("id", "image_id", "category_id", "bbox", "area", "iscrowd")
    rows = enumerate(zip(*(column.tolist() for column in columns), strict=True), 1)
    annotations = [dict(zip(keys, (number, *row), strict=True)) for number, row in rows]
    return {"images": image_dicts(s), "categories": category_dicts(s), "annotations": annotations}


def result_dicts(s: Scene) -> list[dict[str, Any]]:
    """What a COCO result file holds."""
    columns = (column.tolist() for column in (s.dt_image, s.dt_category, s.dt_boxes, s.dt_scores))
    return [
        {"image_id": image, "category_id": category, "bbox": box, "score": score}
        for image, category, box, score in zip(*columns, strict=True)
    ]


def file_paths(size: str) -> tuple[str, str]:
    """Where `write_files` puts the ground truth and the results of a size."""
    folder = CACHE / f"{data_source()}-{size}"
    return str(folder / "gt.json"), str(folder / "dt.json")


def write_files(size: str) -> None:
    """Write the two COCO JSON files of a size, unless they are there, and read them once into the page cache."""
    paths = [Path(path) for path in file_paths(size)]
    s = scene(SIZES[size])
    stamp = paths[0].with_name("digest")
    if not stamp.exists() or stamp.read_text() != s.digest():
        stamp.parent.mkdir(parents=True, exist_ok=True)
        for path, content in zip(paths, (ground_truth_dict(s), result_dicts(s)), strict=True):
            path.write_text(json.dumps(content))
        stamp.write_text(s.digest())
    for path in paths:
        path.read_bytes()


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
