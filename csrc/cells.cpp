#include "cells.h"

#include <stdexcept>
#include <string>

#include "scratch.h"

namespace pymetrics::cpu {

void index_ids(const IndexIds& of) {
    const auto [ids, known, out] = of;
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
    Scratch<std::int32_t> scratch;
    std::int32_t* const table = scratch.take(index_t(span) + 1);
    std::fill(table, table + span + 1, -1);
    for (index_t k = 0; k < n_known; ++k) table[word_t(known[k]) - word_t(first[0])] = std::int32_t(k);
    for (index_t i = 0; i < n; ++i) {
        const word_t at = word_t(ids[i]) - word_t(first[0]);
        out[i] = at <= span ? table[at] : -1;
    }
}

void sort_rows(const SortRows& of) {
    const auto [category, image, n_images, order, starts] = of;
    const index_t n = category.shape[0], n_categories = starts.shape[0] - 1;
    std::fill(starts.data, starts.data + n_categories + 1, 0);
    std::vector<index_t> counts(std::size_t(n_images + 1), 0);
    index_t* const first = counts.data();
    bool by_image = true;  // as they stand
    std::int32_t last = -1;
    for (index_t i = 0; i < n; ++i) {
        if (category[i] < 0 || image[i] < 0) continue;
        ++starts[category[i] + 1];
        ++first[image[i] + 1];
        by_image &= image[i] >= last;
        last = image[i];
    }
    for (index_t k = 0; k < n_categories; ++k) starts[k + 1] += starts[k];
    std::vector<index_t> places(starts.data, starts.data + n_categories + 1);
    index_t* const place = places.data();
    if (by_image) {
        for (index_t i = 0; i < n; ++i)
            if (category[i] >= 0 && image[i] >= 0) order[place[category[i]]++] = std::int32_t(i);
        return;
    }
    for (index_t i = 0; i < n_images; ++i) first[i + 1] += first[i];
    const index_t n_rows = first[n_images];
    Scratch<std::int32_t> scratch;
    std::int32_t* const rows = scratch.take(n_rows);
    for (index_t i = 0; i < n; ++i)
        if (category[i] >= 0 && image[i] >= 0) rows[first[image[i]]++] = std::int32_t(i);
    for (index_t i = 0; i < n_rows; ++i) order[place[category[rows[i]]]++] = rows[i];
}

void join_cells(const JoinCells& of) {
    const auto [dt_image, dt_order, dt_starts, gt_image, gt_order, gt_starts, limit, category_cells, cell_image,
                cell_dt, cell_gt, offsets] = of;
    constexpr std::int32_t none = 0x7FFFFFFF;
    index_t c = 0, d = 0, g = 0;
    category_cells[0] = offsets[0] = 0;
    for (index_t k = 0; k + 1 < category_cells.shape[0]; ++k) {
        const index_t d_end = dt_starts[k + 1], g_end = gt_starts[k + 1];
        std::int32_t next_dt = d < d_end ? dt_image[dt_order[d]] : none,
                     next_gt = g < g_end ? gt_image[gt_order[g]] : none;
        while (d < d_end || g < g_end) {
            if (c == cell_image.shape[0])
                throw std::length_error("cell_image: there are more than " + std::to_string(c) + " cells");
            const std::int32_t image = std::min(next_dt, next_gt);
            cell_image[c] = image;
            cell_dt[c] = d;
            cell_gt[c] = g;
            while (next_dt == image) next_dt = ++d < d_end ? dt_image[dt_order[d]] : none;
            while (next_gt == image) next_gt = ++g < g_end ? gt_image[gt_order[g]] : none;
            offsets[c + 1] = offsets[c] + std::min(d - cell_dt[c], limit);
            ++c;
        }
        category_cells[k + 1] = c;
    }
    cell_dt[c] = d;
    cell_gt[c] = g;
    offsets[offsets.shape[0] - 1] = offsets[c];
}

void rank_detections(const RankDetections& of, const Threads& threads) {
    constexpr index_t ahead = 64;  // scores are anywhere in memory: ask for those of the next cells
    const index_t n_rows = of.dt_order.shape[0];
    parallel_for(of.begin, of.end, 512, threads, [&](Interrupt&) {
        return [&, scratch = SortScratch(), places = Scratch<std::int32_t>()](index_t low, index_t high) mutable {
            for (index_t c = low; c < high; ++c) {
                const index_t first = of.cell_dt[c], last = of.cell_dt[c + 1], n = last - first;
                const index_t to = of.offsets[c], kept = of.offsets[c + 1] - to;
                const std::int32_t* const cell = of.dt_order.data + first;
                for (index_t i = first + ahead; i < std::min(last + ahead, n_rows); ++i)
                    PM_PREFETCH(of.scores.data + of.dt_order[i]);
                std::int32_t* const order = places.take(n);
                sort_keys([&](index_t i) { return falling_key(of.scores[cell[i]]); }, n, order, scratch);
                for (index_t i = 0; i < kept; ++i) {
                    const std::int32_t row = cell[order[i]];
                    of.rows[to + i] = row;
                    of.ranked[to + i] = of.scores[row];
                }
            }
        };
    });
}

void place_cells(const PlaceCells& of) {
    const auto [category_cells, categories, cell_image, images, offsets, first_dt, out_category, out_image, starts,
                counts] = of;
    for (index_t k = 0; k < categories.shape[0]; ++k)
        for (index_t c = category_cells[k]; c < category_cells[k + 1]; ++c) {
            out_category[c] = categories[k];
            out_image[c] = images[cell_image[c]];
            starts[c] = first_dt + offsets[c];
            counts[c] = offsets[c + 1] - offsets[c];
        }
}

void move_cells(const MoveCells& of) {
    const auto [order, starts, counts, cell_image, n_gt, scores, matched, ignored, new_offsets, new_cell_image,
                new_n_gt, new_scores, new_matched, new_ignored] = of;
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
