"""How many images would tell a difference of a given size from chance."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from .._records import value_record
from ..evaluation.result import Result
from ..evaluation.summary import UNDEFINED
from .bootstrap import replicates
from .compare import LEVEL, Pair
from .counted import require_number

ROUNDING = 1e-12  # numbers of draws that differ by less are the same


@value_record
class ImagesNeeded:
    """How many images are needed. images: how many. metric, difference, power: as asked for.

    n_images: those that were evaluated. deviation: the standard deviation of the difference with so many images.
    paired: whether it is that of two results compared; else two independent models are assumed.
    """

    images: int
    metric: str
    difference: float
    power: float
    n_images: int
    deviation: float
    paired: bool

    def __str__(self) -> str:
        how = "of the two results compared" if self.paired else "of two independent models"
        return (
            f"{self.images} images would tell a difference of {self.difference:g} in {self.metric} from chance with "
            f"probability {self.power:g}: with {self.n_images} images the standard deviation of the difference {how} "
            f"is {self.deviation:.4f}"
        )


def images_needed(
    result: Result | Pair,
    difference: float = 0.005,
    power: float = 0.8,
    metric: str = "map",
    n: int = 1000,
    seed: int = 0,
) -> ImagesNeeded:
    """How many images of this kind tell a difference from chance: n ((z(.975) + z(power)) s / difference)².

    n is the number of images evaluated, z the quantile of the normal distribution (1.96 and .842 for a power of .8), s
    the standard deviation of the difference: that of a pair of results (an entry of `compare(...).pairs`), or √2
    times that of one result, as of two models that err independently; models on the same images mostly need fewer.

    Args:
        result: a Result, or a Pair.
        difference: of the metric, in its unit, in (0, 1].
        power: the probability to see it, in (0, 1).
        metric: a key of the summary; for a Pair its own counts.
        n, seed: of the draws, as `analysis.bootstrap`.

    Raises:
        TypeError: result is neither a Result nor a Pair; n or seed is no integer.
        ValueError: another argument is out of range; the metric is undefined in these images, or the same in all draws.
    """
    difference, power = require_number("difference", difference, 0, 1), require_number("power", power, 0, 1)
    if difference == 0 or power in (0, 1):
        raise ValueError(f"difference must be above 0 and power in (0, 1), got {difference!r} and {power!r}")
    if isinstance(result, Pair):
        metric, n_images, deviation, paired = result.metric, result.n_images, result.deviation, True
        defined = not math.isnan(result.differences[metric].value)
    elif isinstance(result, Result):
        metric = {row.coco_key: row.key for row in result.rows}.get(metric, metric)
        if metric not in result:
            raise ValueError(f"metric must be one of {tuple(result)}, got {metric!r}")
        drawn = replicates(result, n, seed, metric)
        values = drawn.values[:, [row.key for row in drawn.rows].index(metric)]
        values = values[values > UNDEFINED]
        defined, paired, n_images = result[metric] > UNDEFINED and len(values) > 1, False, result.outcomes.n_images
        deviation = math.sqrt(2) * float(np.std(values, ddof=1)) if defined else 0.0
    else:
        raise TypeError(f"result must be a Result or a Pair, got {type(result).__name__}")
    if not defined:
        raise ValueError(f"metric {metric!r} is undefined in these images")
    if deviation < ROUNDING:
        raise ValueError(
            f"metric {metric!r} is the same in all draws of these {n_images} images: they say nothing about chance"
        )
    z = NormalDist().inv_cdf(1 - LEVEL / 2) + NormalDist().inv_cdf(power)
    images = math.ceil(n_images * (z * deviation / difference) ** 2)
    return ImagesNeeded(images, metric, difference, power, n_images, deviation, paired)
