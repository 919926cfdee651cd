#pragma once
// Outcomes to precision, recall and scores at the recall thresholds.
#include "common.h"
#include "cuda/queue.h"
#include "parallel.h"

namespace pymetrics {

// The arguments of each kernel, in the order of its Python namesake; `each` gives their names and members.
struct Accumulate {
    View<const double, 1> scores;
    View<const word_t, 2> matched, ignored;
    View<const index_t, 1> offsets;
    View<const std::int32_t, 2> n_gt;
    View<const index_t, 1> category_cells;
    View<const word_t, 2> area_bits;
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
        f("area_bits", area_bits);
        f("max_dets", max_dets);
        f("recall_thresholds", recall_thresholds);
        f("precision", precision);
        f("recall", recall);
        f("scores_at", scores_at);
        f("begin", begin);
        f("end", end);
    }
};

namespace cpu {

void accumulate(const Accumulate& of, const Threads& threads);

}  // namespace cpu

namespace cuda {

void accumulate(const Accumulate& of, const Queue& queue);

}  // namespace cuda
}  // namespace pymetrics
