#pragma once
// The kernels behind accumulate.cu, and for it alone.
//
// All detections are sorted at once, by category and falling score, and cut into chunks of one category each: a
// category that has most of them is many chunks, so that no block waits for it. Of 32 detections the words are turned
// into one word for each (area range, threshold) bit, so that counting is popc and a thread has one bit and limit. No
// list of true positives is made: the envelope at a recall threshold is the highest precision from the true positive
// that it needs on, so that one maximum between neighbouring thresholds is enough, and those lie in the output.
#include "accumulate.h"
#include "cuda/launch.h"
#include "curves.h"

namespace pymetrics::cuda {
namespace {

using lanes_t = std::uint32_t;  // one bit for each of 32 detections in order
constexpr std::uint32_t kNever = ~std::uint32_t(0);
constexpr index_t kGroup = 32;  // detections

// How many of n ascending numbers are at most x.
template <class T>
__device__ index_t count_up_to(const T* numbers, index_t n, T x) {
    index_t low = 0, high = n;
    while (low < high) {
        const index_t middle = (low + high) / 2;
        if (numbers[middle] <= x) low = middle + 1;
        else high = middle;
    }
    return low;
}

// Bit d of lane b from bit b of lane d.
__device__ lanes_t transposed(lanes_t x, unsigned lane) {
    lanes_t low = 0x0000ffff;
    for (unsigned j = 16; j; j >>= 1) {
        const lanes_t y = __shfl_xor_sync(kAllLanes, x, int(j));
        x = lane & j ? (x & ~low) | ((y >> j) & low) : (x & low) | ((y & low) << j);
        low ^= low << (j / 2);
    }
    return x;
}

// The bits of numbers that are not negative are ordered as the numbers are.
__device__ unsigned long long precision_bits(index_t hits, index_t counted) {
    const double precision = precision_at(hits, counted);
    unsigned long long bits;
    memcpy(&bits, &precision, 8);
    return bits;
}

struct Problem : CurveShape {
    View<const double, 1> scores;
    View<const word_t, 2> matched, ignored;
    View<const index_t, 1> offsets;
    View<const std::int32_t, 2> n_gt;
    View<const index_t, 1> category_cells, max_dets;
    View<const double, 1> recall_thresholds;
    double* precision;  // (T, R, K, A, M)
    double* recall;     // (T, K, A, M)
    double* scores_at;  // (T, R, K, A, M) or none

    bool keep_scores;
    index_t begin, n_categories;  // the range of units; below, category 0 is the first of them
    index_t D, W;
    index_t n_pairs;                // (limit, bit) pairs, a thread of a chunk each
    index_t chunk;                  // its detections, a multiple of kGroup
    index_t n_chunks;               // at most
    int limit_bits;                 // of a place: (category, limit_index)
    index_t* starts;                // (n_categories + 1,) of a category's detections in the order
    std::uint32_t* places;          // (D,) by row: category << limit_bits | the first limit that the rank is within
    std::uint32_t* in_order;        // (D,) the places in the order
    std::int32_t* order;            // (D,) the row of each detection in the order
    std::uint32_t* by_recall;       // (R,) the recall thresholds, ascending
    std::uint32_t* need;            // (n_categories, A, R) hits needed, by ascending threshold; kNever
    unsigned long long* positives;  // (n_categories, A)
    std::uint32_t* top;   // (n_categories, M) D - where in the order the limit's first detection is; 0: there is none
    lanes_t *hits, *out;  // (groups, n_bits) matched and not ignored; ignored
    lanes_t* within;      // (groups, M) of the limit
    word_t* totals;  // (n_pairs, n_chunks + 1) counted << 32 | hits of a chunk; then of all before it, which may wrap

    index_t n_groups;

