#include "require.h"
#include "require_outcomes.h"

namespace pymetrics::bindings {

void require_accumulate(const Accumulate& of) {
    require_outcomes(of);
    const index_t n_areas = of.area_bits.shape[0], n_thresholds = of.recall.shape[0], n_words = of.matched.shape[1];
    require(of.area_bits.shape[1] == n_words, "area_bits: expected as many words as matched has");
    require(of.n_gt.shape[1] == n_areas, "n_gt: expected a row of a count for each area range");
    const index_t wanted[] = {n_thresholds, of.recall_thresholds.shape[0], of.category_cells.shape[0] - 1, n_areas,
                              of.max_dets.shape[0]};
    for (int i = 0; i < 5; ++i)
        require(of.precision.shape[i] == wanted[i] &&
                    (of.scores_at.shape[i] == wanted[i] || (i == 0 && of.scores_at.shape[0] == 0)) &&
                    (i == 1 || of.recall.shape[i ? i - 1 : 0] == wanted[i]),
                "precision, recall, scores_at: axis ", i, " must have length ", wanted[i]);
    require(n_thresholds * n_areas <= n_words * 64, "area_bits: too few words for the bits of recall");
    require_range(of.begin, of.end, wanted[2]);
    require_bits(of, n_thresholds * n_areas);
}

void require_mean_valid(const MeanValid& of) {
    const index_t n = of.means.shape[0];
    require_length(of.columns.shape[0], n, "columns");
    require_length(of.first_rows.shape[0], n, "first_rows");
    require_length(of.last_rows.shape[0], n, "last_rows");
    require_indices(of.columns, 0, of.values.shape[1], "columns");
    require_indices(of.first_rows, 0, of.values.shape[0] + 1, "first_rows");
    require_indices(of.last_rows, 0, of.values.shape[0] + 1, "last_rows");
    require_range(of.begin, of.end, n);
}

}  // namespace pymetrics::bindings
