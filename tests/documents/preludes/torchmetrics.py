from types import SimpleNamespace

import torch
from torchmetrics.wrappers import MetricTracker

from pymetrics.detection import MeanAveragePrecision

target = [{"boxes": torch.tensor([[0.0, 0.0, 9.0, 9.0], [5.0, 5.0, 20.0, 30.0]]), "labels": torch.tensor([1, 2])}]
preds = [{**target[0], "scores": torch.tensor([0.9, 0.8])}]
batches = [(preds, target)]
logged = {}


def log_dict(values):
    """As Lightning's: single numbers alone."""
    for name, value in values.items():
        logged[name] = float(value)


self = SimpleNamespace(log_dict=log_dict, metric=MeanAveragePrecision())  # of a LightningModule
self.metric.update(preds, target)
