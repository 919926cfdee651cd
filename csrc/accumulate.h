#pragma once
#include <cmath>
#include <limits>

#include "common.h"
#include "device.h"
#include "parallel.h"

namespace pymetrics {

constexpr double kSpacing = std::numeric_limits<double>::epsilon();  // numpy.spacing(1)
constexpr index_t kUnreached = index_t(1) << 62;

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

// At most 128 numbers: eight running sums, then pairs of them, then what is left over.
PM_HD double block_sum(const double* values, index_t n) {
    if (n < 8) {
        double total = 0;
        for (index_t i = 0; i < n; ++i) total += values[i];
        return total;
    }
    double s[8];
    for (index_t i = 0; i < 8; ++i) s[i] = values[i];
    const index_t full = n - n % 8;
    for (index_t i = 8; i < full; i += 8)
        for (index_t j = 0; j < 8; ++j) s[j] += values[i + j];
    double total = ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
    for (index_t i = full; i < n; ++i) total += values[i];
    return total;
}

// numpy's sum of a contiguous float64 array, to the last bit.
inline double pairwise_sum(const double* values, index_t n) {
    if (n <= 128) return block_sum(values, n);
    index_t half = n / 2;
    half -= half % 8;
    const double left = pairwise_sum(values, half);
    return left + pairwise_sum(values + half, n - half);
}

// The arguments of each kernel, in the order of its Python namesake; `each` gives their names and members.
struct Accumulate {
    View<const double, 1> scores;
    View<const word_t, 2> matched, ignored;
    View<const index_t, 1> offsets;
    View<const std::int32_t, 2> n_gt;
    View<const index_t, 1> category_cells;
    View<const word_t, 2> area_words;
    View<const index_t, 1> max_dets;
    View<const double, 1> recall_thresholds;
    View<double, 5> precision;
    View<double, 4> recall;
    View<double, 5> scores_at;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("scores", scores);
        f("matched", matched);
        f("ignored", ignored);
        f("offsets", offsets);
        f("n_gt", n_gt);
        f("category_cells", category_cells);
        f("area_words", area_words);
        f("max_dets", max_dets);
        f("recall_thresholds", recall_thresholds);
        f("precision", precision);
        f("recall", recall);
        f("scores_at", scores_at);
        f("begin", begin);
        f("end", end);
    }
};

struct AccumulateReplicates {
    View<const double, 1> scores;
    View<const word_t, 2> matched, ignored;
    View<const index_t, 1> offsets;
    View<const std::int32_t, 2> n_gt;
    View<const index_t, 1> category_cells;
    View<const std::int32_t, 1> cell_image;
    View<const std::uint8_t, 2> weights;
    View<const index_t, 1> max_dets;
    View<const double, 1> recall_thresholds;
    View<double, 6> precision;
    View<double, 5> recall;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("scores", scores);
        f("matched", matched);
        f("ignored", ignored);
        f("offsets", offsets);
        f("n_gt", n_gt);
        f("category_cells", category_cells);
        f("cell_image", cell_image);
        f("weights", weights);
        f("max_dets", max_dets);
        f("recall_thresholds", recall_thresholds);
        f("precision", precision);
        f("recall", recall);
        f("begin", begin);
        f("end", end);
    }
};

struct MeanValid {
    View<const double, 2> values;
    View<const index_t, 1> columns, first_rows, last_rows;
    View<double, 1> means;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("values", values);
        f("columns", columns);
        f("first_rows", first_rows);
        f("last_rows", last_rows);
        f("means", means);
        f("begin", begin);
        f("end", end);
    }
};

namespace cpu {

void accumulate(const Accumulate& of, const Threads& threads);
void accumulate_replicates(const AccumulateReplicates& of, const Threads& threads);
void mean_valid(const MeanValid& of, const Threads& threads);

}  // namespace cpu

namespace cuda {

void accumulate(const Accumulate& of, const Queue& queue);
void accumulate_replicates(const AccumulateReplicates& of, const Queue& queue);
void mean_valid(const MeanValid& of, const Queue& queue);

}  // namespace cuda
}  // namespace pymetrics
