#pragma once
// Overlaps and matching as other tools do it; see kernels/other_tools.py.
#include "common.h"
#include "parallel.h"

namespace pymetrics {

// The arguments of each kernel, in the order of its Python namesake; `each` gives their names and members.
struct CornerIou {
    View<const float, 2> dt, gt;
    View<const index_t, 1> dt_offsets, gt_offsets, out_offsets;
    index_t kind;
    View<double, 1> out;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("dt", dt);
        f("gt", gt);
        f("dt_offsets", dt_offsets);
        f("gt_offsets", gt_offsets);
        f("out_offsets", out_offsets);
        f("kind", kind);
        f("out", out);
        f("begin", begin);
        f("end", end);
    }
};

struct MatchUnclaimed {
    View<const double, 1> overlaps;
    View<const index_t, 1> overlap_offsets;
    View<const std::int32_t, 1> dt_category;
    View<const index_t, 1> dt_offsets;
    View<const std::int32_t, 1> gt_category;
    View<const index_t, 1> gt_offsets;
    double threshold;
    index_t across;
    View<std::int32_t, 1> match_of;
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
        f("across", across);
        f("match_of", match_of);
        f("begin", begin);
        f("end", end);
    }
};

struct MatchPairs {
    View<const double, 1> overlaps;
    View<const index_t, 1> overlap_offsets;
    View<const std::int32_t, 1> dt_category;
    View<const index_t, 1> dt_offsets;
    View<const std::int32_t, 1> gt_category;
    View<const index_t, 1> gt_offsets;
    double threshold;
    View<std::int32_t, 1> match_of;
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
        f("begin", begin);
        f("end", end);
    }
};

struct MatchOverlapFirst {
    View<const double, 1> overlaps;
    View<const index_t, 1> overlap_offsets;
    View<const std::int32_t, 1> dt_category;
    View<const index_t, 1> dt_offsets;
    View<const std::int32_t, 1> gt_category;
    View<const index_t, 1> gt_offsets;
    double threshold;
    View<std::int32_t, 1> match_of;
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
        f("begin", begin);
        f("end", end);
    }
};

namespace cpu {

void corner_iou(const CornerIou& of, const Threads& threads);
void match_unclaimed(const MatchUnclaimed& of, const Threads& threads);
void match_overlap_first(const MatchOverlapFirst& of, const Threads& threads);
void match_pairs(const MatchPairs& of, const Threads& threads);

}  // namespace cpu
}  // namespace pymetrics
