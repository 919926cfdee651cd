"""Small generated scenes of LVIS: categories that were not looked for, or not exhaustively; ties; wrong classes."""

import numpy as np

from helpers.coco_scenes import Scene

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
    return Scene({"images": images, "annotations": gts, "categories": categories}, dts)
