"""Panoptic quality: what one batch counts, and the values of what was counted. torchmetrics' rules and rounding."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics.utilities import rank_zero_warn

from .. import kernels

ROOM = 1024  # pairs of segments that an image has at first; eight times as many at each further attempt
VOID = -1  # the category of what is left out


class Counts(NamedTuple):
    """Of C categories, things in their order, then stuffs in theirs: iou_sum float64, the others int32; on the host."""

    iou_sum: torch.Tensor
    true_positives: torch.Tensor
    false_positives: torch.Tensor
    false_negatives: torch.Tensor


class Categories:
    """The categories of a metric.

    things, stuffs: their ids, as torchmetrics keeps them.

    Raises:
        TypeError: an id is not an int. ValueError: an id is both, or there is none.
    """

    def __init__(self, things: Collection[int], stuffs: Collection[int]) -> None:
        self.things, self.stuffs = set(things), set(stuffs)
        for name, given, ids in (("things", things, self.things), ("stuffs", stuffs, self.stuffs)):
            if len(ids) < len(given):
                rank_zero_warn(
                    f"The provided `{name}` categories contained duplicates, which have been removed.", UserWarning
                )
        for name, given, ids in (("things", things, self.things), ("stuffs", stuffs, self.stuffs)):
            if not all(isinstance(id, int) for id in ids):
                raise TypeError(f"Expected argument `{name}` to contain `int` categories, but got {given}")
        if self.things & self.stuffs:
            raise ValueError(
                f"Expected arguments `things` and `stuffs` to have distinct keys, but got {things} and {stuffs}"
            )
        if not self.things | self.stuffs:
            raise ValueError("At least one of `things` and `stuffs` must be non-empty.")
        self.ids = np.array([*sorted(self.things), *sorted(self.stuffs)], np.int64)
        self._order = np.argsort(self.ids)
        self._ascending = self.ids[self._order]

    def __len__(self) -> int:
        return len(self.ids)

    def places(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Positions among the categories; VOID where an id is none of them."""
        found = np.minimum(np.searchsorted(self._ascending, ids), len(self) - 1)
        return np.where(self._ascending[found] == ids, self._order[found], VOID)

    @property
    def void_color(self) -> tuple[int, int]:
        """A category, and an instance, that no segment has."""
        return 1 + max([0, *self.things, *self.stuffs]), 0


def check(preds: Any, target: Any) -> None:
    """The arguments of update(): torchmetrics' checks."""
    for name, values in (("preds", preds), ("target", target)):
        if not isinstance(values, torch.Tensor):
            raise TypeError(f"Expected argument `{name}` to be of type `torch.Tensor`, but got {type(values)}")
    if preds.shape != target.shape:
        raise ValueError(
            f"Expected argument `preds` and `target` to have the same shape, but got {preds.shape} and {target.shape}"
        )
    if preds.dim() < 3:
        raise ValueError(
            f"Expected argument `preds` to have at least one spatial dimension (B, *spatial_dims, 2), got {preds.shape}"
        )
    if preds.shape[-1] != 2:
        raise ValueError(
            "Expected argument `preds` to have exactly 2 channels in the last dimension (category, instance), "
            f"got {preds.shape} instead"
        )


def count(preds: Any, target: Any, categories: Categories, allow_unknown: bool, modified: bool) -> Counts:
    """The counts of a batch.

    preds, target: (B, *spatial, 2), category and instance of each pixel.
    allow_unknown: unknown categories in preds are left out, as those in target always are.
    modified: for stuffs sum all overlaps, over the number of true segments.

    Raises:
        ValueError: preds hold an unknown category, and may not.
        TypeError, ValueError: as check().
    """
    check(preds, target)
    colors, areas, n_pairs = _pairs(_whole(preds), _whole(target))
    images = [(colors[b, :n], areas[b, :n]) for b, n in enumerate(n_pairs.tolist())]
    if not allow_unknown and any((categories.places(of_image[:, 0]) == VOID).any() for of_image, _ in images):
        flat = preds.detach().flatten(1, -2)
        ids = torch.as_tensor(categories.ids, device=flat.device)
        raise ValueError(f"Unknown categories found: {flat[~torch.isin(flat[..., 0], ids.to(flat.dtype))]}")
    n = len(categories)
    total = Counts(torch.zeros(n, dtype=torch.double), *(torch.zeros(n, dtype=torch.int) for _ in range(3)))
    for of_image in images:
        for whole, part in zip(total, _of_image(*of_image, categories, modified), strict=True):
            whole += part
    return total


def _whole(values: Any) -> NDArray[np.int64]:
    """(B, P, 2) as whole numbers on the host: those of floats keep their order, and equal ones stay equal."""
    flat = values.detach().flatten(1, -2).cpu()
    if not flat.is_floating_point():
        return np.ascontiguousarray(flat.to(torch.int64).numpy())
    numbers = flat.double().numpy() + 0.0  # -0.0 becomes 0.0
    if (np.abs(numbers) < 2**53).all() and (numbers == np.trunc(numbers)).all():
        return np.ascontiguousarray(numbers.astype(np.int64))
    bits = numbers.view(np.int64)
    out = np.where(bits < 0, bits ^ np.int64(2**63 - 1), bits)
    categories = numbers[..., 0]
    is_whole = (np.abs(categories) < 2**53) & (categories == np.trunc(categories))
    out[..., 0] = np.where(is_whole, categories, -(2.0**62)).astype(np.int64)
    return np.ascontiguousarray(out)


