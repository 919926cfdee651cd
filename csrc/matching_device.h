#pragma once
// What the kernels of matching.cu work on: cells whose overlaps are those of boxes or are given, lists of cells, and
// the candidates of a few detections. For matching.cu alone.
#include "boxes_device.h"
#include "launch.h"
#include "matching.h"

namespace pymetrics::cuda {
namespace {

constexpr int kMost = 8;                         // candidates of a detection that there is room for
constexpr int kFew = 8;                          // ground truths of a small cell, and its lanes
constexpr index_t kManyDts = 512;                // more than a small cell has
constexpr index_t kManyIous = index_t(1) << 16;  // more than a medium cell has
constexpr unsigned kSmallThreads = kBlock / 2;
constexpr int kMediumWarps = 4, kLargeWarps = 16;
enum List { SMALL, MEDIUM, LARGE, N_LISTS };
using atomic_t = unsigned long long;

struct Span {
    index_t c, d0, n_dt, g0, n_gt;
};

// A cell's detections and ground truths, where overlaps are those of boxes.
struct Boxes {
    using Detection = Box;
    using GroundTruth = Box;
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
    View<const double, 2> area_ranges;
    View<const word_t, 2> area_words;
    View<std::int32_t, 2> n_gt;

    __device__ index_t first_dt(index_t c) const { return offsets[c]; }
    __device__ index_t first_gt(index_t c) const { return cell_gt[c]; }
    __device__ Box detection(const Span& s, index_t d) const { return load_wide(dt_boxes, rows[s.d0 + d]); }
    __device__ Box ground_truth(const Span& s, index_t g) const { return load_wide(gt_boxes, gt_order[s.g0 + g]); }
    __device__ std::uint8_t flags(const Span& s, index_t g) const { return gt_flags[gt_order[s.g0 + g]]; }
    __device__ bool keeps_free(const Span& s, index_t d) const {
        return dt_flags.shape[0] && dt_flags[rows[s.d0 + d]] & KEEPS_FREE;
    }
    __device__ double overlap(const Box& dt, const Box& gt, std::uint8_t flags) const {
        return iou(dt, gt, flags & CROWD);
    }
    __device__ std::int32_t name(const Span& s, std::int32_t g) const { return gt_order[s.g0 + g]; }

    template <int W>
    __device__ void ignored_words(const Span& s, index_t g, const Pairs& pairs, word_t* out) const {
        const index_t row = gt_order[s.g0 + g], n_words = W ? W : area_words.shape[1];
        if (gt_flags[row] & (CROWD | IGNORE)) {
            for (index_t w = 0; w < n_words; ++w) out[w] = pairs.reach(pairs.thresholds.shape[0], w);
        } else {
            outside_words<W>(gt_area[row], area_ranges, area_words, out);
        }
    }

    // The ground truths that count, of those that the lanes of the warp have; `team` says which lanes are of one cell.
    __device__ void count(const Span& s, index_t g, bool mine, unsigned team, bool first) const {
        const index_t row = mine ? gt_order[s.g0 + g] : 0;
        const bool counts = mine && !(gt_flags[row] & (CROWD | IGNORE));
        const double area = counts ? gt_area[row] : 0;
        for (index_t a = 0; a < n_gt.shape[1]; ++a) {
            const bool inside = counts && !(area < area_ranges(a, 0) || area > area_ranges(a, 1));
            const int n = __popc(__ballot_sync(kAllLanes, inside) & team);
            if (first && n) atomicAdd(&n_gt(s.c, a), n);
        }
    }
};

// The same, where overlaps are given.
struct Given {
    using Detection = const double*;
    using GroundTruth = std::int32_t;
    View<const double, 1> ious;
    View<const index_t, 1> iou_offsets, dt_offsets, gt_offsets;
    View<const word_t, 2> gt_ignored;
    View<const std::uint8_t, 1> gt_flags;

    __device__ index_t first_dt(index_t c) const { return dt_offsets[c]; }
    __device__ index_t first_gt(index_t c) const { return gt_offsets[c]; }
    __device__ const double* detection(const Span& s, index_t d) const {
        return ious.data + iou_offsets[s.c] + d * s.n_gt;
    }
    __device__ std::int32_t ground_truth(const Span&, index_t g) const { return std::int32_t(g); }
    __device__ std::uint8_t flags(const Span& s, index_t g) const { return gt_flags[s.g0 + g]; }
    __device__ bool keeps_free(const Span&, index_t) const { return false; }
    __device__ double overlap(const double* dt, std::int32_t gt, std::uint8_t) const { return dt[gt]; }
    __device__ std::int32_t name(const Span&, std::int32_t g) const { return g; }

    template <int W>
    __device__ void ignored_words(const Span& s, index_t g, const Pairs&, word_t* out) const {
        const index_t n_words = W ? W : gt_ignored.shape[1];
        for (index_t w = 0; w < n_words; ++w) out[w] = gt_ignored(s.g0 + g, w);
    }
    __device__ void count(const Span&, index_t, bool, unsigned, bool) const {}
};

template <class Source>
struct Task {
    Source in;
    Pairs pairs;
    View<word_t, 2> matched, ignored;
    View<std::int32_t, 2> match_of;
    View<double, 2> match_iou;
    index_t begin, end;
    std::int32_t* cells;      // (N_LISTS, end - begin) cells to match
    unsigned *n_cells, *odd;  // (N_LISTS,) their numbers; whether some overlap may be NaN
    word_t* words;            // of each ground truth W of ignored and W of taken, cell by cell

