"""Confusions: from one matching, at each score, the matrix that confusion() computes anew."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers.analysis_scenes import scene

from pymetrics import Accumulator
from pymetrics.analysis import Confusions


@pytest.mark.cases(10)
@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("iou", [0.5, 0.3, 0.62])
def test_matrices_are_those_of_confusion(seed: int, iou: float) -> None:
    result = scene(seed, n_images=9).evaluate()
    found = Confusions(result, iou)
    scores = np.unique(np.concatenate([result.outcomes.scores, [-math.inf, 0.25, 0.5, 2.0]]))
    across = 0
    for score in scores[:: max(1, len(scores) // 12)].tolist():
        want = result.confusion(iou, score).matrix
        assert np.array_equal(found.matrix(score), want)
        across += int(want[:-1, :-1].sum() - np.trace(want[:-1, :-1]))
    assert across > 0  # else the scene tests nothing across categories


def test_without_data() -> None:
    with pytest.raises(ValueError, match="confusion needs"):
        Confusions(Accumulator().compute())
