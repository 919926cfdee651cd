#pragma once
// A category that is walked in ranges of scores; see kernels/score_ranges.py.
#include "common.h"

namespace pymetrics {

// The arguments of the kernel, in the order of its Python namesake; `each` gives their names and members.
struct AccumulateRange {
    View<const double, 1> scores;
    View<const word_t, 2> matched, ignored;
    View<const std::uint8_t, 1> limit_index;
    View<const index_t, 2> needed, hits_before, counted_before;
    View<index_t, 2> hits, counted;
    View<double, 3> highest, scores_at;
    View<index_t, 1> top;

    template <class F>
    void each(F f) {
        f("scores", scores);
        f("matched", matched);
        f("ignored", ignored);
        f("limit_index", limit_index);
        f("needed", needed);
        f("hits_before", hits_before);
        f("counted_before", counted_before);
        f("hits", hits);
        f("counted", counted);
        f("highest", highest);
        f("scores_at", scores_at);
        f("top", top);
    }
};

namespace cpu {

void accumulate_range(const AccumulateRange& of);

}  // namespace cpu
}  // namespace pymetrics
