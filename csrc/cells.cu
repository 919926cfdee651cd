// Grouping on the device. How many rows and cells there are is known there alone, so that every array is as long as it
// may need to be, and kernels read the counts.
#include "cells.h"
#include "cuda/sort_and_sum.h"

namespace pymetrics::cuda {
namespace {

constexpr word_t kLow = 0xFFFFFFFF;

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

__global__ void find_ids(IndexIds of) {
    const index_t n_known = of.known.shape[0];
    for (index_t i = thread_index(); i < of.ids.shape[0]; i += thread_count()) {
        const index_t at = lower_bound(of.known.data, 0, n_known, of.ids[i]);
        of.out[i] = at < n_known && of.known[at] == of.ids[i] ? std::int32_t(at) : -1;
    }
}

// Keys by category, then image; rows that are left out come last.
template <class Key>
__global__ void row_keys(View<const std::int32_t, 1> category, View<const std::int32_t, 1> image, Key n_images,
                         Key last, Key* keys, std::int32_t* rows) {
    for (index_t i = thread_index(); i < category.shape[0]; i += thread_count()) {  // ROWS_END
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
void sort_rows_by(const SortRows& of, word_t n_images, const Queue& queue) {
    const index_t n = of.category.shape[0];
    const Key last = Key(n_images) * Key(of.starts.shape[0] - 1);
    Key *const keys = queue.take<Key>(n), *const sorted_keys = queue.take<Key>(n);
    std::int32_t *const rows = queue.take<std::int32_t>(n), *const sorted_rows = queue.take<std::int32_t>(n);
    if (n > 0) PM_RUN_UNITS(row_keys<Key>, n, queue, of.category, of.image, Key(n_images), last, keys, rows);
    sort_pairs(queue, keys, sorted_keys, rows, sorted_rows, n, 0, bits_of(last | 1));
    PM_RUN_UNITS(category_starts<Key>, n + 1, queue, sorted_keys, sorted_rows, n, Key(n_images), of.order, of.starts);
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
        side.counts[i] = count;  // COUNTS_WRITTEN
    }
}

// A cell's place is the number of cells that begin before it, on either side.
__global__ void write_cells(Sides s, JoinCells of) {
    const word_t all_dt = s.gt.counts[0];  // the sums run on from the detections to the ground truths
    auto place = [&](index_t d, index_t g) { return index_t((s.dt.counts[d] + s.gt.counts[g] - all_dt) & kLow); };
    auto kept = [&](index_t d) { return index_t(s.dt.counts[d] >> 32); };
    for (index_t unit = thread_index(); unit < s.dt.n + s.gt.n + s.n_categories + 1; unit += thread_count()) {
        const bool is_dt = unit < s.dt.n;
        const index_t i = is_dt ? unit : unit - s.dt.n;
        if (!is_dt && i >= s.gt.n) {
            const index_t k = i - s.gt.n, d = k > 0 ? s.dt.starts[k] : 0, g = k > 0 ? s.gt.starts[k] : 0;
            const index_t c = place(d, g);
            of.category_cells[k] = c;
            if (k < s.n_categories) continue;
            of.cell_dt[c] = d;
            of.cell_gt[c] = g;
            of.offsets[c] = kept(d);
            of.offsets[of.offsets.shape[0] - 1] = kept(d);
            continue;
        }
        const Side side = is_dt ? s.dt : s.gt;
        if (i >= side.size(s.n_categories) || !side.is_first(i)) continue;
        const word_t key = side.keys[i];
        const index_t d = is_dt ? i : s.dt.find(key), g = is_dt ? s.gt.find(key) : i, c = place(d, g);
        if (!is_dt && d < s.dt.size(s.n_categories) && s.dt.keys[d] == key) continue;
        of.cell_image[c] = std::int32_t(key & kLow);
        of.cell_dt[c] = d;
        of.cell_gt[c] = g;
        of.offsets[c] = kept(d);
    }
}

// Of rank_detections: the detections of the cells [begin, end), which alone are ranked; places in dt_order.
__global__ void score_keys(RankDetections r, word_t* keys, std::int32_t* places) {
    for (index_t i = thread_index(); i < r.dt_order.shape[0]; i += thread_count()) {
        const bool in = i >= r.cell_dt[r.begin] && i < r.cell_dt[r.end];
        keys[i] = in ? falling_key(r.scores[r.dt_order[i]]) : 0;
        places[i] = std::int32_t(i);
    }
}

// Of places by falling score: their cells, counted from begin; of those in none, what comes last.
__global__ void cells_of(RankDetections r, const std::int32_t* places, std::uint32_t* cells) {
    for (index_t i = thread_index(); i < r.dt_order.shape[0]; i += thread_count()) {
        const index_t place = places[i];
        const bool in = place >= r.cell_dt[r.begin] && place < r.cell_dt[r.end];
        const index_t cell = in ? run_of(r.cell_dt.data + r.begin, r.end - r.begin, place) : r.end - r.begin;
        cells[i] = std::uint32_t(cell);
    }
}

__global__ void write_ranked(RankDetections r, const std::uint32_t* cells, const std::int32_t* places) {
    const index_t first = r.cell_dt[r.begin], n = r.cell_dt[r.end] - first;
    for (index_t i = thread_index(); i < n; i += thread_count()) {
        const index_t cell = r.begin + index_t(cells[i]), rank = first + i - r.cell_dt[cell];
        if (rank >= r.offsets[cell + 1] - r.offsets[cell]) continue;
        const std::int32_t row = r.dt_order[places[i]];
        r.rows[r.offsets[cell] + rank] = row;
        r.ranked[r.offsets[cell] + rank] = r.scores[row];
    }
}

__global__ void write_places(PlaceCells of) {
    const index_t n_categories = of.categories.shape[0];
    for (index_t c = thread_index(); c < of.cell_image.shape[0]; c += thread_count()) {
        if (c < of.category_cells[0] || c >= of.category_cells[n_categories]) continue;
        of.out_category[c] = of.categories[run_of(of.category_cells.data, n_categories, c)];
        of.out_image[c] = of.images[of.cell_image[c]];
        of.starts[c] = of.first_dt + of.offsets[c];  // OWN_START
        of.counts[c] = of.offsets[c + 1] - of.offsets[c];
    }
}

__global__ void moved_counts(MoveCells of) {
    const index_t n = of.order.shape[0];
    for (index_t c = thread_index(); c <= n; c += thread_count())
        of.new_offsets[c] = c < n ? of.counts[of.order[c]] : 0;
}

__global__ void move_each_cell(MoveCells of) {
    for (index_t c = thread_index(); c < of.order.shape[0]; c += thread_count()) {
        of.new_cell_image[c] = of.cell_image[of.order[c]];
        for (index_t a = 0; a < of.n_gt.shape[1]; ++a) of.new_n_gt(c, a) = of.n_gt(of.order[c], a);
    }
}

__global__ void move_each_detection(MoveCells of) {
    const index_t n_cells = of.order.shape[0], n_words = of.matched.shape[1], n = of.new_offsets[n_cells];
    for (index_t i = thread_index(); i < n; i += thread_count()) {
        const index_t c = run_of(of.new_offsets.data, n_cells, i);
        const index_t from = of.starts[of.order[c]] + i - of.new_offsets[c];
        of.new_scores[i] = of.scores[from];
        for (index_t w = 0; w < n_words; ++w) {
            of.new_matched(i, w) = of.matched(from, w);
            of.new_ignored(i, w) = of.ignored(from, w);
        }
    }
}

}  // namespace

void index_ids(const IndexIds& of, const Queue& queue) {
    if (of.ids.shape[0] > 0) PM_RUN_UNITS(find_ids, of.ids.shape[0], queue, of);
}

void sort_rows(const SortRows& of, const Queue& queue) {
    const word_t n_images = of.n_images > 0 ? word_t(of.n_images) : 1;
    if (n_images * word_t(of.starts.shape[0] - 1) <= kLow) sort_rows_by<std::uint32_t>(of, n_images, queue);
    else sort_rows_by<word_t>(of, n_images, queue);
}

void join_cells(const JoinCells& of, const Queue& queue) {
    const index_t n_dt = of.dt_order.shape[0], n_gt = of.gt_order.shape[0];
    const index_t n_categories = of.category_cells.shape[0] - 1;
    word_t* const keys = queue.take<word_t>(n_dt + n_gt);
    word_t* const counts = queue.take<word_t>(n_dt + n_gt + 2);  // COUNTS_SIZE
    const Sides sides = {{of.dt_image.data, of.dt_order.data, of.dt_starts.data, n_dt, keys, counts},
                         {of.gt_image.data, of.gt_order.data, of.gt_starts.data, n_gt, keys + n_dt, counts + n_dt + 1},
                         n_categories};
    if (n_dt + n_gt > 0) PM_RUN_UNITS(cell_keys, n_dt + n_gt, queue, sides);
    PM_RUN_UNITS(count_rows, n_dt + n_gt + 2, queue, sides, of.limit);
    exclusive_sum(queue, counts, counts, n_dt + n_gt + 2);
    PM_RUN_UNITS(write_cells, n_dt + n_gt + n_categories + 1, queue, sides, of);
}

void rank_detections(const RankDetections& of, const Queue& queue) {
    const index_t n = of.dt_order.shape[0];
    if (n == 0 || of.begin >= of.end) return;
    word_t *const keys = queue.take<word_t>(n), *const spare_keys = queue.take<word_t>(n);
    std::int32_t *const places = queue.take<std::int32_t>(n), *const by_score = queue.take<std::int32_t>(n);
    std::uint32_t *const cells = queue.take<std::uint32_t>(n), *const sorted_cells = queue.take<std::uint32_t>(n);
    PM_RUN_UNITS(score_keys, n, queue, of, keys, places);
    sort_pairs(queue, keys, spare_keys, places, by_score, n, 0, 64);
    PM_RUN_UNITS(cells_of, n, queue, of, by_score, cells);
    sort_pairs(queue, cells, sorted_cells, by_score, places, n, 0, bits_of(word_t(of.end - of.begin)));
    PM_RUN_UNITS(write_ranked, n, queue, of, sorted_cells, places);
}

void place_cells(const PlaceCells& of, const Queue& queue) {
    if (of.cell_image.shape[0] > 0) PM_RUN_UNITS(write_places, of.cell_image.shape[0], queue, of);
}

void move_cells(const MoveCells& of, const Queue& queue) {
    const index_t n_cells = of.order.shape[0], n_dt = of.new_scores.shape[0];
    PM_RUN_UNITS(moved_counts, n_cells + 1, queue, of);
    exclusive_sum(queue, of.new_offsets.data, of.new_offsets.data, n_cells + 1);
    if (n_cells == 0) return;
    PM_RUN_UNITS(move_each_cell, n_cells, queue, of);
    if (n_dt > 0) PM_RUN_UNITS(move_each_detection, n_dt, queue, of);
}

}  // namespace pymetrics::cuda
