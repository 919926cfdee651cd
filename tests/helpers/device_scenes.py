"""Small scenes as numpy columns, as tensors of a device and as lists per image; and when two results are equal."""

from __future__ import annotations

import numpy as np
import torch


def scene(seed, n_dt=120, n_gt=40, n_images=6, n_classes=3, dtype=torch.float32):
    """numpy columns with ties, crowds and areas."""
    rng = np.random.default_rng(seed)
    xy, wh = rng.integers(0, 60, (n_gt, 2)), rng.integers(1, 40, (n_gt, 2))
    gt = {
        "image": np.sort(rng.choice(np.arange(n_images) * 3, n_gt)),
        "boxes": np.hstack((xy, xy + wh)).astype(np.float32),
        "labels": rng.integers(1, n_classes + 1, n_gt),
        "crowd": rng.random(n_gt) < 0.1,
        "area": (wh.prod(1) * rng.choice([0.5, 40.0], n_gt)).astype(np.float32),
    }
    source = rng.integers(0, n_gt, n_dt) if n_gt else np.zeros(n_dt, int)
    if n_gt:
        boxes = gt["boxes"][source] + rng.integers(-3, 4, (n_dt, 4)).clip(-1, 3)
        boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2])
    else:
        boxes = rng.integers(0, 9, (n_dt, 4)).cumsum(1)
    dt = {
        "image": gt["image"][source] if n_gt else rng.choice(np.arange(n_images) * 3, n_dt),
        "boxes": boxes.astype(np.float32),
        "scores": rng.integers(0, 12, n_dt).astype(np.float32) / 12,
        "labels": rng.integers(1, n_classes + 1, n_dt),
    }
    return gt, dt


def tensors(columns, device):
    return {name: torch.tensor(values, device=device) for name, values in columns.items()}


def assert_equal(ours, theirs):
    assert ours.stats.tobytes() == theirs.stats.tobytes()
    for name in ("precision", "recall", "scores"):
        assert getattr(ours, name).tobytes() == getattr(theirs, name).tobytes(), name
    assert ours.outcomes.to_bytes() == theirs.outcomes.to_bytes()
    assert ours.per_class == theirs.per_class
    assert ours.per_image == theirs.per_image


def per_image(gt, dt, device="cpu"):
    """The same as lists of one dict per image."""
    images = np.unique(np.concatenate((gt["image"], dt["image"])))
    sides = []
    for side in (gt, dt):
        side = {"iscrowd" if name == "crowd" else name: values for name, values in side.items()}
        rows = [side["image"] == i for i in images]
        sides.append([tensors({n: v[r] for n, v in side.items() if n != "image"}, device) for r in rows])
    for i, item in zip(images.tolist(), sides[0], strict=True):
        item["image_id"] = i
    return sides
