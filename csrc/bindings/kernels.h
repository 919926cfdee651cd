#pragma once
// The kernels of the host, a line each: name, function, and what refuses arguments that would make it unsafe.
#include "require.h"

namespace pymetrics::bindings {

template <class Bind>
void each_kernel(Bind bind) {
    bind("index_ids", &cpu::index_ids, &require_index_ids);
    bind("sort_rows", &cpu::sort_rows, &require_sort_rows);
    bind("join_cells", &cpu::join_cells, &require_join_cells);
    bind("rank_detections", &cpu::rank_detections, &require_rank_detections);
    bind("place_cells", &cpu::place_cells, &require_place_cells);
    bind("move_cells", &cpu::move_cells, &require_move_cells);
    bind("box_iou", &cpu::box_iou, &require_box_iou);
    bind("rotated_iou", &cpu::rotated_iou, &require_rotated_iou);
    bind("keypoint_areas", &cpu::keypoint_areas, &require_keypoint_areas);
    bind("keypoint_exponents", &cpu::keypoint_exponents, &require_keypoint_exponents);
    bind("keypoint_overlaps", &cpu::keypoint_overlaps, &require_keypoint_overlaps);
    bind("area_words", &cpu::area_words, &require_area_words);
    bind("match_cells", &cpu::match_cells, &require_match_cells);
    bind("match_boxes", &cpu::match_boxes, &require_match_boxes);
    bind("accumulate", &cpu::accumulate, &require_accumulate);
    bind("accumulate_range", &cpu::accumulate_range, &require_accumulate_range);
    bind("draw_weights", &cpu::draw_weights, &require_draw_weights);
    bind("replicate_means", &cpu::replicate_means, &require_replicate_means);
    bind("image_means", &cpu::image_means, &require_image_means);
    bind("mean_valid", &cpu::mean_valid, &require_mean_valid);
    bind("match_across", &cpu::match_across, &require_match_across);
    bind("corner_iou", &cpu::corner_iou, &require_corner_iou);
    bind("match_unclaimed", &cpu::match_unclaimed, &require_match_unclaimed);
    bind("match_overlap_first", &cpu::match_overlap_first, &require_match_overlap_first);
    bind("match_pairs", &cpu::match_pairs, &require_match_pairs);
    bind("match_pointing", &cpu::match_pointing, &require_match_pointing);
    bind("match_groups", &cpu::match_groups, &require_match_groups);
    bind("find_errors", &cpu::find_errors, &require_find_errors);
    bind("average_precision", &cpu::average_precision, &require_average_precision);
    bind("lowest_lrp", &cpu::lowest_lrp, &require_lowest_lrp);
    bind("panoptic_pairs", &cpu::panoptic_pairs, &require_panoptic_pairs);
    bind("measure_masks", &cpu::measure_masks, &require_measure_masks);
    bind("encode_masks", &cpu::encode_masks, &require_encode_masks);
    bind("decode_masks", &cpu::decode_masks, &require_decode_masks);
    bind("merge_masks", &cpu::merge_masks, &require_merge_masks);
    bind("mask_iou", &cpu::mask_iou, &require_mask_iou);
    bind("measure_texts", &cpu::measure_texts, &require_measure_texts);
    bind("text_iou", &cpu::text_iou, &require_text_iou);
    bind("boundary_masks", &cpu::boundary_masks, &require_boundary_masks);
    bind("count_runs", &cpu::count_runs, &require_count_runs);
    bind("read_strings", &cpu::read_strings, &require_read_strings);
    bind("measure_strings", &cpu::measure_strings, &require_measure_strings);
    bind("write_strings", &cpu::write_strings, &require_write_strings);
    bind("draw_polygons", &cpu::draw_polygons, &require_draw_polygons);
    bind("count_at", &cpu::count_at, &require_count_at);
    bind("count_along_scores", &cpu::count_along_scores, &require_count_along_scores);
    bind("join_along_scores", &cpu::join_along_scores, &require_join_along_scores);
}

}  // namespace pymetrics::bindings
