#pragma once
// Boundaries of masks; see kernels/boundaries.py.
#include "masks.h"

namespace pymetrics {

// The arguments of the kernel, in the order of its Python namesake; `each` gives their names and members.
struct BoundaryMasks {
    View<const run_t, 1> counts;
    View<const index_t, 1> offsets;
    View<const index_t, 2> sizes;
    View<const index_t, 1> distances, room;
    View<run_t, 1> bounds;
    View<index_t, 1> n_runs;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("counts", counts);
        f("offsets", offsets);
        f("sizes", sizes);
        f("distances", distances);
        f("room", room);
        f("bounds", bounds);
        f("n_runs", n_runs);
        f("begin", begin);
        f("end", end);
    }
};

namespace cpu {

void boundary_masks(const BoundaryMasks& of, const Threads& threads);

}  // namespace cpu
}  // namespace pymetrics
