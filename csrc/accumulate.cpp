#include "accumulate.h"

#include <numeric>
#include <vector>

#include "curves.h"
#include "matching.h"
#include "scratch.h"

namespace pymetrics::cpu {
namespace {

// One category, with room that the next one uses again.
class Category {
    const Accumulate& of;
    const CurveShape shape;
    const index_t T = shape.T, R = shape.R, A = shape.A, M = shape.M, n_bits = shape.n_bits();
    const index_t W = of.matched.shape[1];
    const bool keep_scores = of.scores_at.shape[0] > 0;
    Ranking ranking;
    std::vector<index_t> lists, filled;  // (bits, M) where a list of true positives begins, and ends yet
    // The lists: the detections that count so far; with scores, also which detection this is.
    Scratch<std::int32_t> all_counted, all_places;
    std::int32_t *counted_of = nullptr, *place_of = nullptr;
    std::vector<double> envelope;  // of one list
    std::vector<std::int32_t> seen, so_far, less;
    std::vector<index_t> top, area_of;
    std::vector<index_t> need;                       // (A, R)
    std::vector<double> precision_rows, score_rows;  // (R, A * M) at one threshold

  public:
    explicit Category(const Accumulate& of)
        : of(of),
          shape{of.recall.shape[0], of.recall_thresholds.shape[0], of.recall.shape[1], of.recall.shape[2],
                of.recall.shape[3]},
          need(std::size_t(A * R)),
          precision_rows(std::size_t(R * A * M)),
          score_rows(std::size_t(keep_scores ? R * A * M : 0)) {
        for (index_t b = 0; b < n_bits; ++b) area_of.push_back(b / T);
    }

    void run(index_t k) {
        const index_t first_cell = of.category_cells[k], last_cell = of.category_cells[k + 1];
        ranking.rank(of, first_cell, last_cell);
        if (W == 1 && A == 4) keep_scores ? walk<1, 4, true>() : walk<1, 4, false>();
        else keep_scores ? walk<0, 0, true>() : walk<0, 0, false>();
        curves(k, first_cell, last_cell);
    }

  private:
    template <int W1>
    word_t hits(index_t d, index_t w) const {
        const index_t at = W1 ? d : d * W + w;
        return of.matched.data[at] & ~of.ignored.data[at];
    }

    // Room for the true positives of each bit and limit: how many there are, and one to spare.
    template <int W1>
    void make_lists() {
        const index_t n_words = W1 ? W1 : W;
        const std::uint8_t* const limit_index = ranking.limit_index.data();
        lists.assign(std::size_t(n_bits * M + 1), 0);
        index_t* const starts = lists.data();
        for (index_t i = 0; i < ranking.n; ++i)
            for (index_t w = 0; w < n_words; ++w)
                for (word_t left = hits<W1>(ranking.first + i, w); left; left &= left - 1)
                    if (limit_index[i] < M) ++starts[(w * 64 + lowest_bit(left)) * M + limit_index[i] + 1];
        for (index_t b = 0; b < n_bits; ++b)
            for (index_t m = 1; m < M; ++m) starts[b * M + m + 1] += starts[b * M + m];
        for (index_t list = 0; list < n_bits * M; ++list) starts[list + 1] += starts[list] + 1;
        counted_of = all_counted.take(lists.back());
        if (keep_scores) place_of = all_places.take(lists.back());
        filled.assign(lists.begin(), lists.end() - 1);
    }

    // Of a detection, an area range mostly ignores all thresholds or none: `seen` counts by area and by the first limit
    // that the detection is within, to be added up at a hit; `less` corrects it by bit and limit. A loop of constant
    // length is faster. A hit is therefore written to the lists of all limits, but the length of a list grows only if
    // the hit is within that limit.
    template <int W1, int A1, bool places>
    void walk() {
        const index_t n_words = W1 ? W1 : W, n_areas = A1 ? A1 : A;
        make_lists<W1>();
        seen.assign(std::size_t(M * n_areas), 0);
        less.assign(std::size_t(n_bits * M), 0);
        top.assign(std::size_t(M), -1);
        so_far.assign(std::size_t(n_areas * M), 0);
        index_t *const tops = top.data(), *const ends = filled.data();
        const index_t* const areas_of = area_of.data();
        std::int32_t *const counts = seen.data(), *const sums = so_far.data(), *const lesses = less.data();
        std::int32_t *const counted_list = counted_of, *const place_list = place_of;
        const std::int32_t* const order = ranking.order.data();
        const std::uint8_t* const limit_index = ranking.limit_index.data();
        const word_t* const matched = of.matched.row(ranking.first);
        const word_t* const ignored = of.ignored.row(ranking.first);
        const word_t* const areas = of.area_bits.data;
        for (index_t i = 0; i < ranking.n; ++i) {
            constexpr index_t ahead = 16;
            if (i + ahead < ranking.n) {
                PM_PREFETCH(matched + order[i + ahead] * n_words);
                PM_PREFETCH(ignored + order[i + ahead] * n_words);
            }
            const index_t at = order[i], m0 = limit_index[at];
            if (m0 >= M) continue;
            for (index_t m = m0; m < M && tops[m] < 0; ++m) tops[m] = ranking.first + at;
            const word_t *const match = matched + at * n_words, *const ignore = ignored + at * n_words;
            std::int32_t* const here = counts + m0 * n_areas;
            bool mixed = false;
            word_t any_hit = 0;
            for (index_t a = 0; a < n_areas; ++a) {
                word_t some = 0, not_all = 0;
                for (index_t w = 0; w < n_words; ++w) {
                    const word_t all = areas[a * n_words + w], row = ignore[w] & all;
                    some |= row;
                    not_all |= row ^ all;
                }
                here[a] += not_all != 0;
                mixed |= (some != 0) & (not_all != 0);
            }
            for (index_t w = 0; w < n_words; ++w) any_hit |= match[w] & ~ignore[w];
            if (mixed) correct<W1>(ignore, m0);
            if (!any_hit) continue;
            for (index_t a = 0; a < n_areas; ++a) {
                std::int32_t sum = 0;
                for (index_t m = 0; m < M; ++m) {
                    sum += counts[m * n_areas + a];
                    sums[a * M + m] = sum;
                }
            }
            for (index_t w = 0; w < n_words; ++w)
                for (word_t left = match[w] & ~ignore[w]; left; left &= left - 1) {
                    const index_t b = w * 64 + lowest_bit(left), a = areas_of[b];
                    for (index_t m = 0; m < M; ++m) {
                        const index_t end = ends[b * M + m];
                        counted_list[end] = sums[a * M + m] - lesses[b * M + m];
                        if (places) place_list[end] = std::int32_t(at);
                        ends[b * M + m] = end + (m >= m0);
                    }
                }
        }
    }

