"""Run-length masks as columns: made of texts, lists of runs, bitmaps, polygons and boxes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..kernels.polygons import MOST as MOST_COORDINATE
from .ranges import offsets_of, take_ranges

if TYPE_CHECKING:
    from .run_texts import TextColumns

MOST_PIXELS = 2**32 - 1  # pycocotools counts pixels in 32 bits
MASKS_AT_ONCE = 64  # bitmaps whose runs are in memory before they are packed
Name = Callable[[int], str]  # how errors name a row


class Measures(NamedTuple):
    """areas: uint32 (N,), pixels. totals: int64 (N,), the sums of all runs. boxes: float64 (N, 4), xywh in pixels."""

    areas: NDArray[np.uint32]
    totals: NDArray[np.int64]
    boxes: NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class RunColumns:
    """N masks. counts: uint32, all runs, of zeros first, column by column; offsets: int64 (N + 1,), where the runs of
    each mask begin; sizes: int64 (N, 2), height and width."""

    counts: NDArray[np.uint32]
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.sizes)

    @cached_property
    def measures(self) -> Measures:
        """Areas, sums of runs and bounding boxes."""
        n = len(self)
        found = Measures(np.empty(n, np.uint32), np.empty(n, np.int64), np.empty((n, 4)))
        kernels.measure_masks(self.counts, self.offsets, self.sizes, *found, 0, n)
        return found

    @property
    def for_overlaps(self) -> tuple[NDArray[Any], ...]:
        """What the kernel mask_iou reads of one side, but for the rows."""
        return self.counts, self.offsets, self.sizes, self.measures.areas, self.measures.boxes

    def check(self, name: Name) -> None:
        """Refuse masks whose runs do not sum to height * width (REFUSED_MASKS). Raises ValueError."""
        check_totals(self.measures, self.sizes, name)

    def decoded(self) -> RunColumns:
        """Itself: only TextColumns are to be decoded."""
        return self

    def take(self, rows: Any) -> RunColumns:
        """The masks of some rows, which may repeat."""
        counts, offsets = take_ranges(self.counts, self.offsets[:-1][rows], np.diff(self.offsets)[rows])
        return RunColumns(counts, offsets, self.sizes[rows])

    @staticmethod
    def joined(parts: Sequence[RunColumns | TextColumns]) -> RunColumns:
        """The masks of all parts, one part after another."""
        own: list[RunColumns] = [part.decoded() for part in parts]
        lengths = np.concatenate([np.diff(part.offsets) for part in own])
        counts = np.concatenate([part.counts[part.offsets[0] : part.offsets[-1]] for part in own])
        return RunColumns(counts, offsets_of(lengths), np.concatenate([part.sizes for part in own]))

    def merged(self, groups: NDArray[np.int64], intersect: bool = False) -> RunColumns:
        """The union, or the intersection, of each group of masks. groups: int64 (G + 1,), where each begins."""
        n, room = len(groups) - 1, self.offsets[groups]
        out, n_runs, sizes = np.empty(room[-1] - room[0], np.uint32), np.empty(n, np.int64), np.empty((n, 2), np.int64)
        kernels.merge_masks(
            self.counts, self.offsets, self.sizes, groups, int(intersect), room - room[0], out, n_runs, sizes, 0, n
        )
        return packed(out, room - room[0], n_runs, sizes)

    def boundaries(self, ratio: float) -> RunColumns:
        """Each mask's pixels that are at most so many parts of the image's diagonal away from what is not the mask.

        The distance is rounded, an exact half down, and at least 1 pixel.
        """
        n = len(self)
        height, width = self.sizes.T.astype(np.float64)
        distances = np.maximum(1, np.ceil(ratio * np.sqrt(height**2 + width**2) - 0.5)).clip(max=2**40).astype(np.int64)
        rooms, n_runs = 2 * np.diff(self.offsets) + 64, np.empty(n, np.int64)
        while True:
            room = offsets_of(rooms)
            counts = np.empty(room[-1], np.uint32)
            kernels.boundary_masks(self.counts, self.offsets, self.sizes, distances, room, counts, n_runs, 0, n)
            if (n_runs <= rooms).all():
                return packed(counts, room, n_runs, self.sizes)
            rooms = np.maximum(rooms, n_runs)

    def text(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """The runs as COCO's files hold them, one mask after another, and where each begins, (N + 1,)."""
        n, lengths = len(self), np.empty(len(self), np.int64)
        kernels.measure_strings(self.counts, self.offsets, lengths, 0, n)
        offsets = offsets_of(lengths)
        text = np.empty(offsets[-1], np.uint8)
        kernels.write_strings(self.counts, self.offsets, offsets, text, 0, n)
        return text, offsets

    def texts(self) -> list[bytes]:
        """The same, one text for each mask."""
        text, offsets = self.text()
        whole = text.tobytes()
        return [whole[begin:end] for begin, end in pairwise(offsets.tolist())]

    def pixels(self) -> NDArray[np.uint8]:
        """The masks, which are of one size, as bitmaps of 0 and 1: (N, width, height)."""
        height, width = self.sizes[0].tolist() if len(self) else (0, 0)
        out = np.empty((len(self), width * height), np.uint8)
        kernels.decode_masks(self.counts, self.offsets, out, 0, len(self))
        return out.reshape(len(self), width, height)


