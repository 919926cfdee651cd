"""Categories with more detections than a task can hold, cut by score into ranges.

    sample_scores(rows, max_rows)    a partition's rows            -> some of its scores, of every category
    find_cuts(samples, max_rows)     all samples                   -> the Cuts of categories above max_rows
    cut_rows(rows, cuts)             a partition's rows            -> the rows of all other categories, of each range
    count_range(rows, i)             all rows of range i           -> its counts
    reduce_range(rows, i, counts)    those, the category's counts  -> its precisions
    join_ranges(counts, ranges)      of all ranges of a category   -> its curves, as plan.reduce_category gives them

Rows are those of plan.match_partition. What the others give is small, whatever the number of rows. All counts are
integers, and precision is computed where and as `accumulate` does: the bits are those of the category as a whole.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._records import record
from ..evaluation import score_ranges
from ..evaluation.cells import sort_rows
from ..evaluation.protocol import Protocol
from ..evaluation.score_ranges import RangeCounts, RangeCurves, RangePeaks, RangeRows, limit_index_of, range_of
from ..formats.ids import joined_ids, positions
from ..formats.tables import arrow
from .outcome_tables import OF_GROUND_TRUTH
from .plan import curves_table, protocol_of, read_header, with_header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._arrays import F64

MAX_ROWS = 1_500_000  # whose tasks take 1.5 GB at most on Ray, too, where several ranges meet in one
SAMPLES = 4096  # of max_rows rows


@record
class Cut:
    """Where a category is cut: bounds, float64, the lowest score of each range but the last. n_rows: detections."""

    category: Any
    bounds: F64
    n_rows: int

    @property
    def n_ranges(self) -> int:
        """How many ranges there are."""
        return len(self.bounds) + 1


def are_needed(n_rows: int | None, max_rows: int) -> bool:
    """Whether a category may have more than max_rows of so many detections; None: their number is not known.

    Raises:
        ValueError: max_rows is not positive.
    """
    if max_rows < 1:
        raise ValueError(f"max_rows must be at least 1, got {max_rows}")
    return n_rows is None or n_rows > max_rows


def sample_scores(rows: Any, max_rows: int = MAX_ROWS) -> Any:
    """Scores of a partition: a pyarrow.Table of `category`, `score` and `weight`, the detections that it stands for.

    The same rows, in any order, give the same scores.
    """
    pa = arrow.pyarrow("rows")
    rank, category, score = _numbers(rows, "rank"), _ids(rows, "category"), _numbers(rows, "score")
    of_dt = rank != OF_GROUND_TRUTH
    ids = joined_ids(category)
    place, score = positions(category[of_dt], ids), score[of_dt]
    order, starts = sort_rows(place, np.zeros_like(place), len(ids), 1)
    found: list[tuple[Any, Any, Any]] = []
    for k in range(len(ids)):
        of_category = np.sort(score[order[starts[k] : starts[k + 1]]] + 0.0)  # -0.0 as 0.0
        n = len(of_category)
        if n:
            n_points = min(n, -(-n * SAMPLES // max_rows))
            ends = np.arange(n_points + 1) * n // n_points
            weight = np.diff(ends)
            share = zlib.crc32(of_category.tobytes()) / 2**32  # not the same quantiles of every partition
            found.append((np.full(n_points, k), of_category[ends[:-1] + (weight * share).astype(np.int64)], weight))
    nothing = np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.int64)
    places, scores, weights = (np.concatenate(values) for values in zip(nothing, *found, strict=True))
    return pa.table({"category": pa.array(ids[places]), "score": pa.array(scores), "weight": pa.array(weights)})


def find_cuts(samples: Iterable[Any], max_rows: int = MAX_ROWS) -> list[Cut]:
    """The categories with more than max_rows detections, and where to cut each into ranges of about as many at most.

    samples: the tables of sample_scores, of all partitions and with the same max_rows. Equal scores stay in one range,
    however many they are.
    """
    pa = arrow.pyarrow("samples")
    tables = [table for table in samples if table.num_rows]
    if not tables:
        return []
    whole = pa.concat_tables(tables)
    category, score, weight = _ids(whole, "category"), _numbers(whole, "score"), _numbers(whole, "weight")
    ids = joined_ids(category)
    place = positions(category, ids)
    n_rows = np.zeros(len(ids), np.int64)
    np.add.at(n_rows, place, weight)
    cuts = []
    for k in np.flatnonzero(n_rows > max_rows).tolist():
        of_category = place == k
        bounds = score_ranges.score_bounds(score[of_category], weight[of_category], max_rows)
        cuts.append(Cut(ids[k].item(), bounds, int(n_rows[k])))
    return cuts


def cut_rows(rows: Any, cuts: Sequence[Cut]) -> list[Any]:
    """The rows of a partition: those of no cut, then those of each range of each cut.

    Ground truths are in the first range of their category.
    """
    pa = arrow.pyarrow("rows")
    category, score, rank = _ids(rows, "category"), _numbers(rows, "score"), _numbers(rows, "rank")
    part, first = np.zeros(len(category), np.int32), 1
    for cut in cuts:
        of_cut = np.flatnonzero(category == cut.category)
        part[of_cut] = first + np.where(rank[of_cut] == OF_GROUND_TRUTH, 0, range_of(score[of_cut], cut.bounds))
        first += cut.n_ranges
    order, starts = sort_rows(part, np.zeros_like(part), first, 1)
    return [rows.take(pa.array(order[starts[i] : starts[i + 1]])) for i in range(first)]  # slices would keep the whole


def count_range(rows: Any, i: int) -> Any:
    """What range i of a category counts, from all its rows, in any order: a pyarrow.Table of one row.

    `category`; `range`, i; `n_dt`; `n_gt` by area range; `hits` and `counted`, true positives and detections that
    count, by area range, threshold and limit; `top`, the highest score within each limit.

    Raises:
        ValueError: there are no rows, or of several categories; a row is there twice.
    """
    header = read_header(rows.schema)
    protocol, _ = protocol_of(header)
    category, of_range, n_gt = _range_of_table(rows, protocol)
    counts = score_ranges.count_range(of_range, protocol)
    columns = {"n_gt": n_gt, "hits": counts.hits, "counted": counts.counted, "top": counts.top}
    return _row(category, i, {"n_dt": len(of_range.scores)}, columns, header)


def reduce_range(rows: Any, i: int, counts: Any) -> Any:
    """The precisions of range i of a category: a pyarrow.Table of one row. counts: of all its ranges, joined.

    `category`; `range`; `highest` and `scores_at` by area range, threshold, limit and recall threshold.

    Raises:
        ValueError: as count_range; or counts are of another category, or lack a range.
    """
    header = read_header(rows.schema)
    protocol, _ = protocol_of(header)
    category, of_range, _ = _range_of_table(rows, protocol)
    found, n_gt, _ = _counts(counts, protocol)
    if counts["category"][0].as_py() != category or i >= len(found):
        raise ValueError(f"counts must be those of all ranges of category {category!r}")
    hits, counted = (sum((getattr(one, name) for one in found[:i]), np.zeros_like(found[0].hits))
                     for name in ("hits", "counted"))  # fmt: skip
    _, peaks = score_ranges.walk_range(of_range, RangeCurves(protocol, n_gt).needed, hits, counted)
    return _row(category, i, {}, {"highest": peaks.highest, "scores_at": peaks.scores_at}, header)


def join_ranges(counts: Any, ranges: Any, *, cut: Cut | None = None, keep_scores: bool = True) -> Any:
    """The curves of one category, as plan.reduce_category gives them.

    counts, ranges: what count_range and reduce_range gave of all its ranges, joined. cut: says how many detections
    there were; None: that is not checked.

    Raises:
        ValueError: a range is missing or there twice; or detections are.
    """
    header = read_header(counts.schema)
    protocol, _ = protocol_of(header)
    found, n_gt, n_dt = _counts(counts, protocol)
    category = counts["category"][0].as_py()
    if cut is not None and (cut.n_rows, cut.n_ranges) != (n_dt, len(found)):
        raise ValueError(
            f"category {category!r} was cut with {cut.n_rows} detections into {cut.n_ranges} ranges, but {n_dt} in "
            f"{len(found)} came back"
        )
    order = _by_range(ranges, category)
    curves = RangeCurves(protocol, n_gt)
    shape = *found[0].hits.shape, len(protocol.recall_thresholds)
    highest, scores_at = (_lists(ranges, name, shape)[order] for name in ("highest", "scores_at"))
    for one, *peaks in zip(found, highest, scores_at, strict=True):
        curves.add(RangeCounts(curves.hits + one.hits, curves.counted + one.counted, one.top), RangePeaks(*peaks))
    precision, recall, scores = curves.arrays()
    arrays = precision[:, :, None], recall[:, None], scores[:, :, None] if keep_scores else scores[:0, :, None]
    ids = counts["category"][:1].combine_chunks()
    return curves_table(ids, n_gt[[protocol.whole_area]], [n_dt], arrays, header)


def _range_of_table(rows: Any, protocol: Protocol) -> tuple[Any, RangeRows, NDArray[np.int64]]:
    """The category, the detections in the order of image and rank, and int64 (A,), the ground truths that count."""
    pa = arrow.pyarrow("rows")
    categories = pa.compute.unique(rows["category"])
    if len(categories) != 1:
        raise ValueError(f"a range must have rows of one category, got {len(categories)}")
    category, image_id, rank = categories[0].as_py(), _ids(rows, "image"), _numbers(rows, "rank")
    ids = joined_ids(image_id)
    image = positions(image_id, ids)
    del image_id
    by_rank = np.argsort(rank, kind="stable")
    order, _ = sort_rows(np.zeros(len(rank), np.int32), image[by_rank], 1, len(ids))
    order = by_rank[order]
    image, rank = image[order], rank[order]
    again = np.flatnonzero((image[1:] == image[:-1]) & (rank[1:] == rank[:-1]))
    if len(again):
        raise ValueError(
            f"the rows of category {category!r} of image {ids[image[again[0]]].item()!r} came from two partitions, or "
            "twice from one"
        )
    of_dt = rank != OF_GROUND_TRUTH
    counts, lengths = arrow.lists(rows["n_gt"].combine_chunks(), _place("n_gt"))
    n_areas = len(protocol.area_ranges)
    if len(counts) != n_areas * int(np.count_nonzero(~of_dt)) or not np.isin(lengths, (0, n_areas)).all():
        raise ValueError(f"n_gt must hold {n_areas} numbers in rows of rank -1, and be null in others")
    n_gt = arrow.numbers(counts, _place("n_gt")).reshape(-1, n_areas).sum(axis=0, dtype=np.int64)
    order, limit_index = order[of_dt], limit_index_of(rank[of_dt], protocol)
    del image, rank, by_rank, of_dt
    matched, ignored = (np.empty((len(order), protocol.n_words), np.uint64) for _ in range(2))
    for w in range(protocol.n_words):
        for name, words in (("matched", matched), ("ignored", ignored)):
            words[:, w] = _numbers(rows, f"{name}_{w}").view(np.uint64)[order]
    return category, RangeRows(_numbers(rows, "score")[order], matched, ignored, limit_index), n_gt


def _counts(table: Any, protocol: Protocol) -> tuple[list[RangeCounts], NDArray[np.int64], int]:
    """Of all ranges in their order: the counts of each alone; ground truths by area range, and detections, of all."""
    order = _by_range(table, table["category"][0].as_py())
    shape = protocol.n_bits, len(protocol.max_dets)
    hits, counted, top = (
        _lists(table, name, size)[order] for name, size in (("hits", shape), ("counted", shape), ("top", shape[1:]))
    )
    n_gt = _lists(table, "n_gt", (len(protocol.area_ranges),)).sum(axis=0)
    found = [RangeCounts(*values) for values in zip(hits, counted, top, strict=True)]
    return found, n_gt, int(_numbers(table, "n_dt").sum())


def _by_range(table: Any, category: Any) -> NDArray[np.int64]:
    """The order of the ranges. Raises ValueError: they are of several categories, one is missing or there twice."""
    number = _numbers(table, "range")
    order = np.argsort(number)
    is_whole = np.array_equal(number[order], np.arange(len(order)))
    if table["category"].to_pylist() != [category] * len(order) or not is_whole:
        raise ValueError(f"the ranges of category {category!r} must be there once each, got {sorted(number.tolist())}")
    return order


def _row(category: Any, i: int, numbers: dict[str, int], columns: dict[str, Any], header: Any) -> Any:
    pa = arrow.pyarrow("rows")
    fields = {"category": pa.array([category]), "range": pa.array([i], pa.int64())}
    fields |= {name: pa.array([value], pa.int64()) for name, value in numbers.items()}
    for name, values in columns.items():
        fields[name] = pa.LargeListArray.from_arrays([0, values.size], pa.array(values.reshape(-1)))
    return with_header(pa.table(fields), header)


def _lists(table: Any, name: str, shape: tuple[int, ...]) -> Any:
    """A column of lists of numbers as (rows, *shape)."""
    values, _ = arrow.lists(table[name].combine_chunks(), _place(name))
    return values.to_numpy(zero_copy_only=False).reshape(table.num_rows, *shape)


def _ids(table: Any, name: str) -> NDArray[Any]:
    return arrow.ids(table[name].combine_chunks(), _place(name))


def _numbers(table: Any, name: str) -> NDArray[Any]:
    return arrow.numbers(table[name].combine_chunks(), _place(name))


def _place(name: str) -> arrow.Place:
    return lambda row: f"rows[{name!r}]" + ("" if row is None else f"[{row}]")
