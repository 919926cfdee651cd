// Means of the valid entries of slices of a table, added in numpy's pairwise order. The valid ones are never put
// together: a warp finds those of its leaf of numpy's tree, which are 64 to 128, by counts of the sections of 256 rows.
#include "cuda/launch.h"
#include "cuda/sort_and_sum.h"
#include "means.h"

namespace pymetrics::cuda {
namespace {

constexpr index_t kSection = 256, kLeaf = 128, kWarps = 8;

struct Slices {
    View<const double, 2> values;
    View<const index_t, 1> columns, first_rows, last_rows;
    View<double, 1> means;
    index_t begin, n, n_sections;  // at most, of a slice
    std::int32_t* counts;          // (n, n_sections + 1) valid entries of a section; the last is of none
    index_t* before;               // (n, n_sections + 1) the sum of all counts in front
    index_t n_leaves;              // at most, of a slice; a power of two
    double* sums;                  // (n, n_leaves) of nodes, each where its leftmost leaf would be

    __device__ index_t n_valid(index_t s) const {
        return before[s * (n_sections + 1) + n_sections] - before[s * (n_sections + 1)];
    }
    __device__ index_t n_rows(index_t s) const { return last_rows[begin + s] - first_rows[begin + s]; }
    __device__ double value(index_t s, index_t row) const {
        return row < n_rows(s) ? values(first_rows[begin + s] + row, columns[begin + s]) : -1;
    }
};

// A node of numpy's tree over n numbers, found from the root down.
struct Node {
    index_t start, length, slot, width;  // its numbers; its leaves' slots

    __device__ bool is_leaf() const { return length <= kLeaf; }
    __device__ index_t half() const { return length / 2 - length / 2 % 8; }
    __device__ void step(bool right) {
        const index_t left_length = half();
        width /= 2;
        if (right) {
            start += left_length;
            slot += width;
        }
        length = right ? length - left_length : left_length;
    }
};

__global__ void count_valid(Slices p) {
    const index_t lane = threadIdx.x % kWarp, stride = index_t(gridDim.x) * kWarps;
    for (index_t i = index_t(blockIdx.x) * kWarps + threadIdx.x / kWarp; i < p.n * (p.n_sections + 1); i += stride) {
        const index_t s = i / (p.n_sections + 1), low = i % (p.n_sections + 1) * kSection;
        int n = 0;
        for (index_t row = low; row < low + kSection && row < p.n_rows(s); row += kWarp)  // SECTION_BALLOT
            n += __popc(__ballot_sync(kAllLanes, p.value(s, row + lane) > -1));           // BALLOT_MASK
        if (lane == 0) p.counts[i] = n;
    }
}

// A warp for each 64 valid entries: it adds up the leaf that these begin in, unless 64 before have done that.
__global__ void sum_leaves(Slices p, index_t n_tasks) {
    __shared__ double leaves[kWarps][kLeaf];  // LEAVES_SIZE
    const index_t lane = threadIdx.x % kWarp, stride = index_t(gridDim.x) * kWarps;
    double* const leaf = leaves[threadIdx.x / kWarp];
    for (index_t i = index_t(blockIdx.x) * kWarps + threadIdx.x / kWarp; i < p.n * n_tasks; i += stride) {
        const index_t s = i / n_tasks, first = i % n_tasks * (kLeaf / 2), n = p.n_valid(s);
        if (first >= n) continue;
        Node node = {0, n, 0, p.n_leaves};
        while (!node.is_leaf()) node.step(first >= node.start + node.half());
        if (first - node.start >= kLeaf / 2) continue;

        const index_t* const before = p.before + s * (p.n_sections + 1);
        index_t section = 0, high = p.n_sections;  // the last one with no more than `start` in front
        while (high - section > 1) {
            const index_t middle = (section + high) / 2;
            (before[middle] - before[0] <= node.start ? section : high) = middle;
        }
        index_t seen = before[section] - before[0] - node.start;
        for (index_t row = section * kSection; seen < node.length; row += kWarp) {
            const double value = p.value(s, row + lane);
            const unsigned valid = __ballot_sync(kAllLanes, value > -1);
            const index_t at = seen + __popc(valid & ((1u << lane) - 1));
            if (value > -1 && at >= 0 && at < node.length) leaf[at] = value;
            seen += __popc(valid);
        }
        __syncwarp();  // LEAF_BARRIER
        if (lane == 0) p.sums[s * p.n_leaves + node.slot] = block_sum(leaf, node.length);
        __syncwarp();
    }
}

// A block for each slice adds up its tree, level by level.
__global__ void sum_trees(Slices p) {
    for (index_t s = blockIdx.x; s < p.n; s += gridDim.x) {
        const index_t n = p.n_valid(s);
        double* const sums = p.sums + s * p.n_leaves;
        for (index_t n_nodes = p.n_leaves / 2; n_nodes > 0; n_nodes /= 2) {
            for (index_t i = threadIdx.x; i < n_nodes; i += blockDim.x) {
                Node node = {0, n, 0, p.n_leaves};
                for (index_t bit = n_nodes / 2; bit > 0 && !node.is_leaf(); bit /= 2) node.step((i & bit) != 0);
                if (node.width == p.n_leaves / n_nodes && !node.is_leaf())
                    sums[node.slot] = sums[node.slot] + sums[node.slot + node.width / 2];
            }
            __syncthreads();  // TREE_BARRIER
        }
        if (threadIdx.x == 0) p.means[p.begin + s] = n > 0 ? sums[0] / double(n) : -1;
    }
}

}  // namespace

void mean_valid(const MeanValid& of, const Queue& queue) {
    if (of.end <= of.begin) return;
    const index_t n_rows = of.values.shape[0], n = of.end - of.begin;
    Slices p = {};
    p.values = of.values;
    p.columns = of.columns;
    p.first_rows = of.first_rows;
    p.last_rows = of.last_rows;
    p.means = of.means;
    p.begin = of.begin;
    p.n = n;
    p.n_sections = (n_rows + kSection - 1) / kSection;
    p.n_leaves = 1;
    while (113 * p.n_leaves < n_rows) p.n_leaves *= 2;  // the right half has up to 7.5 more, after all halvings 15
    p.counts = queue.take<std::int32_t>(n * (p.n_sections + 1));
    p.before = queue.take<index_t>(n * (p.n_sections + 1));
    p.sums = queue.take<double>(n * p.n_leaves);
    const index_t n_tasks = (n_rows + kLeaf / 2 - 1) / (kLeaf / 2);
    constexpr unsigned threads = kWarps * kWarp;
    PM_RUN(count_valid, blocks_for(n * (p.n_sections + 1), kWarps), threads, queue, p);
    exclusive_sum(queue, p.counts, p.before, n * (p.n_sections + 1));
    PM_RUN(sum_leaves, blocks_for(n * n_tasks, kWarps), threads, queue, p, n_tasks);
    PM_RUN(sum_trees, blocks_for(n, 1), threads, queue, p);  // BLOCK_LIMIT
}

}  // namespace pymetrics::cuda
