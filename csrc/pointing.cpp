#include "pointing.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace pymetrics::cpu {
namespace {

// Of pixels, the last ones included; below 0 where there are none in common.
double overlap_of_pixels(const double* d, const double* g) {
    const double w = std::min(d[2], g[2]) - std::max(d[0], g[0]) + 1.0;
    const double h = std::min(d[3], g[3]) - std::max(d[1], g[1]) + 1.0;
    if (!(w > 0 && h > 0)) return -1;
    const double dt_area = (d[2] - d[0] + 1.0) * (d[3] - d[1] + 1.0);
    const double gt_area = (g[2] - g[0] + 1.0) * (g[3] - g[1] + 1.0);
    return w * h / (dt_area + gt_area - w * h);
}

}  // namespace

void match_pointing(const MatchPointing& of, const Threads& threads) {
    parallel_for(of.begin, of.end, 64, threads, [&](Interrupt& interrupt) {
        return [&, found = std::vector<char>()](index_t low, index_t high) mutable {
            for (index_t c = low; c < high; ++c) {
                const index_t first = of.gt_offsets[c], n_gt = of.gt_offsets[c + 1] - first;
                found.assign(std::size_t(n_gt), 0);
                for (index_t d = of.dt_offsets[c]; d < of.dt_offsets[c + 1]; ++d) {
                    double best = -1;
                    index_t place = -1;
                    for (index_t g = 0; g < n_gt; ++g) {
                        const double overlap = overlap_of_pixels(of.dt.row(d), of.gt.row(first + g));
                        if (!(overlap > best)) continue;
                        best = overlap;
                        place = g;
                    }
                    of.status[d] = 0;
                    if (place >= 0 && best >= of.threshold) {
                        if (of.gt_ignored[first + place]) {
                            of.status[d] = 2;
                        } else if (!found.data()[place]) {
                            of.status[d] = 1;
                            found.data()[place] = 1;
                        }
                    }
                    if (interrupt.stopped_after(n_gt)) return;
                }
            }
        };
    });
}

void match_groups(const MatchGroups& of, const Threads& threads) {
    enum { TO_IGNORE = 1, GROUP = 2 };
    parallel_for(of.begin, of.end, 64, threads, [&](Interrupt& interrupt) {
        return [&, found = std::vector<char>()](index_t low, index_t high) mutable {
            for (index_t c = low; c < high; ++c) {
                const index_t first = of.gt_offsets[c], n_gt = of.gt_offsets[c + 1] - first;
                found.assign(std::size_t(n_gt), 0);
                for (index_t d = of.dt_offsets[c]; d < of.dt_offsets[c + 1]; ++d) {
                    const double* const dt = of.dt.row(d);
                    const double dt_area = (dt[2] - dt[0]) * (dt[3] - dt[1]);
                    double best = -std::numeric_limits<double>::infinity(), most = best;
                    index_t place = -1, group = -1;
                    for (index_t g = 0; g < n_gt; ++g) {
                        const double* const gt = of.gt.row(first + g);
                        const double w = std::max(std::min(dt[2], gt[2]) - std::max(dt[0], gt[0]), 0.0);
                        const double h = std::max(std::min(dt[3], gt[3]) - std::max(dt[1], gt[1]), 0.0);
                        const double common = w * h;
                        if (of.gt_kind[first + g] & GROUP) {
                            if (!(common / dt_area > most)) continue;
                            most = common / dt_area;
                            group = g;
                        } else {
                            const double gt_area = (gt[2] - gt[0]) * (gt[3] - gt[1]);
                            const double overlap = common / (dt_area + gt_area - common);
                            if (!(overlap > best)) continue;
                            best = overlap;
                            place = g;
                        }
                    }
                    std::uint8_t status = 0;
                    if (place >= 0 && best >= of.threshold) {
                        if (of.gt_kind[first + place] & TO_IGNORE) {
                            status = 2;
                        } else if (!found.data()[place]) {
                            status = 1;
                            found.data()[place] = 1;
                        }
                    }
                    const bool in_group = status == 0 && group >= 0 && most >= of.threshold;
                    of.status[d] = in_group ? std::uint8_t(2) : status;
                    of.group_of[d] = in_group ? std::int32_t(first + group) : -1;
                    if (interrupt.stopped_after(n_gt)) return;
                }
            }
        };
    });
}

}  // namespace pymetrics::cpu
