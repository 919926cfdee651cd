"""Small generated scenes of LVIS: categories that were not looked for, or not exhaustively; ties; wrong classes."""

import numpy as np

from helpers.coco_scenes import Scene
from pymetrics.coco import mask

SIZE = (60, 80)


def make_lvis_scene(seed: int, with_masks: bool = False) -> Scene:
    """A few images and categories of the three frequencies; boxes on a grid, scores of one decimal."""
    rng = np.random.default_rng(seed)
    categories = [
        {"id": id, "name": f"name {id}", "frequency": "rcf"[rng.integers(3)]} for id in rng.permutation(9)[:5].tolist()
    ]
    ids = [category["id"] for category in categories]
    images, gts, dts = [], [], []
    for image in rng.permutation(30)[:4].tolist():
        shown = rng.choice(ids, 2, replace=False).tolist()
        others = [id for id in ids if id not in shown]
        images.append(
            {
                "id": image,
                "height": SIZE[0],
                "width": SIZE[1],
                "neg_category_ids": others[: rng.integers(0, 3)],
                "not_exhaustive_category_ids": shown[: rng.integers(0, 2)],
            }
        )
        for _ in range(rng.integers(0, 6)):
            x, y, w, h = (rng.integers(0, 4, 4) * 8 + [0, 0, 8, 8]).tolist()
            gt = {"id": len(gts) + 1, "image_id": image, "category_id": shown[rng.integers(2)]}
            gts.append(
                gt | {"bbox": [x, y, w, h], "area": w * h, "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]]}
            )
        for _ in range(rng.integers(0, 14)):
            near = gts[rng.integers(len(gts))] if gts else None
            box = near["bbox"] if near and rng.random() < 0.8 else (rng.integers(1, 5, 4) * 8).tolist()
            box = (np.array(box) + rng.choice([-4, 0, 0, 4], 4)).clip(1).astype(float).tolist()
            dts.append(
                {
                    "image_id": image,
                    "category_id": int(rng.choice([*ids, *shown, *shown])),
                    "bbox": box,
                    "score": float(rng.integers(1, 9)) / 10,
                }
            )
    if not dts:
        dts.append({"image_id": images[0]["id"], "category_id": ids[0], "bbox": [1.0, 1.0, 9.0, 9.0], "score": 0.5})
    if rng.random() < 0.3:
        for gt in gts[::2]:
            gt["ignore"] = 1
    if gts and rng.random() < 0.2:
        gts[0]["area"] = 0  # left out
    if gts and rng.random() < 0.3:
        gts[-1]["iscrowd"] = 1  # not looked at
    if with_masks:
        for dt in dts:
            x, y, w, h = dt.pop("bbox")
            polygon = [[x, y, x + w, y, x + w, y + h, x, y + h]]
            dt["segmentation"] = mask.merge(mask.frPyObjects(polygon, *SIZE))
            dt["segmentation"]["counts"] = dt["segmentation"]["counts"].decode()
    return Scene({"images": images, "annotations": gts, "categories": categories}, dts)


def full_image_scene() -> Scene:
    """One image, three detections; the one of the lowest score is right, and the only one of its category."""
    categories = [{"id": id, "name": str(id), "frequency": frequency} for id, frequency in ((1, "r"), (2, "c"))]
    image = {"id": 7, "height": 60, "width": 80, "neg_category_ids": [], "not_exhaustive_category_ids": []}
    boxes = [[0, 0, 10, 10], [20, 20, 8, 8], [40, 0, 16, 16]]
    rows = [{"image_id": 7, "category_id": id, "bbox": box} for id, box in zip((1, 1, 2), boxes, strict=True)]
    gts = [row | {"id": i, "area": row["bbox"][2] ** 2} for i, row in enumerate(rows, 1)]
    dts = [row | {"score": score} for row, score in zip(rows, (0.9, 0.8, 0.7), strict=True)]
    return Scene({"images": [image], "annotations": gts, "categories": categories}, dts)


def make_real_scene(gt: dict, with_masks: bool = False, n: int = 300) -> Scene:
    """n detections an image on real annotations: jittered, of wrong classes, of categories that were not looked for or
    not exhaustively; scores of two decimals.
    """
    rng = np.random.default_rng(11)
    by_image: dict = {}
    for ann in gt["annotations"]:
        by_image.setdefault(ann["image_id"], []).append(ann)
    ids, dts = [category["id"] for category in gt["categories"]], []
    for image in gt["images"]:
        anns = by_image.get(image["id"], [])
        listed = [*image["neg_category_ids"], *image["not_exhaustive_category_ids"]]
        for _ in range(n):
            dt = {"image_id": image["id"], "score": round(float(rng.random()), 2)}
            near = anns[rng.integers(len(anns))] if anns and rng.random() < 0.7 else None
            x, y, w, h = near["bbox"] if near else (rng.random(4) * 100 + 1).tolist()
            step = rng.choice([0.0, 0.0, 0.05, 0.2]) * np.array([w, h, w, h]) * rng.normal(size=4)
            box = (np.array([x, y, w, h]) + step).round(2)
            box = [*box[:2].clip(0).tolist(), *box[2:].clip(1).tolist()]
            category = near["category_id"] if near and rng.random() < 0.8 else None
            if category is None:
                category = (
                    listed[rng.integers(len(listed))] if listed and rng.random() < 0.7 else ids[rng.integers(len(ids))]
                )
            dt |= {"category_id": int(category), "bbox": box}
            if with_masks:
                del dt["bbox"]
                polygons = near["segmentation"] if near else [[box[0], box[1], box[0] + 9, box[1], box[0], box[1] + 9]]
                polygons = [(np.array(p) + step[0]).round(2).tolist() for p in polygons]
                rle = mask.merge(mask.frPyObjects(polygons, image["height"], image["width"]))
                dt["segmentation"] = rle | {"counts": rle["counts"].decode()}
            dts.append(dt)
    return Scene(gt, dts)
