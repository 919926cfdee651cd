from types import SimpleNamespace

import torch

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
