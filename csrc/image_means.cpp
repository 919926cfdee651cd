#include "image_means.h"

#include <algorithm>
#include <map>
#include <vector>

#include "curves.h"
#include "means.h"

namespace pymetrics::cpu {
namespace {

class Image {
    const ImageMeans& of;
    const index_t T = of.n_thresholds, R = of.recall_thresholds.shape[0], Q = of.queries.shape[0];
    struct Need {
        std::vector<index_t> hits, reached_by;  // (R,) true positives needed, at least 1; their running maximum
    };
    std::map<index_t, Need> needs;                   // by number of ground truths
    std::vector<std::pair<index_t, index_t>> parts;  // area range and limit
    std::vector<double> precision, recall;           // (T, R, n), (T, n) of the n cells with ground truth
    std::vector<double> ratio, values;
    std::vector<index_t> cells;

  public:
    explicit Image(const ImageMeans& of) : of(of) {
        for (index_t q = 0; q < Q; ++q) {
            const std::pair<index_t, index_t> part{of.queries(q, 2), of.queries(q, 3)};
            if (std::find(parts.begin(), parts.end(), part) == parts.end()) parts.push_back(part);
        }
    }

    void run(index_t i) {
        for (const auto& [area, limit] : parts) {
            cells.clear();
            for (index_t c = of.image_cells[i]; c < of.image_cells[i + 1]; ++c)
                if (of.n_gt(c, area) > 0) cells.push_back(c);
            const index_t n = index_t(cells.size());
            precision.resize(std::size_t(T * R * n));
            recall.resize(std::size_t(T * n));
            for (index_t j = 0; j < n; ++j)
                for (index_t t = 0; t < T; ++t) curve(cells.data()[j], area, limit, t, j, n);
            for (index_t q = 0; q < Q; ++q)
                if (of.queries(q, 2) == area && of.queries(q, 3) == limit) of.means(i, q) = mean(of.queries.row(q), n);
        }
    }

  private:
    const Need& need_of(index_t n) {
        Need& found = needs[n];
        if (found.hits.empty()) {
            index_t most = 1;
            for (index_t r = 0; r < R; ++r) {
                found.hits.push_back(std::max<index_t>(1, hits_needed(of.recall_thresholds[r], n)));
                most = std::max(most, found.hits.back());
                found.reached_by.push_back(most);
            }
        }
        return found;
    }

    // Column j of the n cells of an image.
    void curve(index_t c, index_t area, index_t limit, index_t t, index_t j, index_t n) {
        const index_t pair = area * T + t, word = pair / 64;
        const word_t bit = word_t(1) << (pair % 64);
        const index_t first = of.offsets[c];
        const index_t kept = std::min(of.offsets[c + 1] - first, std::max<index_t>(of.max_dets[limit], 0));
        ratio.clear();
        index_t counted = 0;
        for (index_t d = first; d < first + kept; ++d) {
            if (of.ignored(d, word) & bit) continue;
            ++counted;
            if (of.matched(d, word) & bit) ratio.push_back(precision_at(index_t(ratio.size()) + 1, counted));
        }
        const index_t hits = index_t(ratio.size());
        for (index_t h = hits - 1; h > 0; --h) ratio.data()[h - 1] = std::max(ratio.data()[h - 1], ratio.data()[h]);
        recall.data()[t * n + j] = double(hits) / double(of.n_gt(c, area));
        if (R == 0) return;
        const Need& need = need_of(of.n_gt(c, area));
        double* to = precision.data() + t * R * n + j;
        index_t r = 0;
        for (; r < R && need.reached_by.data()[r] <= hits; ++r, to += n) *to = ratio.data()[need.hits.data()[r] - 1];
        for (; r < R; ++r, to += n) *to = 0;
    }

    double mean(const index_t* query, index_t n) {
        const index_t t0 = std::max<index_t>(query[1], 0), t1 = query[1] < 0 ? T : t0 + 1, rows = query[0] ? 1 : R;
        const double* const from = (query[0] ? recall.data() : precision.data()) + t0 * rows * n;
        const index_t n_all = (t1 - t0) * rows * n;
        bool all = true;
        for (index_t j = 0; j < n; ++j) all &= is_member(query, j);
        if (all) return n_all ? pairwise_sum(from, n_all) / double(n_all) : -1;
        values.clear();
        for (index_t x = 0; x < n_all; ++x)
            if (is_member(query, x % n)) values.push_back(from[x]);
        const index_t some = index_t(values.size());
        return some ? pairwise_sum(values.data(), some) / double(some) : -1;
    }

    bool is_member(const index_t* query, index_t j) const {
        return of.members(query[4], of.cell_category[cells.data()[j]]) != 0;
    }
};

}  // namespace

void image_means(const ImageMeans& of, const Threads& threads) {
    parallel_for(of.begin, of.end, 256, threads, [&](Interrupt&) {
        return [image = Image(of)](index_t low, index_t high) mutable {
            for (index_t i = low; i < high; ++i) image.run(i);
        };
    });
}

}  // namespace pymetrics::cpu
