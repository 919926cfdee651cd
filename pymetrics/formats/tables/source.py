"""Rows of a table's pieces to a Source: joined, put in order, checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..boxes import BoxFormat, RawBoxes, as_box_format
from ..ids import joined_ids, positions
from ..options import ReadOptions
from ..source import Source, SourceAxes
from ..values import category_column, crowd_column, flag_column, float_column, image_column
from .rows import CATEGORY, IMAGE, Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEY_OF = {
    "image": IMAGE, "category": CATEGORY, "boxes": "bbox", "scores": "score", "crowd": "iscrowd", "masks": "counts",
    "ids": "id",
}  # fmt: skip

# Columns that are widened while they are joined. Boxes of other layouts are first computed in their own dtype.
NOT_BOXES = {IMAGE: np.int64, CATEGORY: np.int64, "score": np.float64}
WIDE = {**NOT_BOXES, "bbox": np.float64}


class Room:
    """Columns of numbers for all rows of a table, allocated once.

    Pieces are widened into them as they come, so that Arrow's memory is free again for the next piece: a page that is
    touched first costs more than a copy into it.
    """

    def __init__(self, n_rows: int, box_format: BoxFormat) -> None:
        self.dtypes = WIDE if box_format.layout == "xywh" else NOT_BOXES
        self.columns: dict[str, NDArray[Any]] = {}
        self._n_rows, self._end = n_rows, 0

    def put(self, rows: Rows) -> Rows:
        """The same rows, whose columns are views of the room where they are numbers and fit."""
        begin, self._end = self._end, self._end + len(rows)
        columns = dict(rows.columns)
        for key, dtype in self.dtypes.items():
            value = columns.get(key)
            if value is None or value.dtype.kind == "U" or self._end > self._n_rows:
                continue
            if key not in self.columns:
                self.columns[key] = np.empty((self._n_rows, *value.shape[1:]), dtype)
            columns[key] = self.columns[key][begin : self._end]
            np.copyto(columns[key], value, casting="same_kind")
        return replace(rows, columns=columns)

    def whole(self, key: str, values: Sequence[Any]) -> NDArray[Any] | None:
        """A column of all rows; None where some are not here."""
        found = self.columns.get(key)
        return None if found is None or any(value.base is not found for value in values) else found[: self._end]


class Where:
    """Names a column, or one value of it, of rows that were joined and put in order."""

    def __init__(self, parts: Sequence[Rows]) -> None:
        self._layouts, self._rows = [part.layout for part in parts], [part.row for part in parts]
        self._ends = np.cumsum([len(part) for part in parts])
        self.order: NDArray[np.int64] | None = None

    def __call__(self, name: str, row: int | None) -> str:
        key = KEY_OF.get(name, name)
        if row is None or not len(self._ends) or row >= self._ends[-1]:
            return self._layouts[0].place(key, None) if self._layouts else name
        row = row if self.order is None else int(self.order[row])
        part = int(np.searchsorted(self._ends, row, side="right"))
        first = int(self._ends[part - 1]) if part else 0
        return self._layouts[part].place(key, int(self._rows[part][row - first]))


def source_of(
    pieces: Iterable[Rows],
    options: ReadOptions,
    box_format: str | None,
    names: Mapping[Any, str],
    n_rows: int | None = None,
) -> Source:
    """One side of an evaluation.

    box_format: the default of boxes; None: "xywh". names: of categories by id, where the table says them. n_rows: of
    all pieces, if it is known and they are several.

    Raises:
        TypeError, ValueError: values are out of range, or an image comes twice where a row is an image.
    """
    found = options.format("xywh")
    if options.box_format is None and box_format is not None:
        found = as_box_format(box_format, options.normalized, options.iou_type)
    room = Room(n_rows or 0, found)
    parts = [room.put(piece) for piece in pieces] if n_rows else list(pieces)
    where, columns = Where(parts), _joined(parts, room)
    order = options.tables.order
    if len(columns[IMAGE]):
        if order == "values":
            where.order = _by_values(columns)
        elif "order" in columns:
            where.order = _by_column(columns[IMAGE], columns["order"], where)
    if where.order is not None:
        columns = {key: _taken(value, where.order) for key, value in columns.items() if key != "order"}
    is_gt, area, no_area = options.argument == "gt", columns.get("area"), None
    if area is not None:
        area = float_column(area, where, "area")
        if np.isnan(area).any():
            no_area = np.isnan(area)
            area = np.where(no_area, 0.0, area)
    ignore, group_of = (
        flag_column(columns[name], where, name) if name in columns else None for name in ("ignore", "group_of")
    )
    source = Source(
        where=where,
        image=columns[IMAGE],
        category=columns[CATEGORY],
        shape=_shape(columns, options, found, where),
        scores=None if is_gt else float_column(columns["score"], where, "scores"),
        area=None if no_area is not None and no_area.all() else area,
        no_area=None if no_area is None or no_area.all() else no_area,
        crowd=crowd_column(columns["iscrowd"], where) if "iscrowd" in columns else None,
        ids=columns.get("id") if is_gt else None,
        axes=_axes(parts, columns, options, names, where),
        ignore=ignore,
        group_of=group_of,
    )
    if options.compares == "keypoints" and is_gt:
        from ..keypoints import with_unlabelled_ignored

        return with_unlabelled_ignored(source)
    return source


def _joined(parts: Sequence[Rows], room: Room) -> dict[str, Any]:
    """The columns of all parts; a column that some lack is left out, but for flags and areas, which are filled."""
    if not parts:
        no_ids, nothing = np.empty(0, np.int64), np.empty(0)
        text = np.empty(0, np.uint8), no_ids, no_ids
        return {
            IMAGE: no_ids, CATEGORY: no_ids, "bbox": None, "score": nothing, "counts": text, "height": no_ids,
            "width": no_ids, "keypoints": np.empty((0, 0)),
        }  # fmt: skip
    if len(parts) == 1:
        return {key: _as_ids(key, value) for key, value in parts[0].columns.items()}
    found: dict[str, Any] = {}
    for key in dict.fromkeys(key for part in parts for key in part.columns):
        values = [part.columns.get(key) for part in parts]
        if any(value is None for value in values):
            if key == "id":
                continue
            fill = 0.0 if key in ("iscrowd", "ignore", "group_of") else np.nan
            values = [
                np.full(len(part), fill) if value is None else value for part, value in zip(parts, values, strict=True)
            ]
        whole = room.whole(key, values)
        found[key] = _concatenated(key, values, parts, room.dtypes.get(key)) if whole is None else whole
    return found


def _as_ids(key: str, value: Any) -> Any:
    return value.astype(np.int64, copy=False) if key in (IMAGE, CATEGORY) and value.dtype.kind in "iu" else value


def _concatenated(key: str, values: list[Any], parts: Sequence[Rows], dtype: Any) -> Any:
    if isinstance(values[0], tuple):
        starts = np.cumsum([0, *(len(text) for text, _, _ in values)])
        begins, ends = (
            np.concatenate([value[i] + start for value, start in zip(values, starts[:-1], strict=True)]) for i in (1, 2)
        )
        return np.concatenate([text for text, _, _ in values]), begins, ends
    filled = [(value, part) for value, part in zip(values, parts, strict=True) if len(value)]
    kinds = {value.dtype.kind == "U": part for value, part in filled}
    if len(kinds) > 1:
        texts, others = kinds[True].layout, kinds[False].layout
        raise TypeError(f"{texts.place(key, None)} holds strings, {others.place(key, None)} numbers")
    if key == "keypoints" and len({value.shape[1] for value, _ in filled}) > 1:
        first, other = filled[0], next(pair for pair in filled if pair[0].shape[1] != filled[0][0].shape[1])
        raise ValueError(
            f"{other[1].layout.place(key, int(other[1].row[0]))} holds {other[0].shape[1]} numbers, "
            f"{first[1].layout.place(key, int(first[1].row[0]))} {first[0].shape[1]}"
        )
    if not filled:
        return _as_ids(key, values[0])
    return np.concatenate([value for value, _ in filled], dtype=None if True in kinds else dtype)


def _taken(value: Any, rows: Any) -> Any:
    return (value[0], value[1][rows], value[2][rows]) if isinstance(value, tuple) else value[rows]


def _by_column(image: NDArray[Any], order: NDArray[Any], where: Where) -> NDArray[np.int64] | None:
    """The rows by a column, which differs within each image; None where they stand so already. Raises ValueError."""
    if (order[1:] > order[:-1]).all():
        return None
    found = _sorted([image, order])
    same = (order[found[1:]] == order[found[:-1]]) & (image[found[1:]] == image[found[:-1]])
    if same.any():
        row, other = (int(found[int(np.argmax(same)) + i]) for i in (1, 0))
        raise ValueError(
            f"{where('order', row)} is {order[row].item()!r}, as is {where('order', other)} of the same image: within "
            'an image the values of order= must differ; order="values" goes by the values of the rows'
        )
    return found


def _by_values(columns: Mapping[str, Any]) -> NDArray[np.int64]:
    """The rows of each image by falling score, category, box and what else they hold."""
    keys = [columns[IMAGE]]
    keys += [-columns["score"].astype(np.float64)] if "score" in columns else []
    keys += [columns[CATEGORY]]
    for key in ("bbox", "keypoints"):
        keys += list(columns[key].T) if key in columns else []
    if "counts" in columns:
        text, begins, ends = columns["counts"]
        whole = text.tobytes()
        masks = [whole[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]
        place = {mask: i for i, mask in enumerate(sorted(set(masks)))}
        keys += [np.array([place[mask] for mask in masks]), columns["height"], columns["width"]]
    keys += [columns[key] for key in ("area", "iscrowd", "ignore", "group_of", "num_keypoints", "id") if key in columns]
    return _sorted(keys)


def _sorted(keys: list[Any]) -> NDArray[np.int64]:
    """The rows by the first key, then by the second, and so on."""
    return np.lexsort(keys[::-1])


def _shape(columns: Mapping[str, Any], options: ReadOptions, box_format: BoxFormat, where: Where) -> Any:
    if options.compares == "masks":
        from ..masks import RawMasks
        from ..run_texts import TextColumns

        sizes = np.stack([columns["height"], columns["width"]], axis=1).astype(np.int64).reshape(-1, 2)
        text, begins, ends = columns["counts"]
        name = lambda row: where("masks", row)  # noqa: E731
        return RawMasks(TextColumns.of(np.ascontiguousarray(text), begins.copy(), ends.copy(), sizes, name))
    if options.compares == "keypoints":
        return _poses(columns, options, where)
    values = columns["bbox"]
    return RawBoxes(np.empty((0, box_format.n_columns)) if values is None else values, box_format)


def _poses(columns: Mapping[str, Any], options: ReadOptions, where: Where) -> Any:
    from ..keypoints import RawPoses

    values = columns["keypoints"]
    if values.shape[1] % 3 or (len(values) and not values.shape[1]):
        raise ValueError(
            f"{where('keypoints', 0)} must hold x, y and visibility of each keypoint: got {values.shape[1]} numbers"
        )
    points = np.require(values, np.float64, ["C", "A"]).reshape(len(values), values.shape[1] // 3, 3)
    if options.argument == "dt" or not len(values):
        return RawPoses(points)
    boxes, counts = columns.get("bbox"), columns.get("num_keypoints")
    return RawPoses(
        points,
        None if boxes is None else np.require(boxes, np.float64, ["C"]),
        None if counts is None else float_column(counts, where, "num_keypoints"),
    )


def _axes(
    parts: Sequence[Rows], columns: Mapping[str, Any], options: ReadOptions, names: Mapping[Any, str], where: Where
) -> SourceAxes:
    """The images of nested ground truth, and what images= and categories= say."""
    listed = [part for part in parts if part.images is not None]
    images = sizes = None
    if listed:
        images = np.concatenate([part.images for part in listed if part.images is not None])
        _require_different(images, listed)
    if options.argument == "dt":
        return SourceAxes()
    if listed and all(part.sizes is not None for part in listed):
        sizes = np.concatenate([part.sizes for part in listed if part.sizes is not None])
        sizes = None if np.isnan(sizes).all() else sizes
    tables = options.tables
    if tables.images is not None:
        more = image_column(tables.images, _argument, "images")
        known = () if images is None else (images,)
        places = [part.layout.place(IMAGE, None) for part in listed[:1]]
        both = joined_ids(*known, columns[IMAGE], more, names=[*places, where("image", 0), "images[0]"])
        if sizes is not None and images is not None:
            all_sizes = np.full((len(both), 2), np.nan)
            all_sizes[positions(images, both)] = sizes
            sizes = all_sizes
        images = both
    categories = None
    if tables.categories is not None:
        categories = category_column(list(tables.categories), _argument, "categories")
        if isinstance(tables.categories, Mapping):
            names = dict(zip(categories.tolist(), map(str, tables.categories.values()), strict=True))
    if columns[CATEGORY].dtype.kind != "i":
        names = {} if categories is None or categories.dtype.kind == "U" else names
    return SourceAxes(images=images, categories=categories, names=dict(names), sizes=sizes)


def _argument(name: str, row: int | None) -> str:
    return name if row is None else f"{name}[{row}]"


def _require_different(images: NDArray[Any], parts: Sequence[Rows]) -> None:
    """Refuse an image that two rows hold. Raises ValueError."""
    order = np.argsort(images, kind="stable")
    same = images[order[1:]] == images[order[:-1]]
    if same.any():
        at = int(order[int(np.argmax(same)) + 1])
        layout = parts[0].layout
        n = int((images == images[at]).sum())
        raise ValueError(
            f"{layout.place(IMAGE, None)} holds {images[at].item()!r} in {n} rows: where objects are lists, a row "
            "is an image"
        )
