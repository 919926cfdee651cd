"""What each process does in test_lightning.py."""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pytorch_lightning as lightning
import torch
from helpers.map_scenes import batch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader

from pymetrics.detection import MeanAveragePrecision

N_IMAGES, BATCH = 7, 2
EPOCHS = 2


class Images(torch.utils.data.Dataset[Any]):
    """Preds and target of one image each; target with its image_id."""

    def __len__(self) -> int:
        return N_IMAGES

    def __getitem__(self, i: int) -> Any:
        preds, target = batch(i, n_images=1, empty=0)
        return preds[0], target[0] | {"image_id": torch.tensor([i])}


class Model(lightning.LightningModule):
    """Its detections are in the data; scores fall apart in the second epoch."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.metric = MeanAveragePrecision(class_metrics=True, **arguments)
        self.map = MeanAveragePrecision(**arguments).select("map")
        self.seen: list[int] = []
        self.epochs: list[dict[str, float]] = []

    def training_step(self, _: Any, __: int) -> Any:
        return self.layer(torch.ones(1, 1)).sum()

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def validation_step(self, images: Any, _: int) -> None:
        preds, target = (list(side) for side in zip(*images, strict=True))
        if self.current_epoch:
            preds = [item | {"scores": item["scores"].flip(0)} for item in preds]
        self.seen += [int(item["image_id"]) for item in target]
        self.metric.update(preds, target)
        self.map.update(preds, target)
        self.log("map", self.map, on_epoch=True)

    def on_validation_epoch_end(self) -> None:
        values = self.metric.scalars("val/", class_names=True)
        self.metric.reset()
        self.log_dict(values)
        self.epochs.append(values)


def fitted(rank: int, n_ranks: int) -> list[Any]:
    """By `duplicates`: what every epoch gave, what Lightning logged last, and which images this process saw."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29555", "WORLD_SIZE": str(n_ranks), "NODE_RANK": "0"}
    os.environ |= {"LOCAL_RANK": str(rank)}
    found = []
    for duplicates in (None, "first"):
        model = Model(duplicates=duplicates)
        with tempfile.TemporaryDirectory() as folder:
            keep = ModelCheckpoint(folder, monitor="map", mode="max")
            trainer = lightning.Trainer(
                accelerator="cpu", devices=n_ranks, strategy="ddp", max_epochs=EPOCHS, limit_train_batches=1,
                num_sanity_val_steps=0, logger=False, enable_progress_bar=False, enable_model_summary=False,
                callbacks=[keep], default_root_dir=folder,
            )  # fmt: skip
            data = {"batch_size": BATCH, "collate_fn": list}
            trainer.fit(model, DataLoader(Images(), **data), DataLoader(Images(), **data))
            logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
            best = float(keep.best_model_score), Path(keep.best_model_path).name
        found.append((model.epochs, logged, best, model.seen))
    return found
