#pragma once
// Means of the valid entries of a table's slices, added in the order of numpy.
#include "common.h"
#include "cuda/queue.h"
#include "parallel.h"

namespace pymetrics {

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

void mean_valid(const MeanValid& of, const Threads& threads);

}  // namespace cpu

namespace cuda {

void mean_valid(const MeanValid& of, const Queue& queue);

}  // namespace cuda
}  // namespace pymetrics
