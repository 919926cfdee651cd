#include "require.h"

namespace pymetrics::bindings {
namespace {

// What both counts read.
template <class Arguments>
void require_words(const Arguments& of) {
    const index_t n_dt = of.scores.shape[0], n_words = of.matched.shape[1];
    require(of.matched.shape[0] == n_dt && of.ignored.shape[0] == n_dt && of.ignored.shape[1] == n_words,
            "matched, ignored: expected the words of each score");
    require(0 <= of.bit && of.bit < n_words * 64, "bit: expected a bit of the words of matched, got ", of.bit);
    require_offsets(of.offsets, n_dt, "offsets");
}

}  // namespace

void require_count_at(const CountAt& of) {
    require_words(of);
    const index_t n_cells = of.offsets.shape[0] - 1;
    require_length(of.n_dt.shape[0], n_cells, "n_dt");
    require_length(of.tp.shape[0], n_cells, "tp");
    require_length(of.fp.shape[0], n_cells, "fp");
    require_range(of.begin, of.end, n_cells);
}

void require_count_along_scores(const CountAlongScores& of) {
    require_words(of);
    const index_t n_dt = of.scores.shape[0], n_categories = of.category_cells.shape[0] - 1;
    require_offsets(of.category_cells, of.offsets.shape[0] - 1, "category_cells");
    require(of.limit >= 0, "limit: expected a number from 0 on, got ", of.limit);
    require_length(of.point_scores.shape[0], n_dt, "point_scores");
    require_length(of.tp.shape[0], n_dt, "tp");
    require_length(of.fp.shape[0], n_dt, "fp");
    require_length(of.n_points.shape[0], n_categories, "n_points");
    require_range(of.begin, of.end, n_categories);
}

void require_join_along_scores(const JoinAlongScores& of) {
    const index_t n = of.scores.shape[0], n_categories = of.n_gt.shape[0];
    require_length(of.tp.shape[0], n, "tp");
    require_length(of.fp.shape[0], n, "fp");
    require_length(of.starts.shape[0], n_categories + 1, "starts");
    require_offsets(of.starts, n, "starts");
    require(of.starts[0] == 0 && of.starts[n_categories] == n, "starts: expected the places of all scores");
    require_length(of.point_scores.shape[0], n, "point_scores");
    require_length(of.sum_tp.shape[0], n, "sum_tp");
    require_length(of.sum_fp.shape[0], n, "sum_fp");
    require(of.means.shape[0] == n && of.means.shape[1] == 3, "means: expected three for each score");
    require_length(of.counts.shape[0], 2, "counts");
}

}  // namespace pymetrics::bindings
