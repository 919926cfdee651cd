#pragma once
#include "masks.h"

namespace pymetrics {

struct MeasureTexts {
    View<const std::uint8_t, 1> text;
    View<const index_t, 1> begins, ends;
    View<const index_t, 2> sizes;
    View<index_t, 1> n_runs;
    View<run_t, 1> areas;
    View<index_t, 1> totals;
    View<double, 2> boxes;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("text", text);
        f("begins", begins);
        f("ends", ends);
        f("sizes", sizes);
        f("n_runs", n_runs);
        f("areas", areas);
        f("totals", totals);
        f("boxes", boxes);
        f("begin", begin);
        f("end", end);
    }
};

struct TextIou {
    View<const std::uint8_t, 1> text;
    View<const index_t, 1> begins, ends;
    View<const index_t, 2> dt_sizes;
    View<const run_t, 1> dt_areas;
    View<const double, 2> dt_boxes;
    View<const std::int32_t, 1> dt_rows;
    View<const run_t, 1> gt_counts;
    View<const index_t, 1> gt_runs;
    View<const index_t, 2> gt_sizes;
    View<const run_t, 1> gt_areas;
    View<const double, 2> gt_boxes;
    View<const std::int32_t, 1> gt_rows;
    View<const std::uint8_t, 1> crowd;
    View<const index_t, 1> dt_offsets, gt_offsets, out_offsets;
    double least;
    View<double, 1> out;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("text", text);
        f("begins", begins);
        f("ends", ends);
        f("dt_sizes", dt_sizes);
        f("dt_areas", dt_areas);
        f("dt_boxes", dt_boxes);
        f("dt_rows", dt_rows);
        f("gt_counts", gt_counts);
        f("gt_runs", gt_runs);
        f("gt_sizes", gt_sizes);
        f("gt_areas", gt_areas);
        f("gt_boxes", gt_boxes);
        f("gt_rows", gt_rows);
        f("crowd", crowd);
        f("dt_offsets", dt_offsets);
        f("gt_offsets", gt_offsets);
        f("out_offsets", out_offsets);
        f("least", least);
        f("out", out);
        f("begin", begin);
        f("end", end);
    }
};

namespace cpu {

void measure_texts(const MeasureTexts& of, const Threads& threads);
void text_iou(const TextIou& of, const Threads& threads);

}  // namespace cpu
}  // namespace pymetrics
