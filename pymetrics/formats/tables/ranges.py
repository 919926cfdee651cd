"""Parquet files in ranges of images, of which memory holds one at a time. All rows of an image are in one range."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._records import record
from ..ids import joined_ids
from ..values import image_column
from . import arrow, parquet
from .held import Held, by_range, range_of, size_of
from .rows import CATEGORY, IMAGE, Layout, Rows, column_of, layout_of, place_of, read_rows, values_of
from .source import source_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..options import ReadOptions
    from ..source import Source
    from . import Table

ROWS_AT_ONCE = 1 << 21  # objects of both sides in one range, but for an image that has more
MOST_READ = 2  # times the rows that there are; above it row groups are read once, and their objects held by range
MOST_HELD = 1 << 32  # bytes of one side that are held so


@record
class Group:
    """One row group. first: the row of its first row in the file. ids: the lowest and the highest id of an image."""

    file: parquet.File
    index: int
    first: int
    n_rows: int
    ids: tuple[Any, Any]


class Index:
    """Where the images of one side stand: ids, ascending, how many objects each has, and the row groups."""

    def __init__(self, table: Table, options: ReadOptions) -> None:
        self.table, self.options, self.groups = table, options, list[Group]()
        self.box_format, self.names = table.preset(options).box_format, table.names_of_categories(options)
        self.nested = False
        self._last: tuple[Group, Rows] | None = None  # at the border of two ranges it is asked for again
        self._held: dict[int, Held] | None = None
        self._row_ids: list[NDArray[np.int64]] = []
        found = [part for file in table.files or () for part in self._of_file(file)]
        self.ids, self.counts = _summed(found)
        self.repeats_ids = _repeat(self._row_ids)
        self._row_ids = []

    def _of_file(self, file: parquet.File) -> Iterator[tuple[NDArray[Any], NDArray[np.int64]]]:
        opened = parquet.open_file(file, self.table.argument)
        layout = self._layout(file, opened)
        self.nested = self.nested or layout.nested
        name = layout.names[IMAGE]
        for index, first, n in parquet.row_groups(file, opened):
            if not n:
                continue
            columns = [str(name), *([str(layout.names["id"])] if "id" in layout.names else [])]
            piece = parquet.row_group(opened, index, columns, file, self.table.argument)
            image = column_of(piece, str(name))
            arrow.require_values(image, place_of(layout, IMAGE, first))
            counted = arrow.plain(image).value_counts()
            ids = arrow.ids(counted.field("values"), lambda row, layout=layout: layout.place(IMAGE, None))  # type: ignore[misc]
            if "id" in layout.names:
                self._row_ids.append(values_of(piece, layout, "id", first, self.options))
            ids_in_order = np.sort(ids)
            self.groups.append(Group(file, index, first, n, (ids_in_order[0], ids_in_order[-1])))
            per_row = _objects_of_a_row(opened, index, str(layout.names[CATEGORY])) if layout.nested else 1
            yield ids, counted.field("counts").to_numpy() * per_row

    def _layout(self, file: parquet.File, opened: Any) -> Layout:
        order = self.table.order_column(self.options)
        return layout_of(opened.schema_arrow, file.path, self.options, order, list(file.partition))

    def set_ranges(self, lows: NDArray[Any], highs: NDArray[Any]) -> None:
        """The lowest and the highest id of each range, ascending: `source` is called for one after another."""
        self._lows, self._highs, self._n_objects = lows, highs, np.zeros(len(lows), np.int64)
        if not self.groups:
            return
        first, last = (range_of([group.ids[end] for group in self.groups], lows) for end in (0, 1))
        n_rows = np.array([group.n_rows for group in self.groups])
        if ((last - first + 1) * n_rows).sum() > MOST_READ * n_rows.sum():
            self._held = {}
        np.add.at(self._n_objects, range_of(self.ids, lows), self.counts)

    def rows(self, i: int) -> Iterator[Rows]:
        """The objects of a range, in the order of the files."""
        if self._held is not None:
            if i not in self._held:
                self._held = {}  # free before it is filled
                self._held = self._hold(i)
            yield from self._held.pop(i).pieces
            return
        low, high = self._lows[i], self._highs[i]
        for group in self._groups(low, high):
            found = self._read(group)
            if low <= group.ids[0] and group.ids[1] <= high:
                yield found
                continue
            image = found.columns[IMAGE]
            images = None if found.images is None else (found.images >= low) & (found.images <= high)
            yield found.take((image >= low) & (image <= high), images)

    def _hold(self, first: int) -> dict[int, Held]:
        """The objects of a range and of those after it, as many as MOST_HELD allows."""
        size = next((size_of(found) for found in map(self._read, self.groups) if len(found)), 1)
        most = MOST_HELD / size
        last = max(first + 1, first + int(np.count_nonzero(np.cumsum(self._n_objects[first:]) <= most)))
        held = {i: Held(int(self._n_objects[i])) for i in range(first, last)}
        for group in self._groups(self._lows[first], self._highs[last - 1]):
            found = self._read(group)
            objects = by_range(found.columns[IMAGE], self._lows)
            images = objects if found.images is None else by_range(found.images, self._lows)
            for i in images.keys() & held.keys():
                of_images = None if found.images is None else images[i]
                held[i].put(found, objects.get(i, np.empty(0, np.intp)), of_images)
        self._last = None
        return held

    def _groups(self, low: Any, high: Any) -> list[Group]:
        return [group for group in self.groups if group.ids[0] <= high and group.ids[1] >= low]

    def _read(self, group: Group) -> Rows:
        if self._last is None or self._last[0] is not group:
            opened = parquet.open_file(group.file, self.table.argument)
            layout = self._layout(group.file, opened)
            piece = parquet.row_group(opened, group.index, layout.columns(), group.file, self.table.argument)
            self._last = group, read_rows(piece, layout, group.first, self.options)
        return self._last[1]

    def source(self, i: int, images: NDArray[Any] | None) -> Source:
        """What the images of a range hold. images: those that the user lists, of all ranges, ascending."""
        options = self.options
        if images is None and self.nested and options.argument == "gt":
            images = self.ids[:0]  # it lists its images, also in a range where it has none
        if images is not None:
            chosen = images[(images >= self._lows[i]) & (images <= self._highs[i])]
            options = replace(options, tables=replace(options.tables, images=chosen))
        n_rows = None if self.nested else int(self._n_objects[i])
        return source_of(self.rows(i), options, self.box_format, self.names, n_rows)


def _objects_of_a_row(opened: Any, index: int, name: str) -> int:
    """How many objects a row of a nested row group has, on average and at least 1. name: the column of categories."""
    group, parts = opened.metadata.row_group(index), set(name.split("."))
    for i in range(group.num_columns):
        column = group.column(i)
        if parts <= set(column.path_in_schema.split(".")):
            return max(1, int(column.num_values) // int(group.num_rows))
    return 1


def _repeat(parts: list[NDArray[np.int64]]) -> bool:
    """Whether an id comes twice."""
    ids = np.concatenate([np.empty(0, np.int64), *parts])
    if not (ids[1:] > ids[:-1]).all():
        ids.sort()
    return bool((ids[1:] == ids[:-1]).any())


def _summed(parts: list[tuple[NDArray[Any], NDArray[np.int64]]]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """All ids, ascending, and the sum of the counts of each. Raises TypeError: integers and strings."""
    if not parts:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    ids, counts = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
    if len({part[0].dtype.kind for part in parts}) > 1:
        raise TypeError("image ids must be all integers or all strings in all files of one side")
    order = np.argsort(ids, kind="stable")
    ids, counts = ids[order], counts[order]
    starts = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
    return ids[starts], np.add.reduceat(counts, starts)


def n_objects(table: Table, options: ReadOptions) -> int:
    """About how many objects all files hold, by what they say of themselves. Raises OSError, TypeError, ValueError."""
    layout, found = table.layout(options), 0
    for file in table.files or ():
        opened = parquet.open_file(file, table.argument)
        for index, _, n in parquet.row_groups(file, opened):
            found += n * (_objects_of_a_row(opened, index, str(layout.names[CATEGORY])) if layout.nested and n else 1)
    return found


def ranges_of(gt: Index, dt: Index, images: Any, at_once: int | None = None) -> Iterator[tuple[Source, Source]]:
    """Both sides, range after range; images without rows are in one of them, too.

    images: that the user lists, or None.

    Raises:
        TypeError, ValueError: as reading all at once.
    """
    listed = None
    if images is not None:
        listed = joined_ids(image_column(images, lambda name, row: f"images[{row}]", "images"))
    names = [f"{side.table.layout(side.options).place(IMAGE, None)}" for side in (gt, dt)]
    ids = joined_ids(gt.ids, dt.ids, *(() if listed is None else (listed,)), names=[*names, "images[0]"])
    weights = np.zeros(len(ids), np.int64)
    for side in (gt, dt):
        weights[np.isin(ids, side.ids, assume_unique=True)] += side.counts
    firsts = _firsts(weights, at_once or ROWS_AT_ONCE)
    lows, highs = (ids[firsts], ids[np.append(firsts[1:], len(ids)) - 1]) if len(ids) else (np.zeros(1, np.int64),) * 2
    for side in (gt, dt):
        side.set_ranges(lows, highs)
    for i in range(len(lows)):
        yield gt.source(i, listed), dt.source(i, None)


def _firsts(weights: NDArray[np.int64], at_once: int) -> NDArray[np.int64]:
    """The first image of each range of at most so many objects, but for images that have more."""
    ends, found = np.cumsum(weights), [0]
    while True:
        before = int(ends[found[-1] - 1]) if found[-1] else 0
        last = max(found[-1] + 1, int(np.count_nonzero(ends <= before + at_once)))
        if last >= len(weights):
            return np.array(found)
        found.append(last)
