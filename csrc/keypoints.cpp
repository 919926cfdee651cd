#include "keypoints.h"

#include "means.h"
#include "scratch.h"
#include "vectors.h"

namespace pymetrics {

namespace {

constexpr double kEpsilon = 2.220446049250313e-16;  // numpy.spacing(1)

// The keypoints of one ground truth that count: where they stand in a row of x, y, visibility; and their variances.
struct Joints {
    index_t n;
    const index_t* at;
    const double *x, *y, *variance;
};

// One ground truth and all detections of its problem: rows[d] is a row of n_points * 3, out[d * stride] its first term.
struct Terms {
    const double* points;
    const std::int32_t* rows;
    index_t n_dt, row_length, stride;
    double scale;
    double* out;
};

PM_INLINE double exponent(double dx, double dy, double variance, double scale) {
    return (dx * dx + dy * dy) / variance / scale / 2.0;
}

PM_INLINE void visible_terms_any(const Terms& of, const Joints& joints) {
    const index_t n = joints.n;
    const index_t* __restrict at = joints.at;
    const double* __restrict x = joints.x, * __restrict y = joints.y, * __restrict variance = joints.variance;
    const double scale = of.scale;
    for (index_t d = 0; d < of.n_dt; ++d) {
        const double* __restrict point = of.points + of.rows[d] * of.row_length;
        double* __restrict out = of.out + d * of.stride;
        for (index_t t = 0; t < n; ++t)
            out[t] = exponent(point[at[t]] - x[t], point[at[t] + 1] - y[t], variance[t], scale);
    }
}

PM_FOR_VECTORS(void, visible_terms, (const Terms& of, const Joints& joints), (of, joints))

// How far x lies before low - size or behind low + 2 size; NaN where one of them is.
double beyond(double x, double low, double size) {
    const double before = low - size - x, behind = x - (low + size * 2.0);
    return (before <= 0 ? 0.0 : before) + (behind <= 0 ? 0.0 : behind);
}

void box_terms(const Terms& of, const double* box, const double* variances, index_t n_points) {
    for (index_t d = 0; d < of.n_dt; ++d) {
        const double* const point = of.points + of.rows[d] * of.row_length;
        for (index_t k = 0; k < n_points; ++k)
            of.out[d * of.stride + k] = exponent(beyond(point[3 * k], box[0], box[2]),
                                                 beyond(point[3 * k + 1], box[1], box[3]), variances[k], of.scale);
    }
}

}  // namespace

namespace cpu {

void keypoint_exponents(const KeypointExponents& of, const Threads& threads) {
    const index_t n_points = of.variances.shape[0], row_length = 3 * n_points;
    parallel_for(of.begin, of.end, 16, threads, [&](Interrupt& interrupt) {
        return [&, numbers = Scratch<double>(), places = Scratch<index_t>()](index_t low, index_t high) mutable {
            double* const x = numbers.take(3 * n_points);
            double *const y = x + n_points, *const variance = y + n_points;
            index_t* const at = places.take(n_points);
            for (index_t p = low; p < high; ++p) {
                const index_t first_dt = of.dt_offsets[p], n_dt = of.dt_offsets[p + 1] - first_dt;
                if (n_dt == 0) continue;
                double* out = of.exponents.data + of.term_offsets[p];
                const index_t stride = (of.term_offsets[p + 1] - of.term_offsets[p]) / n_dt;
                for (index_t g = of.gt_offsets[p]; g < of.gt_offsets[p + 1]; ++g) {
                    const index_t b = of.gt_rows[g];
                    const double* const point = of.gt_points.data + b * row_length;
                    Joints joints{0, at, x, y, variance};
                    for (index_t k = 0; k < n_points; ++k) {
                        if (!(point[3 * k + 2] > 0)) continue;
                        const index_t n = joints.n++;
                        at[n] = 3 * k;
                        x[n] = point[3 * k];
                        y[n] = point[3 * k + 1];
                        variance[n] = of.variances[k];
                    }
                    const Terms terms{of.dt_points.data,
                                      of.dt_rows.data + first_dt,
                                      n_dt,
                                      row_length,
                                      stride,
                                      of.gt_scales[b] + kEpsilon,
                                      out};
                    if (joints.n > 0) visible_terms(terms, joints);
                    else box_terms(terms, of.gt_boxes.row(b), of.variances.data, n_points);
                    out += joints.n > 0 ? joints.n : n_points;
                    if (interrupt.stopped_after(n_dt * n_points)) return;
                }
            }
        };
    });
}

void keypoint_overlaps(const KeypointOverlaps& of, const Threads& threads) {
    parallel_for(of.begin, of.end, 64, threads, [&](Interrupt& interrupt) {
        return [&](index_t low, index_t high) {
            for (index_t p = low; p < high; ++p) {
                const double* terms = of.terms.data + of.term_offsets[p];
                double* out = of.out.data + of.out_offsets[p];
                const index_t begin = of.gt_offsets[p], end = of.gt_offsets[p + 1];
                for (index_t d = of.dt_offsets[p]; d < of.dt_offsets[p + 1]; ++d) {
                    for (index_t g = begin; g < end; ++g) {
                        const index_t n = of.n_terms[g];
                        *out = pairwise_sum(terms, n) / double(n);
                        ++out;
                        terms += n;
                    }
                    if (interrupt.stopped_after(16 * (end - begin))) return;
                }
            }
        };
    });
}

}  // namespace cpu
}  // namespace pymetrics
