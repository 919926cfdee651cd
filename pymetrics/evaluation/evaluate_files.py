"""evaluate() of Parquet files that are read in ranges of images."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..formats import TABLE, check_sides, order_of_tables
from ..formats.options import ReadOptions
from ..formats.table_options import TableOptions
from ..formats.tables import open_table, ranges
from . import stages
from .build_columns import build_columns
from .cells import group
from .data_warnings import warn_of_misuse, warn_of_zero_ids
from .outcomes import Outcomes
from .parts import PartedResult
from .protocol import Protocol
from .result import Result
from .shapes import Shape


def evaluate_files(
    gt: Any,
    dt: Any,
    shape: Shape,
    protocol: Protocol,
    box_format: str | None,
    normalized: bool,
    image_sizes: Any,
    use_ignore: bool,
    tables: TableOptions,
) -> Result | None:
    """The Result of two paths of Parquet files; None where they are others, or are to be read at once.

    They are read at once where they have few rows, and where one id stands for several rows of gt. The arguments are
    those of pymetrics.evaluate. The warnings that count rows are given once, for the first range that they are about.

    Raises:
        OSError, TypeError, ValueError: as pymetrics.evaluate.
    """
    gt_options = ReadOptions("gt", shape.iou_type, box_format, normalized, use_ignore=use_ignore, tables=tables)
    dt_options = ReadOptions("dt", shape.iou_type, box_format, normalized, tables=tables)
    gt, dt = (open_table(path, options) for path, options in ((gt, gt_options), (dt, dt_options)))
    if gt is None or dt is None:
        return None
    check_sides(gt, TABLE, dt, TABLE)
    if ranges.n_objects(gt, gt_options) + ranges.n_objects(dt, dt_options) <= ranges.ROWS_AT_ONCE:
        return None
    gt_options, dt_options = order_of_tables(gt, dt, gt_options, dt_options)
    images = gt_options.tables.images
    sides = (
        ranges.Index(gt, gt_options),
        ranges.Index(dt, replace(dt_options, tables=replace(dt_options.tables, images=None))),
    )
    if sides[0].repeats_ids:
        return None
    parts: list[Outcomes] = []
    given: set[str] = set()
    for gt_source, dt_source in ranges.ranges_of(*sides, images):
        columns = build_columns(
            gt_source, dt_source, shape, use_cats=protocol.use_cats, image_sizes=image_sizes, in_pixels=bool(parts)
        )
        warn_of_misuse(gt_source, dt_source, columns, given)
        del gt_source, dt_source
        outcomes, _ = stages.match(columns, group(columns, protocol.limit), protocol)
        warn_of_zero_ids(outcomes, columns)
        parts.append(_owned(outcomes))
    return PartedResult(parts)


def _owned(outcomes: Outcomes) -> Outcomes:
    """The same without memory that it shares with the rows of its cells."""
    return replace(
        outcomes, scores=np.array(outcomes.scores), cell_image=np.array(outcomes.cell_image),
        offsets=np.array(outcomes.offsets), category_cells=np.array(outcomes.category_cells),
    )  # fmt: skip
