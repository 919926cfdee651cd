#include "cells.h"

namespace pymetrics::cpu {

void index_ids(View<const index_t, 1> ids, View<const index_t, 1> known, View<std::int32_t, 1> out) {
    const index_t n = ids.shape[0], n_known = known.shape[0];
    const index_t *first = known.data, *last = known.data + n_known;
    const auto span = n_known ? word_t(last[-1]) - word_t(first[0]) : word_t(0);
    if (n_known == 0 || span > word_t(16 * (n + n_known) + 4096)) {
        for (index_t i = 0; i < n; ++i) {
            const index_t* at = std::lower_bound(first, last, ids[i]);
            out[i] = at < last && *at == ids[i] ? std::int32_t(at - first) : -1;
        }
        return;
    }
    std::vector<std::int32_t> table(span + 1, -1);
    for (index_t k = 0; k < n_known; ++k) table[word_t(known[k]) - word_t(first[0])] = std::int32_t(k);
    for (index_t i = 0; i < n; ++i) {
        const word_t at = word_t(ids[i]) - word_t(first[0]);
        out[i] = at <= span ? table[at] : -1;
    }
}

void sort_rows(View<const std::int32_t, 1> category, View<const std::int32_t, 1> image, index_t n_images,
               View<std::int32_t, 1> order, View<index_t, 1> starts) {
    const index_t n = category.shape[0], n_categories = starts.shape[0] - 1;
    std::fill(starts.data, starts.data + n_categories + 1, 0);
    bool by_image = true;  // as they stand
    std::int32_t last = -1;
    for (index_t i = 0; i < n; ++i) {
        if (category[i] < 0 || image[i] < 0) continue;
        ++starts[category[i] + 1];
        by_image &= image[i] >= last;
        last = image[i];
    }
    for (index_t k = 0; k < n_categories; ++k) starts[k + 1] += starts[k];
    std::vector<index_t> place(starts.data, starts.data + n_categories + 1);
    if (by_image) {
        for (index_t i = 0; i < n; ++i)
            if (category[i] >= 0 && image[i] >= 0) order[place[category[i]]++] = std::int32_t(i);
        return;
    }
    std::vector<index_t> first(n_images + 1, 0);
    for (index_t i = 0; i < n; ++i)
        if (category[i] >= 0 && image[i] >= 0) ++first[image[i] + 1];
    for (index_t i = 0; i < n_images; ++i) first[i + 1] += first[i];
    std::vector<std::int32_t> rows(starts[n_categories]);
    for (index_t i = 0; i < n; ++i)
        if (category[i] >= 0 && image[i] >= 0) rows[first[image[i]]++] = std::int32_t(i);
    for (const std::int32_t row : rows) order[place[category[row]]++] = row;
}

bool join_cells(View<const std::int32_t, 1> dt_image, View<const std::int32_t, 1> dt_order,
                View<const index_t, 1> dt_starts, View<const std::int32_t, 1> gt_image,
                View<const std::int32_t, 1> gt_order, View<const index_t, 1> gt_starts, index_t limit,
                View<index_t, 1> category_cells, View<std::int32_t, 1> cell_image, View<index_t, 1> cell_dt,
                View<index_t, 1> cell_gt, View<index_t, 1> offsets) {
    constexpr std::int32_t none = 0x7FFFFFFF;
    index_t c = 0, d = 0, g = 0;
    category_cells[0] = offsets[0] = 0;
    for (index_t k = 0; k + 1 < category_cells.shape[0]; ++k) {
        const index_t d_end = dt_starts[k + 1], g_end = gt_starts[k + 1];
        std::int32_t next_dt = d < d_end ? dt_image[dt_order[d]] : none,
                     next_gt = g < g_end ? gt_image[gt_order[g]] : none;
        while (d < d_end || g < g_end) {
            if (c == cell_image.shape[0]) return false;
            const std::int32_t image = std::min(next_dt, next_gt);
            cell_image[c] = image, cell_dt[c] = d, cell_gt[c] = g;
            while (next_dt == image) next_dt = ++d < d_end ? dt_image[dt_order[d]] : none;
            while (next_gt == image) next_gt = ++g < g_end ? gt_image[gt_order[g]] : none;
            offsets[c + 1] = offsets[c] + std::min(d - cell_dt[c], limit);
            ++c;
        }
        category_cells[k + 1] = c;
    }
    cell_dt[c] = d, cell_gt[c] = g;
    offsets[offsets.shape[0] - 1] = offsets[c];
    return true;
}

void rank_detections(View<const double, 1> scores, View<const std::int32_t, 1> dt_order, View<const index_t, 1> cell_dt,
                     View<const index_t, 1> offsets, View<std::int32_t, 1> rows, View<double, 1> ranked, index_t begin,
                     index_t end, const Threads& threads) {
    constexpr index_t ahead = 64;  // scores are anywhere in memory: ask for those of the next cells
    const index_t n_rows = dt_order.shape[0];
    parallel_for(begin, end, 512, threads, [&] {
        return [&, scratch = SortScratch(), order = std::vector<std::int32_t>()](index_t low, index_t high) mutable {
            for (index_t c = low; c < high; ++c) {
                const index_t n = cell_dt[c + 1] - cell_dt[c], kept = offsets[c + 1] - offsets[c];
                const std::int32_t* cell = dt_order.data + cell_dt[c];
                for (index_t i = cell_dt[c] + ahead; i < std::min(cell_dt[c + 1] + ahead, n_rows); ++i)
                    PM_PREFETCH(scores.data + dt_order[i]);
                if (index_t(order.size()) < n) order.resize(std::size_t(2 * n));
                sort_keys([&](index_t i) { return falling_key(scores[cell[i]]); }, n, order.data(), scratch);
                for (index_t i = 0; i < kept; ++i) {
                    const std::int32_t row = cell[order[std::size_t(i)]];
                    rows[offsets[c] + i] = row;
                    ranked[offsets[c] + i] = scores[row];
                }
            }
        };
    });
}

void place_cells(View<const index_t, 1> category_cells, View<const std::int32_t, 1> categories,
                 View<const std::int32_t, 1> cell_image, View<const std::int32_t, 1> images,
                 View<const index_t, 1> offsets, index_t first_dt, View<std::int32_t, 1> out_category,
                 View<std::int32_t, 1> out_image, View<index_t, 1> starts, View<index_t, 1> counts) {
    for (index_t k = 0; k < categories.shape[0]; ++k)
        for (index_t c = category_cells[k]; c < category_cells[k + 1]; ++c) {
            out_category[c] = categories[k], out_image[c] = images[cell_image[c]];
            starts[c] = first_dt + offsets[c], counts[c] = offsets[c + 1] - offsets[c];
        }
}

void move_cells(View<const std::int32_t, 1> order, View<const index_t, 1> starts, View<const index_t, 1> counts,
                View<const std::int32_t, 1> cell_image, View<const std::int32_t, 2> n_gt, View<const double, 1> scores,
                View<const word_t, 2> matched, View<const word_t, 2> ignored, View<index_t, 1> new_offsets,
                View<std::int32_t, 1> new_cell_image, View<std::int32_t, 2> new_n_gt, View<double, 1> new_scores,
                View<word_t, 2> new_matched, View<word_t, 2> new_ignored) {
    const index_t n_areas = n_gt.shape[1], n_words = matched.shape[1];
    new_offsets[0] = 0;
    for (index_t c = 0; c < order.shape[0]; ++c) {
        const index_t old = order[c], from = starts[old], to = new_offsets[c], n = counts[old];
        new_cell_image[c] = cell_image[old];
        std::copy_n(n_gt.row(old), n_areas, new_n_gt.row(c));
        std::copy_n(scores.data + from, n, new_scores.data + to);
        std::copy_n(matched.row(from), n * n_words, new_matched.row(to));
        std::copy_n(ignored.row(from), n * n_words, new_ignored.row(to));
        new_offsets[c + 1] = to + n;
    }
}

}  // namespace pymetrics::cpu
