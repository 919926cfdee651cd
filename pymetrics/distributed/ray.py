"""The plan on Ray Data: rows are grouped by image, matched, and their outcomes grouped by category.

from pymetrics.distributed.ray import evaluate

ray.init("auto")
result = evaluate("gt/", "dt/")
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..evaluation.protocol import Protocol
from ..evaluation.result import Result
from ..formats.options import ReadOptions
from ..formats.table_options import TableOptions
from ..formats.tables import arrow
from . import plan
from .inputs import Side, is_path, joined, order_of, read_group, result_of
from .shuffle import split

PART = "part"  # what Ray groups by: a part of the images, then of the categories
GT, DT, ROWS, IDS, CURVES = range(5)  # kinds of the tables between the tasks


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
        options: what else `plan.match_partition` takes.

    Returns:
        A Result of curves, as plan.finish gives it.

    Raises:
        TypeError, ValueError, OSError: as pymetrics.evaluate, from the first task that fails.
        ImportError: ray is missing.
    """
    try:
        import ray
        import ray.data as data
    except ImportError as error:
        raise ImportError("evaluating on Ray needs it: pip install 'pymetrics-detection[ray]'") from error
    tables = TableOptions(columns, None, None, categories)
    gt_options, dt_options = (ReadOptions(side, iou_type, tables=tables) for side in ("gt", "dt"))
    sides = _side(gt, gt_options, data.Dataset), _side(dt, dt_options, data.Dataset)
    if order == "rows" and not all(side.in_files for side in sides):
        raise ValueError('order must not be "rows" for a Ray Dataset, whose rows have no order')
    order = order_of(order, sides)
    named = {"protocol": protocol, "iou_type": iou_type, "columns": columns, "order": order, "categories": categories}
    context = data.DataContext.get_current().copy()
    context.max_errored_blocks, context.raise_original_map_exception = 0, True
    with data.DataContext.current(context):
        empty = data.from_arrow(_packed([(0, kind, 0, side.empty) for kind, side in enumerate(sides)]))
        pieces = [_pieces(data, *given, n_partitions) for given in zip((gt, dt), sides, (GT, DT), strict=True)]
        match = {"n": n_partitions, "empty": [side.empty for side in sides], "options": {**named, **options}}
        reduced = (
            empty.union(*pieces)
            .groupby(PART, num_partitions=n_partitions)
            .map_groups(_match, batch_format="pyarrow", fn_kwargs=match)
            .groupby(PART, num_partitions=n_partitions + 1)
            .map_groups(_reduce, batch_format="pyarrow")
        )
        try:
            found = [(row["kind"], _opened(row["table"])) for row in reduced.iter_rows()]
        except ray.exceptions.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, Exception) else error) from error
    curves, ids = ([table for kind, table in found if kind == wanted] for wanted in (CURVES, IDS))
    return result_of(curves, ids, images, categories)


def _side(source: Any, options: ReadOptions, dataset: type) -> Side:
    if is_path(source):
        return Side(source, options)
    if not isinstance(source, dataset):
        raise TypeError(
            f"{options.argument} must be a path of Parquet files or a Ray Dataset, got {type(source).__name__}"
        )
    pa = arrow.pyarrow(options.argument)
    schema: Any = source.schema()  # type: ignore[attr-defined]
    if schema is None:
        raise ValueError(f"{options.argument} is a Ray Dataset without columns")
    return Side(source, options, pa.schema(list(zip(schema.names, schema.types, strict=True))).empty_table())


def _pieces(data: Any, source: Any, side: Side, kind: int, n: int) -> Any:
    """The rows of one side in pieces of n parts by image, as a Dataset."""
    given = {"kind": kind, "side": side, "n": n}
    if not side.in_files:
        return source.map_batches(_cut, batch_size=None, batch_format="pyarrow", fn_kwargs=given)
    groups = data.range(len(side.groups), override_num_blocks=max(len(side.groups), 1))
    return groups.map_batches(_read, batch_size=None, batch_format="pyarrow", fn_kwargs=given)


def _read(rows: Any, kind: int, side: Side, n: int) -> Iterator[Any]:
    """The pieces of the row groups whose places are given."""
    for i in rows.column("id").to_pylist():
        file, index, first = side.groups[i]
        table = read_group(file, index, first, i, side.options)
        yield _packed([(part, kind, i, piece) for part, piece in enumerate(split(table, side.image, n))])


def _cut(table: Any, kind: int, side: Side, n: int) -> Any:
    """The pieces of a block of a Dataset."""
    return _packed([(part, kind, 0, piece) for part, piece in enumerate(split(table, side.image, n))])


def _match(group: Any, n: int, empty: list[Any], options: dict[str, Any]) -> Any:
    """The outcomes of a partition in pieces of n parts by category, and its images' ids as part n."""
    part, tables = group.column(PART)[0].as_py(), _unpacked(group)
    gt, dt = (joined(tables[kind] or [empty[kind]]) for kind in (GT, DT))
    rows = plan.match_partition(gt, dt, **options)
    pieces = [(i, ROWS, part, piece) for i, piece in enumerate(split(rows, "category", n))]
    ids = plan.image_ids(gt, dt, f"part {part}", columns=options["columns"])
    return _packed([*pieces, (n, IDS, part, ids)])


def _reduce(group: Any) -> Any:
    """The curves of the categories of one part; ids stay as they are."""
    rows = _unpacked(group)[ROWS]
    return _packed([(0, CURVES, 0, plan.reduce_category(joined(rows)))]) if rows else group


def _packed(pieces: list[tuple[int, int, int, Any]]) -> Any:
    """Tables of any columns as rows of one: part, kind, place, and the table as a stream of Arrow's.

    Without the empty ones, but for those of part 0 and place 0: these give the columns where all others are empty.
    """
    pa = arrow.pyarrow("table")
    kept = [piece for piece in pieces if piece[3].num_rows or piece[0] == piece[2] == 0]
    parts, kinds, places, tables = zip(*kept, strict=True) if kept else ((), (), (), ())
    streams = []
    for table in tables:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        streams.append(sink.getvalue().to_pybytes())
    names = {PART: parts, "kind": kinds, "place": places}
    whole = {name: pa.array(values, pa.int64()) for name, values in names.items()}
    return pa.table({**whole, "table": pa.array(streams, pa.large_binary())})


def _unpacked(group: Any) -> dict[int, list[Any]]:
    """The tables of a group by kind, in the order of their places."""
    found: dict[int, list[Any]] = {kind: [] for kind in (GT, DT, ROWS, IDS, CURVES)}
    for row in group.sort_by("place").select(["kind", "table"]).to_pylist():
        found[row["kind"]].append(_opened(row["table"]))
    return found


def _opened(stream: bytes) -> Any:
    return arrow.pyarrow("table").ipc.open_stream(stream).read_all()
