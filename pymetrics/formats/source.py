"""Source: what every reader returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .._records import record
from ..kernels import arrays
from .values import Where, check_finite, crowd_column, flag_column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._arrays import F64, Bool, Ids

COLUMNS = ("image", "category", "scores", "area", "no_area", "crowd", "ignore", "group_of")
LVIS_KEYS = ("neg_category_ids", "not_exhaustive_category_ids")  # what LVIS says of images, and COCO does not


@record
class SourceAxes:
    """What a source says about the images and categories of the evaluation; None or empty where it says nothing.

    images: int64 or str, the id of every image, in the source's order. categories: int64 or str, of every category.
    unknown: what becomes of rows of other images or (of ground truth) categories: they are refused, or left out with a
        warning or without one.
    names: names of categories by id.
    sizes: float64 (images, 2), height and width of each image in pixels, NaN where it is not known.
    has_lvis_keys: the images have one of LVIS_KEYS.
    image_names: names of images (of their files) by id.
    are_names: a reader made the ids: those of images are names of files, and names of categories say what is meant.
    """

    images: NDArray[Any] | None = None
    categories: NDArray[Any] | None = None
    unknown: Literal["refuse", "warn", "drop"] = "refuse"
    names: Mapping[Any, str] = field(default_factory=dict)
    sizes: NDArray[np.float64] | None = None
    has_lvis_keys: bool = False
    image_names: Mapping[Any, str] = field(default_factory=dict)
    are_names: bool = False


@record
class Source:
    """One side of an evaluation as a reader found it: N rows in the order of the source, ids and layout as they were.

    The columns are numpy arrays, or torch tensors on one GPU (then image ids are integers, and ids is None).

    where: names columns and values in errors.
    image: int64 or str (N,). category: int64 or str (N,), ids or names. indexed: they are positions on the axes, which
        are given, ascend and are unique; int32, -1 where a row is left out.
    shape: what is compared, as the shape's module reads it (RawBoxes for boxes). It has N rows (`len`), `name` (of the
        column, in errors), `on_host()`, `check(where)`, `needs_sizes`, `rows_with_sizes` and
        `scale_seems_wrong()`, as RawBoxes.
    scores: float64 (N,), detections only.
    area: float64 (N,) square pixels; None, or where no_area (bool (N,)) is set: the shape's own.
    crowd: (N,), 1 where any number of detections may match it (it is ignored, too), else 0. ignore: (N,), not 0 where
        it is ignored. group_of: (N,), not 0 where a box stands for a group of objects; read by Open Images' rule
        alone. bool; of files uint8; on a GPU any dtype.
    unread_ignore: (N,), not 0 where the source says `ignore` and was not to be asked for it; None where it says none.
    ids: N annotation ids, int64 or a list of any kind.
    one_row_per_id: no id stands for two rows, or rows that share one were resolved already (DUPLICATE_IDS).
    shares_images: its image ids are those of the other side's items, so that none is unknown.
    axes: images and categories of the whole evaluation, where this source lists them.
    is_checked: the columns have equal lengths and finite values, or may hold any values.
    """

    where: Where
    image: Ids
    category: Ids
    shape: Any
    scores: F64 | None = None
    area: F64 | None = None
    no_area: Bool | None = None
    crowd: Bool | None = None
    ignore: Bool | None = None
    group_of: Bool | None = None
    unread_ignore: Any = None
    ids: list[Any] | NDArray[np.int64] | None = None
    one_row_per_id: bool = False
    indexed: bool = False
    shares_images: bool = False
    axes: SourceAxes = SourceAxes()
    is_checked: bool = False

    def __len__(self) -> int:
        return len(self.image)

    @property
    def side(self) -> str:
        """ "dt" where there are scores, else "gt"."""
        return "gt" if self.scores is None else "dt"

    def with_shape(self, shape: Any) -> Source:
        """The same with another raw shape."""
        return replace(self, shape=shape)

    def on_host(self) -> Source:
        """The same with numpy arrays; itself where they are that already."""
        if isinstance(self.category, np.ndarray):
            return self
        columns = {name: arrays.to_host(getattr(self, name)) for name in COLUMNS}
        return replace(self, shape=self.shape.on_host(), **columns)

    def check(self) -> None:
        """Refuse columns of unequal lengths and values that are not finite. Raises ValueError, naming row and value."""
        if self.is_checked:
            return
        columns = {name: getattr(self, name) for name in (*COLUMNS, "ids")} | {self.shape.name: self.shape}
        for name, column in columns.items():
            if column is not None and len(column) != len(self):
                raise ValueError(
                    f"{self.where(name, None)} has {len(column)} rows, {self.where('image', None)} has {len(self)}"
                )
        self.shape.check(self.where)
        if self.crowd is not None and not _are_flags(self.crowd):
            crowd_column(self.crowd, self.where)
        for name in ("ignore", "group_of"):
            if columns[name] is not None and not _are_flags(columns[name]):
                flag_column(columns[name], self.where, name)
        for name in ("scores", "area"):
            if columns[name] is not None:
                check_finite(columns[name], self.where, name, but=self.no_area if name == "area" else None)


def _are_flags(column: Any) -> bool:
    """Whether it is an array of one axis that can hold nothing but 0 and 1."""
    return type(column) is np.ndarray and column.dtype == np.bool_ and column.ndim == 1
