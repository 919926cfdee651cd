"""Train a small detector on generated images, and track every epoch with Weights & Biases.

python examples/train_wandb.py                      (offline: half a minute on one core, no account needed)
WANDB_MODE=online python examples/train_wandb.py    (the same, into your project)

docs/training.md goes through it line by line.
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
metric, best = pymetrics.Accumulator(keep_data=True), Best()
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
            metric.update(targets, model(images))  # ground truth first; targets with their image_id
    result = metric.compute()
    values = payload(result, val.pixels, best=best, class_names=CLASSES, media="best")
    define(run, values)
    run.log({"epoch": epoch, **values})
    if best.is_new:
        torch.save(model.state_dict(), "best.pt")
    print(f"epoch {epoch}: loss {loss.item():.3f}, AP {values['val/map']:.3f}", end=", ")
    print(f"precision {values['val/precision']:.3f}, recall {values['val/recall']:.3f}, F1 {values['val/f1']:.3f}")
run.finish()
print(result)
