#pragma once
#include "common.h"
#include "cuda/queue.h"
#include "parallel.h"
#include "scratch.h"

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
    constexpr double epsilon = 1e-7, half = 0.5;
    const double hull_w = fmax_(dt.w + dt.x, gt.w + gt.x) - fmin_(dt.x, gt.x);
    const double hull_h = fmax_(dt.h + dt.y, gt.h + gt.y) - fmin_(dt.y, gt.y);
    const double x = (dt.x + dt.w * half) - (gt.x + gt.w * half), y = (dt.y + dt.h * half) - (gt.y + gt.h * half);
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

// The arguments of each kernel, in the order of its Python namesake; `each` gives their names and members.
struct BoxIou {
    View<const double, 2> dt, gt;
    View<const std::uint8_t, 1> crowd;
    View<const index_t, 1> dt_offsets, gt_offsets, out_offsets;
    index_t kind;
    View<double, 1> out;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("dt", dt);
        f("gt", gt);
        f("crowd", crowd);
        f("dt_offsets", dt_offsets);
        f("gt_offsets", gt_offsets);
        f("out_offsets", out_offsets);
        f("kind", kind);
        f("out", out);
        f("begin", begin);
        f("end", end);
    }
};

namespace cpu {

// Boxes of one cell, by coordinate.
class BoxColumns {
    Scratch<double> x_, y_, w_, h_;

  public:
    double *x, *y, *w, *h;

    void resize(index_t n) {
        x = x_.take(n);
        y = y_.take(n);
        w = w_.take(n);
        h = h_.take(n);
    }
    void set(index_t i, const Box& box) {
        x[i] = box.x;
        y[i] = box.y;
        w[i] = box.w;
        h[i] = box.h;
    }
};

// Writes the overlaps of the first n boxes with one ground truth; highest[i] becomes the overlap where that is higher.
// Returns whether there is a NaN.
bool overlaps(const BoxColumns& dt, index_t n, Box gt, bool crowd, double* out, double* highest);

void box_iou(const BoxIou& of, const Threads& threads);

}  // namespace cpu

namespace cuda {

void box_iou(const BoxIou& of, const Queue& queue);

}  // namespace cuda
}  // namespace pymetrics
