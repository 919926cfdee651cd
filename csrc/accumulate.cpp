#include "accumulate.h"

#include <numeric>

#include "cells.h"
#include "matching.h"
#include "scratch.h"

namespace pymetrics::cpu {
namespace {

struct Inputs {
    View<const double, 1> scores;
    View<const word_t, 2> matched, ignored;
    View<const index_t, 1> offsets;
    View<const std::int32_t, 2> n_gt;
    View<const index_t, 1> category_cells;
    View<const word_t, 2> area_words;
    View<const index_t, 1> max_dets;
    View<const double, 1> recall_thresholds;
};

struct Outputs {
    View<double, 5> precision;  // (T, R, K, A, M)
    View<double, 4> recall;     // (T, K, A, M)
    View<double, 5> scores_at;  // or none
};

// The stable order of a category's detections by falling score, and the first limit that each one's rank is within.
void rank_rows(const Inputs& in, index_t first_cell, index_t last_cell, std::vector<std::int32_t>& order,
               std::vector<std::uint8_t>& level, SortScratch& sort) {
    const index_t M = in.max_dets.shape[0], first = in.offsets[first_cell], n = in.offsets[last_cell] - first;
    if (index_t(order.size()) < n) order.resize(std::size_t(n)), level.resize(std::size_t(n));
    sort_keys([&](index_t i) { return falling_key(in.scores[first + i]); }, n, order.data(), sort);
    for (index_t c = first_cell; c < last_cell; ++c) {
        index_t m = 0;
        for (index_t d = in.offsets[c]; d < in.offsets[c + 1]; ++d) {
            while (m < M && in.max_dets[m] <= d - in.offsets[c]) ++m;
            level[std::size_t(d - first)] = std::uint8_t(m);
        }
    }
}

// One category, with room that the next one uses again.
class Category {
    const Inputs& in;
    const index_t T, R, K, A, M, W, n_bits;
    const bool keep_scores;
    index_t first = 0, n = 0;         // the detections
    std::vector<std::int32_t> order;  // by falling score
    std::vector<std::uint8_t> level;  // the first limit that a detection's rank is within
    struct Hit {
        std::int32_t counted, place;  // the detections that count so far, and which one this is
    };
    std::vector<index_t> lists, filled;  // (bits * M): where a list of true positives begins, and ends yet
    std::vector<Hit> all_hits;           // the lists
    std::vector<double> envelope;        // of one list
    std::vector<std::int32_t> seen, so_far, less;
    std::vector<index_t> top, area_of;
    std::vector<index_t> need;
    std::vector<double> precision_rows, score_rows;  // (R, A * M) at one threshold
    SortScratch sort;

  public:
    Category(const Inputs& in, const Outputs& out)
        : in(in),
          T(out.recall.shape[0]),
          R(in.recall_thresholds.shape[0]),
          K(out.recall.shape[1]),
          A(out.recall.shape[2]),
          M(out.recall.shape[3]),
          W(in.matched.shape[1]),
          n_bits(A * T),
          keep_scores(out.scores_at.shape[0] > 0),
          need(std::size_t(A * R)),
          precision_rows(std::size_t(R * A * M)),
          score_rows(std::size_t(keep_scores ? R * A * M : 0)) {
        for (index_t b = 0; b < n_bits; ++b) area_of.push_back(b / T);
    }

    void run(index_t k, const Outputs& out) {
        const index_t first_cell = in.category_cells[k], last_cell = in.category_cells[k + 1];
        first = in.offsets[first_cell], n = in.offsets[last_cell] - first;
        rank_rows(in, first_cell, last_cell, order, level, sort);
        W == 1 && A == 4 ? walk<1, 4>() : walk<0, 0>();
        curves(k, first_cell, last_cell, out);
    }

  private:
    template <int W1>
    word_t hits(index_t d, index_t w) const {
        return in.matched.data[W1 ? d : d * W + w] & ~in.ignored.data[W1 ? d : d * W + w];
    }

