#pragma once
#include "masks.h"

namespace pymetrics {

struct DrawPolygons {
    View<const double, 2> points;
    View<const index_t, 1> offsets;
    View<const index_t, 2> sizes;
    View<const index_t, 1> room;
    View<run_t, 1> counts;
    View<index_t, 1> n_runs;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("points", points);
        f("offsets", offsets);
        f("sizes", sizes);
        f("room", room);
        f("counts", counts);
        f("n_runs", n_runs);
        f("begin", begin);
        f("end", end);
    }
};

// A coordinate that polygons may have: five times as much fits into an int, as does the difference of two.
inline bool can_draw(double coordinate) {
    constexpr double most = 1 << 27;
    return coordinate > -most && coordinate < most;
}

namespace cpu {

void draw_polygons(const DrawPolygons& of, const Threads& threads);

}  // namespace cpu
}  // namespace pymetrics
