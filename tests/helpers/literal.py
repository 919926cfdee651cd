"""A second oracle: pycocotools' rules for boxes, step by step, on the engine's columns.

For each category, area range, image, threshold, detection and ground truth, in this order, one decision at a time; no
bits, no sorting of candidates, curves as whole arrays. Slow, and meant to be read beside the rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pymetrics.evaluation.columns import CROWD, ID_ZERO, IGNORE, KEEPS_FREE, Axes, Columns, Side
from pymetrics.evaluation.protocol import Protocol
from pymetrics.evaluation.shapes import as_shape


@dataclass
class Image:
    """One image and category at one area range, all thresholds: T thresholds, D detections, G ground truths."""

    dt_rows: list[int]
    gt_rows: list[int]  # in file order
    scores: Any  # (D,)
    dt_matches: Any  # (T, D) id of the ground truth, 0 for none
    dt_ignore: Any  # (T, D)
    gt_ignore: Any  # (G,)
    taken: Any  # (T, D) row of the ground truth, -1 for none


def overlap(d: Any, g: Any, crowd: bool) -> np.float64:
    """Of two boxes x, y, width, height, in float64."""
    d, g = np.asarray(d, np.float64), np.asarray(g, np.float64)
    with np.errstate(all="ignore"):
        w = np.fmin(d[2] + d[0], g[2] + g[0]) - np.fmax(d[0], g[0])
        if w <= 0:
            return np.float64(0)
        h = np.fmin(d[3] + d[1], g[3] + g[1]) - np.fmax(d[1], g[1])
        if h <= 0:
            return np.float64(0)
        inside, d_area, g_area = w * h, d[2] * d[3], g[2] * g[3]
        return inside / (d_area if crowd else d_area + g_area - inside)


def evaluate_image(
    columns: Columns, dts: list[int], gts: list[int], area: tuple[float, float], thresholds: Any, limit: int
) -> Image:
    """One image and category; dts and gts are rows in file order."""
    low, high = area

    def outside(value: float) -> bool:
        return bool(value < low or value > high)

    in_file = gts
    crowd = {g: bool(columns.gt.flags[g] & CROWD) for g in gts}
    ignore = {g: bool(columns.gt.flags[g] & (CROWD | IGNORE)) or outside(columns.gt.area[g]) for g in gts}
    gts = sorted(gts, key=lambda g: ignore[g])
    order = np.argsort([-columns.dt.scores[d] for d in dts], kind="stable") if dts else []
    dts = [dts[i] for i in order][:limit]
    gt_id = {g: 0 if columns.gt.flags[g] & ID_ZERO else g + 1 for g in gts}
    dt_id = {d: 0 if len(columns.dt.flags) and columns.dt.flags[d] & KEEPS_FREE else d + 1 for d in dts}
    ious = {(d, g): overlap(columns.dt.shape[d], columns.gt.shape[g], crowd[g]) for d in dts for g in gts}

    n_thresholds = len(thresholds)
    gt_matches = {(t, g): 0 for t in range(n_thresholds) for g in gts}
    dt_matches = np.zeros((n_thresholds, len(dts)), np.int64)
    dt_ignore = np.zeros((n_thresholds, len(dts)), bool)
    taken = np.full((n_thresholds, len(dts)), -1)
    for t in range(n_thresholds):
        for i, d in enumerate(dts):
            bar, m = min(thresholds[t], 1 - 1e-10), None
            for g in gts:
                if gt_matches[t, g] > 0 and not crowd[g]:
                    continue
                if m is not None and not ignore[m] and ignore[g]:
                    break
                if ious[d, g] < bar:
                    continue
                bar, m = ious[d, g], g
            if m is None:
                continue
            dt_ignore[t, i], dt_matches[t, i], taken[t, i] = ignore[m], gt_id[m], m
            gt_matches[t, m] = dt_id[d]
    with np.errstate(all="ignore"):
        dt_area = [columns.dt.area[d] if len(columns.dt.area) else columns.dt.shape[d, 2:].prod() for d in dts]
    far = np.array([outside(value) for value in dt_area], bool)
    dt_ignore |= (dt_matches == 0) & far
    scores = np.array([columns.dt.scores[d] for d in dts], np.float64)
    return Image(dts, in_file, scores, dt_matches, dt_ignore, np.array([ignore[g] for g in gts], bool), taken)


def match_by_the_rules(ious: Any, crowd: Any, ignore: Any, threshold: float) -> list[int]:
    """The ground truth that each detection takes at one threshold, by given overlaps, one decision after another."""
    ignore = ignore | crowd
    taken: set[int] = set()
    out: list[int] = []
    for row in ious:
        bar, m = min(threshold, 1 - 1e-10), -1
        for g in [*np.flatnonzero(~ignore), *np.flatnonzero(ignore)]:
            if g in taken and not crowd[g]:
                continue
            if m >= 0 and not ignore[m] and ignore[g]:
                break
            if row[g] < bar:
                continue
            bar, m = row[g], int(g)
        taken.add(m)
        out.append(m)
    return out


def evaluate(columns: Columns, protocol: Protocol) -> dict[tuple[int, int], dict[int, Image]]:
    """(category, area range) -> image -> Image, of the images that hold anything of the category."""
    dts: dict[tuple[int, int], list[int]] = {}
    gts: dict[tuple[int, int], list[int]] = {}
    for rows, category, image in (
        (dts, columns.dt.category, columns.dt.image), (gts, columns.gt.category, columns.gt.image)
    ):  # fmt: skip
        for row, (k, i) in enumerate(zip(category.tolist(), image.tolist(), strict=True)):
            if k >= 0 and i >= 0:
                rows.setdefault((k, i), []).append(row)
    limit = max((0, *protocol.max_dets))
    return {
        (k, a): {
            i: evaluate_image(columns, dts.get((k, i), []), gts.get((k, i), []), area, protocol.iou_thresholds, limit)
            for i in range(len(columns.axes.image_ids))
            if (k, i) in dts or (k, i) in gts
        }
        for k in range(len(columns.axes.category_ids))
        for a, area in enumerate(protocol.area_ranges)
    }


def accumulate(
    evaluated: dict[tuple[int, int], dict[int, Image]], n_categories: int, protocol: Protocol
) -> tuple[Any, Any, Any]:
    """precision (T, R, K, A, M), recall (T, K, A, M), scores (T, R, K, A, M)."""
    recall_thresholds = np.array(protocol.recall_thresholds, np.float64)
    n_t, n_r = len(protocol.iou_thresholds), len(recall_thresholds)
    shape = (n_categories, len(protocol.area_ranges), len(protocol.max_dets))
    precision, scores = -np.ones((n_t, n_r, *shape)), -np.ones((n_t, n_r, *shape))
    recall = -np.ones((n_t, *shape))
    for (k, a), images in evaluated.items():
        for m, limit in enumerate(protocol.max_dets):
            found = list(images.values())
            n_positive = sum(int(np.count_nonzero(~image.gt_ignore)) for image in found)
            if n_positive == 0:
                continue
            all_scores = np.concatenate([image.scores[:limit] for image in found])
            order = np.argsort(-all_scores, kind="mergesort")
            matches = np.concatenate([image.dt_matches[:, :limit] for image in found], axis=1)[:, order]
            ignored = np.concatenate([image.dt_ignore[:, :limit] for image in found], axis=1)[:, order]
            true = np.cumsum((matches != 0) & ~ignored, axis=1).astype(np.float64)
            false = np.cumsum((matches == 0) & ~ignored, axis=1).astype(np.float64)
            for t in range(n_t):
                tp, fp, n = true[t], false[t], true.shape[1]
                rc = tp / n_positive
                pr = (tp / (fp + tp + np.spacing(1))).tolist()
                recall[t, k, a, m] = rc[-1] if n else 0
                for i in range(n - 1, 0, -1):
                    if pr[i] > pr[i - 1]:
                        pr[i - 1] = pr[i]
                precision[t, :, k, a, m] = 0
                scores[t, :, k, a, m] = 0
                for r, place in enumerate(np.searchsorted(rc, recall_thresholds, side="left")):
                    if place >= n:
                        break
                    precision[t, r, k, a, m] = pr[place]
                    scores[t, r, k, a, m] = all_scores[order][place]
    return precision, recall, scores


def make_problem(seed: int) -> tuple[Columns, Protocol]:
    """Small columns that are rich in ties, crowds, odd ids, odd boxes and odd scores, and a protocol for them."""
    rng = np.random.default_rng(seed)

    def odd(chance: float) -> bool:
        return bool(rng.random() < chance)

    n_images, n_categories = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    n_gt, n_dt = int(rng.integers(0, 11)), int(rng.integers(0, 22))
    unit = float(rng.choice([8, 16, 32]))

    def boxes(n: int) -> Any:
        out = np.concatenate([rng.integers(0, 4, (n, 2)), rng.integers(1, 4, (n, 2))], axis=1) * unit
        return out + rng.uniform(0, 2, out.shape) if odd(0.3) else out

    def places(n: int) -> tuple[Any, Any]:
        least = -1 if odd(0.1) else 0
        return tuple(rng.integers(least, high, n).astype(np.int32) for high in (n_images, n_categories))

    gt_boxes, dt_boxes = boxes(n_gt), boxes(n_dt)
    (gt_image, gt_category), (dt_image, dt_category) = places(n_gt), places(n_dt)
    for d in range(n_dt if n_gt else 0):
        if odd(0.7):
            g = rng.integers(n_gt)
            dt_image[d], dt_category[d], dt_boxes[d] = gt_image[g], gt_category[g], gt_boxes[g]
            dt_boxes[d, rng.integers(4)] += rng.choice([0, 0, 0, unit / 4])
    if odd(0.2):  # what is no box
        for array in (gt_boxes, dt_boxes):
            for row in np.flatnonzero(rng.random(len(array)) < 0.3):
                array[row, rng.integers(4)] = rng.choice([0.0, -unit, np.nan, np.inf, -np.inf, 1e30])
    gt_area = gt_boxes[:, 2] * gt_boxes[:, 3]
    special = rng.random(n_gt) < 0.3
    gt_area[special] = rng.choice([0.0, 255.0, 256.0, 1024.0, 1025.0, np.nan], special.sum())

    crowds = rng.random(n_gt) < rng.choice([0, 0.2, 0.6])
    gt_flags = (crowds * CROWD).astype(np.uint8)
    if odd(0.2):
        gt_flags |= ((rng.random(n_gt) < 0.3) * ID_ZERO).astype(np.uint8)
    if odd(0.2):
        gt_flags |= ((rng.random(n_gt) < 0.3) * IGNORE).astype(np.uint8)
    kept_free = (rng.random(n_dt) < 0.4).astype(np.uint8) * KEEPS_FREE if odd(0.2) else np.empty(0, np.uint8)
    scores = rng.choice([[0.1, 0.5, 0.9], rng.random(3), [0.0, -0.0, 5e-324]])
    if odd(0.15):
        scores = np.concatenate([scores, [np.nan, -np.nan, np.inf, -np.inf]])
    dt_scores = rng.choice(scores, n_dt)
    dt_area = rng.choice([256.0, 1024.0, 1e9, np.nan], n_dt) if odd(0.2) else np.empty(0)
    gt = Side(gt_image, gt_category, gt_boxes, gt_area, gt_flags, np.empty(0))
    dt = Side(dt_image, dt_category, dt_boxes, dt_area, kept_free, dt_scores)
    axes = Axes(np.arange(n_images) * 3, np.arange(n_categories) * 2)
    return Columns(gt, dt, axes, as_shape("bbox")), make_protocol(rng)


def make_protocol(rng: np.random.Generator) -> Protocol:
    """Few thresholds mostly, in any order, some equal; sometimes more (area, threshold) pairs than one word holds."""
    n_thresholds, n_areas = [(1, 1), (2, 2), (3, 2), (4, 3), (10, 7), (12, 15)][
        rng.choice(6, p=[0.1, 0.3, 0.3, 0.2, 0.05, 0.05])
    ]
    choice = rng.choice([[0.5, 0.75, 0.9, 0.95, 0.6], [0.0, 0.25, 0.5, 0.5, 1.0], [-1.0, 0.1, 1.0, 1.5, 0.3]])
    edges = np.sort(rng.choice([0.0, 256.0, 512.0, 1024.0, 2304.0, 1e10], (n_areas, 2)), axis=1)
    edges[0] = [0, 1e10]
    recalls = [
        np.linspace(0, 1, 101),
        np.linspace(0, 1, 11),
        [0.5, 0.0, 1.0, 0.2],
        [2.0, 0.0],
        [np.nan, 0.1],
        [-1.0, 0.3],
    ]
    return Protocol(
        iou_thresholds=rng.choice(choice, n_thresholds),
        recall_thresholds=recalls[rng.choice(6, p=[0.2, 0.3, 0.2, 0.1, 0.1, 0.1])],
        area_ranges=edges, area_names=tuple(map(str, range(n_areas))),
        max_dets=[(100,), (1, 10, 100), (1, 2), (0, 3), (2, 2)][rng.integers(5)], lenient=True,
    )  # fmt: skip


def differences(
    columns: Columns, protocol: Protocol, cells: Any, outcomes: Any, matches: Any, arrays: tuple[Any, Any, Any]
) -> list[str]:
    """Where the engine's cells, outcomes, matches and three arrays are not the oracle's, to the last bit."""
    evaluated = evaluate(columns, protocol)
    found = []
    for name, ours, theirs in zip(
        ("precision", "recall", "scores"),
        arrays,
        accumulate(evaluated, len(columns.axes.category_ids), protocol),
        strict=True,
    ):
        if ours.shape != theirs.shape or ours.tobytes() != theirs.tobytes():
            at = np.argwhere(ours.view(np.uint64) != theirs.view(np.uint64)) if ours.shape == theirs.shape else []
            found.append(f"{name} at {[tuple(row) for row in np.asarray(at).tolist()[:3]]}")
    n_thresholds = len(protocol.iou_thresholds)
    for name, ours, theirs in (
        ("category_cells", outcomes.category_cells, cells.category_cells),
        ("image", outcomes.cell_image, cells.image),
        ("dt_offsets", outcomes.offsets, cells.dt_offsets),
        ("scores", outcomes.scores, cells.scores),
    ):
        if ours.tobytes() != theirs.tobytes():
            found.append(f"{name} of outcomes and of cells differ")
    for k in range(len(columns.axes.category_ids)):
        first, last = outcomes.category_cells[k : k + 2]
        if outcomes.cell_image[first:last].tolist() != sorted(evaluated[k, 0] if protocol.area_ranges else []):
            found.append(f"cells of category {k}")
            continue
        for c in range(first, last):
            (d0, d1), (g0, g1) = outcomes.offsets[c : c + 2], cells.gt_offsets[c : c + 2]
            for a in range(len(protocol.area_ranges)):
                image = evaluated[k, a][int(outcomes.cell_image[c])]
                pairs = slice(a * n_thresholds, (a + 1) * n_thresholds)
                here = {
                    "n_gt": (outcomes.n_gt[c, a], np.count_nonzero(~image.gt_ignore)),
                    "dt_rows": (cells.dt_rows[d0:d1], image.dt_rows),
                    "gt_rows": (cells.gt_rows[g0:g1], image.gt_rows),
                    "scores": (outcomes.scores[d0:d1].tobytes(), image.scores.tobytes()),
                    "gt_of": (matches.gt_of[d0:d1, pairs], image.taken.T),
                    "matched": (_bits(outcomes.matched[d0:d1], pairs), image.dt_matches.T != 0),
                    "ignored": (_bits(outcomes.ignored[d0:d1], pairs), image.dt_ignore.T),
                    "overlap": (
                        matches.overlap[d0:d1, pairs],
                        [
                            [_iou(columns, d, g) for g in row]
                            for d, row in zip(image.dt_rows, image.taken.T, strict=True)
                        ],
                    ),
                }
                for name, (ours, theirs) in here.items():
                    shaped = np.shape(ours)
                    if isinstance(theirs, bytes):
                        same = ours == theirs
                    else:
                        same = np.array_equal(ours, np.reshape(theirs, shaped), equal_nan=name == "overlap")
                    if not same:
                        found.append(f"{name} of cell {c}, area range {a}: {ours}, not {theirs}")
    return found


def _bits(words: Any, pairs: slice) -> Any:
    bits = np.unpackbits(np.ascontiguousarray(words).astype("<u8").view(np.uint8), axis=1, bitorder="little")
    return bits[:, pairs].astype(bool)


def _iou(columns: Columns, d: int, g: int) -> np.float64:
    if g < 0:
        return np.float64(0)
    return overlap(columns.dt.shape[d], columns.gt.shape[g], bool(columns.gt.flags[g] & CROWD))
