from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image

from pymetrics import analysis
from pymetrics.detection import MeanAveragePrecision

n_epochs, names = 2, {1: "person"}
target = {"boxes": torch.tensor([[0.0, 0.0, 9.0, 9.0]]), "labels": torch.tensor([1]), "image_id": 1}
train_loader = val_loader = [([torch.zeros(3, 16, 16)], [target])]
val_images = {1: torch.zeros(16, 16, 3).byte().numpy()}


class Model(torch.nn.Module):
    """Losses in training mode, else the object as it is."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, images, targets=None):
        return {"loss": self.weight.sum()} if self.training else [{**target, "scores": torch.ones(1)}]


model = Model()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
lightning = SimpleNamespace(LightningModule=torch.nn.Module)  # examples/train_lightning.py runs with Lightning

# Five images of one person each, who is found by one of two models.
for i in range(5):
    mask = np.zeros((64, 48), np.uint8)
    mask[8:56, 10 + i : 30] = 1
    for folder, end, pixels in (("PNGImages", "", 100 * mask), ("PedMasks", "_mask", mask)):
        Path("PennFudanPed", folder).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(f"PennFudanPed/{folder}/P{i}{end}.png")
photographs = [torch.zeros(3, 64, 48)] * 5
found = {"boxes": torch.tensor([[10.0, 8.0, 30.0, 56.0]]), "labels": torch.tensor([1]), "scores": torch.ones(1)}
models = {
    "one": lambda images: [found for _ in images],
    "none": lambda images: [{key: value[:0] for key, value in found.items()} for _ in images],
}
time_model = partial(analysis.time_model, seconds=0.0)
