// Large problems are cut into tiles: a thread keeps the ground truths of a few columns and goes down the rows, so that
// a box is read once for many overlaps. Small ones are taken as one row of numbers, of which every block fills a share.
#include "boxes_device.h"

namespace pymetrics::cuda {
namespace {

constexpr unsigned kThreads = kBlock / 2;
constexpr index_t kColumns = 4, kRows = 32;       // of a tile: for each thread, and altogether
constexpr index_t kShare = index_t(kBlock) * 16;  // numbers for a block
constexpr index_t kLarge = index_t(kThreads) * 256;

template <int kKind>
__device__ __forceinline__ double overlap(const Box& dt, const Box& gt, bool crowd) {
    if (kKind == 0) return iou(dt, gt, crowd);
    return kKind == 1 ? generalized_iou(dt, gt) : distance_iou(dt, gt);
}

// Blocks along y: problems. Along x: tiles of one.
template <int kKind>
__global__ void __launch_bounds__(kThreads) fill_tiles(BoxIou of) {
    for (index_t p = of.begin + blockIdx.y; p < of.end; p += gridDim.y) {
        const index_t d0 = of.dt_offsets[p], g0 = of.gt_offsets[p], n_dt = of.dt_offsets[p + 1] - d0,
                      n_gt = of.gt_offsets[p + 1] - g0, width = kColumns * blockDim.x,
                      n_across = (n_gt + width - 1) / width, n_tiles = (n_dt + kRows - 1) / kRows * n_across;
        for (index_t tile = blockIdx.x; tile < n_tiles; tile += gridDim.x) {
            const index_t column = tile % n_across * width + threadIdx.x, row = tile / n_across * kRows,
                          last_row = row + kRows < n_dt ? row + kRows : n_dt;
            Box boxes[kColumns] = {};
            bool crowds[kColumns] = {};
#pragma unroll
            for (index_t i = 0; i < kColumns; ++i) {
                const index_t g = column + i * blockDim.x;
                if (g >= n_gt) continue;
                boxes[i] = load_wide(of.gt, g0 + g);
                crowds[i] = of.crowd[g0 + g];
            }
            double* to = of.out.data + of.out_offsets[p] + row * n_gt + column;
            for (index_t d = row; d < last_row; ++d, to += n_gt) {
                const Box box = load_wide(of.dt, d0 + d);
#pragma unroll
                for (index_t i = 0; i < kColumns; ++i)
                    if (column + i * blockDim.x < n_gt) to[i * blockDim.x] = overlap<kKind>(box, boxes[i], crowds[i]);
            }
        }
    }
}

// The problem in [low, high) that a number of the output belongs to.
__device__ index_t problem_of(View<const index_t, 1> out_offsets, index_t at, index_t low, index_t high) {
    while (high - low > 1) {
        const index_t middle = (low + high) / 2;
        if (out_offsets[middle] <= at) low = middle;
        else high = middle;
    }
    return low;
}

template <int kKind>
__global__ void fill_shares(BoxIou of) {
    const index_t first = of.out_offsets[of.begin], last = of.out_offsets[of.end], step = blockDim.x;
    for (index_t low = first + blockIdx.x * kShare; low < last; low += gridDim.x * kShare) {
        const index_t high = low + kShare < last ? low + kShare : last;
        index_t p = of.begin, p_end = -1, d = 0, g = 0, d0 = 0, g0 = 0, n_gt = 1, rows_on = 0, columns_on = 0;
        for (index_t at = low + threadIdx.x; at < high; at += step) {
            if (at >= p_end) {
                if (p_end >= 0) ++p;
                if (p_end < 0 || at >= of.out_offsets[p + 1]) p = problem_of(of.out_offsets, at, p, of.end);
                p_end = of.out_offsets[p + 1];
                d0 = of.dt_offsets[p];
                g0 = of.gt_offsets[p];
                n_gt = of.gt_offsets[p + 1] - g0;
                const index_t within = at - of.out_offsets[p];
                if (n_gt >> 31 || within >> 31) {  // slow divisions
                    d = within / n_gt;
                    rows_on = step / n_gt;
                } else {
                    d = std::uint32_t(within) / std::uint32_t(n_gt);
                    rows_on = std::uint32_t(step) / std::uint32_t(n_gt);
                }
                g = within - d * n_gt;
                columns_on = step - rows_on * n_gt;
            } else {
                d += rows_on;
                g += columns_on;
                if (g >= n_gt) {
                    ++d;
                    g -= n_gt;
                }
            }
            const bool crowd = kKind == 0 && of.crowd[g0 + g];
            of.out[at] = overlap<kKind>(load_wide(of.dt, d0 + d), load_wide(of.gt, g0 + g), crowd);
        }
    }
}

template <int kKind>
void fill(const BoxIou& of, const Queue& queue) {
    const index_t n_problems = of.end - of.begin, n = of.out.shape[0];
    if (n_problems <= 0 || n == 0) return;
    if (n / n_problems < kLarge && (n_problems > 1 || of.gt.shape[0] < kThreads)) {
        PM_RUN((fill_shares<kKind>), blocks_for(n, kShare), kBlock, queue, of);
        return;
    }
    // The sizes of the problems are not known on the host. The grid is made for twice the average size; larger problems
    // loop.
    const index_t tile = kRows * kColumns * kThreads;
    const dim3 grid(blocks_for(2 * (n / n_problems) + tile, tile), blocks_for(n_problems, 1));
    PM_RUN((fill_tiles<kKind>), grid, kThreads, queue, of);
}

}  // namespace

void box_iou(const BoxIou& of, const Queue& queue) {
    if (of.kind == 0) fill<0>(of, queue);
    if (of.kind == 1) fill<1>(of, queue);
    if (of.kind == 2) fill<2>(of, queue);
}

}  // namespace pymetrics::cuda
