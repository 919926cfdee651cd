"""The kernels: what the library computes, in loops; csrc holds the same stems in C++."""

from ._dispatch import (
    BACKENDS,
    KERNELS,
    Kernel,
    beside,
    empty,
    fetch,
    host_backend,
    numba_cache_dir,
    shortened,
    to_host,
    upload,
)  # fmt: skip
from .accumulate import accumulate, accumulate_replicates, mean_valid
from .boxes import box_iou
from .cells import index_ids, join_cells, move_cells, place_cells, rank_detections, sort_rows
from .matching import area_words, match_boxes, match_cells

__all__ = [
    "BACKENDS", "KERNELS", "Kernel", "accumulate", "accumulate_replicates", "area_words", "beside", "box_iou", "empty", "fetch",
    "host_backend", "index_ids", "join_cells", "match_boxes", "match_cells", "mean_valid", "move_cells",
    "numba_cache_dir", "place_cells", "rank_detections", "shortened", "sort_rows", "to_host", "upload",
]  # fmt: skip
