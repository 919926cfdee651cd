#include "boxes.h"

#include "vectors.h"

namespace pymetrics::cpu {

namespace {

// Free of branches and of what stays the same in the loop, so that compilers make vectors of it.
template <bool crowd>
PM_INLINE bool overlaps_(const double* __restrict x, const double* __restrict y, const double* __restrict w,
                         const double* __restrict h, index_t n, Box gt, double* __restrict ious,
                         double* __restrict best) {
    word_t nans = 0;
    for (index_t i = 0; i < n; ++i) {
        const double overlap = iou({x[i], y[i], w[i], h[i]}, gt, crowd);
        nans |= word_t(overlap != overlap);
        ious[i] = overlap;
        best[i] = overlap > best[i] ? overlap : best[i];
    }
    return nans != 0;
}

PM_INLINE bool overlaps_any(const BoxColumns& dt, index_t n, Box gt, bool crowd, double* ious, double* best) {
    return crowd ? overlaps_<true>(dt.x.data(), dt.y.data(), dt.w.data(), dt.h.data(), n, gt, ious, best)
                 : overlaps_<false>(dt.x.data(), dt.y.data(), dt.w.data(), dt.h.data(), n, gt, ious, best);
}

}  // namespace

PM_FOR_VECTORS(bool, overlaps, (const BoxColumns& dt, index_t n, Box gt, bool crowd, double* ious, double* best),
               (dt, n, gt, crowd, ious, best))

void box_iou(View<const double, 2> dt, View<const double, 2> gt, View<const std::uint8_t, 1> crowd,
             View<const index_t, 1> dt_offsets, View<const index_t, 1> gt_offsets, View<const index_t, 1> out_offsets,
             index_t kind, View<double, 1> out, index_t begin, index_t end, const Threads& threads) {
    auto fill = [&](index_t p, auto overlap) {
        double* to = out.data + out_offsets[p];
        for (index_t d = dt_offsets[p]; d < dt_offsets[p + 1]; ++d) {
            const Box box = load(dt, d);
            for (index_t g = gt_offsets[p]; g < gt_offsets[p + 1]; ++g) *to++ = overlap(box, g);
        }
    };
    parallel_for(begin, end, 16, threads, [&] {
        return [&](index_t low, index_t high) {
            for (index_t p = low; p < high; ++p) {
                if (kind == 0) fill(p, [&](const Box& box, index_t g) { return iou(box, load(gt, g), crowd[g]); });
                if (kind == 1) fill(p, [&](const Box& box, index_t g) { return generalized_iou(box, load(gt, g)); });
                if (kind == 2) fill(p, [&](const Box& box, index_t g) { return distance_iou(box, load(gt, g)); });
            }
        };
    });
}

}  // namespace pymetrics::cpu
