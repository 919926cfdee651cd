"""Three small images with objects found, missed and made up, and their pixels: what the tests of trackers log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import pymetrics

NAMES = {1: "person", 2: "dog/cat", 200: "猫@home"}
SIZES = {7: (40, 60), 8: (50, 80), 9: (30, 30)}  # height, width
FILES = {7: "one.png", 8: "two.png", 9: "three.png"}

# image, category, x, y, width, height; and score. The crowd takes the last detection of image 8.
GT = [(7, 1, 5, 5, 10, 20), (7, 2, 30, 10, 12, 12), (8, 1, 10, 10, 20, 20), (8, 200, 50, 20, 20, 20)]
CROWD = (8, 1, 0, 40, 80, 10)
DT = [
    (7, 1, 5, 5, 10, 20, 0.9), (7, 2, 31, 10, 12, 12, 0.8), (7, 1, 45, 25, 10, 10, 0.7), (8, 1, 10, 11, 20, 20, 0.95),
    (8, 1, 60, 0, 10, 10, 0.85), (8, 1, 10, 41, 20, 9, 0.55), (9, 2, 3, 4, 5, 6, 0.5),
]  # fmt: skip


def make_scene(masks: bool = False) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Ground truth and detections in COCO's format; with masks every object fills its box but for a corner."""
    images = [
        {"id": id_, "height": h, "width": w, "file_name": FILES[id_]} for id_, (h, w) in SIZES.items()
    ]  # fmt: skip
    annotations = [_object(row, masks) | {"id": i, "iscrowd": 0} for i, row in enumerate(GT, 1)]
    annotations.append(_object(CROWD, masks=False) | {"id": 9, "iscrowd": 1})
    if masks:
        annotations[-1]["segmentation"] = _runs_of_box(*CROWD)
    categories = [{"id": id_, "name": name} for id_, name in NAMES.items()]
    dt = [_object(row[:6], masks) | {"score": row[6]} for row in DT]
    return {"images": images, "annotations": annotations, "categories": categories}, dt


def make_result(masks: bool = False, **settings: Any) -> pymetrics.Result:
    """The evaluation of the scene."""
    gt, dt = make_scene(masks)
    return pymetrics.evaluate(gt, dt, iou_type="segm" if masks else "bbox", **settings)


def write_images(folder: Path) -> Path:
    """The images as PNG files, each of one colour."""
    from PIL import Image

    for id_, (height, width) in SIZES.items():
        Image.new("RGB", (width, height), (id_, 100, 200)).save(folder / FILES[id_])
    return folder


def bitmap_of(image: int, row: tuple[Any, ...]) -> Any:
    """bool (height, width): the mask of an object of the scene."""
    bitmap = np.zeros(SIZES[image], bool)
    x, y, w, h = row[2:6]
    bitmap[y : y + h, x : x + w] = True
    bitmap[y : y + 3, x : x + 3] = False
    return bitmap


def _object(row: tuple[Any, ...], masks: bool) -> dict[str, Any]:
    image, category, *box = row
    made = {"image_id": image, "category_id": category, "bbox": box, "area": box[2] * box[3]}
    if masks:
        x, y, w, h = box
        corner = [x, y + 3, x + 3, y + 3, x + 3, y, x + w, y, x + w, y + h, x, y + h]
        made["segmentation"] = [corner]
    return made


def _runs_of_box(image: int, category: int, x: int, y: int, w: int, h: int) -> dict[str, Any]:
    bitmap = np.zeros(SIZES[image], np.uint8)
    bitmap[y : y + h, x : x + w] = 1
    return pymetrics.coco.mask.encode(np.asfortranarray(bitmap))


def scalars_of(result: pymetrics.Result) -> dict[str, float]:
    """What a tracker is to be given of numbers, by name."""
    best = result.best_threshold()
    more = {"precision": best.precision, "recall": best.recall, "f1": best.f, "f1_threshold": best.threshold}
    return result.scalars("val/") | {f"val/{key}": value for key, value in more.items()}
