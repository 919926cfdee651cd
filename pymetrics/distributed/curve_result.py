"""A Result of curves alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..evaluation.curves import Curves, curves
from ..evaluation.outcomes import Outcomes
from ..evaluation.protocol import Protocol
from ..evaluation.result import Result
from ..evaluation.shapes import Shape
from ..evaluation.totals import Totals
from .intervals import Draws, replicates_of

if TYPE_CHECKING:
    from .._arrays import F64
    from ..analysis.bootstrap import Bootstrap


class CurveResult(Result):
    """A Result whose outcomes were left where the curves were made.

    precision, scores: float64 (T, R, K, A, M); scores of shape (0, R, K, A, M): they were not kept. recall: float64
    (T, K, A, M). draws: for bootstrap(), or None.
    """

    def __init__(
        self, protocol: Protocol, shape: Shape, totals: Totals, precision: F64, recall: F64, scores: F64,
        draws: Draws | None = None,
    ) -> None:  # fmt: skip
        super().__init__(_head(protocol, shape, totals))
        self._draws = draws
        self._shape, self._totals, self._made, self._scores = shape, totals, (precision, recall), scores

    @property
    def outcomes(self) -> Outcomes:
        """They are not at hand. Raises ValueError."""
        raise ValueError(
            "this Result holds the curves of a plan, not the outcomes of single detections: evaluate in one process, "
            "or merge Accumulators, for what reads them"
        )

    @property
    def matches(self) -> Any:
        """They are not at hand. Raises ValueError."""
        raise ValueError("this Result holds the curves of a plan, without matches: keep_matches='folder/' writes them")

    @cached_property
    def totals(self) -> Totals:
        """The axes, and the counts of images and by category."""
        return self._totals

    @cached_property
    def _arrays(self) -> tuple[Any, Any]:
        return self._made

    @cached_property
    def scores(self) -> Any:
        """float64 [T, R, K, A, M]: score at which each precision is reached. Raises ValueError: they were not kept."""
        if self.protocol.n_bits and not len(self._scores):
            raise ValueError("the scores were not kept: say reduce_category(keep_scores=True)")
        return self._scores

    def curves(self, iou: float | None = None, area: str | None = None, max_dets: int | None = None) -> Curves:
        """As Result.curves, without `.confidence`."""
        return replace(curves(self.precision, self.scores, self._outcomes, iou, area, max_dets), outcomes=None)

    def bootstrap(self) -> Bootstrap:
        """95 % intervals of all numbers, as analysis.bootstrap gives them, of the draws that were made.

        Those of each category have its bits. A number over all categories is in each draw the mean of the numbers of
        the categories, which may differ from it in the last digits.

        Raises:
            ValueError: no draws were made.
        """
        if self._draws is None:
            raise ValueError("no draws were made: say reduce_category(draws=1000), or evaluate(..., draws=1000)")
        from ..analysis.bootstrap import intervals_of

        return intervals_of(self, replicates_of(self._draws, self.protocol))

    def __reduce__(self) -> Any:
        return CurveResult, (self.protocol, self._shape, self._totals, *self._made, self._scores, self._draws)


def _head(protocol: Protocol, shape: Shape, totals: Totals) -> Outcomes:
    n_areas, n_words = len(protocol.area_ranges), protocol.n_words
    return Outcomes(
        protocol=protocol, shape=shape, image_ids=np.empty(0, np.int64), category_ids=totals.category_ids,
        category_cells=np.zeros(len(totals.category_ids) + 1, np.int64), cell_image=np.empty(0, np.int32),
        offsets=np.zeros(1, np.int64), n_gt=np.empty((0, n_areas), np.int32), scores=np.empty(0),
        matched=np.empty((0, n_words), np.uint64), ignored=np.empty((0, n_words), np.uint64),
        category_names=totals.category_names, category_groups=totals.category_groups,
    )  # fmt: skip
