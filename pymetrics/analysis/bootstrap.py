"""How certain the numbers are: intervals from draws of the images with repetition (bootstrap)."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import kernels
from .._records import record, value_record
from ..evaluation.outcomes import Outcomes
from ..evaluation.protocol import Protocol, queries_of, tables
from ..evaluation.result import Result
from ..evaluation.summary import UNDEFINED, SummaryRow
from .counted import require_integer, require_result

if TYPE_CHECKING:
    from .._arrays import F64, U8, U64, Ids

LEVELS = (0.025, 0.975)
MOST_UNDEFINED = 0.05  # the share of draws without a number, above which there is no interval
MAX_DRAWS = 1_000_000


@value_record
class Interval:
    """A number and its 95 % interval, from low to high.

    -1 stands for undefined: the number in these images; or its interval, where it is undefined in more than 5 % of the
    draws.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        value, low, high = ("-1" if x == UNDEFINED else f"{x:.3f}" for x in (self.value, self.low, self.high))
        return f"{value} ({low} to {high})"


@record
class Replicates:
    """The summary of each draw. n, seed: as `bootstrap`. rows: of the summary.

    values: float64 (n, rows). by_class: of the first `n_by_class` rows, float64 (n, K, n_by_class). -1: undefined.
    """

    n: int
    seed: int
    rows: tuple[SummaryRow, ...]
    values: F64
    by_class: F64


@record
class Bootstrap:
    """95 % intervals of a result's numbers over draws of its images.

    n: draws. seed: of the draws. n_images: images of the result. keys: the names of the numbers. values: float64 (n,
    keys), the numbers of each draw, -1 where undefined. intervals: an Interval by key; `bootstrap["map"]` gives it.
    per_class: a row for each category, axis K: id, name, and Intervals of the precisions over all areas (map, map_50,
    map_75 where the protocol has them).
    """

    n: int
    seed: int
    n_images: int
    keys: tuple[str, ...]
    values: F64
    intervals: dict[str, Interval]
    per_class: list[dict[str, Any]]

    def __getitem__(self, key: str) -> Interval:
        if key not in self.intervals:
            raise KeyError(f"{key!r} is not one of {', '.join(self.intervals)}")
        return self.intervals[key]

    def __str__(self) -> str:
        lines = [f"{key:<12} {interval}" for key, interval in self.intervals.items()]
        return "\n".join([f"95 % intervals over {self.n} draws of {self.n_images} images", *lines])

    def __repr__(self) -> str:
        return f"<Bootstrap of {self.n} draws of {self.n_images} images>"


def bootstrap(result: Result, n: int = 1000, seed: int = 0) -> Bootstrap:
    """95 % intervals of every number of the summary, and of the precisions of each category.

    In each draw every image stands as often as a Poisson variable of mean 1 says, which is a draw of the images with
    repetition whose size varies a little. The copies are evaluated as images of their own; the numbers of a draw are
    those of evaluating the drawn data set, to the last bit. How often an image stands in a draw depends on its id, the
    seed and the draw alone: two results on the same images see the same draws. Where v is the number and q(p) the
    p-quantile of the draws (numpy.quantile, linear), the interval is [2v - q(.975), 2v - q(.025)], cut to [0, 1]: the
    basic interval, which takes the bias of the draws away instead of adding it. Average precision is a little higher in
    a draw than in the data, and so is the number itself beside that of all images there are; intervals between
    the quantiles held it too rarely. Draws in which a number is undefined are left out.

    Source: B. Efron, Annals of Statistics 1979; A. Davison, D. Hinkley, Bootstrap Methods and their Application, 1997,
    section 5.2; the Poisson draws: J. Hanley, B. MacGibbon, Comput. Methods Programs Biomed. 2006.

    Args:
        result: of an evaluation; outcomes are enough, so also of a merged Accumulator.
        n: how many draws, at least 2.
        seed: an integer in [0, 2**64).

    Raises:
        TypeError: n or seed is no integer.
        ValueError: n or seed is out of range.
    """
    return intervals_of(result, replicates(result, n, seed))


def intervals_of(result: Result, drawn: Replicates) -> Bootstrap:
    """The intervals of a result's numbers, of the summaries of its draws."""
    n, totals = drawn.n, result.totals
    keys = tuple(row.key for row in drawn.rows)
    value_of = dict(result)
    bounds = basic(np.array([value_of[key] for key in keys]), quantiles(drawn.values))
    intervals = {
        key: Interval(value_of[key], low, high) for key, (low, high) in zip(keys, bounds.tolist(), strict=True)
    }
    n_by_class = drawn.by_class.shape[2]
    table = np.array([result.class_means(row) for row in drawn.rows[:n_by_class]]).T.reshape(-1, n_by_class)
    bounds = basic(table.ravel(), quantiles(drawn.by_class.reshape(n, -1))).reshape(-1, n_by_class, 2)
    per_class: list[dict[str, Any]] = []
    for k, id in enumerate(totals.category_ids.tolist()):
        found = {keys[j]: Interval(float(table[k, j]), *bounds[k, j].tolist()) for j in range(n_by_class)}
        per_class.append({"id": id, "name": totals.category_names.get(id), **found})
    order = [row.key for row in result.rows]
    intervals = {key: intervals[key] for key in order}
    values = drawn.values[:, [keys.index(key) for key in order]]
    return Bootstrap(n, drawn.seed, totals.n_images, tuple(order), values, intervals, per_class)


