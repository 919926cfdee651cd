#include "matching.h"

#include <limits>

#include "boxes.h"

namespace pymetrics::cpu {
namespace {

CellOut outputs(View<word_t, 2> matched, View<word_t, 2> ignored, View<std::int32_t, 2> match_of,
                View<double, 2> match_iou, index_t d) {
    const bool keep = match_of.shape[0] > 0;
    return {matched.row(d), ignored.row(d), keep ? match_of.row(d) : nullptr, keep ? match_iou.row(d) : nullptr,
            match_of.shape[1]};
}

struct BoxInputs {
    View<const double, 2> dt_boxes;
    View<const double, 1> dt_area;
    View<const std::uint8_t, 1> dt_flags;
    View<const std::int32_t, 1> rows;
    View<const index_t, 1> offsets;
    View<const double, 2> gt_boxes;
    View<const double, 1> gt_area;
    View<const std::uint8_t, 1> gt_flags;
    View<const std::int32_t, 1> gt_order;
    View<const index_t, 1> cell_gt;
    Pairs pairs;
    View<const double, 2> area_ranges;
    View<const word_t, 2> area_words;
};

struct BoxOutputs {
    View<std::int32_t, 2> n_gt;
    View<word_t, 2> matched, ignored;
    View<std::int32_t, 2> match_of;
    View<double, 2> match_iou;
};

// The cells of one thread.
template <int W>
class BoxMatcher {
    const BoxInputs& in;
    const BoxOutputs& out;
    const index_t n_words = W ? W : out.matched.shape[1];
    Cell cell;
    BoxColumns boxes;

  public:
    BoxMatcher(const BoxInputs& in, const BoxOutputs& out) : in(in), out(out) {}

    // First what needs no ground truth, for all detections in a row: most cells have none, and short loops cost dear.
    void operator()(index_t low, index_t high) {
        const index_t first = in.offsets[low], last = in.offsets[high], n_bits = out.match_of.shape[1];
        std::fill(out.n_gt.row(low), out.n_gt.row(high), 0);
        std::fill(out.matched.row(first), out.matched.row(last), 0);
        for (index_t d = first; d < last; ++d) {
            ask_for(d + 64);
            const index_t row = in.rows[d];
            const double area = in.dt_area.shape[0] ? in.dt_area[row] : in.dt_boxes(row, 2) * in.dt_boxes(row, 3);
            outside_words<W>(area, in.area_ranges, in.area_words, out.ignored.data + d * n_words);
        }
        if (out.match_of.shape[0]) {
            std::fill_n(out.match_of.row(first), (last - first) * n_bits, -1);
            std::fill_n(out.match_iou.row(first), (last - first) * n_bits, 0.0);
        }
        for (index_t c = low; c < high; ++c)
            if (in.cell_gt[c + 1] > in.cell_gt[c]) match_one(c);
    }

  private:
    void match_one(index_t c) {
        const index_t d0 = in.offsets[c], n_dt = in.offsets[c + 1] - d0, g0 = in.cell_gt[c],
                      n_gt = in.cell_gt[c + 1] - g0;
        cell.resize(n_dt, n_gt, n_words);
        load_ground_truths(c, g0, n_gt);
        if (n_dt == 0) return;
        overlap(d0, n_dt, g0, n_gt);
        const CellOut to = outputs(out.matched, out.ignored, out.match_of, out.match_iou, d0);
        match_cell<W>(cell, in.pairs, to);
        if (to.match_of)
            for (index_t i = 0; i < n_dt * to.n_bits; ++i)
                if (to.match_of[i] >= 0) to.match_of[i] = in.gt_order[g0 + to.match_of[i]];
    }

    // Detections are anywhere in memory: have the boxes of later ones on their way. A box may lie in two cache lines.
    void ask_for(index_t d) const {
        if (d >= in.rows.shape[0]) return;
        PM_PREFETCH(in.dt_boxes.row(in.rows[d]));
        PM_PREFETCH(in.dt_boxes.row(in.rows[d]) + 3);
    }

    void load_ground_truths(index_t c, index_t g0, index_t n_gt) {
        for (index_t g = 0; g < n_gt; ++g) {
            const index_t row = in.gt_order[g0 + g];
            const double area = in.gt_area[row];
            const std::uint8_t flags = cell.gt_flags[std::size_t(g)] = in.gt_flags[row];
            word_t* const ignored = &cell.ignored[std::size_t(g * n_words)];
            if (flags & (CROWD | IGNORE)) {
                std::copy_n(in.pairs.reach.row(in.pairs.thresholds.shape[0]), n_words, ignored);
                continue;
            }
            outside_words<W>(area, in.area_ranges, in.area_words, ignored);
            for (index_t a = 0; a < out.n_gt.shape[1]; ++a)
                out.n_gt(c, a) += !(area < in.area_ranges(a, 0) || area > in.area_ranges(a, 1));
        }
    }

