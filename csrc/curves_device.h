#pragma once
// The curves of accumulate.cu: precision between recall thresholds, then their running maximum. For accumulate.cu
// alone.
#include "accumulate_device.h"

namespace pymetrics::cuda {
namespace {

// A thread goes through the true positives of one bit and limit in one chunk, and leaves in the output the highest
// precision between each two neighbouring thresholds, at the lower one's place, and the scores at the thresholds.
__global__ void walk(Problem p) {
    const Chunk chunk = chunk_of(p, blockIdx.x);
    const index_t k = chunk.category;
    for (index_t pair = threadIdx.x; pair < p.n_pairs; pair += blockDim.x) {
        const word_t* const totals = p.totals + pair * (p.n_chunks + 1);
        const word_t before = totals[blockIdx.x], first = totals[p.first_chunk(k)];
        if (std::uint32_t(totals[blockIdx.x + 1] - before) == 0) continue;  // no hit
        auto hits = std::uint32_t(before - first), counted = std::uint32_t((before - first) >> 32);

        const index_t m = pair / p.n_bits(), b = pair % p.n_bits(), a = b / p.T;
        const std::uint32_t* const need = p.need + (k * p.A + a) * p.R;
        auto cell = [&](index_t q) { return p.cell(b % p.T, p.by_recall[q], k, a * p.M + m); };
        auto need_of = [&](index_t q) { return q < p.R ? need[q] : kNever; };
        index_t passed = count_up_to(need, p.R, hits);
        std::uint32_t next = need_of(passed), best_hits = 0, best_counted = 1;
        auto keep_best = [&] {
            if (passed && best_hits)
                atomicMax(reinterpret_cast<unsigned long long*>(p.precision + cell(passed - 1)),
                          precision_bits(best_hits, best_counted));
        };
        for (index_t g = 0; g < chunk.n_groups; ++g) {
            const index_t group = chunk.first_group + g;
            const lanes_t within = p.within[group * p.M + m], in = within & ~p.out[group * p.n_bits() + b];
            for (lanes_t left = within & p.hits[group * p.n_bits() + b]; left; left &= left - 1) {
                const lanes_t up_to = left ^ (left - 1);
                const std::uint32_t counted_here = counted + std::uint32_t(__popc(in & up_to));
                ++hits;
                if (hits >= next) {
                    keep_best();
                    best_hits = 0;
                    best_counted = 1;
                    const index_t at = chunk.low + g * kGroup + __popc(up_to) - 1;
                    for (; next <= hits; next = need_of(++passed))
                        if (p.keep_scores) p.scores_at[cell(passed)] = p.scores[p.order[at]];
                }
                // Rounding keeps the order of fractions. spacing(1) changes the quotient 1 / 1 alone, and n / n of n >
                // 1 is above that. So the highest fraction, of equal ones the later, has the highest quotient.
                if (word_t(hits) * best_counted >= word_t(best_hits) * counted_here) {
                    best_hits = hits;
                    best_counted = counted_here;
                }
            }
            counted += std::uint32_t(__popc(in));
        }
        keep_best();
    }
}

constexpr index_t kColumns = 32, kSections = 8;

// From the highest precisions between thresholds to the envelope: the maximum of all from a threshold on. A block has
// 32 columns (category, area range, limit) at one overlap threshold, a warp of it a section of the recall thresholds.
__global__ void finish(Problem p) {
    __shared__ double highest[kSections][kColumns];
    __shared__ index_t stop[kSections][kColumns];
    const index_t x = threadIdx.x % kColumns, y = threadIdx.x / kColumns, n_columns = p.n_categories * p.A * p.M,
                  n_tiles = (n_columns + kColumns - 1) / kColumns, t = blockIdx.x / n_tiles,
                  column = blockIdx.x % n_tiles * kColumns + x;
    const bool real = column < n_columns;
    const index_t k = column / (p.A * p.M), a = column / p.M % p.A, m = column % p.M,
                  length = (p.R + kSections - 1) / kSections, low = y * length < p.R ? y * length : p.R,
                  high = low + length < p.R ? low + length : p.R;
    std::uint32_t hits = 0;
    const std::uint32_t* need = nullptr;
    double best = 0;
    index_t unreached = p.R;  // the first threshold, in the order given, that is not reached
    if (real) {
        const word_t* const totals = p.totals + (m * p.n_bits() + a * p.T + t) * (p.n_chunks + 1);
        hits = std::uint32_t(totals[p.first_chunk(k + 1)] - totals[p.first_chunk(k)]);
        need = p.need + (k * p.A + a) * p.R;
        for (index_t q = low; q < high; ++q) {
            const double precision = p.precision[p.cell(t, p.by_recall[q], k, a * p.M + m)];
            best = precision > best ? precision : best;
            if (need[q] > hits && p.by_recall[q] < unreached) unreached = p.by_recall[q];
        }
    }
    highest[y][x] = best;
    stop[y][x] = unreached;
    __syncthreads();  // SECTIONS_BARRIER
    if (!real) return;
    best = 0;
    for (index_t s = 0; s < kSections; ++s) {
        if (s > y && highest[s][x] > best) best = highest[s][x];
        if (stop[s][x] < unreached) unreached = stop[s][x];
    }
    const std::uint32_t top = p.top[k * p.M + m];
    const index_t positives = index_t(p.positives[k * p.A + a]);
    if (top == 0) unreached = 0;
    for (index_t q = high - 1; q >= low; --q) {
        const index_t r = p.by_recall[q], cell = p.cell(t, r, k, a * p.M + m);
        double& precision = p.precision[cell];
        if (precision > best) best = precision;
        precision = r < unreached ? best : 0;  // UNREACHED_RECALL: all after it stays 0
        if (positives == 0) precision = -1;
        if (!p.keep_scores || (positives && r < unreached && need[q])) continue;  // walk has written the rest
        double score = positives == 0 ? -1 : 0;
        if (positives && r < unreached) score = p.scores[p.order[p.D - top]];
        p.scores_at[cell] = score;
    }
    if (y == 0)  // NO_DETECTIONS: with ground truth it is 0
        p.recall[p.place_of_recall(t, p.begin + k, a, m)] = positives == 0 ? -1 : double(hits) / double(positives);
}

}  // namespace
}  // namespace pymetrics::cuda
