"""Generated masks: runs, texts, bitmaps and polygons; and calls of the kernels that read them."""

from __future__ import annotations

from typing import Any

import numpy as np

from helpers.ragged import offsets_of, problems

Rng = np.random.Generator
Args = dict[str, Any]


def make_bitmap(rng: Rng, height: int, width: int) -> Any:
    """A uint8 (height, width) of 0 and 1: a blob, noise, stripes, empty, full, or one pixel."""
    kind, out = rng.integers(7), np.zeros((height, width), np.uint8)
    if not out.size or kind == 0:
        return out
    if kind == 1:
        return out + np.uint8(1)
    if kind == 2:
        out.flat[rng.integers(out.size)] = 1
    elif kind == 3:
        out[:] = rng.random(out.shape) < rng.random()
    elif kind == 4:
        out[:, :: int(rng.integers(1, 3))] = 1
    else:
        (y0, y1), (x0, x1) = (np.sort(rng.integers(0, n + 1, 2)) for n in out.shape)
        out[y0:y1, x0:x1] = 1
        out ^= (rng.random(out.shape) < rng.choice([0, 0.05])).astype(np.uint8)
    return out


def runs_of(bitmap: Any) -> Any:
    """The runs of a bitmap, int64."""
    flat = bitmap.ravel(order="F")
    turns = np.flatnonzero(np.diff(flat, prepend=flat.dtype.type(0)))
    return np.diff(np.concatenate([[0], turns, [flat.size]]))


def make_runs(rng: Rng, height: int, width: int) -> Any:
    """Runs of a mask; now and then with runs of length 0 that change no pixel, or none that a mask could have."""
    kind = rng.integers(12)
    if kind == 0:
        return rng.integers(0, 2**32, rng.integers(0, 6))
    runs = runs_of(make_bitmap(rng, height, width))
    if kind < 4:
        for _ in range(rng.integers(1, 4)):
            at = int(rng.integers(0, len(runs) + 1))
            cut = int(rng.integers(0, runs[at] + 1)) if at < len(runs) else 0
            halves = [cut, 0, runs[at] - cut] if at < len(runs) else [0]
            runs = np.concatenate([runs[:at], halves, runs[at + 1 :]]).astype(np.int64)
    return runs


def make_sizes(rng: Rng, n: int) -> Any:
    """int64 (n, 2); mostly equal ones."""
    sizes = np.tile(rng.choice([[5, 7], [1, 9], [9, 1], [1, 1], [33, 40], [0, 3], [3, 0]]), (n, 1))
    odd = rng.random(n) < 0.1
    sizes[odd] = sizes[odd][:, ::-1]
    return np.ascontiguousarray(sizes, np.int64)


def make_masks(rng: Rng, n: int) -> tuple[Any, Any, Any]:
    """counts, offsets, sizes."""
    sizes = make_sizes(rng, n)
    runs = [make_runs(rng, int(h), int(w)) for h, w in sizes]
    counts = np.concatenate([np.empty(0, np.int64), *runs]).astype(np.uint32)
    return counts, offsets_of([len(run) for run in runs]), sizes


def measured(counts: Any, offsets: Any, sizes: Any) -> tuple[Any, Any]:
    """The areas and boxes of masks."""
    from pymetrics import kernels

    n = len(sizes)
    areas, totals, boxes = np.empty(n, np.uint32), np.empty(n, np.int64), np.empty((n, 4))
    kernels.KERNELS["measure_masks"].reference(counts, offsets, sizes, areas, totals, boxes, 0, n)
    return areas, boxes


def measure_masks(rng: Rng, size: int) -> Args:
    counts, offsets, sizes = make_masks(rng, size)
    return {
        "counts": counts, "offsets": offsets, "sizes": sizes, "areas": np.empty(size, np.uint32),
        "totals": np.empty(size, np.int64), "boxes": np.empty((size, 4)), "begin": 0, "end": size,
    }  # fmt: skip


def encode_masks(rng: Rng, size: int) -> Args:
    height, width = (int(n) for n in rng.choice([[5, 7], [1, 9], [9, 1], [70, 66], [0, 3], [3, 0], [100, 9]]))
    pixels = np.empty((size, height, width), np.uint8)
    for i in range(size):
        pixels[i] = make_bitmap(rng, height, width) * rng.choice([1, 1, 255])
        if rng.random() < 0.2:
            pixels[i] = rng.integers(0, 3, (height, width))
    return {
        "pixels": pixels, "by_rows": int(rng.integers(2)),
        "counts": np.empty((size, rng.choice([0, 3, height * width + 1])), np.uint32),
        "n_runs": np.empty(size, np.int64), "begin": 0, "end": size,
    }  # fmt: skip


