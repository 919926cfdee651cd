#pragma once
// The matching of one cell on the CPU: it knows overlaps and words, but neither shapes nor areas.
#include <algorithm>

#include "matching.h"
#include "scratch.h"

namespace pymetrics::cpu {

// A cell's overlaps, of detection d and ground truth g: an overlap source is anything that is called like these.
// Row-major, (detections, ground truths), as match_cells is given them.
struct RowOverlaps {
    const double* data;
    index_t n_gt;

    double operator()(index_t d, index_t g) const { return data[d * n_gt + g]; }
};

// (ground truths, detections): vectors write the overlaps of many detections with one ground truth.
struct ColumnOverlaps {
    const double* data;
    index_t n_dt;

    double operator()(index_t d, index_t g) const { return data[g * n_dt + d]; }
};

struct CellInputs {
    index_t n_dt, n_gt;
    const std::uint8_t *dt_flags, *gt_flags;  // (n_dt,), (n_gt,)
    const std::int32_t* gt_rows;              // (n_gt,)
    const word_t* gt_ignored;                 // (n_gt, W)
    const double* highest;                    // (n_dt,) each detection's highest overlap
    bool has_nan;                             // among the overlaps
};

// Where the results of a cell go, by detection. matched, match_of and match_iou hold 0, -1 and 0 beforehand; ignored
// holds the bits for which a detection is ignored if it takes no ground truth.
struct CellOutputs {
    word_t *matched, *ignored;  // (n_dt, W)
    std::int32_t* match_of;     // (n_dt, A * T), or null
    double* match_iou;
    index_t n_bits;  // A * T

    CellOutputs(View<word_t, 2> matched, View<word_t, 2> ignored, View<std::int32_t, 2> match_of,
                View<double, 2> match_iou, index_t first_dt)
        : matched(matched.row(first_dt)),
          ignored(ignored.row(first_dt)),
          match_of(match_of.shape[0] > 0 ? match_of.row(first_dt) : nullptr),
          match_iou(match_of.shape[0] > 0 ? match_iou.row(first_dt) : nullptr),
          n_bits(match_of.shape[1]) {}
};

struct CellScratch {
    Scratch<word_t> taken;                 // (n_gt, W)
    Scratch<Candidate> candidates;         // (n_gt,)
    Scratch<word_t> found, found_ignored;  // (W,)
};

// One detection, while it is matched.
struct Match {
    bool keeps_free;
    word_t *found, *found_ignored;  // (W,) the bits with a match, and those whose match is ignored
    word_t* matched;                // (W,)
    const std::int32_t* gt_rows;    // (n_gt,)
    std::int32_t* match_of;         // (A * T,), or null
    double* match_iou;

