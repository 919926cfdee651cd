"""Parquet as Rows, and Rows as Parquet, flat or nested: what convert goes through."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .._records import record
from .boxes import BoxFormat
from .image_sizes import image_id
from .masks import RawMasks, raw_masks
from .options import ReadOptions
from .rows import Image, Row, Rows
from .source import Source
from .tables import CATEGORY_NAMES, Table, arrow, parquet
from .tables.rows import IMAGE, column_of, place_of
from .tables.source import source_of
from .tables.write import nested_table, write_table

FILE_NAME, SIZE = "file_name", ("height", "width")  # of images, beside what an evaluation reads
SCHEMAS = {"parquet": "flat", "parquet-nested": "nested"}


def open_parquet(path: str | os.PathLike[str], side: str) -> Table:
    """A path of Parquet files, whatever they are called. Raises OSError, ValueError, ImportError."""
    arrow.pyarrow(side)
    return Table(side, files=parquet.files_of(path, side))


def has_scores(path: str | os.PathLike[str]) -> bool:
    """Whether they have the column of scores."""
    return any(open_parquet(path, "dt").has_scores(ReadOptions("dt", kind)) for kind in ("bbox", "segm"))


def read(path: str | os.PathLike[str], side: Literal["gt", "dt"]) -> Rows:
    """What Parquet files hold, in the order of the files.

    An image is named by the column file_name, which convert writes, or by its id.

    Raises:
        OSError, TypeError, ValueError: as pymetrics.read; or two images have one name.
    """
    table = open_parquet(path, side)
    boxes, masks = (_source(table, ReadOptions(side, kind)) for kind in ("bbox", "segm"))
    source = boxes or masks
    if source is None:  # to say which column is missing
        table.layout(ReadOptions(side))
        raise AssertionError
    source.check()
    images = _images(table, ReadOptions(side, "bbox" if masks is None else "segm"))
    runs = [None] * len(source) if masks is None else _runs(masks)
    found, box_format = _boxes(boxes, masks)
    names = {image.source_id: image.image for image in images}
    areas = _areas(source)
    flags = [_flags(column, len(source)) for column in (source.crowd, source.ignore, source.group_of)]
    scores = [None] * len(source) if source.scores is None else source.scores.tolist()
    file = os.fspath(path)
    rows = [
        Row(names[image].id, category, box, file, score=score, mask=mask, area=area, crowd=crowd,
            ignore=ignore and not crowd, group_of=group_of)
        for image, category, box, score, mask, area, crowd, ignore, group_of in zip(
            source.image.tolist(), source.category.tolist(), found, scores, runs, areas, *flags, strict=True
        )
    ]  # fmt: skip
    known = dict(source.axes.names)
    for category in source.category.tolist():
        known.setdefault(category, str(category))
    return Rows("Parquet", rows, box_format, [image.image for image in images], known, True)


@record
class _Found:
    """An image, and its id in the table."""

    source_id: Any
    image: Image


def _source(table: Table, options: ReadOptions) -> Source | None:
    """Boxes or masks of a table; None where it has no such column."""
    preset = table.preset(options)
    column = preset.names.get("bbox" if options.iou_type == "bbox" else "counts")
    try:
        table.layout(options)
    except ValueError:
        if column is None or not table.has(column):
            return None
        raise
    return source_of(table.rows(options), options, preset.box_format, table.names_of_categories(options))


def _images(table: Table, options: ReadOptions) -> list[_Found]:
    """All images in the order of the files. Raises ValueError: two images have one name."""
    found: dict[Any, Image] = {}
    for file in table.files or ():
        opened = parquet.open_file(file, table.argument)
        layout = table.layout(options)
        more = [name for name in (FILE_NAME, *SIZE) if name in opened.schema_arrow.names]
        for index, _, n in parquet.row_groups(file, opened):
            if not n:
                continue
            name = str(layout.names[IMAGE])
            piece = parquet.row_group(opened, index, [name, *more], file, table.argument)
            ids = arrow.ids(column_of(piece, name), place_of(layout, IMAGE, 0)).tolist()
            columns = [piece[key].to_pylist() if key in more else [None] * n for key in (FILE_NAME, *SIZE)]
            for id, text, height, width in zip(ids, *columns, strict=True):
                if id not in found:
                    found[id] = _image(id, text, height, width)
    by_name: dict[str, Any] = {}
    for id, image in found.items():
        if by_name.setdefault(image.id, id) != id:
            raise ValueError(
                f"{table.argument}: the images {by_name[image.id]!r} and {id!r} are both named {image.id!r}"
            )
    return [_Found(id, image) for id, image in found.items()]


def _image(id: Any, text: Any, height: Any, width: Any) -> Image:
    size = (int(height), int(width)) if _is_side(height) and _is_side(width) else None
    name = str(id) if text is None else str(text)
    own = image_id(name) if text is not None else name
    return Image(own, name, size, None if own == id else id)


def _is_side(value: Any) -> bool:
    return isinstance(value, (int, float)) and 0 < value < 2**31 and value == int(value)


def _runs(masks: Source) -> list[Any]:
    shape: RawMasks = masks.shape
    runs = shape.columns(None, masks.where).decoded()
    texts, sizes = runs.texts(), runs.sizes.tolist()
    return [{"size": size, "counts": text.decode()} for size, text in zip(sizes, texts, strict=True)]


def _boxes(boxes: Source | None, masks: Source | None) -> tuple[list[list[float]], BoxFormat]:
    """Four numbers of each row; those around the masks where there are no others."""
    if boxes is not None:
        return np.asarray(boxes.shape.values, np.float64).tolist(), boxes.shape.format
    assert masks is not None
    found = masks.shape.columns(None, masks.where).decoded().measures.boxes
    return found.tolist(), BoxFormat("xywh")


def _areas(source: Source) -> list[float | None]:
    if source.area is None:
        return [None] * len(source)
    missing = np.zeros(len(source), np.bool_) if source.no_area is None else source.no_area
    return [None if none else area for none, area in zip(missing.tolist(), source.area.tolist(), strict=True)]


def _flags(column: Any, n: int) -> list[bool]:
    return [False] * n if column is None else (np.asarray(column) != 0).tolist()


def with_runs(rows: Rows, side: str) -> Rows:
    """The same with masks as runs. Raises ValueError: an object has none, or the size of its image is not known."""
    sizes = {image.id: image.size for image in rows.images or ()}
    for i, row in enumerate(rows.rows):
        if not row.mask and not row.polygons:
            raise ValueError(f"{side}: the object {i} (from 0) has no mask, which iou_type 'segm' writes of all")
        if not row.mask and sizes.get(row.image) is None:
            raise ValueError(f"{side}: the size of the image {row.image!r} is not known, which polygons need")
    found = raw_masks([row.mask or row.polygons for row in rows.rows], lambda name, i: f"{side}: {name}, object {i}")
    of_rows = np.array([sizes.get(row.image) or (0, 0) for row in rows.rows], np.float64).reshape(-1, 2)
    runs = found.columns(of_rows, lambda name, i: f"{side}: {name}, object {i}").decoded()
    masks = [
        {"size": size, "counts": text.decode()} for size, text in zip(runs.sizes.tolist(), runs.texts(), strict=True)
    ]
    return replace(
        rows, rows=[replace(row, mask=mask, polygons=None) for row, mask in zip(rows.rows, masks, strict=True)]
    )


def write(rows: Rows, target: Path, side: str, iou_type: str, schema: str) -> None:
    """Rows in pixels as one file; of masks, which are runs, with iou_type "segm" alone. Raises ValueError."""
    pa = arrow.pyarrow("target")
    images = list(rows.images or ())
    ids = [image.id if image.number is None else image.number for image in images]
    _require_one_kind(ids, "image ids")
    _require_one_kind(rows.names, "category ids")
    place = {image.id: i for i, image in enumerate(images)}
    of_row = np.array([place[row.image] for row in rows.rows], np.int64)
    image_columns = {IMAGE: _ids(pa, ids)}
    if any(image.name != id for image, id in zip(images, ids, strict=True)):
        image_columns[FILE_NAME] = pa.array([image.name for image in images], pa.string())
    has_runs = iou_type == "segm"
    if has_runs or any(image.size is not None for image in images):
        sides = [image.size or (None, None) for image in images]
        image_columns |= {key: pa.array([size[i] for size in sides], pa.int64()) for i, key in enumerate(SIZE)}
    objects = _objects(pa, rows, side, has_runs)
    if schema == "flat":
        of_rows = {name: values.take(pa.array(of_row)) for name, values in image_columns.items()}
        if has_runs:
            of_rows |= _sizes_of_masks(pa, rows.rows)
        table = pa.table({**of_rows, **objects, "id": pa.array(np.arange(1, len(of_row) + 1))})
    else:
        if has_runs:
            _require_sizes(rows.rows, images, place)
        table = nested_table(image_columns, of_row, objects)
    names = json.dumps([[id, name] for id, name in rows.names.items()], ensure_ascii=False)
    write_table(table.replace_schema_metadata({CATEGORY_NAMES: names}), target, schema)


def _objects(pa: Any, rows: Rows, side: str, has_runs: bool) -> dict[str, Any]:
    """The columns of objects but for their images."""
    found = rows.rows
    boxes = np.array([row.box for row in found], np.float64).reshape(-1)
    columns = {
        "category_id": _ids(pa, [row.category for row in found], list(rows.names)),
        "bbox": pa.FixedSizeListArray.from_arrays(pa.array(boxes), 4),
    }
    if side == "dt":
        columns["score"] = pa.array([row.score for row in found], pa.float64())
    if any(row.area is not None for row in found):
        columns["area"] = pa.array([row.area for row in found], pa.float64())
    for name, key in (("iscrowd", "crowd"), ("ignore", "ignore"), ("group_of", "group_of")):
        values = [getattr(row, key) for row in found]
        if any(values):
            columns[name] = pa.array(np.array(values, np.uint8))
    if has_runs:
        columns["counts"] = pa.array([(row.mask or {})["counts"].encode() for row in found], pa.binary())
    return columns


def _sizes_of_masks(pa: Any, rows: Sequence[Row]) -> dict[str, Any]:
    sizes = [(row.mask or {})["size"] for row in rows]
    return {key: pa.array([size[i] for size in sizes], pa.int64()) for i, key in enumerate(SIZE)}


def _require_sizes(rows: Sequence[Row], images: Sequence[Image], place: dict[str, int]) -> None:
    """In a nested table masks have the size of their image."""
    for row in rows:
        size = images[place[row.image]].size
        if tuple((row.mask or {})["size"]) != size:
            raise ValueError(
                f"a mask of image {row.image!r} has the size {tuple((row.mask or {})['size'])}, the image {size}: only "
                "the flat schema holds it"
            )


def _ids(pa: Any, ids: Sequence[Any], kind_of: Sequence[Any] = ()) -> Any:
    is_text = isinstance(next(iter(ids or kind_of), 0), str)
    return pa.array(ids, pa.string() if is_text else pa.int64())


def _require_one_kind(ids: Iterable[Any], what: str) -> None:
    kinds = {isinstance(id, str): id for id in ids}
    if len(kinds) > 1:
        raise ValueError(f"{what} must be all integers or all strings: {kinds[False]!r} and {kinds[True]!r}")
