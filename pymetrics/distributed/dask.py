"""The plan on Dask: delayed tasks over Arrow's tables, on whatever scheduler is the current one.

from pymetrics.distributed.dask import evaluate

with distributed.Client(...):
    result = evaluate("gt/", "dt/")
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..evaluation.protocol import Protocol
from ..evaluation.result import Result
from ..formats.tables import arrow
from . import plan, ranges
from .in_order import Span, read_span, spans_of
from .inputs import Side, checked, joined, prepare, result_of, with_place
from .intervals import refuse_cuts
from .kept import whole
from .shuffle import part_of, split


def evaluate(
    gt: Any,
    dt: Any,
    iou_type: str = "bbox",
    protocol: str | Protocol = "coco",
    *,
    columns: str | Mapping[str, Any] | None = None,
    order: str | None = None,
    categories: Any = None,
    images: Iterable[Any] | None = None,
    n_partitions: int = 64,
    max_rows: int = ranges.MAX_ROWS,
    draws: int = 0,
    seed: int = 0,
    **options: Any,
) -> Result:
    """The Result of tables that are spread over a cluster, with the bits of pymetrics.evaluate on the same rows.

    Args:
        gt, dt: a path, glob or folder of Parquet files that every worker can read, or a Dask DataFrame.
        iou_type, protocol, columns, order, categories, images: as for pymetrics.evaluate. DataFrames without `id` on
            both sides need order=, the name of a column or "values"; files have the order of their rows.
        n_partitions: how many partitions of images and of categories are made; one of each has to fit into the memory
            of a worker.
        max_rows: a category with more detections than this is cut by score into ranges of about so many, each a task.
        draws, seed: of `plan.reduce_category`: intervals, which `result.bootstrap()` gives. Not of categories that are
            cut.
        options: what else `plan.match_partition` takes; and the fields of `kept.Kept`, such as keep_matches=, a folder
            that is absent or empty, which all workers and this process see.

    Returns:
        A Result of curves, as plan.finish gives it.

    Raises:
        TypeError, ValueError, OSError: as pymetrics.evaluate, from the first task that fails; or as kept.kept_of.
        ImportError: dask is missing.
    """
    try:
        import dask
    except ImportError as error:
        raise ImportError("evaluating on Dask needs it: pip install 'pymetrics-detection[dask]'") from error
    n_partitions, max_rows, images, categories = checked(n_partitions, max_rows, images, categories)
    sides, match_options, reduce_options = prepare(
        gt, dt, _empty, keeps_order=True, iou_type=iou_type, protocol=protocol, columns=columns, order=order,
        images=images, categories=categories, draws=draws, seed=seed, **options,
    )  # fmt: skip
    most = max_rows if ranges.are_needed(sides[1].n_rows, max_rows) else None
    n_pieces = n_partitions + 2  # of a partition: outcomes by category, ids of images, samples
    spans, shuffled = spans_of(sides, n_partitions), []
    if spans is not None:
        match = dask.delayed(_match_span, nout=n_pieces)
        both = dask.delayed(sides, traverse=False)
        parts: Iterable[Any] = [(both, span) for span in spans]
    else:
        match = dask.delayed(_match, nout=n_pieces)
        shuffled = [_by_image(dask, *pair, n_partitions) for pair in zip((gt, dt), sides, strict=True)]
        parts = zip(*shuffled, strict=True)
    given = dask.delayed(match_options, traverse=False)  # once, not in each task
    matched = [list(match(*part, f"part-{i}", n_partitions, given, most)) for i, part in enumerate(parts)]
    with whole(match_options["kept"]):
        cuts = []
        if most is not None:
            pieces = dask.persist(*(piece for part in matched for piece in part))  # no lists: each is spilled alone
            shuffled.clear()  # workers keep what is referred to here
            matched = [list(pieces[i : i + n_pieces]) for i in range(0, len(pieces), n_pieces)]
            (samples,) = dask.compute([part[-1] for part in matched])
            cuts = ranges.find_cuts(samples, max_rows)
            refuse_cuts(cuts, draws, max_rows)
        curves = []
        for i in range(n_partitions):
            of_part = [cut for cut in cuts if part_of(np.array([cut.category]), n_partitions)[0] == i]
            curves += _curves(dask, [part[i] for part in matched], of_part, reduce_options)
        found, ids = dask.compute(curves, [part[n_partitions] for part in matched])
        return result_of(found, ids, images, categories)


def _empty(source: Any, argument: str) -> Any:
    """A table without rows, of a DataFrame's columns."""
    if not hasattr(source, "to_delayed"):
        raise TypeError(f"{argument} must be a path of Parquet files or a Dask DataFrame, got {type(source).__name__}")
    return arrow.pyarrow(argument).Table.from_pandas(source._meta, preserve_index=False)


