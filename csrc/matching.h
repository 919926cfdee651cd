#pragma once
// Greedy matching, all area ranges and thresholds at once: each (area, threshold) pair is a bit of W 64-bit words. One
// pass over a detection's candidates serves all pairs: each bit takes the first candidate that is eligible for it. See
// kernels/matching.py. Here is what the processors share; the rule itself is in match_cell.h and matching_device.h.
#include "common.h"
#include "cuda/queue.h"
#include "parallel.h"

namespace pymetrics {

enum GtFlag : std::uint8_t { CROWD = 1, ID_ZERO = 2, IGNORE = 4 };
enum DtFlag : std::uint8_t { KEEPS_FREE = 1 };

struct ThresholdBits {
    View<const double, 1> thresholds;    // (T,) ascending
    View<const word_t, 2> reached_bits;  // (T + 1, W) bits whose threshold is among the first so many

    PM_HD index_t n_reached(double overlap) const {
        index_t n = 0;
        for (index_t t = 0; t < thresholds.shape[0]; ++t) n += overlap >= thresholds[t];
        return n;
    }
    // Word w of the bits of all pairs.
    PM_HD word_t all_bits(index_t w) const { return reached_bits(thresholds.shape[0], w); }
};

struct GroundTruthWords {
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

// The bits of the area ranges that an area is not in.
template <int W>
PM_HD void outside_words(double area, View<const double, 2> area_ranges, View<const word_t, 2> area_bits, word_t* out) {
    const index_t n_words = W ? W : area_bits.shape[1];
    for (index_t w = 0; w < n_words; ++w) {
        word_t word = 0;
        for (index_t a = 0; a < area_ranges.shape[0]; ++a) {
            const bool outside = (area < area_ranges.data[2 * a]) | (area > area_ranges.data[2 * a + 1]);
            word |= area_bits.data[a * n_words + w] & (word_t(0) - word_t(outside));
        }
        out[w] = word;
    }
}

// The bits of every area range.
template <int W>
PM_HD void all_words(View<const word_t, 2> area_bits, word_t* out) {
    const index_t n_words = W ? W : area_bits.shape[1];
    for (index_t w = 0; w < n_words; ++w) {
        word_t word = 0;
        for (index_t a = 0; a < area_bits.shape[0]; ++a) word |= area_bits.data[a * n_words + w];
        out[w] = word;
    }
}

PM_HD bool is_inside(double area, View<const double, 2> area_ranges, index_t a) {
    return !(area < area_ranges.data[2 * a] || area > area_ranges.data[2 * a + 1]);
}

struct Choice {
    index_t g;  // or -1
    bool ignored;
};

// What one detection takes at one (area, threshold) pair by pycocotools' own loop, for overlaps that have no order
// (NAN_OVERLAP). overlap(g), ground_truth(g) -> GroundTruthWords.
template <class Overlap, class GroundTruth>
PM_HD Choice choose_literally(index_t b, Overlap overlap, index_t n_gt, const ThresholdBits& bits,
                              GroundTruth ground_truth) {
    const index_t w = b / 64;
    const word_t bit = word_t(1) << (b % 64);
    index_t n_reached = 0;  // the pair's threshold is the last one that reaches the bit
    while (!(bits.reached_bits(n_reached + 1, w) & bit)) ++n_reached;
    double best = bits.thresholds[n_reached];
    Choice choice = {-1, false};
    for (int ignorable = 0; ignorable < 2; ++ignorable) {
        if (choice.g >= 0 && !choice.ignored) break;
        for (index_t g = 0; g < n_gt; ++g) {
            const GroundTruthWords gt = ground_truth(g);
            if (((gt.ignored[w] & bit) != 0) != (ignorable == 1)) continue;
            if (gt.taken[w] & bit && !(gt.flags & CROWD)) continue;
            const double v = overlap(g);
            if (v < best) continue;
            best = v;
            choice = {g, ignorable == 1};
        }
    }
    return choice;
}

// The arguments of each kernel, in the order of its Python namesake; `each` gives their names and members.
struct AreaWords {
    View<const double, 1> area;
    View<const std::uint8_t, 1> flags;
    index_t always;
    View<const std::int32_t, 1> rows;
    View<const index_t, 1> offsets;
    View<const double, 2> area_ranges;
    View<const word_t, 2> area_bits;
    View<word_t, 2> words;
    View<std::int32_t, 2> n_inside;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("area", area);
        f("flags", flags);
        f("always", always);
        f("rows", rows);
        f("offsets", offsets);
        f("area_ranges", area_ranges);
        f("area_bits", area_bits);
        f("words", words);
        f("n_inside", n_inside);
        f("begin", begin);
        f("end", end);
    }
};

struct MatchCells {
    View<const double, 1> overlaps;
    View<const index_t, 1> overlap_offsets;
    View<const std::int32_t, 1> dt_rows;
    View<const std::uint8_t, 1> dt_flags;
    View<const word_t, 2> dt_ignored;
    View<const index_t, 1> dt_offsets;
    View<const std::int32_t, 1> gt_rows;
    View<const std::uint8_t, 1> gt_flags;
    View<const word_t, 2> gt_ignored;
    View<const index_t, 1> gt_offsets;
    View<const double, 1> thresholds;
    View<const word_t, 2> reached_bits;
    View<word_t, 2> matched, ignored;
    View<std::int32_t, 2> match_of;
    View<double, 2> match_iou;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("overlaps", overlaps);
        f("overlap_offsets", overlap_offsets);
        f("dt_rows", dt_rows);
        f("dt_flags", dt_flags);
        f("dt_ignored", dt_ignored);
        f("dt_offsets", dt_offsets);
        f("gt_rows", gt_rows);
        f("gt_flags", gt_flags);
        f("gt_ignored", gt_ignored);
        f("gt_offsets", gt_offsets);
        f("thresholds", thresholds);
        f("reached_bits", reached_bits);
        f("matched", matched);
        f("ignored", ignored);
        f("match_of", match_of);
        f("match_iou", match_iou);
        f("begin", begin);
        f("end", end);
    }
};

