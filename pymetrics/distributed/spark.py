"""The plan on Spark: rows are grouped by image, matched, and their outcomes grouped by category.

from pymetrics.distributed.spark import evaluate

spark = SparkSession.builder.getOrCreate()
result = evaluate("gt/", "dt/")
"""

from __future__ import annotations

import re
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
    opened,
    read_packets,
    reduce_packets,
)

PACKETS = f"{PART} long, kind long, place long, table binary"
ROWS_AT_ONCE = 1 << 20  # of a DataFrame, which Spark hands over in small batches


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
        gt, dt: a path, glob or folder of Parquet files that every worker can read, or a Spark DataFrame. Paths are
            read in the active session.
        iou_type, protocol, columns, order, categories, images: as for pymetrics.evaluate. DataFrames without `id` on
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
        RuntimeError: no Spark session is active.
        ImportError: pyspark is missing.
    """
    try:
        from pyspark import StorageLevel
        from pyspark.errors import PythonException
        from pyspark.sql import DataFrame, SparkSession
    except ImportError as error:
        raise ImportError("evaluating on Spark needs it: pip install 'pymetrics-detection[spark]'") from error
    session: Any = next((given.sparkSession for given in (gt, dt) if isinstance(given, DataFrame)), None)
    session = session or SparkSession.getActiveSession()
    if session is None:
        raise RuntimeError("no Spark session is active: SparkSession.builder.getOrCreate() starts one")
    n_partitions, max_rows, images, categories = checked(n_partitions, max_rows, images, categories)
    sides, match_options, reduce_options = prepare(
        gt, dt, partial(_empty, kind=DataFrame), iou_type=iou_type, protocol=protocol, columns=columns, order=order,
        images=images, categories=categories, draws=draws, seed=seed, **options,
    )  # fmt: skip
    most = max_rows if ranges.are_needed(sides[1].n_rows, max_rows) else None
    match: dict[str, Any] = {"n": n_partitions, "options": match_options, "max_rows": most}
    spans = spans_of(sides, n_partitions)
    if spans is not None:
        matched = _of_places(session, len(spans), match_spans, sides=sides, spans=spans, **match)
    else:
        gt_packets, dt_packets = (
            _packets(session, *given, n_partitions) for given in zip((gt, dt), sides, (GT, DT), strict=True)
        )
        nothing = session.range(1, numPartitions=1).mapInArrow(_batches(lambda rows: [empty_packets(sides)]), PACKETS)
        rows = nothing.union(gt_packets).union(dt_packets)
        matched = _by_part(rows, match_packets, empty=[side.empty for side in sides], **match)
    if most is not None:
        matched = matched.persist(StorageLevel.DISK_ONLY)
    with whole(match_options["kept"]):
        try:
            found, cuts, counts = _reduced(matched, n_partitions, most, reduce_options)
        except PythonException as error:
            raise _cause(error) from error
        finally:
            if most is not None:
                matched.unpersist()
        ids = [table for kind, table in found if kind == IDS]
        return result_of(curves_of(found, cuts, counts), ids, images, categories)


def _reduced(
    matched: Any, n: int, max_rows: int | None, options: dict[str, Any]
) -> tuple[list[tuple[int, Any]], list[Any], list[Any]]:
    """What curves_of takes. max_rows: None where no category can be above it."""
    cuts: list[ranges.Cut] = []
    counts: list[Any] = []
    if max_rows is not None:
        cuts = ranges.find_cuts([table for _, table in _found(matched.where(f"kind = {SAMPLES}"))], max_rows)
        refuse_cuts(cuts, options["draws"], max_rows)
    given: dict[str, Any] = {"cuts": cuts, "n": n}
    if cuts:
        matched = matched.mapInArrow(
            _batches(lambda rows: (p for t in rows for p in cut_categories(t, **given)), 1), PACKETS
        )
        counts = [table for _, table in _found(_by_part(matched.where(f"kind = {RANGES}"), count_packets, **given))]
    return _found(_by_part(matched, reduce_packets, **given, counts=counts, options=options)), cuts, counts


def _by_part(packets: Any, step: Callable[..., Any], **given: Any) -> Any:
    return packets.groupBy(PART).applyInArrow(lambda group: _binary(step(group, **given)), PACKETS)


def _found(packets: Any) -> list[tuple[int, Any]]:
    """The kinds and the tables."""
    return [(row["kind"], opened(row["table"])) for row in packets.collect()]


def _empty(source: Any, argument: str, kind: type) -> Any:
    """A table without rows, of a DataFrame's columns."""
    if not isinstance(source, kind):
        raise TypeError(f"{argument} must be a path of Parquet files or a Spark DataFrame, got {type(source).__name__}")
    from pyspark.sql.pandas.types import to_arrow_schema

    arrow.pyarrow(argument)
    return to_arrow_schema(source.schema).empty_table()  # type: ignore[attr-defined]


def _packets(session: Any, source: Any, side: Side, kind: int, n: int) -> Any:
    """The rows of one side in packets of n parts by image, as a DataFrame."""
    if not side.in_files:
        wanted = [source[f"`{name}`"] for name in side.top_columns(source.columns)]
        cut = _batches(lambda rows: (cut_packets(table, kind, side, n) for table in rows))
        return source.select(wanted).mapInArrow(cut, PACKETS)
    return _of_places(session, len(side.groups), read_packets, kind=kind, side=side, n=n)


def _of_places(session: Any, n_places: int, step: Callable[..., Iterator[Any]], **given: Any) -> Any:
    """The packets that a step makes of the places from 0, each a task, as a DataFrame."""
    run = _batches(lambda rows: (packet for table in rows for packet in step(table.column("id").to_pylist(), **given)))
    return session.range(n_places, numPartitions=max(n_places, 1)).mapInArrow(run, PACKETS)


def _batches(
    step: Callable[[Iterator[Any]], Iterable[Any]], at_once: int = ROWS_AT_ONCE
) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """A step from tables to packets, as mapInArrow runs it on record batches."""
    return lambda batches: (batch for found in step(_tables(batches, at_once)) for batch in _binary(found).to_batches())


def _tables(batches: Iterator[Any], at_once: int) -> Iterator[Any]:
    """Record batches as tables of at least so many rows, but for the last."""
    pa, waiting, n_rows = arrow.pyarrow("table"), [], 0
    for batch in batches:
        waiting.append(batch)
        n_rows += batch.num_rows
        if n_rows >= at_once:
            yield pa.Table.from_batches(waiting)
            waiting, n_rows = [], 0
    if n_rows:
        yield pa.Table.from_batches(waiting)


def _binary(packets: Any) -> Any:
    """Packets with the types of PACKETS."""
    pa = arrow.pyarrow("table")
    place = packets.schema.get_field_index("table")
    return packets.set_column(place, "table", packets.column("table").cast(pa.binary()))


def _cause(error: Exception) -> Exception:
    """The error that a task raised, of the text of its traceback, which is all that Spark hands over."""
    of_files = OSError, FileNotFoundError, PermissionError  # what a worker does not see, or must not read or write
    kinds = {kind.__name__: kind for kind in (TypeError, ValueError, *of_files)}
    found = list(re.finditer(rf"^({'|'.join(kinds)}): (.*?)(?=\n\n|\n\tat |\Z)", str(error), re.M | re.S))
    return kinds[found[-1][1]](found[-1][2].strip()) if found else error
