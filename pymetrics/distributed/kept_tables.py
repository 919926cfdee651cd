"""Rows of matches and rows of images as Arrow's tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analysis.per_image import per_image
from ..evaluation.build_columns import place_in_image
from ..evaluation.columns import Columns, Side
from ..evaluation.matches import Matches, match_rows
from ..evaluation.result import Result
from ..formats.options import ReadOptions
from ..formats.source import Source
from ..formats.table_options import TableOptions
from ..formats.tables import Table, arrow
from ..formats.tables.rows import column_of, has_column, list_column, place_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The columns that name a row of one side, each with a value for each row of its Source: "dt", "dt_id", "dt_box".
Origin = dict[str, Any]


def origins_of(
    sources: tuple[Source, Source], data: Columns, tables: tuple[Any, Any], iou_type: str, columns: Any
) -> dict[str, Origin]:
    """How rows of match_table name the rows of each side. tables: what the sources were read from.

    Raises:
        TypeError, ValueError: an id is null, or neither an integer nor a string.
    """
    options = [ReadOptions(side, iou_type, tables=TableOptions(columns)) for side in ("gt", "dt")]
    given = zip(sources, (data.gt, data.dt), tables, options, strict=True)
    return {of.argument: _origin(source, side, table, of) for source, side, table, of in given}


def _origin(source: Source, side: Side, table: Any, options: ReadOptions) -> Origin:
    pa, argument = arrow.pyarrow(options.argument), options.argument
    found: Origin = {argument: pa.array(place_in_image(source.image))}
    ids = _ids(Table(argument, pa.table(table)), options)
    if ids is not None:
        order = getattr(source.where, "order", None)
        found[f"{argument}_id"] = pa.array(ids if order is None else ids[order])
    if options.iou_type == "bbox":
        boxes = np.full((len(source), 4), np.nan)
        boxes[slice(None) if side.source_row is None else side.source_row] = side.shape
        found[f"{argument}_box"] = pa.FixedSizeListArray.from_arrays(pa.array(boxes.reshape(-1)), 4)
    return found


def _ids(table: Table, options: ReadOptions) -> NDArray[Any] | None:
    """The column `id` of all objects in the order of the table; None where it has none."""
    layout, name = table.layout(options), table.preset(options).names.get("id")
    if not isinstance(name, str) or not has_column(table.schema, name):
        return None
    place = place_of(replace(layout, names={**layout.names, "id": name}), "id", 0)
    values = list_column(table.content, name, place)[0] if layout.nested else column_of(table.content, name)
    return arrow.ids(values, place)


def match_table(result: Result, ious: Iterable[float], origins: Mapping[str, Origin]) -> Any:
    """What became of each detection and of each ground truth that no detection took, at some of the IoU thresholds.

    The rows are those of `result.matches.at(iou)` and `.missed(iou)`, of the area range "all".

    Returns:
        A pyarrow.Table: `image`, `category`, ids; `iou`, float64, the threshold; `status`, "tp", "fp", "ignored"
        (counts neither for nor against), or "fn", a ground truth that no detection took; `score`, float64, null in
        rows of "fn"; `overlap`, float64, of a detection with the ground truth that it took; `dt` and `gt`, int64, the
        places of both among the rows of their image on their side, from 0, in the order that order= says; `dt_id` and
        `gt_id`, the column `id` of a side that has one; of iou_type "bbox" `dt_box` and `gt_box`, x, y, width and
        height. Null where there is no detection, or no ground truth.
    """
    protocol, thresholds = result.protocol, tuple(ious)
    area = protocol.area_names[protocol.whole_area]
    part = replace(protocol, iou_thresholds=thresholds, summary=None, lenient=True)
    assert result.columns is not None
    assert result.cells is not None
    matches = match_rows(result.columns, result.cells, part, (area,))
    return arrow.pyarrow("table").concat_tables([_at(matches, iou, area, origins) for iou in thresholds])


def _at(matches: Matches, iou: float, area: str, origins: Mapping[str, Origin]) -> Any:
    pa = arrow.pyarrow("table")
    found, missed = matches.at(iou, area), matches.missed(iou, area)
    n, nothing = len(missed), np.zeros(len(missed))
    rows = {"dt": np.append(found.dt, np.full(n, -1)), "gt": np.append(found.gt, missed.gt)}
    without = {side: of < 0 for side, of in rows.items()}
    columns = {
        "image": pa.array(np.append(found.image, missed.image)),
        "category": pa.array(np.append(found.category, missed.category)),
        "iou": pa.array(np.full(len(rows["dt"]), iou)),
        "status": pa.array(np.append(found.status, np.full(n, "fn"))),
        "score": pa.array(np.append(found.score, nothing), mask=without["dt"]),
        "overlap": pa.array(np.append(found.overlap, nothing), mask=without["dt"] | without["gt"]),
    }
    for side, of in rows.items():
        places = pa.array(of, mask=without[side])
        columns |= {name: column.take(places) for name, column in origins[side].items()}
    return pa.table(columns)


def image_table(result: Result, iou: float, score: float) -> Any:
    """The rows of analysis.per_image as a pyarrow.Table; its `id` is the column `image`, and file_name is left out."""
    rows = per_image(result, iou, score)
    names = [name for name in (rows[0] if rows else ()) if name not in ("id", "file_name")]
    images = [row["id"] for row in rows]
    return arrow.pyarrow("table").table({"image": images, **{name: [row[name] for row in rows] for name in names}})
