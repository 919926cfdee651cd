// Grouping on the device. How many rows and cells there are is known there alone, so that every array is as long as it
// may need to be, and kernels read the counts.
#include "cells.h"
#include "prim.h"

namespace pymetrics::cuda {
namespace {

constexpr word_t kLow = 0xFFFFFFFF;

int bits_of(word_t number) {
    int n_bits = 0;
    while (n_bits < 64 && number >> n_bits) ++n_bits;
    return n_bits;
}

// The first place in [low, high) whose value is not below, or else high.
template <class T>
__device__ index_t lower_bound(const T* values, index_t low, index_t high, T value) {
    while (low < high) {
        const index_t middle = (low + high) / 2;
        if (values[middle] < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

// The run that a place is in; starts: (n_runs + 1,) ascending. Runs may be empty.
__device__ index_t run_of(const index_t* starts, index_t n_runs, index_t place) {
    return lower_bound(starts, 1, n_runs + 1, place + 1) - 1;
}

__global__ void find_ids(View<const index_t, 1> ids, View<const index_t, 1> known, View<std::int32_t, 1> out) {
    const index_t n_known = known.shape[0];
    for (index_t i = thread_index(); i < ids.shape[0]; i += thread_count()) {
        const index_t at = lower_bound(known.data, 0, n_known, ids[i]);
        out[i] = at < n_known && known[at] == ids[i] ? std::int32_t(at) : -1;
    }
}

// Keys by category, then image; rows that are left out come last.
template <class Key>
__global__ void row_keys(View<const std::int32_t, 1> category, View<const std::int32_t, 1> image, Key n_images,
                         Key last, Key* keys, std::int32_t* rows) {
    for (index_t i = thread_index(); i < category.shape[0]; i += thread_count()) {
        const bool in = category[i] >= 0 && image[i] >= 0;
        keys[i] = in ? Key(category[i]) * n_images + Key(image[i]) : last;
        rows[i] = std::int32_t(i);
    }
}

// Where categories begin among the sorted keys; and the rows that are not left out.
template <class Key>
__global__ void category_starts(const Key* keys, const std::int32_t* rows, index_t n, Key n_images,
                                View<std::int32_t, 1> order, View<index_t, 1> starts) {
    const index_t n_categories = starts.shape[0] - 1;
    for (index_t i = thread_index(); i <= n; i += thread_count()) {
        const index_t before = i > 0 ? index_t(keys[i - 1] / n_images) : -1,
                      here = i < n ? index_t(keys[i] / n_images) : n_categories;
        for (index_t k = before + 1; k <= here; ++k) starts[k] = i;
        if (i < n && here < n_categories) order[i] = rows[i];
    }
}

template <class Key>
void sort_rows_by(View<const std::int32_t, 1> category, View<const std::int32_t, 1> image, index_t n_images,
                  View<std::int32_t, 1> order, View<index_t, 1> starts, const Queue& queue) {
    const index_t n = category.shape[0];
    const Key last = Key(n_images) * Key(starts.shape[0] - 1);
    Key *const keys = queue.take<Key>(n), *const sorted_keys = queue.take<Key>(n);
    std::int32_t *const rows = queue.take<std::int32_t>(n), *const sorted_rows = queue.take<std::int32_t>(n);
    if (n > 0) PM_RUN_UNITS(row_keys<Key>, n, queue, category, image, Key(n_images), last, keys, rows);
    sort_pairs(queue, keys, sorted_keys, rows, sorted_rows, n, 0, bits_of(last | 1));
    PM_RUN_UNITS(category_starts<Key>, n + 1, queue, sorted_keys, sorted_rows, n, Key(n_images), order, starts);
}

// One side of join_cells: rows in the order of their cells.
struct Side {
    const std::int32_t *image, *order;
    const index_t* starts;  // (K + 1,)
    index_t n;              // not below the number of rows, which is starts[K]
    word_t* keys;           // (n,) category and image
    word_t* counts;         // (n + 1,) sums over the rows before; see count_rows

    __device__ index_t size(index_t n_categories) const { return n_categories > 0 ? starts[n_categories] : 0; }
    // The first row that is not before the key.
    __device__ index_t find(word_t key) const {
        const index_t k = index_t(key >> 32);
        return lower_bound(keys, k > 0 ? starts[k] : 0, starts[k + 1], key);
    }
    __device__ bool is_first(index_t i) const { return i == 0 || keys[i] != keys[i - 1]; }
};

struct Sides {
    Side dt, gt;
    index_t n_categories;
};

__global__ void cell_keys(Sides s) {
    for (index_t unit = thread_index(); unit < s.dt.n + s.gt.n; unit += thread_count()) {
        const Side side = unit < s.dt.n ? s.dt : s.gt;
        const index_t i = unit < s.dt.n ? unit : unit - s.dt.n;
        if (i >= side.size(s.n_categories)) continue;
        const word_t category = word_t(run_of(side.starts, s.n_categories, i));
        side.keys[i] = category << 32 | word_t(side.image[side.order[i]]);
    }
}

// Of each row, in the lower half: does a cell begin here (of ground truths: one without detections)? In the upper half:
// is it one of the `limit` first detections of its cell?
__global__ void count_rows(Sides s, index_t limit) {
    for (index_t unit = thread_index(); unit < s.dt.n + s.gt.n + 2; unit += thread_count()) {
        const bool is_dt = unit <= s.dt.n;
        const Side side = is_dt ? s.dt : s.gt;
        const index_t i = is_dt ? unit : unit - s.dt.n - 1;
        word_t count = 0;
        if (i < side.size(s.n_categories)) {
            const word_t key = side.keys[i];
            if (is_dt) {
                count = word_t(side.is_first(i)) | word_t(i < limit || side.keys[i - limit] != key) << 32;
            } else if (side.is_first(i)) {
                const index_t at = s.dt.find(key);
                count = at == s.dt.size(s.n_categories) || s.dt.keys[at] != key;
            }
        }
        side.counts[i] = count;
    }
}

// A cell's place is the number of cells that begin before it, on either side.
__global__ void write_cells(Sides s, View<index_t, 1> category_cells, View<std::int32_t, 1> cell_image,
                            View<index_t, 1> cell_dt, View<index_t, 1> cell_gt, View<index_t, 1> offsets) {
    const word_t all_dt = s.gt.counts[0];  // the sums run on from the detections to the ground truths
    auto place = [&](index_t d, index_t g) { return index_t((s.dt.counts[d] + s.gt.counts[g] - all_dt) & kLow); };
    auto kept = [&](index_t d) { return index_t(s.dt.counts[d] >> 32); };
    for (index_t unit = thread_index(); unit < s.dt.n + s.gt.n + s.n_categories + 1; unit += thread_count()) {
        const bool is_dt = unit < s.dt.n;
        const index_t i = is_dt ? unit : unit - s.dt.n;
        if (!is_dt && i >= s.gt.n) {
            const index_t k = i - s.gt.n, d = k > 0 ? s.dt.starts[k] : 0, g = k > 0 ? s.gt.starts[k] : 0,
                          c = place(d, g);
            category_cells[k] = c;
            if (k == s.n_categories)
                cell_dt[c] = d, cell_gt[c] = g, offsets[c] = offsets[offsets.shape[0] - 1] = kept(d);
            continue;
        }
        const Side side = is_dt ? s.dt : s.gt;
        if (i >= side.size(s.n_categories) || !side.is_first(i)) continue;
        const word_t key = side.keys[i];
        const index_t d = is_dt ? i : s.dt.find(key), g = is_dt ? s.gt.find(key) : i, c = place(d, g);
        if (!is_dt && d < s.dt.size(s.n_categories) && s.dt.keys[d] == key) continue;
        cell_image[c] = std::int32_t(key & kLow);
        cell_dt[c] = d, cell_gt[c] = g, offsets[c] = kept(d);
    }
}

// The detections of the cells [begin, end), which alone are ranked; places in dt_order.
struct Ranking {
    View<const double, 1> scores;
    View<const std::int32_t, 1> dt_order;
    View<const index_t, 1> cell_dt, offsets;
    index_t begin, end;
};

__global__ void score_keys(Ranking r, word_t* keys, std::int32_t* places) {
    for (index_t i = thread_index(); i < r.dt_order.shape[0]; i += thread_count()) {
        const bool in = i >= r.cell_dt[r.begin] && i < r.cell_dt[r.end];
        keys[i] = in ? falling_key(r.scores[r.dt_order[i]]) : 0;
        places[i] = std::int32_t(i);
    }
}

// Of places by falling score: their cells, counted from begin; of those in none, what comes last.
__global__ void cells_of(Ranking r, const std::int32_t* places, std::uint32_t* cells) {
    for (index_t i = thread_index(); i < r.dt_order.shape[0]; i += thread_count()) {
        const index_t place = places[i];
        const bool in = place >= r.cell_dt[r.begin] && place < r.cell_dt[r.end];
        const index_t cell = in ? run_of(r.cell_dt.data + r.begin, r.end - r.begin, place) : r.end - r.begin;
        cells[i] = std::uint32_t(cell);
    }
}

__global__ void write_ranked(Ranking r, const std::uint32_t* cells, const std::int32_t* places,
                             View<std::int32_t, 1> rows, View<double, 1> ranked) {
    const index_t first = r.cell_dt[r.begin], n = r.cell_dt[r.end] - first;
    for (index_t i = thread_index(); i < n; i += thread_count()) {
        const index_t cell = r.begin + index_t(cells[i]), rank = first + i - r.cell_dt[cell];
        if (rank >= r.offsets[cell + 1] - r.offsets[cell]) continue;
        const std::int32_t row = r.dt_order[places[i]];
        rows[r.offsets[cell] + rank] = row;
        ranked[r.offsets[cell] + rank] = r.scores[row];
    }
}

__global__ void write_places(View<const index_t, 1> category_cells, View<const std::int32_t, 1> categories,
                             View<const std::int32_t, 1> cell_image, View<const std::int32_t, 1> images,
                             View<const index_t, 1> offsets, index_t first_dt, View<std::int32_t, 1> out_category,
                             View<std::int32_t, 1> out_image, View<index_t, 1> starts, View<index_t, 1> counts) {
    const index_t n_categories = categories.shape[0];
    for (index_t c = thread_index(); c < cell_image.shape[0]; c += thread_count()) {
        if (c < category_cells[0] || c >= category_cells[n_categories]) continue;
        out_category[c] = categories[run_of(category_cells.data, n_categories, c)];
        out_image[c] = images[cell_image[c]];
        starts[c] = first_dt + offsets[c], counts[c] = offsets[c + 1] - offsets[c];
    }
}

__global__ void moved_counts(View<const std::int32_t, 1> order, View<const index_t, 1> counts, index_t* out) {
    const index_t n = order.shape[0];
    for (index_t c = thread_index(); c <= n; c += thread_count()) out[c] = c < n ? counts[order[c]] : 0;
}

__global__ void move_each_cell(View<const std::int32_t, 1> order, View<const std::int32_t, 1> cell_image,
                               View<const std::int32_t, 2> n_gt, View<std::int32_t, 1> new_cell_image,
                               View<std::int32_t, 2> new_n_gt) {
    const index_t n_areas = n_gt.shape[1];
    for (index_t c = thread_index(); c < order.shape[0]; c += thread_count()) {
        new_cell_image[c] = cell_image[order[c]];
        for (index_t a = 0; a < n_areas; ++a) new_n_gt(c, a) = n_gt(order[c], a);
    }
}

__global__ void move_each_detection(View<const std::int32_t, 1> order, View<const index_t, 1> starts,
                                    View<const double, 1> scores, View<const word_t, 2> matched,
                                    View<const word_t, 2> ignored, View<index_t, 1> new_offsets,
                                    View<double, 1> new_scores, View<word_t, 2> new_matched,
                                    View<word_t, 2> new_ignored) {
    const index_t n_cells = order.shape[0], n_words = matched.shape[1], n = new_offsets[n_cells];
    for (index_t i = thread_index(); i < n; i += thread_count()) {
        const index_t c = run_of(new_offsets.data, n_cells, i), from = starts[order[c]] + i - new_offsets[c];
        new_scores[i] = scores[from];
        for (index_t w = 0; w < n_words; ++w) {
            new_matched(i, w) = matched(from, w);
            new_ignored(i, w) = ignored(from, w);
        }
    }
}

}  // namespace

void index_ids(View<const index_t, 1> ids, View<const index_t, 1> known, View<std::int32_t, 1> out,
               const Queue& queue) {
    if (ids.shape[0] > 0) PM_RUN_UNITS(find_ids, ids.shape[0], queue, ids, known, out);
}

void sort_rows(View<const std::int32_t, 1> category, View<const std::int32_t, 1> image, index_t n_images,
               View<std::int32_t, 1> order, View<index_t, 1> starts, const Queue& queue) {
    n_images = n_images > 0 ? n_images : 1;
    if (word_t(n_images) * word_t(starts.shape[0] - 1) <= kLow) {
        sort_rows_by<std::uint32_t>(category, image, n_images, order, starts, queue);
    } else {
        sort_rows_by<word_t>(category, image, n_images, order, starts, queue);
    }
}

void join_cells(View<const std::int32_t, 1> dt_image, View<const std::int32_t, 1> dt_order,
                View<const index_t, 1> dt_starts, View<const std::int32_t, 1> gt_image,
                View<const std::int32_t, 1> gt_order, View<const index_t, 1> gt_starts, index_t limit,
                View<index_t, 1> category_cells, View<std::int32_t, 1> cell_image, View<index_t, 1> cell_dt,
                View<index_t, 1> cell_gt, View<index_t, 1> offsets, const Queue& queue) {
    const index_t n_dt = dt_order.shape[0], n_gt = gt_order.shape[0];
    word_t* const keys = queue.take<word_t>(n_dt + n_gt);
    word_t* const counts = queue.take<word_t>(n_dt + n_gt + 2);
    const Sides sides = {{dt_image.data, dt_order.data, dt_starts.data, n_dt, keys, counts},
                         {gt_image.data, gt_order.data, gt_starts.data, n_gt, keys + n_dt, counts + n_dt + 1},
                         category_cells.shape[0] - 1};
    if (n_dt + n_gt > 0) PM_RUN_UNITS(cell_keys, n_dt + n_gt, queue, sides);
    PM_RUN_UNITS(count_rows, n_dt + n_gt + 2, queue, sides, limit);
    exclusive_sum(queue, counts, counts, n_dt + n_gt + 2);
    PM_RUN_UNITS(write_cells, n_dt + n_gt + sides.n_categories + 1, queue, sides, category_cells, cell_image, cell_dt,
                 cell_gt, offsets);
}

void rank_detections(View<const double, 1> scores, View<const std::int32_t, 1> dt_order, View<const index_t, 1> cell_dt,
                     View<const index_t, 1> offsets, View<std::int32_t, 1> rows, View<double, 1> ranked, index_t begin,
                     index_t end, const Queue& queue) {
    const index_t n = dt_order.shape[0];
    if (n == 0 || begin >= end) return;
    const Ranking ranking = {scores, dt_order, cell_dt, offsets, begin, end};
    word_t *const keys = queue.take<word_t>(n), *const spare_keys = queue.take<word_t>(n);
    std::int32_t *const places = queue.take<std::int32_t>(n), *const by_score = queue.take<std::int32_t>(n);
    std::uint32_t *const cells = queue.take<std::uint32_t>(n), *const sorted_cells = queue.take<std::uint32_t>(n);
    PM_RUN_UNITS(score_keys, n, queue, ranking, keys, places);
    sort_pairs(queue, keys, spare_keys, places, by_score, n, 0, 64);
    PM_RUN_UNITS(cells_of, n, queue, ranking, by_score, cells);
    sort_pairs(queue, cells, sorted_cells, by_score, places, n, 0, bits_of(word_t(end - begin)));
    PM_RUN_UNITS(write_ranked, n, queue, ranking, sorted_cells, places, rows, ranked);
}

void place_cells(View<const index_t, 1> category_cells, View<const std::int32_t, 1> categories,
                 View<const std::int32_t, 1> cell_image, View<const std::int32_t, 1> images,
                 View<const index_t, 1> offsets, index_t first_dt, View<std::int32_t, 1> out_category,
                 View<std::int32_t, 1> out_image, View<index_t, 1> starts, View<index_t, 1> counts,
                 const Queue& queue) {
    if (cell_image.shape[0] == 0) return;
    PM_RUN_UNITS(write_places, cell_image.shape[0], queue, category_cells, categories, cell_image, images, offsets,
                 first_dt, out_category, out_image, starts, counts);
}

void move_cells(View<const std::int32_t, 1> order, View<const index_t, 1> starts, View<const index_t, 1> counts,
                View<const std::int32_t, 1> cell_image, View<const std::int32_t, 2> n_gt, View<const double, 1> scores,
                View<const word_t, 2> matched, View<const word_t, 2> ignored, View<index_t, 1> new_offsets,
                View<std::int32_t, 1> new_cell_image, View<std::int32_t, 2> new_n_gt, View<double, 1> new_scores,
                View<word_t, 2> new_matched, View<word_t, 2> new_ignored, const Queue& queue) {
    const index_t n_cells = order.shape[0];
    PM_RUN_UNITS(moved_counts, n_cells + 1, queue, order, counts, new_offsets.data);
    exclusive_sum(queue, new_offsets.data, new_offsets.data, n_cells + 1);
    if (n_cells == 0) return;
    PM_RUN_UNITS(move_each_cell, n_cells, queue, order, cell_image, n_gt, new_cell_image, new_n_gt);
    if (new_scores.shape[0] == 0) return;
    PM_RUN_UNITS(move_each_detection, new_scores.shape[0], queue, order, starts, scores, matched, ignored, new_offsets,
                 new_scores, new_matched, new_ignored);
}

}  // namespace pymetrics::cuda
