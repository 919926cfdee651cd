"""Masks in the text of a COCO JSON file, read by the C++ part: no Python object is made for a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _config
from . import runs
from .masks import Polygons, RawMasks
from .ranges import offsets_of
from .run_texts import TextColumns
from .runs import RunColumns
from .values import Where

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .source import Source

COMPRESSED, RUN_LIST, POLYGONS = 0, 1, 2


def masks_of_results(text: NDArray[np.uint8]) -> Source | None:
    """Results whose masks are all compressed runs, and which have no boxes; None where they are anything else.

    text: of a file, with native.TEXT_PAD zero bytes behind; escapes in masks are undone, in any case.

    Raises:
        FastPathDeclined: they have no masks, or boxes; the text is as it was.
    """
    from .. import _native
    from .coco import XYWH
    from .coco_file import CHUNK, SHORTEST, FastPathDeclined, read_results, with_box_areas

    size = len(text) - _native.TEXT_PAD
    spans = np.empty((size // SHORTEST + 1, 2), np.int64)
    found = with_box_areas(read_results(text, size, "dt", XYWH, CHUNK, masks=spans))
    if found.area is not None:
        raise FastPathDeclined("boxes")
    found = found.with_shape(None)  # its boxes are not needed any more
    try:
        raw = masks_of_text(text, spans[: len(found)], found.where)
    except ValueError:
        return None
    if isinstance(raw, tuple) or not isinstance(raw.runs, TextColumns) or raw.polygons is not None:
        return None
    return found.with_shape(raw)


def with_escapes(text: NDArray[np.uint8], begins: Any, ends: Any) -> NDArray[np.uint8]:
    """The JSON text in which masks_of_text undid the escapes of strings, the last of which may be cut off.

    begins, ends: int64, ascending, where the strings stand now. Up to the next quote stands what was left over.
    """
    n = len(text)
    quotes = np.append(np.flatnonzero(text == ord('"')), n)
    begins = begins[begins < n]
    ends = np.minimum(ends[: len(begins)], n)
    stops = quotes[np.searchsorted(quotes, ends)]
    times = np.ones(n, np.uint8)  # how often each byte stands in the JSON text
    times[_is_between(begins, ends, n) & (text == ord("\\"))] = 2
    times[_is_between(ends, stops, n)] = 0
    found: NDArray[np.uint8] = np.repeat(text, times)
    return found


def _is_between(begins: Any, ends: Any, n: int) -> NDArray[np.bool_]:
    """bool (n,): the places in parts that share none."""
    steps = np.zeros(n + 1, np.int8)
    steps[begins] += 1
    steps[ends] -= 1
    return np.cumsum(steps[:-1], dtype=np.int8) > 0


def kept_masks(text: NDArray[np.uint8], argument: str) -> Source | None:
    """The annotations of a Document's text with masks in place of boxes; None: json has to read them."""
    from .. import _native
    from .coco import XYWH
    from .coco_file import CHUNK, FastPathDeclined, read_masks

    try:
        return read_masks(text, len(text) - _native.TEXT_PAD, argument, XYWH, CHUNK, keep=True)
    except (FastPathDeclined, ValueError):
        return None


def masks_of_text(text: NDArray[np.uint8], spans: NDArray[np.int64], where: Where) -> RawMasks | tuple[int, str]:
    """The masks whose values stand in a text; or where the first one is that is not read here, and why it is not.

    text: with native.TEXT_PAD zero bytes behind; escapes in it are undone. spans: int64 (N, 2), from the reader of
    files; changed, too.

    Raises:
        ValueError: runs are no runs, or do not sum to height * width, as formats.masks.raw_masks.
    """
    from .. import _native

    n, n_threads = len(spans), _config.get_num_threads()
    kinds, sizes = np.empty(n, np.uint8), np.empty((n, 2), np.int64)
    n_numbers, n_polygons = np.empty((2, n), np.int64)
    unread = _native.scan_masks(text, spans, kinds, sizes, n_numbers, n_polygons, n_threads)
    if unread is not None:
        return unread
    rows = {kind: np.flatnonzero(kinds == kind) for kind in range(3)}

    def name(kind: int) -> runs.Name:
        return lambda i: where("masks", int(rows[kind][i]))

    parts: list[RunColumns | TextColumns] = []
    polygons = None
    if len(rows[COMPRESSED]):
        some = slice(None) if len(rows[COMPRESSED]) == n else rows[COMPRESSED]
        begins, ends = np.ascontiguousarray(spans[some].T)
        parts.append(TextColumns.of(text, begins, ends, sizes[some], name(COMPRESSED)))
    if len(rows[COMPRESSED]) < n:
        offsets, polygon_offsets = offsets_of(n_numbers), offsets_of(n_polygons)
        numbers, lengths = np.empty(offsets[-1]), np.empty(polygon_offsets[-1], np.int64)
        _native.read_masks(text, spans, kinds, offsets, polygon_offsets, numbers, lengths, n_threads)
        of_runs = np.repeat(kinds == RUN_LIST, n_numbers)
        if len(rows[RUN_LIST]):
            size = sizes[rows[RUN_LIST]]
            runs.check_sizes(size, name(RUN_LIST))
            counts = numbers[of_runs].astype(np.uint32)
            parts.append(RunColumns(counts, offsets_of(n_numbers[rows[RUN_LIST]]), size))
        if len(rows[POLYGONS]):
            points = (numbers[~of_runs] if of_runs.any() else numbers).reshape(-1, 2)
            polygons = Polygons(points, offsets_of(lengths // 2), offsets_of(n_polygons[rows[POLYGONS]]))
    is_mixed = sum(len(found) > 0 for found in rows.values()) > 1
    order = np.argsort(np.concatenate(list(rows.values())), kind="stable") if is_mixed else None
    raw = RawMasks(runs.joined(parts), polygons, order)
    raw.check(where)
    return raw
