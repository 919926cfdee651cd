#pragma once
#include <cstring>
#include <vector>

#include "common.h"
#include "cuda/queue.h"
#include "parallel.h"

namespace pymetrics {

// From a float64 to a key that rises as the number falls; zeros are equal, NaN comes last.
PM_HD word_t falling_key(double number) {
    constexpr word_t sign = word_t(1) << 63, infinity = 0x7FF0000000000000;
    word_t bits;
    memcpy(&bits, &number, 8);
    if (bits == sign) return sign - 1;  // -0.0 as 0.0
    if ((bits & ~sign) > infinity) return ~word_t(0);
    return bits & sign ? bits : ~sign - bits;
}

struct SortScratch {
    std::vector<word_t> words, spare;
    std::vector<std::uint32_t> place;

    void make_room(index_t n) {
        if (index_t(words.size()) >= n) return;
        words.resize(std::size_t(n));
        spare.resize(std::size_t(n));
    }
};

// Sort words[low, high) by the upper halves, stably: radix passes over the bits that vary.
inline void sort_words(SortScratch& s, index_t low, index_t high) {
    const index_t n = high - low;
    word_t *words = s.words.data() + low, *spare = s.spare.data();
    std::uint32_t least = ~std::uint32_t(0), most = 0;
    for (index_t i = 0; i < n; ++i) {
        const auto key = std::uint32_t(words[i] >> 32);
        least = std::min(least, key);
        most = std::max(most, key);
    }
    int n_bits = 0;
    while ((word_t(most - least) >> n_bits) > 0) ++n_bits;
    if (n_bits == 0) return;
    const int widest = n < 2048 ? 8 : 11, n_passes = (n_bits + widest - 1) / widest,
              width = (n_bits + n_passes - 1) / n_passes;
    const std::uint32_t mask = (std::uint32_t(1) << width) - 1;
    for (int p = 0; p < n_passes; ++p) {
        const int shift = p * width;
        s.place.assign(std::size_t(mask) + 1, 0);
        for (index_t i = 0; i < n; ++i) ++s.place[((std::uint32_t(words[i] >> 32) - least) >> shift) & mask];
        std::uint32_t total = 0;
        for (auto& place : s.place) {
            const std::uint32_t count = place;
            place = total;
            total += count;
        }
        for (index_t i = 0; i < n; ++i)
            spare[s.place[((std::uint32_t(words[i] >> 32) - least) >> shift) & mask]++] = words[i];
        std::swap(words, spare);
    }
    if (n_passes % 2) std::memcpy(spare, words, std::size_t(n) * 8);  // `spare` is the caller's by now
}

// order[0, n) becomes the stable order of the n keys, ascending; key(i) -> word_t.
template <class Key>
void sort_keys(Key key, index_t n, std::int32_t* order, SortScratch& s) {
    constexpr index_t small = 24;  // up to here counting, without a branch, how many go before each is quicker
    if (n <= small) {
        word_t keys[small];
        index_t rank[small];
        for (index_t i = 0; i < n; ++i) {
            const word_t k = keys[i] = key(i);
            index_t before = 0;
            for (index_t j = 0; j < i; ++j) {
                const index_t first = keys[j] <= k;
                before += first;
                rank[j] += 1 - first;
            }
            rank[i] = before;
        }
        for (index_t i = 0; i < n; ++i) order[rank[i]] = std::int32_t(i);
        return;
    }
    constexpr word_t low = 0xFFFFFFFF;
    s.make_room(n);
    word_t* words = s.words.data();
    // By the upper halves; then every run of equal upper halves whose lower halves are out of order, by those.
    for (index_t i = 0; i < n; ++i) words[i] = (key(i) & ~low) | word_t(i);
    sort_words(s, 0, n);
    for (index_t start = 0, stop; start < n; start = stop) {
        bool falls = false;
        word_t last = 0;
        for (stop = start; stop < n && words[stop] >> 32 == words[start] >> 32; ++stop) {
            if (stop == start && !(stop + 1 < n && words[stop + 1] >> 32 == words[start] >> 32)) continue;
            const word_t k = key(index_t(words[stop] & low));
            falls |= k < last;
            last = k;
        }
        if (!falls) continue;
        for (index_t i = start; i < stop; ++i) words[i] = key(index_t(words[i] & low)) << 32 | (words[i] & low);
        sort_words(s, start, stop);
    }
    for (index_t i = 0; i < n; ++i) order[i] = std::int32_t(words[i] & low);
}

// The arguments of each kernel, in the order of its Python namesake; `each` gives their names and members.
struct IndexIds {
    View<const index_t, 1> ids, known;
    View<std::int32_t, 1> out;

