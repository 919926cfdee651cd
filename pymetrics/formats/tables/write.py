"""Tables of a Source: what other formats are converted to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..boxes import RawBoxes, scale, to_xywh
from ..ids import positions
from ..keypoints import NO_BOX, RawPoses
from ..masks import RawMasks
from ..write_file import unfinished
from . import arrow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..source import Source

ROW_GROUP = 1 << 20  # rows of a flat table
IMAGES_OF_GROUP = 1 << 17  # rows of a nested one


def write_tables(source: Source, path: str | os.PathLike[str], schema: Literal["flat", "nested"] = "flat") -> None:
    """Write one side of an evaluation, as pymetrics.read gives it, to a Parquet file.

    flat: a row for each object, in the order of the source; images without objects are not in it. nested: a row for
    each image, its objects as lists, in the order of the source's images. Columns are named as in docs/tables.md; boxes
    are x, y, width, height in pixels.

    Raises:
        OSError: the file cannot be written. ImportError: pyarrow is missing.
        ValueError: schema is neither; or sizes of images are needed and not known.
    """
    write_table(table_of(source, schema), path, schema)


def write_table(table: Any, path: str | os.PathLike[str], schema: str) -> None:
    """Write a table of a schema to a Parquet file. Raises OSError."""
    arrow.pyarrow("schema")
    import pyarrow.parquet

    size = ROW_GROUP if schema == "flat" else IMAGES_OF_GROUP
    with unfinished(path) as beside:
        pyarrow.parquet.write_table(table, beside, row_group_size=size)


def table_of(source: Source, schema: str = "flat") -> Any:
    """The same as a pyarrow.Table. Raises ValueError, ImportError."""
    if schema not in ("flat", "nested"):
        raise ValueError(f"schema must be 'flat' or 'nested', got {schema!r}")
    pa = arrow.pyarrow("schema")
    source = source.on_host()
    source.check()
    images, categories, keep = _ids(source)
    sizes = _sizes(source, images)
    columns = {"category_id": pa.array(categories[keep])} | _shape(pa, source, keep, sizes)
    if source.scores is not None:
        columns["score"] = pa.array(source.scores[keep])
    if source.area is not None:
        missing = None if source.no_area is None else source.no_area[keep]
        columns["area"] = pa.array(source.area[keep], mask=missing)
    for name, values in (("iscrowd", source.crowd), ("ignore", source.ignore), ("group_of", source.group_of)):
        if values is not None and np.any(values):
            columns[name] = pa.array(np.asarray(values[keep] != 0, np.uint8))
    if source.ids is not None and source.side == "gt":
        columns["id"] = pa.array(np.asarray(source.ids, np.int64)[keep])
    if schema == "flat":
        return pa.table({"image_id": pa.array(images[keep]), **columns})
    return _nested(pa, source, images[keep], columns)


def _ids(source: Source) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
    """The ids of the images and of the categories of all rows, and the rows that are not left out."""
    image, category = source.image, source.category
    keep = np.arange(len(source))
    if source.indexed:
        assert source.axes.images is not None
        assert source.axes.categories is not None
        keep = np.flatnonzero((image >= 0) & (category >= 0))
        image, category = source.axes.images[np.maximum(image, 0)], source.axes.categories[np.maximum(category, 0)]
    return image, category, keep


def _sizes(source: Source, images: NDArray[Any]) -> Any:
    """float64 (N, 2), height and width of the image of each row, where its shape needs them; else None."""
    if not source.shape.needs_sizes or not len(source):
        return None
    listed = source.axes.images
    if listed is None or source.axes.sizes is None:
        raise ValueError("the sizes of the images are not known, which normalized boxes and polygons need")
    order = np.argsort(listed, kind="stable")
    places = positions(images, listed[order])
    found = np.where((places >= 0)[:, None], source.axes.sizes[order][np.maximum(places, 0)], np.nan)
    missing = np.isnan(found[source.shape.rows_with_sizes]).any(axis=1)
    if missing.any():
        row = np.arange(len(source))[source.shape.rows_with_sizes][int(np.argmax(missing))]
        raise ValueError(
            f"the size of image {images[row].item()!r} is not known, which normalized boxes and polygons need"
        )
    return found


def _shape(pa: Any, source: Source, keep: NDArray[np.int64], sizes: Any) -> dict[str, Any]:
    raw = source.shape
    if isinstance(raw, RawMasks):
        runs = raw.columns(sizes, source.where).decoded().take(keep)
        return {
            "counts": pa.array(runs.texts(), pa.binary()),
            "height": pa.array(runs.sizes[:, 0]),
            "width": pa.array(runs.sizes[:, 1]),
        }
    if isinstance(raw, RawPoses):
        points = raw.points[keep]
        columns = {"keypoints": _lists(pa, points.reshape(len(points), -1))}
        if raw.boxes is not None and not np.all(raw.boxes == NO_BOX, axis=1).any():
            columns["bbox"] = _lists(pa, raw.boxes[keep])
        if raw.n_labelled is not None:
            columns["num_keypoints"] = pa.array(raw.n_labelled[keep], from_pandas=True)
        return columns
    assert isinstance(raw, RawBoxes)
    boxes = np.asarray(raw.values, np.float64) if raw.format.n_columns != 4 else to_xywh(raw.values, raw.format.layout)
    return {"bbox": _lists(pa, (boxes if sizes is None else scale(boxes, sizes))[keep])}


def _lists(pa: Any, values: NDArray[np.float64]) -> Any:
    """Rows as lists of one length."""
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).reshape(-1)), values.shape[1])


def _nested(pa: Any, source: Source, images: NDArray[Any], columns: dict[str, Any]) -> Any:
    listed = images if source.axes.images is None else np.concatenate([source.axes.images, images])
    ids, first = np.unique(listed, return_index=True)
    order = np.argsort(first)  # by ids to the source's order
    place = np.empty(len(ids), np.int64)
    place[order] = np.arange(len(ids))
    of_row = place[positions(images, ids)]
    table = {"image_id": pa.array(ids[order])}
    sizes = source.axes.sizes
    if isinstance(source.shape, RawMasks):
        of_image = np.zeros((len(ids), 2), np.int64)
        for i, key in enumerate(("height", "width")):
            values = columns.pop(key).to_numpy()
            of_image[of_row, i] = values
            if not np.array_equal(of_image[of_row, i], values):
                raise ValueError("masks of one image differ in size: only the schema 'flat' can hold them")
        sizes = of_image.astype(np.float64)
    if sizes is not None and len(sizes) == len(ids):
        table |= {key: pa.array(sizes[:, i], from_pandas=True) for i, key in enumerate(("height", "width"))}
    return nested_table(table, of_row, columns)


def nested_table(images: dict[str, Any], of_row: NDArray[np.int64], objects: dict[str, Any]) -> Any:
    """A row for each image: its columns, and the objects as lists. of_row: (N,), the place of each object's image."""
    pa = arrow.pyarrow("schema")
    n_images, taken = len(images["image_id"]), pa.array(np.argsort(of_row, kind="stable"))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(of_row, minlength=n_images))]).astype(np.int32)
    lists = {key: pa.ListArray.from_arrays(pa.array(offsets), values.take(taken)) for key, values in objects.items()}
    return pa.table({**images, **lists})