    // Categories share no chunk and no group. Rounding down and one to spare for each category is room enough, so that
    // no sum over the categories is needed to find where one's first is.
    __device__ index_t first_chunk(index_t k) const { return starts[k] / chunk + k; }
    __device__ index_t first_group(index_t k) const { return starts[k] / kGroup + k; }

    __device__ index_t cell(index_t t, index_t r, index_t k, index_t column) const {
        return place_of_precision(t, r, begin + k, 0, 0) + column;
    }
};

struct Chunk {
    index_t category, low, high;  // [low, high) in the order; may be empty
    index_t first_group, n_groups;
};

__device__ Chunk chunk_of(const Problem& p, index_t slot) {
    index_t k = 0, high = p.n_categories;
    while (high - k > 1) {
        const index_t middle = (k + high) / 2;
        if (p.first_chunk(middle) <= slot) k = middle;
        else high = middle;
    }
    const index_t number = slot - p.first_chunk(k), low = p.starts[k] + number * p.chunk, last = p.starts[k + 1];
    const index_t stop = low + p.chunk < last ? low + p.chunk : last;
    const index_t n = stop > low ? stop - low : 0;
    return {k, low, low + n, p.first_group(k) + number * (p.chunk / kGroup), (n + kGroup - 1) / kGroup};
}

// Sorting keys and places of the detections; where categories begin; the order of the recall thresholds.
__global__ void prepare(Problem p, word_t* keys, std::int32_t* rows) {
    const index_t n_cells = p.category_cells[p.K], first = p.offsets[p.category_cells[p.begin]];
    for (index_t i = thread_index(); i < p.D; i += thread_count()) {
        const index_t c = count_up_to(p.offsets.data, n_cells + 1, i) - 1;
        const index_t k = count_up_to(p.category_cells.data, p.K + 1, c) - 1 - p.begin;
        const bool ours = k >= 0 && k < p.n_categories;
        const index_t limit_index = ours ? count_up_to(p.max_dets.data, p.M, i - p.offsets[c]) : 0;
        p.places[i] = std::uint32_t((ours ? k : p.n_categories) << p.limit_bits | limit_index);
        keys[i] = falling_key(p.scores[i]);
        rows[i] = std::int32_t(i);
    }
    for (index_t k = thread_index(); k <= p.n_categories; k += thread_count())
        p.starts[k] = p.offsets[p.category_cells[p.begin + k]] - first;
    for (index_t i = thread_index(); i < p.n_categories * p.M; i += thread_count()) p.top[i] = 0;
    for (index_t r = thread_index(); r < p.R; r += thread_count()) {
        auto value = [&](index_t i) { return sorted_threshold(p.recall_thresholds[i]); };
        index_t rank = 0;
        for (index_t i = 0; i < p.R; ++i) rank += value(i) < value(r) || (i < r && value(i) == value(r));
        p.by_recall[rank] = std::uint32_t(r);
    }
}

__global__ void clear(Problem p) {
    for (index_t i = thread_index(); i < p.n_categories * p.A; i += thread_count()) p.positives[i] = 0;
    for (index_t row = blockIdx.x; row < p.T * p.R; row += gridDim.x)
        for (index_t i = threadIdx.x; i < p.n_categories * p.A * p.M; i += blockDim.x)
            p.precision[p.cell(0, row, 0, i)] = 0;
}

__global__ void gather_places(Problem p, const std::int32_t* rows, std::uint32_t* gathered) {
    for (index_t i = thread_index(); i < p.D; i += thread_count()) gathered[i] = p.places[rows[i]];
}

// A warp adds up a share of a category's cells in one area range.
__global__ void count_truths(Problem p, index_t n_shares) {
    const index_t lane = threadIdx.x % kWarp;
    for (index_t task = thread_index() / kWarp; task < p.n_categories * p.A * n_shares;
         task += thread_count() / kWarp) {
        const index_t share = task % n_shares, of = task / n_shares, k = p.begin + of / p.A, a = of % p.A;
        unsigned long long sum = 0;
        for (index_t c = p.category_cells[k] + share * kWarp + lane; c < p.category_cells[k + 1]; c += n_shares * kWarp)
            sum += static_cast<unsigned long long>(p.n_gt(c, a));
        for (int j = kWarp / 2; j; j /= 2) sum += __shfl_xor_sync(kAllLanes, sum, j);
        if (lane == 0 && sum) atomicAdd(p.positives + of, sum);
    }
}

__global__ void find_needs(Problem p) {
    for (index_t i = thread_index(); i < p.n_categories * p.A * p.R; i += thread_count()) {
        const double threshold = p.recall_thresholds[p.by_recall[i % p.R]];
        const index_t need = hits_needed(threshold, index_t(p.positives[i / p.R]));
        p.need[i] = need < index_t(kNever) ? std::uint32_t(need) : kNever;
    }
}

// A block turns the words of one chunk's detections.
__global__ void turn(Problem p) {
    const Chunk chunk = chunk_of(p, blockIdx.x);
    const unsigned lane = threadIdx.x % kWarp;
    const std::uint32_t limit_mask = (std::uint32_t(1) << p.limit_bits) - 1;
    for (index_t g = threadIdx.x / kWarp; g < chunk.n_groups; g += blockDim.x / kWarp) {
        const index_t i = chunk.low + g * kGroup + lane, group = chunk.first_group + g;
        const bool real = i < chunk.high;
        const index_t row = real ? p.order[i] : 0;
        const std::uint32_t limit_index = real ? p.in_order[i] & limit_mask : kNever;
        for (index_t m = 0; m < p.M; ++m) {
            const lanes_t lanes = __ballot_sync(kAllLanes, limit_index <= m);
            if (lane == m % kWarp) p.within[group * p.M + m] = lanes;
        }
        for (index_t w = 0; w < p.W; ++w) {
            const word_t ignored = real ? p.ignored(row, w) : 0, hit = real ? p.matched(row, w) & ~ignored : 0;
            for (index_t low = w * 64, part = 0; part < 2 && low < p.n_bits(); low += 32, ++part) {
                const lanes_t hits = transposed(lanes_t(hit >> (32 * part)), lane);
                const lanes_t out = transposed(lanes_t(ignored >> (32 * part)), lane);
                if (low + lane >= p.n_bits()) continue;
                p.hits[group * p.n_bits() + low + lane] = hits;
                p.out[group * p.n_bits() + low + lane] = out;
            }
        }
    }
    __syncthreads();
    for (index_t m = threadIdx.x; m < p.M; m += blockDim.x)
        for (index_t g = 0; g < chunk.n_groups; ++g) {
            const lanes_t within = p.within[(chunk.first_group + g) * p.M + m];
            if (!within) continue;
            const index_t at = chunk.low + g * kGroup + __ffs(int(within)) - 1;
            atomicMax(p.top + chunk.category * p.M + m, std::uint32_t(p.D - at));
            break;
        }
}

// A block counts in one chunk. The last block, of no chunk, closes the rows of totals.
__global__ void tally(Problem p) {
    const index_t slot = blockIdx.x;
    const Chunk chunk = chunk_of(p, slot);
    for (index_t pair = threadIdx.x; pair < p.n_pairs; pair += blockDim.x) {
        const index_t m = pair / p.n_bits(), b = pair % p.n_bits();
        word_t counted = 0, hits = 0;
        for (index_t group = chunk.first_group; group < chunk.first_group + chunk.n_groups; ++group) {
            const lanes_t within = p.within[group * p.M + m];
            counted += word_t(__popc(within & ~p.out[group * p.n_bits() + b]));
            hits += word_t(__popc(within & p.hits[group * p.n_bits() + b]));
        }
        p.totals[pair * (p.n_chunks + 1) + slot] = counted << 32 | hits;
    }
}

}  // namespace
}  // namespace pymetrics::cuda
