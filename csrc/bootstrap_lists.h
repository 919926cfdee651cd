#pragma once
// What all replicates share: the detections that matter, by category, area range and limit. For bootstrap.cpp alone.
#include <vector>

#include "bootstrap.h"
#include "curves.h"
#include "matching.h"

namespace pymetrics::cpu {

using entry_t = std::uint32_t;

// A detection that is a true positive at some threshold, or that counts at some thresholds and not at others.
struct Row {
    std::uint32_t image;
    std::uint32_t gap_end;  // before it lie the false positives up to here, of Curve::gaps
    std::uint8_t copy;      // 0: all copies of the image at once; i: the i-th copy alone
    bool counted;           // at every threshold
};

// What an entry says of its row: row * kEntryFlags + flags.
constexpr entry_t kExtra = 1, kHit = 2, kLastHit = 4, kEntryFlags = 8;  // counts here but not everywhere; and so on

struct Curve {
    std::vector<Row> rows;
    std::vector<std::uint32_t> gaps;          // images of false positives at every threshold
    std::vector<std::vector<entry_t>> lists;  // by threshold: true positives, and rows that count here alone
};

// An area range and limit that some query reads.
struct Part {
    index_t area, limit;
    bool needs_curves;  // else the numbers of true positives are enough
};

struct Category {
    std::vector<std::uint32_t> truth_images, truth_counts;       // by area range, from truth_starts on
    std::vector<index_t> truth_starts;                           // (A + 1,)
    std::vector<Curve> curves;                                   // by part
    std::vector<std::vector<std::vector<std::uint32_t>>> found;  // by part and threshold: images of true positives
};

inline word_t low_bits(index_t n) { return n < 64 ? (word_t(1) << n) - 1 : ~word_t(0); }

// At most 64 bits of a row of words, from bit `first` on.
inline word_t some_bits(const word_t* words, index_t first, index_t n) {
    const index_t w = first / 64, shift = first % 64;
    word_t bits = words[w] >> shift;
    if (shift && shift + n > 64) bits |= words[w + 1] << (64 - shift);
    return bits & low_bits(n);
}

class Compiler {
    const ReplicateMeans& of;
    const std::vector<Part>& parts;
    const std::uint8_t* const most;  // (N,) the greatest weight of each image
    const index_t T = of.n_thresholds, n_words = (T + 63) / 64;
    Ranking ranking;
    std::vector<std::int32_t> cell;              // (n,) of each detection
    std::vector<word_t> open, out, hits, other;  // (n_words,) by threshold

  public:
    Compiler(const ReplicateMeans& of, const std::vector<Part>& parts, const std::uint8_t* most)
        : of(of), parts(parts), most(most) {
        for (auto* words : {&open, &out, &hits, &other}) words->resize(std::size_t(2 * n_words));
    }

    void run(index_t k, Category& category) {
        const index_t first_cell = of.category_cells[k], last_cell = of.category_cells[k + 1];
        ranking.rank(of, first_cell, last_cell);
        cell.resize(std::size_t(ranking.n));
        for (index_t c = first_cell; c < last_cell; ++c)
            std::fill(cell.data() + (of.offsets[c] - ranking.first), cell.data() + (of.offsets[c + 1] - ranking.first),
                      std::int32_t(c));
        category.truth_starts.push_back(0);
        for (index_t a = 0; a < of.n_gt.shape[1]; ++a) {
            for (index_t c = first_cell; c < last_cell; ++c) {
                if (of.n_gt(c, a) == 0) continue;
                category.truth_images.push_back(std::uint32_t(of.cell_image[c]));
                category.truth_counts.push_back(std::uint32_t(of.n_gt(c, a)));
            }
            category.truth_starts.push_back(index_t(category.truth_images.size()));
        }
        category.curves.resize(parts.size());
        category.found.resize(parts.size());
        for (std::size_t p = 0; p < parts.size(); ++p)
            if (parts[p].needs_curves) make_curve(parts[p], category.curves[p]);
            else find_hits(parts[p], category.found[p]);
    }

  private:
    index_t width(index_t w) const { return std::min<index_t>(64, T - 64 * w); }
    std::uint32_t image(index_t i) const { return std::uint32_t(of.cell_image[cell.data()[i]]); }

