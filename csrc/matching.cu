// A cell with few ground truths is matched by eight lanes, four such cells in a warp; any other by a block. Detections
// are done in tiles: each lane finds the candidates of one of them, sorts them, and counts the thresholds that they
// reach; then the detections of the tile take, one after another, a lane for each candidate, what their candidates
// before it leave. A detection with more candidates than there is room for is matched by search, and the cells of a
// call that holds odd boxes are first looked through for NaN: by the block alone a cell is matched literally.
#include "matching_device.h"

namespace pymetrics::cuda {
namespace {

template <int W, class Source>
__global__ void __launch_bounds__(kSmallThreads) match_small(Task<Source> task) {
    __shared__ Tile<kFew> tiles[kSmallThreads / kFew];
    __shared__ typename Source::GroundTruth truths[kSmallThreads / kFew][kFew];
    __shared__ std::uint8_t flags[kSmallThreads / kFew][kFew];
    __shared__ word_t held[kSmallThreads / kFew][2 * kFew];
    const unsigned team = threadIdx.x / kFew, lane = threadIdx.x % kFew, shift = threadIdx.x % kWarp - lane;
    const index_t n_words = W ? W : task.matched.shape[1], n_listed = task.n_cells[SMALL];
    const bool odd = *task.odd;
    const double lowest = task.pairs.thresholds[0];
    Tile<kFew>& tile = tiles[team];
    for (index_t listed = thread_index() / kWarp * (kWarp / kFew); listed < n_listed; listed += thread_count() / kFew) {
        const index_t at = listed + shift / kFew;
        Span s = at < n_listed ? task.span(task.cell(SMALL, at)) : Span{};
        word_t* const words = s.n_gt * n_words <= kFew ? held[team] : task.words + 2 * s.g0 * n_words;
        __syncwarp();
        if (lane < s.n_gt) {
            truths[team][lane] = task.in.ground_truth(s, lane), flags[team][lane] = task.in.flags(s, lane);
            task.in.template ignored_words<W>(s, lane, task.pairs, words + lane * n_words);
            for (index_t w = 0; w < n_words; ++w) words[(s.n_gt + lane) * n_words + w] = 0;
        }
        __syncwarp();
        auto each_overlap = [&](const typename Source::Detection& dt, auto use) {
            for (int g = 0; g < s.n_gt; ++g) use(g, task.in.overlap(dt, truths[team][g], flags[team][g]));
        };
        if (odd) {
            bool nan = false;
            for (index_t d = lane; d < s.n_dt; d += kFew)
                each_overlap(task.in.detection(s, d), [&](int, double v) { nan |= v != v; });
            if (__ballot_sync(kAllLanes, nan) >> shift & 0xff) {
                if (lane == 0) task.cell(MEDIUM, atomicAdd(&task.n_cells[MEDIUM], 1u)) = std::int32_t(s.c);
                s.n_dt = s.n_gt = 0;
            }
        }
        task.in.count(s, lane, lane < s.n_gt, 0xffu << shift, lane == 0);
        typename Source::Detection next = {};
        if (lane < s.n_dt) next = task.in.detection(s, lane);
        for (index_t low = 0; __any_sync(kAllLanes, low < s.n_dt); low += kFew) {
            const index_t d = low + lane;
            const bool real = d < s.n_dt;
            const typename Source::Detection dt = next;
            if (d + kFew < s.n_dt) next = task.in.detection(s, d + kFew);
            const word_t outside = W == 1 && real ? task.ignored.data[s.d0 + d] : 0;
            const unsigned free = __ballot_sync(kAllLanes, real && task.in.keeps_free(s, d)) >> shift;
            int n = 0;
            if (real)
                each_overlap(dt, [&](int g, double v) {
                    if (v >= lowest) tile.put(n++, lane, v, g, flags[team][g]);
                });
            tile.arrange(lane, n, task);
            tile.n[lane] = n;
            __syncwarp();
            unsigned left = __ballot_sync(kAllLanes, n > 0) >> shift & 0xff;
            while (__any_sync(kAllLanes, left != 0)) {
                const int slot = left ? __ffs(int(left)) - 1 : 0;
                const word_t its_outside = W == 1 ? __shfl_sync(kAllLanes, outside, slot, kFew) : 0;
                settle<W>(task, s, low + slot, tile, slot, left ? tile.n[slot] : 0, free >> slot & 1, words,
                          its_outside);
                left &= left - 1;
                __syncwarp();
            }
        }
    }
}

// What the threads of a block that matches one cell share.
template <class GroundTruth, int kWarps>
struct Desk {
    Tile<kWarp> tile;
    GroundTruth truths[kWarps][kWarp];
    std::uint8_t flags[kWarps][kWarp];
    word_t held[16 * kFew];
    double best_overlap[kWarps];
    std::int32_t best[kWarps];
    word_t best_got[kWarps];
    unsigned matched[2], ignored[2];
    int has_nan;
};

// A detection with many candidates, by the block: the best that has something for it, again and again.
template <int W, class Source, class Desk>
__device__ void settle_by_search(const Task<Source>& task, const Span& s, index_t d, word_t* words, Desk& desk) {
    const index_t n_words = W ? W : task.matched.shape[1];
    const unsigned lane = threadIdx.x % kWarp, n_warps = blockDim.x / kWarp;
    const typename Source::Detection dt = task.in.detection(s, d);
    const bool keeps_free = task.in.keeps_free(s, d);
    for (index_t w = 0; w < n_words; ++w) {
        const word_t all = task.pairs.reach(task.pairs.thresholds.shape[0], w);
        word_t matched = 0, found = 0, found_ignored = 0;
        for (int ignorable = 0; ignorable < 2;) {
            __syncthreads();
            Candidate best = {-1, 0};
            word_t got = 0;
            for (index_t g = threadIdx.x; g < s.n_gt; g += blockDim.x) {
                const std::uint8_t flags = task.in.flags(s, g);
                const word_t ignored = words[g * n_words + w], taken = words[(s.n_gt + g) * n_words + w];
                word_t may = all & ~found & (ignorable ? ignored : ~ignored);
                if (!(ignorable && flags & CROWD)) may &= ~taken;
                if (!may) continue;
                const Candidate c = {std::int32_t(g), task.in.overlap(dt, task.in.ground_truth(s, g), flags)};
                may &= task.pairs.reach(task.level(c.overlap), w);
                if (may && (!got || goes_before(c, best))) best = c, got = may;
            }
            for (int step = kWarp / 2; step; step /= 2) {
                const Candidate c = {__shfl_xor_sync(kAllLanes, best.g, step),
                                     __shfl_xor_sync(kAllLanes, best.overlap, step)};
                const word_t may = __shfl_xor_sync(kAllLanes, got, step);
                if (may && (!got || goes_before(c, best))) best = c, got = may;
            }
            const unsigned warp = threadIdx.x / kWarp;
            if (lane == 0) desk.best[warp] = best.g, desk.best_overlap[warp] = best.overlap, desk.best_got[warp] = got;
            __syncthreads();
            got = 0;
            for (unsigned i = 0; i < n_warps; ++i) {
                const Candidate c = {desk.best[i], desk.best_overlap[i]};
                if (desk.best_got[i] && (!got || goes_before(c, best))) best = c, got = desk.best_got[i];
            }
            found |= got;
            if (ignorable) found_ignored |= got;
            if (!got) {
                ++ignorable;
            } else {
                if (!(task.in.flags(s, best.g) & ID_ZERO)) matched |= got;
                if (threadIdx.x == 0) {
                    if (!keeps_free) words[(s.n_gt + best.g) * n_words + w] |= got;
                    task.keep(s, d, w, got, best.g, best.overlap);
                }
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
template <int W, class Source, class Desk>
__device__ void settle_literally(const Task<Source>& task, const Span& s, index_t d, word_t* words, Desk& desk) {
    const index_t n_words = W ? W : task.matched.shape[1];
    const typename Source::Detection dt = task.in.detection(s, d);
    const unsigned half = threadIdx.x / kWarp;
    for (index_t w = 0; w < n_words; ++w) {
        __syncthreads();
        const index_t b = w * 64 + threadIdx.x;
        const word_t bit = word_t(threadIdx.x < 64) << (threadIdx.x % 64);
        auto overlap = [&](index_t g) { return task.in.overlap(dt, task.in.ground_truth(s, g), task.in.flags(s, g)); };
        auto truth_of = [&](index_t g) -> Truth {
            return {task.in.flags(s, g), words + g * n_words, words + (s.n_gt + g) * n_words};
        };
        Choice choice = {-1, false};
        if (task.pairs.reach(task.pairs.thresholds.shape[0], w) & bit)
            choice = choose_literally(b, overlap, s.n_gt, task.pairs, truth_of);
        const bool hit = choice.g >= 0, matched = hit && !(task.in.flags(s, choice.g) & ID_ZERO);
        const unsigned all_matched = __ballot_sync(kAllLanes, matched),
                       all_ignored = __ballot_sync(kAllLanes, hit && choice.ignored);
        if (threadIdx.x % kWarp == 0 && half < 2) desk.matched[half] = all_matched, desk.ignored[half] = all_ignored;
        __syncthreads();
        if (hit) {
            if (!task.in.keeps_free(s, d))
                atomicOr(reinterpret_cast<atomic_t*>(words + (s.n_gt + choice.g) * n_words + w), atomic_t(bit));
            task.keep(s, d, w, bit, std::int32_t(choice.g), overlap(choice.g));
        }
        if (threadIdx.x == 0) {
            const word_t now_matched = word_t(desk.matched[1]) << 32 | desk.matched[0],
                         now_ignored = word_t(desk.ignored[1]) << 32 | desk.ignored[0];
            const index_t at = (s.d0 + d) * n_words + w;
            task.matched.data[at] = now_matched;
            task.ignored.data[at] = now_ignored | (task.ignored.data[at] & ~now_matched);
        }
    }
}

template <int W, int kWarps, class Source>
__global__ void __launch_bounds__(kWarps* kWarp) match_by_block(Task<Source> task, List list) {
    __shared__ Desk<typename Source::GroundTruth, kWarps> desk;
    const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
    const index_t n_words = W ? W : task.matched.shape[1], n_listed = task.n_cells[list];
    const double lowest = task.pairs.thresholds[0];
    for (index_t at = blockIdx.x; at < n_listed; at += gridDim.x) {
        const Span s = task.span(task.cell(list, at));
        word_t* const words = s.n_gt * n_words <= 8 * kFew ? desk.held : task.words + 2 * s.g0 * n_words;
        __syncthreads();
        if (threadIdx.x == 0) desk.has_nan = 0;
        for (index_t low = warp * kWarp; low < s.n_gt; low += blockDim.x) {
            const index_t g = low + lane;
            task.in.count(s, g, g < s.n_gt, kAllLanes, lane == 0);
            if (g >= s.n_gt) continue;
            task.in.template ignored_words<W>(s, g, task.pairs, words + g * n_words);
            for (index_t w = 0; w < n_words; ++w) words[(s.n_gt + g) * n_words + w] = 0;
        }
        __syncthreads();
        if (*task.odd) {
            bool nan = false;
            for (index_t d = warp; d < s.n_dt; d += kWarps) {
                const typename Source::Detection dt = task.in.detection(s, d);
                for (index_t g = lane; g < s.n_gt; g += kWarp) {
                    const double v = task.in.overlap(dt, task.in.ground_truth(s, g), task.in.flags(s, g));
                    nan |= v != v;
                }
            }
            if (nan) atomicOr(&desk.has_nan, 1);
            __syncthreads();
            if (desk.has_nan) {
                for (index_t d = 0; d < s.n_dt; ++d) settle_literally<W>(task, s, d, words, desk);
                continue;
            }
        }
        const index_t share = (s.n_gt + kWarps - 1) / kWarps, step = share < kWarp ? share : kWarp;
        for (index_t low = 0; low < s.n_dt; low += kWarp) {
            const index_t d = low + lane;
            const bool real = d < s.n_dt;
            if (warp == 0) desk.tile.n[lane] = 0;
            __syncthreads();
            typename Source::Detection dt = {};
            if (real) dt = task.in.detection(s, d);
            for (index_t g0 = warp * step; g0 < s.n_gt; g0 += kWarps * step) {
                const int n_here = int(g0 + step < s.n_gt ? step : s.n_gt - g0);
                __syncwarp();
                if (int(lane) < n_here) {
                    desk.truths[warp][lane] = task.in.ground_truth(s, g0 + lane);
                    desk.flags[warp][lane] = task.in.flags(s, g0 + lane);
                }
                __syncwarp();
                for (int j = 0; real && j < n_here; ++j) {
                    const double v = task.in.overlap(dt, desk.truths[warp][j], desk.flags[warp][j]);
                    if (!(v >= lowest)) continue;
                    const int i = atomicAdd(&desk.tile.n[lane], 1);
                    if (i < kMost) desk.tile.put(i, lane, v, g0 + j, desk.flags[warp][j]);
                }
            }
            __syncthreads();
            const int n = desk.tile.n[lane];
            if (warp == 0 && n <= kMost) desk.tile.arrange(lane, n, task);
            __syncwarp();
            const bool free = real && task.in.keeps_free(s, d);
            const word_t outside = W == 1 && real && warp == 0 ? task.ignored.data[s.d0 + d] : 0;
            for (unsigned left = __ballot_sync(kAllLanes, n > 0); left; left &= left - 1) {
                const int slot = __ffs(int(left)) - 1, n_its = __shfl_sync(kAllLanes, n, slot);
                if (n_its > kMost) {
                    settle_by_search<W>(task, s, low + slot, words, desk);
                } else if (warp == 0) {
                    const word_t its_outside = W == 1 ? __shfl_sync(kAllLanes, outside, slot) : 0;
                    const bool is_free = __ballot_sync(kAllLanes, free) >> slot & 1;
                    settle<W>(task, s, low + slot, desk.tile, slot, lane < kMost ? n_its : 0, is_free, words,
                              its_outside);
                    __syncwarp();
                }
            }
            __syncthreads();
        }
    }
}

// By the cells' sizes, who matches them.
template <class Source>
__device__ void list_cells(const Task<Source>& task) {
    __shared__ unsigned n_here[N_LISTS], first[N_LISTS];
    for (index_t low = task.begin + index_t(blockIdx.x) * blockDim.x; low < task.end; low += thread_count()) {
        if (threadIdx.x < N_LISTS) n_here[threadIdx.x] = 0;
        __syncthreads();
        const index_t c = low + threadIdx.x;
        List list = N_LISTS;
        unsigned place = 0;
        if (c < task.end) {
            const Span s = task.span(c);
            if (s.n_gt > kFew || s.n_dt > kManyDts) list = s.n_dt * s.n_gt > kManyIous ? LARGE : MEDIUM;
            else list = SMALL;
            if (s.n_gt == 0) list = N_LISTS;
        }
        if (list < N_LISTS) place = atomicAdd(&n_here[list], 1u);
        __syncthreads();
        if (threadIdx.x < N_LISTS && n_here[threadIdx.x])
            first[threadIdx.x] = atomicAdd(&task.n_cells[threadIdx.x], n_here[threadIdx.x]);
        __syncthreads();
        if (list < N_LISTS) task.cell(list, first[list] + place) = std::int32_t(c);
    }
}

// Where there is no match, no bit is set and no ground truth taken.
template <class Source>
__device__ void leave_unmatched(const Task<Source>& task, index_t first, index_t last) {
    const index_t n_words = task.matched.shape[1], n_bits = task.match_of.shape[1];
    for (index_t i = first * n_words + thread_index(); i < last * n_words; i += thread_count())
        task.matched.data[i] = 0;
    if (!task.match_of.shape[0]) return;
    for (index_t i = first * n_bits + thread_index(); i < last * n_bits; i += thread_count())
        task.match_of.data[i] = -1, task.match_iou.data[i] = 0;
}

template <int W>
__device__ void prepare(const Task<Boxes>& task) {
    const Boxes& in = task.in;
    const index_t n_words = W ? W : task.matched.shape[1], n_areas = in.n_gt.shape[1];
    const index_t first = in.offsets[task.begin], last = in.offsets[task.end];
    leave_unmatched(task, first, last);
    bool odd = false;
    for (index_t i = first + thread_index(); i < last; i += thread_count()) {
        const index_t row = in.rows[i];
        const Box box = load_wide(in.dt_boxes, row);
        odd |= may_give_nan(box);
        outside_words<W>(in.dt_area.shape[0] ? in.dt_area[row] : box.w * box.h, in.area_ranges, in.area_words,
                         task.ignored.data + i * n_words);
    }
    for (index_t i = in.cell_gt[task.begin] + thread_index(); i < in.cell_gt[task.end]; i += thread_count())
        odd |= may_give_nan(load_wide(in.gt_boxes, in.gt_order[i]));
    if (odd) atomicOr(task.odd, 1u);
    for (index_t i = task.begin * n_areas + thread_index(); i < task.end * n_areas; i += thread_count())
        in.n_gt.data[i] = 0;
}

template <int W>
__device__ void prepare(const Task<Given>& task) {
    const Given& in = task.in;
    const index_t n_words = task.matched.shape[1], first = in.dt_offsets[task.begin], last = in.dt_offsets[task.end];
    leave_unmatched(task, first, last);
    for (index_t i = first * n_words + thread_index(); i < last * n_words; i += thread_count())
        task.ignored.data[i] = 0;
    bool odd = false;
    for (index_t i = in.iou_offsets[task.begin] + thread_index(); i < in.iou_offsets[task.end]; i += thread_count())
        odd |= in.ious[i] != in.ious[i];
    if (odd) atomicOr(task.odd, 1u);
}

// What needs no ground truth, for all detections in a row: most cells have none.
template <int W, class Source>
__global__ void start(Task<Source> task) {
    prepare<W>(task);
    list_cells(task);
}

template <int W, class Source>
void match(Task<Source> task, index_t n_gt, index_t n_units, const Queue& queue) {
    const index_t n_cells = task.end - task.begin, n_dt = task.matched.shape[0], n_words = task.matched.shape[1];
    if (n_cells <= 0) return;
    task.cells = queue.take<std::int32_t>(N_LISTS * n_cells);
    task.n_cells = queue.take<unsigned>(N_LISTS + 1), task.odd = task.n_cells + N_LISTS;
    task.words = queue.take<word_t>(2 * n_gt * n_words);
    check(cudaMemsetAsync(task.n_cells, 0, (N_LISTS + 1) * sizeof(unsigned), queue.stream), "cudaMemsetAsync");
    PM_RUN((start<W, Source>), blocks_for(n_units > n_cells ? n_units : n_cells, kBlock), kBlock, 0, queue, task);
    if (n_gt == 0) return;
    // No more cells than these are of a size; those with NaN that come to the blocks beside them wait their turn.
    const index_t most = n_cells < n_gt ? n_cells : n_gt, n_not_small = n_gt / (kFew + 1) + n_dt / kManyDts + 1;
    PM_RUN((match_small<W, Source>), blocks_for(most, kSmallThreads / kFew, 16384), kSmallThreads, 0, queue, task);
    PM_RUN((match_by_block<W, kMediumWarps, Source>), blocks_for(most < n_not_small ? most : n_not_small, 1, 16384),
           kMediumWarps * kWarp, 0, queue, task, MEDIUM);
    if (n_dt * n_gt > kManyIous)
        PM_RUN((match_by_block<W, kLargeWarps, Source>), blocks_for(most, 1, 256), kLargeWarps * kWarp, 0, queue, task,
               LARGE);
}

}  // namespace

void match_boxes(View<const double, 2> dt_boxes, View<const double, 1> dt_area, View<const std::uint8_t, 1> dt_flags,
                 View<const std::int32_t, 1> rows, View<const index_t, 1> offsets, View<const double, 2> gt_boxes,
                 View<const double, 1> gt_area, View<const std::uint8_t, 1> gt_flags,
                 View<const std::int32_t, 1> gt_order, View<const index_t, 1> cell_gt, View<const double, 1> thresholds,
                 View<const word_t, 2> reach, View<const double, 2> area_ranges, View<const word_t, 2> area_words,
                 View<std::int32_t, 2> n_gt, View<word_t, 2> matched, View<word_t, 2> ignored,
                 View<std::int32_t, 2> match_of, View<double, 2> match_iou, index_t begin, index_t end,
                 const Queue& queue) {
    Task<Boxes> task = {};
    task.in = {dt_boxes, dt_area,  dt_flags, rows,        offsets,    gt_boxes, gt_area,
               gt_flags, gt_order, cell_gt,  area_ranges, area_words, n_gt};
    task.pairs = {thresholds, reach};
    task.matched = matched, task.ignored = ignored, task.match_of = match_of, task.match_iou = match_iou;
    task.begin = begin, task.end = end;
    if (matched.shape[1] == 1) match<1>(task, gt_order.shape[0], rows.shape[0], queue);
    else match<0>(task, gt_order.shape[0], rows.shape[0], queue);
}

void match_ious(View<const double, 1> ious, View<const index_t, 1> iou_offsets, View<const index_t, 1> dt_offsets,
                View<const index_t, 1> gt_offsets, View<const word_t, 2> gt_ignored,
                View<const std::uint8_t, 1> gt_flags, View<const double, 1> thresholds, View<const word_t, 2> reach,
                View<word_t, 2> matched, View<word_t, 2> ignored, View<std::int32_t, 2> match_of,
                View<double, 2> match_iou, index_t begin, index_t end, const Queue& queue) {
    Task<Given> task = {};
    task.in = {ious, iou_offsets, dt_offsets, gt_offsets, gt_ignored, gt_flags};
    task.pairs = {thresholds, reach};
    task.matched = matched, task.ignored = ignored, task.match_of = match_of, task.match_iou = match_iou;
    task.begin = begin, task.end = end;
    if (matched.shape[1] == 1) match<1>(task, gt_flags.shape[0], ious.shape[0], queue);
    else match<0>(task, gt_flags.shape[0], ious.shape[0], queue);
}

}  // namespace pymetrics::cuda
