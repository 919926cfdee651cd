"""The kernels: what the library computes, in loops; csrc holds the same stems in C++."""

from .accumulate import accumulate as accumulate
from .boxes import box_iou as box_iou
from .cells import index_ids as index_ids
from .cells import join_cells as join_cells
from .cells import move_cells as move_cells
from .cells import place_cells as place_cells
from .cells import rank_detections as rank_detections
from .cells import sort_rows as sort_rows
from .mask_strings import count_runs as count_runs
from .mask_strings import measure_strings as measure_strings
from .mask_strings import read_strings as read_strings
from .mask_strings import write_strings as write_strings
from .masks import decode_masks as decode_masks
from .masks import encode_masks as encode_masks
from .masks import mask_iou as mask_iou
from .masks import measure_masks as measure_masks
from .masks import merge_masks as merge_masks
from .matching import area_words as area_words
from .matching import match_boxes as match_boxes
from .matching import match_cells as match_cells
from .means import mean_valid as mean_valid
from .polygons import draw_polygons as draw_polygons
from .registry import KERNELS as KERNELS
from .registry import Kernel as Kernel
from .replicates import accumulate_replicates as accumulate_replicates
from .rotated import rotated_iou as rotated_iou
