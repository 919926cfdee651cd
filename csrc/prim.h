#pragma once
// Device-wide primitives, cub's on a GPU; in tests without one, plain loops. For .cu files alone. All on queue.stream,
// scratch from queue.allocate; inputs and outputs do not overlap unless said.
#include "launch.h"

#ifdef PM_CUDA_EMU
#include <algorithm>
#include <numeric>
#include <vector>
#else
#include <cub/device/device_radix_sort.cuh>
#include <cub/device/device_scan.cuh>
#endif

namespace pymetrics::cuda {

// Stable, ascending by the bits [begin_bit, end_bit) of unsigned keys. Value: 32 or 64 bits.
template <class Key, class Value>
void sort_pairs(const Queue& queue, const Key* keys, Key* keys_out, const Value* values, Value* values_out, index_t n,
                int begin_bit, int end_bit) {
    if (n == 0) return;
#ifdef PM_CUDA_EMU
    static_cast<void>(queue);
    std::vector<index_t> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), index_t(0));
    const int width = end_bit - begin_bit;
    auto part = [&](index_t i) {
        const word_t key = word_t(keys[i]) >> begin_bit;
        return width >= 64 ? key : key & ((word_t(1) << width) - 1);
    };
    if (width > 0)
        std::stable_sort(order.begin(), order.end(), [&](index_t a, index_t b) { return part(a) < part(b); });
    for (index_t i = 0; i < n; ++i) {
        keys_out[i] = keys[order[std::size_t(i)]];
        values_out[i] = values[order[std::size_t(i)]];
    }
#else
    std::size_t bytes = 0;
    check(cub::DeviceRadixSort::SortPairs(nullptr, bytes, keys, keys_out, values, values_out, n, begin_bit, end_bit,
                                          queue.stream), "sort_pairs");
    void* const scratch = queue.allocate(bytes);
    check(cub::DeviceRadixSort::SortPairs(scratch, bytes, keys, keys_out, values, values_out, n, begin_bit, end_bit,
                                          queue.stream), "sort_pairs");
#endif
}

// out[i] = in[0] + ... + in[i - 1]; out may be in.
template <class In, class Out>
void exclusive_sum(const Queue& queue, const In* in, Out* out, index_t n) {
    if (n == 0) return;
#ifdef PM_CUDA_EMU
    static_cast<void>(queue);
    Out total = 0;
    for (index_t i = 0; i < n; ++i) {
        const Out value = Out(in[i]);
        out[i] = total, total += value;
    }
#else
    std::size_t bytes = 0;
    check(cub::DeviceScan::ExclusiveSum(nullptr, bytes, in, out, n, queue.stream), "exclusive_sum");
    void* const scratch = queue.allocate(bytes);
    check(cub::DeviceScan::ExclusiveSum(scratch, bytes, in, out, n, queue.stream), "exclusive_sum");
#endif
}

}  // namespace pymetrics::cuda
