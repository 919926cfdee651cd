"""Train a small detector with Lightning: numbers of each epoch, and the checkpoint of the best one.

python examples/train_lightning.py --epochs 10 --out lightning    (a quarter of a minute on one core)
"""

import argparse

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from shapes import CLASSES, Detector, Shapes, loader

from pymetrics.detection import MeanAveragePrecision


class LitDetector(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.model = Detector()
        self.metric = MeanAveragePrecision(class_metrics=True)

    def training_step(self, batch, _):
        images, targets = batch
        loss = sum(self.model(images, targets).values())
        self.log("train/loss", loss, batch_size=len(images))
        return loss

    def validation_step(self, batch, _):
        images, targets = batch
        self.metric.update(self.model(images), targets)  # detections first, as in torchmetrics

    def on_validation_epoch_end(self):
        # "keep": -1 for what has no ground truth, since a checkpoint needs its key in every epoch.
        self.log_dict(self.metric.scalars("val/", class_names=CLASSES, undefined="keep"))
        found = self.metric.result().best_threshold("f1")
        self.log_dict({"val/f1": found.f, "val/precision": found.precision, "val/recall": found.recall})
        self.metric.reset()

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=3e-3)


parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--out", default="lightning")
arguments = parser.parse_args()

lightning.seed_everything(0, verbose=False)
best = ModelCheckpoint(monitor="val/map", mode="max", filename="best")
trainer = lightning.Trainer(
    max_epochs=arguments.epochs, accelerator="cpu", devices=1, callbacks=[best], log_every_n_steps=16,
    logger=CSVLogger(arguments.out, name=None, version=""), enable_progress_bar=False, enable_model_summary=False,
)  # fmt: skip
trainer.fit(LitDetector(), loader(Shapes(512, seed=0), 16, shuffle=True), loader(Shapes(128, seed=1), 32))
print(f"best AP {best.best_model_score:.3f}, in {best.best_model_path}")
