"""Masks that stay texts: measured, and compared with runs, without runs of all of them in memory at once.

text: uint8; begins, ends: int64 (N,), where each mask's text begins and ends (mask_strings.py says what one is).
"""

import numpy as np

from .boxes import iou
from .mask_strings import n_runs_of, read_runs
from .masks import measure, overlap_of
from .registry import helper, kernel


@kernel(parallel=True, outputs=("n_runs", "areas", "totals", "boxes"), cuda=False)
def measure_texts(text, begins, ends, sizes, n_runs, areas, totals, boxes, begin, end):
    """What count_runs says of each text, and measure_masks of its runs; zeros where a text is none.

    sizes: int64 (N, 2). n_runs: int64 (N,). areas: uint32 (N,). totals: int64 (N,). boxes: float64 (N, 4). Units are
    texts.
    """
    for n in range(begin, end):
        runs = runs_of(text[begins[n] : ends[n]])
        n_runs[n] = n_runs_of(text[begins[n] : ends[n]])
        measure(runs, sizes[n, 0], sizes[n, 1], areas, totals, boxes, n)


@kernel(parallel=True, outputs=("out",), cuda=False)
def text_iou(
    text, begins, ends, dt_sizes, dt_areas, dt_boxes, dt_rows, gt_counts, gt_runs, gt_sizes, gt_areas, gt_boxes,
    gt_rows, crowd, dt_offsets, gt_offsets, out_offsets, least, out, begin, end,
):  # fmt: skip
    """As mask_iou, of detections that are texts; one that is none has no runs.

    A detection is read where an overlap asks for it.
    """
    for p in range(begin, end):
        at = out_offsets[p]
        for d in range(dt_offsets[p], dt_offsets[p + 1]):
            a = dt_rows[d]
            runs, is_read = np.empty(0, np.uint32), False
            for g in range(gt_offsets[p], gt_offsets[p + 1]):
                b = gt_rows[g]
                overlap = 0.0
                if iou(dt_boxes, a, gt_boxes, b, crowd[g] != 0) > 0:
                    if dt_sizes[a, 0] != gt_sizes[b, 0] or dt_sizes[a, 1] != gt_sizes[b, 1]:
                        overlap = -1.0
                    else:
                        if not is_read:
                            runs, is_read = runs_of(text[begins[a] : ends[a]]), True
                        overlap = overlap_of(runs, gt_counts[gt_runs[b] : gt_runs[b + 1]], dt_areas[a], crowd[g])
                out[at] = 0.0 if least > 0 and overlap < least else overlap
                at += 1


@helper
def runs_of(text):
    """uint32: the runs of a text; none where it is no such text."""
    runs = np.empty(max(0, n_runs_of(text)), np.uint32)
    read_runs(text, runs)
    return runs
