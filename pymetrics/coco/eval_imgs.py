"""evalImgs: pycocotools' dicts of one image, category and area range each, from outcomes and back to them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from .. import _config
from ..evaluation.cells import Cells
from ..evaluation.columns import CROWD, IGNORE, Columns
from ..evaluation.matches import is_set
from ..evaluation.outcomes import Outcomes
from ..evaluation.protocol import HIGHEST_THRESHOLD, Protocol
from ..evaluation.shapes import Shape
from ..evaluation.stages import RowMatches
from ..formats.ranges import offsets_of
from .params import Params

Ann = dict[str, Any]
Array = np.ndarray[Any, Any]
Entry = dict[str, Any]


def entry(image: Any, category: Any, area_range: Any, limit: int, *columns: Any) -> Entry:
    """One dict of evalImgs. columns: dtIds, gtIds, dtMatches, gtMatches, dtScores, gtIgnore, dtIgnore."""
    names = ("dtIds", "gtIds", "dtMatches", "gtMatches", "dtScores", "gtIgnore", "dtIgnore")
    head = {"image_id": image, "category_id": category, "aRng": area_range, "maxDet": limit}
    return head | dict(zip(names, columns, strict=True))


def from_matches(
    outcomes: Outcomes,
    matches: RowMatches,
    columns: Columns,
    cells: Cells,
    anns: tuple[list[Ann], list[Ann]],
    ids: tuple[Any, Any],
    p: Params,
    categories: Sequence[Any],
) -> list[Entry | None]:
    """The list of evalImgs: by category, then area range, then image; None where an image shows nothing.

    anns: the ground truths and detections of the columns' rows. ids: theirs when they were read, float64.
    """
    (gts, dts), n_images, n_areas, n_thresholds = anns, len(p.imgIds), len(p.areaRng), len(p.iouThrs)
    rows, gt_rows, limit = cells.dt_rows, cells.gt_rows, p.maxDets[-1]
    gt_numbers, dt_numbers = (np.asarray(side, np.float64) for side in ids)
    dt_numbers = dt_numbers[rows]
    dt_ids = _as_evaluated(dts, rows, "id", dt_numbers)
    dt_scores = _as_evaluated(dts, rows, "score", cells.scores)
    gt_ids_of = _as_evaluated(gts, None, "id", gt_numbers)
    gt_ignore = columns.gt.flags & (CROWD | IGNORE) != 0
    if _config.host_backend() == "native":
        from .. import _native

        return _native.write_entries(
            p.imgIds, categories, p.areaRng, limit, dt_ids, dt_scores, gt_ids_of,
            cells.category().astype(np.int64, copy=False), cells.image,
            cells.dt_offsets, cells.gt_offsets, gt_rows, matches.gt_of, outcomes.ignored, dt_numbers, gt_numbers,
            columns.gt.area, gt_ignore, np.array(outcomes.protocol.area_ranges, np.float64).reshape(-1, 2),
        )  # fmt: skip
    found: list[Entry | None] = [None] * (len(categories) * n_areas * n_images)
    cell_of = np.repeat(np.arange(len(cells)), np.diff(cells.gt_offsets))
    dt_ends, gt_ends = cells.dt_offsets.tolist(), cells.gt_offsets.tolist()
    always_ignored, area = gt_ignore[gt_rows], columns.gt.area[gt_rows]
    place = np.zeros(len(gts), np.int64)
    places = list(zip(cells.category().tolist(), cells.image.tolist(), strict=True))

    for a, (low, high) in enumerate(outcomes.protocol.area_ranges):
        ignored = always_ignored | (area < low) | (area > high)
        order = np.argsort(2 * cell_of + ignored, kind="stable")  # in a cell the ignored come last, else as in the file
        ordered, gt_ignored = gt_rows[order], ignored[order].astype(np.int64)
        gt_ids = [gt_ids_of[row] for row in ordered.tolist()]
        place[ordered] = np.arange(len(ordered))
        bits = slice(a * n_thresholds, (a + 1) * n_thresholds)
        took = matches.gt_of[:, bits].T  # (T, D)
        t, d = np.nonzero(took >= 0)
        partners = took[t, d]
        dt_matches, gt_matches = np.zeros(took.shape), np.zeros((n_thresholds, len(ordered)))
        dt_matches[t, d] = gt_numbers[partners]
        gt_matches[t, place[partners]] = dt_numbers[d]  # of several detections in a crowd the last
        dt_ignored = bits_of(outcomes.ignored, range(bits.start, bits.stop))
        for c, (k, image) in enumerate(places):
            d0, d1, g0, g1 = dt_ends[c], dt_ends[c + 1], gt_ends[c], gt_ends[c + 1]
            found[(k * n_areas + a) * n_images + image] = {
                "image_id": p.imgIds[image],
                "category_id": categories[k],
                "aRng": p.areaRng[a],
                "maxDet": limit,
                "dtIds": dt_ids[d0:d1],
                "gtIds": gt_ids[g0:g1],
                "dtMatches": dt_matches[:, d0:d1].copy(),
                "gtMatches": gt_matches[:, g0:g1].copy(),
                "dtScores": dt_scores[d0:d1],
                "gtIgnore": gt_ignored[g0:g1].copy() if g0 < g1 else np.empty(0),
                "dtIgnore": dt_ignored[:, d0:d1].copy(),
            }
    return found


def bits_of(words: Array, bits: Sequence[int]) -> Array:
    """bool (bits, D): some bits of the words of D detections."""
    found = np.zeros((len(bits), len(words)), bool)
    for row, bit in zip(found, bits, strict=True):
        row[:] = is_set(words, bit)
    return found


def to_outcomes(
    table: list[list[list[Entry | None]]], protocol: Protocol, ids: tuple[Any, Any], shape: Shape
) -> Outcomes:
    """Outcomes from evalImgs, wherever they come from.

    table: entries by category, area range and image. protocol: as many thresholds and area ranges as the entries have;
    its values are not looked at. ids: the image ids and category ids of the axes.

    Raises:
        ValueError: the area ranges of one image and category differ in their detections, or the entries in thresholds.
    """
    n_thresholds, n_areas = len(protocol.iou_thresholds), len(protocol.area_ranges)
    columns: list[list[Entry]] = [[] for _ in range(n_areas)]  # the entries that are there, by area range
    cell_image: list[int] = []
    category_cells = [0]
    for areas in table:
        images = [i for i, e in enumerate(areas[0]) if e is not None]
        for a, (column, line) in enumerate(zip(columns, areas, strict=True)):
            column += [e for e in line if e is not None]
            if a and [i for i, e in enumerate(line) if e is not None] != images:
                raise ValueError("evalImgs: the area ranges of an image differ in their detections")
        cell_image += images
        category_cells.append(len(cell_image))
    lengths = [len(e["dtScores"]) for e in columns[0]]
    for column in columns[1:]:
        for i, n, e in zip(cell_image, lengths, column, strict=True):
            if len(e["dtScores"]) != n:
                raise ValueError(f"evalImgs: the area ranges of image {i} differ in their detections")
    offsets = offsets_of(lengths)
    matched, ignored = (np.zeros((offsets[-1], protocol.n_words), np.uint64) for _ in range(2))
    for a, column in enumerate(columns if cell_image else ()):
        for words, key in ((matched, "dtMatches"), (ignored, "dtIgnore")):
            lines = np.concatenate([e[key] for e in column], axis=1).astype(bool)
            if len(lines) != n_thresholds:
                raise ValueError(f"evalImgs hold {len(lines)} thresholds, params.iouThrs {n_thresholds}")
            for bit, line in enumerate(lines, a * n_thresholds):
                words[:, bit // 64] |= line.astype(np.uint64) << np.uint64(bit % 64)
    scores = np.array(list(chain.from_iterable([e["dtScores"] for e in columns[0]])), np.float64)
    n_gt = np.empty((len(cell_image), n_areas), np.int32)
    for a, column in enumerate(columns):
        flags = [e["gtIgnore"] for e in column]
        counts = np.append(0, np.cumsum(np.concatenate([np.empty(0), *flags]) == 0))
        n_gt[:, a] = np.diff(counts[offsets_of([len(part) for part in flags])])
    return Outcomes(
        protocol=protocol,
        shape=shape,
        image_ids=ids[0],
        category_ids=ids[1],
        category_cells=np.array(category_cells, np.int64),
        cell_image=np.array(cell_image, np.int32),
        offsets=offsets,
        n_gt=n_gt,
        scores=scores,
        matched=matched,
        ignored=ignored,
    )


def match_one(
    ious: Any, gts: list[Ann], dts: list[Ann], ignored: list[int], thresholds: Sequence[float]
) -> tuple[Array, Array, Array]:
    """pycocotools' matching of one cell, loop by loop, by given overlaps (for subclasses that override computeIoU).

    ious: (D, G). dts: by falling score. gts: the ignored last. Returns dtMatches (T, D), gtMatches (T, G), both the
    ids of the partners, and dtIgnore (T, D).
    """
    dt_matches, gt_matches = np.zeros((len(thresholds), len(dts))), np.zeros((len(thresholds), len(gts)))
    dt_ignored = np.zeros((len(thresholds), len(dts)), bool)
    crowds = [int(gt["iscrowd"]) for gt in gts]
    lines = np.asarray(ious)[: len(dts)].tolist()
    for t, threshold in enumerate(thresholds):
        taken: list[Any] = [0] * len(gts)
        for d, line in enumerate(lines):
            best, match = min(threshold, HIGHEST_THRESHOLD), -1
            for g, iou in enumerate(line):
                if taken[g] > 0 and not crowds[g]:  # KEEPS_FREE: the id of a detection says whether it took
                    continue
                if match >= 0 and not ignored[match] and ignored[g]:
                    break
                if iou < best:
                    continue
                best, match = iou, g
            if match >= 0:
                dt_ignored[t, d] = ignored[match]
                dt_matches[t, d] = gts[match]["id"]  # ID_ZERO: stands for no match
                taken[match] = gt_matches[t, match] = dts[d]["id"]
    return dt_matches, gt_matches, dt_ignored


def _as_evaluated(anns: list[Ann], rows: Array | None, key: str, evaluated: Array) -> list[Any]:
    """A value of some annotations as they have it (an int, a float32), or, if it was changed since, as it was read.

    rows: int32; None: of all of them.
    """
    if _config.host_backend() == "native":
        from .. import _native

        found = _native.values_as_read(anns, rows, key, evaluated)
        if found is not None:
            return found
    places = range(len(anns)) if rows is None else rows.tolist()
    return [
        now if now == old or _is_rounded(now, old) else (int(old) if key == "id" else old)
        for now, old in zip([anns[row].get(key) for row in places], evaluated.tolist(), strict=True)
    ]


def _is_rounded(now: Any, evaluated: float) -> bool:
    """Whether float64 makes this of the value: of an int beyond 2**53, or of NaN."""
    try:
        return float(now) == evaluated or (now != now and evaluated != evaluated)
    except (TypeError, ValueError, OverflowError):
        return False
