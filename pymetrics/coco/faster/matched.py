"""The pairs that matched, as faster-coco-eval has them in eval["matched"]: "dt_gt" and their overlap."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ...evaluation.cells import Cells
from ...evaluation.stages import RowMatches


def pairs(rows: RowMatches, cells: Cells, ids: tuple[Any, Any]) -> dict[str, float]:
    """Of all thresholds and area ranges. ids: of the ground truths and detections of the columns."""
    _, *triples = _unique_pairs(rows, cells, ids)
    return _by_name(zip(*triples, strict=True))


def _unique_pairs(rows: RowMatches, cells: Cells, ids: tuple[Any, Any]) -> tuple[list[int], ...]:
    """Each pair once: the place of the detection in the cells, both ids, the overlap."""
    d, bit = np.nonzero(rows.gt_of >= 0)
    g, overlaps = rows.gt_of[d, bit], rows.overlap[d, bit]
    _, first = np.unique(d * (int(g.max(initial=0)) + 1) + g, return_index=True)
    d, g = d[first], g[first]
    gt_ids, dt_ids = (np.asarray(side, np.float64).astype(np.int64) for side in ids)
    return d.tolist(), dt_ids[cells.dt_rows[d]].tolist(), gt_ids[g].tolist(), overlaps[first].tolist()


def write_into(
    entries: list[dict[str, Any] | None], rows: RowMatches, cells: Cells, ids: tuple[Any, Any], sizes: tuple[int, int]
) -> None:
    """Write `matched` into entries of evalImgs. sizes: the numbers of area ranges and of images."""
    n_areas, n_images = sizes
    n_thresholds = rows.gt_of.shape[1] // n_areas
    cell_of = np.repeat(np.arange(len(cells)), np.diff(cells.dt_offsets))
    places = list(zip(cells.category().tolist(), cells.image.tolist(), strict=True))
    for a in range(n_areas):
        bits = slice(a * n_thresholds, (a + 1) * n_thresholds)
        triples: list[list[tuple[int, int, float]]] = [[] for _ in places]
        part = RowMatches(rows.gt_of[:, bits], rows.overlap[:, bits])
        for d, *triple in zip(*_unique_pairs(part, cells, ids), strict=True):
            triples[cell_of[d]].append(tuple(triple))
        for (k, image), found in zip(places, triples, strict=True):
            entry = entries[(k * n_areas + a) * n_images + image]
            assert entry is not None
            entry["matched"] = _by_name(found)


def joined(entries: Iterable[dict[str, Any] | None]) -> dict[str, float]:
    """The pairs of all entries, wherever these come from; of a pair that is there twice the higher overlap."""
    found: dict[str, float] = {}
    for entry in entries:
        for name, overlap in (entry or {}).get("matched", {}).items():
            if overlap > found.get(name, -np.inf):
                found[name] = overlap
    return found


def _by_name(triples: Iterable[tuple[int, int, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for dt, gt, overlap in triples:
        name = f"{dt}_{gt}"
        if overlap > found.get(name, -np.inf):
            found[name] = overlap
    return found