def packed(counts: Any, room: Any, n_runs: Any, sizes: Any) -> RunColumns:
    """Columns of runs that do not fill their room: those of mask n are the first of counts[room[n] : room[n + 1]]."""
    offsets = offsets_of(n_runs)
    if offsets[-1] != room[-1]:
        counts = take_ranges(counts, room[:-1], n_runs)[0]
    return RunColumns(counts, offsets, sizes)


@overload
def joined(parts: Sequence[RunColumns]) -> RunColumns: ...
@overload
def joined(parts: Sequence[RunColumns | TextColumns]) -> RunColumns | TextColumns: ...
def joined(parts: Sequence[RunColumns | TextColumns]) -> RunColumns | TextColumns:
    """All masks of some columns; as runs where there are several."""
    if len(parts) == 1:
        return parts[0]
    decoded = [part.decoded() for part in parts]
    return RunColumns(
        np.concatenate([np.empty(0, np.uint32), *(part.counts for part in decoded)]),
        offsets_of(np.concatenate([np.empty(0, np.int64), *(np.diff(part.offsets) for part in decoded)])),
        np.concatenate([np.empty((0, 2), np.int64), *(part.sizes for part in decoded)]),
    )


def check_totals(measures: Measures, sizes: NDArray[np.int64], name: Name) -> None:
    """Refuse masks whose runs do not sum to height * width (REFUSED_MASKS). Raises ValueError."""
    pixels = sizes[:, 0] * sizes[:, 1]
    if not np.array_equal(measures.totals, pixels):
        row = int(np.argmax(measures.totals != pixels))
        height, width = sizes[row].tolist()
        raise ValueError(
            f"{name(row)} has runs of {measures.totals[row]} pixels in all, but its size is "
            f"{height} x {width}, which is {pixels[row]}"
        )


def check_texts(n_runs: NDArray[np.int64], text: Any, begins: Any, ends: Any, name: Name) -> None:
    """Refuse texts that are no runs, of which there are -1. Raises ValueError."""
    if len(n_runs) and n_runs.min() < 0:
        row = int(np.argmax(n_runs < 0))
        shown = text[begins[row] : ends[row]].tobytes()
        raise ValueError(f"{name(row)} holds no compressed runs: {shown if len(shown) < 60 else shown[:57] + b'...'!r}")


def check_sizes(sizes: NDArray[np.int64], name: Name) -> None:
    """Refuse sides below 0, and masks of 2**32 pixels or more. Raises ValueError."""
    if not len(sizes) or (sizes.min() >= 0 and sizes.max() < 2**15):
        return
    wrong = (sizes < 0).any(axis=1) | (sizes > MOST_PIXELS).any(axis=1)
    wrong |= np.minimum(sizes, MOST_PIXELS).astype(np.float64).prod(axis=1) > MOST_PIXELS
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"{name(row)} has the size {sizes[row].tolist()}; height and width must be at least 0, and their product "
            "below 2**32"
        )


def of_texts(texts: Sequence[bytes], sizes: NDArray[np.int64], name: Name) -> RunColumns:
    """Masks of the runs' texts. Raises ValueError where one is no such text; the sums of runs are not checked."""
    offsets = offsets_of(list(map(len, texts)))
    return of_text(np.frombuffer(b"".join(texts), np.uint8), offsets[:-1], offsets[1:], sizes, name)


def of_text(
    text: Any, begins: NDArray[np.int64], ends: NDArray[np.int64], sizes: NDArray[np.int64], name: Name
) -> RunColumns:
    """As of_texts, of parts of one text, uint8. begins, ends: int64 (N,), where each mask's begins and ends."""
    check_sizes(sizes, name)
    n, n_runs = len(sizes), np.empty(len(sizes), np.int64)
    kernels.count_runs(text, begins, ends, n_runs, 0, n)
    check_texts(n_runs, text, begins, ends, name)
    run_offsets = offsets_of(n_runs)
    counts = np.empty(run_offsets[-1], np.uint32)
    kernels.read_strings(text, begins, ends, run_offsets, counts, 0, n)
    return RunColumns(counts, run_offsets, sizes)


def of_lists(lists: Sequence[Any], sizes: NDArray[np.int64], name: Name) -> RunColumns:
    """Masks of lists of runs.

    Raises:
        OverflowError: a run is below 0 or above 2**32 - 1, as in pycocotools.
        ValueError, TypeError: a list does not hold numbers.
    """
    check_sizes(sizes, name)
    counts = [np.asarray(runs, np.uint32) for runs in lists]
    for row, runs in enumerate(counts):
        if runs.ndim != 1:
            raise ValueError(f"{name(row)} must hold a list of runs, got shape {runs.shape}")
    return RunColumns(np.concatenate([np.empty(0, np.uint32), *counts]), offsets_of(list(map(len, counts))), sizes)


