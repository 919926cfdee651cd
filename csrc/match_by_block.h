#pragma once
// A block matches one cell: one with many ground truths or detections, or with NaN among its overlaps. For matching.cu
// alone.
#include "matching_device.h"

namespace pymetrics::cuda {
namespace {

// What the threads of the block share.
template <class GroundTruth, int kWarps>
struct BlockState {
    Tile<kWarp> tile;
    GroundTruth ground_truths[kWarps][kWarp];
    std::uint8_t flags[kWarps][kWarp];
    word_t held[16 * kFew];
    double best_overlap[kWarps];
    std::int32_t best[kWarps];
    word_t best_got[kWarps];
    unsigned matched[2], ignored[2];
    int has_nan;
};

// A detection with many candidates, by the block: the best that has a bit for it, again and again.
template <int W, class Source, class State>
__device__ void match_by_search(const Task<Source>& task, const Span& s, index_t d, const CellWords& words,
                                State& state) {
    const index_t n_words = W ? W : task.matched.shape[1];
    const unsigned lane = threadIdx.x % kWarp, n_warps = blockDim.x / kWarp;
    const typename Source::Detection dt = task.detection(s, d);
    const bool keeps_free = task.in.keeps_free(s, d);
    for (index_t w = 0; w < n_words; ++w) {
        const word_t all = task.bits.all_bits(w);
        word_t matched = 0, found = 0, found_ignored = 0;
        for (int ignorable = 0; ignorable < 2;) {
            __syncthreads();
            Candidate best = {-1, 0};
            word_t got = 0;
            for (index_t g = threadIdx.x; g < s.n_gt; g += blockDim.x) {
                const std::uint8_t flags = task.in.flags(s, g);
                const word_t ignored = words.ignored[g * n_words + w], taken = words.taken[g * n_words + w];
                word_t eligible = all & ~found & (ignorable ? ignored : ~ignored);
                if (!(ignorable && flags & CROWD)) eligible &= ~taken;
                if (!eligible) continue;
                const Candidate c = {std::int32_t(g), task.source.overlap(dt, task.ground_truth(s, g), flags)};
                eligible &= task.bits.reached_bits(task.bits.n_reached(c.overlap), w);
                if (!eligible || (got && !goes_before(c, best))) continue;
                best = c;
                got = eligible;
            }
            for (int step = kWarp / 2; step; step /= 2) {
                const Candidate c = {__shfl_xor_sync(kAllLanes, best.g, step),
                                     __shfl_xor_sync(kAllLanes, best.overlap, step)};
                const word_t its = __shfl_xor_sync(kAllLanes, got, step);
                if (!its || (got && !goes_before(c, best))) continue;
                best = c;
                got = its;
            }
            const unsigned warp = threadIdx.x / kWarp;
            if (lane == 0) {
                state.best[warp] = best.g;
                state.best_overlap[warp] = best.overlap;
                state.best_got[warp] = got;
            }
            __syncthreads();
            got = 0;
            for (unsigned i = 0; i < n_warps; ++i) {
                const Candidate c = {state.best[i], state.best_overlap[i]};
                if (!state.best_got[i] || (got && !goes_before(c, best))) continue;
                best = c;
                got = state.best_got[i];
            }
            if (!got) {
                ++ignorable;
                continue;
            }
            found |= got;
            if (ignorable) found_ignored |= got;
            if (!(task.in.flags(s, best.g) & ID_ZERO)) matched |= got;
            if (threadIdx.x == 0) {
                if (!keeps_free) words.taken[best.g * n_words + w] |= got;
                task.keep(s, d, w, got, best.g, best.overlap);
            }
        }
        if (threadIdx.x == 0) {
            const index_t at = (s.d0 + d) * n_words + w;
            task.matched.data[at] = matched;
            task.ignored.data[at] = found_ignored | (task.ignored.data[at] & ~matched);
        }
    }
}

// NAN_OVERLAP: two warps have a bit of the word in each lane.
template <int W, class Source, class State>
__device__ void match_literally(const Task<Source>& task, const Span& s, index_t d, const CellWords& words,
                                State& state) {
    const index_t n_words = W ? W : task.matched.shape[1];
    const typename Source::Detection dt = task.detection(s, d);
    const unsigned half = threadIdx.x / kWarp;
    for (index_t w = 0; w < n_words; ++w) {
        __syncthreads();
        const index_t b = w * 64 + threadIdx.x;
        const word_t bit = word_t(threadIdx.x < 64) << (threadIdx.x % 64);
        auto overlap = [&](index_t g) { return task.source.overlap(dt, task.ground_truth(s, g), task.in.flags(s, g)); };
        auto ground_truth = [&](index_t g) -> GroundTruthWords {
            return {task.in.flags(s, g), words.ignored + g * n_words, words.taken + g * n_words};
        };
        Choice choice = {-1, false};
        if (task.bits.all_bits(w) & bit) choice = choose_literally(b, overlap, s.n_gt, task.bits, ground_truth);
        const bool hit = choice.g >= 0, matched = hit && !(task.in.flags(s, choice.g) & ID_ZERO);
        const unsigned all_matched = __ballot_sync(kAllLanes, matched);
        const unsigned all_ignored = __ballot_sync(kAllLanes, hit && choice.ignored);
        if (threadIdx.x % kWarp == 0 && half < 2) {  // ONE_LANE_WRITES
            state.matched[half] = all_matched;
            state.ignored[half] = all_ignored;
        }
        __syncthreads();
        if (hit) {
            if (!task.in.keeps_free(s, d))
                atomicOr(reinterpret_cast<atomic_t*>(words.taken + choice.g * n_words + w), atomic_t(bit));
            task.keep(s, d, w, bit, std::int32_t(choice.g), overlap(choice.g));
        }
        if (threadIdx.x == 0) {
            const word_t now_matched = word_t(state.matched[1]) << 32 | state.matched[0];
            const word_t now_ignored = word_t(state.ignored[1]) << 32 | state.ignored[0];
            const index_t at = (s.d0 + d) * n_words + w;
            task.matched.data[at] = now_matched;
            task.ignored.data[at] = now_ignored | (task.ignored.data[at] & ~now_matched);
        }
    }
}

template <int W, int kWarps, class Source>
__global__ void __launch_bounds__(kWarps* kWarp) match_by_block(Task<Source> task, List list) {
    __shared__ BlockState<typename Source::GroundTruth, kWarps> state;
    const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
    const index_t n_listed = task.n_cells[list];
    const double lowest = task.bits.thresholds[0];
    for (index_t at = blockIdx.x; at < n_listed; at += gridDim.x) {
        const Span s = task.in.span(task.cell(list, at));
        const CellWords words = task.words_of(s, state.held, 16 * kFew);
        __syncthreads();
        if (threadIdx.x == 0) state.has_nan = 0;
        for (index_t g = threadIdx.x; g < s.n_gt; g += blockDim.x) task.template load_words<W>(s, g, state.held, words);
        __syncthreads();
        if (*task.may_have_nan) {
            bool nan = false;
            for (index_t d = warp; d < s.n_dt; d += kWarps) {
                const typename Source::Detection dt = task.detection(s, d);
                for (index_t g = lane; g < s.n_gt; g += kWarp) {
                    const double v = task.source.overlap(dt, task.ground_truth(s, g), task.in.flags(s, g));
                    nan |= v != v;
                }
            }
            if (nan) atomicOr(&state.has_nan, 1);
            __syncthreads();  // NAN_BARRIER
            if (state.has_nan) {
                for (index_t d = 0; d < s.n_dt; ++d) match_literally<W>(task, s, d, words, state);
                continue;
            }
        }
        const index_t share = (s.n_gt + kWarps - 1) / kWarps, step = share < kWarp ? share : kWarp;
        for (index_t low = 0; low < s.n_dt; low += kWarp) {
            const index_t d = low + lane;
            const bool real = d < s.n_dt;
            if (warp == 0) state.tile.n[lane] = 0;  // TILE_COUNT_CLEARED
            __syncthreads();
            typename Source::Detection dt = {};
            if (real) dt = task.detection(s, d);
            for (index_t g0 = warp * step; g0 < s.n_gt; g0 += kWarps * step) {
                const int n_here = int(g0 + step < s.n_gt ? step : s.n_gt - g0);
                __syncwarp();
                if (int(lane) < n_here) {
                    state.ground_truths[warp][lane] = task.ground_truth(s, g0 + lane);
                    state.flags[warp][lane] = task.in.flags(s, g0 + lane);
                }
                __syncwarp();
                for (int j = 0; real && j < n_here; ++j) {
                    const double v = task.source.overlap(dt, state.ground_truths[warp][j], state.flags[warp][j]);
                    if (!(v >= lowest)) continue;
                    const int i = atomicAdd(&state.tile.n[lane], 1);  // TILE_COUNT_ATOMIC
                    if (i < kMost) state.tile.put(i, lane, v, g0 + j, state.flags[warp][j]);
                }
            }
            __syncthreads();  // CANDIDATES_BARRIER
            const int n = state.tile.n[lane];
            if (warp == 0 && n <= kMost) state.tile.sort(lane, n, task.bits);
            __syncwarp();
            const bool keeps_free = real && task.in.keeps_free(s, d);
            const word_t outside = W == 1 && real && warp == 0 ? task.ignored.data[s.d0 + d] : 0;
            for (unsigned left = __ballot_sync(kAllLanes, n > 0); left; left &= left - 1) {
                const int slot = __ffs(int(left)) - 1, n_its = __shfl_sync(kAllLanes, n, slot);
                if (n_its > kMost) {
                    match_by_search<W>(task, s, low + slot, words, state);
                } else if (warp == 0) {
                    const word_t its_outside = W == 1 ? __shfl_sync(kAllLanes, outside, slot) : 0;
                    const bool it_keeps_free = __ballot_sync(kAllLanes, keeps_free) >> slot & 1;
                    match_detection<W>(task, s, low + slot, state.tile, slot, lane < kMost ? n_its : 0, it_keeps_free,
                                       words, its_outside);
                    __syncwarp();
                }
            }
            __syncthreads();
        }
    }
}

}  // namespace
}  // namespace pymetrics::cuda
