#pragma once
// Greedy matching, all area ranges and thresholds at once: each (area, threshold) pair is a bit of W 64-bit words. A
// walk down a detection's candidates serves all pairs, each bit taking the first candidate that it may. See
// kernels/matching.py.
#include <algorithm>
#include <vector>

#include "common.h"
#include "device.h"
#include "parallel.h"

namespace pymetrics {

enum GtFlag : std::uint8_t { CROWD = 1, ID_ZERO = 2, IGNORE = 4 };
enum DtFlag : std::uint8_t { KEEPS_FREE = 1 };

// What the thresholds and area ranges mean in bits.
struct Pairs {
    View<const double, 1> thresholds;  // (T,) ascending
    View<const word_t, 2> reach;       // (T + 1, W) bits whose threshold is among the first so many
};

struct Truth {
    std::uint8_t flags;
    const word_t* ignored;  // (W,)
    word_t* taken;          // (W,)
};

struct Candidate {
    std::int32_t g;
    double overlap;
};

// The order of candidates: by falling overlap, of equals the later first.
PM_HD bool goes_before(const Candidate& a, const Candidate& b) {
    return a.overlap > b.overlap || (a.overlap == b.overlap && a.g > b.g);
}

// Where one detection's result goes.
struct Match {
    word_t *found, *found_ignored;  // (W,) scratch: what it took, and what of that is ignored
    word_t* matched;                // (W,)
    std::int32_t* match_of;         // (A * T,) or null
    double* match_iou;
};

PM_HD index_t lowest_bit(word_t word) {
#if defined(__CUDA_ARCH__)
    return __ffsll(static_cast<long long>(word)) - 1;
#elif defined(__GNUC__)
    return __builtin_ctzll(word);
#else
    index_t place = 0;
    while (!(word >> place & 1)) ++place;
    return place;
#endif
}

// The bits of the area ranges that an area is not in.
template <int W>
PM_HD void outside_words(double area, View<const double, 2> area_ranges, View<const word_t, 2> area_words,
                         word_t* out) {
    const index_t n_words = W ? W : area_words.shape[1];
    for (index_t w = 0; w < n_words; ++w) {
        word_t word = 0;
        for (index_t a = 0; a < area_ranges.shape[0]; ++a) {
            const bool outside = (area < area_ranges.data[2 * a]) | (area > area_ranges.data[2 * a + 1]);
            word |= area_words.data[a * n_words + w] & (word_t(0) - word_t(outside));
        }
        out[w] = word;
    }
}

// The detection takes, in word w, the bits `got` of ground truth g.
PM_HD void take(const Match& to, const Truth& gt, std::int32_t g, double overlap, index_t w, word_t got, bool ignorable,
                std::uint8_t dt_flags) {
    to.found[w] |= got;
    if (!(dt_flags & KEEPS_FREE)) gt.taken[w] |= got;
    if (!(gt.flags & ID_ZERO)) to.matched[w] |= got;
    if (ignorable) to.found_ignored[w] |= got;
    if (!to.match_of) return;
    for (word_t left = got; left; left &= left - 1) {
        const index_t b = w * 64 + lowest_bit(left);
        to.match_of[b] = g, to.match_iou[b] = overlap;
    }
}

// candidates: by falling overlap, of equals the later first (LAST_OF_EQUALS). W: the number of words, or 0 for any.
template <int W, class TruthOf>
PM_HD void match_candidates(const Candidate* candidates, index_t n, const Pairs& pairs, TruthOf truth_of,
                            std::uint8_t dt_flags, const Match& to) {
    const index_t n_words = W ? W : pairs.reach.shape[1], n_thresholds = pairs.thresholds.shape[0];
    // The regular ground truths, then the ignored ones for who found none.
    for (int ignorable = 0; ignorable < 2; ++ignorable)
        for (index_t i = 0; i < n; ++i) {
            const Candidate c = candidates[i];
            const Truth gt = truth_of(c.g);
            index_t level = 0;
            for (index_t t = 0; t < n_thresholds; ++t) level += c.overlap >= pairs.thresholds[t];
            for (index_t w = 0; w < n_words; ++w) {
                const bool crowd = ignorable && gt.flags & CROWD;  // never used up
                const word_t may = ignorable ? gt.ignored[w] : ~gt.ignored[w];
                const word_t got = pairs.reach(level, w) & ~to.found[w] & may & (crowd ? ~word_t(0) : ~gt.taken[w]);
                if (got) take(to, gt, c.g, c.overlap, w, got, ignorable, dt_flags);
            }
        }
}

struct Choice {
    index_t g;  // or -1
    bool ignored;
};

// What one detection takes at one (area, threshold) pair by pycocotools' own loop, for overlaps that have no order
// (NAN_OVERLAP).
template <class Iou, class TruthOf>
PM_HD Choice choose_literally(index_t b, Iou iou, index_t n_gt, const Pairs& pairs, TruthOf truth_of) {
    const index_t w = b / 64;
    const word_t bit = word_t(1) << (b % 64);
    index_t level = 0;  // the pair's threshold is the last one that reaches the bit
    while (!(pairs.reach(level + 1, w) & bit)) ++level;
    double best = pairs.thresholds[level];
    Choice choice = {-1, false};
    for (int ignorable = 0; ignorable < 2; ++ignorable) {
        if (choice.g >= 0 && !choice.ignored) break;
        for (index_t g = 0; g < n_gt; ++g) {
            const Truth gt = truth_of(g);
            if (((gt.ignored[w] & bit) != 0) != (ignorable == 1)) continue;
            if (gt.taken[w] & bit && !(gt.flags & CROWD)) continue;
            const double overlap = iou(g);
            if (overlap < best) continue;
            best = overlap, choice = {g, ignorable == 1};
        }
    }
    return choice;
}

template <class Iou, class TruthOf>
PM_HD void match_literally(index_t b, Iou iou, index_t n_gt, const Pairs& pairs, TruthOf truth_of,
                           std::uint8_t dt_flags, const Match& to) {
    const Choice choice = choose_literally(b, iou, n_gt, pairs, truth_of);
    if (choice.g >= 0)
        take(to, truth_of(choice.g), std::int32_t(choice.g), iou(choice.g), b / 64, word_t(1) << (b % 64),
             choice.ignored, dt_flags);
}

// A cell's overlaps, and room for the matching; one for each thread.
struct Cell {
    index_t n_dt, n_gt;
    bool has_nan;
    std::vector<double> ious, best;      // (n_gt, n_dt), so that one ground truth's stand together; (n_dt,) the highest
    std::vector<word_t> ignored, taken;  // n_gt * W
    std::vector<std::uint8_t> gt_flags, dt_flags;
    std::vector<Candidate> candidates;
    std::vector<word_t> found, found_ignored;

