import torch

torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
n_epochs, names = 2, {1: "person"}
val_loader = [(None, [{"boxes": torch.tensor([[0.0, 0.0, 9.0, 9.0]]), "labels": torch.tensor([1])}])]


def model(images):
    return [{**target, "scores": torch.ones(1)} for target in val_loader[0][1]]


def train_one_epoch(model, run):
    for _ in range(3):
        run.log({"train/loss": 1.0})
