"""Outcomes of different images as one, and Outcomes of some images, or of none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..formats.ids import joined_ids, positions
from . import stages
from .columns import Axes
from .matches import Matches, arrange_matches
from .outcomes import Outcomes
from .protocol import Protocol
from .shapes import Shape


def merged(chunks: Sequence[Outcomes]) -> Outcomes:
    """Outcomes of different images as one, with the categories of all. One chunk is returned as it is."""
    if len(chunks) == 1:
        return chunks[0]
    if len({chunk.device for chunk in chunks}) > 1:
        chunks = [chunk.on_host() for chunk in chunks]
    image_ids = joined_ids(*(chunk.image_ids for chunk in chunks))
    category_ids = joined_ids(*(chunk.category_ids for chunk in chunks))
    names, groups = joined_names(chunks)
    places = chunk_positions(chunks, image_ids, category_ids)
    return stages.arrange(chunks, places, image_ids, category_ids, names, groups)


def joined_names(parts: Sequence[Outcomes | Axes]) -> tuple[dict[Any, str], dict[str, tuple[Any, ...]]]:
    """Names of categories by id, of the first part that has one, and all members of each group of categories."""
    names = {k: name for part in reversed(parts) for k, name in part.category_names.items()}
    groups: dict[str, tuple[Any, ...]] = {}
    for part in parts:
        for name, members in part.category_groups.items():
            groups[name] = tuple(sorted({*groups.get(name, ()), *members}))
    return names, groups


def chunk_positions(chunks: Sequence[Outcomes], image_ids: Any, category_ids: Any) -> list[tuple[Any, Any]]:
    """For each chunk the positions of its categories and of its images among all."""
    return [(positions(chunk.category_ids, category_ids), positions(chunk.image_ids, image_ids)) for chunk in chunks]


def without_images(outcomes: Outcomes, matches: Matches | None, ids: set[Any]) -> tuple[Outcomes, Matches | None]:
    """The outcomes and matches of all but some images."""
    keep = np.array([i not in ids for i in outcomes.image_ids.tolist()], bool)
    images = np.where(keep, np.cumsum(keep) - 1, -1).astype(np.int32)
    places = [(np.arange(len(outcomes.category_ids), dtype=np.int32), images)]
    image_ids, category_ids = outcomes.image_ids[keep], outcomes.category_ids
    if matches is not None:
        matches = arrange_matches([matches], places, image_ids, category_ids)
    names, groups = outcomes.category_names, outcomes.category_groups
    return stages.arrange([outcomes], places, image_ids, category_ids, names, groups), matches


def nothing(protocol: Protocol, shape: Shape) -> Outcomes:
    n_areas, n_words = len(protocol.area_ranges), protocol.n_words
    no_ids, one = np.empty(0, np.int64), np.zeros(1, np.int64)
    return Outcomes(
        protocol=protocol, shape=shape, image_ids=no_ids, category_ids=no_ids, category_cells=one,
        cell_image=np.empty(0, np.int32), offsets=one, n_gt=np.empty((0, n_areas), np.int32), scores=np.empty(0),
        matched=np.empty((0, n_words), np.uint64), ignored=np.empty((0, n_words), np.uint64),
    )  # fmt: skip


def no_matches(outcomes: Outcomes, areas: Sequence[str]) -> Matches:
    protocol, no_rows = outcomes.protocol.with_areas(areas), np.empty(0, np.int64)
    no_words = np.empty((0, protocol.n_words), np.uint64)
    return Matches(
        protocol=protocol, image_ids=outcomes.image_ids, category_ids=outcomes.category_ids,
        category_cells=outcomes.category_cells, cell_image=outcomes.cell_image, dt_offsets=outcomes.offsets,
        gt_offsets=outcomes.offsets, dt_row=no_rows, gt_row=no_rows, scores=outcomes.scores,
        gt_of=np.empty((0, protocol.n_bits), np.int32), overlap=np.empty((0, protocol.n_bits)), matched=no_words,
        ignored=no_words, gt_ignored=no_words,
    )  # fmt: skip
