"""The kernels: what the library computes, in loops; csrc holds the same stems in C++."""

from .accumulate import accumulate as accumulate
from .boxes import box_iou as box_iou
from .cells import index_ids as index_ids
from .cells import join_cells as join_cells
from .cells import move_cells as move_cells
from .cells import place_cells as place_cells
from .cells import rank_detections as rank_detections
from .cells import sort_rows as sort_rows
from .confusion import match_across as match_across
from .matching import area_words as area_words
from .matching import match_boxes as match_boxes
from .matching import match_cells as match_cells
from .means import mean_valid as mean_valid
from .registry import KERNELS as KERNELS
from .registry import Kernel as Kernel
from .replicates import accumulate_replicates as accumulate_replicates
from .rotated import rotated_iou as rotated_iou
from .thresholds import count_along_scores as count_along_scores
from .thresholds import count_at as count_at
from .thresholds import join_along_scores as join_along_scores
