"""Things in parts of unequal lengths."""

from __future__ import annotations

from typing import Any

import numpy as np

Rng = np.random.Generator


def offsets_of(counts: Any) -> Any:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def split(rng: Rng, total: int, parts: int) -> Any:
    """`total` things in so many parts, some of them empty."""
    return np.bincount(rng.integers(0, parts, total), minlength=parts) if parts else np.zeros(0, int)


def problems(rng: Rng, size: int) -> tuple[Any, Any, Any]:
    """Offsets of detections, ground truths and overlaps of a few problems."""
    n_problems = int(rng.integers(0, 5)) if size else int(rng.integers(0, 2))
    n_dt, n_gt = (split(rng, n, n_problems) for n in (size, int(size * rng.choice([0, 0.5, 1]))))
    return offsets_of(n_dt), offsets_of(n_gt), offsets_of(n_dt * n_gt)
