"""The plan on Ray Data: rows are grouped by image, matched, and their outcomes grouped by category.

from pymetrics.distributed.ray import evaluate

ray.init("auto")
result = evaluate("gt/", "dt/")
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from ..evaluation.protocol import Protocol
from ..evaluation.result import Result
from ..formats.tables import arrow
from . import ranges
from .in_order import spans_of
from .inputs import Side, checked, prepare, result_of
from .intervals import refuse_cuts
from .kept import whole
from .packets import (
    DT,
    GT,
    IDS,
    PART,
    RANGES,
    SAMPLES,
    count_packets,
    curves_of,
    cut_categories,
    cut_packets,
    empty_packets,
    match_packets,
    match_spans,
    only,
    opened,
    read_packets,
    reduce_packets,
)

SHUFFLED_AT_ONCE = 1 << 26  # bytes


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
        gt, dt: a path, glob or folder of Parquet files that every worker can read, or a Ray Dataset.
        iou_type, protocol, columns, order, categories, images: as for pymetrics.evaluate. Datasets without `id` on
            both sides need order=, the name of a column or "values"; their rows have no order. Files have that of
            their rows.
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
        ImportError: ray is missing.
    """
    try:
        import ray
        import ray.data as data
    except ImportError as error:
        raise ImportError("evaluating on Ray needs it: pip install 'pymetrics-detection[ray]'") from error
    n_partitions, max_rows, images, categories = checked(n_partitions, max_rows, images, categories)
    sides, match_options, reduce_options = prepare(
        gt, dt, partial(_empty, kind=data.Dataset), iou_type=iou_type, protocol=protocol, columns=columns, order=order,
        images=images, categories=categories, draws=draws, seed=seed, **options,
    )  # fmt: skip
    most = max_rows if ranges.are_needed(sides[1].n_rows, max_rows) else None
    context = data.DataContext.get_current().copy()
    context.max_errored_blocks, context.raise_original_map_exception = 0, True
    if hasattr(context, "shuffle_input_batch_bytes"):  # Ray 2.60 joins blocks up to 1 GiB, and takes some 2 GB for it
        context.shuffle_input_batch_bytes = min(context.shuffle_input_batch_bytes, SHUFFLED_AT_ONCE)
    with data.DataContext.current(context), whole(match_options["kept"]):
        given = {"n": n_partitions, "options": match_options, "max_rows": most}
        spans = spans_of(sides, n_partitions)
        if spans is not None:
            matched = _of_places(data, len(spans), match_spans, sides=sides, spans=spans, **given)
        else:
            packets = [_packets(data, *side, n_partitions) for side in zip((gt, dt), sides, (GT, DT), strict=True)]
            matched = _by_part(
                data.from_arrow(empty_packets(sides)).union(*packets), n_partitions, match_packets,
                empty=[side.empty for side in sides], **given,
            )  # fmt: skip
        try:
            found, cuts, counts = _reduced(matched, n_partitions, most, reduce_options)
        except ray.exceptions.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, Exception) else error) from error
        ids = [table for kind, table in found if kind == IDS]
        return result_of(curves_of(found, cuts, counts), ids, images, categories)


def _reduced(
    matched: Any, n: int, max_rows: int | None, options: dict[str, Any]
) -> tuple[list[tuple[int, Any]], list[Any], list[Any]]:
    """What curves_of takes. max_rows: None where no category can be above it."""
    cuts: list[ranges.Cut] = []
    counts: list[Any] = []
    if max_rows is not None:
        matched = matched.materialize()
        cuts = ranges.find_cuts([table for _, table in _tables(_only(matched, SAMPLES))], max_rows)
        refuse_cuts(cuts, options["draws"], max_rows)
    n_ranges, given = sum(cut.n_ranges for cut in cuts), {"cuts": cuts, "n": n}
    if cuts:
        matched = matched.map_batches(cut_categories, batch_size=None, batch_format="pyarrow", fn_kwargs=given)
        counted = _by_part(_only(matched, RANGES), n_ranges, count_packets, **given)
        counts = [table for _, table in _tables(counted)]
    reduced = _by_part(matched, n + 1 + n_ranges, reduce_packets, **given, counts=counts, options=options)
    return _tables(reduced), cuts, counts


def _by_part(packets: Any, n_parts: int, step: Callable[..., Any], **given: Any) -> Any:
    return packets.groupby(PART, num_partitions=n_parts).map_groups(step, batch_format="pyarrow", fn_kwargs=given)


def _only(packets: Any, kind: int) -> Any:
    return packets.map_batches(only, batch_size=None, batch_format="pyarrow", fn_kwargs={"kind": kind})


def _tables(packets: Any) -> list[tuple[int, Any]]:
    """The kinds and the tables."""
    return [(row["kind"], opened(row["table"])) for row in packets.iter_rows()]


def _empty(source: Any, argument: str, kind: type) -> Any:
    """A table without rows, of a Dataset's columns."""
    if not isinstance(source, kind):
        raise TypeError(f"{argument} must be a path of Parquet files or a Ray Dataset, got {type(source).__name__}")
    pa = arrow.pyarrow(argument)
    schema: Any = source.schema()  # type: ignore[attr-defined]
    if schema is None:
        raise ValueError(f"{argument} is a Ray Dataset without columns")
    return pa.schema(list(zip(schema.names, schema.types, strict=True))).empty_table()


def _packets(data: Any, source: Any, side: Side, kind: int, n: int) -> Any:
    """The rows of one side in packets of n parts by image, as a Dataset."""
    given: dict[str, Any] = {"kind": kind, "side": side, "n": n}
    if not side.in_files:
        return source.map_batches(cut_packets, batch_size=None, batch_format="pyarrow", fn_kwargs=given)
    return _of_places(data, len(side.groups), read_packets, **given)


def _of_places(data: Any, n_places: int, step: Callable[..., Iterator[Any]], **given: Any) -> Any:
    """The packets that a step makes of the places from 0, each a task, as a Dataset."""
    places = data.range(n_places, override_num_blocks=max(n_places, 1))
    return places.map_batches(_step, batch_size=None, batch_format="pyarrow", fn_kwargs={"step": step, **given})


def _step(rows: Any, step: Callable[..., Iterator[Any]], **given: Any) -> Iterator[Any]:
    return step(rows.column("id").to_pylist(), **given)