struct MatchBoxes {
    View<const double, 2> dt_boxes;
    View<const double, 1> dt_area;
    View<const std::int32_t, 1> dt_rows;
    View<const std::uint8_t, 1> dt_flags;
    View<const index_t, 1> dt_offsets;
    View<const double, 2> gt_boxes;
    View<const double, 1> gt_area;
    View<const std::int32_t, 1> gt_rows;
    View<const std::uint8_t, 1> gt_flags;
    View<const index_t, 1> gt_offsets;
    View<const double, 1> thresholds;
    View<const word_t, 2> reached_bits;
    View<const double, 2> area_ranges;
    View<const word_t, 2> area_bits;
    View<std::int32_t, 2> n_gt;
    View<word_t, 2> matched, ignored;
    View<std::int32_t, 2> match_of;
    View<double, 2> match_iou;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("dt_boxes", dt_boxes);
        f("dt_area", dt_area);
        f("dt_rows", dt_rows);
        f("dt_flags", dt_flags);
        f("dt_offsets", dt_offsets);
        f("gt_boxes", gt_boxes);
        f("gt_area", gt_area);
        f("gt_rows", gt_rows);
        f("gt_flags", gt_flags);
        f("gt_offsets", gt_offsets);
        f("thresholds", thresholds);
        f("reached_bits", reached_bits);
        f("area_ranges", area_ranges);
        f("area_bits", area_bits);
        f("n_gt", n_gt);
        f("matched", matched);
        f("ignored", ignored);
        f("match_of", match_of);
        f("match_iou", match_iou);
        f("begin", begin);
        f("end", end);
    }
};

namespace cpu {

void area_words(const AreaWords& of, const Threads& threads);
void match_cells(const MatchCells& of, const Threads& threads);
void match_boxes(const MatchBoxes& of, const Threads& threads);

}  // namespace cpu

namespace cuda {

void area_words(const AreaWords& of, const Queue& queue);
void match_cells(const MatchCells& of, const Queue& queue);
void match_boxes(const MatchBoxes& of, const Queue& queue);

}  // namespace cuda
}  // namespace pymetrics
