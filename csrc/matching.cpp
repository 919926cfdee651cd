#include "matching.h"

#include <limits>
#include <vector>

#include "boxes.h"
#include "match_cell.h"

namespace pymetrics::cpu {
namespace {

constexpr double kLowest = -std::numeric_limits<double>::infinity();

// Detections [first, last) have no match.
void leave_unmatched(View<word_t, 2> matched, View<std::int32_t, 2> match_of, View<double, 2> match_iou, index_t first,
                     index_t last) {
    const index_t n_bits = match_of.shape[1];
    std::fill(matched.row(first), matched.row(last), 0);
    if (!match_of.shape[0]) return;
    std::fill_n(match_of.row(first), (last - first) * n_bits, -1);
    std::fill_n(match_iou.row(first), (last - first) * n_bits, 0.0);
}

// Adds one to the counts of the area ranges that an area is in.
void count_inside(double area, View<const double, 2> area_ranges, std::int32_t* counts) {
    for (index_t a = 0; a < area_ranges.shape[0]; ++a) counts[a] += is_inside(area, area_ranges, a);
}

std::vector<word_t> all_words(View<const word_t, 2> area_bits) {
    std::vector<word_t> out(std::size_t(area_bits.shape[1]));
    pymetrics::all_words<0>(area_bits, out.data());
    return out;
}

// One thread's share of match_boxes.
template <int W>
class BoxMatcher {
    const MatchBoxes& of;
    Interrupt& interrupt;
    const index_t n_words = W ? W : of.matched.shape[1];
    const ThresholdBits bits = {of.thresholds, of.reached_bits};
    const std::vector<word_t> all = all_words(of.area_bits);
    BoxColumns boxes;
    Scratch<double> overlaps_of_cell, highest;
    Scratch<word_t> gt_ignored;
    Scratch<std::uint8_t> gt_flags, dt_flags;
    CellScratch scratch;

  public:
    BoxMatcher(const MatchBoxes& of, Interrupt& interrupt) : of(of), interrupt(interrupt) {}

    // Initialise all detections of the range in one loop. Most cells have no ground truth; one long loop is faster than
    // many short loops.
    void operator()(index_t low, index_t high) {
        const index_t first = of.dt_offsets[low], last = of.dt_offsets[high];
        std::fill(of.n_gt.row(low), of.n_gt.row(high), 0);
        leave_unmatched(of.matched, of.match_of, of.match_iou, first, last);
        for (index_t d = first; d < last; ++d) {
            prefetch(d + 64);
            const index_t row = of.dt_rows[d];
            const double area = of.dt_area.shape[0] ? of.dt_area[row] : of.dt_boxes(row, 2) * of.dt_boxes(row, 3);
            outside_words<W>(area, of.area_ranges, of.area_bits, of.ignored.data + d * n_words);
        }
        for (index_t c = low; c < high && !interrupt.stopped(); ++c)
            if (of.gt_offsets[c + 1] > of.gt_offsets[c]) match(c);
    }

  private:
    // Detections are anywhere in memory: ask for the boxes of later ones. A box may lie in two cache lines.
    void prefetch(index_t d) const {
        if (d >= of.dt_rows.shape[0]) return;
        PM_PREFETCH(of.dt_boxes.row(of.dt_rows[d]));
        PM_PREFETCH(of.dt_boxes.row(of.dt_rows[d]) + 3);
    }

    void match(index_t c) {
        const index_t d0 = of.dt_offsets[c], n_dt = of.dt_offsets[c + 1] - d0;
        const index_t g0 = of.gt_offsets[c], n_gt = of.gt_offsets[c + 1] - g0;
        CellInputs cell = {n_dt, n_gt, nullptr, nullptr, of.gt_rows.data + g0, nullptr, nullptr, false};
        load_ground_truths(cell, of.n_gt.row(c));
        if (n_dt == 0) return;
        load_detections(cell, d0);
        double* const values = overlaps_of_cell.take(n_dt * n_gt);
        double* const most = highest.take(n_dt);
        std::fill_n(most, n_dt, kLowest);
        for (index_t g = 0; g < n_gt; ++g) {
            if (interrupt.stopped_after(n_dt)) return;
            const Box gt = load(of.gt_boxes, cell.gt_rows[g]);
            cell.has_nan |= overlaps(boxes, n_dt, gt, cell.gt_flags[g] & CROWD, values + g * n_dt, most);
        }
        cell.highest = most;
        const CellOutputs out(of.matched, of.ignored, of.match_of, of.match_iou, d0);
        match_cell<W>(cell, ColumnOverlaps{values, n_dt}, bits, out, scratch, interrupt);
    }

    void load_ground_truths(CellInputs& cell, std::int32_t* counts) {
        std::uint8_t* const flags = gt_flags.take(cell.n_gt);
        word_t* const ignored = gt_ignored.take(cell.n_gt * n_words);
        for (index_t g = 0; g < cell.n_gt; ++g) {
            const index_t row = cell.gt_rows[g];
            const double area = of.gt_area[row];
            flags[g] = of.gt_flags[row];
            if (flags[g] & (CROWD | IGNORE)) {
                std::copy_n(all.data(), n_words, ignored + g * n_words);
                continue;
            }
            outside_words<W>(area, of.area_ranges, of.area_bits, ignored + g * n_words);
            count_inside(area, of.area_ranges, counts);
        }
        cell.gt_flags = flags;
        cell.gt_ignored = ignored;
    }

