// A cell with few ground truths is matched by eight lanes, four such cells in a warp; any other by a block. Detections
// are done in tiles: each lane finds the candidates of one of them, sorts them, and counts the thresholds that they
// reach; then the detections of the tile are matched one after another, with a lane for each candidate. A detection
// with more candidates than there is room for is matched by search. Where boxes or overlaps of a call may give NaN, its
// cells are first searched for NaN; a cell with NaN is matched literally, by a block.
#include "match_by_block.h"

namespace pymetrics::cuda {
namespace {

template <int W, class Source>
__global__ void __launch_bounds__(kSmallThreads) match_small(Task<Source> task) {
    __shared__ Tile<kFew> tiles[kSmallThreads / kFew];
    __shared__ typename Source::GroundTruth ground_truths[kSmallThreads / kFew][kFew];
    __shared__ std::uint8_t flags[kSmallThreads / kFew][kFew];
    __shared__ word_t held[kSmallThreads / kFew][2 * kFew];
    const unsigned team = threadIdx.x / kFew, lane = threadIdx.x % kFew, shift = threadIdx.x % kWarp - lane;
    const index_t n_listed = task.n_cells[SMALL];
    const bool may_have_nan = *task.may_have_nan;
    const double lowest = task.bits.thresholds[0];
    Tile<kFew>& tile = tiles[team];
    for (index_t listed = thread_index() / kWarp * (kWarp / kFew); listed < n_listed; listed += thread_count() / kFew) {
        const index_t at = listed + shift / kFew;
        Span s = at < n_listed ? task.in.span(task.cell(SMALL, at)) : Span{};
        const CellWords words = task.words_of(s, held[team], 2 * kFew);
        __syncwarp();
        if (lane < s.n_gt) {
            ground_truths[team][lane] = task.ground_truth(s, lane);
            flags[team][lane] = task.in.flags(s, lane);
            task.template load_words<W>(s, lane, held[team], words);
        }
        __syncwarp();
        auto each_overlap = [&](const typename Source::Detection& dt, auto use) {
            for (int g = 0; g < s.n_gt; ++g) use(g, task.source.overlap(dt, ground_truths[team][g], flags[team][g]));
        };
        if (may_have_nan) {
            bool nan = false;
            for (index_t d = lane; d < s.n_dt; d += kFew)
                each_overlap(task.detection(s, d), [&](int, double v) { nan |= v != v; });
            if (__ballot_sync(kAllLanes, nan) >> shift & 0xff) {
                if (lane == 0) task.cell(MEDIUM, atomicAdd(&task.n_cells[MEDIUM], 1u)) = std::int32_t(s.c);
                s.n_dt = s.n_gt = 0;
            }
        }
        typename Source::Detection next = {};
        if (lane < s.n_dt) next = task.detection(s, lane);
        for (index_t low = 0; __any_sync(kAllLanes, low < s.n_dt); low += kFew) {
            const index_t d = low + lane;
            const bool real = d < s.n_dt;
            const typename Source::Detection dt = next;
            if (d + kFew < s.n_dt) next = task.detection(s, d + kFew);
            const word_t outside = W == 1 && real ? task.ignored.data[s.d0 + d] : 0;
            const unsigned keeps_free = __ballot_sync(kAllLanes, real && task.in.keeps_free(s, d)) >> shift;
            int n = 0;
            if (real)
                each_overlap(dt, [&](int g, double v) {
                    if (v >= lowest) tile.put(n++, lane, v, g, flags[team][g]);
                });
            tile.sort(lane, n, task.bits);
            tile.n[lane] = n;
            __syncwarp();
            unsigned left = __ballot_sync(kAllLanes, n > 0) >> shift & 0xff;
            while (__any_sync(kAllLanes, left != 0)) {
                const int slot = left ? __ffs(int(left)) - 1 : 0;
                const word_t its_outside = W == 1 ? __shfl_sync(kAllLanes, outside, slot, kFew) : 0;
                match_detection<W>(task, s, low + slot, tile, slot, left ? tile.n[slot] : 0, keeps_free >> slot & 1,
                                   words, its_outside);
                left &= left - 1;
                __syncwarp();
            }
        }
    }
}

// Puts each cell with ground truths on the list of its size.
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
            const Span s = task.in.span(c);
            if (s.n_gt > kFew || s.n_dt > kManyDts) list = s.n_dt * s.n_gt > kManyPairs ? LARGE : MEDIUM;
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
__device__ void leave_unmatched(const Task<Source>& task) {
    const index_t first = task.in.dt_offsets[task.begin], last = task.in.dt_offsets[task.end];
    const index_t n_words = task.matched.shape[1], n_bits = task.match_of.shape[1];
    for (index_t i = first * n_words + thread_index(); i < last * n_words; i += thread_count())
        task.matched.data[i] = 0;
    if (!task.match_of.shape[0]) return;
    for (index_t i = first * n_bits + thread_index(); i < last * n_bits; i += thread_count()) {
        task.match_of.data[i] = -1;
        task.match_iou.data[i] = 0;
    }
}

// Row i of a cell in [begin, end): its words; and one more in the counts of its cell, which hold 0 beforehand.
template <int W>
__device__ void write_words(const AreaWords& of, index_t i) {
    const index_t row = of.rows[i];
    if (of.flags.shape[0] && of.flags[row] & of.always) {
        all_words<W>(of.area_bits, of.words.row(i));
        return;
    }
    const double area = of.area[row];
    outside_words<W>(area, of.area_ranges, of.area_bits, of.words.row(i));
    if (!of.n_inside.shape[0]) return;
    index_t c = of.begin, high = of.end;  // offsets[c] <= i < offsets[high]
    while (high - c > 1) {
        const index_t middle = (c + high) / 2;
        if (of.offsets[middle] <= i) c = middle;
        else high = middle;
    }
    for (index_t a = 0; a < of.area_ranges.shape[0]; ++a)
        if (is_inside(area, of.area_ranges, a)) atomicAdd(&of.n_inside(c, a), 1);  // INSIDE_ATOMIC
}

__global__ void write_all_words(AreaWords of) {
    const index_t first = of.offsets[of.begin], last = of.offsets[of.end];
    for (index_t i = first + thread_index(); i < last; i += thread_count()) write_words<0>(of, i);
}

// What needs no ground truth, for all detections: most cells have none. And the words of all ground truths.
template <int W>
__global__ void start_boxes(Task<BoxOverlaps> task, View<const double, 1> dt_area, AreaWords of_gt) {
    const CellInputs& in = task.in;
    const index_t n_words = W ? W : task.matched.shape[1];
    leave_unmatched(task);
    bool may_have_nan = false;
    for (index_t i = in.dt_offsets[task.begin] + thread_index(); i < in.dt_offsets[task.end]; i += thread_count()) {
        const index_t row = in.dt_rows[i];
        const Box box = load_wide(task.source.dt_boxes, row);
        may_have_nan |= may_give_nan(box);
        outside_words<W>(dt_area.shape[0] ? dt_area[row] : box.w * box.h, of_gt.area_ranges, of_gt.area_bits,
                         task.ignored.data + i * n_words);
    }
    for (index_t i = in.gt_offsets[task.begin] + thread_index(); i < in.gt_offsets[task.end]; i += thread_count()) {
        may_have_nan |= may_give_nan(load_wide(task.source.gt_boxes, in.gt_rows[i]));
        write_words<W>(of_gt, i);
    }
    if (may_have_nan) atomicOr(task.may_have_nan, 1u);
    list_cells(task);
}

__global__ void start_cells(Task<GivenOverlaps> task, View<const word_t, 2> dt_ignored) {
    const CellInputs& in = task.in;
    const GivenOverlaps& source = task.source;
    const index_t n_words = task.matched.shape[1];
    const index_t first = in.dt_offsets[task.begin] * n_words, last = in.dt_offsets[task.end] * n_words;
    leave_unmatched(task);
    for (index_t i = first + thread_index(); i < last; i += thread_count())
        task.ignored.data[i] = dt_ignored.shape[0] ? dt_ignored.data[i] : 0;
    bool may_have_nan = false;
    const index_t end = source.overlap_offsets[task.end];
    for (index_t i = source.overlap_offsets[task.begin] + thread_index(); i < end; i += thread_count())
        may_have_nan |= source.overlaps[i] != source.overlaps[i];
    if (may_have_nan) atomicOr(task.may_have_nan, 1u);
    list_cells(task);
}

template <class Source, class Arguments>
Task<Source> make_task(const Arguments& of, const Source& source, View<const word_t, 2> gt_ignored,
                       const Queue& queue) {
    Task<Source> task = {};
    task.in = {of.dt_rows, of.dt_flags, of.dt_offsets, of.gt_rows, of.gt_flags, of.gt_offsets, gt_ignored};
    task.source = source;
    task.bits = {of.thresholds, of.reached_bits};
    task.matched = of.matched;
    task.ignored = of.ignored;
    task.match_of = of.match_of;
    task.match_iou = of.match_iou;
    task.begin = of.begin;
    task.end = of.end;
    task.cells = queue.take<std::int32_t>(N_LISTS * (of.end - of.begin));
    task.n_cells = queue.take<unsigned>(N_LISTS + 1);
    task.may_have_nan = task.n_cells + N_LISTS;
    task.taken = queue.take<word_t>(of.gt_rows.shape[0] * of.matched.shape[1]);
    check(cudaMemsetAsync(task.n_cells, 0, (N_LISTS + 1) * sizeof(unsigned), queue.stream), "cudaMemsetAsync");
    return task;
}

template <int W, class Source>
void match(const Task<Source>& task, const Queue& queue) {
    const index_t n_cells = task.end - task.begin, n_dt = task.in.dt_rows.shape[0], n_gt = task.in.gt_rows.shape[0];
    if (n_gt == 0) return;
    // No more cells than these are of a size; the blocks take those with NaN, which come late, one after another.
    const index_t most = n_cells < n_gt ? n_cells : n_gt, n_not_small = n_gt / (kFew + 1) + n_dt / kManyDts + 1;
    PM_RUN((match_small<W, Source>), blocks_for(most, kSmallThreads / kFew, 16384), kSmallThreads, queue, task);
    PM_RUN((match_by_block<W, kMediumWarps, Source>), blocks_for(most < n_not_small ? most : n_not_small, 1, 16384),
           kMediumWarps * kWarp, queue, task, MEDIUM);
    if (n_dt * n_gt > kManyPairs)
        PM_RUN((match_by_block<W, kLargeWarps, Source>), blocks_for(most, 1, 256), kLargeWarps * kWarp, queue, task,
               LARGE);
}

// Counts of cells [begin, end) become 0.
void clear_counts(View<std::int32_t, 2> counts, index_t begin, index_t end, const Queue& queue) {
    const index_t n = counts.shape[0] ? (end - begin) * counts.shape[1] : 0;
    if (n == 0) return;
    check(cudaMemsetAsync(counts.row(begin), 0, std::size_t(n) * sizeof(std::int32_t), queue.stream),
          "cudaMemsetAsync");
}

template <int W>
void match_boxes_of(const MatchBoxes& of, const Queue& queue) {
    const index_t n_gt = of.gt_rows.shape[0], n_words = of.matched.shape[1];
    const View<word_t, 2> words = {queue.take<word_t>(n_gt * n_words), {n_gt, n_words}};
    const AreaWords of_gt = {of.gt_area,   of.gt_flags, CROWD | IGNORE, of.gt_rows, of.gt_offsets, of.area_ranges,
                             of.area_bits, words,       of.n_gt,        of.begin,   of.end};
    const auto task = make_task<BoxOverlaps>(of, {of.dt_boxes, of.gt_boxes}, {words.data, {n_gt, n_words}}, queue);
    clear_counts(of.n_gt, of.begin, of.end, queue);
    PM_RUN_UNITS(start_boxes<W>, std::max(of.dt_rows.shape[0], of.end - of.begin), queue, task, of.dt_area, of_gt);
    match<W>(task, queue);
}

}  // namespace

void area_words(const AreaWords& of, const Queue& queue) {
    if (of.end <= of.begin) return;
    clear_counts(of.n_inside, of.begin, of.end, queue);  // INSIDE_CLEARED
    if (of.rows.shape[0] > 0) PM_RUN_UNITS(write_all_words, of.rows.shape[0], queue, of);
}

void match_cells(const MatchCells& of, const Queue& queue) {
    if (of.end <= of.begin) return;
    const auto task = make_task<GivenOverlaps>(of, {of.overlaps, of.overlap_offsets}, of.gt_ignored, queue);
    PM_RUN_UNITS(start_cells, std::max(of.overlaps.shape[0], of.end - of.begin), queue, task, of.dt_ignored);
    if (of.matched.shape[1] == 1) match<1>(task, queue);
    else match<0>(task, queue);
}

void match_boxes(const MatchBoxes& of, const Queue& queue) {
    if (of.end <= of.begin) return;
    if (of.matched.shape[1] == 1) match_boxes_of<1>(of, queue);
    else match_boxes_of<0>(of, queue);
}

}  // namespace pymetrics::cuda
