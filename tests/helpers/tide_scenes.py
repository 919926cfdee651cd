"""Generated scenes as COCO's dicts for TIDE, and tidecv's own numbers of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from helpers.analysis_scenes import scene


def polygon(box: list[float], corners: int) -> list[list[float]]:
    """The box, or one with corners cut off."""
    x, y, w, h = box
    points = [[x, y], [x + w, y], [x + w, y + h], [x, y + h]][: 4 if corners > 3 else 3]
    return [[float(value) for point in points for value in point]]


def coco_dicts(seed: int, mode: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Ground truth and detections. Ties, crowds, empty images, categories with detections alone; now and then > 100."""
    of = scene(2 * seed, n_images=6 + seed % 4)  # even seeds: ids are numbers
    rng = np.random.default_rng(seed)
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 60, "height": 60} for i in of.images]
    annotations = [
        {
            "id": n + 1, "image_id": image, "category_id": category, "bbox": list(map(float, box)),
            "area": float(box[2] * box[3]), "iscrowd": int(crowd), "segmentation": polygon(box, 4 - n % 2),
        }
        for n, (image, category, box, crowd, _) in enumerate(of.gt)
    ]  # fmt: skip
    rows = list(of.dt)
    if seed % 10 == 0 and rows:
        rows += [
            (
                rows[0][0],
                rows[i % len(rows)][1],
                [int(v) for v in rng.integers(1, 40, 4)],
                float(rng.integers(1, 9)) / 8,
            )
            for i in range(120)
        ]
    detections = [
        {"image_id": image, "category_id": category, "bbox": list(map(float, box)), "score": score}
        | ({"segmentation": rle(polygon(box, 4 - n % 3), 60)} if mode == "mask" else {})
        for n, (image, category, box, score) in enumerate(rows)
        if not (mode == "mask" and min(box[2:]) < 1)
    ]
    gt = {
        "images": images, "annotations": annotations,
        "categories": [{"id": id, "name": name} for id, name in of.categories.items()],
    }  # fmt: skip
    return gt, detections


def rle(polygons: list[list[float]], size: int) -> dict[str, Any]:
    from pymetrics.coco import mask

    found: Any = mask.merge(mask.frPyObjects(polygons, size, size))
    return {"size": found["size"], "counts": found["counts"].decode()}


def numbers_of_tidecv(gt: dict[str, Any], dt: list[dict[str, Any]], mode: str, folder: Path) -> dict[str, Any] | None:
    """AP, costs and counts; None where tidecv divides by zero. Needs tidecv 1.0.1."""
    from tidecv import TIDE, datasets

    (folder / "gt.json").write_text(json.dumps(gt))
    (folder / "dt.json").write_text(json.dumps(dt))
    tide = TIDE()
    try:
        run = tide.evaluate(
            datasets.COCO(str(folder / "gt.json")), datasets.COCOResult(str(folder / "dt.json")), mode=mode
        )
        found = tide.get_all_errors()
    except ZeroDivisionError:
        return None
    name = next(iter(tide.runs))
    costs = {**found["main"][name], **found["special"][name]}
    return {"ap": run.ap, "costs": costs, "counts": {kind.short_name: n for kind, n in run.count_errors().items()}}