    // Of a detection, an area range mostly ignores all thresholds or none: `seen` counts by area and by the first limit
    // that the detection is within, to be added up where a hit asks; `less` corrects it by bit and limit. Loops of
    // varying length cost dear: a hit is written to the lists of all limits, and counted in those that it is within.
    template <int W1, int A1>
    void walk() {
        const index_t n_words = W1 ? W1 : W, n_areas = A1 ? A1 : A;
        lists.assign(std::size_t(n_bits * M + 1), 0);
        for (index_t i = 0; i < n; ++i)
            for (index_t w = 0; w < n_words; ++w)
                for (word_t left = hits<W1>(first + i, w); left; left &= left - 1)
                    if (level[std::size_t(i)] < M)
                        ++lists[std::size_t((w * 64 + lowest_bit(left)) * M + level[std::size_t(i)] + 1)];
        for (index_t b = 0; b < n_bits; ++b)
            for (index_t m = 0; m < M; ++m) {
                if (m) lists[std::size_t(b * M + m + 1)] += lists[std::size_t(b * M + m)];
            }
        for (std::size_t list = 1; list < lists.size(); ++list) lists[list] += lists[list - 1] + 1;  // one to spare
        if (index_t(all_hits.size()) < lists.back()) all_hits.resize(std::size_t(lists.back()));

        filled.assign(lists.begin(), lists.end() - 1);
        seen.assign(std::size_t(M * n_areas), 0), less.assign(std::size_t(n_bits * M), 0),
            top.assign(std::size_t(M), -1);
        so_far.assign(std::size_t(n_areas * M), 0);
        const word_t *matched = in.matched.row(first), *ignored = in.ignored.row(first), *areas = in.area_words.data;
        for (index_t i = 0; i < n; ++i) {
            constexpr index_t ahead = 16;
            if (i + ahead < n) {
                PM_PREFETCH(matched + order[std::size_t(i + ahead)] * n_words);
                PM_PREFETCH(ignored + order[std::size_t(i + ahead)] * n_words);
            }
            const index_t at = order[std::size_t(i)], m0 = level[std::size_t(at)];
            if (m0 >= M) continue;
            for (index_t m = m0; m < M && top[std::size_t(m)] < 0; ++m) top[std::size_t(m)] = first + at;
            const word_t *match = matched + at * n_words, *ignore = ignored + at * n_words;
            std::int32_t* const here = &seen[std::size_t(m0 * n_areas)];
            word_t mixed = 0, hits = 0;
            for (index_t a = 0; a < n_areas; ++a) {
                word_t some = 0, not_all = 0;
                for (index_t w = 0; w < n_words; ++w) {
                    const word_t all = areas[a * n_words + w], row = ignore[w] & all;
                    some |= row, not_all |= row ^ all;
                }
                here[a] += not_all != 0;
                mixed |= word_t((some != 0) & (not_all != 0)) << (a & 63);
            }
            for (index_t w = 0; w < n_words; ++w) hits |= match[w] & ~ignore[w];
            if (mixed) correct<W1>(ignore, m0);
            if (!hits) continue;
            for (index_t a = 0; a < n_areas; ++a) {
                std::int32_t sum = 0;
                for (index_t m = 0; m < M; ++m)
                    so_far[std::size_t(a * M + m)] = sum += seen[std::size_t(m * n_areas + a)];
            }
            for (index_t w = 0; w < n_words; ++w)
                for (word_t left = match[w] & ~ignore[w]; left; left &= left - 1) {
                    const index_t b = w * 64 + lowest_bit(left), a = area_of[std::size_t(b)];
                    for (index_t m = 0; m < M; ++m) {
                        const std::int32_t counted = so_far[std::size_t(a * M + m)] - less[std::size_t(b * M + m)];
                        all_hits[std::size_t(filled[std::size_t(b * M + m)])] = {counted, std::int32_t(at)};
                        filled[std::size_t(b * M + m)] += m >= m0;
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
            for (index_t w = 0; w < n_words; ++w) counted |= (in.area_words(a, w) & ~ignore[w]) != 0;
            if (!counted) continue;
            for (index_t w = 0; w < n_words; ++w)
                for (word_t left = ignore[w] & in.area_words(a, w); left; left &= left - 1)
                    for (index_t m = m0; m < M; ++m) ++less[std::size_t((w * 64 + lowest_bit(left)) * M + m)];
        }
    }

    void curves(index_t k, index_t first_cell, index_t last_cell, const Outputs& out) {
        std::vector<index_t> positives(std::size_t(A), 0);
        for (index_t c = first_cell; c < last_cell; ++c)
            for (index_t a = 0; a < A; ++a) positives[std::size_t(a)] += in.n_gt(c, a);
        for (index_t a = 0; a < A; ++a)
            for (index_t r = 0; r < R; ++r)
                need[std::size_t(a * R + r)] = hits_needed(in.recall_thresholds[r], positives[std::size_t(a)]);
        for (index_t t = 0; t < T; ++t) {
            std::fill(precision_rows.begin(), precision_rows.end(), 0.0);
            if (keep_scores) std::fill(score_rows.begin(), score_rows.end(), 0.0);
            for (index_t a = 0; a < A; ++a)
                for (index_t m = 0; m < M; ++m) {
                    const auto list = std::size_t((a * T + t) * M + m);
                    out.recall.data[((t * K + k) * A + a) * M + m] =
                        curve(lists[list], lists[list + 1] - lists[list] - 1, positives[std::size_t(a)],
                              top[std::size_t(m)], &need[std::size_t(a * R)], a * M + m);
                }
            for (index_t r = 0; r < R; ++r) {
                const index_t at = ((t * R + r) * K + k) * A * M;
                std::copy_n(&precision_rows[std::size_t(r * A * M)], A * M, out.precision.data + at);
                if (keep_scores) std::copy_n(&score_rows[std::size_t(r * A * M)], A * M, out.scores_at.data + at);
            }
        }
    }

    // One column of the rows, which hold zeros; returns the last recall.
    double curve(index_t start, index_t n_hits, index_t positives, index_t best, const index_t* needed,
                 index_t column) {
        double *p = precision_rows.data() + column, *s = score_rows.data() + column;
        const index_t step = A * M;
        if (positives == 0) {
            for (index_t r = 0; r < R; ++r) p[r * step] = -1;
            for (index_t r = 0; r < R && keep_scores; ++r) s[r * step] = -1;
            return -1;
        }
        if (index_t(envelope.size()) < n_hits) envelope.resize(std::size_t(2 * n_hits));
        const Hit* const list = all_hits.data() + start;
        double highest = 0;
        for (index_t j = n_hits - 1; j >= 0; --j) {
            const double precision = precision_at(j + 1, list[j].counted);
            envelope[std::size_t(j)] = highest = precision > highest ? precision : highest;
        }
        if (best < 0) return double(n_hits) / double(positives);
        for (index_t r = 0; r < R && needed[r] <= n_hits; ++r) {  // what follows an unreached recall stays 0
            const index_t j = std::max<index_t>(needed[r], 1) - 1;
            if (n_hits > 0) p[r * step] = envelope[std::size_t(j)];
            if (keep_scores) s[r * step] = in.scores[needed[r] == 0 ? best : first + list[j].place];
        }
        return double(n_hits) / double(positives);
    }
};

// One category of accumulate_replicates. No lists: of the true positives between two neighbouring recall thresholds the
// highest precision is enough.
class Replicates {
    const Inputs& in;
    const View<const std::int32_t, 1> cell_image;
    const View<const std::uint8_t, 2> weights;
    const View<double, 6> precision;  // (B, T, R, K, A, M)
    const View<double, 5> recall;     // (B, T, K, A, M)
    const index_t T, R, K, A, M, W, n_bits;
    std::vector<std::int32_t> order, image;
    std::vector<std::uint8_t> level;
    std::vector<index_t> by_recall, positives, need;  // (R,) thresholds, ascending; (A,); (A, R) by ascending threshold
    std::vector<index_t> counted;                     // (M, bits) by the first limit that a detection is within
    std::vector<index_t> hits, passed;                // (bits, M); the thresholds that need no more
    std::vector<double> highest;                      // (bits, M, R) precision from a threshold to the next
    SortScratch sort;

  public:
    Replicates(const Inputs& in, View<const std::int32_t, 1> cell_image, View<const std::uint8_t, 2> weights,
               View<double, 6> precision, View<double, 5> recall)
        : in(in),
          cell_image(cell_image),
          weights(weights),
          precision(precision),
          recall(recall),
          T(recall.shape[1]),
          R(in.recall_thresholds.shape[0]),
          K(recall.shape[2]),
          A(recall.shape[3]),
          M(recall.shape[4]),
          W(in.matched.shape[1]),
          n_bits(A * T),
          by_recall(std::size_t(R)),
          positives(std::size_t(A)),
          need(std::size_t(A * R)) {
        std::iota(by_recall.begin(), by_recall.end(), index_t(0));
        auto value = [&](index_t r) { return in.recall_thresholds[r] <= 1e9 ? in.recall_thresholds[r] : 2e9; };
        std::stable_sort(by_recall.begin(), by_recall.end(), [&](index_t i, index_t j) { return value(i) < value(j); });
    }

    void run(index_t k) {
        const index_t first_cell = in.category_cells[k], last_cell = in.category_cells[k + 1];
        const index_t first = in.offsets[first_cell], n = in.offsets[last_cell] - first;
        rank_rows(in, first_cell, last_cell, order, level, sort);
        image.resize(std::size_t(n));
        for (index_t c = first_cell; c < last_cell; ++c)
            std::fill(image.begin() + (in.offsets[c] - first), image.begin() + (in.offsets[c + 1] - first),
                      cell_image[c]);
        for (index_t b = 0; b < weights.shape[0]; ++b) {
            const std::uint8_t* const weight = weights.row(b);
            std::fill(positives.begin(), positives.end(), 0);
            for (index_t c = first_cell; c < last_cell; ++c)
                for (index_t a = 0; a < A; ++a) positives[std::size_t(a)] += in.n_gt(c, a) * weight[cell_image[c]];
            for (index_t i = 0; i < A * R; ++i)
                need[std::size_t(i)] =
                    hits_needed(in.recall_thresholds[by_recall[std::size_t(i % R)]], positives[std::size_t(i / R)]);
            counted.assign(std::size_t(M * n_bits), 0), highest.assign(std::size_t(n_bits * M * R), 0);
            hits.assign(std::size_t(n_bits * M), 0), passed.assign(std::size_t(n_bits * M), 0);
            for (index_t i = 0; i < n; ++i) {
                const auto at = std::size_t(order[std::size_t(i)]);
                if (level[at] < M && weight[image[at]]) walk(first + index_t(at), level[at], weight[image[at]]);
            }
            curves(b, k);
        }
    }

  private:
    void walk(index_t d, index_t m0, index_t weight) {
        index_t* const here = &counted[std::size_t(m0 * n_bits)];
        for (index_t b = 0; b < n_bits; ++b) here[b] += ~in.ignored(d, b / 64) >> (b % 64) & 1 ? weight : 0;
        for (index_t w = 0; w < W; ++w)
            for (word_t left = in.matched(d, w) & ~in.ignored(d, w); left; left &= left - 1) {
                const index_t b = w * 64 + lowest_bit(left);
                const index_t* const needed = need.data() + b / T * R;
                index_t sum = 0;
                for (index_t m = 0; m < M; ++m) {
                    sum += counted[std::size_t(m * n_bits + b)];
                    if (m < m0) continue;
                    index_t &n = hits[std::size_t(b * M + m)], &q = passed[std::size_t(b * M + m)];
                    n += weight;  // of the copies the last is the most precise
                    while (q < R && needed[q] <= n) ++q;
                    if (q == 0) continue;
                    double& most = highest[std::size_t((b * M + m) * R + q - 1)];
                    most = std::max(most, precision_at(n, sum));
                }
            }
    }

    void curves(index_t replicate, index_t k) {
        for (index_t b = 0; b < n_bits; ++b)
            for (index_t m = 0; m < M; ++m) {
                const index_t a = b / T, t = b % T, n = hits[std::size_t(b * M + m)];
                const index_t total = positives[std::size_t(a)], *needed = need.data() + a * R;
                index_t unreached = R;  // what follows an unreached recall stays 0
                for (index_t q = 0; q < R; ++q)
                    if (needed[q] > n) unreached = std::min(unreached, by_recall[std::size_t(q)]);
                double envelope = 0;
                for (index_t q = R - 1; q >= 0; --q) {
                    const index_t r = by_recall[std::size_t(q)];
                    envelope = std::max(envelope, highest[std::size_t((b * M + m) * R + q)]);
                    precision.data[((((replicate * T + t) * R + r) * K + k) * A + a) * M + m] = total == 0 ? -1
                                                                                                : r < unreached
                                                                                                    ? envelope
                                                                                                    : 0;
                }
                recall.data[(((replicate * T + t) * K + k) * A + a) * M + m] =
                    total == 0 ? -1 : double(n) / double(total);
            }
    }
};

}  // namespace

void accumulate(const Accumulate& of, const Threads& threads) {
    const Inputs in = {of.scores,         of.matched,    of.ignored,  of.offsets,          of.n_gt,
                       of.category_cells, of.area_words, of.max_dets, of.recall_thresholds};
    const Outputs out = {of.precision, of.recall, of.scores_at};
    std::vector<index_t> largest_first(std::size_t(of.end - of.begin));
    std::iota(largest_first.begin(), largest_first.end(), of.begin);
    auto size = [&](index_t k) { return of.offsets[of.category_cells[k + 1]] - of.offsets[of.category_cells[k]]; };
    std::stable_sort(largest_first.begin(), largest_first.end(),
                     [&](index_t a, index_t b) { return size(a) > size(b); });
    parallel_for(0, of.end - of.begin, 1, threads, [&](Interrupt&) {
        return [&, category = Category(in, out)](index_t low, index_t high) mutable {
            for (index_t i = low; i < high; ++i) category.run(largest_first[std::size_t(i)], out);
        };
    });
}

void accumulate_replicates(const AccumulateReplicates& of, const Threads& threads) {
    const Inputs in = {of.scores,         of.matched, of.ignored,  of.offsets,          of.n_gt,
                       of.category_cells, {},         of.max_dets, of.recall_thresholds};
    parallel_for(of.begin, of.end, 1, threads, [&](Interrupt&) {
        return [category = Replicates(in, of.cell_image, of.weights, of.precision, of.recall)](index_t low,
                                                                                               index_t high) mutable {
            for (index_t k = low; k < high; ++k) category.run(k);
        };
    });
}

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
