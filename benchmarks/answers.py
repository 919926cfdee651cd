"""The numbers that every contender is held against, computed once per scene and library version and kept on disk."""

from __future__ import annotations

import functools

import numpy as np
from contenders import CASES, CONTENDERS
from generate import CACHE, SIZES, Floats, scene
from worker import Failed, Worker

# whose answers -> (case, contender), the first that is measured at that size: the original, or where it would take
# gigabytes and many minutes the library next in trust
ORACLES = {
    "coco": [("columns", "pycocotools"), ("columns", "ultrafast-pycocotools")],
    "torchmetrics": [("updates", "torchmetrics"), ("updates", "torchmetrics-faster")],
}


def oracle(answers: str, size: str) -> tuple[str, str]:
    """The case and the contender whose numbers are right at this size."""
    return next((case, name) for case, name in ORACLES[answers] if size in CASES[case].sizes_of(name))


@functools.cache
def expected(answers: str, size: str) -> Floats:
    """The twelve numbers of the scene of this size; takes most of a minute at 500k when it is not yet on disk."""
    case, name = oracle(answers, size)
    path = CACHE / f"{name}-{CONTENDERS[name].version()}-{size}-{scene(SIZES[size]).digest()}.npy"
    if not path.exists():
        try:
            with Worker(case, size, name) as worker:
                stats = worker.run()
        except Failed as error:
            raise Failed(f"nothing to compare with, {name} failed: {error}") from error
        CACHE.mkdir(exist_ok=True)
        np.save(path, stats)
    return np.asarray(np.load(path))


def difference(stats: Floats, answers: str, size: str) -> float:
    """The largest difference from ``expected``; 0.0 means equal to the last bit."""
    return float(np.abs(stats - expected(answers, size)).max())
