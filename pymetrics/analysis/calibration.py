"""Whether scores are probabilities: how often detections of a score are right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._records import record
from ..evaluation.matches import is_set
from ..evaluation.result import Result
from ..evaluation.summary import UNDEFINED
from .counted import counted_at, require_data, require_integer

if TYPE_CHECKING:
    from .._arrays import F64, I64

PLACES = ("cx", "cy", "w", "h")


@record
class Calibration:
    """Detections in cells of equal size: how high their scores are, and how many of them are right.

    iou: the threshold. axes: what the cells divide; bins: of each axis. edges: float64 (bins + 1,), those of each axis.
    counts: int64 (bins, ...), an axis for each of `axes`. score, right: float64, of the same shape: the mean score, and
    the share of true positives; -1 in empty cells. With the score alone they are a reliability diagram.
    """

    iou: float
    axes: tuple[str, ...]
    edges: F64
    counts: I64
    score: F64
    right: F64

    @property
    def bins(self) -> int:
        """The bins of each axis."""
        return len(self.edges) - 1

    @property
    def ece(self) -> float:
        """The expected calibration error: the mean of |share right - mean score|, by detections; -1 without any."""
        n = self.counts.sum()
        return float(np.sum(self._gap * (self.counts / n))) if n else UNDEFINED

    @property
    def mce(self) -> float:
        """The largest |share right - mean score|; -1 without detections."""
        return float(self._gap.max()) if self.counts.any() else UNDEFINED

    @property
    def _gap(self) -> F64:
        return np.abs(self.right - self.score)  # 0 in empty cells, where both are -1

    def __repr__(self) -> str:
        return (
            f"<Calibration iou={self.iou:g}: ece={self.ece:.4f} mce={self.mce:.4f} of {self.counts.sum()} detections>"
        )


def calibration(
    result: Result, iou: float = 0.5, bins: int | None = None, axes: Sequence[str] = ("score",)
) -> Calibration:
    """How far scores are from the share of detections that are right (expected calibration error, D-ECE).

    The detections that count, within the last limit, in cells [low, high) of equal size, the last one closed:
    ECE = sum over cells of n / N |share of true positives - mean score|. With `axes` beside the score it is the
    detection ECE (D-ECE), in which places and sizes of boxes, relative to the image, divide the cells too.

    Sources: M. Naeini, G. Cooper, M. Hauskrecht, AAAI 2015; F. Küppers, J. Kronenberger, A. Shantia, A. Haselhoff,
    CVPRW 2020. Equal to netcal 1.4.0's ECE(bins, detection=True).

    Args:
        result: of an evaluation. For the score alone outcomes are enough, so also of a merged Accumulator.
        iou: the IoU threshold from which on a detection is right.
        bins: of each axis; None: 10 for the score alone, else 5.
        axes: "score" first, then any of "cx", "cy" (the box's centre), "w", "h". They need boxes and the images' sizes.

    Raises:
        TypeError: bins is no integer.
        ValueError: an argument is none of these; a score is outside [0, 1]; or boxes, sizes or data are not at hand.
    """
    axes = (axes,) if isinstance(axes, str) else tuple(axes)
    if axes[:1] != ("score",) or len(set(axes)) != len(axes) or not set(axes[1:]) <= set(PLACES):
        raise ValueError(f'axes must be "score" and then some of {PLACES}, got {axes!r}')
    bins = (10 if len(axes) == 1 else 5) if bins is None else require_integer("bins", bins, 1, 1000)
    if bins ** len(axes) > 10_000_000:
        raise ValueError(f"bins must make at most 10000000 cells, got {bins} on {len(axes)} axes")
    counted = counted_at(result, iou)
    outcomes = counted.outcomes
    chosen = ~is_set(outcomes.ignored, counted.bit)
    scores, right = outcomes.scores[chosen], is_set(outcomes.matched, counted.bit)[chosen]
    outside = scores[~((scores >= 0) & (scores <= 1))]
    if len(outside):
        raise ValueError(f"calibration needs scores in [0, 1], got {outside[0]}")
    edges = np.linspace(0, 1, bins + 1)
    values = {"score": scores} | (_places(result, chosen) if len(axes) > 1 else {})
    cell = np.zeros(len(scores), np.int64)
    for axis in axes:
        cell = cell * bins + np.clip(np.digitize(values[axis], edges) - 1, 0, bins - 1)
    shape = (bins,) * len(axes)

    def sums(of: Any) -> Any:
        return np.bincount(cell, weights=of, minlength=bins ** len(axes)).reshape(shape)

    counts = sums(None)

    def means(of: Any) -> F64:
        found: F64 = np.divide(sums(of), counts, out=np.full(shape, UNDEFINED), where=counts > 0)
        return found

    return Calibration(counted.iou, axes, edges, counts, means(scores), means(right))


def _places(result: Result, chosen: Any) -> dict[str, F64]:
    """Centres and sizes of the boxes of the detections chosen, relative to their images, clipped to [0, 1]."""
    columns, cells = require_data(result, "calibration by places and sizes")
    if columns.shape.iou_type != "bbox":
        raise ValueError(f'axes beside "score" need boxes, got the IoU type {columns.shape.iou_type!r}')
    sizes = columns.axes.image_sizes
    if sizes is None:
        raise ValueError('axes beside "score" need the sizes of the images: give width and height, or image_sizes=')
    rows = cells.dt_rows[chosen]
    x, y, w, h = np.asarray(columns.dt.shape)[rows].T
    height, width = sizes[columns.dt.image[rows]].T
    unknown = np.flatnonzero(np.isnan(width) | np.isnan(height))
    if len(unknown):
        image = columns.axes.image_ids.tolist()[columns.dt.image[rows[unknown[0]]]]
        raise ValueError(f'image {image!r} has no width and height, which axes beside "score" need')
    found = {"cx": (x + w / 2) / width, "cy": (y + h / 2) / height, "w": w / width, "h": h / height}
    return {name: np.clip(values, 0, 1) for name, values in found.items()}
