#include "accumulate.h"

#include "../accumulate.h"

namespace pymetrics::bindings {
namespace {

using obj = const py::object&;
using i32 = std::int32_t;

// What both accumulations read, and the checks of it.
struct Outcomes {
    View<const double, 1> scores;
    View<const word_t, 2> matched, ignored;
    View<const index_t, 1> offsets;
    View<const i32, 2> n_gt;
    View<const index_t, 1> category_cells, max_dets;
    View<const double, 1> recall_thresholds;
    index_t n_dt, n_cells, n_words;

    Outcomes(obj scores_, obj matched_, obj ignored_, obj offsets_, obj n_gt_, obj category_cells_, obj max_dets_,
             obj recall_thresholds_)
        : scores(view<const double, 1>(scores_, "scores")),
          matched(view<const word_t, 2>(matched_, "matched")),
          ignored(view<const word_t, 2>(ignored_, "ignored")),
          offsets(view<const index_t, 1>(offsets_, "offsets")),
          n_gt(view<const i32, 2>(n_gt_, "n_gt")),
          category_cells(view<const index_t, 1>(category_cells_, "category_cells")),
          max_dets(view<const index_t, 1>(max_dets_, "max_dets")),
          recall_thresholds(view<const double, 1>(recall_thresholds_, "recall_thresholds")),
          n_dt(scores.shape[0]),
          n_cells(offsets.shape[0] - 1),
          n_words(matched.shape[1]) {
        require(matched.shape[0] == n_dt && ignored.shape[0] == n_dt && ignored.shape[1] == n_words,
                "matched, ignored: expected the words of each score");
        require_offsets(offsets, n_dt, "offsets");
        require_offsets(category_cells, n_cells, "category_cells");
        require(n_gt.shape[0] == n_cells, "n_gt: expected a row for each cell");
        require(max_dets.shape[0] < 255, "max_dets: expected fewer than 255 limits");
        for (index_t m = 0; m + 1 < max_dets.shape[0]; ++m)
            require(max_dets[m] <= max_dets[m + 1], "max_dets: limits must not fall");
        bool negative = false;
        for (index_t i = 0; i < n_cells * n_gt.shape[1]; ++i) negative |= n_gt.data[i] < 0;
        require(!negative, "n_gt: expected counts from 0 on");
    }

