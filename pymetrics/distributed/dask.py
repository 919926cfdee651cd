"""The plan on Dask: tasks over Arrow's tables, on whatever scheduler is the current one.

from pymetrics.distributed.dask import evaluate

with distributed.Client(...):
    result = evaluate("gt/", "dt/")
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np

from ..evaluation.protocol import Protocol
from ..evaluation.result import Result
from ..formats.tables import arrow
from . import plan, ranges
from .dask_graph import Graph, Key
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
        import dask  # noqa: F401
    except ImportError as error:
        raise ImportError("evaluating on Dask needs it: pip install 'pymetrics-detection[dask]'") from error
    n_partitions, max_rows, images, categories = checked(n_partitions, max_rows, images, categories)
    sides, match_options, reduce_options = prepare(
        gt, dt, _empty, keeps_order=True, iou_type=iou_type, protocol=protocol, columns=columns, order=order,
        images=images, categories=categories, draws=draws, seed=seed, **options,
    )  # fmt: skip
    most = max_rows if ranges.are_needed(sides[1].n_rows, max_rows) else None
    graph = Graph()
    n_pieces = n_partitions + 2  # of a partition: outcomes by category, ids of images, samples
    given = {"n": n_partitions, "max_rows": most}
    spans = spans_of(sides, n_partitions)
    if spans is not None:
        files = graph.add("files", (), partial(tuple, sides))
        steps = [(partial(_match_span, span=span), files) for span in spans]
    else:
        pieces = [_by_image(graph, *pair, n_partitions) for pair in zip((gt, dt), sides, strict=True)]
        graph.start([key for side in pieces for part in side for key in part])
        steps = [(_match, *part) for part in zip(*pieces, strict=True)]
    shared = graph.add("options", (), partial(_same, match_options))
    matched = [
        graph.add_lists("match", (i,), n_pieces, partial(step, name=f"part-{i}", **given), shared, *keys)
        for i, (step, *keys) in enumerate(steps)
    ]
    with whole(match_options["kept"]):
        cuts = []
        if most is not None:
            graph.start([key for part in matched for key in part])
            cuts = ranges.find_cuts(graph.compute([part[-1] for part in matched]), max_rows)
            refuse_cuts(cuts, draws, max_rows)
        curves = []
        for i in range(n_partitions):
            of_part = [cut for cut in cuts if part_of(np.array([cut.category]), n_partitions)[0] == i]
            curves += _curves(graph, i, [part[i] for part in matched], of_part, reduce_options)
        found = graph.compute([*curves, *(part[n_partitions] for part in matched)])
        return result_of(found[: len(curves)], found[len(curves) :], images, categories)


def _empty(source: Any, argument: str) -> Any:
    """A table without rows, of a DataFrame's columns."""
    if not hasattr(source, "to_delayed"):
        raise TypeError(f"{argument} must be a path of Parquet files or a Dask DataFrame, got {type(source).__name__}")
    return arrow.pyarrow(argument).Table.from_pandas(source._meta, preserve_index=False)


def _by_image(graph: Graph, source: Any, side: Side, n: int) -> list[list[Key]]:
    """For each of n partitions the keys of the tables that make it up."""
    name = side.options.argument
    held = graph.add(f"{name}-files", (), partial(_same, side))
    if side.in_files:
        places = range(len(side.groups))
        parts = [graph.add(f"{name}-read", (i,), partial(_read, i), held) for i in places]
        parts = parts or [graph.add(f"{name}-read", (0,), partial(_same, side.empty))]
    else:
        frames = [graph.add_delayed(frame) for frame in source.to_delayed()]
        parts = [
            graph.add(f"{name}-read", (i,), partial(_read_frame, i), held, frame) for i, frame in enumerate(frames)
        ]
    cut = partial(split, column=side.image, n=n)
    pieces = [graph.add_lists(f"{name}-split", (i,), n, cut, part) for i, part in enumerate(parts)]
    return [list(part) for part in zip(*pieces, strict=True)]


def _same(value: Any) -> Any:
    return value


def _read(place: int, side: Side) -> Any:
    return side.read(place)


def _read_frame(part: int, side: Side, frame: Any) -> Any:
    wanted = frame[side.top_columns(list(frame.columns))]
    return with_place(arrow.pyarrow("frame").Table.from_pandas(wanted, preserve_index=False), part, side.flat)


def _match(
    options: dict[str, Any], gt: list[Any], dt: list[Any], *, name: str, n: int, max_rows: int | None
) -> list[Any]:
    """The outcomes of a partition in n parts by category, its images' ids, and samples unless max_rows is None."""
    sides = joined(gt), joined(dt)
    rows = plan.match_partition(*sides, name=name, **options)
    samples = None if max_rows is None else ranges.sample_scores(rows, max_rows)
    return [*split(rows, "category", n), plan.image_ids(*sides, name, columns=options["columns"]), samples]


def _match_span(options: dict[str, Any], files: tuple[Side, Side], *, span: Span, **given: Any) -> list[Any]:
    """As _match, of files in the order of their images."""
    gt, dt = read_span(files, span)
    return _match(options, [gt], [dt], **given)


def _curves(graph: Graph, part: int, pieces: list[Key], cuts: list[ranges.Cut], options: dict[str, Any]) -> list[Key]:
    """The keys of the curves of the categories of one part, of which some are cut."""
    reduce = partial(_reduce, options=options)
    if not cuts:
        return [graph.add("reduce", (part,), reduce, pieces)]
    n_pieces = 1 + sum(cut.n_ranges for cut in cuts)
    cut_rows = partial(ranges.cut_rows, cuts=cuts)
    rows = [graph.add_lists("cut", (part, i), n_pieces, cut_rows, piece) for i, piece in enumerate(pieces)]
    columns = [list(column) for column in zip(*rows, strict=True)]
    curves, first = [graph.add("reduce", (part,), reduce, columns[0])], 1
    for c, cut in enumerate(cuts):
        of_ranges = list(enumerate(columns[first : first + cut.n_ranges]))
        first += cut.n_ranges
        counts = [graph.add("count", (part, c, i), partial(_count, i), tables) for i, tables in of_ranges]
        peaks = [
            graph.add("reduce-range", (part, c, i), partial(_reduce_range, i), tables, counts)
            for i, tables in of_ranges
        ]
        curves.append(graph.add("join", (part, c), partial(_join, cut), counts, peaks))
    return curves


def _reduce(pieces: list[Any], options: dict[str, Any]) -> Any:
    """The curves of the categories of one part."""
    return plan.reduce_category(joined(pieces), **options)


def _count(i: int, pieces: list[Any]) -> Any:
    return ranges.count_range(joined(pieces), i)


def _reduce_range(i: int, pieces: list[Any], counts: list[Any]) -> Any:
    return ranges.reduce_range(joined(pieces), i, joined(counts))


def _join(cut: ranges.Cut, counts: list[Any], peaks: list[Any]) -> Any:
    return ranges.join_ranges(joined(counts), joined(peaks), cut=cut)