def decode_masks(rng: Rng, size: int) -> Args:
    counts, offsets, sizes = make_masks(rng, size)
    n_pixels = int(sizes[0].prod()) + int(rng.integers(-1, 2)) if size else 5
    return {
        "counts": counts, "offsets": offsets, "pixels": np.empty((size, max(0, n_pixels)), np.uint8),
        "begin": 0, "end": size,
    }  # fmt: skip


def merge_masks(rng: Rng, size: int) -> Args:
    counts, offsets, sizes = make_masks(rng, size)
    groups = np.sort(np.concatenate([[0, size], rng.integers(0, size + 1, size // 2)])).astype(np.int64)
    n, room = len(groups) - 1, offsets[groups]
    return {
        "counts": counts, "offsets": offsets, "sizes": sizes, "groups": groups, "intersect": int(rng.integers(2)),
        "room": room, "merged": np.empty(room[-1], np.uint32), "n_runs": np.empty(n, np.int64),
        "merged_sizes": np.empty((n, 2), np.int64), "begin": 0, "end": n,
    }  # fmt: skip


def whole(counts: Any, offsets: Any, sizes: Any) -> tuple[Any, Any, Any]:
    """The masks, where their runs do not sum to their pixels with a last run that does."""
    parts = []
    for begin, end, pixels in zip(offsets[:-1], offsets[1:], sizes.prod(axis=1), strict=True):
        runs = counts[begin:end].astype(np.int64)
        runs = runs[: np.searchsorted(np.cumsum(runs), pixels, side="right")]
        rest = pixels - runs.sum()
        parts.append(np.append(runs, rest) if rest else runs)
    whole_counts = np.concatenate([np.empty(0, np.int64), *parts]).astype(np.uint32)
    return whole_counts, offsets_of([len(part) for part in parts]), sizes


def mask_iou(rng: Rng, size: int) -> Args:
    least = float(rng.choice([0.0, -1.0, 0.3, 0.5, 1.0]))
    dt_offsets, gt_offsets, out_offsets = problems(rng, size)
    n_gt = int(gt_offsets[-1])
    (dt_counts, dt_runs, dt_sizes), (gt_counts, gt_runs, gt_sizes) = make_masks(rng, 6), make_masks(rng, 5)
    if rng.random() < 0.8:
        gt_counts, gt_runs, gt_sizes = dt_counts, dt_runs, dt_sizes
    if least > 0:
        dt_counts, dt_runs, dt_sizes = whole(dt_counts, dt_runs, dt_sizes)
        gt_counts, gt_runs, gt_sizes = whole(gt_counts, gt_runs, gt_sizes)
    (dt_areas, dt_boxes), (gt_areas, gt_boxes) = (
        measured(*masks) for masks in ((dt_counts, dt_runs, dt_sizes), (gt_counts, gt_runs, gt_sizes))
    )
    return {
        "dt_counts": dt_counts, "dt_runs": dt_runs, "dt_sizes": dt_sizes, "dt_areas": dt_areas, "dt_boxes": dt_boxes,
        "dt_rows": rng.integers(0, 6, int(dt_offsets[-1])).astype(np.int32),
        "gt_counts": gt_counts, "gt_runs": gt_runs, "gt_sizes": gt_sizes, "gt_areas": gt_areas, "gt_boxes": gt_boxes,
        "gt_rows": rng.integers(0, len(gt_sizes), n_gt).astype(np.int32),
        "crowd": (rng.random(n_gt) < 0.3).astype(np.uint8), "dt_offsets": dt_offsets, "gt_offsets": gt_offsets,
        "out_offsets": out_offsets, "least": least, "out": np.empty(out_offsets[-1]),
        "begin": 0, "end": len(dt_offsets) - 1,
    }  # fmt: skip


def text_iou(rng: Rng, size: int) -> Args:
    """As mask_iou, with the detections' runs as texts; now and then with one that is none."""
    args = mask_iou(rng, size)
    counts, offsets = args.pop("dt_counts"), args.pop("dt_runs")
    text, ends = as_texts(counts, offsets)
    begins, ends = ends[:-1].copy(), ends[1:].copy()
    if rng.random() < 0.2 and len(text) and args["least"] <= 0:
        text[rng.integers(len(text))] = rng.integers(256)
    return {"text": text, "begins": begins, "ends": ends} | args


def as_texts(counts: Any, offsets: Any) -> tuple[Any, Any]:
    """The texts of runs, one after another, and where each begins."""
    from pymetrics import kernels

    n, lengths = len(offsets) - 1, np.empty(len(offsets) - 1, np.int64)
    kernels.KERNELS["measure_strings"].reference(counts, offsets, lengths, 0, n)
    ends = offsets_of(lengths)
    text = np.empty(ends[-1], np.uint8)
    kernels.KERNELS["write_strings"].reference(counts, offsets, ends, text, 0, n)
    return text, ends


def measure_texts(rng: Rng, size: int) -> Args:
    """Texts of masks, of a few hundred characters now and then, and texts that may be none."""
    text, begins, ends, n_runs = texts(rng, size)
    sizes = make_sizes(rng, size)
    if rng.random() < 0.7:
        counts, offsets, sizes = make_masks(rng, size)
        if rng.random() < 0.3:
            sides = np.where(np.arange(size) < 4, 200, 20)  # few long ones: the loops read character by character
            sizes = np.stack([sides, sides], axis=1)
            runs = [runs_of(make_bitmap(rng, side, side)) for side in sides.tolist()]
            counts = np.concatenate([np.empty(0, np.int64), *runs]).astype(np.uint32)
            offsets = offsets_of([len(run) for run in runs])
        text, offsets = as_texts(counts, offsets)
        begins, ends, n_runs = offsets[:-1].copy(), offsets[1:].copy(), np.empty(size, np.int64)
    return {
        "text": text, "begins": begins, "ends": ends, "sizes": sizes, "n_runs": np.empty_like(n_runs),
        "areas": np.empty(size, np.uint32), "totals": np.empty(size, np.int64), "boxes": np.empty((size, 4)),
        "begin": 0, "end": size,
    }  # fmt: skip


def long_texts(rng: Rng) -> list[tuple[str, Args]]:
    """Calls of measure_texts and text_iou whose masks have hundreds of runs, of few or of many in a column; some have
    long runs, and so numbers of many characters."""
    height, width = (int(n) for n in rng.choice([[200, 180], [64, 300], [3000, 2000], [7, 5000]]))
    bitmaps = []
    for _ in range(8):
        out = np.zeros((height, width), np.uint8)
        (y0, y1), (x0, x1) = (np.sort(rng.integers(0, n + 1, 2)) for n in out.shape)
        out[y0:y1, x0:x1] = 1
        out[rng.integers(height) :, rng.integers(width) :] ^= 1
        noise = rng.choice([0, 0.001, 0.02]) if height * width < 10**6 else 0.00001
        bitmaps.append(out ^ (rng.random(out.shape) < noise).astype(np.uint8))
    bitmaps += [np.roll(bitmap, rng.integers(-2, 3, 2), (0, 1)) for bitmap in bitmaps]
    runs = [runs_of(bitmap) for bitmap in bitmaps]
    counts, offsets = np.concatenate(runs).astype(np.uint32), offsets_of([len(run) for run in runs])
    sizes, n = np.full((len(runs), 2), [height, width]), len(runs)
    text, ends = as_texts(counts, offsets)
    begins, ends = ends[:-1].copy(), ends[1:].copy()
    measured_now = {
        "text": text, "begins": begins, "ends": ends, "sizes": sizes, "n_runs": np.empty(n, np.int64),
        "areas": np.empty(n, np.uint32), "totals": np.empty(n, np.int64), "boxes": np.empty((n, 4)),
        "begin": 0, "end": n,
    }  # fmt: skip
    areas, boxes = measured(counts, offsets, sizes)
    rows, problem = np.arange(n, dtype=np.int32), np.array([0, n])
    compared = {
        "text": text, "begins": begins, "ends": ends, "dt_sizes": sizes, "dt_areas": areas, "dt_boxes": boxes,
        "dt_rows": rows, "gt_counts": counts, "gt_runs": offsets, "gt_sizes": sizes, "gt_areas": areas,
        "gt_boxes": boxes, "gt_rows": rows, "crowd": (rows % 5 == 0).astype(np.uint8), "dt_offsets": problem,
        "gt_offsets": problem, "out_offsets": np.array([0, n * n]), "least": float(rng.choice([0, 0.5])),
        "out": np.empty(n * n), "begin": 0, "end": 1,
    }  # fmt: skip
    return [("measure_texts", measured_now), ("text_iou", compared)]


def make_text(rng: Rng) -> Any:
    """uint8: characters of runs; now and then others, or a number that is cut off or too long."""
    kind = rng.integers(6)
    if kind == 0:
        return rng.integers(0, 256, rng.integers(0, 30)).astype(np.uint8)
    if kind == 1:
        return np.append(rng.integers(80, 112, rng.integers(5, 15)), 48).astype(np.uint8)
    text = rng.integers(48, 112, rng.integers(0, 40)).astype(np.uint8)
    return np.append(text, np.uint8(60)) if kind > 2 else text


def texts(rng: Rng, size: int) -> tuple[Any, Any, Any, Any]:
    """text, begins, ends, and the runs of each text as count_runs counts them."""
    from pymetrics import kernels

    parts = [make_text(rng) for _ in range(size)]
    text, offsets = np.concatenate([np.empty(0, np.uint8), *parts]), offsets_of([len(part) for part in parts])
    n_runs = np.empty(size, np.int64)
    kernels.KERNELS["count_runs"].reference(text, offsets[:-1], offsets[1:], n_runs, 0, size)
    return text, offsets[:-1].copy(), offsets[1:].copy(), n_runs


def count_runs(rng: Rng, size: int) -> Args:
    text, begins, ends, n_runs = texts(rng, size)
    return {"text": text, "begins": begins, "ends": ends, "n_runs": np.empty_like(n_runs), "begin": 0, "end": size}


def read_strings(rng: Rng, size: int) -> Args:
    """Of texts that are no runs some numbers are read all the same, and numbers behind the end."""
    text, begins, ends, n_runs = texts(rng, size)
    run_offsets = offsets_of(np.where(n_runs < 0, rng.integers(0, 9, size), n_runs))
    return {
        "text": text, "begins": begins, "ends": ends, "run_offsets": run_offsets,
        "counts": np.empty(run_offsets[-1], np.uint32), "begin": 0, "end": size,
    }  # fmt: skip


def measure_strings(rng: Rng, size: int) -> Args:
    counts, offsets, _ = make_masks(rng, size)
    return {"counts": counts, "offsets": offsets, "lengths": np.empty(size, np.int64), "begin": 0, "end": size}


def write_strings(rng: Rng, size: int) -> Args:
    from pymetrics import kernels

    args = measure_strings(rng, size)
    kernels.KERNELS["measure_strings"].reference(*args.values())
    text_offsets = offsets_of(args.pop("lengths"))
    return args | {"text_offsets": text_offsets, "text": np.empty(text_offsets[-1], np.uint8)}


def make_polygon(rng: Rng) -> Any:
    """float64 (points, 2), from 0 to 12 of them; inside a mask of 40 pixels, beside it, or far away."""
    points = rng.uniform(-5, 45, (rng.integers(0, 12), 2))
    kind = rng.integers(5)
    if kind == 0:
        points = np.round(points)
    elif kind == 1:
        points = np.round(points * 5) / 5 + rng.choice([0, 0.1])
    elif kind == 2 and len(points):
        points[rng.integers(len(points))] *= rng.choice([10, -100, 700])
    elif kind == 3:
        points = np.repeat(points, 2, axis=0)
    return points


def draw_polygons(rng: Rng, size: int) -> Args:
    parts = [make_polygon(rng) for _ in range(size)]
    room = offsets_of(rng.choice([2, 12, 600], size, p=[0.1, 0.1, 0.8]))
    return {
        "points": np.concatenate([np.empty((0, 2)), *parts]), "offsets": offsets_of([len(part) for part in parts]),
        "sizes": np.maximum(make_sizes(rng, size), 1), "room": room, "counts": np.empty(room[-1], np.uint32),
        "n_runs": np.empty(size, np.int64), "begin": 0, "end": size,
    }  # fmt: skip


def boundary_masks(rng: Rng, size: int) -> Args:
    counts, offsets, sizes = make_masks(rng, size)
    room = offsets_of(rng.choice([2, 12, 2000], size, p=[0.1, 0.1, 0.8]))
    return {
        "counts": counts, "offsets": offsets, "sizes": sizes, "distances": rng.choice([1, 2, 3, 9, 2**40], size),
        "room": room, "bounds": np.empty(room[-1], np.uint32), "n_runs": np.empty(size, np.int64), "begin": 0,
        "end": size,
    }  # fmt: skip


CALLS = (
    measure_masks, encode_masks, decode_masks, merge_masks, mask_iou, count_runs, read_strings, measure_strings,
    write_strings, draw_polygons, boundary_masks, measure_texts, text_iou,
)  # fmt: skip
