#pragma once
// What the kernels of matching.cu work on: cells, the source of their overlaps, lists of cells, and the candidates of a
// few detections. For matching.cu and match_by_block.h alone.
#include "boxes_device.h"
#include "cuda/launch.h"
#include "matching.h"

namespace pymetrics::cuda {
namespace {

constexpr int kMost = 8;                          // candidates of a detection that there is room for
constexpr int kFew = 8;                           // ground truths of a small cell, and its lanes
constexpr index_t kManyDts = 512;                 // more than a small cell has
constexpr index_t kManyPairs = index_t(1) << 16;  // more than a medium cell has
constexpr unsigned kSmallThreads = kBlock / 2;
constexpr int kMediumWarps = 4, kLargeWarps = 16;
enum List { SMALL, MEDIUM, LARGE, N_LISTS };
using atomic_t = unsigned long long;

struct Span {
    index_t c, d0, n_dt, g0, n_gt;
};

// The cells to match: rows, flags and words; nothing of it depends on the shape.
struct CellInputs {
    View<const std::int32_t, 1> dt_rows;
    View<const std::uint8_t, 1> dt_flags;
    View<const index_t, 1> dt_offsets;
    View<const std::int32_t, 1> gt_rows;
    View<const std::uint8_t, 1> gt_flags;
    View<const index_t, 1> gt_offsets;
    View<const word_t, 2> gt_ignored;  // (G, W), in the order of gt_rows

    __device__ Span span(index_t c) const {
        const index_t d0 = dt_offsets[c], g0 = gt_offsets[c];
        return {c, d0, dt_offsets[c + 1] - d0, g0, gt_offsets[c + 1] - g0};
    }
    __device__ std::uint8_t flags(const Span& s, index_t g) const { return gt_flags[gt_rows[s.g0 + g]]; }
    __device__ bool keeps_free(const Span& s, index_t d) const {
        return dt_flags.shape[0] && dt_flags[dt_rows[s.d0 + d]] & KEEPS_FREE;
    }
    __device__ std::int32_t gt_row(const Span& s, index_t g) const { return gt_rows[s.g0 + g]; }
};

// An overlap source says what a thread keeps of a detection and of a ground truth, and what their overlap is.
struct BoxOverlaps {
    using Detection = Box;
    using GroundTruth = Box;
    View<const double, 2> dt_boxes, gt_boxes;

    __device__ Box detection(const CellInputs& in, const Span& s, index_t d) const {
        return load_wide(dt_boxes, in.dt_rows[s.d0 + d]);
    }
    __device__ Box ground_truth(const CellInputs& in, const Span& s, index_t g) const {
        return load_wide(gt_boxes, in.gt_rows[s.g0 + g]);
    }
    __device__ double overlap(const Box& dt, const Box& gt, std::uint8_t flags) const {
        return iou(dt, gt, flags & CROWD);
    }
};

struct GivenOverlaps {
    using Detection = const double*;  // its overlaps
    using GroundTruth = std::int32_t;
    View<const double, 1> overlaps;
    View<const index_t, 1> overlap_offsets;

    __device__ const double* detection(const CellInputs&, const Span& s, index_t d) const {
        return overlaps.data + overlap_offsets[s.c] + d * s.n_gt;
    }
    __device__ std::int32_t ground_truth(const CellInputs&, const Span&, index_t g) const { return std::int32_t(g); }
    __device__ double overlap(const double* dt, std::int32_t gt, std::uint8_t) const { return dt[gt]; }
};

// Words of a cell's ground truths.
struct CellWords {
    const word_t* ignored;  // (n_gt, W)
    word_t* taken;          // (n_gt, W)
};

template <class Source>
struct Task {
    using Detection = typename Source::Detection;
    using GroundTruth = typename Source::GroundTruth;
    CellInputs in;
    Source source;
    ThresholdBits bits;
    View<word_t, 2> matched, ignored;
    View<std::int32_t, 2> match_of;
    View<double, 2> match_iou;
    index_t begin, end;
    std::int32_t* cells;     // (N_LISTS, end - begin) cells to match
    unsigned* n_cells;       // (N_LISTS,) their numbers
    unsigned* may_have_nan;  // whether some overlap may be NaN
    word_t* taken;           // (G, W), of cells whose words do not fit into shared memory

    __device__ std::int32_t& cell(List list, index_t i) const { return cells[list * (end - begin) + i]; }
    __device__ Detection detection(const Span& s, index_t d) const { return source.detection(in, s, d); }
    __device__ GroundTruth ground_truth(const Span& s, index_t g) const { return source.ground_truth(in, s, g); }

    // A cell's words are in `held`, where these n words of shared memory are enough; else in global memory.
    __device__ CellWords words_of(const Span& s, word_t* held, index_t n) const {
        const index_t n_here = s.n_gt * matched.shape[1];
        if (2 * n_here <= n) return {held, held + n_here};
        return {in.gt_ignored.row(s.g0), taken + s.g0 * matched.shape[1]};
    }
    // Writes the words of ground truth g as they are before a match.
    template <int W>
    __device__ void load_words(const Span& s, index_t g, word_t* held, const CellWords& words) const {
        const index_t n_words = W ? W : matched.shape[1];
        for (index_t w = 0; w < n_words; ++w) {
            if (words.ignored == held) held[g * n_words + w] = in.gt_ignored.row(s.g0 + g)[w];
            words.taken[g * n_words + w] = 0;
        }
    }

