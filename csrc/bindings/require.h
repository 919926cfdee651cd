#pragma once
// What would make a kernel's memory accesses unsafe is refused here, by the argument's name, as a ValueError: kernels
// check nothing. No function here touches Python, so that they all run without the interpreter's lock.
#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "../accumulate.h"
#include "../bootstrap.h"
#include "../boundaries.h"
#include "../boxes.h"
#include "../cells.h"
#include "../confusion.h"
#include "../errors.h"
#include "../image_means.h"
#include "../keypoints.h"
#include "../mask_strings.h"
#include "../mask_texts.h"
#include "../masks.h"
#include "../matching.h"
#include "../means.h"
#include "../other_tools.h"
#include "../panoptic.h"
#include "../pointing.h"
#include "../polygons.h"
#include "../rotated.h"
#include "../score_ranges.h"
#include "../thresholds.h"

namespace pymetrics::bindings {

// The words of the message are put together only when it is needed.
template <class... Words>
void require(bool ok, const Words&... words) {
    if (ok) return;
    std::ostringstream text;
    (text << ... << words);
    throw std::invalid_argument(text.str());
}

// A length that another argument dictates.
inline void require_length(index_t length, index_t wanted, const char* name) {
    require(length == wanted, name, ": expected length ", wanted, ", got ", length);
}

// Offsets: at least one, from 0 or above, never falling, up to `last` at most.
template <class T>
void require_offsets(View<T, 1> offsets, index_t last, const char* name) {
    require(offsets.shape[0] > 0 && offsets[0] >= 0, name, ": expected offsets from 0 on");
    bool rises = true;
    for (index_t i = 0; i + 1 < offsets.shape[0]; ++i) rises &= offsets[i] <= offsets[i + 1];
    require(rises, name, ": offsets must not fall");
    require(offsets[offsets.shape[0] - 1] <= last, name, ": offsets must end at ", last, " at most");
}

// Indices below `limit`; from `least` on.
template <class T>
void require_indices(View<const T, 1> indices, index_t least, index_t limit, const char* name) {
    if (indices.shape[0] == 0) return;
    T low = indices[0], high = indices[0];
    for (index_t i = 0; i < indices.shape[0]; ++i) {
        low = std::min(low, indices[i]);
        high = std::max(high, indices[i]);
    }
    require(low >= least && high < limit, name, ": an index is not in [", least, ", ", limit, ")");
}

inline void require_range(index_t begin, index_t end, index_t n) {
    require(0 <= begin && begin <= end && end <= n, "begin, end: expected a range within ", n, " units");
}

// Groups of n_dt detections and n_gt ground truths, and of their overlaps, whose offsets are called `name`: each group
// has as many overlaps as its detections times its ground truths.
template <class Overlaps>
void require_pairs(View<const index_t, 1> offsets, const Overlaps& overlaps, View<const index_t, 1> dt_offsets,
                   index_t n_dt, View<const index_t, 1> gt_offsets, index_t n_gt, const char* name, const char* group) {
    require_offsets(offsets, overlaps.shape[0], name);
    require_offsets(dt_offsets, n_dt, "dt_offsets");
    require_offsets(gt_offsets, n_gt, "gt_offsets");
    require_length(gt_offsets.shape[0], dt_offsets.shape[0], "gt_offsets");
    require_length(offsets.shape[0], dt_offsets.shape[0], name);
    for (index_t i = 0; i + 1 < dt_offsets.shape[0]; ++i)
        require(
            offsets[i + 1] - offsets[i] == (dt_offsets[i + 1] - dt_offsets[i]) * (gt_offsets[i + 1] - gt_offsets[i]),
            name, ": ", group, " ", i, " has another size");
}

void require_index_ids(const IndexIds& of);
void require_sort_rows(const SortRows& of);
void require_join_cells(const JoinCells& of);
void require_rank_detections(const RankDetections& of);
void require_place_cells(const PlaceCells& of);
void require_move_cells(const MoveCells& of);
void require_box_iou(const BoxIou& of);
void require_rotated_iou(const RotatedIou& of);
void require_keypoint_areas(const KeypointAreas& of);
void require_keypoint_exponents(const KeypointExponents& of);
void require_keypoint_overlaps(const KeypointOverlaps& of);
void require_area_words(const AreaWords& of);
void require_match_cells(const MatchCells& of);
void require_match_boxes(const MatchBoxes& of);
void require_accumulate(const Accumulate& of);
void require_accumulate_range(const AccumulateRange& of);
void require_draw_weights(const DrawWeights& of);
void require_replicate_means(const ReplicateMeans& of);
void require_image_means(const ImageMeans& of);
void require_mean_valid(const MeanValid& of);
void require_match_across(const MatchAcross& of);
void require_find_errors(const FindErrors& of);
void require_average_precision(const AveragePrecision& of);
void require_lowest_lrp(const LowestLrp& of);
void require_panoptic_pairs(const PanopticPairs& of);
void require_corner_iou(const CornerIou& of);
void require_match_unclaimed(const MatchUnclaimed& of);
void require_match_overlap_first(const MatchOverlapFirst& of);
void require_match_pairs(const MatchPairs& of);
void require_match_pointing(const MatchPointing& of);
void require_match_groups(const MatchGroups& of);
void require_measure_masks(const MeasureMasks& of);
void require_encode_masks(const EncodeMasks& of);
void require_decode_masks(const DecodeMasks& of);
void require_merge_masks(const MergeMasks& of);
void require_mask_iou(const MaskIou& of);
void require_measure_texts(const MeasureTexts& of);
void require_text_iou(const TextIou& of);
void require_boundary_masks(const BoundaryMasks& of);
void require_count_runs(const CountRuns& of);
void require_read_strings(const ReadStrings& of);
void require_measure_strings(const MeasureStrings& of);
void require_write_strings(const WriteStrings& of);
void require_draw_polygons(const DrawPolygons& of);
void require_count_at(const CountAt& of);
void require_count_along_scores(const CountAlongScores& of);
void require_join_along_scores(const JoinAlongScores& of);

}  // namespace pymetrics::bindings
