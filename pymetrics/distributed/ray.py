"""The plan on Ray Data: rows are grouped by image, matched, and their outcomes grouped by category.

from pymetrics.distributed.ray import evaluate

ray.init("auto")
result = evaluate("gt/", "dt/")
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from ..evaluation.protocol import Protocol
from ..evaluation.result import Result
from ..formats.tables import arrow
from .inputs import Side, prepare, result_of
from .kept import whole
from .packets import (
    CURVES,
    DT,
    GT,
    IDS,
    PART,
    cut_packets,
    empty_packets,
    match_packets,
    opened,
    read_packets,
    reduce_packets,
)


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
        draws, seed: of `plan.reduce_category`: intervals, which `result.bootstrap()` gives.
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
    sides, match_options, reduce_options = prepare(
        gt, dt, partial(_empty, kind=data.Dataset), iou_type=iou_type, protocol=protocol, columns=columns, order=order,
        categories=categories, draws=draws, seed=seed, **options,
    )  # fmt: skip
    context = data.DataContext.get_current().copy()
    context.max_errored_blocks, context.raise_original_map_exception = 0, True
    with data.DataContext.current(context), whole(match_options["kept"]):
        packets = [_packets(data, *given, n_partitions) for given in zip((gt, dt), sides, (GT, DT), strict=True)]
        match = {"n": n_partitions, "empty": [side.empty for side in sides], "options": match_options}
        reduced = (
            data.from_arrow(empty_packets(sides))
            .union(*packets)
            .groupby(PART, num_partitions=n_partitions)
            .map_groups(match_packets, batch_format="pyarrow", fn_kwargs=match)
            .groupby(PART, num_partitions=n_partitions + 1)
            .map_groups(reduce_packets, batch_format="pyarrow", fn_kwargs=reduce_options)
        )
        try:
            found = [(row["kind"], opened(row["table"])) for row in reduced.iter_rows()]
        except ray.exceptions.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, Exception) else error) from error
        curves, ids = ([table for kind, table in found if kind == wanted] for wanted in (CURVES, IDS))
        return result_of(curves, ids, images, categories)


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
    given = {"kind": kind, "side": side, "n": n}
    if not side.in_files:
        return source.map_batches(cut_packets, batch_size=None, batch_format="pyarrow", fn_kwargs=given)
    groups = data.range(len(side.groups), override_num_blocks=max(len(side.groups), 1))
    return groups.map_batches(_read, batch_size=None, batch_format="pyarrow", fn_kwargs=given)


def _read(rows: Any, kind: int, side: Side, n: int) -> Iterator[Any]:
    """The packets of the row groups whose places are given."""
    return read_packets(rows.column("id").to_pylist(), kind, side, n)
