"""From a Result to the dict of tensors that torchmetrics' MeanAveragePrecision.compute() gives."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..evaluation import stages
from ..evaluation.curves import UNDEFINED
from ..evaluation.result import Result

LIMIT_OF_MAP = 100  # MAX_DETS_100: pycocotools' first number asks for this limit, whatever the limits are


def scalars(values: Iterable[float], max_dets: Sequence[int]) -> dict[str, Any]:
    """The twelve numbers of the summary, float32, by torchmetrics' names."""
    names = ["map", "map_50", "map_75", "map_small", "map_medium", "map_large"]
    names += [*(f"mar_{limit}" for limit in max_dets), "mar_small", "mar_medium", "mar_large"]
    return {name: torch.tensor(value, dtype=torch.float32) for name, value in zip(names, values, strict=True)}


def map_limit(result: Result, backend: str) -> int | None:
    """The position on axis M that `map` reads, None where it has none."""
    limits = result.protocol.max_dets
    if backend == "pycocotools":
        return limits.index(LIMIT_OF_MAP) if LIMIT_OF_MAP in limits else None
    return len(limits) - 1


def summary(result: Result, backend: str) -> list[float]:
    """The twelve numbers; `map` by the rule of the backend."""
    stats, m = [float(value) for value in result.stats], map_limit(result, backend)
    if m != len(result.protocol.max_dets) - 1:
        stats[0] = UNDEFINED if m is None else float(stages.means(result.precision, [(None, 0, m)])[0])
    return stats


def per_class(result: Result, backend: str) -> tuple[Any, Any]:
    """map and mar of each category, float32 (K,)."""
    m = map_limit(result, backend)
    recall = _class_means(result.recall[:, :, 0, -1])
    precision = np.full(len(recall), UNDEFINED) if m is None else _class_means(result.precision[..., 0, m])
    return torch.tensor(precision, dtype=torch.float32), torch.tensor(recall, dtype=torch.float32)


def _class_means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The means over all axes but the last, in numpy's order; a category's entries are all -1 or none is."""
    lines = np.ascontiguousarray(np.moveaxis(values, -1, 0)).reshape(values.shape[-1], math.prod(values.shape[:-1]))
    return np.asarray(lines.mean(axis=1))


def extended(result: Result) -> dict[str, Any]:
    """ious of every image and category, and the whole precision, recall and scores in float64."""
    return {
        "ious": _ious(result),
        "precision": torch.tensor(result.precision),
        "recall": torch.tensor(result.recall),
        "scores": torch.tensor(result.scores),
    }


def _ious(result: Result) -> dict[tuple[np.int64, np.int64], Any]:
    """By image and category: float32 (detections by falling score, ground truths), or [] where either is missing."""
    columns, cells = result.columns, result.cells
    assert columns is not None
    assert cells is not None
    values, offsets = columns.shape.overlaps(columns.dt, columns.gt, cells), cells.pair_offsets()
    image_ids, category_ids = columns.axes.image_ids, columns.axes.category_ids
    ious: dict[tuple[np.int64, np.int64], Any] = {
        (image, category): [] for image in image_ids for category in category_ids
    }
    images, categories = image_ids[cells.image], category_ids[cells.category()]
    n_dt = np.diff(cells.dt_offsets)
    for c in np.flatnonzero(np.diff(offsets)):
        block = values[offsets[c] : offsets[c + 1]].reshape(n_dt[c], -1)
        ious[images[c], categories[c]] = torch.tensor(block, dtype=torch.float32)
    return ious
