"""Box formats: what the numbers of a box mean, and their conversion to x, y, width, height (rotated: rotated.py)."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from .._records import record
from ..kernels import arrays
from ..kernels.arrays import torch
from .values import Where, as_array, check_finite, widen

if TYPE_CHECKING:
    from numpy.typing import NDArray

# How many numbers a box has, by layout, for each kind of box; the first layout is the default of most sources.
LAYOUTS = {"bbox": {"xyxy": 4, "xywh": 4, "cxcywh": 4}, "obb": {"cxcywhr": 5, "xyxyxyxy": 8}}


class BoxFormat(NamedTuple):
    """layout: a key of LAYOUTS. normalized: in parts of the image.

    "xyxy": two corners. "xywh": corner and size. "cxcywh": centre and size. "cxcywhr": centre, size, and the angle in
    radians, from the x axis towards the y axis. "xyxyxyxy": the four corners of a rectangle in order, in either sense.
    """

    layout: str
    normalized: bool = False

    @property
    def n_columns(self) -> int:
        """How many numbers a box has."""
        return next(layouts[self.layout] for layouts in LAYOUTS.values() if self.layout in layouts)

    @property
    def unit(self) -> str:
        """What the coordinates are, in words."""
        return "in parts of the image" if self.normalized else "in pixels"

    @property
    def can_be_normalized(self) -> bool:
        """Whether its boxes may be in parts of the image: scaled by width and height, they stay of their kind."""
        return self.layout in LAYOUTS["bbox"]


NAMES = {
    "bbox": {
        **{layout: BoxFormat(layout) for layout in LAYOUTS["bbox"]},
        "pascal_voc": BoxFormat("xyxy"),
        "coco": BoxFormat("xywh"),
        "yolo": BoxFormat("cxcywh", normalized=True),
        "albumentations": BoxFormat("xyxy", normalized=True),
    },
    "obb": {layout: BoxFormat(layout) for layout in LAYOUTS["obb"]},
}


def as_box_format(box_format: str, normalized: bool = False, iou_type: str = "bbox") -> BoxFormat:
    """The format of a name; "yolo" and "albumentations" are normalized by themselves.

    Raises:
        ValueError: no such format of this iou_type; or boxes are said to be normalized that cannot be.
    """
    names = NAMES.get(iou_type, NAMES["bbox"])
    if not isinstance(box_format, str) or box_format not in names:
        raise ValueError(f"box_format must be one of {', '.join(names)}; got {box_format!r}")
    found = names[box_format]
    if normalized and not found.can_be_normalized:
        raise ValueError(f"normalized=True does not go with iou_type {iou_type!r}: convert its boxes to pixels")
    return found._replace(normalized=bool(found.normalized or normalized))


def as_any_box_format(box_format: str) -> BoxFormat:
    """As as_box_format, of a name for any kind of box."""
    names = {name: found for formats in NAMES.values() for name, found in formats.items()}
    if not isinstance(box_format, str) or box_format not in names:
        raise ValueError(f"box_format must be one of {', '.join(names)}; got {box_format!r}")
    return names[box_format]


@record
class RawBoxes:
    """Boxes as a source has them. values: (N, n_columns) of any real dtype: a numpy array, or a tensor.

    low: None, or float64 (N, 4), what is left of normalized numbers of more digits behind `values`.
    """

    values: Any
    format: BoxFormat
    low: Any = None
    name: ClassVar[str] = "boxes"
    sizes_for: ClassVar[str] = "normalized boxes"  # what needs the sizes of images
    rows_with_sizes: ClassVar[slice] = slice(None)  # which rows need them, where needs_sizes

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: Any) -> RawBoxes:
        """Some rows, which may repeat."""
        return RawBoxes(self.values[rows], self.format, None if self.low is None else self.low[rows])

    def on_host(self) -> RawBoxes:
        """The same as a numpy array (a tensor on the CPU where its dtype is bfloat16)."""
        return RawBoxes(as_array(self.values, ""), self.format, self.low)

    @property
    def needs_sizes(self) -> bool:
        """Whether the columns depend on the sizes of the images."""
        return self.format.normalized

    def scaled(self, boxes: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Normalized boxes x, y, width, height in pixels. sizes: float64 (N, 2), as scale takes them."""
        found = scale(boxes, sizes)
        if self.low is None:
            return found
        from .fine import to_pixels

        has_more = (self.low != 0).any(axis=1)
        found[has_more] = to_pixels(self.values[has_more], self.low[has_more], self.format.layout, sizes[has_more])
        return found

    def check(self, where: Where) -> None:
        """Refuse values that are not finite, and four corners of no rectangle. Raises ValueError."""
        check_finite(self.values, where, "boxes")
        if self.format.layout == "xyxyxyxy":
            from .rotated import check_rectangles

            check_rectangles(self.values, where)

    def scale_seems_wrong(self) -> tuple[bool, float | None]:
        """Whether all boxes lie in [0, 1], said to be in pixels; the highest value, if above 2, of normalized ones."""
        boxes = widen(self.values)[:, :4]  # not the angle
        if not len(boxes):
            return False, None
        if self.format.normalized:
            highest = float(boxes.max())
            return False, highest if highest > 2 else None
        return _in_unit(boxes[0]) and _in_unit(boxes), None


