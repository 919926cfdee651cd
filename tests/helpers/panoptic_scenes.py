"""Generated panoptic images: the category and the instance of each pixel."""

from __future__ import annotations

from typing import Any

import numpy as np


def panoptic_scene(
    seed: int, n_images: int = 2, height: int = 20, width: int = 30, dtype: str = "int64", n_categories: int = 6
) -> tuple[Any, Any]:
    """preds and target, (n_images, height, width, 2): patches; preds with some of its own, some strewn over pixels."""
    import torch

    rng = np.random.default_rng(seed)

    def patch(image: Any) -> None:
        y, x = rng.integers(0, height), rng.integers(0, width)
        image[y : y + rng.integers(1, height), x : x + rng.integers(1, width)] = (
            rng.integers(0, n_categories), rng.integers(0, 4)
        )  # fmt: skip

    def patches() -> Any:
        image = np.zeros((height, width, 2), int)
        image[..., 0] = rng.integers(0, n_categories)
        for _ in range(rng.integers(1, 15)):
            patch(image)
        return image

    target = np.stack([patches() for _ in range(n_images)])
    preds = target.copy()
    for image in preds:
        for _ in range(rng.integers(0, 4)):
            patch(image)
        if rng.random() < 0.5:
            strewn = rng.random((height, width)) < 0.1
            image[strewn] = patches()[strewn]
    return tuple(torch.tensor(images).to(getattr(torch, dtype)) for images in (preds, target))
