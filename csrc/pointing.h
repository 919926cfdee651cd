#pragma once
// Matching in which a detection points at one ground truth, taken or not; see kernels/pointing.py.
#include "common.h"
#include "parallel.h"

namespace pymetrics {

// The arguments of each kernel, in the order of its Python namesake; `each` gives their names and members.
struct MatchPointing {
    View<const double, 2> dt, gt;
    View<const std::uint8_t, 1> gt_ignored;
    View<const index_t, 1> dt_offsets, gt_offsets;
    double threshold;
    View<std::uint8_t, 1> status;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("dt", dt);
        f("gt", gt);
        f("gt_ignored", gt_ignored);
        f("dt_offsets", dt_offsets);
        f("gt_offsets", gt_offsets);
        f("threshold", threshold);
        f("status", status);
        f("begin", begin);
        f("end", end);
    }
};

struct MatchGroups {
    View<const double, 2> dt, gt;
    View<const std::uint8_t, 1> gt_kind;
    View<const index_t, 1> dt_offsets, gt_offsets;
    double threshold;
    View<std::uint8_t, 1> status;
    View<std::int32_t, 1> group_of;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("dt", dt);
        f("gt", gt);
        f("gt_kind", gt_kind);
        f("dt_offsets", dt_offsets);
        f("gt_offsets", gt_offsets);
        f("threshold", threshold);
        f("status", status);
        f("group_of", group_of);
        f("begin", begin);
        f("end", end);
    }
};

namespace cpu {

void match_pointing(const MatchPointing& of, const Threads& threads);
void match_groups(const MatchGroups& of, const Threads& threads);

}  // namespace cpu
}  // namespace pymetrics