def as_raw_boxes(raw: Any, iou_type: str, side: str) -> RawBoxes:
    """The raw boxes of a source, which are of this iou_type. Raises ValueError where it was read for another one."""
    if not isinstance(raw, RawBoxes) or raw.format.layout not in LAYOUTS[iou_type]:
        raise ValueError(f"{side} was read for another iou_type: say iou_type={iou_type!r} to pymetrics.read, too")
    return raw


def _in_unit(values: NDArray[Any]) -> bool:
    return bool(values.min() >= 0 and values.max() <= 1)


def box_column(values: Any, where: Where, n_columns: int = 4, *, may_be_rotated: bool = False) -> Any:
    """Boxes (N, n_columns) of a real dtype, as they are. Raises TypeError or ValueError.

    may_be_rotated: rotated boxes, too, go where these do, with another box_format.
    """
    name = where("boxes", None)
    boxes = as_array(values, name)
    if len(boxes.shape) == 2 and boxes.shape[1] == n_columns:
        pass
    elif 0 in boxes.shape and len(boxes.shape) < 3:
        boxes = boxes.reshape(0, n_columns)
    else:
        shape = tuple(boxes.shape)
        fits = [layout for layout, width in LAYOUTS["obb"].items() if shape[1:] == (width,) and may_be_rotated]
        hint = f"; rotated boxes need box_format={fits[0]!r}" if fits else ""
        raise ValueError(f"{name} must have shape (N, {n_columns}), got {shape}{hint}")
    if isinstance(boxes, np.ndarray) and boxes.dtype.kind not in "iuf":
        raise TypeError(f"{name} must hold numbers, got dtype {boxes.dtype}")
    return boxes


def to_xywh(boxes: Any, layout: str) -> NDArray[np.float64]:
    """Boxes as x, y, width, height: computed in their own dtype, rounding included, then widened to float64.

    boxes: (N, 4) numpy array, or CPU tensor of bfloat16; integers are computed in float64.
    The centre goes through the corners, as in torchvision: the width is (cx + w / 2) - (cx - w / 2).

    Returns:
        float64 (N, 4), C-contiguous and writeable; `boxes` itself where it is all that already.
    """
    if layout == "xywh":
        return np.require(widen(boxes), np.float64, ["C", "A", "W", "E"])
    if isinstance(boxes, np.ndarray) and boxes.dtype.kind in "iu":
        boxes = boxes.astype(np.float64)
    out = np.empty((len(boxes), 4))
    step = 16384  # rows at a time, and by columns: five times as fast as all at once
    with np.errstate(over="ignore", invalid="ignore"):
        for begin, j in product(range(0, len(boxes), step), (0, 1)):
            rows = slice(begin, begin + step)
            low, high = boxes[rows, j], boxes[rows, j + 2]
            if layout == "cxcywh":
                half = 0.5 * high
                low, high = low - half, low + half
            out[rows, j], out[rows, j + 2] = widen(low), widen(high - low)
    return out


def tensors_to_xywh(boxes: Any, layout: str) -> Any:
    """As to_xywh, of a tensor: float64 (N, 4), on its device."""
    boxes = boxes if boxes.is_floating_point() else boxes.to(torch().float64)
    return arrays.cast(corners_to_sizes(boxes, layout), "float64")


def corners_to_sizes(boxes: Any, layout: str) -> Any:
    """A tensor of boxes (N, 4) as x, y, width, height, rounded in its own dtype step by step, as in torchvision."""
    if layout == "xywh":
        return boxes
    low, high = boxes[:, :2], boxes[:, 2:]
    if layout == "cxcywh":
        half = 0.5 * high
        low, high = low - half, low + half
    return torch().cat((low, high - low), 1)


def scale(boxes: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normalized x, y, width, height in pixels. sizes: float64 (N, 2), height and width of each box's image."""
    return boxes * sizes[:, [1, 0, 1, 0]]
