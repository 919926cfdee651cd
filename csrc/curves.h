#pragma once
// What all accumulations share: accumulate, accumulate_range, replicate_means, image_means.
#include <cmath>
#include <limits>

#include "cells.h"
#include "common.h"

namespace pymetrics {

constexpr double kSpacing = std::numeric_limits<double>::epsilon();  // numpy.spacing(1)
constexpr index_t kUnreached = index_t(1) << 62;

// By which recall thresholds are sorted: those above 1e9 and NaN are never reached, and come last.
PM_HD double sorted_threshold(double threshold) { return threshold <= 1e9 ? threshold : 2e9; }

// The fewest true positives whose recall, as a float64, is not below the threshold.
PM_HD index_t hits_needed(double threshold, index_t positives) {
    if (positives <= 0 || !(threshold <= 1e9)) return kUnreached;
    const double total = double(positives);
    index_t need = index_t(std::ceil((threshold > 0 ? threshold : 0.0) * total)) - 1;
    if (need < 0) need = 0;
    while (double(need) / total < threshold) ++need;
    while (need > 0 && double(need - 1) / total >= threshold) --need;
    return need;
}

// The precision at a true positive: numpy.spacing(1) inside the sum, so that 1 of 1 is 0.9999999999999998
// (FIRST_PRECISION).
PM_HD double precision_at(index_t hits, index_t counted) { return double(hits) / (double(counted) + kSpacing); }

namespace cpu {

// Scores in their stable order by falling score.
struct ScoreOrder {
    std::vector<std::int32_t> order;  // (n,)

    void sort(const double* scores, index_t n) {
        if (index_t(order.size()) < n) order.resize(std::size_t(n));
        if (!sort_decimals(scores, n, 1e3) && !sort_decimals(scores, n, 1e6))
            sort_keys([&](index_t i) { return falling_key(scores[i]); }, n, order.data(), scratch);
    }

  private:
    SortScratch scratch;

    // Where all scores are whole numbers below 2^31 divided by `scale`, as in files of three or six decimals: sorted by
    // these numbers, which have fewer bits.
    bool sort_decimals(const double* scores, index_t n, double scale) {
        constexpr index_t block = 256;
        if (n < block) return false;
        scratch.make_room(n);
        word_t* const words = scratch.words.data();
        std::int32_t numbers[block];
        for (index_t low = 0; low < n; low += block) {
            const index_t size = std::min(block, n - low);
            std::int32_t bad = 0;
            for (index_t i = 0; i < size; ++i) {
                const double score = scores[low + i], within = score >= 0 && score < 2 ? score : 0;
                numbers[i] = std::int32_t(within * scale + 0.5);
                bad |= double(numbers[i]) / scale != score;
            }
            if (bad) return false;
            for (index_t i = 0; i < size; ++i) words[low + i] = word_t(0x7FFFFFFF - numbers[i]) << 32 | word_t(low + i);
        }
        sort_words(scratch, 0, n);
        for (index_t i = 0; i < n; ++i) order.data()[i] = std::int32_t(words[i] & 0xFFFFFFFF);
        return true;
    }
};

// Of a category's n detections, which are the rows [first, first + n): their stable order by falling score, counted
// from first, and for each row the index of the first limit that its rank in its cell is within.
struct Ranking : ScoreOrder {
    std::vector<std::uint8_t> limit_index;  // (n,)
    index_t first = 0, n = 0;

    template <class Arguments>
    void rank(const Arguments& of, index_t first_cell, index_t last_cell) {
        const index_t n_limits = of.max_dets.shape[0];
        first = of.offsets[first_cell];
        n = of.offsets[last_cell] - first;
        sort(of.scores.data + first, n);
        if (index_t(limit_index.size()) < n) limit_index.resize(std::size_t(n));
        std::uint8_t* const limits = limit_index.data();
        for (index_t c = first_cell; c < last_cell; ++c) {
            index_t m = 0;
            for (index_t d = of.offsets[c]; d < of.offsets[c + 1]; ++d) {
                while (m < n_limits && of.max_dets[m] <= d - of.offsets[c]) ++m;
                limits[d - first] = std::uint8_t(m);
            }
        }
    }
};

}  // namespace cpu
}  // namespace pymetrics
