#pragma once
// How often each image is drawn, and the summary of each draw; see kernels/bootstrap.py.
#include "common.h"
#include "parallel.h"

namespace pymetrics {

// The arguments of each kernel, in the order of its Python namesake; `each` gives their names and members.
struct DrawWeights {
    View<const word_t, 1> hashes, quantiles;
    View<std::uint8_t, 2> weights;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("hashes", hashes);
        f("quantiles", quantiles);
        f("weights", weights);
        f("begin", begin);
        f("end", end);
    }
};

struct ReplicateMeans {
    View<const double, 1> scores;
    View<const word_t, 2> matched, ignored;
    View<const index_t, 1> offsets;
    View<const std::int32_t, 2> n_gt;
    View<const index_t, 1> category_cells;
    View<const std::int32_t, 1> cell_image;
    View<const std::uint8_t, 2> weights;
    View<const index_t, 1> max_dets;
    View<const double, 1> recall_thresholds;
    index_t n_thresholds;
    View<const index_t, 2> queries;
    View<const std::uint8_t, 2> members;
    View<double, 2> means;
    View<double, 3> class_means;
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
        f("n_thresholds", n_thresholds);
        f("queries", queries);
        f("members", members);
        f("means", means);
        f("class_means", class_means);
        f("begin", begin);
        f("end", end);
    }
};

namespace cpu {

void draw_weights(const DrawWeights& of, const Threads& threads);
void replicate_means(const ReplicateMeans& of, const Threads& threads);

}  // namespace cpu
}  // namespace pymetrics
