"""Predictions for CocoEvaluator, and what a process of several does with them."""

import numpy as np
from helpers.coco_cases import quietly
from helpers.coco_scenes import plain_scene

from pymetrics.coco import COCO, CocoEvaluator

SIZE = (170, 180)


def ground_truth(coco_class=COCO):
    scene = plain_scene()
    for image in scene.gt["images"]:
        image |= {"height": SIZE[0], "width": SIZE[1]}
    for gt in scene.gt["annotations"]:
        x, y, w, h = gt["bbox"]
        gt["segmentation"] = [[x, y, x + w, y, x + w, y + h, x, y + h]]
        if gt["iscrowd"]:
            gt["segmentation"] = {"size": list(SIZE), "counts": [SIZE[0] * SIZE[1]]}
    coco = coco_class()
    coco.dataset = scene.gt
    quietly(coco.createIndex)
    return coco


def predictions(torch, with_masks=False):
    """By image id: boxes as xyxy, scores, labels; an image without detections has an empty dict, or empty tensors."""
    scene, found = plain_scene(), {}
    for i, image in enumerate(image["id"] for image in scene.gt["images"]):
        rows = [dt for dt in scene.dt if dt["image_id"] == image]
        if not rows and i % 2:
            found[image] = {}
            continue
        boxes = np.array([dt["bbox"] for dt in rows], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        found[image] = {
            "boxes": torch.tensor(boxes),
            "scores": torch.tensor([dt["score"] for dt in rows], dtype=torch.float32),
            "labels": torch.tensor([dt["category_id"] for dt in rows], dtype=torch.int64),
        }
        if with_masks:
            masks = np.zeros((len(rows), 1, *SIZE), np.float32)
            for mask, (x0, y0, x1, y1) in zip(masks, boxes.astype(int).clip(0).tolist(), strict=True):
                mask[0, y0:y1, x0:x1] = 0.75
                mask[0, y0:y1, x0 : x0 + 2] = 0.5  # not above it
            found[image]["masks"] = torch.tensor(masks)
    return found


def batches(found, size):
    items = list(found.items())
    return [dict(items[i : i + size]) for i in range(0, len(items), size)]


def share(found, rank, n_ranks):
    """The images of a rank as DistributedSampler gives them: filled up from the beginning, so that some come twice."""
    ids = list(found)
    ids += ids[: -len(ids) % n_ranks] or ids[:n_ranks]
    return {id: found[id] for id in ids[rank::n_ranks]}


def of_rank(rank, n_ranks):
    """stats, eval and image ids of a rank; and of one whose process has no images."""
    import torch

    found = predictions(torch)
    outputs = []
    for mine in (share(found, rank, n_ranks), found if rank == 0 else {}):
        evaluator = CocoEvaluator(ground_truth(), ["bbox"], verbose=False)
        for batch in batches(mine, 2):
            evaluator.update(batch)
        evaluator.synchronize_between_processes()
        evaluator.accumulate()
        evaluator.summarize()
        evaluation = evaluator.coco_eval["bbox"]
        outputs.append((evaluation.stats, evaluation.eval["precision"], evaluation.eval["scores"], evaluator.img_ids))
    return outputs
