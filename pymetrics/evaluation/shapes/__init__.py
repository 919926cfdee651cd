"""Shapes: what is compared, one module each. SHAPES is the only list of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ...formats.source import Source
from ..cells import Cells
from ..columns import Side
from .boundary import Boundary
from .boxes import Boxes
from .keypoints import CrowdKeypoints, Keypoints
from .masks import Masks
from .rotated import Rotated


class Shape(Protocol):
    """What an evaluation asks of a shape. `columns` stands for the shape's own arrays of N rows (Side.shape).

    iou_type: its name. params: what else decides about overlaps (of keypoints, sigmas); plain values, which are
        compared when accumulators merge and are saved with outcomes.
    """

    @property
    def iou_type(self) -> str:
        """Its name."""

    @property
    def params(self) -> Mapping[str, Any]:
        """The shape's parameters by name."""

    def read(self, source: Source, image_sizes: Any) -> Any:
        """Columns from what a reader found (source.shape), whose values were checked.

        image_sizes: float64 (N, 2), height and width of each row's image, where source.shape.needs_sizes; else None.
        """

    def area(self, columns: Any) -> Any:
        """float64 (N,), square pixels."""

    def take(self, columns: Any, rows: Any) -> Any:
        """The columns of some rows, which may repeat."""

    def on_host(self, columns: Any) -> Any:
        """The columns with numpy arrays."""

    def overlaps(self, dt: Side, gt: Side, cells: Cells, least: float = 0.0) -> Any:
        """All overlaps of every cell, one cell after another: float64, (detections, ground truths), row-major.

        least: where it is above 0, overlaps below it may be written as 0.
        """

    @property
    def unusual(self) -> Callable[[Any, Any], Any] | None:
        """None: the data goes to the host, whatever device it is on; or (columns, source.shape), of data on a GPU: an
        int64 tensor (1,), above 0 where the host should look at the values, to refuse or to warn.
        """

    @property
    def match(self) -> Callable[..., None] | None:
        """None; or (dt, gt, cells, table, outputs): area_words, overlaps and match_cells in one, the same bytes."""


SHAPES: dict[str, Callable[..., Shape]] = {
    "bbox": Boxes,
    "obb": Rotated,
    "segm": Masks,
    "boundary": Boundary,
    "keypoints": Keypoints,
    "keypoints_crowd": CrowdKeypoints,
}


def as_shape(iou_type: str, **params: Any) -> Shape:
    """The shape of an iou_type; parameters that are None are left out.

    Raises:
        ValueError: there is no such iou_type; it does not have one of the parameters, or refuses its value.
    """
    if not isinstance(iou_type, str) or iou_type not in SHAPES:
        raise ValueError(f"iou_type must be one of {', '.join(map(repr, SHAPES))}; got {iou_type!r}")
    given = {name: value for name, value in params.items() if value is not None}
    unknown = given.keys() - SHAPES[iou_type]().params.keys()
    if unknown:
        raise ValueError(f"iou_type {iou_type!r} has no parameter {min(unknown)!r}: leave it out")
    return SHAPES[iou_type](**given)