    // Takes, in word w, the bits `got` of ground truth g.
    void take(const GroundTruthWords& gt, std::int32_t g, double overlap, index_t w, word_t got, bool ignorable) const {
        found[w] |= got;
        if (!keeps_free) gt.taken[w] |= got;
        if (!(gt.flags & ID_ZERO)) matched[w] |= got;
        if (ignorable) found_ignored[w] |= got;
        if (!match_of) return;
        for (word_t left = got; left; left &= left - 1) {
            const index_t b = w * 64 + lowest_bit(left);
            match_of[b] = gt_rows[g];
            match_iou[b] = overlap;
        }
    }
};

// candidates: by falling overlap, of equals the later first (LAST_OF_EQUALS). W: the number of words, or 0 for any.
template <int W, class GroundTruth>
void match_candidates(const Candidate* candidates, index_t n, const ThresholdBits& bits, GroundTruth ground_truth,
                      const Match& to) {
    const index_t n_words = W ? W : bits.reached_bits.shape[1];
    // Pass 0: ground truths that count. Pass 1: ignored ones, for the bits that are still unmatched.
    for (int ignorable = 0; ignorable < 2; ++ignorable)
        for (index_t i = 0; i < n; ++i) {
            const Candidate c = candidates[i];
            const GroundTruthWords gt = ground_truth(c.g);
            const index_t n_reached = bits.n_reached(c.overlap);
            for (index_t w = 0; w < n_words; ++w) {
                const bool crowd = ignorable && gt.flags & CROWD;  // any number of detections may take it
                const word_t eligible = ignorable ? gt.ignored[w] : ~gt.ignored[w];
                const word_t not_taken = crowd ? ~word_t(0) : ~gt.taken[w];
                const word_t got = bits.reached_bits(n_reached, w) & ~to.found[w] & eligible & not_taken;
                if (got) to.take(gt, c.g, c.overlap, w, got, ignorable);
            }
        }
}

template <class Overlap, class GroundTruth>
void match_literally(index_t b, Overlap overlap, index_t n_gt, const ThresholdBits& bits, GroundTruth ground_truth,
                     const Match& to) {
    const Choice choice = choose_literally(b, overlap, n_gt, bits, ground_truth);
    if (choice.g < 0) return;
    to.take(ground_truth(choice.g), std::int32_t(choice.g), overlap(choice.g), b / 64, word_t(1) << (b % 64),
            choice.ignored);
}

// Matches one cell, whose detections are by falling score. Stops in the middle where the call is interrupted.
template <int W, class Overlaps>
void match_cell(const CellInputs& cell, const Overlaps& overlaps, const ThresholdBits& bits, const CellOutputs& out,
                CellScratch& scratch, Interrupt& interrupt) {
    const index_t n_words = W ? W : bits.reached_bits.shape[1], n_gt = cell.n_gt;
    word_t* const taken = scratch.taken.take(n_gt * n_words);
    std::fill_n(taken, n_gt * n_words, 0);
    auto ground_truth = [&](index_t g) -> GroundTruthWords {
        return {cell.gt_flags[g], cell.gt_ignored + g * n_words, taken + g * n_words};
    };
    const double lowest = bits.thresholds[0];
    Candidate* const candidates = scratch.candidates.take(n_gt);
    word_t* const found = scratch.found.take(n_words);
    word_t* const found_ignored = scratch.found_ignored.take(n_words);
    for (index_t d = 0; d < cell.n_dt; ++d) {
        if (!cell.has_nan && cell.highest[d] < lowest) continue;
        if (interrupt.stopped_after(cell.has_nan ? n_gt * n_words * 64 : n_gt)) return;
        auto overlap = [&](index_t g) { return overlaps(d, g); };
        const Match to = {(cell.dt_flags[d] & KEEPS_FREE) != 0,
                          found,
                          found_ignored,
                          out.matched + d * n_words,
                          cell.gt_rows,
                          out.match_of ? out.match_of + d * out.n_bits : nullptr,
                          out.match_of ? out.match_iou + d * out.n_bits : nullptr};
        for (index_t w = 0; w < n_words; ++w) found[w] = found_ignored[w] = 0;
        if (cell.has_nan) {
            for (index_t w = 0; w < n_words; ++w)
                for (word_t left = bits.all_bits(w); left; left &= left - 1)
                    match_literally(w * 64 + lowest_bit(left), overlap, n_gt, bits, ground_truth, to);
        } else {
            index_t n = 0;
            for (index_t g = 0; g < n_gt; ++g)
                if (overlap(g) >= lowest) candidates[n++] = {std::int32_t(g), overlap(g)};
            if (n > 24) {
                std::sort(candidates, candidates + n, goes_before);
            } else {
                for (index_t i = 1; i < n; ++i)
                    for (index_t j = i; j > 0 && goes_before(candidates[j], candidates[j - 1]); --j)
                        std::swap(candidates[j], candidates[j - 1]);
            }
            match_candidates<W>(candidates, n, bits, ground_truth, to);
        }
        word_t* const ignored = out.ignored + d * n_words;
        for (index_t w = 0; w < n_words; ++w)
            ignored[w] = found_ignored[w] | (ignored[w] & ~to.matched[w]);  // MATCHED_OUTSIDE
    }
}

}  // namespace pymetrics::cpu
