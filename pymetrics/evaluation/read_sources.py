"""What the user holds, both sides, to Sources and Columns."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from ..formats import EMPTY, ITEMS, OUTPUTS, SIDES, TABLE, as_kind, check_sides, format_of, opened, order_of_tables
from ..formats.options import ReadOptions
from ..formats.source import Source
from ..formats.table_options import TableOptions
from .build_columns import build_columns
from .class_map import rename_categories
from .columns import Columns
from .data_warnings import warn_of_misuse
from .protocol import Protocol
from .shapes import Shape, as_shape


def read_sources(
    gt: Any,
    dt: Any,
    iou_type: str = "bbox",
    box_format: str | None = None,
    normalized: bool = False,
    first_image: int = 0,
    use_ignore: bool = False,
    tables: TableOptions | None = None,
) -> tuple[Source, Source]:
    """Ground truth and detections of any kind; the arguments are those of pymetrics.evaluate.

    first_image: the number of the first image, where gt is a list per image without image ids.

    Raises:
        OSError, TypeError, ValueError: what the user gave cannot be read; the message says what.
    """
    tables = tables or TableOptions()
    gt_options = ReadOptions("gt", iou_type, box_format, normalized, first_image, use_ignore=use_ignore, tables=tables)
    dt_options = ReadOptions("dt", iou_type, box_format, normalized, tables=tables)
    gt, dt = opened(gt, gt_options), opened(dt, dt_options)
    gt_format, dt_format = format_of(gt, "gt"), format_of(dt, "dt")
    check_sides(gt, gt_format, dt, dt_format)
    if TABLE in (gt_format, dt_format):
        gt_options, dt_options = order_of_tables(gt, dt, gt_options, dt_options)
    else:
        require_table(tables)
    if gt_format is EMPTY and dt_format in (ITEMS, OUTPUTS):
        gt_format = ITEMS
    gt_source = gt_format.read(gt, gt_options)
    images = gt_source.axes.images if gt_format in (ITEMS, OUTPUTS) else None
    if gt_source.axes.are_names and dt_format in (ITEMS, OUTPUTS):
        has_ids = isinstance(dt[0], Mapping) and "image_id" in dt[0]
        images = None if has_ids else gt_source.axes.images
    dt_source = dt_format.read(dt, replace(dt_options, images=images))
    if gt_source.axes.are_names or dt_source.axes.are_names:
        from ..formats.by_name import joined_by_name

        dt_source = joined_by_name(gt_source, dt_source)
    return gt_source, dt_source


def read(
    source: Any,
    side: Literal["gt", "dt"],
    iou_type: str = "bbox",
    box_format: str | None = None,
    normalized: bool = False,
    *,
    use_ignore: bool = False,
    columns: Any = None,
    order: str | None = None,
    images: Any = None,
    categories: Any = None,
    format: str | None = None,
    split: str | None = None,
) -> Source:
    """Read ground truth ("gt") or detections ("dt") once, to evaluate them several times.

        gt = pymetrics.read("gt.json", "gt")
        for path in paths: pymetrics.evaluate(gt, path)

    Args:
        source: what pymetrics.evaluate takes. In a list of predictions each needs an image_id.
        side: "gt" or "dt".
        columns, order, images, categories: of tables, as for pymetrics.evaluate.
        iou_type, box_format, normalized, use_ignore: as for pymetrics.evaluate, which then need not be told box_format
            and normalized again, and refuses others.
        format: what a path leads to: "coco", "yolo", "voc", "cvat", "openimages" or "pennfudan"; None: what is found
            there.
        split: which part: of a YOLO data set a key of its data.yaml (None: "val", or the only one that is there), of
            a VOC folder a name in ImageSets/Main (None: all annotations).

    Raises:
        OSError, TypeError, ValueError: as pymetrics.evaluate; the values of tensors on a GPU are checked there.
    """
    if side not in ("gt", "dt"):
        raise ValueError(f"side must be 'gt' or 'dt', got {side!r}")
    as_shape(iou_type)  # raises where there is none of this name
    tables = TableOptions(columns, order, images, categories)
    options = ReadOptions(
        side, iou_type, box_format, normalized, use_ignore=use_ignore, kind=as_kind(format, source), split=split,
        tables=tables,
    )  # fmt: skip
    source = opened(source, options)
    entry = format_of(source, side)
    if entry.side not in (side, "either"):
        raise ValueError(f"source must be {SIDES[side]}, got {entry.name}")
    if entry is TABLE:
        options = order_of_tables(source, None, options, options)[0]
    else:
        require_table(tables)
    found = entry.read(source, options)
    if isinstance(found.category, np.ndarray):  # what is on a GPU is checked when it is evaluated
        found.check()
    return found


def are_paths(*sources: Any) -> bool:
    """Whether all are paths, and none of a JSON file."""
    return all(isinstance(one, (str, os.PathLike)) and not os.fsdecode(one).endswith(".json") for one in sources)


def require_table(tables: TableOptions) -> None:
    """Refuse arguments that only tables read. Raises ValueError."""
    if tables.given is not None:
        raise ValueError(f"{tables.given}= is of tables (Arrow, Parquet) alone, and none is here")


def read_columns(
    gt: Any,
    dt: Any,
    shape: Shape,
    protocol: Protocol,
    *,
    box_format: str | None = None,
    normalized: bool = False,
    image_sizes: Any = None,
    use_ignore: bool = False,
    class_map: Mapping[Any, Any] | None = None,
    first_image: int = 0,
    number_by_image: bool = False,
    given: set[str] | None = None,
    tables: TableOptions | None = None,
) -> Columns:
    """Columns of what the user holds, checked, with the warnings about likely mistakes.

    first_image: as for read_sources. number_by_image: as for build_columns. given: as for warn_of_misuse.

    The Sources are freed when this returns, so that later stages reuse their memory: new pages would cost a tenth of
    an evaluation.
    """
    sources = read_sources(gt, dt, shape.iou_type, box_format, normalized, first_image, use_ignore, tables)
    sources = rename_categories(*sources, class_map)
    columns = build_columns(
        *sources, shape, use_cats=protocol.use_cats, image_sizes=image_sizes, number_by_image=number_by_image
    )
    warn_of_misuse(*sources, columns, given)
    return columns
