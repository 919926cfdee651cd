"""Poses as sources have them: x, y and visibility of each keypoint, flat as in COCO or (poses, keypoints, 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .._records import record
from .dict_columns import DictColumns, read_columns
from .source import Source
from .values import Where, as_array, check_finite, float_column, widen

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_BOX = (np.inf, np.inf, 0.0, 0.0)  # from which everything is infinitely far away


@record
class RawPoses:
    """Poses as a source has them.

    points: float64 (N, J, 3), x, y, and in ground truth visibility, above 0 where visible.
    boxes: float64 (N, 4), x, y, width, height, NO_BOX where there is none; or None. n_labelled: float64 (N,),
        num_keypoints, NaN where it is missing; or None. Both of ground truth alone.
    scales: float64 (N,), square pixels; None: the area that the source says.
    """

    points: NDArray[np.float64]
    boxes: NDArray[np.float64] | None = None
    n_labelled: NDArray[np.float64] | None = None
    scales: NDArray[np.float64] | None = None
    name: ClassVar[str] = "keypoints"
    needs_sizes: ClassVar[bool] = False
    rows_with_sizes: ClassVar[slice] = slice(None)
    sizes_for: ClassVar[str] = "keypoints"

    def __len__(self) -> int:
        return len(self.points)

    def take(self, rows: Any) -> RawPoses:
        """Some rows, which may repeat."""
        found: dict[str, Any] = {name: None if values is None else values[rows] for name, values in vars(self).items()}
        return RawPoses(**found)

    def on_host(self) -> RawPoses:
        """Itself: poses are always on the host."""
        return self

    def check(self, where: Where) -> None:
        """Refuse values that are not finite. Raises ValueError."""
        check_finite(self.points, where, "keypoints")
        if self.boxes is not None:
            check_finite(self.boxes, where, "boxes", but=np.all(self.boxes == NO_BOX, axis=1)[:, None])

    def scale_seems_wrong(self) -> tuple[bool, float | None]:
        """As for boxes; keypoints are never in parts of an image."""
        return False, None

    def n_visible(self) -> NDArray[np.int64]:
        """int64 (N,): the visible keypoints of each pose."""
        found: NDArray[np.int64] = np.count_nonzero(self.points[:, :, 2] > 0, axis=1)
        return found

    def without_keypoints(self) -> NDArray[np.bool_]:
        """bool (N,): the poses of num_keypoints 0, which is counted where it is missing; they are ignored."""
        counts: Any = self.n_labelled
        if counts is None or np.isnan(counts).any():
            counts = self.n_visible() if counts is None else np.where(np.isnan(counts), self.n_visible(), counts)
        found: NDArray[np.bool_] = counts == 0
        return found


def as_raw_poses(raw: Any, iou_type: str, side: str) -> RawPoses:
    """The raw poses of a source. Raises ValueError where it was read for another iou_type."""
    if isinstance(raw, RawPoses):
        return raw
    if not len(raw):
        return RawPoses(np.empty((0, 0, 3)))
    raise ValueError(f"{side} was read for another iou_type: say iou_type={iou_type!r} to pymetrics.read, too")


def with_unlabelled_ignored(source: Source) -> Source:
    """Ground truth in which poses without keypoints are ignored. The columns must have equal lengths."""
    if not len(source.shape):
        return source
    ignore, unread = source.shape.without_keypoints(), source.unread_ignore
    if unread is not None:  # what COCOeval wrote there says the same
        unread = np.where(ignore, unread.dtype.type(0), unread)
    ignore = ignore if source.ignore is None else ignore | (source.ignore != 0)
    return replace(source, ignore=ignore, unread_ignore=unread)


def pose_columns(rows: Any, keys: Sequence[str], optional: Sequence[str] = ()) -> DictColumns | None:
    """As read_columns, of these keys and of `keypoints`, whose lists are as long as the first one."""
    first = rows[0] if type(rows) in (list, tuple) and rows else None
    values = first.get("keypoints") if type(first) is dict else None
    if type(values) not in (list, tuple) or not values or len(values) % 3:
        return None
    return read_columns(rows, (*keys, "keypoints"), optional, len(values))


def poses_of_columns(columns: DictColumns) -> RawPoses:
    """The poses of what pose_columns read: of ground truth with the optional keys bbox and num_keypoints."""
    points = columns["keypoints"].reshape(len(columns["keypoints"]), -1, 3)
    if "bbox" not in columns.has:
        return RawPoses(points)
    boxes = np.where(columns.has["bbox"][:, None], columns["bbox"], NO_BOX)
    return RawPoses(points, boxes, np.where(columns.has["num_keypoints"], columns["num_keypoints"], np.nan))


def poses_of_rows(rows: Sequence[Mapping[str, Any]], values: Sequence[Any], where: Where, *, is_gt: bool) -> RawPoses:
    """The poses of COCO's annotations. values: their keypoints. Raises TypeError or ValueError."""
    points = flat_points(values, where, is_gt=is_gt)
    if not is_gt:
        return RawPoses(points)
    boxes = np.tile(NO_BOX, (len(rows), 1))
    for i, row in enumerate(rows):
        if row.get("bbox") is not None:
            box = row["bbox"]
            if not hasattr(box, "__len__") or len(box) != 4:
                raise ValueError(f"{where('boxes', i)} must hold 4 numbers, got {box!r}")
            boxes[i] = float_column(list(box), lambda _, j, i=i: f"{where('boxes', i)}[{j}]", "boxes")  # type: ignore[misc]
    counts = [row.get("num_keypoints") for row in rows]
    n_labelled = float_column([np.nan if count is None else count for count in counts], where, "num_keypoints")
    return RawPoses(points, boxes, n_labelled)


