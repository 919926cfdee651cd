#include <algorithm>

#include "cuda/sort_and_sum.h"
#include "curves_device.h"

namespace pymetrics::cuda {
namespace {

void measure(Problem& p) {
    p.D = p.scores.shape[0];
    p.W = p.matched.shape[1];
    p.K = p.category_cells.shape[0] - 1;
    p.R = p.recall_thresholds.shape[0];
    p.M = p.max_dets.shape[0];
    p.n_pairs = p.M * p.n_bits();
    p.limit_bits = bits_of(p.M);
    if (p.D >= index_t(1) << 31 || bits_of(p.n_categories) + p.limit_bits > 32)
        throw DeviceError("accumulate: a GPU takes fewer than 2**31 detections and 2**24 categories, got " +
                          std::to_string(p.D) + " and " + std::to_string(p.n_categories));
    p.chunk = 4 * kBlock;  // and so many more that the totals take no more room than the words
    while (p.n_pairs > p.chunk * p.W) p.chunk *= 2;
    p.n_chunks = p.D / p.chunk + p.n_categories;
    p.n_groups = p.D / kGroup + p.n_categories;
}

// The detections in order, their words turned.
void put_in_order(Problem& p, const Queue& queue) {
    word_t *keys = queue.take<word_t>(p.D), *spare_keys = queue.take<word_t>(p.D);
    auto *rows = queue.take<std::int32_t>(p.D), *rows_by_score = queue.take<std::int32_t>(p.D);
    auto* const gathered = queue.take<std::uint32_t>(p.D);
    p.places = queue.take<std::uint32_t>(p.D);
    // the same memory twice: the first is read for the last time before the second is written
    p.in_order = p.places;
    p.order = rows;
    p.starts = queue.take<index_t>(p.n_categories + 1);
    p.by_recall = queue.take<std::uint32_t>(p.R);
    p.top = queue.take<std::uint32_t>(p.n_categories * p.M);
    p.hits = queue.take<lanes_t>(p.n_groups * p.n_bits());
    p.out = queue.take<lanes_t>(p.n_groups * p.n_bits());
    p.within = queue.take<lanes_t>(p.n_groups * p.M);
    PM_RUN_UNITS(prepare, std::max({p.D, p.R, p.n_categories * p.M, p.n_categories + 1}), queue, p, keys, rows);
    sort_pairs(queue, keys, spare_keys, rows, rows_by_score, p.D, 0, 64);
    PM_RUN_UNITS(gather_places, p.D, queue, p, rows_by_score, gathered);
    sort_pairs(queue, gathered, p.in_order, rows_by_score, p.order, p.D, p.limit_bits,
               p.limit_bits + bits_of(p.n_categories));
    PM_RUN(turn, unsigned(p.n_chunks), kBlock, queue, p);
}

void draw(Problem& p, const Queue& queue) {
    constexpr index_t n_shares = 32;
    p.positives = queue.take<unsigned long long>(p.n_categories * p.A);
    p.need = queue.take<std::uint32_t>(p.n_categories * p.A * p.R);
    p.totals = queue.take<word_t>(p.n_pairs * (p.n_chunks + 1));
    const index_t n_cells = p.n_categories * p.A, n_tiles = (n_cells * p.M + kColumns - 1) / kColumns;
    const unsigned chunks = unsigned(p.n_chunks), walkers = p.n_pairs < 128 ? 128 : 256;
    PM_RUN_UNITS(clear, std::max(n_cells, p.T * p.R * kBlock), queue, p);
    PM_RUN_UNITS(count_truths, n_cells * n_shares * kWarp, queue, p, n_shares);
    PM_RUN_UNITS(find_needs, n_cells * p.R, queue, p);
    PM_RUN(tally, chunks + 1, kBlock, queue, p);
    exclusive_sum(queue, p.totals, p.totals, p.n_pairs * (p.n_chunks + 1));
    PM_RUN(walk, chunks, walkers, queue, p);
    PM_RUN(finish, unsigned(n_tiles * p.T), kColumns * kSections, queue, p);
}

}  // namespace

// area_bits is not read: bit a * T + t is of area range a.
void accumulate(const Accumulate& of, const Queue& queue) {
    if (of.end <= of.begin) return;
    Problem p = {};
    p.scores = of.scores;
    p.matched = of.matched;
    p.ignored = of.ignored;
    p.offsets = of.offsets;
    p.n_gt = of.n_gt;
    p.category_cells = of.category_cells;
    p.max_dets = of.max_dets;
    p.recall_thresholds = of.recall_thresholds;
    p.precision = of.precision.data;
    p.recall = of.recall.data;
    p.begin = of.begin;
    p.n_categories = of.end - of.begin;
    p.scores_at = of.scores_at.data;
    p.keep_scores = of.scores_at.shape[0] > 0;
    p.T = of.recall.shape[0];
    p.A = of.recall.shape[2];
    measure(p);
    if (p.n_pairs == 0) return;
    put_in_order(p, queue);
    draw(p, queue);
}

}  // namespace pymetrics::cuda
