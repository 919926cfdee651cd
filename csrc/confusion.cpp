#include "confusion.h"

#include <vector>

namespace pymetrics::cpu {

void match_across(const MatchAcross& of, const Threads& threads) {
    parallel_for(of.begin, of.end, 64, threads, [&](Interrupt& interrupt) {
        return [&, taken = std::vector<char>()](index_t low, index_t high) mutable {
            for (index_t c = low; c < high; ++c) {
                const index_t first = of.gt_offsets[c], n_gt = of.gt_offsets[c + 1] - first;
                taken.assign(std::size_t(n_gt), 0);
                index_t row = of.overlap_offsets[c];
                for (index_t d = of.dt_offsets[c]; d < of.dt_offsets[c + 1]; ++d) {
                    double best = of.threshold;
                    index_t place = -1;
                    for (index_t g = 0; g < n_gt; ++g) {
                        const double overlap = of.overlaps[row + g];
                        if (!(overlap >= best) || taken.data()[g]) continue;
                        if (of.gt_category[first + g] == of.dt_category[d]) continue;
                        best = overlap;
                        place = g;
                    }
                    row += n_gt;
                    of.match_of[d] = place < 0 ? -1 : std::int32_t(first + place);
                    of.match_iou[d] = place < 0 ? 0.0 : best;
                    if (place >= 0) taken.data()[place] = 1;
                    if (interrupt.stopped_after(n_gt)) return;
                }
            }
        };
    });
}

}  // namespace pymetrics::cpu
