#pragma once
#include <vector>

#include "common.h"
#include "device.h"
#include "parallel.h"

namespace pymetrics {

template <class T>
struct BoxOf {
    T x, y, w, h;
};
using Box = BoxOf<double>;

template <class T>
PM_HD BoxOf<T> load(View<const T, 2> boxes, index_t i) {
    const T* b = boxes.data + 4 * i;
    return {b[0], b[1], b[2], b[3]};
}

// C's fmin and fmax: of a number and a NaN, the number. Written so that compilers make no branches of them.
template <class T>
PM_HD T fmin_(T a, T b) {
    const T least = a < b ? a : b;
    return b != b ? a : least;
}
template <class T>
PM_HD T fmax_(T a, T b) {
    const T most = a > b ? a : b;
    return b != b ? a : most;
}

// pycocotools' overlap of two boxes, without branches; against a crowd the union is the detection's own area.
template <class T>
PM_HD T iou(const BoxOf<T>& dt, const BoxOf<T>& gt, bool crowd) {
    const T w = fmin_(gt.w + gt.x, dt.w + dt.x) - fmax_(gt.x, dt.x);
    const T h = fmin_(gt.h + gt.y, dt.h + dt.y) - fmax_(gt.y, dt.y);
    const T intersection = w * h, area = dt.w * dt.h;
    const T overlap = intersection / (crowd ? area : area + gt.w * gt.h - intersection);
    const T of_width = w <= 0 ? T(0) : overlap;
    return h <= 0 ? T(0) : of_width;
}

// iou - (hull - union) / hull (Rezatofighi et al., 2019).
template <class T>
PM_HD T generalized_iou(const BoxOf<T>& dt, const BoxOf<T>& gt) {
    const T w = fmin_(dt.w + dt.x, gt.w + gt.x) - fmax_(dt.x, gt.x);
    const T h = fmin_(dt.h + dt.y, gt.h + gt.y) - fmax_(dt.y, gt.y);
    const T intersection = (w > 0 ? w : T(0)) * (h > 0 ? h : T(0));
    const T union_ = dt.w * dt.h + gt.w * gt.h - intersection;
    const T hull_w = fmax_(dt.w + dt.x, gt.w + gt.x) - fmin_(dt.x, gt.x);
    const T hull_h = fmax_(dt.h + dt.y, gt.h + gt.y) - fmin_(dt.y, gt.y);
    const T hull = hull_w * hull_h;
    return iou(dt, gt, false) - (hull - union_) / hull;
}

// iou - (distance of the centres)^2 / (diagonal of the hull)^2 (Zheng et al., 2020).
template <class T>
PM_HD T distance_iou(const BoxOf<T>& dt, const BoxOf<T>& gt) {
    constexpr T epsilon = T(1e-7), half = T(0.5);
    const T hull_w = fmax_(dt.w + dt.x, gt.w + gt.x) - fmin_(dt.x, gt.x);
    const T hull_h = fmax_(dt.h + dt.y, gt.h + gt.y) - fmin_(dt.y, gt.y);
    const T x = (dt.x + dt.w * half) - (gt.x + gt.w * half), y = (dt.y + dt.h * half) - (gt.y + gt.h * half);
    return iou(dt, gt, false) - (x * x + y * y) / (hull_w * hull_w + hull_h * hull_h + epsilon);
}

// False: with any other box of which this is false, `iou` is no NaN. For then no sum or product of iou's overflows, so
// that it is NaN only as 0 / 0; where a side is not positive the boxes do not meet and it is 0; and two areas above 0
// have a union that is not 0 where nothing is taken from it.
PM_HD bool may_give_nan(const Box& box) {
    constexpr double most = 1e150;
    auto within = [](double x) { return x >= -most && x <= most; };
    return !(within(box.x) && within(box.y) && within(box.w) && within(box.h)) ||
           (box.w > 0 && box.h > 0 && !(box.w * box.h > 0));
}

namespace cpu {

// Boxes of one cell, by coordinate.
struct BoxColumns {
    std::vector<double> x, y, w, h;

    void resize(index_t n) {
        if (index_t(x.size()) >= n) return;
        for (auto* column : {&x, &y, &w, &h}) column->resize(std::size_t(2 * n));
    }
    void set(index_t i, const Box& box) {
        x[std::size_t(i)] = box.x, y[std::size_t(i)] = box.y, w[std::size_t(i)] = box.w, h[std::size_t(i)] = box.h;
    }
};

// Overlaps of the first n boxes with one ground truth, which raise best[i] to themselves; returns whether there is a
// NaN.
bool overlaps(const BoxColumns& dt, index_t n, Box gt, bool crowd, double* ious, double* best);

void box_iou(View<const double, 2> dt, View<const double, 2> gt, View<const std::uint8_t, 1> crowd,
             View<const index_t, 1> dt_offsets, View<const index_t, 1> gt_offsets, View<const index_t, 1> out_offsets,
             index_t kind, View<double, 1> out, index_t begin, index_t end, const Threads& threads);

}  // namespace cpu

namespace cuda {

void box_iou(View<const double, 2> dt, View<const double, 2> gt, View<const std::uint8_t, 1> crowd,
             View<const index_t, 1> dt_offsets, View<const index_t, 1> gt_offsets, View<const index_t, 1> out_offsets,
             index_t kind, View<double, 1> out, index_t begin, index_t end, const Queue& queue);

}  // namespace cuda
}  // namespace pymetrics