    void resize(index_t dt, index_t gt, index_t n_words) {
        n_dt = dt, n_gt = gt, has_nan = false;
        auto grow = [](auto& v, index_t n) {
            if (index_t(v.size()) < n) v.resize(std::size_t(2 * n));
        };
        grow(ious, dt * gt), grow(best, dt), grow(ignored, gt * n_words), grow(taken, gt * n_words);
        grow(gt_flags, gt), grow(dt_flags, dt), grow(candidates, gt), grow(found, n_words),
            grow(found_ignored, n_words);
    }
};

// The places that one cell's results go to, by detection. What is here already stands for a detection without a match:
// no bit matched, the bits of the area ranges that it is outside of ignored, -1 and 0.
struct CellOut {
    word_t *matched, *ignored;
    std::int32_t* match_of;  // or null
    double* match_iou;
    index_t n_bits;
};

// Match one cell; detections by falling score. It knows nothing of what overlaps.
template <int W>
void match_cell(Cell& cell, const Pairs& pairs, const CellOut& out) {
    const index_t n_words = W ? W : pairs.reach.shape[1], n_dt = cell.n_dt, n_gt = cell.n_gt;
    std::fill_n(cell.taken.data(), n_gt * n_words, 0);
    auto truth_of = [&](index_t g) -> Truth {
        return {cell.gt_flags[std::size_t(g)], &cell.ignored[std::size_t(g * n_words)],
                &cell.taken[std::size_t(g * n_words)]};
    };
    const double lowest = pairs.thresholds[0];
    Candidate* const candidates = cell.candidates.data();
    for (index_t d = 0; d < n_dt; ++d) {
        if (!cell.has_nan && cell.best[std::size_t(d)] < lowest) continue;
        auto iou = [&](index_t g) { return cell.ious[std::size_t(g * n_dt + d)]; };
        const Match to = {cell.found.data(), cell.found_ignored.data(), out.matched + d * n_words,
                          out.match_of ? out.match_of + d * out.n_bits : nullptr,
                          out.match_of ? out.match_iou + d * out.n_bits : nullptr};
        for (index_t w = 0; w < n_words; ++w) to.found[w] = to.found_ignored[w] = 0;
        if (cell.has_nan) {
            for (index_t w = 0; w < n_words; ++w)
                for (word_t left = pairs.reach(pairs.thresholds.shape[0], w); left; left &= left - 1)
                    match_literally(w * 64 + lowest_bit(left), iou, n_gt, pairs, truth_of,
                                    cell.dt_flags[std::size_t(d)], to);
        } else {
            index_t n = 0;
            for (index_t g = 0; g < n_gt; ++g)
                if (iou(g) >= lowest) candidates[n++] = {std::int32_t(g), iou(g)};
            if (n > 24) {
                std::sort(candidates, candidates + n, goes_before);
            } else {
                for (index_t i = 1; i < n; ++i)
                    for (index_t j = i; j > 0 && goes_before(candidates[j], candidates[j - 1]); --j)
                        std::swap(candidates[j], candidates[j - 1]);
            }
            match_candidates<W>(candidates, n, pairs, truth_of, cell.dt_flags[std::size_t(d)], to);
        }
        word_t* const ignored = out.ignored + d * n_words;
        for (index_t w = 0; w < n_words; ++w) ignored[w] = to.found_ignored[w] | (ignored[w] & ~to.matched[w]);
    }
}

namespace cpu {

void match_boxes(View<const double, 2> dt_boxes, View<const double, 1> dt_area, View<const std::uint8_t, 1> dt_flags,
                 View<const std::int32_t, 1> rows, View<const index_t, 1> offsets, View<const double, 2> gt_boxes,
                 View<const double, 1> gt_area, View<const std::uint8_t, 1> gt_flags,
                 View<const std::int32_t, 1> gt_order, View<const index_t, 1> cell_gt, View<const double, 1> thresholds,
                 View<const word_t, 2> reach, View<const double, 2> area_ranges, View<const word_t, 2> area_words,
                 View<std::int32_t, 2> n_gt, View<word_t, 2> matched, View<word_t, 2> ignored,
                 View<std::int32_t, 2> match_of, View<double, 2> match_iou, index_t begin, index_t end,
                 const Threads& threads);

void match_ious(View<const double, 1> ious, View<const index_t, 1> iou_offsets, View<const index_t, 1> dt_offsets,
                View<const index_t, 1> gt_offsets, View<const word_t, 2> gt_ignored,
                View<const std::uint8_t, 1> gt_flags, View<const double, 1> thresholds, View<const word_t, 2> reach,
                View<word_t, 2> matched, View<word_t, 2> ignored, View<std::int32_t, 2> match_of,
                View<double, 2> match_iou, index_t begin, index_t end, const Threads& threads);

}  // namespace cpu

namespace cuda {

void match_boxes(View<const double, 2> dt_boxes, View<const double, 1> dt_area, View<const std::uint8_t, 1> dt_flags,
                 View<const std::int32_t, 1> rows, View<const index_t, 1> offsets, View<const double, 2> gt_boxes,
                 View<const double, 1> gt_area, View<const std::uint8_t, 1> gt_flags,
                 View<const std::int32_t, 1> gt_order, View<const index_t, 1> cell_gt, View<const double, 1> thresholds,
                 View<const word_t, 2> reach, View<const double, 2> area_ranges, View<const word_t, 2> area_words,
                 View<std::int32_t, 2> n_gt, View<word_t, 2> matched, View<word_t, 2> ignored,
                 View<std::int32_t, 2> match_of, View<double, 2> match_iou, index_t begin, index_t end,
                 const Queue& queue);

void match_ious(View<const double, 1> ious, View<const index_t, 1> iou_offsets, View<const index_t, 1> dt_offsets,
                View<const index_t, 1> gt_offsets, View<const word_t, 2> gt_ignored,
                View<const std::uint8_t, 1> gt_flags, View<const double, 1> thresholds, View<const word_t, 2> reach,
                View<word_t, 2> matched, View<word_t, 2> ignored, View<std::int32_t, 2> match_of,
                View<double, 2> match_iou, index_t begin, index_t end, const Queue& queue);

}  // namespace cuda
}  // namespace pymetrics
