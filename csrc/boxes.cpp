#include "boxes.h"

#include "vectors.h"

namespace pymetrics::cpu {

namespace {

// Free of branches and of what stays the same in the loop, so that compilers make vectors of it.
template <bool crowd>
PM_INLINE bool overlaps_(const double* __restrict x, const double* __restrict y, const double* __restrict w,
                         const double* __restrict h, index_t n, Box gt, double* __restrict out,
                         double* __restrict highest) {
    word_t nans = 0;
    for (index_t i = 0; i < n; ++i) {
        const double overlap = iou({x[i], y[i], w[i], h[i]}, gt, crowd);
        nans |= word_t(overlap != overlap);
        out[i] = overlap;
        highest[i] = overlap > highest[i] ? overlap : highest[i];
    }
    return nans != 0;
}

PM_INLINE bool overlaps_any(const BoxColumns& dt, index_t n, Box gt, bool crowd, double* out, double* highest) {
    return crowd ? overlaps_<true>(dt.x, dt.y, dt.w, dt.h, n, gt, out, highest)
                 : overlaps_<false>(dt.x, dt.y, dt.w, dt.h, n, gt, out, highest);
}

}  // namespace

PM_FOR_VECTORS(bool, overlaps, (const BoxColumns& dt, index_t n, Box gt, bool crowd, double* out, double* highest),
               (dt, n, gt, crowd, out, highest))

void box_iou(const BoxIou& of, const Threads& threads) {
    auto fill = [&](index_t p, auto overlap) {
        double* to = of.out.data + of.out_offsets[p];
        for (index_t d = of.dt_offsets[p]; d < of.dt_offsets[p + 1]; ++d) {
            const Box dt = load(of.dt, d);
            for (index_t g = of.gt_offsets[p]; g < of.gt_offsets[p + 1]; ++g) *to++ = overlap(dt, load(of.gt, g), g);
        }
    };
    const bool is_small = of.out_offsets[of.end] - of.out_offsets[of.begin] < (1 << 15);  // less than a thread's start
    parallel_for(of.begin, of.end, 16, {is_small ? 1 : threads.count, threads.poll}, [&](Interrupt&) {
        return [&](index_t low, index_t high) {
            for (index_t p = low; p < high; ++p) {
                if (of.kind == 0)
                    fill(p, [&](const Box& dt, const Box& gt, index_t g) { return iou(dt, gt, of.crowd[g]); });
                if (of.kind == 1)
                    fill(p, [](const Box& dt, const Box& gt, index_t) { return generalized_iou(dt, gt); });
                if (of.kind == 2) fill(p, [](const Box& dt, const Box& gt, index_t) { return distance_iou(dt, gt); });
            }
        };
    });
}

}  // namespace pymetrics::cpu
