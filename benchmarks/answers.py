"""The numbers that every contender is held against: pycocotools', computed once per scene and kept on disk."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

import numpy as np
from contenders import CONTENDERS, Floats
from generate import SIZES, scene
from worker import Worker

CACHE = Path(__file__).resolve().parent / ".cache"


def oracle(size: str) -> str:
    """pycocotools, or where it would take gigabytes the contender next in trust."""
    return "pycocotools" if SIZES[size] <= CONTENDERS["pycocotools"].largest else "ultrafast-pycocotools"


@functools.cache
def expected(size: str) -> Floats:
    """The twelve numbers of the scene of this size; takes most of a minute at 500k when it is not yet on disk."""
    name = oracle(size)
    data = scene(SIZES[size])
    digest = hashlib.sha256(name.encode())
    for column in (data.gt_image, data.gt_category, data.gt_boxes, data.gt_area, data.gt_crowd, data.dt_image,
                   data.dt_category, data.dt_boxes, data.dt_scores):  # fmt: skip
        digest.update(column.tobytes())
    path = CACHE / f"{size}-{digest.hexdigest()[:16]}.npy"
    if not path.exists():
        del data
        with Worker(name, size, "all") as worker:
            stats = worker.run()
        CACHE.mkdir(exist_ok=True)
        np.save(path, stats)
    return np.asarray(np.load(path))


def difference(stats: Floats, size: str) -> float:
    """The largest difference from ``expected``; 0.0 means equal to the last bit."""
    return float(np.abs(stats - expected(size)).max())
