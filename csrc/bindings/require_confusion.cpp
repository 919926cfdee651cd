#include "require.h"

namespace pymetrics::bindings {

void require_match_across(const MatchAcross& of) {
    const index_t n_cells = of.dt_offsets.shape[0] - 1, n_dt = of.dt_category.shape[0];
    require_pairs(of.overlap_offsets, of.overlaps, of.dt_offsets, n_dt, of.gt_offsets, of.gt_category.shape[0],
                  "overlap_offsets", "cell");
    require_length(of.match_of.shape[0], n_dt, "match_of");
    require_length(of.match_iou.shape[0], n_dt, "match_iou");
    require_range(of.begin, of.end, n_cells);
}

}  // namespace pymetrics::bindings
