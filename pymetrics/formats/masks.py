"""Masks as sources have them: compressed and uncompressed runs, polygons, bitmaps; and columns of runs of them."""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .._records import record
from . import runs
from .ranges import offsets_of
from .run_texts import TextColumns
from .runs import RunColumns
from .values import Where, as_array


@record
class Polygons:
    """The polygons of R rows.

    points: float64 (M, 2), x and y in pixels. offsets: int64 (P + 1,), the points of each polygon. groups: int64
    (R + 1,), the polygons of each row.
    """

    points: NDArray[np.float64]
    offsets: NDArray[np.int64]
    groups: NDArray[np.int64]

    def drawn(self, sizes: NDArray[np.int64], name: runs.Name) -> RunColumns:
        """The masks of the rows, unions of their polygons. sizes: int64 (R, 2), height and width of each row's image.

        Raises:
            ValueError: a coordinate is not finite, or 2**27 or more in size; an image has 2**32 pixels or more.
        """
        n_polygons = np.diff(self.groups)

        def name_of_polygon(polygon: int) -> str:
            row = bisect_right(self.groups, polygon) - 1
            return f"{name(row)}[{polygon - self.groups[row]}]"

        found = runs.of_polygons(self.points, self.offsets, np.repeat(sizes, n_polygons, axis=0), name_of_polygon)
        return found if (n_polygons == 1).all() else found.merged(self.groups)


@record
class RawMasks:
    """Masks as a source has them.

    runs: the masks that have runs. polygons: the others, or None.
    order: int64 (N,), for each row its place among those of runs, then of polygons; None: 0 to N - 1.
    """

    runs: RunColumns | TextColumns
    polygons: Polygons | None = None
    order: NDArray[np.int64] | None = None
    name: ClassVar[str] = "masks"
    sizes_for: ClassVar[str] = "polygons"

    def __len__(self) -> int:
        return len(self.runs) + (0 if self.polygons is None else len(self.polygons.groups) - 1)

    def on_host(self) -> RawMasks:
        """Itself: masks are always on the host."""
        return self

    def decoded(self) -> RawMasks:
        """The same with runs in place of texts."""
        return RawMasks(self.runs.decoded(), self.polygons, self.order)

    @property
    def needs_sizes(self) -> bool:
        """Whether the columns depend on the sizes of the images: of polygons."""
        return self.polygons is not None

    @property
    def rows_with_sizes(self) -> NDArray[np.int64]:
        """Which rows need the size of their image."""
        return self._rows()[len(self.runs) :]

    def check(self, where: Where) -> None:
        """Refuse runs that do not sum to height * width. Raises ValueError."""
        rows = self._rows()
        self.runs.check(lambda i: where("masks", int(rows[i])))

    def scale_seems_wrong(self) -> tuple[bool, float | None]:
        """As for boxes; masks are never in parts of an image."""
        return False, None

    def columns(self, image_sizes: Any, where: Where) -> RunColumns | TextColumns:
        """All rows as runs or as texts.

        image_sizes: float64 (N, 2), where needs_sizes: height and width of each row's image.
        """
        found = self.runs
        if self.polygons is not None:
            rows = self.rows_with_sizes
            sizes = np.nan_to_num(image_sizes[rows]).astype(np.int64)
            drawn = self.polygons.drawn(sizes, lambda i: where("masks", int(rows[i])))
            found = runs.joined([self.runs, drawn]) if len(self.runs) else drawn
        return found if self.order is None else found.take(self.order)

    def take(self, rows: Any) -> RawMasks:
        """Some rows, of masks that all have runs and stand in order."""
        return RawMasks(self.runs.take(rows))

    def _rows(self) -> NDArray[np.int64]:
        """The row of each mask of runs, then of polygons."""
        return np.arange(len(self)) if self.order is None else np.argsort(self.order)


