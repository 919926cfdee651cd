#include "require.h"

namespace pymetrics::bindings {
namespace {

// Each problem has room for the terms of all its pairs. n_terms(g): how many those of its ground truth g are.
template <class Arguments, class Count>
void require_terms(const Arguments& of, View<const double, 1> terms, index_t n_gt, const char* name, Count n_terms) {
    require_offsets(of.gt_offsets, n_gt, "gt_offsets");
    require_length(of.gt_offsets.shape[0], of.dt_offsets.shape[0], "gt_offsets");
    require_offsets(of.term_offsets, terms.shape[0], "term_offsets");
    require_length(of.term_offsets.shape[0], of.dt_offsets.shape[0], "term_offsets");
    for (index_t p = 0; p + 1 < of.dt_offsets.shape[0]; ++p) {
        const index_t n_dt = of.dt_offsets[p + 1] - of.dt_offsets[p];
        index_t each = 0;
        bool fits = true;
        for (index_t g = of.gt_offsets[p]; n_dt > 0 && g < of.gt_offsets[p + 1]; ++g) {
            const index_t n = n_terms(g);
            fits &= 0 <= n && n <= terms.shape[0] && each <= terms.shape[0];
            each += fits ? n : 0;
        }
        fits &= n_dt == 0 || each <= terms.shape[0] / n_dt;
        require(fits && of.term_offsets[p + 1] - of.term_offsets[p] == n_dt * each, "term_offsets: problem ", p,
                " has another size than its ", name);
    }
}

}  // namespace

void require_keypoint_areas(const KeypointAreas& of) {
    require(of.points.shape[1] > 0 && of.points.shape[2] == 3, "points: expected keypoints of 3 numbers");
    require_length(of.areas.shape[0], of.points.shape[0], "areas");
    require_range(of.begin, of.end, of.points.shape[0]);
}

void require_keypoint_exponents(const KeypointExponents& of) {
    const index_t n_points = of.variances.shape[0], n = of.gt_points.shape[0];
    require(of.dt_points.shape[1] == n_points && of.gt_points.shape[1] == n_points,
            "dt_points, gt_points: expected a keypoint for each of the variances");
    require(of.dt_points.shape[2] == 3 && of.gt_points.shape[2] == 3, "dt_points, gt_points: expected 3 columns");
    require(of.gt_boxes.shape[0] == n && of.gt_boxes.shape[1] == 4, "gt_boxes: expected 4 columns for each row");
    require_length(of.gt_scales.shape[0], n, "gt_scales");
    require_indices(of.dt_rows, 0, of.dt_points.shape[0], "dt_rows");
    require_indices(of.gt_rows, 0, n, "gt_rows");
    require_offsets(of.dt_offsets, of.dt_rows.shape[0], "dt_offsets");
    const View<const double, 1> exponents{of.exponents.data, {of.exponents.shape[0]}};
    require_terms(of, exponents, of.gt_rows.shape[0], "keypoints", [&](index_t g) {
        const index_t n_visible = count_visible(of.gt_points, of.gt_rows[g]);
        return n_visible > 0 ? n_visible : n_points;
    });
    require_range(of.begin, of.end, of.dt_offsets.shape[0] - 1);
}

void require_keypoint_overlaps(const KeypointOverlaps& of) {
    require_pairs(of.out_offsets, of.out, of.dt_offsets, index_t(1) << 31, of.gt_offsets, of.n_terms.shape[0],
                  "out_offsets", "problem");
    require_terms(of, of.terms, of.n_terms.shape[0], "n_terms", [&](index_t g) { return of.n_terms[g]; });
    require_range(of.begin, of.end, of.dt_offsets.shape[0] - 1);
}

}  // namespace pymetrics::bindings
