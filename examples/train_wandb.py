"""Train a small detector on generated images, and track every epoch with Weights & Biases.

python examples/train_wandb.py                      (offline: a quarter of a minute on one core, no account needed)
WANDB_MODE=online python examples/train_wandb.py    (the same, into your project)
"""

import argparse
import os

import torch
import wandb
from shapes import CLASSES, Detector, Shapes, loader

import pymetrics
from pymetrics.trackers.wandb import Best, define, payload

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=10)
n_epochs = parser.parse_args().epochs
os.environ.setdefault("WANDB_MODE", "offline")

torch.manual_seed(0)
train, val = Shapes(512, seed=0), Shapes(128, seed=1)
model = Detector()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)

run = wandb.init(project="pymetrics-example", config={"lr": 3e-3, "epochs": n_epochs})
metric = pymetrics.Accumulator()
best = Best()
for epoch in range(n_epochs):
    model.train()
    for images, targets in loader(train, 16, shuffle=True):
        loss = sum(model(images, targets).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.log({"train/loss": loss.item()})  # without step=, here and below

    model.eval()
    metric.reset()
    with torch.inference_mode():
        for images, targets in loader(val, 32):
            metric.update(targets, model(images))  # ground truth first
    result = metric.compute()
    values = payload(result, best=best, class_names=CLASSES, ious=(0.5, 0.75), media="best")
    define(run, values)
    run.log({"epoch": epoch, **values})
    print(f"epoch {epoch}: loss {loss.item():.3f}, AP {result['map']:.3f}, AP50 {result['map_50']:.3f}")
run.finish()
print(result)
