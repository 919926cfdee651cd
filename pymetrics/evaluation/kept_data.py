"""Columns of several batches as one, for an Accumulator that keeps the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from ..formats.ids import joined_ids, positions
from .columns import Axes, Columns, Side
from .merging import joined_names
from .shapes import Shape


def owned(columns: Columns) -> Columns:
    """The columns on the host, in memory of their own: those that a user gave as arrays may be views of them."""
    return joined_data([columns.on_host()])


def joined_data(chunks: Sequence[Columns]) -> Columns:
    """The columns of all chunks, on the host. Of an image that several chunks hold, the rows of the first one count."""
    image_ids = joined_ids(*(chunk.axes.image_ids for chunk in chunks))
    category_ids = joined_ids(*(chunk.axes.category_ids for chunk in chunks))
    sizes, any_sizes, seen, places = np.full((len(image_ids), 2), np.nan), False, np.zeros(len(image_ids), bool), []
    for chunk in chunks:
        images = positions(chunk.axes.image_ids, image_ids)
        is_new = ~seen[images]
        if chunk.axes.image_sizes is not None:
            sizes[images[is_new]], any_sizes = chunk.axes.image_sizes[is_new], True
        seen[images] = True
        places.append((np.where(is_new, images, -1), positions(chunk.axes.category_ids, category_ids)))
    names, groups = joined_names([chunk.axes for chunk in chunks])
    files = {image: name for chunk in reversed(chunks) for image, name in chunk.axes.image_names.items()}
    shape = chunks[0].shape
    return Columns(
        gt=_joined_sides(shape, [chunk.gt for chunk in chunks], places),
        dt=_joined_sides(shape, [chunk.dt for chunk in chunks], places),
        axes=Axes(image_ids, category_ids, names, groups, sizes if any_sizes else None, files),
        shape=shape,
    )


def _joined_sides(shape: Shape, sides: Sequence[Side], places: Sequence[tuple[Any, Any]]) -> Side:
    """places: for each side the new positions of its images and of its categories, negative to leave out."""
    counts = [len(side.image) for side in sides]

    def moved(values: Any, to: Any) -> Any:
        return np.where(values >= 0, to[values], -1) if len(to) else values

    def filled(name: str, otherwise: Any) -> Any:
        parts = [getattr(side, name) for side in sides]
        if not any(len(part) for part in parts):
            return parts[0]
        whole = [len(part) == n for part, n in zip(parts, counts, strict=True)]
        return np.concatenate([p if ok else otherwise(side) for p, ok, side in zip(parts, whole, sides, strict=True)])

    image = [moved(side.image, to) for side, (to, _) in zip(sides, places, strict=True)]
    category = [moved(side.category, to) for side, (_, to) in zip(sides, places, strict=True)]
    rows = [np.arange(n) if side.source_row is None else side.source_row for side, n in zip(sides, counts, strict=True)]
    return Side(
        image=np.concatenate(image).astype(np.int32),
        category=np.concatenate(category).astype(np.int32),
        shape=_joined_columns([side.shape for side in sides]),
        area=filled("area", lambda side: shape.area(side.shape)),
        flags=filled("flags", lambda side: np.zeros(len(side.image), np.uint8)),
        scores=np.concatenate([side.scores for side in sides]),
        source_row=np.concatenate(rows),
    )


def _joined_columns(parts: Sequence[Any]) -> Any:
    """A shape's own columns: arrays, what joins itself (masks), or a record of arrays, some of which may be None."""
    first = parts[0]
    if isinstance(first, np.ndarray):
        return np.concatenate(parts)
    if hasattr(first, "joined"):
        return first.joined(parts)
    found: dict[str, Any] = {}
    for field in fields(first):
        values = [getattr(part, field.name) for part in parts]
        found[field.name] = None if any(value is None for value in values) else np.concatenate(values)
    return replace(first, **found)
