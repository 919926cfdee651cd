"""From a Result to the dict of tensors that torchmetrics' MeanAveragePrecision.compute() gives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torchmetrics.utilities.data import _squeeze_if_scalar

from ..evaluation.protocol import COCO_AREA_NAMES, Protocol
from ..evaluation.result import Result
from ..evaluation.summary import Limit, SummaryRow, rows_of

# MAX_DETS_100: pycocotools' first number asks for this limit, whatever the limits are.
FIRST_LIMIT = {"pycocotools": Limit(value=100), "faster_coco_eval": Limit()}


class FasterResult(Result):
    """A Result whose precision is faster-coco-eval's: tp / n, where pycocotools has tp / (n + eps).

    The two differ where n = 1 alone: for n > 1, n + eps rounds to n.
    """

    @cached_property
    def _arrays(self) -> tuple[Any, Any]:
        precision, recall = super()._arrays
        precision[precision == 1 / (1 + np.spacing(1.0))] = 1.0
        return precision, recall


class ResultOfSome(Result):
    """Some thresholds of a Result that has more: its precision and recall, and what is read from them alone."""

    def __init__(self, whole: Result, protocol: Protocol) -> None:
        super().__init__(whole._outcomes)
        self._whole = whole
        self._protocol = protocol

    @property
    def protocol(self) -> Protocol:
        return self._protocol

    @cached_property
    def _arrays(self) -> tuple[Any, Any]:
        every = self._whole.protocol.iou_thresholds
        places = [every.index(threshold) for threshold in self.protocol.iou_thresholds]
        precision, recall = self._whole._arrays
        return precision[places], recall[places]


def rows(max_dets: Sequence[int], backend: str, area_names: Sequence[str] = COCO_AREA_NAMES) -> tuple[SummaryRow, ...]:
    """The rows of the summary, by the rule of the backend."""
    return rows_of(area_names, max_dets, FIRST_LIMIT[backend])


def squeezed(found: dict[str, Any], class_metrics: bool) -> dict[str, Any]:
    """As torchmetrics' compute() gives it: tensors of one element have no axis; but those of with_axes."""
    for key, value in found.items():
        if not isinstance(value, torch.Tensor):
            found[key] = _squeeze_if_scalar(value)
        elif value.ndim and value.numel() == 1:
            found[key] = value.squeeze()
    return with_axes(found, class_metrics)


def with_axes(found: dict[str, Any], class_metrics: bool) -> dict[str, Any]:
    """The same dict, in which what callers iterate over has its axis back."""
    for key in [key for key in found if key.endswith("_per_class")] if class_metrics else []:
        found[key] = torch.atleast_1d(found[key])
    if "classes" in found:
        found["classes"] = torch.atleast_1d(found["classes"])
    return found


def scalars(keys: Iterable[str], values: Any) -> dict[str, Any]:
    """Numbers by their keys, float32 without an axis. values: a list or an array of them."""
    return dict(zip(keys, torch.tensor(values, dtype=torch.float32).unbind(), strict=True))


def per_class(result: Result) -> tuple[Any, Any]:
    """map and mar (at the last limit) of each category, float32 (K,)."""
    precision, recall = (result.class_means(row) for row in (result.rows[0], SummaryRow("mar", "AR", "recall")))
    return torch.tensor(precision, dtype=torch.float32), torch.tensor(recall, dtype=torch.float32)


def extended(result: Result, prefix: str = "") -> dict[str, Any]:
    """ious of every image and category, and the whole precision, recall and scores in float64."""
    return {
        f"{prefix}ious": _ious(result),
        f"{prefix}precision": torch.tensor(result.precision),
        f"{prefix}recall": torch.tensor(result.recall),
        f"{prefix}scores": torch.tensor(result.scores),
    }


def plotted(found: Any) -> Any:
    """The values that can be plotted: not the arrays of extended."""
    if not isinstance(found, dict):
        return found
    arrays = ("ious", "precision", "recall", "scores")
    return {key: value for key, value in found.items() if key.split("_")[-1] not in arrays}


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
