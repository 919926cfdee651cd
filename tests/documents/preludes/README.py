import shutil

import numpy as np
import torch

import pymetrics

shutil.copy("sample/gt.json", "gt.json")
for name in ("dt", "old", "new"):
    shutil.copy("sample/dt_sharp.json", f"{name}.json")
gt_batch, dt_batch = np.array([[1, 10, 10, 50, 50, 3]]), np.array([[1, 10, 10, 50, 40, 0.9, 3]])
other = pymetrics.Accumulator()
other.update(gt_batch + np.eye(1, 6, dtype=int), dt_batch + np.eye(1, 7))  # another image
other_result = pymetrics.evaluate("gt.json", "sample/dt_hasty.json")
target = [{"boxes": torch.tensor([[0.0, 0.0, 9.0, 9.0]]), "labels": torch.tensor([1])}]
preds = [{**target[0], "scores": torch.ones(1)}]
shards = [pymetrics.Accumulator() for _ in range(2)]
for k, shard in enumerate(shards):
    shard.update(gt_batch + np.eye(1, 6, dtype=int) * (5 + k), dt_batch + np.eye(1, 7) * (5 + k))

torch.distributed.init_process_group("gloo", rank=0, world_size=1, store=torch.distributed.HashStore())
loader = [(None, [{**target[0], "image_id": 7}])]


def model(images):
    return preds
