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

void require_accumulate_range(const AccumulateRange& of) {
    const index_t n_dt = of.scores.shape[0], n_words = of.matched.shape[1], n_bits = of.hits_before.shape[0],
                  n_limits = of.hits_before.shape[1], n_recalls = of.needed.shape[1];
    require(of.matched.shape[0] == n_dt && of.ignored.shape[0] == n_dt && of.ignored.shape[1] == n_words,
            "matched, ignored: expected the words of each score");
    require_length(of.limit_index.shape[0], n_dt, "limit_index");
    require(n_dt < index_t(1) << 31, "scores: expected fewer than 2^31");
    require(of.needed.shape[0] > 0 && n_bits % of.needed.shape[0] == 0,
            "needed: expected a row for each area range, of which hits_before has all thresholds");
    require(n_bits <= n_words * 64, "hits_before: too few words for its bits");
    auto is_table = [&](const auto& table) { return table.shape[0] == n_bits && table.shape[1] == n_limits; };
    require(is_table(of.counted_before), "counted_before: expected the shape of hits_before");
    require(is_table(of.hits) && is_table(of.counted), "hits, counted: expected the shape of hits_before");
    require(is_table(of.highest) && is_table(of.scores_at) && of.highest.shape[2] == n_recalls &&
                of.scores_at.shape[2] == n_recalls,
            "highest, scores_at: expected a number for each bit, limit and recall threshold");
    require_length(of.top.shape[0], n_limits, "top");
    require_bits(of, n_bits);
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
