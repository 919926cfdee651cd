#include "means.h"

#include "scratch.h"

namespace pymetrics::cpu {

void mean_valid(const MeanValid& of, const Threads& threads) {
    parallel_for(of.begin, of.end, 1, threads, [&](Interrupt&) {
        return [&, scratch = Scratch<double>()](index_t low, index_t high) mutable {
            for (index_t s = low; s < high; ++s) {
                const index_t first = of.first_rows[s], last = of.last_rows[s];
                double* const valid = scratch.take(std::max<index_t>(last - first, 0));
                index_t n = 0;
                for (index_t i = first; i < last; ++i) {
                    const double value = of.values(i, of.columns[s]);
                    if (value > -1) valid[n++] = value;
                }
                of.means[s] = n > 0 ? pairwise_sum(valid, n) / double(n) : -1;
            }
        };
    });
}

}  // namespace pymetrics::cpu
