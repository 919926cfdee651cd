#pragma once
#include <vector>

#include "common.h"
#include "device.h"
#include "parallel.h"

namespace pymetrics {

struct Box {
    double x, y, w, h;
};

PM_HD Box load(View<const double, 2> boxes, index_t i) {
    const double* b = boxes.data + 4 * i;
    return {b[0], b[1], b[2], b[3]};
}

// C's fmin and fmax: of a number and a NaN, the number. Written so that compilers make no branches of them.
PM_HD double fmin_(double a, double b) {
    const double least = a < b ? a : b;
    return b != b ? a : least;
}
PM_HD double fmax_(double a, double b) {
    const double most = a > b ? a : b;
    return b != b ? a : most;
}

// pycocotools' overlap of two boxes, without branches; against a crowd the union is the detection's own area.
PM_HD double iou(const Box& dt, const Box& gt, bool crowd) {
    const double w = fmin_(gt.w + gt.x, dt.w + dt.x) - fmax_(gt.x, dt.x);
    const double h = fmin_(gt.h + gt.y, dt.h + dt.y) - fmax_(gt.y, dt.y);
    const double intersection = w * h, area = dt.w * dt.h;
    const double overlap = intersection / (crowd ? area : area + gt.w * gt.h - intersection);
    const double of_width = w <= 0 ? 0.0 : overlap;
    return h <= 0 ? 0.0 : of_width;
}

// iou - (hull - union) / hull (Rezatofighi et al., 2019).
PM_HD double generalized_iou(const Box& dt, const Box& gt) {
    const double w = fmin_(dt.w + dt.x, gt.w + gt.x) - fmax_(dt.x, gt.x);
    const double h = fmin_(dt.h + dt.y, gt.h + gt.y) - fmax_(dt.y, gt.y);
    const double intersection = (w > 0 ? w : 0.0) * (h > 0 ? h : 0.0);
    const double union_ = dt.w * dt.h + gt.w * gt.h - intersection;
    const double hull_w = fmax_(dt.w + dt.x, gt.w + gt.x) - fmin_(dt.x, gt.x);
    const double hull_h = fmax_(dt.h + dt.y, gt.h + gt.y) - fmin_(dt.y, gt.y);
    const double hull = hull_w * hull_h;
    return iou(dt, gt, false) - (hull - union_) / hull;
}

// iou - (distance of the centres)^2 / (diagonal of the hull)^2 (Zheng et al., 2020).
PM_HD double distance_iou(const Box& dt, const Box& gt) {
    constexpr double epsilon = 1e-7;
    const double hull_w = fmax_(dt.w + dt.x, gt.w + gt.x) - fmin_(dt.x, gt.x);
    const double hull_h = fmax_(dt.h + dt.y, gt.h + gt.y) - fmin_(dt.y, gt.y);
    const double x = (dt.x + dt.w * 0.5) - (gt.x + gt.w * 0.5), y = (dt.y + dt.h * 0.5) - (gt.y + gt.h * 0.5);
    return iou(dt, gt, false) - (x * x + y * y) / (hull_w * hull_w + hull_h * hull_h + epsilon);
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
