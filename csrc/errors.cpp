#include "errors.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "cells.h"

namespace pymetrics::cpu {
namespace {

enum Kind : std::uint8_t { kRight, kClass, kBox, kOther, kDuplicate, kBackground };
enum State : std::uint8_t { kFound, kMendable, kMissed };

// One image.
class Image {
    const FindErrors& of;
    std::vector<char> taken;

  public:
    explicit Image(const FindErrors& of) : of(of) {}

    void run(index_t c, Interrupt& interrupt) {
        const index_t first = of.gt_offsets[c], n_gt = of.gt_offsets[c + 1] - first;
        taken.assign(std::size_t(n_gt), 0);
        index_t n_ordinary = 0;
        for (index_t g = first; g < first + n_gt; ++g) {
            of.gt_state[g] = of.gt_ignored[g] ? kFound : kMissed;
            n_ordinary += of.gt_ignored[g] == 0;
        }
        const double* row = of.overlaps.data + of.overlap_offsets[c];
        for (index_t d = of.dt_offsets[c]; d < of.dt_offsets[c + 1]; ++d, row += n_gt) {
            match(d, first, n_gt, row);
            if (interrupt.stopped_after(n_gt)) return;
        }
        if (n_ordinary == 0) return;
        row = of.overlaps.data + of.overlap_offsets[c];
        for (index_t d = of.dt_offsets[c]; d < of.dt_offsets[c + 1]; ++d, row += n_gt) {
            if (of.kind[d] != kRight) test(d, first, n_gt, row);
            if (interrupt.stopped_after(n_gt)) return;
        }
    }

  private:
    void match(index_t d, index_t first, index_t n_gt, const double* row) {
        double best = 0;
        index_t place = -1;
        bool covered = false;
        for (index_t g = 0; g < n_gt; ++g) {
            if (of.gt_category[first + g] != of.dt_category[d]) continue;
            if (of.gt_ignored[first + g]) {
                covered |= row[g] > of.positive;
            } else if (!taken.data()[g] && row[g] > best) {
                best = row[g];
                place = g;
            }
        }
        of.kind[d] = kBackground;
        of.counted[d] = 1;
        of.error_gt[d] = -1;
        of.mends[d] = 0;
        if (place >= 0 && best >= of.positive) {
            of.kind[d] = kRight;
            of.error_gt[d] = std::int32_t(first + place);
            taken.data()[place] = 1;
            of.gt_state[first + place] = kFound;
        } else if (covered) {
            of.counted[d] = 0;
        }
    }

    void test(index_t d, index_t first, index_t n_gt, const double* row) {
        index_t same = -1, other = -1, used = -1;  // the first of the highest overlap
        auto raise = [&](index_t& highest, index_t g) {
            if (highest < 0 || row[g] > row[highest]) highest = g;
        };
        for (index_t g = 0; g < n_gt; ++g) {
            if (of.gt_ignored[first + g]) continue;
            if (of.gt_category[first + g] != of.dt_category[d]) {
                raise(other, g);
                continue;
            }
            raise(same, g);
            if (taken.data()[g]) raise(used, g);
        }
        index_t at = -1;
        if (same >= 0 && of.background <= row[same] && row[same] <= of.positive) {
            of.kind[d] = kBox;
            at = same;
        } else if (other >= 0 && row[other] >= of.positive) {
            of.kind[d] = kClass;
            at = other;
        } else if (used >= 0 && row[used] >= of.positive) {
            of.kind[d] = kDuplicate;
            at = used;
        } else {
            const bool far_from_same = same < 0 || row[same] <= of.background;
            const bool far_from_other = other < 0 || row[other] <= of.background;
            of.kind[d] = far_from_same && far_from_other ? kBackground : kOther;
        }
        if (at < 0) return;
        of.error_gt[d] = std::int32_t(first + at);
        std::uint8_t& state = of.gt_state[first + at];
        if (of.kind[d] == kDuplicate || state != kMissed) return;
        of.mends[d] = 1;
        state = kMendable;
    }
};

struct ByScore {
    std::vector<std::int32_t> order;
    SortScratch sort;

    const std::int32_t* of(const double* scores, index_t n) {
        order.resize(std::size_t(n));
        sort_keys([&](index_t i) { return falling_key(scores[i]); }, n, order.data(), sort);
        return order.data();
    }
};

class Averager {
    const AveragePrecision& of;
    ByScore by_score;
    std::vector<double> precisions, recalls;

