"""Outcomes: what matching leaves behind, and all that the metrics need. The interchange format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._records import record
from ..kernels import arrays
from .protocol import Protocol
from .shapes import Shape

if TYPE_CHECKING:
    from .._arrays import F64, I32, I64, U64, Ids


@record
class Outcomes:
    """What happened to every detection, by cells; a cell is one image and category that holds any object.

    The arrays are numpy's, or torch's on one GPU, but for the ids.

    image_ids: every image evaluated, ascending; int64 or str, on the host. category_ids: (K,) int64 or str, axis K, on
        the host.
    category_cells: int64 (K + 1,); the cells of category k are category_cells[k] : category_cells[k + 1].
    cell_image: int32 (C,), position in image_ids, ascending within a category.
    offsets: int64 (C + 1,); the detections of a cell, by falling score, at most max_dets[-1] of them.
    n_gt: int32 (C, A), ground truths that count, by area range.
    scores: float64 (D,). matched, ignored: uint64 (D, W); bit a * T + t belongs to area range a, threshold t.
    """

    protocol: Protocol
    shape: Shape
    image_ids: Ids
    category_ids: Ids
    category_cells: I64
    cell_image: I32
    offsets: I64
    n_gt: I32
    scores: F64
    matched: U64
    ignored: U64
    category_names: Mapping[Any, str] = field(default_factory=dict)
    category_groups: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    @property
    def iou_type(self) -> str:
        """The name of the shape."""
        return self.shape.iou_type

    @property
    def n_images(self) -> int:
        """The images evaluated, those without objects too."""
        return len(self.image_ids)

    @property
    def device(self) -> str:
        """Where the arrays are: "host" (numpy's), or "cuda:0" and its like."""
        return "host" if isinstance(self.scores, np.ndarray) else str(self.scores.device)

    def on_host(self) -> Outcomes:
        """The same with numpy arrays; itself where they are that already."""
        found = {name: arrays.to_host(value) for name, value in vars(self).items()}
        return self if all(found[name] is value for name, value in vars(self).items()) else replace(self, **found)

    def to_bytes(self) -> bytes:
        """These outcomes as bytes for a file or another machine."""
        from .serialization import outcomes_to_bytes

        return outcomes_to_bytes(self.on_host())

    @classmethod
    def from_bytes(cls, data: bytes) -> Outcomes:
        """The inverse of to_bytes. Raises ValueError for bytes that are damaged, foreign or of a newer version."""
        from .serialization import outcomes_from_bytes

        return outcomes_from_bytes(data)[0]
