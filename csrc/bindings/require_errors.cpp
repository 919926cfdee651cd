#include "require.h"

namespace pymetrics::bindings {

void require_find_errors(const FindErrors& of) {
    const index_t n_dt = of.dt_category.shape[0], n_gt = of.gt_category.shape[0];
    require_pairs(of.overlap_offsets, of.overlaps, of.dt_offsets, n_dt, of.gt_offsets, n_gt, "overlap_offsets",
                  "image");
    require_length(of.gt_ignored.shape[0], n_gt, "gt_ignored");
    require_length(of.gt_state.shape[0], n_gt, "gt_state");
    require_length(of.kind.shape[0], n_dt, "kind");
    require_length(of.counted.shape[0], n_dt, "counted");
    require_length(of.error_gt.shape[0], n_dt, "error_gt");
    require_length(of.mends.shape[0], n_dt, "mends");
    require_range(of.begin, of.end, of.dt_offsets.shape[0] - 1);
}

void require_average_precision(const AveragePrecision& of) {
    require_offsets(of.starts, of.scores.shape[0], "starts");
    const index_t n_categories = of.starts.shape[0] - 1;
    require_length(of.hits.shape[0], of.scores.shape[0], "hits");
    require_length(of.n_gt.shape[0], n_categories, "n_gt");
    require_length(of.average.shape[0], n_categories, "average");
    require_range(of.begin, of.end, n_categories);
}

void require_lowest_lrp(const LowestLrp& of) {
    const index_t n_dt = of.scores.shape[0], n_words = of.matched.shape[1];
    require(of.matched.shape[0] == n_dt && of.ignored.shape[0] == n_dt && of.ignored.shape[1] == n_words,
            "matched, ignored: expected the words of each score");
    require_offsets(of.offsets, n_dt, "offsets");
    require_offsets(of.category_cells, of.offsets.shape[0] - 1, "category_cells");
    const index_t n_categories = of.category_cells.shape[0] - 1;
    require(of.bit >= 0 && of.bit < n_words * 64, "bit: expected a bit of the words, got ", of.bit);
    require_length(of.n_gt.shape[0], n_categories, "n_gt");
    require_length(of.overlap.shape[0], n_dt, "overlap");
    require(of.lowest.shape[0] == n_categories && of.lowest.shape[1] == 5,
            "lowest: expected five numbers for each category");
    require_range(of.begin, of.end, n_categories);
}

}  // namespace pymetrics::bindings