def flat_points(values: Sequence[Any], where: Where, *, is_gt: bool) -> NDArray[np.float64]:
    """float64 (N, J, 3) of COCO's lists: x, y and visibility of the first keypoint, then of the second, and so on.

    Detections may lack their last visibility, which nothing reads (NO_LAST_VISIBILITY).

    Raises:
        TypeError, ValueError: a value is no such list of numbers, or the lists have different lengths.
    """
    if not len(values):
        return np.empty((0, 0, 3))
    try:
        lengths = np.fromiter(map(len, values), np.int64, len(values))
        flat = np.array(list(chain.from_iterable(values)))
    except (TypeError, ValueError):
        _refuse_row(values, where)
        raise
    if flat.dtype.kind not in "iufb" or flat.ndim != 1:
        _refuse_row(values, where)
    length = int(lengths[0])
    if not is_gt and length % 3 == 2:
        length += 1
    if length % 3 or not length or (lengths != length).any():
        return _rows_of_lengths(flat, lengths, length, where, is_gt=is_gt)
    return np.ascontiguousarray(flat, np.float64).reshape(len(values), length // 3, 3)


def _rows_of_lengths(
    flat: NDArray[Any], lengths: NDArray[np.int64], length: int, where: Where, *, is_gt: bool
) -> NDArray[np.float64]:
    """As flat_points, where some detections lack their last visibility; or an error."""
    first = f"{length} as {where('keypoints', 0)}" if length % 3 == 0 and length else "a multiple of 3"
    is_right = (lengths == length) | ((lengths == length - 1) & (not is_gt))
    if length % 3 or not length or not is_right.all():
        row = int(np.argmin(is_right)) if length % 3 == 0 and length else 0
        raise ValueError(
            f"{where('keypoints', row)} must hold x, y and visibility of each keypoint, {first}: got "
            f"{lengths[row]} numbers"
        )
    out = np.zeros((len(lengths), length))
    out[np.arange(length) < lengths[:, None]] = flat
    return out.reshape(len(lengths), length // 3, 3)


def _refuse_row(values: Sequence[Any], where: Where) -> None:
    """Name the first row that is no list of numbers. Raises TypeError or ValueError."""
    for row, value in enumerate(values):
        try:
            numbers = np.array(value)
        except ValueError:
            numbers = np.empty((0, 0))
        if numbers.ndim != 1 or (numbers.dtype.kind not in "iufb" and numbers.size):
            shown = repr(value)
            raise TypeError(
                f"{where('keypoints', row)} must be a list of numbers, x, y and visibility of each keypoint; got "
                f"{shown if len(shown) < 60 else shown[:57] + '...'}"
            )
    raise TypeError(f"{where('keypoints', None)} must hold lists of numbers")


def point_column(values: Any, name: str) -> NDArray[np.float64]:
    """Poses (N, J, 3) as float64: an array, a tensor or nested lists. Raises TypeError or ValueError."""
    points = widen(as_array(values, name))
    if points.ndim != 3 and 0 in points.shape:
        points = np.empty((0, 0, 3))
    if points.ndim != 3 or points.shape[2] != 3 or (len(points) and not points.shape[1]):
        raise ValueError(f"{name} must have shape (N, keypoints, 3), got {points.shape}")
    if points.dtype.kind not in "iufb":
        raise TypeError(f"{name} must hold numbers, got dtype {points.dtype}")
    return np.require(points, np.float64, ["C", "A", "E"])


def joined_points(parts: Sequence[Any], names: Sequence[str]) -> NDArray[np.float64]:
    """The poses of several images, (n, J, 3) each, with one J. names: of the parts in errors.

    Raises:
        TypeError, ValueError: as point_column; or the numbers of keypoints differ.
    """
    points = [point_column(part, name) for part, name in zip(parts, names, strict=True)]
    filled = [i for i, part in enumerate(points) if len(part)]
    if not filled:
        return np.empty((0, 0, 3))
    first = filled[0]
    for i in filled:
        if points[i].shape[1] != points[first].shape[1]:
            raise ValueError(
                f"{names[i]} has {points[i].shape[1]} keypoints a pose, {names[first]} has {points[first].shape[1]}"
            )
    return np.concatenate([points[i] for i in filled])
