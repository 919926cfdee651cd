#include "keypoints.h"

#include "means.h"
#include "scratch.h"
#include "vectors.h"

namespace pymetrics {

namespace {

constexpr double kEpsilon = 2.220446049250313e-16;  // numpy.spacing(1)

// The terms of one detection with all ground truths of its problem, n of them: squared distances become exponents.
PM_INLINE void divide_any(double* __restrict terms, const double* __restrict variance, const double* __restrict scale,
                          index_t n, double highest) {
    for (index_t t = 0; t < n; ++t) {
        const double found = terms[t] / variance[t] / scale[t] / 2.0;
        terms[t] = found > highest ? -1.0 : found;
    }
}

PM_FOR_VECTORS(void, divide, (double* terms, const double* variance, const double* scale, index_t n, double highest),
               (terms, variance, scale, n, highest))

double square_sum(double dx, double dy) { return dx * dx + dy * dy; }

// How far x lies before low - size or behind low + 2 size; NaN where one of them is.
double beyond(double x, double low, double size) {
    const double before = low - size - x, behind = x - (low + size * 2.0);
    return (before <= 0 ? 0.0 : before) + (behind <= 0 ? 0.0 : behind);
}

// The terms of the ground truths of one problem, one after another.
class ProblemTerms {
    const KeypointExponents& of_;
    Scratch<double> numbers_;
    Scratch<index_t> places_, unseen_places_;
    double *x_ = nullptr, *y_ = nullptr, *variance_ = nullptr, *scale_ = nullptr;
    index_t* at_ = nullptr;      // where x stands in a row of x, y, visibility
    index_t* unseen_ = nullptr;  // of ground truths without visible keypoints their first term and their row, in turn
    index_t n_ = 0, n_unseen_ = 0;

  public:
    explicit ProblemTerms(const KeypointExponents& of) : of_(of) {}

    // n: how many they are. The ground truths are first .. last of gt_rows.
    void gather(index_t first, index_t last, index_t n) {
        const index_t n_points = of_.variances.shape[0];
        x_ = numbers_.take(4 * n);
        y_ = x_ + n;
        variance_ = y_ + n;
        scale_ = variance_ + n;
        at_ = places_.take(n);
        unseen_ = unseen_places_.take(2 * (last - first));
        n_ = n_unseen_ = 0;
        for (index_t g = first; g < last; ++g) {
            const index_t b = of_.gt_rows[g];
            const double *const point = of_.gt_points.data + b * n_points * 3, scale = of_.gt_scales[b] + kEpsilon;
            const bool is_visible = count_visible(of_.gt_points, b) > 0;
            if (!is_visible) {
                unseen_[n_unseen_++] = n_;
                unseen_[n_unseen_++] = b;
            }
            for (index_t k = 0; k < n_points; ++k) {
                if (is_visible && !(point[3 * k + 2] > 0)) continue;
                at_[n_] = 3 * k;
                x_[n_] = point[3 * k];
                y_[n_] = point[3 * k + 1];
                variance_[n_] = of_.variances[k];
                scale_[n_] = scale;
                ++n_;
            }
        }
    }

    // Of a detection, row `a`.
    void write(index_t a, double* __restrict out) const {
        const index_t n_points = of_.variances.shape[0];
        const double* const point = of_.dt_points.data + a * n_points * 3;
        for (index_t t = 0; t < n_; ++t) out[t] = square_sum(point[at_[t]] - x_[t], point[at_[t] + 1] - y_[t]);
        for (index_t i = 0; i < n_unseen_; i += 2) {
            const double* const box = of_.gt_boxes.row(unseen_[i + 1]);
            double* const to = out + unseen_[i];
            for (index_t k = 0; k < n_points; ++k)
                to[k] = square_sum(beyond(point[3 * k], box[0], box[2]), beyond(point[3 * k + 1], box[1], box[3]));
        }
        divide(out, variance_, scale_, n_, of_.highest);
    }
};

}  // namespace

namespace cpu {

void keypoint_areas(const KeypointAreas& of, const Threads& threads) {
    const index_t n_points = of.points.shape[1];
    for_each_unit(of.begin, of.end, 1024, threads, [&](index_t n) {
        const double* const point = of.points.data + n * n_points * 3;
        double low[2] = {point[0], point[1]}, high[2] = {point[0], point[1]};
        bool has_nan = false;
        for (index_t k = 0; k < n_points; ++k)
            for (int axis = 0; axis < 2; ++axis) {
                const double value = point[3 * k + axis];
                has_nan |= value != value;
                low[axis] = value < low[axis] ? value : low[axis];
                high[axis] = value > high[axis] ? value : high[axis];
            }
        // The last NaN of an axis is its lowest and its highest value.
        for (index_t k = 0; has_nan && k < n_points; ++k)
            for (int axis = 0; axis < 2; ++axis) {
                const double value = point[3 * k + axis];
                if (value != value) low[axis] = high[axis] = value;
            }
        of.areas[n] = (high[0] - low[0]) * (high[1] - low[1]);
    });
}

void keypoint_exponents(const KeypointExponents& of, const Threads& threads) {
    parallel_for(of.begin, of.end, 16, threads, [&](Interrupt& interrupt) {
        return [&, terms = ProblemTerms(of)](index_t low, index_t high) mutable {
            for (index_t p = low; p < high; ++p) {
                const index_t n_dt = of.dt_offsets[p + 1] - of.dt_offsets[p];
                const index_t n = n_dt > 0 ? (of.term_offsets[p + 1] - of.term_offsets[p]) / n_dt : 0;
                if (n == 0) continue;
                terms.gather(of.gt_offsets[p], of.gt_offsets[p + 1], n);
                double* out = of.exponents.data + of.term_offsets[p];
                for (index_t d = of.dt_offsets[p]; d < of.dt_offsets[p + 1]; ++d) {
                    terms.write(of.dt_rows[d], out);
                    out += n;
                    if (interrupt.stopped_after(n)) return;
                }
            }
        };
    });
}

void keypoint_overlaps(const KeypointOverlaps& of, const Threads& threads) {
    parallel_for(of.begin, of.end, 64, threads, [&](Interrupt& interrupt) {
        return [&, scratch = Scratch<double>()](index_t low, index_t high) mutable {
            for (index_t p = low; p < high; ++p) {
                const double* terms = of.terms.data + of.term_offsets[p];
                double* out = of.out.data + of.out_offsets[p];
                const index_t begin = of.gt_offsets[p], end = of.gt_offsets[p + 1];
                for (index_t d = of.dt_offsets[p]; d < of.dt_offsets[p + 1]; ++d) {
                    for (index_t g = begin; g < end; ++g) {
                        const index_t n = of.n_terms[g];
                        double* const found = scratch.take(n);
                        for (index_t i = 0; i < n; ++i) found[i] = terms[i] > of.most ? 0.0 : terms[i];
                        *out = pairwise_sum(found, n) / double(n);
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