    // The bits of an area range of detection i: hits at `to`, ignored at `to + n_words`.
    void read_bits(index_t i, index_t area, word_t* to) const {
        const index_t d = ranking.first + i;
        for (index_t w = 0; w < n_words; ++w) {
            const word_t ignored = some_bits(of.ignored.row(d), area * T + 64 * w, width(w));
            to[w] = some_bits(of.matched.row(d), area * T + 64 * w, width(w)) & ~ignored;
            to[n_words + w] = ignored;
        }
    }

    void find_hits(const Part& part, std::vector<std::vector<std::uint32_t>>& found) {
        found.resize(std::size_t(T));
        for (index_t i = 0; i < ranking.n; ++i) {
            if (ranking.limit_index.data()[i] > part.limit) continue;
            read_bits(i, part.area, hits.data());
            for (index_t w = 0; w < n_words; ++w)
                for (word_t left = hits.data()[w]; left; left &= left - 1)
                    found.data()[w * 64 + lowest_bit(left)].push_back(image(i));
        }
    }

    void make_curve(const Part& part, Curve& curve) {
        curve.lists.resize(std::size_t(T));
        std::fill(open.begin(), open.end(), word_t(0));
        const std::int32_t* const order = ranking.order.data();
        for (index_t i = 0, j; i < ranking.n; i = j) {  // a run of one cell and score
            const auto key = falling_key(of.scores[ranking.first + order[i]]);
            for (j = i + 1; j < ranking.n && cell.data()[order[j]] == cell.data()[order[i]] &&
                            falling_key(of.scores[ranking.first + order[j]]) == key;)
                ++j;
            // Copies of an image take turns within a run. It matters where its detections differ and some are hits.
            bool differ = false, any_hit = false;
            for (index_t x = i; x < j && j > i + 1; ++x) {
                read_bits(order[x], part.area, hits.data());
                if (x == i) other = hits;
                const bool within = ranking.limit_index.data()[order[x]] <= part.limit;
                for (index_t w = 0; w < n_words; ++w) any_hit |= within && hits.data()[w] != 0;
                differ |= other != hits || !within;
            }
            const int copies = any_hit && differ ? most[image(order[i])] : 0;
            for (int copy = copies ? 1 : 0; copy <= copies; ++copy)
                for (index_t x = i; x < j; ++x)
                    if (ranking.limit_index.data()[order[x]] <= part.limit) add(order[x], copy, part.area, curve);
        }
        for (index_t w = 0; w < n_words; ++w) close(w, ~word_t(0), curve);
    }

    // Where nothing that counts came after the last true positive, it was the last of neighbours.
    void close(index_t w, word_t which, Curve& curve) {
        word_t& now = open.data()[w];
        for (word_t left = now & which; left; left &= left - 1)
            curve.lists.data()[w * 64 + lowest_bit(left)].back() |= kLastHit;
        now &= ~which;
    }

    void add(index_t i, int copy, index_t area, Curve& curve) {
        read_bits(i, area, hits.data());
        const word_t *const hit = hits.data(), *const ignored = hits.data() + n_words;
        bool all_ignored = true, any_ignored = false, any_hit = false;
        for (index_t w = 0; w < n_words; ++w) {
            all_ignored &= ignored[w] == low_bits(width(w));
            any_ignored |= ignored[w] != 0;
            any_hit |= hit[w] != 0;
        }
        if (all_ignored) return;
        for (index_t w = 0; w < n_words; ++w) close(w, ~ignored[w] & ~hit[w], curve);
        if (!any_ignored && !any_hit && !copy) {
            curve.gaps.push_back(image(i));
            return;
        }
        const entry_t row = entry_t(curve.rows.size()) * kEntryFlags;
        curve.rows.push_back({image(i), std::uint32_t(curve.gaps.size()), std::uint8_t(copy), !any_ignored});
        for (index_t w = 0; w < n_words; ++w) {
            const word_t extra = any_ignored ? ~ignored[w] & low_bits(width(w)) : 0;
            for (word_t left = hit[w] | extra; left; left &= left - 1) {
                const index_t bit = lowest_bit(left);
                const entry_t flags = (hit[w] >> bit & 1 ? kHit : 0) | (extra >> bit & 1 ? kExtra : 0);
                curve.lists.data()[w * 64 + bit].push_back(row | flags);
            }
            open.data()[w] |= hit[w];
        }
    }
};

}  // namespace pymetrics::cpu
