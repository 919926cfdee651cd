#pragma once
// Segments of two panoptic images; see kernels/panoptic.py.
#include "common.h"
#include "parallel.h"

namespace pymetrics {

// The arguments of the kernel, in the order of its Python namesake; `each` gives their names and members.
struct PanopticPairs {
    View<const index_t, 3> preds;
    View<const index_t, 3> target;
    View<index_t, 3> colors;
    View<index_t, 2> areas;
    View<index_t, 1> n_pairs;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("preds", preds);
        f("target", target);
        f("colors", colors);
        f("areas", areas);
        f("n_pairs", n_pairs);
        f("begin", begin);
        f("end", end);
    }
};

namespace cpu {

void panoptic_pairs(const PanopticPairs& of, const Threads& threads);

}  // namespace cpu
}  // namespace pymetrics