def as_raw_masks(raw: Any, side: str, iou_type: str = "segm") -> RawMasks:
    """The raw masks of a source. Raises ValueError where it was read for another iou_type."""
    if isinstance(raw, RawMasks):
        return raw
    if not len(raw):
        return raw_masks([], lambda name, row: name)
    raise ValueError(f"{side} was read for another iou_type: say iou_type={iou_type!r} to pymetrics.read, too")


def raw_masks(values: Sequence[Any], where: Where) -> RawMasks:
    """One value for each row: a dict of `size` and `counts` (compressed: bytes or str; or a list of runs), a list of
    polygons [x, y, x, y, ...], or a bitmap (height, width) of bool or uint8, where other values than 0 count as 1.

    Raises:
        TypeError, ValueError: a value is none of these; the message names its row.
    """
    kinds = [_kind(value, where, row) for row, value in enumerate(values)]
    rows = {kind: [row for row, found in enumerate(kinds) if found == kind] for kind in sorted(set(kinds))}

    def chosen(kind: str) -> list[Any]:
        return list(values) if len(rows[kind]) == len(values) else [values[row] for row in rows[kind]]

    def name(kind: str) -> runs.Name:
        return lambda i: where("masks", rows[kind][i])

    parts, polygons = [], None
    if "text" in rows:
        found = chosen("text")
        parts.append(runs.of_texts(_texts(found), _sizes(found, name("text")), name("text")))
    if "runs" in rows:
        found = chosen("runs")
        parts.append(_of_lists(found, name("runs")))
    if "bitmap" in rows:
        parts += [bitmaps(value[None], name("bitmap")(i)) for i, value in enumerate(chosen("bitmap"))]
    if "polygons" in rows:
        polygons = _polygons(chosen("polygons"), name("polygons"))
    order = None
    if len(rows) > 1:
        kind_order = [kind for kind in ("text", "runs", "bitmap", "polygons") if kind in rows]
        order = np.argsort(np.concatenate([rows[kind] for kind in kind_order]))
    return RawMasks(runs.joined(parts), polygons, order)


def masks_by_image(items: Sequence[Any], names: Sequence[str], where: Where) -> RawMasks:
    """One value for each image: an array of bitmaps, or a list of what raw_masks takes.

    names: of the images' values in errors. where: names rows, of all images together.

    Raises:
        TypeError, ValueError: as raw_masks and bitmaps; or some images have polygons and others arrays.
    """
    if all(isinstance(item, (list, tuple)) for item in items):
        return raw_masks(list(chain.from_iterable(items)), where)
    parts: list[Any] = []
    for item, name in zip(items, names, strict=True):
        if not isinstance(item, (list, tuple)):
            parts.append(bitmaps(item, name))
            continue
        raw = raw_masks(item, lambda _, row, name=name: f"{name}[{row}]")  # type: ignore[misc]
        if raw.needs_sizes:
            raise ValueError(f"{name} holds polygons, where other images have bitmaps: give masks of one kind")
        parts.append(raw.columns(None, where))
    return RawMasks(runs.joined(parts))


def bitmaps(values: Any, name: str) -> RunColumns:
    """Masks of bitmaps (N, height, width) or (N, 1, height, width): bool or integers, set where not 0; or floats, set
    above 0.5. Arrays or tensors. Raises TypeError or ValueError.
    """
    pixels = as_array(values, name)
    if 0 in pixels.shape[:1]:
        pixels = np.empty((0, 1, 1), np.bool_)
    if pixels.ndim == 4 and pixels.shape[1] == 1:
        pixels = pixels[:, 0]
    if pixels.ndim != 3:
        raise ValueError(f"{name} must have shape (N, height, width), got {pixels.shape}")
    if not isinstance(pixels, np.ndarray) or pixels.dtype.kind == "f":
        pixels = (pixels > 0.5) if isinstance(pixels, np.ndarray) else (pixels > 0.5).numpy()
    elif pixels.dtype.kind not in "iub":
        raise TypeError(f"{name} must hold numbers, got dtype {pixels.dtype}")
    elif pixels.dtype.kind != "b":
        pixels = pixels != 0
    return runs.of_bitmaps(np.ascontiguousarray(pixels).view(np.uint8), True)


