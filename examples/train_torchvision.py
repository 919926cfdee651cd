"""Torchvision's reference training loop, with CocoEvaluator in the place of its own: the same lines, less time.

python examples/train_torchvision.py --epochs 10    (a quarter of a minute on one core)

Change in references/detection/engine.py: `from coco_eval import CocoEvaluator` to the import below. In DETR and what is
made from it the import in datasets/coco_eval.py.
"""

import argparse

import torch
from shapes import CLASSES, SIZE, Detector, Shapes, loader

from pymetrics.coco import COCO, CocoEvaluator


def coco_of(images):
    """The ground truth of a data set; references/detection/coco_utils.py does it for any."""
    coco = COCO()
    coco.dataset = {
        "images": [{"id": target["image_id"], "height": SIZE, "width": SIZE} for target in images.targets],
        "categories": [{"id": label, "name": name} for label, name in CLASSES.items()],
        "annotations": [],
    }
    for target in images.targets:
        for (x1, y1, x2, y2), label in zip(target["boxes"].tolist(), target["labels"].tolist(), strict=True):
            box = [x1, y1, x2 - x1, y2 - y1]
            number = len(coco.dataset["annotations"]) + 1
            coco.dataset["annotations"].append(
                {"id": number, "image_id": target["image_id"], "category_id": label, "bbox": box,
                 "area": box[2] * box[3], "iscrowd": 0}
            )  # fmt: skip
    coco.createIndex()
    return coco


@torch.inference_mode()
def evaluate(model, data_loader, coco):
    """engine.evaluate; with masks in the output, iou_types are ["bbox", "segm"]."""
    model.eval()
    evaluator = CocoEvaluator(coco, ["bbox"])
    for images, targets in data_loader:
        outputs = model(images)
        evaluator.update({target["image_id"]: output for target, output in zip(targets, outputs, strict=True)})
    evaluator.synchronize_between_processes()
    evaluator.accumulate()
    evaluator.summarize()
    return evaluator


parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--out", default="model.pt")
arguments = parser.parse_args()

torch.manual_seed(0)
train, val = Shapes(512, seed=0), Shapes(128, seed=1)
coco = coco_of(val)
model = Detector()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for epoch in range(arguments.epochs):
    model.train()
    for images, targets in loader(train, 16, shuffle=True):
        loss = sum(model(images, targets).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    evaluator = evaluate(model, loader(val, 32), coco)
    print(f"epoch {epoch}: AP {evaluator.coco_eval['bbox'].stats[0]:.3f}")
torch.save(model.state_dict(), arguments.out)
