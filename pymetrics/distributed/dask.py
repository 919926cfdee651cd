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
        files = graph.add("files", (), partial(_same, sides))
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
    parts = [[part[i] for part in matched] for i in range(n_partitions)]  # by category
    ids = [part[n_partitions] for part in matched]
    with whole(match_options["kept"]):
        cuts, of_ranges = list[ranges.Cut](), list[list[list[Key]]]()
        if most is not None:
            graph.start([key for part in matched for key in part])
            cuts = ranges.find_cuts(graph.compute([part[-1] for part in matched]), max_rows)
            refuse_cuts(cuts, draws, max_rows)
        if cuts:
            of_ranges = _cut(graph, parts, cuts)
            graph.start([key for keys in (ids, *parts, *(rows for cut in of_ranges for rows in cut)) for key in keys])
        reduce = partial(_reduce, options=reduce_options)
        curves = [graph.add("reduce", (i,), reduce, pieces) for i, pieces in enumerate(parts)]
        curves += [_curves(graph, i, *given) for i, given in enumerate(zip(cuts, of_ranges, strict=True))]
        found = graph.compute([*curves, *ids])
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


def _cut(graph: Graph, parts: list[list[Key]], cuts: list[ranges.Cut]) -> list[list[list[Key]]]:
    """For each cut and each of its ranges the keys of the rows, which are taken out of the parts."""
    found: dict[int, list[list[Key]]] = {}
    of_cut = part_of(np.array([cut.category for cut in cuts]), len(parts)).tolist()
    for i in dict.fromkeys(of_cut):
        chosen = [c for c, part in enumerate(of_cut) if part == i]
        step = partial(ranges.cut_rows, cuts=[cuts[c] for c in chosen])
        n_pieces = 1 + sum(cuts[c].n_ranges for c in chosen)
        rows = [graph.add_lists("cut", (i, j), n_pieces, step, piece) for j, piece in enumerate(parts[i])]
        parts[i], *columns = (list(column) for column in zip(*rows, strict=True))
        for c in chosen:
            found[c], columns = columns[: cuts[c].n_ranges], columns[cuts[c].n_ranges :]
    return [found[c] for c in range(len(cuts))]


def _curves(graph: Graph, c: int, cut: ranges.Cut, of_ranges: list[list[Key]]) -> Key:
    """The key of the curves of a category that is cut."""
    counts = [graph.add("count", (c, i), partial(_count, i), rows) for i, rows in enumerate(of_ranges)]
    peaks = [
        graph.add("reduce-range", (c, i), partial(_reduce_range, i), rows, counts) for i, rows in enumerate(of_ranges)
    ]
    return graph.add("join", (c,), partial(_join, cut), counts, peaks)


def _reduce(pieces: list[Any], options: dict[str, Any]) -> Any:
    """The curves of the categories of one part."""
    return plan.reduce_category(joined(pieces), **options)


def _count(i: int, pieces: list[Any]) -> Any:
    return ranges.count_range(joined(pieces), i)


def _reduce_range(i: int, pieces: list[Any], counts: list[Any]) -> Any:
    return ranges.reduce_range(joined(pieces), i, joined(counts))


def _join(cut: ranges.Cut, counts: list[Any], peaks: list[Any]) -> Any:
    return ranges.join_ranges(joined(counts), joined(peaks), cut=cut)
