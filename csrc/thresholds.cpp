#include "thresholds.h"

#include <algorithm>
#include <vector>

#include "cells.h"

namespace pymetrics::cpu {
namespace {

bool has_bit(View<const word_t, 2> words, index_t row, index_t bit) { return words(row, bit / 64) >> (bit % 64) & 1; }

// The points of one category.
class AlongScores {
    const CountAlongScores& of;
    std::vector<index_t> rows;
    std::vector<word_t> keys;
    std::vector<std::int32_t> order;
    SortScratch sort;

  public:
    explicit AlongScores(const CountAlongScores& of) : of(of) {}

    void run(index_t k) {
        rows.clear();
        keys.clear();
        for (index_t c = of.category_cells[k]; c < of.category_cells[k + 1]; ++c) {
            const index_t n = std::min(of.limit, of.offsets[c + 1] - of.offsets[c]);
            for (index_t d = of.offsets[c]; d < of.offsets[c] + n; ++d) {
                rows.push_back(d);
                keys.push_back(falling_key(of.scores[d]));
            }
        }
        const index_t n = index_t(rows.size()), first = of.offsets[of.category_cells[k]];
        order.resize(rows.size());
        sort_keys([&](index_t i) { return keys.data()[i]; }, n, order.data(), sort);
        index_t n_tp = 0, n_fp = 0, at = first;
        for (index_t i = 0; i < n; ++i) {
            const index_t row = order.data()[i], d = rows.data()[row];
            const bool counts = !has_bit(of.ignored, d, of.bit), hits = has_bit(of.matched, d, of.bit);
            n_tp += counts && hits;
            n_fp += counts && !hits;
            const bool is_last = i + 1 == n || keys.data()[order.data()[i + 1]] != keys.data()[row];
            if (!(of.each_detection ? counts : is_last)) continue;
            of.point_scores[at] = of.scores[d];
            of.tp[at] = n_tp;
            of.fp[at] = n_fp;
            ++at;
        }
        of.n_points[k] = at - first;
    }
};

// Precision, recall and F-beta of all categories, and their sums in a binary tree: node i has the children 2 i and
// 2 i + 1; leaf k is node width + k.
struct MeanTree {
    struct Node {
        double precision = 0, recall = 0, f = 0;
    };
    index_t width = 1;
    std::vector<Node> nodes;

    explicit MeanTree(index_t n_categories) {
        while (width < n_categories) width *= 2;
        nodes.resize(std::size_t(2 * width));
    }

    void set(index_t k, index_t tp, index_t fp, index_t n_gt, double beta_squared) {
        Node* const node = nodes.data();
        const double weighted = (1.0 + beta_squared) * double(tp);
        const double missed = beta_squared * double(std::max<index_t>(n_gt - tp, 0));
        Node& leaf = node[width + k];
        leaf.precision = tp + fp > 0 ? double(tp) / double(tp + fp) : 0.0;
        leaf.recall = double(tp) / double(n_gt);
        const double whole = weighted + missed + double(fp);
        leaf.f = whole > 0 ? weighted / whole : 0.0;
        for (index_t i = (width + k) / 2; i > 0; i /= 2) {
            const Node &left = node[2 * i], &right = node[2 * i + 1];
            node[i] = {left.precision + right.precision, left.recall + right.recall, left.f + right.f};
        }
    }
};

}  // namespace

void count_at(const CountAt& of, const Threads& threads) {
    parallel_for(of.begin, of.end, 1024, threads, [&](Interrupt&) {
        return [&](index_t low, index_t high) {
            for (index_t c = low; c < high; ++c) {
                std::int32_t n_dt = 0, tp = 0, fp = 0;
                for (index_t d = of.offsets[c]; d < of.offsets[c + 1]; ++d) {
                    const bool reaches = !(of.scores[d] < of.score), hits = has_bit(of.matched, d, of.bit);
                    const bool counts = reaches & !has_bit(of.ignored, d, of.bit);
                    n_dt += reaches;
                    tp += counts & hits;
                    fp += counts & !hits;
                }
                of.n_dt[c] = n_dt;
                of.tp[c] = tp;
                of.fp[c] = fp;
            }
        };
    });
}

void count_along_scores(const CountAlongScores& of, const Threads& threads) {
    parallel_for(of.begin, of.end, 1, threads, [&](Interrupt&) {
        return [worker = AlongScores(of)](index_t low, index_t high) mutable {
            for (index_t k = low; k < high; ++k) worker.run(k);
        };
    });
}

void join_along_scores(const JoinAlongScores& of) {
    const index_t n = of.scores.shape[0], n_categories = of.n_gt.shape[0];
    std::vector<std::int32_t> order(static_cast<std::size_t>(n)), category(static_cast<std::size_t>(n));
    std::vector<word_t> keys(static_cast<std::size_t>(n));
    index_t n_defined = 0;
    for (index_t k = 0; k < n_categories; ++k) {
        std::fill(category.data() + of.starts[k], category.data() + of.starts[k + 1], std::int32_t(k));
        n_defined += of.n_gt[k] > 0;
    }
    for (index_t i = 0; i < n; ++i) keys.data()[i] = falling_key(of.scores[i]);
    SortScratch sort;
    sort_keys([&](index_t i) { return keys.data()[i]; }, n, order.data(), sort);
    MeanTree tree(n_categories);
    std::vector<index_t> last(static_cast<std::size_t>(n_categories), -1);  // the last point of each category
    index_t all_tp = 0, all_fp = 0, at = 0;
    for (index_t i = 0; i < n; ++i) {
        const index_t row = order.data()[i], k = category.data()[row];
        index_t& before = last.data()[k];
        all_tp += of.tp[row] - (before < 0 ? 0 : of.tp[before]);
        all_fp += of.fp[row] - (before < 0 ? 0 : of.fp[before]);
        before = row;
        if (of.n_gt[k] > 0) tree.set(k, of.tp[row], of.fp[row], of.n_gt[k], of.beta_squared);
        if (i + 1 < n && keys.data()[order.data()[i + 1]] == keys.data()[row]) continue;
        of.point_scores[at] = of.scores[row];
        of.sum_tp[at] = all_tp;
        of.sum_fp[at] = all_fp;
        const MeanTree::Node& sum = tree.nodes.data()[1];
        double* const means = of.means.row(at);
        means[0] = n_defined > 0 ? sum.precision / double(n_defined) : -1.0;
        means[1] = n_defined > 0 ? sum.recall / double(n_defined) : -1.0;
        means[2] = n_defined > 0 ? sum.f / double(n_defined) : -1.0;
        ++at;
    }
    of.counts[0] = at;
    of.counts[1] = n_defined;
}

}  // namespace pymetrics::cpu
