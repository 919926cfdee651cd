#include "require.h"

namespace pymetrics::bindings {
namespace {

// Cells of detections and ground truths with categories, and a match for each detection.
template <class Arguments>
void require_matching_of_categories(const Arguments& of) {
    const index_t n_dt = of.dt_category.shape[0];
    require_pairs(of.overlap_offsets, of.overlaps, of.dt_offsets, n_dt, of.gt_offsets, of.gt_category.shape[0],
                  "overlap_offsets", "cell");
    require_length(of.match_of.shape[0], n_dt, "match_of");
    require_range(of.begin, of.end, of.dt_offsets.shape[0] - 1);
}

// Cells of boxes, and a status for each detection.
template <class Arguments>
void require_pointing(const Arguments& of) {
    require(of.dt.shape[1] == 4 && of.gt.shape[1] == 4, "dt, gt: expected 4 columns");
    require_offsets(of.dt_offsets, of.dt.shape[0], "dt_offsets");
    require_offsets(of.gt_offsets, of.gt.shape[0], "gt_offsets");
    require_length(of.gt_offsets.shape[0], of.dt_offsets.shape[0], "gt_offsets");
    require_length(of.status.shape[0], of.dt.shape[0], "status");
    require_range(of.begin, of.end, of.dt_offsets.shape[0] - 1);
}

}  // namespace

void require_match_across(const MatchAcross& of) {
    require_matching_of_categories(of);
    require_length(of.match_iou.shape[0], of.dt_category.shape[0], "match_iou");
}

void require_corner_iou(const CornerIou& of) {
    require(of.dt.shape[1] == 4 && of.gt.shape[1] == 4, "dt, gt: expected 4 columns");
    require(of.kind == 0 || of.kind == 1, "kind: expected 0 or 1, got ", of.kind);
    require_pairs(of.out_offsets, of.out, of.dt_offsets, of.dt.shape[0], of.gt_offsets, of.gt.shape[0], "out_offsets",
                  "cell");
    require_range(of.begin, of.end, of.dt_offsets.shape[0] - 1);
}

void require_match_pointing(const MatchPointing& of) {
    require_pointing(of);
    require_length(of.gt_ignored.shape[0], of.gt.shape[0], "gt_ignored");
}

void require_match_groups(const MatchGroups& of) {
    require_pointing(of);
    require_length(of.gt_kind.shape[0], of.gt.shape[0], "gt_kind");
    require_length(of.group_of.shape[0], of.dt.shape[0], "group_of");
}

void require_match_unclaimed(const MatchUnclaimed& of) { require_matching_of_categories(of); }

void require_match_overlap_first(const MatchOverlapFirst& of) { require_matching_of_categories(of); }

void require_match_pairs(const MatchPairs& of) { require_matching_of_categories(of); }

}  // namespace pymetrics::bindings
