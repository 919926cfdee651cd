#pragma once
// Checks of Outcomes, for the kernels that read them whole.
#include "require.h"

namespace pymetrics::bindings {

// What accumulations read.
template <class Arguments>
void require_outcomes(const Arguments& of) {
    const index_t n_dt = of.scores.shape[0], n_cells = of.offsets.shape[0] - 1, n_words = of.matched.shape[1];
    require(of.matched.shape[0] == n_dt && of.ignored.shape[0] == n_dt && of.ignored.shape[1] == n_words,
            "matched, ignored: expected the words of each score");
    require_offsets(of.offsets, n_dt, "offsets");
    require_offsets(of.category_cells, n_cells, "category_cells");
    require(of.n_gt.shape[0] == n_cells, "n_gt: expected a row for each cell");
    require(of.max_dets.shape[0] < 255, "max_dets: expected fewer than 255 limits");
    for (index_t m = 0; m + 1 < of.max_dets.shape[0]; ++m)
        require(of.max_dets[m] <= of.max_dets[m + 1], "max_dets: limits must not fall");
    bool negative = false;
    for (index_t i = 0; i < n_cells * of.n_gt.shape[1]; ++i) negative |= of.n_gt.data[i] < 0;
    require(!negative, "n_gt: expected counts from 0 on");
}

// No bit is set beyond the last (area, threshold) pair.
template <class Arguments>
void require_bits(const Arguments& of, index_t n_bits) {
    const index_t n_words = of.matched.shape[1];
    word_t stray = 0;
    for (index_t i = 0; i < of.scores.shape[0] * n_words; ++i) {
        const index_t left = n_bits - i % n_words * 64;
        const word_t some = left > 0 ? (word_t(1) << (left & 63)) - 1 : 0;
        const word_t pairs = left >= 64 ? ~word_t(0) : some;
        stray |= (of.matched.data[i] | of.ignored.data[i]) & ~pairs;
    }
    require(stray == 0, "matched, ignored: a bit beyond the last (area, threshold) pair is set");
}

}  // namespace pymetrics::bindings
