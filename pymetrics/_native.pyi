"""The C++ module: kernels on numpy arrays, and readers of files and of lists of dicts.

A kernel takes the arguments of its namesake in pymetrics/kernels, where they are described; arrays are C-contiguous. It
raises TypeError where an array cannot be viewed, ValueError where values or lengths would make memory unsafe; both name
the argument. n_threads: from 1 on.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_F32 = NDArray[np.float32]
_F64 = NDArray[np.float64]
_I64 = NDArray[np.int64]
_I32 = NDArray[np.int32]
_U64 = NDArray[np.uint64]
_U32 = NDArray[np.uint32]
_U8 = NDArray[np.uint8]

BUILT_FOR: str  # version and interface of the Python files that it belongs to
ARGUMENTS: dict[str, list[str]]  # of each kernel, without n_threads
TEXT_PAD: int  # zero bytes that follow a text

def index_ids(ids: _I64, known: _I64, out: _I32, /) -> None: ...
def sort_rows(category: _I32, image: _I32, n_images: int, order: _I32, starts: _I64, /) -> None: ...
def join_cells(
    dt_image: _I32,
    dt_order: _I32,
    dt_starts: _I64,
    gt_image: _I32,
    gt_order: _I32,
    gt_starts: _I64,
    limit: int,
    category_cells: _I64,
    cell_image: _I32,
    cell_dt: _I64,
    cell_gt: _I64,
    offsets: _I64,
    /,
) -> None: ...
def rank_detections(
    scores: _F64,
    dt_order: _I32,
    cell_dt: _I64,
    offsets: _I64,
    rows: _I32,
    ranked: _F64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def place_cells(
    category_cells: _I64,
    categories: _I32,
    cell_image: _I32,
    images: _I32,
    offsets: _I64,
    first_dt: int,
    out_category: _I32,
    out_image: _I32,
    starts: _I64,
    counts: _I64,
    /,
) -> None: ...
def move_cells(
    order: _I32,
    starts: _I64,
    counts: _I64,
    cell_image: _I32,
    n_gt: _I32,
    scores: _F64,
    matched: _U64,
    ignored: _U64,
    new_offsets: _I64,
    new_cell_image: _I32,
    new_n_gt: _I32,
    new_scores: _F64,
    new_matched: _U64,
    new_ignored: _U64,
    /,
) -> None: ...
def box_iou(
    dt: _F64,
    gt: _F64,
    crowd: _U8,
    dt_offsets: _I64,
    gt_offsets: _I64,
    out_offsets: _I64,
    kind: int,
    out: _F64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def rotated_iou(
    dt: _F64,
    gt: _F64,
    crowd: _U8,
    dt_offsets: _I64,
    gt_offsets: _I64,
    out_offsets: _I64,
    out: _F64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def keypoint_areas(points: _F64, areas: _F64, begin: int, end: int, n_threads: int, /) -> None: ...
def keypoint_exponents(
    dt_points: _F64,
    dt_rows: _I32,
    gt_points: _F64,
    gt_boxes: _F64,
    gt_scales: _F64,
    gt_rows: _I32,
    variances: _F64,
    highest: float,
    dt_offsets: _I64,
    gt_offsets: _I64,
    term_offsets: _I64,
    exponents: _F64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def keypoint_overlaps(
    terms: _F64,
    most: float,
    n_terms: _I64,
    dt_offsets: _I64,
    gt_offsets: _I64,
    term_offsets: _I64,
    out_offsets: _I64,
    out: _F64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def area_words(
    area: _F64,
    flags: _U8,
    always: int,
    rows: _I32,
    offsets: _I64,
    area_ranges: _F64,
    area_bits: _U64,
    words: _U64,
    n_inside: _I32,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def match_cells(
    overlaps: _F64,
    overlap_offsets: _I64,
    dt_rows: _I32,
    dt_flags: _U8,
    dt_ignored: _U64,
    dt_offsets: _I64,
    gt_rows: _I32,
    gt_flags: _U8,
    gt_ignored: _U64,
    gt_offsets: _I64,
    thresholds: _F64,
    reached_bits: _U64,
    matched: _U64,
    ignored: _U64,
    match_of: _I32,
    match_iou: _F64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def panoptic_pairs(
    preds: _I64, target: _I64, colors: _I64, areas: _I64, n_pairs: _I64, begin: int, end: int, n_threads: int, /
) -> None: ...
def match_boxes(
    dt_boxes: _F64,
    dt_area: _F64,
    dt_rows: _I32,
    dt_flags: _U8,
    dt_offsets: _I64,
    gt_boxes: _F64,
    gt_area: _F64,
    gt_rows: _I32,
    gt_flags: _U8,
    gt_offsets: _I64,
    thresholds: _F64,
    reached_bits: _U64,
    area_ranges: _F64,
    area_bits: _U64,
    n_gt: _I32,
    matched: _U64,
    ignored: _U64,
    match_of: _I32,
    match_iou: _F64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def accumulate(
    scores: _F64,
    matched: _U64,
    ignored: _U64,
    offsets: _I64,
    n_gt: _I32,
    category_cells: _I64,
    area_bits: _U64,
    max_dets: _I64,
    recall_thresholds: _F64,
    precision: _F64,
    recall: _F64,
    scores_at: _F64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def accumulate_replicates(
    scores: _F64,
    matched: _U64,
    ignored: _U64,
    offsets: _I64,
    n_gt: _I32,
    category_cells: _I64,
    cell_image: _I32,
    weights: _U8,
    max_dets: _I64,
    recall_thresholds: _F64,
    precision: _F64,
    recall: _F64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def draw_weights(
    hashes: _U64,
    quantiles: _U64,
    weights: _U8,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def replicate_means(
    scores: _F64,
    matched: _U64,
    ignored: _U64,
    offsets: _I64,
    n_gt: _I32,
    category_cells: _I64,
    cell_image: _I32,
    weights: _U8,
    max_dets: _I64,
    recall_thresholds: _F64,
    n_thresholds: int,
    queries: _I64,
    members: _U8,
    means: _F64,
    class_means: _F64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def image_means(
    matched: _U64,
    ignored: _U64,
    offsets: _I64,
    n_gt: _I32,
    image_cells: _I64,
    cell_category: _I32,
    max_dets: _I64,
    recall_thresholds: _F64,
    n_thresholds: int,
    queries: _I64,
    members: _U8,
    means: _F64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def mean_valid(
    values: _F64,
    columns: _I64,
    first_rows: _I64,
    last_rows: _I64,
    means: _F64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def match_across(
    overlaps: _F64,
    overlap_offsets: _I64,
    dt_category: _I32,
    dt_offsets: _I64,
    gt_category: _I32,
    gt_offsets: _I64,
    threshold: float,
    match_of: _I32,
    match_iou: _F64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def count_at(
    scores: _F64,
    matched: _U64,
    ignored: _U64,
    offsets: _I64,
    bit: int,
    score: float,
    n_dt: _I32,
    tp: _I32,
    fp: _I32,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def count_along_scores(
    scores: _F64,
    matched: _U64,
    ignored: _U64,
    offsets: _I64,
    category_cells: _I64,
    bit: int,
    limit: int,
    each: int,
    point_scores: _F64,
    tp: _I64,
    fp: _I64,
    n_points: _I64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def join_along_scores(
    scores: _F64,
    tp: _I64,
    fp: _I64,
    starts: _I64,
    n_gt: _I64,
    beta_squared: float,
    point_scores: _F64,
    sum_tp: _I64,
    sum_fp: _I64,
    means: _F64,
    counts: _I64,
    /,
) -> None: ...
def corner_iou(
    dt: _F32,
    gt: _F32,
    dt_offsets: _I64,
    gt_offsets: _I64,
    out_offsets: _I64,
    kind: int,
    out: _F64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def match_unclaimed(
    overlaps: _F64,
    overlap_offsets: _I64,
    dt_category: _I32,
    dt_offsets: _I64,
    gt_category: _I32,
    gt_offsets: _I64,
    threshold: float,
    across: int,
    match_of: _I32,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def match_pairs(
    overlaps: _F64,
    overlap_offsets: _I64,
    dt_category: _I32,
    dt_offsets: _I64,
    gt_category: _I32,
    gt_offsets: _I64,
    threshold: float,
    match_of: _I32,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def match_pointing(
    dt: _F64,
    gt: _F64,
    gt_ignored: _U8,
    dt_offsets: _I64,
    gt_offsets: _I64,
    threshold: float,
    status: _U8,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def find_errors(
    overlaps: _F64,
    overlap_offsets: _I64,
    dt_category: _I32,
    dt_offsets: _I64,
    gt_category: _I32,
    gt_ignored: _U8,
    gt_offsets: _I64,
    positive: float,
    background: float,
    kind: _U8,
    counted: _U8,
    error_gt: _I32,
    mends: _U8,
    gt_state: _U8,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def average_precision(
    scores: _F64,
    hits: _U8,
    starts: _I64,
    n_gt: _I64,
    recall_thresholds: _F64,
    average: _F64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def lowest_lrp(
    scores: _F64,
    matched: _U64,
    ignored: _U64,
    offsets: _I64,
    category_cells: _I64,
    n_gt: _I64,
    bit: int,
    overlap: _F64,
    threshold: float,
    lowest: _F64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def measure_masks(
    counts: _U32,
    offsets: _I64,
    sizes: _I64,
    areas: _U32,
    totals: _I64,
    boxes: _F64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def encode_masks(
    pixels: _U8,
    by_rows: int,
    counts: _U32,
    n_runs: _I64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def decode_masks(
    counts: _U32,
    offsets: _I64,
    pixels: _U8,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def merge_masks(
    counts: _U32,
    offsets: _I64,
    sizes: _I64,
    groups: _I64,
    intersect: int,
    room: _I64,
    merged: _U32,
    n_runs: _I64,
    merged_sizes: _I64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def mask_iou(
    dt_counts: _U32,
    dt_runs: _I64,
    dt_sizes: _I64,
    dt_areas: _U32,
    dt_boxes: _F64,
    dt_rows: _I32,
    gt_counts: _U32,
    gt_runs: _I64,
    gt_sizes: _I64,
    gt_areas: _U32,
    gt_boxes: _F64,
    gt_rows: _I32,
    crowd: _U8,
    dt_offsets: _I64,
    gt_offsets: _I64,
    out_offsets: _I64,
    least: float,
    out: _F64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def measure_texts(
    text: _U8,
    begins: _I64,
    ends: _I64,
    sizes: _I64,
    n_runs: _I64,
    areas: _U32,
    totals: _I64,
    boxes: _F64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def text_iou(
    text: _U8,
    begins: _I64,
    ends: _I64,
    dt_sizes: _I64,
    dt_areas: _U32,
    dt_boxes: _F64,
    dt_rows: _I32,
    gt_counts: _U32,
    gt_runs: _I64,
    gt_sizes: _I64,
    gt_areas: _U32,
    gt_boxes: _F64,
    gt_rows: _I32,
    crowd: _U8,
    dt_offsets: _I64,
    gt_offsets: _I64,
    out_offsets: _I64,
    least: float,
    out: _F64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def boundary_masks(
    counts: _U32,
    offsets: _I64,
    sizes: _I64,
    distances: _I64,
    room: _I64,
    bounds: _U32,
    n_runs: _I64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def count_runs(
    text: _U8,
    begins: _I64,
    ends: _I64,
    n_runs: _I64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def read_strings(
    text: _U8,
    begins: _I64,
    ends: _I64,
    run_offsets: _I64,
    counts: _U32,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def measure_strings(
    counts: _U32,
    offsets: _I64,
    lengths: _I64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def write_strings(
    counts: _U32,
    offsets: _I64,
    text_offsets: _I64,
    text: _U8,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...
def draw_polygons(
    points: _F64,
    offsets: _I64,
    sizes: _I64,
    room: _I64,
    counts: _U32,
    n_runs: _I64,
    begin: int,
    end: int,
    n_threads: int,
    /,
) -> None: ...

# Files. What they do not take is no error: (where, why) comes back in place of the result.
def read_text(file: int, text: _U8, n_threads: int, /) -> tuple[int, str] | None: ...
def read_results(
    file: int | bytes | _U8,
    size: int,
    chunk: int,
    image: _I64,
    category: _I64,
    boxes: _F64,
    scores: _F64,
    n_threads: int,
    text: _U8 | None = None,
    masks: _I64 | None = None,
    points: _F64 | None = None,
) -> int | tuple[int, str]: ...
def scan_masks(
    text: _U8, spans: _I64, kinds: _U8, sizes: _I64, n_numbers: _I64, n_polygons: _I64, n_threads: int, /
) -> tuple[int, str] | None: ...
def read_masks(
    text: _U8,
    spans: _I64,
    kinds: _U8,
    offsets: _I64,
    polygon_offsets: _I64,
    numbers: _F64,
    lengths: _I64,
    n_threads: int,
    /,
) -> None: ...
def read_ground_truth(
    file: int | bytes | _U8,
    size: int,
    chunk: int,
    images: _I64,
    image_sizes: _F64,
    image_flags: _U8,
    image: _I64,
    category: _I64,
    boxes: _F64 | None,
    area: _F64,
    ids: _I64,
    flags: _U8,
    n_threads: int,
    masks: _I64 | None,
    points: _F64 | None,
    labelled: _F64 | None,
    /,
) -> tuple[int, int, bytes | list[dict[str, Any]], list[tuple[str, int, int]]] | tuple[int, str]: ...
def read_number(text: str, way: int, /) -> float | None: ...

# Lists of dicts. What they do not take is left to Python.
def read_dicts(
    rows: Sequence[Any],
    n: int,
    required: dict[str, NDArray[Any]],
    optional: dict[str, tuple[NDArray[Any], NDArray[Any]]],
    /,
) -> int: ...
def complete_results(rows: Sequence[Any], begin: int, /) -> int: ...
def index_dicts(
    rows: Sequence[Any], with_categories: bool, /
) -> tuple[dict[Any, Any], dict[Any, Any], dict[Any, Any]] | None: ...

# Masks as dicts of size and counts. What they do not take, or another backend is asked for, is left to Python.
def measure_rles(rles: Any, boxes: bool, /) -> NDArray[Any] | None: ...
def decode_rles(rles: Any, n_threads: int, /) -> _U8 | None: ...
def merge_rles(rles: Any, intersect: bool, /) -> dict[str, Any] | None: ...
def iou_rles(dt: Any, gt: Any, crowd: _U8, n_threads: int, /) -> _F64 | None: ...
def encode_rles(bitmap: Any, n_threads: int, /) -> dict[str, Any] | None: ...
def draw_rles(polygons: Any, h: Any, w: Any, n_threads: int, /) -> list[dict[str, Any]] | None: ...