    template <class F>
    void each(F f) {
        f("ids", ids);
        f("known", known);
        f("out", out);
    }
};

struct SortRows {
    View<const std::int32_t, 1> category, image;
    index_t n_images;
    View<std::int32_t, 1> order;
    View<index_t, 1> starts;

    template <class F>
    void each(F f) {
        f("category", category);
        f("image", image);
        f("n_images", n_images);
        f("order", order);
        f("starts", starts);
    }
};

struct JoinCells {
    View<const std::int32_t, 1> dt_image, dt_order;
    View<const index_t, 1> dt_starts;
    View<const std::int32_t, 1> gt_image, gt_order;
    View<const index_t, 1> gt_starts;
    index_t limit;
    View<index_t, 1> category_cells;
    View<std::int32_t, 1> cell_image;
    View<index_t, 1> cell_dt, cell_gt, offsets;

    template <class F>
    void each(F f) {
        f("dt_image", dt_image);
        f("dt_order", dt_order);
        f("dt_starts", dt_starts);
        f("gt_image", gt_image);
        f("gt_order", gt_order);
        f("gt_starts", gt_starts);
        f("limit", limit);
        f("category_cells", category_cells);
        f("cell_image", cell_image);
        f("cell_dt", cell_dt);
        f("cell_gt", cell_gt);
        f("offsets", offsets);
    }
};

struct RankDetections {
    View<const double, 1> scores;
    View<const std::int32_t, 1> dt_order;
    View<const index_t, 1> cell_dt, offsets;
    View<std::int32_t, 1> rows;
    View<double, 1> ranked;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("scores", scores);
        f("dt_order", dt_order);
        f("cell_dt", cell_dt);
        f("offsets", offsets);
        f("rows", rows);
        f("ranked", ranked);
        f("begin", begin);
        f("end", end);
    }
};

struct PlaceCells {
    View<const index_t, 1> category_cells;
    View<const std::int32_t, 1> categories, cell_image, images;
    View<const index_t, 1> offsets;
    index_t first_dt;
    View<std::int32_t, 1> out_category, out_image;
    View<index_t, 1> starts, counts;

    template <class F>
    void each(F f) {
        f("category_cells", category_cells);
        f("categories", categories);
        f("cell_image", cell_image);
        f("images", images);
        f("offsets", offsets);
        f("first_dt", first_dt);
        f("out_category", out_category);
        f("out_image", out_image);
        f("starts", starts);
        f("counts", counts);
    }
};

struct MoveCells {
    View<const std::int32_t, 1> order;
    View<const index_t, 1> starts, counts;
    View<const std::int32_t, 1> cell_image;
    View<const std::int32_t, 2> n_gt;
    View<const double, 1> scores;
    View<const word_t, 2> matched, ignored;
    View<index_t, 1> new_offsets;
    View<std::int32_t, 1> new_cell_image;
    View<std::int32_t, 2> new_n_gt;
    View<double, 1> new_scores;
    View<word_t, 2> new_matched, new_ignored;

    template <class F>
    void each(F f) {
        f("order", order);
        f("starts", starts);
        f("counts", counts);
        f("cell_image", cell_image);
        f("n_gt", n_gt);
        f("scores", scores);
        f("matched", matched);
        f("ignored", ignored);
        f("new_offsets", new_offsets);
        f("new_cell_image", new_cell_image);
        f("new_n_gt", new_n_gt);
        f("new_scores", new_scores);
        f("new_matched", new_matched);
        f("new_ignored", new_ignored);
    }
};

namespace cpu {

void index_ids(const IndexIds& of);
void sort_rows(const SortRows& of);
void join_cells(const JoinCells& of);
void rank_detections(const RankDetections& of, const Threads& threads);
void place_cells(const PlaceCells& of);
void move_cells(const MoveCells& of);

}  // namespace cpu

namespace cuda {

void index_ids(const IndexIds& of, const Queue& queue);
void sort_rows(const SortRows& of, const Queue& queue);
void join_cells(const JoinCells& of, const Queue& queue);
void rank_detections(const RankDetections& of, const Queue& queue);
void place_cells(const PlaceCells& of, const Queue& queue);
void move_cells(const MoveCells& of, const Queue& queue);

}  // namespace cuda
}  // namespace pymetrics