  public:
    explicit Averager(const AveragePrecision& of) : of(of) {}

    void run(index_t k) {
        const index_t first = of.starts[k], n = of.starts[k + 1] - first;
        of.average[k] = 0;
        if (of.n_gt[k] == 0 || n == 0) return;
        const std::int32_t* const order = by_score.of(of.scores.data + first, n);
        precisions.resize(std::size_t(n));
        recalls.resize(std::size_t(n));
        double *const precision = precisions.data(), *const recall = recalls.data();
        index_t n_tp = 0;
        const double n_gt = double(of.n_gt[k]);
        for (index_t i = 0; i < n; ++i) {
            n_tp += of.hits[first + order[i]];
            precision[i] = double(n_tp) / double(i + 1);
            recall[i] = double(n_tp) / n_gt;
        }
        for (index_t i = n - 1; i > 0; --i) precision[i - 1] = std::max(precision[i - 1], precision[i]);
        const index_t n_thresholds = of.recall_thresholds.shape[0];
        double total = 0;
        for (index_t r = 0; r < n_thresholds; ++r) {
            const index_t i = std::lower_bound(recall, recall + n, of.recall_thresholds[r]) - recall;
            if (i < n) total += precision[i];
        }
        if (n_thresholds > 0) {
            of.average[k] = total / double(n_thresholds);
            return;
        }
        double before = 0;
        for (index_t i = 0; i < n; ++i) {
            if (recall[i] == before) continue;
            total += (recall[i] - before) * precision[i];
            before = recall[i];
        }
        of.average[k] = total;
    }
};

class Lrp {
    const LowestLrp& of;
    ByScore by_score;

    bool has(View<const word_t, 2> words, index_t d) const { return words(d, of.bit / 64) >> (of.bit % 64) & 1; }

  public:
    explicit Lrp(const LowestLrp& of) : of(of) {}

    void run(index_t k) {
        const index_t first = of.offsets[of.category_cells[k]], n = of.offsets[of.category_cells[k + 1]] - first;
        const index_t n_gt = of.n_gt[k];
        double* const to = of.lowest.row(k);
        std::fill(to, to + 5, -1.0);
        if (n_gt == 0) return;
        index_t n_hits = 0;
        for (index_t d = first; d < first + n; ++d) n_hits += has(of.matched, d) && !has(of.ignored, d);
        to[0] = 1;
        to[3] = 1;
        if (n_hits == 0) return;
        const std::int32_t* const order = by_score.of(of.scores.data + first, n);
        index_t tp = 0, fp = 0;
        double sum_overlap = 0, least = std::numeric_limits<double>::infinity();
        for (index_t i = 0; i < n; ++i) {
            const index_t d = first + order[i];
            if (!has(of.ignored, d)) {
                const bool hits = has(of.matched, d);
                tp += hits;
                fp += !hits;
                if (hits) sum_overlap += of.overlap[d];
            }
            const index_t fn = n_gt - tp;
            const double loss = double(tp) - sum_overlap;
            const double error = (loss / (1.0 - of.threshold) + double(fp) + double(fn)) / double(tp + fp + fn);
            if (!(error < least)) continue;
            least = error;
            to[0] = error;
            to[1] = tp > 0 ? loss / double(tp) : -1;
            to[2] = tp + fp > 0 ? double(fp) / double(tp + fp) : -1;
            to[3] = double(fn) / double(n_gt);
            to[4] = of.scores[d];
        }
    }
};

template <class Worker, class Arguments>
void for_each_category(const Arguments& of, const Threads& threads) {
    parallel_for(of.begin, of.end, 1, threads, [&](Interrupt&) {
        return [worker = Worker(of)](index_t low, index_t high) mutable {
            for (index_t k = low; k < high; ++k) worker.run(k);
        };
    });
}

}  // namespace

void find_errors(const FindErrors& of, const Threads& threads) {
    parallel_for(of.begin, of.end, 64, threads, [&](Interrupt& interrupt) {
        return [&, image = Image(of)](index_t low, index_t high) mutable {
            for (index_t c = low; c < high && !interrupt.stopped(); ++c) image.run(c, interrupt);
        };
    });
}

void average_precision(const AveragePrecision& of, const Threads& threads) { for_each_category<Averager>(of, threads); }

void lowest_lrp(const LowestLrp& of, const Threads& threads) { for_each_category<Lrp>(of, threads); }

}  // namespace pymetrics::cpu
