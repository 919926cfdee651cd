"""Run-length masks: the lengths of a mask's runs of equal pixels, column by column; the first run is of zeros.

N masks are columns: counts uint32 (all runs), offsets int64 (N + 1,): the runs of mask n are
counts[offsets[n] : offsets[n + 1]]; sizes int64 (N, 2): height, width. No kernel trusts the runs: where they do not
sum to height * width, results are of no use, but nothing is read or written out of bounds.
"""

import numpy as np

from .boxes import iou
from .registry import helper, kernel

LOW_HALF = 0xFFFFFFFF  # pycocotools counts pixels in 32 bits


@kernel(parallel=True, outputs=("areas", "totals", "boxes"), cuda=False)
def measure_masks(counts, offsets, sizes, areas, totals, boxes, begin, end):
    """The pixels of 1 of each mask, its pixels in all, and its bounding box.

    areas: uint32 (N,), modulo 2**32. totals: int64 (N,), the sum of all runs. boxes: float64 (N, 4), x, y, width and
    height in pixels; zeros for a mask of one run; modulo 2**32 where all runs of 1 have length 0 (EMPTY_RUN).
    Units are masks.
    """
    for n in range(begin, end):
        measure(counts[offsets[n] : offsets[n + 1]], sizes[n, 0], sizes[n, 1], areas, totals, boxes, n)