def of_any_bitmaps(pixels: NDArray[Any]) -> RunColumns:
    """Masks of bitmaps (N, height, width) of bool or uint8; in C order, or column by column, they are not copied."""
    by_rows = not pixels.transpose(0, 2, 1).flags.c_contiguous or pixels.flags.c_contiguous
    pixels = np.ascontiguousarray(pixels if by_rows else pixels.transpose(0, 2, 1)).view(np.uint8)
    return of_bitmaps(pixels, by_rows)


def of_bitmaps(pixels: NDArray[np.uint8], by_rows: bool) -> RunColumns:
    """Masks of bitmaps. pixels: (N, height, width), or without by_rows (N, width, height)."""
    height, width = pixels.shape[1:] if by_rows else pixels.shape[:0:-1]
    sizes = np.empty((len(pixels), 2), np.int64)
    sizes[:] = height, width
    parts = [
        _encoded(pixels[i : i + MASKS_AT_ONCE], by_rows, sizes[i : i + MASKS_AT_ONCE])
        for i in range(0, len(pixels), MASKS_AT_ONCE)
    ]
    return joined(parts)


def _encoded(pixels: NDArray[np.uint8], by_rows: bool, sizes: NDArray[np.int64]) -> RunColumns:
    n = len(pixels)
    height, width = sizes[0].tolist()
    room = min(height * width + 1, 4 * (height + width) + 64)
    n_runs = np.empty(n, np.int64)
    while True:
        counts = np.empty((n, room), np.uint32)
        kernels.encode_masks(pixels, int(by_rows), counts, n_runs, 0, n)
        most = int(n_runs.max())
        if most <= room:
            break
        room = most
    if n == 1:
        return RunColumns(counts[0, :most], np.array([0, most]), sizes)
    return packed(counts.reshape(-1), room * np.arange(n + 1), n_runs, sizes)


def of_polygons(
    points: NDArray[np.float64], offsets: NDArray[np.int64], sizes: NDArray[np.int64], name: Name
) -> RunColumns:
    """Masks of polygons. points: (M, 2), x and y; offsets: int64 (P + 1,), where each polygon begins.

    Raises:
        ValueError: a coordinate is not finite, or 2**27 or more in size.
    """
    check_sizes(sizes, name)
    wrong = ~(np.abs(points) < MOST_COORDINATE).all(axis=1)
    if wrong.any():
        at = int(np.argmax(wrong))
        row = bisect_right(offsets, at) - 1
        raise ValueError(
            f"{name(row)} has the point {points[at].tolist()}; coordinates must be finite and below 2**27 in size"
        )
    room, n_runs = offsets_of(_most_runs(points[:, 0], offsets, sizes[:, 1])), np.empty(len(sizes), np.int64)
    counts = np.empty(room[-1], np.uint32)
    kernels.draw_polygons(points, offsets, sizes, room, counts, n_runs, 0, len(sizes))
    return packed(counts, room, n_runs, sizes)


def _most_runs(x: NDArray[np.float64], offsets: NDArray[np.int64], widths: NDArray[np.int64]) -> NDArray[np.int64]:
    """As many runs as a polygon can have at most: one for each column that an edge passes, and two."""
    lengths = np.diff(offsets)
    if not len(x):
        return np.full(len(lengths), 2)
    following = np.arange(1, len(x) + 1)
    following[offsets[1:][lengths > 0] - 1] = offsets[:-1][lengths > 0]
    columns = np.minimum(np.abs(x[following] - x) + 2, np.repeat(widths, lengths)).astype(np.int64)
    sums = offsets_of(columns)
    return sums[offsets[1:]] - sums[offsets[:-1]] + 2


def box_corners(boxes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Boxes x, y, width, height, (N, 4), as polygons: points (4 N, 2) and offsets."""
    x, y, width, height = boxes.T
    points = np.stack([x, y, x, y + height, x + width, y + height, x + width, y], axis=1)
    return points.reshape(-1, 2), 4 * np.arange(len(boxes) + 1)


def polygon_points(polygons: Sequence[Any], name: Name) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The points (M, 2) of polygons [x, y, x, y, ...], and offsets; an odd last number is left out.

    Raises:
        ValueError, TypeError: a polygon holds something else than numbers, or less than one point.
    """
    parts = []
    for row, polygon in enumerate(polygons):
        part = np.array(polygon, np.float64)
        if part.ndim != 1 or len(part) < 2:
            raise ValueError(f"{name(row)} must be a list x, y, x, y, ..., got shape {part.shape}")
        parts.append(part[: len(part) // 2 * 2])
    points = np.concatenate([np.empty(0), *parts]).reshape(-1, 2)
    return points, offsets_of([len(part) // 2 for part in parts])
