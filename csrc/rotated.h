#pragma once
// Overlaps of rotated boxes; see kernels/rotated.py.
#include <cmath>
#include <limits>

#include "common.h"
#include "parallel.h"

namespace pymetrics {

struct RotatedBox {
    double x, y, w, h, cos, sin;  // x, y: the centre; of the angle its cosine and sine
};

PM_HD RotatedBox load_rotated(View<const double, 2> boxes, index_t i) {
    const double* b = boxes.row(i);
    return {b[0], b[1], b[2], b[3], b[4], b[5]};
}

// Corners in order. Of n corners a cut leaves at most n + n / 2: of 4, cut four times, at most 6, 9, 13, 19.
struct Polygon {
    static constexpr index_t kMostCorners = 20;
    double at[2][kMostCorners];  // x, y
    index_t n;

    PM_HD void add(index_t axis, double along, double other) {
        at[axis][n] = along;
        at[1 - axis][n] = other;
        ++n;
    }
};

// What is left of a polygon at sign * coordinate <= bound (Sutherland and Hodgman, 1974).
PM_HD void clip(const Polygon& of, index_t axis, double sign, double bound, Polygon& out) {
    const double *along = of.at[axis], *other = of.at[1 - axis];
    out.n = 0;
    for (index_t i = 0; i < of.n; ++i) {
        const index_t j = i + 1 < of.n ? i + 1 : 0;
        const double here = sign * along[i], there = sign * along[j];
        if (here <= bound) out.add(axis, along[i], other[i]);
        if ((here <= bound) != (there <= bound)) {
            const double part = (bound - here) / (there - here);
            out.add(axis, sign * bound, other[i] + part * (other[j] - other[i]));
        }
    }
}

// Intersection over union, in [0, 1], computed in the frame of the detection.
PM_HD double rotated_overlap(const RotatedBox& dt, const RotatedBox& gt, bool crowd) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const double dt_area = dt.w * dt.h, gt_area = gt.w * gt.h;
    const bool have_area = dt.w > 0 && gt.w > 0 && dt_area > 0 && gt_area > 0;
    if (!have_area || !(dt_area < infinity && gt_area < infinity)) return 0.0;
    double cos = dt.cos * gt.cos + dt.sin * gt.sin, sin = dt.cos * gt.sin - dt.sin * gt.cos;
    if (sin == 0) cos = cos > 0 ? 1.0 : -1.0;  // the rounded cosine may differ from 1
    if (cos == 0) sin = sin > 0 ? 1.0 : -1.0;
    const double right = gt.x - dt.x, down = gt.y - dt.y;
    const double x = right * dt.cos + down * dt.sin, y = down * dt.cos - right * dt.sin;
    const double half_w = 0.5 * dt.w, half_h = 0.5 * dt.h;
    const double wx = 0.5 * gt.w * cos, wy = 0.5 * gt.w * sin, hx = -(0.5 * gt.h * sin), hy = 0.5 * gt.h * cos;
    const bool meet = std::fabs(x) < half_w + (std::fabs(wx) + std::fabs(hx)) &&
                      std::fabs(y) < half_h + (std::fabs(wy) + std::fabs(hy));
    if (!meet) return 0.0;
    Polygon polygon, other;
    polygon.n = 0;
    polygon.add(0, x + (wx + hx), y + (wy + hy));
    polygon.add(0, x + (-wx + hx), y + (-wy + hy));
    polygon.add(0, x + (-wx - hx), y + (-wy - hy));
    polygon.add(0, x + (wx - hx), y + (wy - hy));
    clip(polygon, 0, 1.0, half_w, other);
    clip(other, 0, -1.0, half_w, polygon);
    clip(polygon, 1, 1.0, half_h, other);
    clip(other, 1, -1.0, half_h, polygon);
    double twice = 0;
    for (index_t i = 0; i < polygon.n; ++i) {
        const index_t j = i + 1 < polygon.n ? i + 1 : 0;
        twice += polygon.at[0][i] * polygon.at[1][j] - polygon.at[0][j] * polygon.at[1][i];
    }
    double intersection = 0.5 * twice;
    if (dt_area < intersection) intersection = dt_area;  // by rounding
    if (gt_area < intersection) intersection = gt_area;
    if (!(intersection > 0)) return 0.0;
    return intersection / (crowd ? dt_area : dt_area + gt_area - intersection);
}

// The arguments of the kernel, in the order of its Python namesake; `each` gives their names and members.
struct RotatedIou {
    View<const double, 2> dt, gt;
    View<const std::uint8_t, 1> crowd;
    View<const index_t, 1> dt_offsets, gt_offsets, out_offsets;
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
        f("out", out);
        f("begin", begin);
        f("end", end);
    }
};

namespace cpu {

void rotated_iou(const RotatedIou& of, const Threads& threads);

}  // namespace cpu
}  // namespace pymetrics
