#pragma once
// Kinds of errors, localisation recall precision, precision averaged over recall; see kernels/errors.py.
#include "common.h"
#include "parallel.h"

namespace pymetrics {

// The arguments of each kernel, in the order of its Python namesake; `each` gives their names and members.
struct FindErrors {
    View<const double, 1> overlaps;
    View<const index_t, 1> overlap_offsets;
    View<const std::int32_t, 1> dt_category;
    View<const index_t, 1> dt_offsets;
    View<const std::int32_t, 1> gt_category;
    View<const std::uint8_t, 1> gt_ignored;
    View<const index_t, 1> gt_offsets;
    double positive, background;
    View<std::uint8_t, 1> kind, counted;
    View<std::int32_t, 1> error_gt;
    View<std::uint8_t, 1> mends, gt_state;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("overlaps", overlaps);
        f("overlap_offsets", overlap_offsets);
        f("dt_category", dt_category);
        f("dt_offsets", dt_offsets);
        f("gt_category", gt_category);
        f("gt_ignored", gt_ignored);
        f("gt_offsets", gt_offsets);
        f("positive", positive);
        f("background", background);
        f("kind", kind);
        f("counted", counted);
        f("error_gt", error_gt);
        f("mends", mends);
        f("gt_state", gt_state);
        f("begin", begin);
        f("end", end);
    }
};

struct AveragePrecision {
    View<const double, 1> scores;
    View<const std::uint8_t, 1> hits;
    View<const index_t, 1> starts, n_gt;
    View<const double, 1> recall_thresholds;
    View<double, 1> average;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("scores", scores);
        f("hits", hits);
        f("starts", starts);
        f("n_gt", n_gt);
        f("recall_thresholds", recall_thresholds);
        f("average", average);
        f("begin", begin);
        f("end", end);
    }
};

struct LowestLrp {
    View<const double, 1> scores;
    View<const word_t, 2> matched, ignored;
    View<const index_t, 1> offsets, category_cells, n_gt;
    index_t bit;
    View<const double, 1> overlap;
    double threshold;
    View<double, 2> lowest;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("scores", scores);
        f("matched", matched);
        f("ignored", ignored);
        f("offsets", offsets);
        f("category_cells", category_cells);
        f("n_gt", n_gt);
        f("bit", bit);
        f("overlap", overlap);
        f("threshold", threshold);
        f("lowest", lowest);
        f("begin", begin);
        f("end", end);
    }
};

namespace cpu {

void find_errors(const FindErrors& of, const Threads& threads);
void average_precision(const AveragePrecision& of, const Threads& threads);
void lowest_lrp(const LowestLrp& of, const Threads& threads);

}  // namespace cpu
}  // namespace pymetrics
