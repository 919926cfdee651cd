#pragma once
// Device-wide primitives, cub's on a GPU; in tests without one, plain loops. All on queue.stream, scratch from
// queue.allocate. n is below 2^31; inputs and outputs do not overlap unless said. prim.cu lists the types there are.
// For .cu files alone.
#include "launch.h"

namespace pymetrics::cuda {

// Stable, ascending by the bits [begin_bit, end_bit) of the keys.
template <class Key, class Value>
void sort_pairs(const Queue& queue, const Key* keys, Key* keys_out, const Value* values, Value* values_out, index_t n,
                int begin_bit, int end_bit);

// out[i] = in[0] + ... + in[i - 1]; out may be in.
template <class In, class Out>
void exclusive_sum(const Queue& queue, const In* in, Out* out, index_t n);

}  // namespace pymetrics::cuda