def replicates(result: Result, n: int, seed: int, class_key: str | None = None) -> Replicates:
    """The summary of n draws of the images. The rows that are given by class, too, come first.

    class_key: the key of the only row that is given by class, too; None: the precisions over all areas.

    Raises:
        TypeError, ValueError: as `bootstrap`.
    """
    n, seed = require_integer("n", n, 2, MAX_DRAWS), require_integer("seed", seed, 0, 2**64 - 1)
    outcomes, protocol = require_result(result).outcomes, result.protocol
    rows, n_by_class = by_class_first(protocol, class_key)
    known, queries, groups = queries_of(rows, protocol)
    members = members_of(outcomes, groups)
    n_categories, n_known_by_class = len(outcomes.category_ids), sum(i < n_by_class for i in known)
    means, class_means = np.empty((n, len(known))), np.empty((n, n_categories, n_known_by_class))
    table = tables(protocol)
    kernels.replicate_means(
        outcomes.scores, outcomes.matched, outcomes.ignored, outcomes.offsets, outcomes.n_gt, outcomes.category_cells,
        outcomes.cell_image, weights(outcomes.image_ids, n, seed), table.max_dets, table.recall_thresholds,
        len(protocol.iou_thresholds), queries, members, means, class_means, 0, n,
    )  # fmt: skip
    values = np.full((n, len(rows)), UNDEFINED)
    by_class = np.full((n, n_categories, n_by_class), UNDEFINED)
    values[:, known] = means
    by_class[:, :, known[:n_known_by_class]] = class_means
    return Replicates(n, seed, tuple(rows), values, by_class)


def by_class_first(protocol: Protocol, class_key: str | None = None) -> tuple[list[SummaryRow], int]:
    """The rows of the summary, those that are given by class, too, before the others, and how many these are."""
    whole = protocol.area_names[protocol.whole_area]

    def is_by_class(row: SummaryRow) -> bool:
        if class_key is not None:
            return row.key == class_key
        return row.metric == "precision" and row.area == whole and row.categories is None

    rows = sorted(protocol.rows, key=lambda row: not is_by_class(row))
    return rows, sum(is_by_class(row) for row in rows)


def members_of(outcomes: Outcomes, groups: Sequence[str | None]) -> U8:
    """uint8 (G, K): the members of groups of categories, as the kernel replicate_means takes them; None: all."""
    return np.array([_members(outcomes, group) for group in groups], np.uint8)


def _members(outcomes: Outcomes, group: str | None) -> list[bool]:
    if group is None:
        return [True] * len(outcomes.category_ids)
    chosen = set(outcomes.category_groups.get(group, ()))
    return [id in chosen for id in outcomes.category_ids.tolist()]


def weights(image_ids: Ids, n: int, seed: int, first: int = 0) -> U8:
    """uint8 (n, images): how often each image stands in each draw, Poisson(1) of its id, the seed and the draw.

    first: the number of the first draw.
    """
    hashes = _splitmix(np.uint64(seed) ^ _hashes(image_ids)) + np.uint64(first)
    drawn = np.empty((n, len(image_ids)), np.uint8)
    kernels.draw_weights(hashes, _poisson_quantiles(), drawn, 0, n)
    return drawn


def _hashes(image_ids: Ids) -> U64:
    """uint64 (images,): an integer id itself; of a text the first 8 bytes of BLAKE2b of its UTF-8, low byte first."""
    if image_ids.dtype.kind == "i":
        return image_ids.astype(np.int64).view(np.uint64)
    digests = (hashlib.blake2b(str(id).encode("utf-8", "surrogatepass")).digest()[:8] for id in image_ids.tolist())
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


def _splitmix(x: U64) -> U64:
    """splitmix64 of each, as the kernel draw_weights computes it."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@functools.cache
def _poisson_quantiles() -> U64:
    """uint64: floor(2^64 P(X <= j)) of a Poisson variable of mean 1 for j = 0, 1, ..., up to 2^64 - 1."""
    e, factorial = Fraction(0), 1
    for i in range(60):
        factorial *= max(i, 1)
        e += Fraction(1, factorial)
    found: list[int] = []
    total, factorial = Fraction(0), 1
    while not found or found[-1] < 2**64 - 1:
        factorial *= max(len(found), 1)
        total += Fraction(1, factorial) / e
        found.append(min(int(total * 2**64), 2**64 - 1))
    return np.array(found, np.uint64)


def basic(value: F64, bounds: F64) -> F64:
    """float64 (columns, 2): the ends of the intervals of numbers (columns,), of the quantiles of their draws.

    -1 where these are.
    """
    mirrored = np.clip(2 * value[:, None] - bounds[:, ::-1], 0.0, 1.0)
    return np.where(bounds == UNDEFINED, UNDEFINED, mirrored)


def quantiles(values: F64, defined: Any = None, undefined: float = UNDEFINED) -> F64:
    """float64 (columns, 2): the 2.5 and 97.5 percentiles of each column of values (n, columns).

    defined: bool (n, columns), which of them are numbers; None: those above -1. undefined: stands where more than 5 %
    are none.
    """
    defined = values > UNDEFINED if defined is None else defined
    bounds = np.full((values.shape[1], 2), undefined)
    n_undefined = len(values) - np.count_nonzero(defined, axis=0)
    whole = np.flatnonzero(n_undefined == 0)
    if len(whole):
        bounds[whole] = np.quantile(values[:, whole], LEVELS, axis=0).T
    for j in np.flatnonzero((n_undefined > 0) & (n_undefined <= MOST_UNDEFINED * len(values))).tolist():
        bounds[j] = np.quantile(values[defined[:, j], j], LEVELS)
    return bounds
