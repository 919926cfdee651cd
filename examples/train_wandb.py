"""Train a small detector on generated images, and track every epoch with Weights & Biases.

python examples/train_wandb.py                      (offline: a quarter of a minute on one core, no account needed)
WANDB_MODE=online python examples/train_wandb.py    (the same, into your project)

What a detector of your own needs stands in main(); the rest makes images and a model to try it on.
"""

import argparse
import os

import torch
import wandb
from torch import nn
from torch.nn import functional

import pymetrics
from pymetrics.trackers.wandb import Best, define, payload

CLASSES = {1: "square", 2: "disk"}
SIZE, CELL = 80, 8  # pixels: the side of an image, and of a cell, in which the model finds one object of each class


def make_images(n, generator):
    """n noisy images [n, 3, SIZE, SIZE] with one to three objects each, and their targets as torchvision has them."""
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    images = 0.3 * torch.rand(n, 3, SIZE, SIZE, generator=generator)
    targets = []
    for image in images:
        n_objects = int(torch.randint(1, 4, (), generator=generator))
        radius = 6 + 14 * torch.rand(n_objects, 1, generator=generator)
        center = radius + (SIZE - 2 * radius) * torch.rand(n_objects, 2, generator=generator)
        labels = torch.randint(1, 3, (n_objects,), generator=generator)
        for (cx, cy), r, label in zip(center, radius, labels, strict=True):
            dx, dy = (x + 0.5 - cx).abs(), (y + 0.5 - cy).abs()
            inside = torch.maximum(dx, dy) < r if label == 1 else torch.hypot(dx, dy) < r
            image[:, inside] = 0.3 + 0.7 * torch.rand(3, 1, generator=generator)
        targets.append({"boxes": torch.cat([center - radius, center + radius], 1), "labels": labels})
    return images, targets


class Detector(nn.Module):
    """For each cell: is the center of an object in it, for each class, and how far are that object's four sides?"""

    def __init__(self):
        super().__init__()
        layers = []
        for n_in, n_out, stride in ((3, 16, 2), (16, 32, 2), (32, 32, 2), (32, 32, 1), (32, 32, 1)):
            layers += [nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(32, len(CLASSES) + 4, 1))
        nn.init.constant_(self.layers[-1].bias[: len(CLASSES)], -4)  # objects are rare
        y, x = torch.meshgrid(*[(torch.arange(SIZE // CELL) + 0.5) * CELL] * 2, indexing="ij")
        self.register_buffer("cell_centers", torch.stack([x, y, x, y]))
        self.register_buffer("outward", torch.tensor([-1.0, -1.0, 1.0, 1.0])[:, None, None])

    def forward(self, images):
        """Logits [N, classes, cells, cells] and boxes [N, 4, cells, cells], xyxy in pixels."""
        logits, sides = self.layers(images).split([len(CLASSES), 4], dim=1)
        return logits, self.cell_centers + CELL * self.outward * functional.softplus(sides)

    def loss(self, images, targets):
        """Focal loss over all cells, and the distance of the boxes in the cells that have an object."""
        logits, boxes = self(images)
        wanted = torch.zeros_like(logits)
        distance = 0.0
        for i, target in enumerate(targets):
            x, y = ((target["boxes"][:, :2] + target["boxes"][:, 2:]) / 2 / CELL).long().T
            wanted[i, target["labels"] - 1, y, x] = 1
            distance += functional.smooth_l1_loss(boxes[i, :, y, x].T / CELL, target["boxes"] / CELL, reduction="sum")
        surprise = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        return ((1 - torch.exp(-surprise)) ** 2 * surprise).sum() / wanted.sum() + distance / wanted.sum()

    @torch.inference_mode()
    def detect(self, images, limit=20):
        """The highest peaks of each image, as torchvision's detectors give them: boxes, scores, labels."""
        logits, boxes = self(images)
        scores = logits.sigmoid()
        scores = scores * (scores == functional.max_pool2d(scores, 3, 1, 1))
        best = scores.flatten(1).topk(limit)
        labels, cells = best.indices // scores[0, 0].numel(), best.indices % scores[0, 0].numel()
        return [
            {"boxes": box.flatten(1)[:, cell].T, "scores": score, "labels": label + 1}
            for box, cell, score, label in zip(boxes, cells, best.values, labels, strict=True)
        ]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--epochs", type=int, default=10)
    n_epochs = arguments.parse_args().epochs
    os.environ.setdefault("WANDB_MODE", "offline")
    generator = torch.manual_seed(0)
    train, val = (make_images(n, generator) for n in (512, 128))
    model = Detector()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)

    run = wandb.init(project="pymetrics-example", config={"lr": 3e-3, "epochs": n_epochs})
    metric = pymetrics.Accumulator()
    best = Best()
    for epoch in range(n_epochs):
        model.train()
        for rows in torch.randperm(len(train[0])).split(16):
            loss = model.loss(train[0][rows], [train[1][i] for i in rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"train/loss": loss.item()})  # without step=, here and below

        model.eval()
        metric.reset()
        for rows in torch.arange(len(val[0])).split(32):
            metric.update([val[1][i] for i in rows], model.detect(val[0][rows]))  # ground truth first
        result = metric.compute()
        values = payload(result, best=best, class_names=CLASSES, ious=(0.5, 0.75), media="best")
        define(run, values)
        run.log({"epoch": epoch, **values})
        print(f"epoch {epoch}: loss {loss.item():.3f}, AP {result['map']:.3f}, AP50 {result['map_50']:.3f}")
    run.finish()
    print(result)


if __name__ == "__main__":
    main()
