"""The masks of a data set of which there are no dicts, from its text."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..formats.ids import positions
from ..formats.mask_text import kept_masks
from ..formats.masks import RawMasks
from ..formats.source import Source

if TYPE_CHECKING:
    from numpy.typing import NDArray


def with_masks(source: Source, text: NDArray[np.uint8]) -> Source | None:
    """The annotations with masks in place of boxes, all as runs or as texts; None: their dicts have to be read.

    text: of the file, which is not changed.
    """
    is_gt = source.scores is None
    found = kept_masks(text, source.side)
    if found is None:
        return None
    try:
        masks: Any = found.shape.columns(_sizes_of_rows(source, found.shape), found.where)
    except (LookupError, ValueError):  # maybe of a row that is not evaluated
        return None
    if is_gt:
        return replace(source, shape=RawMasks(masks.decoded()))
    return replace(source, shape=RawMasks(masks), area=found.area)


def _sizes_of_rows(source: Source, masks: RawMasks) -> NDArray[np.float64] | None:
    """Height and width of each row's image, (N, 2), or None. Raises LookupError where a polygon lacks them."""
    if not masks.needs_sizes:
        return None
    images: Any = source.axes.images
    sizes = source.axes.sizes
    if sizes is None or len(np.unique(images)) != len(images):
        raise LookupError
    order = np.argsort(images)
    places = positions(source.image, images[order])
    found: NDArray[np.float64] = np.where(places[:, None] < 0, 0.0, sizes[order][places])
    if np.isnan(found[masks.rows_with_sizes]).any():
        raise LookupError
    return found