def _kind(value: Any, where: Where, row: int) -> str:
    if isinstance(value, Mapping):
        counts = value.get("counts")
        if counts is None or "size" not in value:
            got = f"got the keys {list(value)}" if "counts" not in value or "size" not in value else "counts is None"
            raise ValueError(f"{where('masks', row)} must have 'size' and 'counts', {got}")
        return "text" if isinstance(counts, (bytes, str)) else "runs"
    if isinstance(value, (list, tuple)):
        if not value:
            raise ValueError(f"{where('masks', row)} holds no polygon")
        return "polygons"
    torch = sys.modules.get("torch")
    if isinstance(value, np.ndarray) or (torch is not None and isinstance(value, torch.Tensor)):
        return "bitmap"
    raise TypeError(
        f"{where('masks', row)} must be a dict of size and counts, a list of polygons or a bitmap, "
        f"got {type(value).__name__}"
    )


def _texts(values: Sequence[Mapping[str, Any]]) -> list[bytes]:
    texts = [value["counts"] for value in values]
    return [text.encode() if isinstance(text, str) else text for text in texts]


def _sizes(values: Sequence[Mapping[str, Any]], name: runs.Name) -> NDArray[np.int64]:
    sizes = [value["size"] for value in values]
    try:
        flat = np.array(list(chain.from_iterable(sizes)), np.int64)
        if len(flat) == 2 * len(sizes):
            return flat.reshape(-1, 2)
    except (TypeError, ValueError, OverflowError):
        pass
    for i, size in enumerate(sizes):
        try:
            height, width = size
            np.array([height, width], np.int64)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"{name(i)}['size'] must be [height, width], got {size!r}") from None
    raise ValueError(f"{name(0)}['size'] must be [height, width]")


def _of_lists(values: Sequence[Mapping[str, Any]], name: runs.Name) -> RunColumns:
    lists = []
    for i, value in enumerate(values):
        try:
            lists.append(np.array(value["counts"], np.uint32))
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"{name(i)}['counts'] must hold the lengths of runs: {error}") from None
    return runs.of_lists(lists, _sizes(values, name), name)


def _polygons(values: Sequence[Sequence[Any]], name: runs.Name) -> Polygons:
    """All polygons of rows: points as they are, three or more each; or else _odd_polygons."""
    groups = offsets_of(list(map(len, values)))
    flat = list(chain.from_iterable(values))
    try:
        lengths = np.array(list(map(len, flat)))
        coordinates = np.array(list(chain.from_iterable(flat)), np.float64)
    except (TypeError, ValueError):
        lengths = np.zeros(0, np.int64)
        coordinates = np.empty(0)
    if len(lengths) != len(flat) or lengths.sum() != len(coordinates) or (lengths < 6).any() or (lengths % 2).any():
        return _odd_polygons(values, groups, name)
    return Polygons(coordinates.reshape(-1, 2), offsets_of(lengths // 2), groups)


def _odd_polygons(values: Sequence[Sequence[Any]], groups: NDArray[np.int64], name: runs.Name) -> Polygons:
    """As _polygons, row by row: an odd last number is left out (ODD_POLYGON)."""
    points, lengths = [np.empty((0, 2))], []
    for i, polygons in enumerate(values):
        for j, polygon in enumerate(polygons):
            at = f"{name(i)}[{j}]"
            try:
                numbers = np.array(polygon, np.float64)
            except (TypeError, ValueError) as error:
                raise ValueError(f"{at} must be a list x, y, x, y, ...: {error}") from None
            if numbers.ndim != 1 or len(numbers) < (5 if j == 0 else 2):
                what = f"{len(numbers)} numbers" if numbers.ndim == 1 else f"shape {numbers.shape}"
                raise ValueError(f"{at} must be a list x, y, x, y, ... of three points or more, got {what}")
            points.append(numbers[: len(numbers) // 2 * 2].reshape(-1, 2))
            lengths.append(len(numbers) // 2)
    return Polygons(np.concatenate(points), offsets_of(lengths), groups)
