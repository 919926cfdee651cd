#pragma once
// The same as accumulate.h, for many weightings of the images (bootstrap).
#include "common.h"
#include "cuda/queue.h"
#include "parallel.h"

namespace pymetrics {

// The arguments of each kernel, in the order of its Python namesake; `each` gives their names and members.
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

namespace cpu {

void accumulate_replicates(const AccumulateReplicates& of, const Threads& threads);

}  // namespace cpu

namespace cuda {

void accumulate_replicates(const AccumulateReplicates& of, const Queue& queue);

}  // namespace cuda
}  // namespace pymetrics
