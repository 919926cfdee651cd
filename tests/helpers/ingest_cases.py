"""A small scene, in every shape that evaluate takes, and pycocotools' numbers for it."""

from __future__ import annotations

import contextlib
import copy
import io

import numpy as np

from helpers.columns import flat
from pymetrics import Detections, GroundTruths


def scene(seed=0, n_images=6, crowds=True, string_ids=False, n_categories=3):
    """A small COCO dict and a list of results; whole-number and half boxes, so that ties occur."""
    rng = np.random.default_rng(seed)
    ids = [int(i) for i in rng.permutation(50)[:n_images]]
    ids = [f"image {i}" for i in ids] if string_ids else ids
    annotations, results = [], []
    for image in ids[: max(1, n_images - 1)]:
        for _ in range(rng.integers(1, 8)):
            x, y, w, h = (float(v) for v in rng.integers(1, 120, 4) / 2)
            category = int(rng.integers(1, n_categories + 1)) * 10
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": category,
                    "bbox": [x, y, w, h],
                    "area": w * h,
                    "iscrowd": int(crowds and rng.random() < 0.2),
                }
            )
            for _ in range(rng.integers(0, 4)):
                dx, dy, dw, dh = (float(v) for v in rng.integers(0, 3, 4))
                score = float(rng.integers(1, 9) / 8)
                box = [x + dx, y + dy, w + dw, h + dh]
                results.append({"image_id": image, "category_id": category, "bbox": box, "score": score})
    categories = [{"id": 10 * (k + 1), "name": f"category {k}"} for k in reversed(range(n_categories))]
    images = [{"id": image, "height": 100, "width": 100} for image in ids]
    return {"images": images, "annotations": annotations, "categories": categories}, results


def by_pycocotools(need, gt, dt, **params):
    coco, cocoeval = need("pycocotools.coco"), need("pycocotools.cocoeval")
    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco.COCO()
        truth.dataset = copy.deepcopy(gt)
        truth.createIndex()
        if isinstance(dt, dict):
            found = coco.COCO()
            found.dataset = copy.deepcopy(dt)
            found.createIndex()
        else:
            found = truth.loadRes(copy.deepcopy(dt))
        evaluation = cocoeval.COCOeval(truth, found, "bbox")
        for name, value in params.items():
            setattr(evaluation.params, name, value)
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval


def same(result, expected):
    for name in ("precision", "recall", "scores"):
        assert getattr(result, name).tobytes() == expected[name].tobytes(), name


def assert_same_columns(got, expected, but=()):
    """Equal bytes in every field; image_sizes alone depend on the source: arrays have none."""
    ours, theirs = flat(got), flat(expected)
    assert ours.keys() == theirs.keys()
    for name in theirs.keys() - {"image_sizes", *but}:
        a, b = ours[name], theirs[name]
        if isinstance(b, np.ndarray):
            assert a.dtype == b.dtype, name
            assert a.shape == b.shape, name
            assert a.tobytes() == b.tobytes(), name
        else:
            assert a == b, name


def columns_source(gt, dt, make=np.asarray, layout="xywh"):
    """The COCO dict and the results as GroundTruths and Detections."""
    annotations = gt["annotations"]

    def boxes(rows):
        table = np.array([row["bbox"] for row in rows], dtype=float).reshape(-1, 4)
        return make(table if layout == "xywh" else np.hstack([table[:, :2], table[:, :2] + table[:, 2:]]))

    def ids(rows):
        values = [row["image_id"] for row in rows]
        return values if values and isinstance(values[0], str) else make(np.array(values, dtype=np.int64))

    return (
        GroundTruths(
            image=ids(annotations),
            boxes=boxes(annotations),
            labels=make(np.array([row["category_id"] for row in annotations], dtype=np.int64)),
            crowd=make(np.array([row["iscrowd"] for row in annotations], dtype=bool)),
            area=make(np.array([row["area"] for row in annotations], dtype=float)),
            images=[image["id"] for image in gt["images"]],
            categories={category["id"]: category["name"] for category in gt["categories"]},
            box_format=layout,
        ),
        Detections(
            image=ids(dt),
            boxes=boxes(dt),
            scores=make(np.array([row["score"] for row in dt], dtype=float)),
            labels=make(np.array([row["category_id"] for row in dt], dtype=np.int64)),
            box_format=layout,
        ),
    )


def per_image_source(gt, dt, make=np.asarray, layout="xywh", with_ids=True):
    """The COCO dict and the results as lists of dicts, images in the order of the COCO dict."""
    targets, predictions = [], []
    for image in (image["id"] for image in gt["images"]):
        for rows, items in ((gt["annotations"], targets), (dt, predictions)):
            mine = [row for row in rows if row["image_id"] == image]
            table = np.array([row["bbox"] for row in mine], dtype=float).reshape(-1, 4)
            if layout == "xyxy":
                table = np.hstack([table[:, :2], table[:, :2] + table[:, 2:]])
            item = {
                "boxes": make(table),
                "labels": make(np.array([row["category_id"] for row in mine], dtype=np.int64)),
            }
            for key, name, dtype in (("score", "scores", float), ("iscrowd", "iscrowd", bool), ("area", "area", float)):
                if mine and key in mine[0]:
                    item[name] = make(np.array([row[key] for row in mine], dtype=dtype))
            if rows is dt:
                item.setdefault("scores", make(np.zeros(0)))
            elif with_ids:
                item["image_id"] = image
            items.append(item)
    return targets, predictions


def tensors(need):
    torch = need("torch")
    return lambda array: torch.from_numpy(array.copy())
