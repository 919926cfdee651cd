#include "score_ranges.h"

#include <algorithm>
#include <vector>

#include "curves.h"

namespace pymetrics::cpu {
namespace {

// One bit and limit: how far its true positives are.
struct Curve {
    index_t hits, next;  // next: the true positive that reaches the next recall threshold
    index_t reached;     // recall thresholds reached so far
    double highest;      // since the last of them
};

class Range {
    const AccumulateRange& of;
    const index_t B = of.hits.shape[0], M = of.hits.shape[1], A = of.needed.shape[0], R = of.needed.shape[1];
    const index_t T = B / A, W = of.matched.shape[1];
    std::vector<Curve> curves;          // (B, M)
    std::vector<index_t> seen, so_far;  // (M, A) that count for some threshold, by the first limit; (A, M) sums of it
    std::vector<index_t> less;          // (B, M) of those the ones that a bit ignores
    std::vector<word_t> area_bits;      // (A, W)
    std::vector<index_t> area_of;       // (B,)

  public:
    explicit Range(const AccumulateRange& of)
        : of(of),
          curves(std::size_t(B * M)),
          seen(std::size_t(M * A), 0),
          so_far(std::size_t(A * M), 0),
          less(std::size_t(B * M), 0),
          area_bits(std::size_t(A * W), 0) {
        for (index_t b = 0; b < B; ++b) {
            area_of.push_back(b / T);
            area_bits[std::size_t(b / T * W + b / 64)] |= word_t(1) << (b % 64);
        }
        std::fill_n(of.highest.data, B * M * R, 0.0);
        std::fill_n(of.scores_at.data, B * M * R, 0.0);
        std::fill_n(of.top.data, M, -1);
        for (index_t i = 0; i < B * M; ++i) {
            Curve& curve = curves[std::size_t(i)];
            curve = {of.hits_before.data[i], 0, 0, 0};
            while (curve.reached < R && need(i, curve.reached) <= curve.hits) ++curve.reached;
            curve.next = need(i, curve.reached);
        }
    }

    void run() {
        ScoreOrder order;
        order.sort(of.scores.data, of.scores.shape[0]);
        W == 1 ? walk<1>(order.order.data()) : walk<0>(order.order.data());
        for (index_t b = 0; b < B; ++b) {
            index_t sum = 0;
            for (index_t m = 0; m < M; ++m) {
                Curve& curve = curves[std::size_t(b * M + m)];
                keep(b * M + m, curve);
                sum += seen[std::size_t(m * A + area_of[std::size_t(b)])];
                of.hits(b, m) = curve.hits;
                of.counted(b, m) = of.counted_before(b, m) + sum - less[std::size_t(b * M + m)];
            }
        }
    }

  private:
    // The true positive at which curve i reaches recall threshold r.
    index_t need(index_t i, index_t r) const {
        return r < R ? std::max<index_t>(of.needed(i / M / T, r), 1) : kUnreached;
    }

    void keep(index_t i, const Curve& curve) const {
        if (curve.reached > 0) of.highest.data[i * R + curve.reached - 1] = curve.highest;
    }

    template <int W1>
    void walk(const std::int32_t* order) {
        const index_t n_words = W1 ? W1 : W, n = of.scores.shape[0];
        const word_t *const areas = area_bits.data(), *const matched = of.matched.data,
                            *const ignored = of.ignored.data;
        index_t *const counts = seen.data(), *const sums = so_far.data();
        for (index_t i = 0; i < n; ++i) {
            constexpr index_t ahead = 16;
            if (i + ahead < n) {
                PM_PREFETCH(matched + order[i + ahead] * n_words);
                PM_PREFETCH(ignored + order[i + ahead] * n_words);
            }
            const index_t d = order[i], m0 = of.limit_index[d];
            if (m0 >= M) continue;
            for (index_t m = m0; m < M && of.top[m] < 0; ++m) of.top[m] = d;
            const word_t *const match = matched + d * n_words, *const ignore = ignored + d * n_words;
            word_t any_hit = 0;
            for (index_t a = 0; a < A; ++a) {
                word_t some = 0, not_all = 0;
                for (index_t w = 0; w < n_words; ++w) {
                    const word_t all = areas[a * n_words + w], row = ignore[w] & all;
                    some |= row;
                    not_all |= row ^ all;
                }
                counts[m0 * A + a] += not_all != 0;
                if (some != 0 && not_all != 0) correct(ignore, a, m0);
            }
            for (index_t w = 0; w < n_words; ++w) any_hit |= match[w] & ~ignore[w];
            if (!any_hit) continue;
            for (index_t a = 0; a < A; ++a) {
                index_t sum = 0;
                for (index_t m = 0; m < M; ++m) sums[a * M + m] = sum += counts[m * A + a];
            }
            for (index_t w = 0; w < n_words; ++w)
                for (word_t left = match[w] & ~ignore[w]; left; left &= left - 1) hit(w * 64 + lowest_bit(left), m0, d);
        }
    }

    // Of a detection, an area range mostly ignores all thresholds or none; here it ignores some.
    void correct(const word_t* ignore, index_t a, index_t m0) {
        for (index_t w = 0; w < W; ++w)
            for (word_t left = ignore[w] & area_bits.data()[a * W + w]; left; left &= left - 1)
                for (index_t m = m0; m < M; ++m) ++less.data()[(w * 64 + lowest_bit(left)) * M + m];
    }

    void hit(index_t b, index_t m0, index_t d) {
        const index_t a = area_of.data()[b];
        for (index_t m = m0; m < M; ++m) {
            const index_t i = b * M + m;
            Curve& curve = curves.data()[i];
            if (++curve.hits >= curve.next) {
                keep(i, curve);
                for (; need(i, curve.reached) <= curve.hits; ++curve.reached)
                    of.scores_at.data[i * R + curve.reached] = of.scores[d];
                curve.next = need(i, curve.reached);
                curve.highest = 0;
            }
            const index_t counted = of.counted_before.data[i] + so_far.data()[a * M + m] - less.data()[i];
            curve.highest = std::max(curve.highest, precision_at(curve.hits, counted));
        }
    }
};

}  // namespace

void accumulate_range(const AccumulateRange& of) { Range(of).run(); }

}  // namespace pymetrics::cpu
