"""The CUDA module: kernels on arrays of one device.

A kernel takes the arguments of its namesake in pymetrics/kernels, where they are described; then the address of a
stream, where it is enqueued, and a function that allocates scratch on the device: bytes -> address. Arrays are
C-contiguous; nothing is checked but their dtypes and numbers of dimensions (TypeError).
"""

from collections.abc import Callable

_Array = tuple[int, str, tuple[int, ...]]  # address, dtype ("f8", "i8", "i4", "u8", "u1"), shape
_Allocate = Callable[[int], int]

BUILT_FOR: str  # version and interface of the Python files that it belongs to
ARGUMENTS: dict[str, list[str]]  # of each kernel, without stream and allocate

class DeviceError(RuntimeError): ...

def status() -> tuple[bool, str]: ...
def why_not_here() -> str: ...
def set_device(device: int, /) -> None: ...
def index_ids(ids: _Array, known: _Array, out: _Array, stream: int, allocate: _Allocate, /) -> None: ...
def sort_rows(
    category: _Array,
    image: _Array,
    n_images: int,
    order: _Array,
    starts: _Array,
    stream: int,
    allocate: _Allocate,
    /,
) -> None: ...
def join_cells(
    dt_image: _Array,
    dt_order: _Array,
    dt_starts: _Array,
    gt_image: _Array,
    gt_order: _Array,
    gt_starts: _Array,
    limit: int,
    category_cells: _Array,
    cell_image: _Array,
    cell_dt: _Array,
    cell_gt: _Array,
    offsets: _Array,
    stream: int,
    allocate: _Allocate,
    /,
) -> None: ...
def rank_detections(
    scores: _Array,
    dt_order: _Array,
    cell_dt: _Array,
    offsets: _Array,
    rows: _Array,
    ranked: _Array,
    begin: int,
    end: int,
    stream: int,
    allocate: _Allocate,
    /,
) -> None: ...
def place_cells(
    category_cells: _Array,
    categories: _Array,
    cell_image: _Array,
    images: _Array,
    offsets: _Array,
    first_dt: int,
    out_category: _Array,
    out_image: _Array,
    starts: _Array,
    counts: _Array,
    stream: int,
    allocate: _Allocate,
    /,
) -> None: ...
def move_cells(
    order: _Array,
    starts: _Array,
    counts: _Array,
    cell_image: _Array,
    n_gt: _Array,
    scores: _Array,
    matched: _Array,
    ignored: _Array,
    new_offsets: _Array,
    new_cell_image: _Array,
    new_n_gt: _Array,
    new_scores: _Array,
    new_matched: _Array,
    new_ignored: _Array,
    stream: int,
    allocate: _Allocate,
    /,
) -> None: ...
def box_iou(
    dt: _Array,
    gt: _Array,
    crowd: _Array,
    dt_offsets: _Array,
    gt_offsets: _Array,
    out_offsets: _Array,
    kind: int,
    out: _Array,
    begin: int,
    end: int,
    stream: int,
    allocate: _Allocate,
    /,
) -> None: ...
def area_words(
    area: _Array,
    flags: _Array,
    always: int,
    rows: _Array,
    offsets: _Array,
    area_ranges: _Array,
    area_bits: _Array,
    words: _Array,
    n_inside: _Array,
    begin: int,
    end: int,
    stream: int,
    allocate: _Allocate,
    /,
) -> None: ...
def match_cells(
    overlaps: _Array,
    overlap_offsets: _Array,
    dt_rows: _Array,
    dt_flags: _Array,
    dt_ignored: _Array,
    dt_offsets: _Array,
    gt_rows: _Array,
    gt_flags: _Array,
    gt_ignored: _Array,
    gt_offsets: _Array,
    thresholds: _Array,
    reached_bits: _Array,
    matched: _Array,
    ignored: _Array,
    match_of: _Array,
    match_iou: _Array,
    begin: int,
    end: int,
    stream: int,
    allocate: _Allocate,
    /,
) -> None: ...
def match_boxes(
    dt_boxes: _Array,
    dt_area: _Array,
    dt_rows: _Array,
    dt_flags: _Array,
    dt_offsets: _Array,
    gt_boxes: _Array,
    gt_area: _Array,
    gt_rows: _Array,
    gt_flags: _Array,
    gt_offsets: _Array,
    thresholds: _Array,
    reached_bits: _Array,
    area_ranges: _Array,
    area_bits: _Array,
    n_gt: _Array,
    matched: _Array,
    ignored: _Array,
    match_of: _Array,
    match_iou: _Array,
    begin: int,
    end: int,
    stream: int,
    allocate: _Allocate,
    /,
) -> None: ...
def accumulate(
    scores: _Array,
    matched: _Array,
    ignored: _Array,
    offsets: _Array,
    n_gt: _Array,
    category_cells: _Array,
    area_bits: _Array,
    max_dets: _Array,
    recall_thresholds: _Array,
    precision: _Array,
    recall: _Array,
    scores_at: _Array,
    begin: int,
    end: int,
    stream: int,
    allocate: _Allocate,
    /,
) -> None: ...
def mean_valid(
    values: _Array,
    columns: _Array,
    first_rows: _Array,
    last_rows: _Array,
    means: _Array,
    begin: int,
    end: int,
    stream: int,
    allocate: _Allocate,
    /,
) -> None: ...
