"""Generated boxes of images as arrays, for the rules of other tools."""

from __future__ import annotations

from typing import Any

import numpy as np

N_IMAGES, N_CATEGORIES = 12, 4
Image = tuple[Any, Any, Any, Any, Any]


def images(seed: int) -> list[Image]:
    """For each image: corners of ground truths (N, 4), their categories, corners of detections, categories, scores.

    float32 and int. Odd seeds: boxes on a grid and scores of one digit, so that equal ones are common.
    """
    rng, out = np.random.default_rng(seed), []
    for _ in range(N_IMAGES):
        n, m = int(rng.integers(0, 9)), int(rng.integers(0, 30))
        corner, size = rng.uniform(0, 200, (n, 2)), rng.uniform(10, 60, (n, 2))
        gt = np.concatenate([corner, corner + size], axis=1).astype(np.float32)
        if n:
            dt = gt[rng.integers(0, n, m)] + rng.normal(0, 4, (m, 4)).astype(np.float32)
        else:
            dt = np.sort(rng.uniform(0, 200, (m, 2, 2)), axis=1).reshape(m, 4).astype(np.float32)
        scores = rng.random(m).astype(np.float32)
        if seed % 2:
            gt, dt, scores = np.round(gt / 8) * 8, np.round(dt / 8) * 8, np.round(scores, 1)
        categories = rng.integers(0, N_CATEGORIES, n), rng.integers(0, N_CATEGORIES, m)
        out.append((gt, categories[0], dt.astype(np.float32), categories[1], scores.astype(np.float32)))
    return out


def sources(of: list[Image]) -> tuple[Any, Any]:
    """The same as pymetrics.GroundTruths and Detections."""
    import pymetrics

    def joined(side: int) -> Any:
        return np.concatenate([image[side] for image in of])

    def image(side: int) -> Any:
        return np.repeat(np.arange(len(of)), [len(one[side]) for one in of])

    gt = pymetrics.GroundTruths(
        image=image(0), boxes=joined(0), labels=joined(1), images=list(range(len(of))), box_format="xyxy",
        categories={k: f"kind {k}" for k in range(N_CATEGORIES)},
    )  # fmt: skip
    dt = pymetrics.Detections(image=image(2), boxes=joined(2), labels=joined(3), scores=joined(4), box_format="xyxy")
    return gt, dt