    void refuse_stray_bits(index_t n_bits) const {
        word_t stray = 0;  // bits that belong to no pair
        for (index_t i = 0; i < n_dt * n_words; ++i) {
            const index_t left = n_bits - i % n_words * 64;
            const word_t pairs = left >= 64 ? ~word_t(0) : left > 0 ? (word_t(1) << left) - 1 : 0;
            stray |= (matched.data[i] | ignored.data[i]) & ~pairs;
        }
        require(stray == 0, "matched, ignored: a bit beyond the last (area, threshold) pair is set");
    }
};

void accumulate(obj scores_, obj matched_, obj ignored_, obj offsets_, obj n_gt_, obj category_cells_, obj area_words_,
                obj max_dets_, obj recall_thresholds_, obj precision_, obj recall_, obj scores_at_, index_t begin,
                index_t end, int n_threads) {
    const Outcomes in(scores_, matched_, ignored_, offsets_, n_gt_, category_cells_, max_dets_, recall_thresholds_);
    const auto area_words = view<const word_t, 2>(area_words_, "area_words");
    const auto precision = view<double, 5>(precision_, "precision"),
               scores_at = view<double, 5>(scores_at_, "scores_at");
    const auto recall = view<double, 4>(recall_, "recall");
    require(area_words.shape[1] == in.n_words, "area_words: expected as many words as matched has");
    require(in.n_gt.shape[1] == area_words.shape[0], "n_gt: expected a row of a count for each area range");
    const index_t wanted[] = {recall.shape[0], in.recall_thresholds.shape[0], in.category_cells.shape[0] - 1,
                              area_words.shape[0], in.max_dets.shape[0]};
    for (int i = 0; i < 5; ++i)
        require(precision.shape[i] == wanted[i] &&
                    (scores_at.shape[i] == wanted[i] || (i == 0 && scores_at.shape[0] == 0)) &&
                    (i == 1 || recall.shape[i ? i - 1 : 0] == wanted[i]),
                "precision, recall, scores_at: axis ", i, " must have length ", wanted[i]);
    require(wanted[0] * wanted[3] <= in.n_words * 64, "area_words: too few words for the bits of recall");
    require_range(begin, end, wanted[2]);
    run(n_threads, [&](const Threads& threads) {
        in.refuse_stray_bits(wanted[0] * wanted[3]);
        cpu::accumulate(in.scores, in.matched, in.ignored, in.offsets, in.n_gt, in.category_cells, area_words,
                        in.max_dets, in.recall_thresholds, precision, recall, scores_at, begin, end, threads);
    });
}

void accumulate_replicates(obj scores_, obj matched_, obj ignored_, obj offsets_, obj n_gt_, obj category_cells_,
                           obj cell_image_, obj weights_, obj max_dets_, obj recall_thresholds_, obj precision_,
                           obj recall_, index_t begin, index_t end, int n_threads) {
    const Outcomes in(scores_, matched_, ignored_, offsets_, n_gt_, category_cells_, max_dets_, recall_thresholds_);
    const auto cell_image = view<const i32, 1>(cell_image_, "cell_image");
    const auto weights = view<const std::uint8_t, 2>(weights_, "weights");
    const auto precision = view<double, 6>(precision_, "precision");
    const auto recall = view<double, 5>(recall_, "recall");
    require_length(cell_image.shape[0], in.n_cells, "cell_image");
    require_indices(cell_image, 0, weights.shape[1], "cell_image");
    const index_t wanted[] = {
        weights.shape[0], recall.shape[1],     in.recall_thresholds.shape[0], in.category_cells.shape[0] - 1,
        in.n_gt.shape[1], in.max_dets.shape[0]};
    for (int i = 0; i < 6; ++i)
        require(precision.shape[i] == wanted[i] && (i == 2 || recall.shape[i < 2 ? i : i - 1] == wanted[i]),
                "precision, recall: axis ", i, " must have length ", wanted[i]);
    require(wanted[1] * wanted[4] <= in.n_words * 64, "matched: too few words for the bits of recall");
    require_range(begin, end, wanted[3]);
    run(n_threads, [&](const Threads& threads) {
        in.refuse_stray_bits(wanted[1] * wanted[4]);
        cpu::accumulate_replicates(in.scores, in.matched, in.ignored, in.offsets, in.n_gt, in.category_cells,
                                   cell_image, weights, in.max_dets, in.recall_thresholds, precision, recall, begin,
                                   end, threads);
    });
}

void mean_valid(obj values_, obj columns_, obj first_rows_, obj last_rows_, obj means_, index_t begin, index_t end,
                int n_threads) {
    const auto values = view<const double, 2>(values_, "values");
    const auto columns = view<const index_t, 1>(columns_, "columns"),
               first_rows = view<const index_t, 1>(first_rows_, "first_rows");
    const auto last_rows = view<const index_t, 1>(last_rows_, "last_rows");
    const auto means = view<double, 1>(means_, "means");
    const index_t n = means.shape[0];
    require_length(columns.shape[0], n, "columns");
    require_length(first_rows.shape[0], n, "first_rows");
    require_length(last_rows.shape[0], n, "last_rows");
    require_indices(columns, 0, values.shape[1], "columns");
    require_indices(first_rows, 0, values.shape[0] + 1, "first_rows");
    require_indices(last_rows, 0, values.shape[0] + 1, "last_rows");
    require_range(begin, end, n);
    run(n_threads, [&](const Threads& threads) {
        cpu::mean_valid(values, columns, first_rows, last_rows, means, begin, end, threads);
    });
}

}  // namespace

void bind_accumulate(py::module_& m) {
    m.def("accumulate", &accumulate);
    m.def("accumulate_replicates", &accumulate_replicates);
    m.def("mean_valid", &mean_valid);
}

}  // namespace pymetrics::bindings
