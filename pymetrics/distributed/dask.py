"""The plan on Dask: delayed tasks over Arrow's tables, on whatever scheduler is the current one.

from pymetrics.distributed.dask import evaluate

with distributed.Client(...):
    result = evaluate("gt/", "dt/")
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..evaluation.protocol import Protocol
from ..evaluation.result import Result
from ..formats.options import ReadOptions
from ..formats.table_options import TableOptions
from ..formats.tables import Table, arrow, open_table, parquet
from ..formats.tables.names import preset_of
from ..formats.tables.rows import IMAGE, layout_of, read_rows
from ..formats.tables.source import source_of
from . import plan
from .shuffle import split

PLACE = "pymetrics_place"  # the column of (part, row), which a shuffle would lose
ROWS_OF_A_PART = 1 << 32


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
        gt, dt: a path, glob or folder of Parquet files that every worker can read, or a Dask DataFrame.
        iou_type, protocol, columns, order, categories, images: as for pymetrics.evaluate. DataFrames without `id` on
            both sides need order=, the name of a column or "values"; files have the order of their rows.
        n_partitions: how many partitions of images and of categories are made; one of each has to fit into the memory
            of a worker.
        options: what else `plan.match_partition` takes.

    Returns:
        A Result of curves, as plan.finish gives it.

    Raises:
        TypeError, ValueError, OSError: as pymetrics.evaluate, from the first task that fails.
        ImportError: dask is missing.
    """
    try:
        import dask
    except ImportError as error:
        raise ImportError("evaluating on Dask needs it: pip install 'pymetrics-detection[dask]'") from error
    tables = TableOptions(columns, None, None, categories)
    gt_options, dt_options = (ReadOptions(side, iou_type, tables=tables) for side in ("gt", "dt"))
    sides = _Side(dask, gt, gt_options), _Side(dask, dt, dt_options)
    order = _order(order, sides)
    match, reduce = dask.delayed(_match, nout=n_partitions + 1), dask.delayed(_reduce)
    named = {"protocol": protocol, "iou_type": iou_type, "columns": columns, "order": order, "categories": categories}
    pieces = [side.by_image(dask, n_partitions) for side in sides]
    matched = [
        match(gt_pieces, dt_pieces, f"part {i}", n_partitions, {**named, **options})
        for i, (gt_pieces, dt_pieces) in enumerate(zip(*pieces, strict=True))
    ]
    curves = [reduce([part[i] for part in matched]) for i in range(n_partitions)]
    found, ids = dask.compute(curves, [part[n_partitions] for part in matched])
    pa = arrow.pyarrow("gt")
    filled = [table for table in found if table.num_rows] or found[:1]
    n_images = plan.check_images(ids) + _n_without_rows(ids, images)
    return plan.finish(pa.concat_tables(filled), n_images, categories)


class _Side:
    """One side as delayed tables, of which flat ones have the column PLACE.

    in_files: its rows have an order. flat: a row is an object. has_id: it has the column of ids.
    """

    def __init__(self, dask: Any, source: Any, options: ReadOptions) -> None:
        pa = arrow.pyarrow(options.argument)
        table = open_table(source, options) if isinstance(source, (str, os.PathLike)) else None
        self.in_files = table is not None
        if table is None:
            if not hasattr(source, "to_delayed"):
                raise TypeError(
                    f"{options.argument} must be a path of Parquet files or a Dask DataFrame, got "
                    f"{type(source).__name__}"
                )
            table = Table(options.argument, pa.Table.from_pandas(source._meta, preserve_index=False))
        layout, preset = table.layout(options), table.preset(options)
        self.flat, self.has_id = not layout.nested, preset.names.get("id") in table.schema.names
        self.image = str(preset.names[IMAGE])
        if self.in_files:
            read = dask.delayed(_read_group)
            groups = [
                (file, index, first)
                for file in table.files or ()
                for index, first, n in parquet.row_groups(file, parquet.open_file(file, options.argument))
                if n
            ]
            self.parts = [read(file, index, first, i, options) for i, (file, index, first) in enumerate(groups)]
            self.parts = self.parts or [dask.delayed(table.schema.empty_table())]
        else:
            read = dask.delayed(_read_frame)
            self.parts = [read(part, i, self.flat) for i, part in enumerate(source.to_delayed())]

    def by_image(self, dask: Any, n: int) -> list[list[Any]]:
        """For each of n partitions the delayed tables that make it up."""
        cut = dask.delayed(split, nout=n)
        pieces = [cut(part, self.image, n) for part in self.parts]
        return [[piece[i] for piece in pieces] for i in range(n)]


def _order(order: str | None, sides: tuple[_Side, _Side]) -> str | None:
    """The column that match_partition orders rows by."""
    if order == "rows" or (order is None and all(side.in_files for side in sides)):
        order = "id" if order is None and all(side.has_id for side in sides) else PLACE
    return None if order == PLACE and not any(side.flat for side in sides) else order


def _with_place(table: Any, index: int) -> Any:
    pa = arrow.pyarrow("table")
    place = np.arange(table.num_rows, dtype=np.int64) + index * ROWS_OF_A_PART
    return table.append_column(PLACE, pa.array(place))


def _read_group(file: parquet.File, index: int, first: int, part: int, options: ReadOptions) -> Any:
    """A row group, whose values are checked here, where file and row are known."""
    opened = parquet.open_file(file, options.argument)
    layout = layout_of(opened.schema_arrow, file.path, options, None, list(file.partition))
    names = layout.columns()
    id_name = preset_of(options, opened.schema_arrow.names)[0].names.get("id")
    if isinstance(id_name, str) and id_name in opened.schema_arrow.names and id_name not in names:
        names.append(id_name)
    table = parquet.row_group(opened, index, names, file, options.argument)
    source_of([read_rows(table, layout, first, options)], options, None, {}).check()
    return table if layout.nested else _with_place(table, part)


def _read_frame(frame: Any, part: int, flat: bool) -> Any:
    table = arrow.pyarrow("frame").Table.from_pandas(frame, preserve_index=False)
    return _with_place(table, part) if flat else table


def _match(gt: list[Any], dt: list[Any], name: str, n: int, options: dict[str, Any]) -> list[Any]:
    """The outcomes of a partition in n parts by category, and its images' ids."""
    pa = arrow.pyarrow("gt")
    sides = [pa.concat_tables(pieces, promote_options="permissive") for pieces in (gt, dt)]
    rows = plan.match_partition(*sides, **options)
    return [*split(rows, "category", n), plan.image_ids(sides[0], sides[1], name, columns=options["columns"])]


def _reduce(pieces: list[Any]) -> Any:
    """The curves of the categories of one part."""
    pa = arrow.pyarrow("table")
    filled = [piece for piece in pieces if piece.num_rows] or pieces[:1]
    return plan.reduce_category(pa.concat_tables(filled))


def _n_without_rows(tables: list[Any], images: Iterable[Any] | None) -> int:
    """How many of the images that the user lists have no rows."""
    if images is None:
        return 0
    known = {id for table in tables for id in table.column("image").to_pylist()}
    return len(set(images) - known)
