"""Intervals through the plan: a category's numbers in each draw of the images are made from its rows alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import kernels
from .._records import record
from ..analysis.bootstrap import MAX_DRAWS, Replicates, by_class_first, weights
from ..analysis.counted import require_integer
from ..evaluation.outcomes import Outcomes
from ..evaluation.protocol import Protocol
from ..evaluation.summary import UNDEFINED

if TYPE_CHECKING:
    from .._arrays import F64

BLOCK, LANES = 1 << 26, 16  # bytes of weights at once; draws that the kernel takes side by side


@record
class Draws:
    """The numbers of each category in each draw of the images.

    n, seed: as analysis.bootstrap. values: float64 (K, n, Q), of the summary's rows that the protocol has
    (Protocol.queries); -1: undefined.
    """

    n: int
    seed: int
    values: F64


def check_draws(draws: int, seed: int) -> None:
    """Raises TypeError, ValueError: draws is neither 0 nor a number of draws, or seed is out of range."""
    if isinstance(draws, bool) or draws != 0:
        require_integer("draws", draws, 2, MAX_DRAWS)
    require_integer("seed", seed, 0, 2**64 - 1)


def refuse_cuts(cuts: Sequence[Any], draws: int, max_rows: int) -> None:
    """Raises ValueError where draws are wanted and a category was cut into ranges. cuts: of ranges.find_cuts."""
    if draws and cuts:
        raise ValueError(
            f"draws={draws} needs all detections of a category at once, and category {cuts[0].category!r}, with "
            f"{cuts[0].n_rows} detections, is above max_rows={max_rows} and was cut: raise max_rows=, or draws=0"
        )


def draws_of(outcomes: Outcomes, n: int, seed: int) -> F64:
    """The values of Draws of outcomes that hold all rows of their categories."""
    protocol, cells = outcomes.protocol, outcomes.category_cells.tolist()
    _, queries, groups = protocol.queries
    table, members = protocol.tables, np.ones((len(groups), 1), np.uint8)
    found = np.empty((len(cells) - 1, n, len(queries)))
    for k in range(len(found)):
        of = slice(cells[k], cells[k + 1])
        offsets = outcomes.offsets[cells[k] : cells[k + 1] + 1]
        rows, n_cells = slice(int(offsets[0]), int(offsets[-1])), cells[k + 1] - cells[k]
        images = outcomes.image_ids[outcomes.cell_image[of]]  # a category has one cell in an image
        size = max(BLOCK // n_cells // LANES, 1) * LANES
        for first in range(0, n, size):
            means = found[k, first : first + size]
            kernels.replicate_means(
                outcomes.scores[rows], outcomes.matched[rows], outcomes.ignored[rows], offsets - offsets[0],
                outcomes.n_gt[of], np.array([0, n_cells]), np.arange(n_cells, dtype=np.int32),
                weights(images, len(means), seed, first), table.max_dets, table.recall_thresholds,
                len(protocol.iou_thresholds), queries, members, means, np.empty((len(means), 1, 0)), 0, len(means),
            )  # fmt: skip
    return found


def replicates_of(draws: Draws, protocol: Protocol) -> Replicates:
    """The summary of each draw: a number over all categories is the mean of those of the categories that have one.

    analysis.bootstrap adds the entries of all categories in numpy's order instead; the last digits may differ.
    """
    rows, n_by_class = by_class_first(protocol)
    known, _, _ = protocol.queries
    place = {protocol.rows[i].key: q for q, i in enumerate(known)}
    values = np.full((draws.n, len(rows)), UNDEFINED)
    by_class = np.full((draws.n, len(draws.values), n_by_class), UNDEFINED)
    for j, row in enumerate(rows):
        if row.key not in place:
            continue
        of = draws.values[:, :, place[row.key]]
        if j < n_by_class:
            by_class[:, :, j] = of.T
        if row.categories is None:
            counts = of > UNDEFINED
            n = counts.sum(axis=0)
            sums = np.where(counts, of, 0.0).sum(axis=0)
            values[:, j] = np.divide(sums, n, out=values[:, j].copy(), where=n > 0)
    return Replicates(draws.n, draws.seed, tuple(rows), values, by_class)