def _pairs(preds: NDArray[np.int64], target: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """What panoptic_pairs fills, with room for all pairs."""
    n_images, n_pixels = preds.shape[:2]
    room = min(ROOM, n_pixels)
    while True:
        found = (
            np.empty((n_images, room, 4), np.int64), np.empty((n_images, room), np.int64), np.empty(n_images, np.int64)
        )  # fmt: skip
        kernels.panoptic_pairs(preds, target, *found, 0, n_images)
        if not n_images or found[2].max() <= room:
            return found
        room = min(8 * room, n_pixels)


def _of_image(
    colors: NDArray[np.int64], areas: NDArray[np.int64], categories: Categories, modified: bool
) -> list[torch.Tensor]:
    """Counts of one image, from its pairs of segments, (n, 4), and their pixels."""
    n_categories, n_things = len(categories), len(categories.things)
    out: list[NDArray[Any]] = [np.zeros(n_categories), *(np.zeros(n_categories, np.int32) for _ in range(3))]
    iou_sum, true_positives, false_positives, false_negatives = out
    kind, thing, true_kind, true_thing = _keys(colors, categories)
    ids = np.append(categories.ids, np.iinfo(np.int64).max)  # VOID comes last
    order = _order(ids[kind], thing, ids[true_kind], true_thing)
    keys = np.stack((kind, thing, true_kind, true_thing))[:, order]
    first = np.append(True, (keys[:, 1:] != keys[:, :-1]).any(axis=0))[: len(areas)]
    starts = np.flatnonzero(first)
    kind, thing, true_kind, true_thing = keys[:, starts]
    shared = np.add.reduceat(areas[order], starts) if len(starts) else areas
    pred, true = _numbered(kind, thing), _numbered(true_kind, true_thing)
    sides = []
    for segment, kinds, other_kinds in ((pred, kind, true_kind), (true, true_kind, kind)):
        n = int(segment.max(initial=-1)) + 1
        area, void, kind_of = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
        np.add.at(area, segment, shared)
        np.add.at(void, segment, np.where(other_kinds == VOID, shared, 0))
        kind_of[segment] = kinds
        sides.append((area, void, kind_of, np.zeros(n, np.bool_)))
    (area, void, _, taken), (true_area, true_void, true_kinds, true_taken) = sides
    union = (area - void)[pred] + (true_area - true_void)[true] - shared
    may_match = (kind == true_kind) & (kind != VOID)
    with np.errstate(divide="ignore", invalid="ignore"):
        iou = shared.astype(np.float32) / union.astype(np.float32)  # torch's division of integers
    is_stuff = kind >= n_things if modified else np.zeros(len(kind), np.bool_)
    matched = may_match & (iou > 0.5) & ~is_stuff
    counted = matched | (may_match & is_stuff)
    np.add.at(iou_sum, kind[counted], iou[counted].astype(np.float64))
    np.add.at(true_positives, kind[matched], 1)
    taken[pred[matched]], true_taken[true[matched]] = True, True
    for (of_area, of_void, kinds, was_taken), counts in zip(sides, (false_positives, false_negatives), strict=True):
        missed = ~was_taken & (kinds != VOID) & (of_void.astype(np.float32) / of_area.astype(np.float32) <= 0.5)
        if modified:
            missed &= kinds < n_things
        np.add.at(counts, kinds[missed], 1)
    if modified:
        np.add.at(true_positives, true_kinds[true_kinds >= n_things], 1)
    return [torch.from_numpy(counts) for counts in out]


def _keys(colors: NDArray[np.int64], categories: Categories) -> tuple[NDArray[np.int64], ...]:
    """Positions of categories and instances of both sides; a stuff and what is left out have one instance."""
    found = []
    for side in (0, 2):
        kind = categories.places(colors[:, side])
        is_thing = (kind != VOID) & (kind < len(categories.things))
        found += [kind, np.where(is_thing, colors[:, side + 1], 0)]
    return tuple(found)


def _order(*keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """The places of rows in ascending order, by the first key, then the second, ..."""
    return np.lexsort(keys[::-1])


def _numbered(kind: NDArray[np.int64], thing: NDArray[np.int64]) -> NDArray[np.int64]:
    """A number for each segment, from 0 on."""
    order = _order(kind, thing)
    changes = (kind[order][1:] != kind[order][:-1]) | (thing[order][1:] != thing[order][:-1])
    out = np.empty(len(kind), np.int64)
    out[order] = np.append(0, np.cumsum(changes))[: len(kind)]
    return out


def quality(counts: Counts, with_parts: bool, per_class: bool) -> torch.Tensor:
    """Panoptic quality, a number; with_parts: also segmentation and recognition quality, (3,).

    per_class: (1, C), or with_parts (C, 3). The mean is over categories that were seen; NaN without any.
    """
    iou_sum, true_positives, false_positives, false_negatives = counts
    sq = torch.where(true_positives > 0.0, iou_sum / true_positives, 0.0)
    denominator = true_positives + 0.5 * false_positives + 0.5 * false_negatives
    rq = torch.where(denominator > 0.0, true_positives / denominator, 0.0)
    pq = sq * rq
    if per_class:
        return torch.stack((pq, sq, rq), dim=-1) if with_parts else pq.view(1, -1)
    seen = denominator > 0
    if with_parts:
        return torch.stack((pq[seen].mean(), sq[seen].mean(), rq[seen].mean()), dim=0)
    return pq[seen].mean()
