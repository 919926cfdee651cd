#include "sort_and_sum.h"

#ifdef PM_CUDA_EMU
#include <algorithm>
#include <numeric>
#include <vector>
#else
#include <cub/device/device_radix_sort.cuh>
#include <cub/device/device_scan.cuh>
#endif

namespace pymetrics::cuda {

#ifndef PM_CUDA_EMU
static std::int32_t size_of(index_t n) {
    if (n >= index_t(1) << 31) throw DeviceError("too many rows for one call: " + std::to_string(n));
    return static_cast<std::int32_t>(n);
}
#endif

template <class Key, class Value>
void sort_pairs(const Queue& queue, const Key* keys, Key* keys_out, const Value* values, Value* values_out, index_t n,
                int begin_bit, int end_bit) {
    if (n == 0) return;
#ifdef PM_CUDA_EMU
    static_cast<void>(queue);
    const int width = end_bit - begin_bit;
    auto part = [&](index_t i) {
        const word_t key = width > 0 ? word_t(keys[i]) >> begin_bit : 0;
        return width >= 64 ? key : key & ((word_t(1) << width) - 1);
    };
    std::vector<index_t> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), index_t(0));
    std::stable_sort(order.begin(), order.end(), [&](index_t a, index_t b) { return part(a) < part(b); });
    for (index_t i = 0; i < n; ++i) {
        keys_out[i] = keys[order[std::size_t(i)]];
        values_out[i] = values[order[std::size_t(i)]];
    }
#else
    const auto size = size_of(n);
    std::size_t bytes = 0;
    auto sort = [&](void* scratch) {
        check(cub::DeviceRadixSort::SortPairs(scratch, bytes, keys, keys_out, values, values_out, size, begin_bit,
                                              end_bit, queue.stream),
              "sort_pairs");
    };
    sort(nullptr);
    sort(queue.allocate(bytes));
#endif
}

#ifndef PM_CUDA_EMU
template <class T>
struct Plus {
    PM_HD T operator()(T a, T b) const { return a + b; }
};
#endif

template <class In, class Out>
void exclusive_sum(const Queue& queue, const In* in, Out* out, index_t n) {
    if (n == 0) return;
#ifdef PM_CUDA_EMU
    static_cast<void>(queue);
    Out total = 0;
    for (index_t i = 0; i < n; ++i) {
        const Out value = Out(in[i]);
        out[i] = total;
        total += value;
    }
#else
    const auto size = size_of(n);
    std::size_t bytes = 0;
    auto sum = [&](void* scratch) {
        check(cub::DeviceScan::ExclusiveScan(scratch, bytes, in, out, Plus<Out>(), Out(0), size, queue.stream),
              "exclusive_sum");
    };
    sum(nullptr);
    sum(queue.allocate(bytes));
#endif
}

#define PM_SORT_PAIRS(Key, Value) \
    template void sort_pairs(const Queue&, const Key*, Key*, const Value*, Value*, index_t, int, int);
#define PM_EXCLUSIVE_SUM(In, Out) template void exclusive_sum(const Queue&, const In*, Out*, index_t);

PM_SORT_PAIRS(std::uint32_t, std::int32_t)
PM_SORT_PAIRS(word_t, std::int32_t)
PM_EXCLUSIVE_SUM(std::int32_t, index_t)
PM_EXCLUSIVE_SUM(index_t, index_t)
PM_EXCLUSIVE_SUM(word_t, word_t)

}  // namespace pymetrics::cuda
