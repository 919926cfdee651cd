#include "other_tools.h"

#include <algorithm>
#include <vector>

#include "cells.h"

namespace pymetrics::cpu {
namespace {

template <class T>
struct Corners {
    T x1, y1, x2, y2;

    explicit Corners(const float* box) : x1(T(box[0])), y1(T(box[1])), x2(T(box[2])), y2(T(box[3])) {}
    T area() const { return (x2 - x1) * (y2 - y1); }
};

template <class T>
T intersection(const Corners<T>& g, const Corners<T>& d) {
    const T w = std::max(std::min(g.x2, d.x2) - std::max(g.x1, d.x1), T(0));
    const T h = std::max(std::min(g.y2, d.y2) - std::max(g.y1, d.y1), T(0));
    return w * h;
}

double ultralytics(const float* gt, const float* dt) {
    const Corners<float> g(gt), d(dt);
    const float inter = intersection(g, d), areas = g.area() + d.area();
    return double(inter / (areas - inter + 1e-7f));
}

double supervision(const float* gt, const float* dt) {
    const Corners<double> g(gt), d(dt);
    const double inter = intersection(g, d), whole = g.area() + d.area() - inter;
    return whole > 0 ? double(float(inter / whole)) : 0.0;
}

class Pairs {
    const MatchPairs& of;
    std::vector<char> taken;
    std::vector<index_t> pairs;
    std::vector<std::int32_t> order;
    SortScratch sort;

  public:
    explicit Pairs(const MatchPairs& of) : of(of) {}

    void run(index_t c) {
        const index_t first_dt = of.dt_offsets[c], n_dt = of.dt_offsets[c + 1] - first_dt;
        const index_t first = of.gt_offsets[c], n_gt = of.gt_offsets[c + 1] - first;
        const double* const overlaps = of.overlaps.data + of.overlap_offsets[c];
        taken.assign(std::size_t(n_gt), 0);
        std::fill_n(of.match_of.data + first_dt, n_dt, -1);
        for (const bool other : {false, true}) {
            pairs.clear();
            for (index_t g = 0; g < n_gt; ++g)
                for (index_t d = 0; d < n_dt; ++d) {
                    const index_t at = d * n_gt + g;
                    const bool is_other = of.gt_category[first + g] != of.dt_category[first_dt + d];
                    if (is_other == other && overlaps[at] > of.threshold) pairs.push_back(at);
                }
            order.resize(pairs.size());
            sort_keys([&](index_t i) { return falling_key(overlaps[pairs.data()[i]]); }, index_t(pairs.size()),
                      order.data(), sort);
            for (const std::int32_t i : order) {
                const index_t d = pairs.data()[i] / n_gt, g = pairs.data()[i] % n_gt;
                if (taken.data()[g] || of.match_of[first_dt + d] >= 0) continue;
                taken.data()[g] = 1;
                of.match_of[first_dt + d] = std::int32_t(first + g);
            }
        }
    }
};

// match(d, overlaps of d, the first ground truth of its image, how many there are, which are taken) for each detection,
// in order.
template <class Arguments, class Match>
void each_detection(const Arguments& of, const Threads& threads, Match match) {
    parallel_for(of.begin, of.end, 64, threads, [&](Interrupt& interrupt) {
        return [&, taken = std::vector<char>()](index_t low, index_t high) mutable {
            for (index_t c = low; c < high; ++c) {
                const index_t first = of.gt_offsets[c], n_gt = of.gt_offsets[c + 1] - first;
                taken.assign(std::size_t(n_gt), 0);
                const double* row = of.overlaps.data + of.overlap_offsets[c];
                for (index_t d = of.dt_offsets[c]; d < of.dt_offsets[c + 1]; ++d, row += n_gt) {
                    match(d, row, first, n_gt, taken);
                    if (interrupt.stopped_after(n_gt)) return;
                }
            }
        };
    });
}

}  // namespace

void corner_iou(const CornerIou& of, const Threads& threads) {
    for_each_unit(of.begin, of.end, 64, threads, [&](index_t c) {
        double* to = of.out.data + of.out_offsets[c];
        for (index_t d = of.dt_offsets[c]; d < of.dt_offsets[c + 1]; ++d)
            for (index_t g = of.gt_offsets[c]; g < of.gt_offsets[c + 1]; ++g)
                *to++ =
                    of.kind == 0 ? ultralytics(of.gt.row(g), of.dt.row(d)) : supervision(of.gt.row(g), of.dt.row(d));
    });
}

void match_unclaimed(const MatchUnclaimed& of, const Threads& threads) {
    each_detection(of, threads,
                   [&](index_t d, const double* row, index_t first, index_t n_gt, std::vector<char>& taken) {
                       double best = of.threshold;
                       index_t place = -1;
                       for (index_t g = 0; g < n_gt; ++g) {
                           if (!(row[g] > best) || taken.data()[g]) continue;
                           if (!of.across && of.gt_category[first + g] != of.dt_category[d]) continue;
                           best = row[g];
                           place = g;
                       }
                       of.match_of[d] = place < 0 ? -1 : std::int32_t(first + place);
                       if (place >= 0) taken.data()[place] = 1;
                   });
}

void match_overlap_first(const MatchOverlapFirst& of, const Threads& threads) {
    each_detection(of, threads,
                   [&](index_t d, const double* row, index_t first, index_t n_gt, std::vector<char>& taken) {
                       double best = of.threshold;
                       index_t place = -1;
                       for (index_t g = 0; g < n_gt; ++g) {
                           if (of.gt_category[first + g] != of.dt_category[d]) continue;
                           if (!(row[g] > best || (place >= 0 && row[g] == best))) continue;
                           best = row[g];
                           place = g;
                       }
                       const bool takes = place >= 0 && !taken.data()[place];
                       of.match_of[d] = takes ? std::int32_t(first + place) : -1;
                       if (takes) taken.data()[place] = 1;
                   });
}

void match_pairs(const MatchPairs& of, const Threads& threads) {
    parallel_for(of.begin, of.end, 64, threads, [&](Interrupt&) {
        return [pairs = Pairs(of)](index_t low, index_t high) mutable {
            for (index_t c = low; c < high; ++c) pairs.run(c);
        };
    });
}

}  // namespace pymetrics::cpu