    __device__ Span span(index_t c) const {
        const index_t d0 = in.first_dt(c), g0 = in.first_gt(c);
        return {c, d0, in.first_dt(c + 1) - d0, g0, in.first_gt(c + 1) - g0};
    }
    __device__ std::int32_t& cell(List list, index_t i) const { return cells[list * (end - begin) + i]; }
    __device__ int level(double overlap) const {
        int n = 0;
        for (index_t t = 0; t < pairs.thresholds.shape[0]; ++t) n += overlap >= pairs.thresholds[t];
        return n;
    }
    __device__ void keep(const Span& s, index_t d, index_t w, word_t got, std::int32_t g, double overlap) const {
        if (!match_of.shape[0]) return;
        for (; got; got &= got - 1) {
            const index_t b = w * 64 + lowest_bit(got);
            match_of(s.d0 + d, b) = in.name(s, g), match_iou(s.d0 + d, b) = overlap;
        }
    }
};

// What a team of lanes has of a cell in shared memory: the candidates of the detections of a tile, and ground truths.
template <int kLanes>
struct Tile {
    double overlap[kMost][kLanes + 1];
    std::int32_t code[kMost][kLanes + 1];  // g << 2 | flags & 3
    std::int32_t level[kMost][kLanes + 1];
    int n[kLanes];

    __device__ void put(int i, unsigned lane, double v, index_t g, std::uint8_t flags) {
        overlap[i][lane] = v, code[i][lane] = std::int32_t(g << 2 | (flags & (CROWD | ID_ZERO)));
    }

    // By falling overlap, of equals the later first (LAST_OF_EQUALS).
    template <class Source>
    __device__ void arrange(unsigned lane, int count, const Task<Source>& task) {
        for (int i = 0; i < count; ++i) {
            const Candidate c = {code[i][lane], overlap[i][lane]};
            const int l = task.level(c.overlap);
            int j = i;
            for (; j > 0 && goes_before(c, {code[j - 1][lane], overlap[j - 1][lane]}); --j) {
                overlap[j][lane] = overlap[j - 1][lane], code[j][lane] = code[j - 1][lane];
                level[j][lane] = level[j - 1][lane];
            }
            overlap[j][lane] = c.overlap, code[j][lane] = c.g, level[j][lane] = l;
        }
    }
};

struct Bits {
    word_t before, all;
};

// The bits that the lanes before this one have, and that all of the eight have. Without neighbours that have any, what
// is before nobody asks for.
__device__ Bits gather(word_t mine, unsigned lane) {
    if (!__any_sync(kAllLanes, lane && mine)) return {0, __shfl_sync(kAllLanes, mine, 0, kMost)};
    word_t up_to = mine;
    for (unsigned step = 1; step < kMost; step *= 2) {
        const word_t other = __shfl_up_sync(kAllLanes, up_to, step, kMost);
        if (lane >= step) up_to |= other;
    }
    const word_t before = __shfl_up_sync(kAllLanes, up_to, 1, kMost);
    return {lane ? before : 0, __shfl_sync(kAllLanes, up_to, kMost - 1, kMost)};
}

// Detection d, of which a tile has n candidates, takes what they have for it: of each, lane by lane, what those before
// leave. By all lanes of a warp; each eight have a detection, or n = 0. `outside`: what was in its word of ignored.
template <int W, class Source, int kLanes>
__device__ void settle(const Task<Source>& task, const Span& s, index_t d, const Tile<kLanes>& tile, int slot, int n,
                       bool keeps_free, word_t* words, word_t outside) {
    const index_t n_words = W ? W : task.matched.shape[1];
    const unsigned lane = threadIdx.x % kMost;
    const bool mine = int(lane) < n;
    const std::int32_t code = mine ? tile.code[lane][slot] : 0, g = code >> 2;
    const int level = mine ? tile.level[lane][slot] : 0;
    for (index_t w = 0; w < n_words; ++w) {
        word_t* const taken = words + (s.n_gt + g) * n_words + w;
        const word_t reach = mine ? task.pairs.reach(level, w) : 0, ignored = mine ? words[g * n_words + w] : 0,
                     free = mine ? ~*taken : 0;
        const word_t regular = reach & ~ignored & free;
        const Bits first = gather(regular, lane);
        // Then the ignored ones for who found none; a crowd is never used up.
        const word_t other = reach & ignored & (code & CROWD ? ~word_t(0) : free) & ~first.all;
        word_t got = regular & ~first.before, found_ignored = 0;
        if (__any_sync(kAllLanes, other != 0)) {
            const Bits second = gather(other, lane);
            got |= other & ~second.before, found_ignored = second.all;
        }
        word_t matched = first.all | found_ignored;
        if (__any_sync(kAllLanes, got && code & ID_ZERO)) matched = gather(code & ID_ZERO ? 0 : got, lane).all;
        if (got && !keeps_free) *taken = ~free | got;
        if (got) task.keep(s, d, w, got, g, tile.overlap[lane][slot]);
        if (mine && lane == 0) {
            const index_t at = (s.d0 + d) * n_words + w;
            if (W != 1) outside = task.ignored.data[at];
            task.matched.data[at] = matched;
            task.ignored.data[at] = found_ignored | (outside & ~matched);  // MATCHED_OUTSIDE
        }
    }
}

}  // namespace
}  // namespace pymetrics::cuda
