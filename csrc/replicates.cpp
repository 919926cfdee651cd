#include "replicates.h"

#include <numeric>
#include <vector>

#include "curves.h"
#include "matching.h"

namespace pymetrics::cpu {
namespace {

// One category. No lists: of the true positives between two neighbouring recall thresholds the highest precision is
// enough.
class Category {
    const AccumulateReplicates& of;
    const CurveShape shape;
    const index_t R = shape.R, A = shape.A, M = shape.M, n_bits = shape.n_bits();
    Ranking ranking;
    std::vector<std::int32_t> image;       // (n,)
    std::vector<index_t> by_recall;        // (R,) thresholds, ascending
    std::vector<index_t> positives, need;  // (A,); (A, R) by ascending threshold
    std::vector<index_t> counted;          // (M, bits) by the first limit that a detection is within
    std::vector<index_t> hits, passed;     // (bits, M); the thresholds that need no more
    std::vector<double> highest;           // (bits, M, R) precision from a threshold to the next

  public:
    explicit Category(const AccumulateReplicates& of)
        : of(of),
          shape{of.recall.shape[1], of.recall_thresholds.shape[0], of.recall.shape[2], of.recall.shape[3],
                of.recall.shape[4]},
          by_recall(std::size_t(R)),
          positives(std::size_t(A)),
          need(std::size_t(A * R)) {
        std::iota(by_recall.begin(), by_recall.end(), index_t(0));
        auto value = [&](index_t r) { return sorted_threshold(of.recall_thresholds[r]); };
        std::stable_sort(by_recall.begin(), by_recall.end(), [&](index_t i, index_t j) { return value(i) < value(j); });
    }

    void run(index_t k) {
        const index_t first_cell = of.category_cells[k], last_cell = of.category_cells[k + 1];
        ranking.rank(of, first_cell, last_cell);
        image.resize(std::size_t(ranking.n));
        for (index_t c = first_cell; c < last_cell; ++c)
            std::fill_n(image.data() + (of.offsets[c] - ranking.first), of.offsets[c + 1] - of.offsets[c],
                        of.cell_image[c]);
        for (index_t b = 0; b < of.weights.shape[0]; ++b) {
            count_ground_truths(first_cell, last_cell, of.weights.row(b));
            walk_all(of.weights.row(b));
            curves(b, k);
        }
    }

  private:
    void count_ground_truths(index_t first_cell, index_t last_cell, const std::uint8_t* weight) {
        std::fill(positives.begin(), positives.end(), 0);
        for (index_t c = first_cell; c < last_cell; ++c)
            for (index_t a = 0; a < A; ++a) positives.data()[a] += of.n_gt(c, a) * weight[of.cell_image[c]];
        for (index_t a = 0; a < A; ++a)
            for (index_t q = 0; q < R; ++q)
                need.data()[a * R + q] = hits_needed(of.recall_thresholds[by_recall.data()[q]], positives.data()[a]);
    }

    void walk_all(const std::uint8_t* weight) {
        counted.assign(std::size_t(M * n_bits), 0);
        highest.assign(std::size_t(n_bits * M * R), 0);
        hits.assign(std::size_t(n_bits * M), 0);
        passed.assign(std::size_t(n_bits * M), 0);
        for (index_t i = 0; i < ranking.n; ++i) {
            const index_t at = ranking.order.data()[i];
            const index_t m = ranking.limit_index.data()[at], times = weight[image.data()[at]];
            if (m < M && times) walk(ranking.first + at, m, times);
        }
    }

    void walk(index_t d, index_t m0, index_t weight) {
        index_t* const here = counted.data() + m0 * n_bits;
        for (index_t b = 0; b < n_bits; ++b) here[b] += ~of.ignored(d, b / 64) >> (b % 64) & 1 ? weight : 0;
        for (index_t w = 0; w < of.matched.shape[1]; ++w)
            for (word_t left = of.matched(d, w) & ~of.ignored(d, w); left; left &= left - 1)
                count_hit(w * 64 + lowest_bit(left), m0, weight);
    }

    void count_hit(index_t b, index_t m0, index_t weight) {
        const index_t* const needed = need.data() + b / shape.T * R;
        index_t sum = 0;
        for (index_t m = 0; m < M; ++m) {
            sum += counted.data()[m * n_bits + b];
            if (m < m0) continue;
            index_t& n = hits.data()[b * M + m];
            index_t& q = passed.data()[b * M + m];
            n += weight;  // of the copies the last is the most precise
            while (q < R && needed[q] <= n) ++q;
            if (q == 0) continue;
            double& most = highest.data()[(b * M + m) * R + q - 1];
            most = std::max(most, precision_at(n, sum));
        }
    }

    void curves(index_t replicate, index_t k) {
        double* const precision = of.precision.data + replicate * shape.n_precision();
        double* const recall = of.recall.data + replicate * shape.n_recall();
        for (index_t b = 0; b < n_bits; ++b)
            for (index_t m = 0; m < M; ++m) {
                const index_t a = b / shape.T, t = b % shape.T, n = hits.data()[b * M + m];
                const index_t total = positives.data()[a], *needed = need.data() + a * R;
                index_t unreached = R;  // what follows an unreached recall stays 0
                for (index_t q = 0; q < R; ++q)
                    if (needed[q] > n) unreached = std::min(unreached, by_recall.data()[q]);
                double envelope = 0;
                for (index_t q = R - 1; q >= 0; --q) {
                    const index_t r = by_recall.data()[q];
                    envelope = std::max(envelope, highest.data()[(b * M + m) * R + q]);
                    double& out = precision[shape.place_of_precision(t, r, k, a, m)];
                    out = r < unreached ? envelope : 0;
                    if (total == 0) out = -1;
                }
                recall[shape.place_of_recall(t, k, a, m)] = total == 0 ? -1 : double(n) / double(total);
            }
    }
};

}  // namespace

void accumulate_replicates(const AccumulateReplicates& of, const Threads& threads) {
    parallel_for(of.begin, of.end, 1, threads, [&](Interrupt&) {
        return [category = Category(of)](index_t low, index_t high) mutable {
            for (index_t k = low; k < high; ++k) category.run(k);
        };
    });
}

}  // namespace pymetrics::cpu