    // A detection that some thresholds of an area range ignore and some do not.
    template <int W1>
    void correct(const word_t* ignore, index_t m0) {
        const index_t n_words = W1 ? W1 : W;
        for (index_t a = 0; a < A; ++a) {
            bool counted = false;
            for (index_t w = 0; w < n_words; ++w) counted |= (of.area_bits(a, w) & ~ignore[w]) != 0;
            if (!counted) continue;
            for (index_t w = 0; w < n_words; ++w)
                for (word_t left = ignore[w] & of.area_bits(a, w); left; left &= left - 1)
                    for (index_t m = m0; m < M; ++m) ++less.data()[(w * 64 + lowest_bit(left)) * M + m];
        }
    }

    void curves(index_t k, index_t first_cell, index_t last_cell) {
        std::vector<index_t> positives(std::size_t(A), 0);
        for (index_t c = first_cell; c < last_cell; ++c)
            for (index_t a = 0; a < A; ++a) positives.data()[a] += of.n_gt(c, a);
        for (index_t a = 0; a < A; ++a)
            for (index_t r = 0; r < R; ++r)
                need.data()[a * R + r] = hits_needed(of.recall_thresholds[r], positives.data()[a]);
        for (index_t t = 0; t < T; ++t) {
            std::fill(precision_rows.begin(), precision_rows.end(), 0.0);
            std::fill(score_rows.begin(), score_rows.end(), 0.0);
            for (index_t a = 0; a < A; ++a)
                for (index_t m = 0; m < M; ++m) {
                    const index_t* const list = lists.data() + (a * T + t) * M + m;
                    of.recall.data[shape.place_of_recall(t, k, a, m)] =
                        curve(list[0], list[1] - list[0] - 1, positives.data()[a], top.data()[m], need.data() + a * R,
                              a * M + m);
                }
            for (index_t r = 0; r < R; ++r) {
                const index_t at = shape.place_of_precision(t, r, k, 0, 0);
                std::copy_n(precision_rows.data() + r * A * M, A * M, of.precision.data + at);
                if (keep_scores) std::copy_n(score_rows.data() + r * A * M, A * M, of.scores_at.data + at);
            }
        }
    }

    // One column of the rows, which hold zeros; returns the last recall.
    double curve(index_t start, index_t n_hits, index_t positives, index_t best, const index_t* needed,
                 index_t column) {
        double *const p = precision_rows.data(), *const s = score_rows.data();  // null where there are no rows
        auto at = [&](index_t r) { return r * A * M + column; };
        if (positives == 0) {
            for (index_t r = 0; r < R; ++r) p[at(r)] = -1;
            for (index_t r = 0; r < R && keep_scores; ++r) s[at(r)] = -1;
            return -1;
        }
        if (index_t(envelope.size()) < n_hits) envelope.resize(std::size_t(2 * n_hits));
        const std::int32_t* const counted = counted_of + start;
        double* const highest_from = envelope.data();
        double highest = 0;
        for (index_t j = n_hits - 1; j >= 0; --j) {
            const double precision = precision_at(j + 1, counted[j]);
            highest = precision > highest ? precision : highest;
            highest_from[j] = highest;
        }
        if (best < 0) return double(n_hits) / double(positives);
        for (index_t r = 0; r < R && needed[r] <= n_hits; ++r) {  // what follows an unreached recall stays 0
            const index_t j = std::max<index_t>(needed[r], 1) - 1;
            if (n_hits > 0) p[at(r)] = highest_from[j];
            if (keep_scores) s[at(r)] = of.scores[needed[r] == 0 ? best : ranking.first + place_of[start + j]];
        }
        return double(n_hits) / double(positives);
    }
};

}  // namespace

void accumulate(const Accumulate& of, const Threads& threads) {
    std::vector<index_t> largest_first(std::size_t(of.end - of.begin));
    std::iota(largest_first.begin(), largest_first.end(), of.begin);
    auto size = [&](index_t k) { return of.offsets[of.category_cells[k + 1]] - of.offsets[of.category_cells[k]]; };
    std::stable_sort(largest_first.begin(), largest_first.end(),
                     [&](index_t a, index_t b) { return size(a) > size(b); });
    parallel_for(0, of.end - of.begin, 1, threads, [&](Interrupt&) {
        return [&, category = Category(of)](index_t low, index_t high) mutable {
            for (index_t i = low; i < high; ++i) category.run(largest_first.data()[i]);
        };
    });
}

}  // namespace pymetrics::cpu
