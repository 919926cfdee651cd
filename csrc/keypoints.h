#pragma once
// Object keypoint similarity, before and behind exp; see kernels/keypoints.py.
#include "common.h"
#include "parallel.h"

namespace pymetrics {

// How many keypoints of ground truth b are visible.
inline index_t count_visible(View<const double, 3> gt_points, index_t b) {
    const index_t n_points = gt_points.shape[1];
    const double* const point = gt_points.data + b * n_points * 3;
    index_t n = 0;
    for (index_t k = 0; k < n_points; ++k) n += point[3 * k + 2] > 0;
    return n;
}

// The arguments of each kernel, in the order of its Python namesake; `each` gives their names and members.
struct KeypointAreas {
    View<const double, 3> points;
    View<double, 1> areas;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("points", points);
        f("areas", areas);
        f("begin", begin);
        f("end", end);
    }
};

struct KeypointExponents {
    View<const double, 3> dt_points;
    View<const std::int32_t, 1> dt_rows;
    View<const double, 3> gt_points;
    View<const double, 2> gt_boxes;
    View<const double, 1> gt_scales;
    View<const std::int32_t, 1> gt_rows;
    View<const double, 1> variances;
    double highest;
    View<const index_t, 1> dt_offsets, gt_offsets, term_offsets;
    View<double, 1> exponents;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("dt_points", dt_points);
        f("dt_rows", dt_rows);
        f("gt_points", gt_points);
        f("gt_boxes", gt_boxes);
        f("gt_scales", gt_scales);
        f("gt_rows", gt_rows);
        f("variances", variances);
        f("highest", highest);
        f("dt_offsets", dt_offsets);
        f("gt_offsets", gt_offsets);
        f("term_offsets", term_offsets);
        f("exponents", exponents);
        f("begin", begin);
        f("end", end);
    }
};

struct KeypointOverlaps {
    View<const double, 1> terms;
    double most;
    View<const index_t, 1> n_terms, dt_offsets, gt_offsets, term_offsets, out_offsets;
    View<double, 1> out;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("terms", terms);
        f("most", most);
        f("n_terms", n_terms);
        f("dt_offsets", dt_offsets);
        f("gt_offsets", gt_offsets);
        f("term_offsets", term_offsets);
        f("out_offsets", out_offsets);
        f("out", out);
        f("begin", begin);
        f("end", end);
    }
};

namespace cpu {

void keypoint_areas(const KeypointAreas& of, const Threads& threads);
void keypoint_exponents(const KeypointExponents& of, const Threads& threads);
void keypoint_overlaps(const KeypointOverlaps& of, const Threads& threads);

}  // namespace cpu
}  // namespace pymetrics
