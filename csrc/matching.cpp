#include "matching.h"

#include <limits>

#include "boxes.h"

namespace pymetrics::cpu {
namespace {

CellOut outputs(View<word_t, 2> matched, View<word_t, 2> ignored, View<std::int32_t, 2> match_of, View<double, 2> match_iou,
                index_t d) {
    const bool keep = match_of.shape[0] > 0;
    return {matched.row(d), ignored.row(d), keep ? match_of.row(d) : nullptr, keep ? match_iou.row(d) : nullptr,
            match_of.shape[1]};
}

}  // namespace

void match_boxes(View<const double, 2> dt_boxes, View<const double, 1> dt_area, View<const std::uint8_t, 1> dt_flags,
                 View<const std::int32_t, 1> rows, View<const index_t, 1> offsets, View<const double, 2> gt_boxes,
                 View<const double, 1> gt_area, View<const std::uint8_t, 1> gt_flags, View<const std::int32_t, 1> gt_order,
                 View<const index_t, 1> cell_gt, View<const double, 1> thresholds, View<const word_t, 2> reach,
                 View<const double, 2> area_ranges, View<const word_t, 2> area_words, View<std::int32_t, 2> n_gt,
                 View<word_t, 2> matched, View<word_t, 2> ignored, View<std::int32_t, 2> match_of,
                 View<double, 2> match_iou, index_t begin, index_t end, const Threads& threads) {
    const Pairs pairs = {thresholds, reach};
    const index_t n_words = matched.shape[1], n_areas = n_gt.shape[1], n_rows = rows.shape[0];
    constexpr index_t ahead = 64;  // detections are anywhere in memory: ask for the boxes of the next cells
    auto match_one = [&](index_t c, Cell& cell, BoxColumns& boxes, word_t* outside) {
        const index_t d0 = offsets[c], g0 = cell_gt[c], n_dt = offsets[c + 1] - d0, n_truths = cell_gt[c + 1] - g0;
        cell.resize(n_dt, n_truths, n_words);
        std::fill_n(n_gt.row(c), n_areas, 0);
        for (index_t g = 0; g < n_truths; ++g) {
            const index_t row = gt_order[g0 + g];
            const std::uint8_t flags = cell.gt_flags[std::size_t(g)] = gt_flags[row];
            word_t* const out = &cell.ignored[std::size_t(g * n_words)];
            if (flags & (CROWD | IGNORE)) {
                std::copy_n(reach.row(thresholds.shape[0]), n_words, out);
                continue;
            }
            outside_words(gt_area[row], area_ranges, area_words, out);
            for (index_t a = 0; a < n_areas; ++a)
                n_gt(c, a) += !(gt_area[row] < area_ranges(a, 0) || gt_area[row] > area_ranges(a, 1));
        }
        const CellOut out = outputs(matched, ignored, match_of, match_iou, d0);
        for (index_t d = d0 + ahead; d < std::min(d0 + n_dt + ahead, n_rows); ++d) PM_PREFETCH(dt_boxes.row(rows[d]));
        if (n_truths && n_dt) {
            boxes.resize(n_dt);
            for (index_t d = 0; d < n_dt; ++d) {
                const index_t row = rows[d0 + d];
                boxes.set(d, load(dt_boxes, row));
                cell.dt_flags[std::size_t(d)] = dt_flags.shape[0] ? dt_flags[row] : 0;
            }
            std::fill_n(cell.best.data(), n_dt, -std::numeric_limits<double>::infinity());
            for (index_t g = 0; g < n_truths; ++g)
                cell.has_nan |= overlaps(boxes, n_dt, load(gt_boxes, gt_order[g0 + g]), cell.gt_flags[std::size_t(g)] & CROWD,
                                         &cell.ious[std::size_t(g * n_dt)], cell.best.data());
            n_words == 1 ? match_cell<1>(cell, pairs, out) : match_cell<0>(cell, pairs, out);
        } else {
            std::fill_n(out.matched, n_dt * n_words, 0);
            std::fill_n(out.ignored, n_dt * n_words, 0);
            if (out.match_of) {
                std::fill_n(out.match_of, n_dt * out.n_bits, -1);
                std::fill_n(out.match_iou, n_dt * out.n_bits, 0.0);
            }
        }
        for (index_t d = d0; d < d0 + n_dt; ++d) {
            const index_t row = rows[d];
            const double area = dt_area.shape[0] ? dt_area[row] : dt_boxes(row, 2) * dt_boxes(row, 3);
            outside_words(area, area_ranges, area_words, outside);
            for (index_t w = 0; w < n_words; ++w) ignored(d, w) |= outside[w] & ~matched(d, w);
        }
        if (out.match_of)
            for (index_t i = 0; i < n_dt * out.n_bits; ++i)
                if (out.match_of[i] >= 0) out.match_of[i] = gt_order[g0 + out.match_of[i]];
    };
    parallel_for(begin, end, 128, threads, [&] {
        return [&, cell = Cell(), boxes = BoxColumns(),
                outside = std::vector<word_t>(std::size_t(n_words))](index_t low, index_t high) mutable {
            for (index_t c = low; c < high; ++c) match_one(c, cell, boxes, outside.data());
        };
    });
}

void match_ious(View<const double, 1> ious, View<const index_t, 1> iou_offsets, View<const index_t, 1> dt_offsets,
                View<const index_t, 1> gt_offsets, View<const word_t, 2> gt_ignored, View<const std::uint8_t, 1> gt_flags,
                View<const double, 1> thresholds, View<const word_t, 2> reach, View<word_t, 2> matched,
                View<word_t, 2> ignored, View<std::int32_t, 2> match_of, View<double, 2> match_iou, index_t begin,
                index_t end, const Threads& threads) {
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
                n_words == 1 ? match_cell<1>(cell, pairs, out) : match_cell<0>(cell, pairs, out);
            }
        };
    });
}

}  // namespace pymetrics::cpu