    void load_detections(CellInputs& cell, index_t d0) {
        std::uint8_t* const flags = dt_flags.take(cell.n_dt);
        boxes.resize(cell.n_dt);
        for (index_t d = 0; d < cell.n_dt; ++d) {
            const index_t row = of.dt_rows[d0 + d];
            boxes.set(d, load(of.dt_boxes, row));
            flags[d] = of.dt_flags.shape[0] ? of.dt_flags[row] : 0;
        }
        cell.dt_flags = flags;
    }
};

// One thread's share of match_cells.
template <int W>
class CellMatcher {
    const MatchCells& of;
    Interrupt& interrupt;
    const index_t n_words = W ? W : of.matched.shape[1];
    const ThresholdBits bits = {of.thresholds, of.reached_bits};
    Scratch<double> highest;
    Scratch<std::uint8_t> gt_flags, dt_flags;
    CellScratch scratch;

  public:
    CellMatcher(const MatchCells& of, Interrupt& interrupt) : of(of), interrupt(interrupt) {}

    void operator()(index_t low, index_t high) {
        const index_t first = of.dt_offsets[low], last = of.dt_offsets[high];
        leave_unmatched(of.matched, of.match_of, of.match_iou, first, last);
        if (of.dt_ignored.shape[0]) std::copy(of.dt_ignored.row(first), of.dt_ignored.row(last), of.ignored.row(first));
        else std::fill(of.ignored.row(first), of.ignored.row(last), 0);
        for (index_t c = low; c < high && !interrupt.stopped(); ++c)
            if (of.gt_offsets[c + 1] > of.gt_offsets[c] && of.dt_offsets[c + 1] > of.dt_offsets[c]) match(c);
    }

  private:
    void match(index_t c) {
        const index_t d0 = of.dt_offsets[c], n_dt = of.dt_offsets[c + 1] - d0;
        const index_t g0 = of.gt_offsets[c], n_gt = of.gt_offsets[c + 1] - g0;
        const std::int32_t *const dt_rows = of.dt_rows.data + d0, *const gt_rows = of.gt_rows.data + g0;
        std::uint8_t *const dt = dt_flags.take(n_dt), *const gt = gt_flags.take(n_gt);
        for (index_t d = 0; d < n_dt; ++d) dt[d] = of.dt_flags.shape[0] ? of.dt_flags[dt_rows[d]] : 0;
        for (index_t g = 0; g < n_gt; ++g) gt[g] = of.gt_flags[gt_rows[g]];
        const RowOverlaps overlaps = {of.overlaps.data + of.overlap_offsets[c], n_gt};
        double* const most = highest.take(n_dt);
        bool has_nan = false;
        for (index_t d = 0; d < n_dt; ++d) {
            if (interrupt.stopped_after(n_gt)) return;
            double high = kLowest;
            for (index_t g = 0; g < n_gt; ++g) {
                const double v = overlaps(d, g);
                high = std::max(high, v);
                has_nan |= v != v;
            }
            most[d] = high;
        }
        const CellInputs cell = {n_dt, n_gt, dt, gt, gt_rows, of.gt_ignored.row(g0), most, has_nan};
        const CellOutputs out(of.matched, of.ignored, of.match_of, of.match_iou, d0);
        match_cell<W>(cell, overlaps, bits, out, scratch, interrupt);
    }
};

}  // namespace

void area_words(const AreaWords& of, const Threads& threads) {
    const index_t n_words = of.area_bits.shape[1];
    const std::vector<word_t> all = all_words(of.area_bits);
    parallel_for(of.begin, of.end, 512, threads, [&](Interrupt&) {
        return [&](index_t low, index_t high) {
            for (index_t c = low; c < high; ++c) {
                std::int32_t* const counts = of.n_inside.shape[0] ? of.n_inside.row(c) : nullptr;
                if (counts) std::fill_n(counts, of.n_inside.shape[1], 0);
                for (index_t i = of.offsets[c]; i < of.offsets[c + 1]; ++i) {
                    const index_t row = of.rows[i];
                    if (of.flags.shape[0] && of.flags[row] & of.always) {
                        std::copy_n(all.data(), n_words, of.words.row(i));
                        continue;
                    }
                    outside_words<0>(of.area[row], of.area_ranges, of.area_bits, of.words.row(i));
                    if (counts) count_inside(of.area[row], of.area_ranges, counts);
                }
            }
        };
    });
}

namespace {

// With the number of words as a constant where it is 1, and else 0.
template <template <int> class Matcher, class Arguments>
void match_all(const Arguments& of, const Threads& threads) {
    auto run = [&](auto words) {
        parallel_for(of.begin, of.end, 512, threads,
                     [&](Interrupt& interrupt) { return Matcher<decltype(words)::value>(of, interrupt); });
    };
    if (of.matched.shape[1] == 1) run(std::integral_constant<int, 1>());
    else run(std::integral_constant<int, 0>());
}

}  // namespace

void match_cells(const MatchCells& of, const Threads& threads) { match_all<CellMatcher>(of, threads); }

void match_boxes(const MatchBoxes& of, const Threads& threads) { match_all<BoxMatcher>(of, threads); }

}  // namespace pymetrics::cpu
