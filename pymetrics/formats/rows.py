"""What the readers of folders, XML and CSV find: rows of objects, before they are a Source or a COCO dict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._records import record
from .boxes import BoxFormat, RawBoxes, to_xywh
from .fine import products
from .masks import Polygons, RawMasks, raw_masks
from .options import ReadOptions
from .source import Source, SourceAxes
from .values import category_column

if TYPE_CHECKING:
    from numpy.typing import NDArray


@record
class Image:
    """One image.

    id: the path of its file without the end. name: of the file. size: height and width, or None. number: its id in
    COCO, or None.
    """

    id: str
    name: str
    size: tuple[int, int] | None = None
    number: int | str | None = None


@record
class Row:
    """One object.

    image: the id of its image. category: the id of its category. box: four numbers, laid out as Rows says.
    file, line: where it stands; line 0: nowhere in particular.
    score: None of ground truth. polygons: lists x, y, x, y, ..., in the units of the box; or None.
    mask: a dict of COCO's runs, or None. area: square pixels, or None for the box's or the mask's own.
    low: what is left behind the floats of `polygons`, which are one then, or else of `box`, where the numbers have more
    digits; or None.
    others: names of what else it has, which these fields do not hold.
    """

    image: str
    category: int | str
    box: Sequence[float]
    file: str
    line: int = 0
    score: float | None = None
    polygons: list[list[float]] | None = None
    mask: dict[str, Any] | None = None
    area: float | None = None
    crowd: bool = False
    ignore: bool = False
    group_of: bool = False
    low: tuple[float, ...] | None = None
    others: tuple[str, ...] = ()


@record
class Rows:
    """One side of an evaluation, as a reader of a folder, of XML or of CSV found it.

    kind: what it is, in words. rows: the objects. box_format: how their boxes are laid out.
    images: all images, or None where only rows name them. names: of categories by id. lists_categories: these are all
    that there are.
    """

    kind: str
    rows: list[Row]
    box_format: BoxFormat
    images: list[Image] | None = None
    names: Mapping[Any, str] = field(default_factory=dict)
    lists_categories: bool = False

    def source(self, options: ReadOptions) -> Source:
        """The Source of one side. Raises ValueError where it does not hold what iou_type compares."""
        side, rows = options.argument, self.rows
        if options.iou_type not in ("bbox", "segm", "boundary"):
            raise ValueError(f"{side} is {self.kind}, which is not read for iou_type {options.iou_type!r}")
        if (options.box_format is not None or options.normalized) and options.format("xywh") != self.box_format:
            raise ValueError(
                f"box_format={options.box_format!r}, normalized={options.normalized} do not change boxes of {side}, "
                f"which is {self.kind}: leave them out, or say them where the other side is read, by pymetrics.read"
            )
        where = _Where(side, rows)
        images = None if self.images is None else np.array([image.id for image in self.images], np.str_)
        categories = category_column(list(self.names), where) if self.lists_categories else None
        scores = None
        if side == "dt":
            scores = np.array([_score(row, where, i) for i, row in enumerate(rows)], np.float64)
        elif any(row.score is not None for row in rows):
            i = next(i for i, row in enumerate(rows) if row.score is not None)
            raise ValueError(f"{where('scores', i)}: gt must be ground truth, but this row has a score")
        found = Source(
            where=where,
            image=np.array([row.image for row in rows], np.str_),
            category=category_column([row.category for row in rows], where),
            shape=self.boxes() if options.compares == "boxes" else self._masks(where),
            scores=scores,
            ids=None,
            axes=SourceAxes(
                images=images if side == "gt" else None,
                categories=categories if side == "gt" else None,
                names=self.names,
                sizes=self._sizes() if side == "gt" else None,
                image_names={image.id: image.name for image in self.images or ()},
                are_names=True,
            ),
            **(self._flags() if side == "gt" else {}),
        )
        found.check()
        return found

    def boxes(self) -> RawBoxes:
        """The boxes of all rows."""
        values = np.array([row.box for row in self.rows], np.float64).reshape(-1, 4)
        if all(row.low is None or row.polygons for row in self.rows):
            return RawBoxes(values, self.box_format)
        low = np.array([(0.0,) * 4 if row.polygons else row.low or (0.0,) * 4 for row in self.rows], np.float64)
        return RawBoxes(values, self.box_format, low)

    def _masks(self, where: _Where) -> RawMasks:
        rows = self.rows
        for i, row in enumerate(rows):
            if row.mask is None and not row.polygons:
                raise ValueError(f"{where('masks', i)}: has a box alone; iou_type 'segm' and 'boundary' compare masks")
        found = raw_masks([row.mask or row.polygons for row in rows], where)
        if self.box_format.normalized and found.polygons is not None:
            return ScaledMasks(found.runs, found.polygons, found.order, self._low_points(found.polygons))
        return found

    def _low_points(self, polygons: Polygons) -> NDArray[np.float64] | None:
        """What is left behind the points of polygons, of their shape; None where all is 0."""
        rows = [row for row in self.rows if row.mask is None]
        if all(row.low is None for row in rows):
            return None
        flat = [value for row in rows for value in row.low or [0.0] * sum(map(len, row.polygons or ()))]
        return np.array(flat, np.float64).reshape(-1, 2) if len(flat) == polygons.points.size else None

    def _flags(self) -> dict[str, Any]:
        rows, flags = self.rows, {}
        for name in ("crowd", "ignore", "group_of"):
            column = np.array([getattr(row, name) for row in rows], np.bool_)
            flags[name] = column if column.any() else None
        no_area = np.array([row.area is None for row in rows], np.bool_)
        if no_area.all():
            return flags
        area = np.array([0.0 if row.area is None else row.area for row in rows], np.float64)
        return {**flags, "area": area, "no_area": no_area if no_area.any() else None}

    def _sizes(self) -> NDArray[np.float64] | None:
        if self.images is None or all(image.size is None for image in self.images):
            return None
        return np.array([image.size or (np.nan, np.nan) for image in self.images], np.float64).reshape(-1, 2)


def in_pixels(rows: Rows, sizes: Mapping[str, tuple[float, float]], side: str) -> Rows:
    """The same with boxes x, y, width, height in pixels, as they are evaluated, and polygons in pixels.

    sizes: height and width by the ids of images. Raises ValueError where one is missing.
    """
    found, raw = rows.rows, rows.boxes()
    values = to_xywh(raw.values, rows.box_format.layout)
    if not rows.box_format.normalized:
        boxes = values.tolist()
        found = [replace(row, box=box) for row, box in zip(found, boxes, strict=True)]
        return replace(rows, rows=found, box_format=BoxFormat("xywh"))
    for row in found:
        if row.image not in sizes:
            place = place_of(side, row.file, row.line)
            raise ValueError(f"{place}: the box is in parts of the image {row.image!r}, whose size is not known")
    of_rows = [sizes[row.image] for row in found]
    boxes = raw.scaled(values, np.array(of_rows, np.float64).reshape(-1, 2)).tolist()
    found = [
        replace(row, box=box, low=None, polygons=_scaled(row, size))
        for row, box, size in zip(found, boxes, of_rows, strict=True)
    ]
    return replace(rows, rows=found, box_format=BoxFormat("xywh"))


def _scaled(row: Row, size: tuple[float, float]) -> list[list[float]] | None:
    if row.polygons is None:
        return None
    found, low = [], list(row.low or ())
    for polygon in row.polygons:
        values = np.array(polygon, np.float64)
        sides = np.where(np.arange(len(values)) % 2, size[0], size[1]).astype(np.float64)
        found.append(products(values, np.array(low), sides).tolist() if low else (values * sides).tolist())
    return found


@record
class ScaledMasks(RawMasks):
    """Polygons in parts of their images. low: float64 (M, 2), what is left behind their points; or None."""

    low: NDArray[np.float64] | None = None

    def columns(self, image_sizes: Any, where: Any) -> Any:
        """As RawMasks.columns."""
        polygons = self.polygons
        if polygons is None:
            return super().columns(image_sizes, where)
        sizes = np.nan_to_num(image_sizes[self.rows_with_sizes])
        per_point = np.repeat(np.repeat(sizes, np.diff(polygons.groups), axis=0), np.diff(polygons.offsets), axis=0)
        points = polygons.points * per_point[:, ::-1]
        if self.low is not None:
            points = products(polygons.points, self.low, per_point[:, ::-1])
        scaled = RawMasks(self.runs, Polygons(points, polygons.offsets, polygons.groups), self.order)
        return scaled.columns(image_sizes, where)


class _Where:
    """Names of columns and values by the file and the line in which they stand."""

    def __init__(self, side: str, rows: list[Row]) -> None:
        self.side = side
        self.places = [(row.file, row.line) for row in rows]

    def __call__(self, name: str, row: int | None) -> str:
        name = {"boxes": "box", "scores": "score", "masks": "mask"}.get(name, name)
        if row is None or row >= len(self.places):
            return f"{self.side}: {name}"
        return f"{place_of(self.side, *self.places[row])}: {name}"


def place_of(side: str, file: str, line: int = 0) -> str:
    """ "gt: 'labels/a.txt', line 3", as errors begin."""
    return f"{side}: {file!r}" + (f", line {line}" if line else "")


def _score(row: Row, where: _Where, i: int) -> float:
    if row.score is None:
        raise ValueError(f"{where('scores', i)} is missing; detections have one in each row")
    return row.score