    void overlap(index_t d0, index_t n_dt, index_t g0, index_t n_gt) {
        boxes.resize(n_dt);
        for (index_t d = 0; d < n_dt; ++d) {
            const index_t row = in.rows[d0 + d];
            boxes.set(d, load(in.dt_boxes, row));
            cell.dt_flags[std::size_t(d)] = in.dt_flags.shape[0] ? in.dt_flags[row] : 0;
        }
        std::fill_n(cell.best.data(), n_dt, -std::numeric_limits<double>::infinity());
        for (index_t g = 0; g < n_gt; ++g)
            cell.has_nan |=
                overlaps(boxes, n_dt, load(in.gt_boxes, in.gt_order[g0 + g]), cell.gt_flags[std::size_t(g)] & CROWD,
                         &cell.ious[std::size_t(g * n_dt)], cell.best.data());
    }
};

}  // namespace

void match_boxes(View<const double, 2> dt_boxes, View<const double, 1> dt_area, View<const std::uint8_t, 1> dt_flags,
                 View<const std::int32_t, 1> rows, View<const index_t, 1> offsets, View<const double, 2> gt_boxes,
                 View<const double, 1> gt_area, View<const std::uint8_t, 1> gt_flags,
                 View<const std::int32_t, 1> gt_order, View<const index_t, 1> cell_gt, View<const double, 1> thresholds,
                 View<const word_t, 2> reach, View<const double, 2> area_ranges, View<const word_t, 2> area_words,
                 View<std::int32_t, 2> n_gt, View<word_t, 2> matched, View<word_t, 2> ignored,
                 View<std::int32_t, 2> match_of, View<double, 2> match_iou, index_t begin, index_t end,
                 const Threads& threads) {
    const BoxInputs in = {dt_boxes,
                          dt_area,
                          dt_flags,
                          rows,
                          offsets,
                          gt_boxes,
                          gt_area,
                          gt_flags,
                          gt_order,
                          cell_gt,
                          {thresholds, reach},
                          area_ranges,
                          area_words};
    const BoxOutputs out = {n_gt, matched, ignored, match_of, match_iou};
    if (matched.shape[1] == 1) parallel_for(begin, end, 512, threads, [&] { return BoxMatcher<1>(in, out); });
    else parallel_for(begin, end, 512, threads, [&] { return BoxMatcher<0>(in, out); });
}

void match_ious(View<const double, 1> ious, View<const index_t, 1> iou_offsets, View<const index_t, 1> dt_offsets,
                View<const index_t, 1> gt_offsets, View<const word_t, 2> gt_ignored,
                View<const std::uint8_t, 1> gt_flags, View<const double, 1> thresholds, View<const word_t, 2> reach,
                View<word_t, 2> matched, View<word_t, 2> ignored, View<std::int32_t, 2> match_of,
                View<double, 2> match_iou, index_t begin, index_t end, const Threads& threads) {
    const Pairs pairs = {thresholds, reach};
    const index_t n_words = matched.shape[1];
    parallel_for(begin, end, 16, threads, [&] {
        return [&, cell = Cell()](index_t low, index_t high) mutable {
            for (index_t p = low; p < high; ++p) {
                const index_t d0 = dt_offsets[p], g0 = gt_offsets[p];
                cell.resize(dt_offsets[p + 1] - d0, gt_offsets[p + 1] - g0, n_words);
                std::fill_n(cell.best.data(), cell.n_dt, -std::numeric_limits<double>::infinity());
                const double* overlap = ious.data + iou_offsets[p];
                for (index_t d = 0; d < cell.n_dt; ++d)
                    for (index_t g = 0; g < cell.n_gt; ++g, ++overlap) {
                        cell.ious[std::size_t(g * cell.n_dt + d)] = *overlap;
                        cell.best[std::size_t(d)] = std::max(cell.best[std::size_t(d)], *overlap);
                        cell.has_nan |= *overlap != *overlap;
                    }
                std::copy_n(gt_ignored.row(g0), cell.n_gt * n_words, cell.ignored.data());
                std::copy_n(gt_flags.data + g0, cell.n_gt, cell.gt_flags.data());
                std::fill_n(cell.dt_flags.data(), cell.n_dt, std::uint8_t(0));
                const CellOut out = outputs(matched, ignored, match_of, match_iou, d0);
                std::fill_n(out.matched, cell.n_dt * n_words, 0);
                std::fill_n(out.ignored, cell.n_dt * n_words, 0);
                if (out.match_of)
                    std::fill_n(out.match_of, cell.n_dt * out.n_bits, -1),
                        std::fill_n(out.match_iou, cell.n_dt * out.n_bits, 0.0);
                n_words == 1 ? match_cell<1>(cell, pairs, out) : match_cell<0>(cell, pairs, out);
            }
        };
    });
}

}  // namespace pymetrics::cpu
