#include "rotated.h"

namespace pymetrics::cpu {

void rotated_iou(const RotatedIou& of, const Threads& threads) {
    parallel_for(of.begin, of.end, 16, threads, [&](Interrupt& interrupt) {
        return [&](index_t low, index_t high) {
            for (index_t p = low; p < high; ++p) {
                double* to = of.out.data + of.out_offsets[p];
                for (index_t d = of.dt_offsets[p]; d < of.dt_offsets[p + 1]; ++d) {
                    const RotatedBox dt = load_rotated(of.dt, d);
                    for (index_t g = of.gt_offsets[p]; g < of.gt_offsets[p + 1]; ++g) {
                        *to = rotated_overlap(dt, load_rotated(of.gt, g), of.crowd[g]);
                        ++to;
                    }
                    if (interrupt.stopped_after(of.gt_offsets[p + 1] - of.gt_offsets[p])) return;
                }
            }
        };
    });
}

}  // namespace pymetrics::cpu