def _by_image(dask: Any, source: Any, side: Side, n: int) -> list[list[Any]]:
    """For each of n partitions the delayed tables that make it up.

    They are made first, and no list of them is kept: a worker spills each by itself.
    """
    if side.in_files:
        read = dask.delayed(side.read)
        parts = [read(i) for i in range(len(side.groups))] or [dask.delayed(side.empty)]
    else:
        read = dask.delayed(_read_frame)
        parts = [read(part, i, side) for i, part in enumerate(source.to_delayed())]
    cut = dask.delayed(split, nout=n)
    pieces = dask.persist(*(piece for part in parts for piece in cut(part, side.image, n)))
    return [list(pieces[i::n]) for i in range(n)]


def _read_frame(frame: Any, part: int, side: Side) -> Any:
    wanted = frame[side.top_columns(list(frame.columns))]
    return with_place(arrow.pyarrow("frame").Table.from_pandas(wanted, preserve_index=False), part, side.flat)


def _match(gt: list[Any], dt: list[Any], name: str, n: int, options: dict[str, Any], max_rows: int | None) -> list[Any]:
    """The outcomes of a partition in n parts by category, its images' ids, and samples unless max_rows is None."""
    sides = joined(gt), joined(dt)
    rows = plan.match_partition(*sides, name=name, **options)
    samples = None if max_rows is None else ranges.sample_scores(rows, max_rows)
    return [*split(rows, "category", n), plan.image_ids(*sides, name, columns=options["columns"]), samples]


def _match_span(sides: tuple[Side, Side], span: Span, *given: Any) -> list[Any]:
    """As _match, of files in the order of their images."""
    gt, dt = read_span(sides, span)
    return _match([gt], [dt], *given)


def _curves(dask: Any, pieces: list[Any], cuts: list[ranges.Cut], options: dict[str, Any]) -> list[Any]:
    """The delayed curves of the categories of one part, of which some are cut."""
    reduce, count, reduce_range, join = map(dask.delayed, (_reduce, _count, _reduce_range, _join))
    if not cuts:
        return [reduce(pieces, options)]
    cut_rows = dask.delayed(ranges.cut_rows, nout=1 + sum(cut.n_ranges for cut in cuts))
    columns = list(zip(*(cut_rows(piece, cuts) for piece in pieces), strict=True))
    curves, first = [reduce(list(columns[0]), options)], 1
    for cut in cuts:
        rows = [list(column) for column in columns[first : first + cut.n_ranges]]
        first += cut.n_ranges
        counts = [count(tables, i) for i, tables in enumerate(rows)]
        curves.append(join(counts, [reduce_range(tables, i, counts) for i, tables in enumerate(rows)], cut))
    return curves


def _reduce(pieces: list[Any], options: dict[str, Any]) -> Any:
    """The curves of the categories of one part."""
    return plan.reduce_category(joined(pieces), **options)


def _count(pieces: list[Any], i: int) -> Any:
    return ranges.count_range(joined(pieces), i)


def _reduce_range(pieces: list[Any], i: int, counts: list[Any]) -> Any:
    return ranges.reduce_range(joined(pieces), i, joined(counts))


def _join(counts: list[Any], of_ranges: list[Any], cut: ranges.Cut) -> Any:
    return ranges.join_ranges(joined(counts), joined(of_ranges), cut=cut)