    __device__ void keep(const Span& s, index_t d, index_t w, word_t got, std::int32_t g, double overlap) const {
        if (!match_of.shape[0]) return;
        for (; got; got &= got - 1) {
            const index_t b = w * 64 + lowest_bit(got);
            match_of(s.d0 + d, b) = in.gt_row(s, g);
            match_iou(s.d0 + d, b) = overlap;
        }
    }
};

// What a team of lanes has of a cell in shared memory: the candidates of the detections of a tile.
template <int kLanes>
struct Tile {
    double overlap[kMost][kLanes + 1];
    std::int32_t code[kMost][kLanes + 1];  // g << 2 | flags & 3
    std::int32_t n_reached[kMost][kLanes + 1];
    int n[kLanes];

    __device__ void put(int i, unsigned lane, double v, index_t g, std::uint8_t flags) {
        overlap[i][lane] = v;
        code[i][lane] = std::int32_t(g << 2 | (flags & (CROWD | ID_ZERO)));
    }

    // By falling overlap, of equals the later first (LAST_OF_EQUALS).
    __device__ void sort(unsigned lane, int count, const ThresholdBits& bits) {
        for (int i = 0; i < count; ++i) {
            const Candidate c = {code[i][lane], overlap[i][lane]};
            int j = i;
            for (; j > 0 && goes_before(c, {code[j - 1][lane], overlap[j - 1][lane]}); --j) {
                overlap[j][lane] = overlap[j - 1][lane];
                code[j][lane] = code[j - 1][lane];
                n_reached[j][lane] = n_reached[j - 1][lane];
            }
            overlap[j][lane] = c.overlap;
            code[j][lane] = c.g;
            n_reached[j][lane] = std::int32_t(bits.n_reached(c.overlap));
        }
    }
};

struct GatheredBits {
    word_t before, all;
};

// before: OR of `mine` over the lower lanes. all: OR over the eight lanes. If only lane 0 has bits, `before` is not
// used and 0 is returned.
__device__ GatheredBits gather(word_t mine, unsigned lane) {
    if (!__any_sync(kAllLanes, lane && mine)) return {0, __shfl_sync(kAllLanes, mine, 0, kMost)};
    word_t up_to = mine;
    for (unsigned step = 1; step < kMost; step *= 2) {
        const word_t other = __shfl_up_sync(kAllLanes, up_to, step, kMost);
        if (lane >= step) up_to |= other;
    }
    const word_t before = __shfl_up_sync(kAllLanes, up_to, 1, kMost);
    return {lane ? before : 0, __shfl_sync(kAllLanes, up_to, kMost - 1, kMost)};
}

// Detection d, of which a tile has n candidates, is matched: a lane has a candidate and takes the bits that those of
// lower lanes leave. By all lanes of a warp; each eight have a detection, or n = 0. `outside`: its word of ignored
// before the match.
template <int W, class Source, int kLanes>
__device__ void match_detection(const Task<Source>& task, const Span& s, index_t d, const Tile<kLanes>& tile, int slot,
                                int n, bool keeps_free, const CellWords& words, word_t outside) {
    const index_t n_words = W ? W : task.matched.shape[1];
    const unsigned lane = threadIdx.x % kMost;
    const bool mine = int(lane) < n;
    const std::int32_t code = mine ? tile.code[lane][slot] : 0, g = code >> 2;
    const int n_reached = mine ? tile.n_reached[lane][slot] : 0;
    for (index_t w = 0; w < n_words; ++w) {
        word_t* const taken = words.taken + g * n_words + w;
        const word_t reached = mine ? task.bits.reached_bits(n_reached, w) : 0;
        const word_t ignored = mine ? words.ignored[g * n_words + w] : 0;
        const word_t not_taken = mine ? ~*taken : 0;
        // Pass 0: ground truths that count.
        const word_t regular = reached & ~ignored & not_taken;
        const GatheredBits first = gather(regular, lane);
        // Pass 1: ignored ones, for the bits that are still unmatched; any number of detections may take a crowd.
        const word_t other = reached & ignored & (code & CROWD ? ~word_t(0) : not_taken) & ~first.all;
        word_t got = regular & ~first.before, found_ignored = 0;
        if (__any_sync(kAllLanes, other != 0)) {
            const GatheredBits second = gather(other, lane);
            got |= other & ~second.before;
            found_ignored = second.all;
        }
        word_t matched = first.all | found_ignored;
        if (__any_sync(kAllLanes, got && code & ID_ZERO)) matched = gather(code & ID_ZERO ? 0 : got, lane).all;
        if (got && !keeps_free) *taken = ~not_taken | got;
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
