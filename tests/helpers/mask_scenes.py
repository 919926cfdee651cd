"""Generated scenes with masks: the scenes of coco_scenes with segmentations of every kind."""

import numpy as np

from helpers.coco_scenes import Scene, make_scene
from helpers.mask_cases import runs_of
from pymetrics.coco import mask

SIZE = (40, 50)


def make_mask_scene(seed: int) -> Scene:
    """Ground truths as polygons, lists of runs or compressed runs; detections often with the mask of a ground truth,
    shifted or not. Now and then without boxes, of another size than their image, or empty.
    """
    scene, rng = make_scene(seed), np.random.default_rng(seed)
    if isinstance(scene.dt, np.ndarray):
        rows = [[float(value) for value in row] for row in scene.dt]
        scene.dt = [
            {"image_id": int(row[0]), "bbox": row[1:5], "score": row[5], "category_id": int(row[6])} for row in rows
        ]
    for image in scene.gt["images"]:
        image |= {"height": SIZE[0], "width": SIZE[1]}
    bitmaps: dict = {}
    for gt in scene.gt["annotations"]:
        gt["segmentation"], bitmap = make_segmentation(rng, may_be_polygons=True)
        bitmaps.setdefault(gt["image_id"], []).append(bitmap)
    without_boxes = rng.random() < 0.3 and not scene.own_ids
    for dt in scene.dt:
        near = bitmaps.get(dt["image_id"])
        if near and rng.random() < 0.7:
            bitmap = np.roll(near[rng.integers(len(near))], rng.integers(0, 3, 2), (0, 1))
            dt["segmentation"] = mask.encode(bitmap)
        else:
            dt["segmentation"], _ = make_segmentation(rng, may_be_polygons=not without_boxes)
        if without_boxes:
            del dt["bbox"]
            if isinstance(dt["segmentation"]["counts"], list):
                dt["segmentation"] = mask.frPyObjects(dt["segmentation"], *SIZE)
        if isinstance(dt["segmentation"], dict) and rng.random() < 0.05:
            dt["segmentation"] = dict(dt["segmentation"], size=list(SIZE[::-1]))
    return scene


def make_segmentation(rng: np.random.Generator, may_be_polygons: bool) -> tuple:
    """A segmentation, and its bitmap."""
    kind = rng.integers(0, 4)
    y, x, h, w = rng.integers(0, 25, 4)
    bitmap = np.zeros(SIZE, np.uint8)
    bitmap[y : y + h, x : x + w] = 1
    bitmap &= (rng.random(SIZE) < rng.choice([1, 1, 0.7])).astype(np.uint8)
    if kind < 2 and may_be_polygons:
        polygons = [rng.uniform(-3, 48, 2 * rng.integers(3, 7)).round(2).tolist() for _ in range(rng.integers(1, 4))]
        return polygons, mask.decode(mask.merge(mask.frPyObjects(polygons, *SIZE)))
    if kind == 2:
        return {"size": list(SIZE), "counts": runs_of(bitmap).tolist()}, bitmap
    rle = mask.encode(bitmap)
    return (rle if rng.random() < 0.5 else dict(rle, counts=rle["counts"].decode())), bitmap