@helper
def measure(runs, height, width, areas, totals, boxes, n):
    """Write what measure_masks says of one mask to row n."""
    area, total, n_runs = np.int64(0), np.int64(0), runs.shape[0]
    x_low, y_low, x_high, y_high = width, height, np.int64(0), np.int64(0)
    for r in range(n_runs):
        start, run = total & LOW_HALF, np.int64(runs[r])
        total += run
        if r % 2 == 0 or run == 0:
            continue
        area += run
        if height == 0:
            continue
        last = (total - 1) & LOW_HALF
        x_low, x_high = min(x_low, start // height), max(x_high, last // height)
        if start // height < last // height:
            y_low, y_high = np.int64(0), height - 1
        else:
            y_low, y_high = min(y_low, start % height), max(y_high, last % height)
    areas[n], totals[n] = area & LOW_HALF, total
    boxes[n, 0] = x_low if n_runs > 1 else 0
    boxes[n, 1] = y_low if n_runs > 1 else 0
    boxes[n, 2] = (x_high - x_low + 1) & LOW_HALF if n_runs > 1 else 0
    boxes[n, 3] = (y_high - y_low + 1) & LOW_HALF if n_runs > 1 else 0


@kernel(parallel=True, outputs=("counts", "n_runs"), cuda=False)
def encode_masks(pixels, by_rows, counts, n_runs, begin, end):
    """The runs of bitmaps. A run ends where the value changes, whatever the values (VALUE_RUNS).

    pixels: uint8; (N, height, width) where by_rows is 1, (N, width, height) where it is 0.
    counts: uint32 (N, room), the first `room` runs of each mask; what a mask leaves of its row stays as it was.
    n_runs: int64 (N,), how many runs each mask has: maybe more than `room`. Units are masks.
    """
    for n in range(begin, end):
        found, run, previous = 0, 0, np.uint8(0)
        for x in range(pixels.shape[2] if by_rows else pixels.shape[1]):
            for y in range(pixels.shape[1] if by_rows else pixels.shape[2]):
                value = pixels[n, y, x] if by_rows else pixels[n, x, y]
                if value != previous:
                    if found < counts.shape[1]:
                        counts[n, found] = run
                    found, run, previous = found + 1, 0, value
                run += 1
        if found < counts.shape[1]:
            counts[n, found] = run
        n_runs[n] = found + 1


@kernel(parallel=True, outputs=("pixels",), cuda=False)
def decode_masks(counts, offsets, pixels, begin, end):
    """The bitmaps of runs: 0 and 1.

    pixels: uint8 (N, width * height), column by column. Units are masks.
    """
    for n in range(begin, end):
        at, value = 0, 0
        for r in range(offsets[n], offsets[n + 1]):
            stop = min(at + np.int64(counts[r]), pixels.shape[1])
            for i in range(at, stop):
                pixels[n, i] = value
            at, value = stop, 1 - value
        for i in range(at, pixels.shape[1]):
            pixels[n, i] = 0


@kernel(parallel=True, outputs=("merged", "n_runs", "merged_sizes"), cuda=False)
def merge_masks(counts, offsets, sizes, groups, intersect, room, merged, n_runs, merged_sizes, begin, end):
    """The union of each group of masks, or where `intersect` is 1 what they share.

    groups: int64 (G + 1,); group g holds the masks groups[g] : groups[g + 1].
    room: int64 (G + 1,); the runs of group g are written from merged[room[g]] on. It needs as many as all runs of its
    masks. n_runs: int64 (G,). merged_sizes: int64 (G, 2).
    A single mask keeps its runs as they are; no mask, or masks of different sizes, give a mask of 0 x 0 without runs.
    Units are groups.
    """
    for g in range(begin, end):
        first, last = groups[g], groups[g + 1]
        height = sizes[first, 0] if last > first else 0
        width = sizes[first, 1] if last > first else 0
        for n in range(first, last):
            if sizes[n, 0] != height or sizes[n, 1] != width:
                height, width, last = 0, 0, first  # DIFFERENT_SIZES
                break
        merged_sizes[g, 0], merged_sizes[g, 1] = height, width
        out = merged[room[g] : room[g + 1]]
        found = 0
        if last > first:
            for r in range(offsets[first], offsets[first + 1]):
                out[found] = counts[r]
                found += 1
        for n in range(first + 1, last):
            found = merge_two(out[:found].copy(), counts[offsets[n] : offsets[n + 1]], intersect, out)
        n_runs[g] = found


@helper
def merge_two(a, b, intersect, out):
    """Write the runs of two masks' union or intersection, and return their number.

    pycocotools' loop: two runs of length 0 that are reached at once end it (EMPTY_RUNS_END).
    """
    if a.shape[0] + b.shape[0] == 0:
        return 0
    left_a, left_b = run_at(a, 0), run_at(b, 0)
    next_a, next_b, in_a, in_b, inside = 1, 1, False, False, False
    found, run, left = 0, np.int64(0), np.int64(1)
    while left > 0:
        step = min(left_a, left_b)
        run += step
        left_a -= step
        left_b -= step
        moves = step > 0
        if left_a == 0 and next_a < a.shape[0]:
            left_a, next_a, in_a, moves = run_at(a, next_a), next_a + 1, not in_a, True
        if left_b == 0 and next_b < b.shape[0]:
            left_b, next_b, in_b, moves = run_at(b, next_b), next_b + 1, not in_b, True
        left = left_a + left_b if moves else np.int64(0)
        was_inside, inside = inside, (in_a and in_b) if intersect else (in_a or in_b)
        if inside != was_inside or left == 0:
            out[found] = run
            found, run = found + 1, np.int64(0)
    return found


@helper
def run_at(runs, i):
    """A run's length, 0 behind the last."""
    return np.int64(runs[i]) if i < runs.shape[0] else np.int64(0)


@kernel(parallel=True, outputs=("out",), cuda=False)
def mask_iou(
    dt_counts, dt_runs, dt_sizes, dt_areas, dt_boxes, dt_rows, gt_counts, gt_runs, gt_sizes, gt_areas, gt_boxes,
    gt_rows, crowd, dt_offsets, gt_offsets, out_offsets, least, out, begin, end,
):  # fmt: skip
    """Overlaps of every detection with every ground truth of the same problem.

    dt_counts, dt_runs, dt_sizes: the detections' masks (counts, offsets, sizes). dt_areas, dt_boxes: what measure_masks
    says of them. dt_rows: int32 (D,), masks. The same of the ground truths. crowd: uint8 (G,), beside gt_rows; against
    a crowd the union is the detection's own area. dt_offsets, gt_offsets: int64 (P + 1,), where each problem's masks
    begin in dt_rows and gt_rows. out: float64; problem p fills out[out_offsets[p] : out_offsets[p + 1]], row-major.
    Masks of different sizes have the overlap -1 where their boxes overlap (DIFFERENT_SIZES). least: where it is above
    0, an overlap below it is written as 0; the masks, areas and boxes must then belong together. Units are problems.
    """
    for p in range(begin, end):
        at = out_offsets[p]
        for d in range(dt_offsets[p], dt_offsets[p + 1]):
            a = dt_rows[d]
            for g in range(gt_offsets[p], gt_offsets[p + 1]):
                b = gt_rows[g]
                overlap = 0.0
                if iou(dt_boxes, a, gt_boxes, b, crowd[g] != 0) > 0:
                    if dt_sizes[a, 0] != gt_sizes[b, 0] or dt_sizes[a, 1] != gt_sizes[b, 1]:
                        overlap = -1.0
                    else:
                        runs, gt = dt_counts[dt_runs[a] : dt_runs[a + 1]], gt_counts[gt_runs[b] : gt_runs[b + 1]]
                        overlap = overlap_of(runs, gt, dt_areas[a], crowd[g])
                out[at] = 0.0 if least > 0 and overlap < least else overlap
                at += 1


@helper
def overlap_of(dt, gt, dt_area, crowd):
    """The overlap of two masks of one size."""
    shared, union = intersection_and_union(dt, gt)
    return float(shared) / float(np.int64(dt_area) if crowd else union) if shared > 0 else 0.0


@helper
def intersection_and_union(a, b):
    """Of two masks, in pixels; two runs of length 0 that are reached at once end it (EMPTY_RUNS_END)."""
    left_a, left_b = run_at(a, 0), run_at(b, 0)
    next_a, next_b, in_a, in_b = 1, 1, False, False
    shared, union, left = np.int64(0), np.int64(0), np.int64(1)
    while left > 0:
        step = min(left_a, left_b)
        union += step if in_a or in_b else 0
        shared += step if in_a and in_b else 0
        left_a -= step
        left_b -= step
        moves = step > 0
        if left_a == 0 and next_a < a.shape[0]:
            left_a, next_a, in_a, moves = run_at(a, next_a), next_a + 1, not in_a, True
        if left_b == 0 and next_b < b.shape[0]:
            left_b, next_b, in_b, moves = run_at(b, next_b), next_b + 1, not in_b, True
        left = left_a + left_b if moves else np.int64(0)
    return shared, union
