#pragma once
// The summary of each image alone; see kernels/image_means.py.
#include "common.h"
#include "parallel.h"

namespace pymetrics {

// The arguments of the kernel, in the order of its Python namesake; `each` gives their names and members.
struct ImageMeans {
    View<const word_t, 2> matched, ignored;
    View<const index_t, 1> offsets;
    View<const std::int32_t, 2> n_gt;
    View<const index_t, 1> image_cells;
    View<const std::int32_t, 1> cell_category;
    View<const index_t, 1> max_dets;
    View<const double, 1> recall_thresholds;
    index_t n_thresholds;
    View<const index_t, 2> queries;
    View<const std::uint8_t, 2> members;
    View<double, 2> means;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("matched", matched);
        f("ignored", ignored);
        f("offsets", offsets);
        f("n_gt", n_gt);
        f("image_cells", image_cells);
        f("cell_category", cell_category);
        f("max_dets", max_dets);
        f("recall_thresholds", recall_thresholds);
        f("n_thresholds", n_thresholds);
        f("queries", queries);
        f("members", members);
        f("means", means);
        f("begin", begin);
        f("end", end);
    }
};

namespace cpu {

void image_means(const ImageMeans& of, const Threads& threads);

}  // namespace cpu
}  // namespace pymetrics
