#pragma once
// Matching across categories; see kernels/confusion.py.
#include "common.h"
#include "parallel.h"

namespace pymetrics {

// The arguments of the kernel, in the order of its Python namesake; `each` gives their names and members.
struct MatchAcross {
    View<const double, 1> overlaps;
    View<const index_t, 1> overlap_offsets;
    View<const std::int32_t, 1> dt_category;
    View<const index_t, 1> dt_offsets;
    View<const std::int32_t, 1> gt_category;
    View<const index_t, 1> gt_offsets;
    double threshold;
    View<std::int32_t, 1> match_of;
    View<double, 1> match_iou;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("overlaps", overlaps);
        f("overlap_offsets", overlap_offsets);
        f("dt_category", dt_category);
        f("dt_offsets", dt_offsets);
        f("gt_category", gt_category);
        f("gt_offsets", gt_offsets);
        f("threshold", threshold);
        f("match_of", match_of);
        f("match_iou", match_iou);
        f("begin", begin);
        f("end", end);
    }
};

namespace cpu {

void match_across(const MatchAcross& of, const Threads& threads);

}  // namespace cpu
}  // namespace pymetrics
