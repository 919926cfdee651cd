#pragma once
// Device-wide sort and sum: cub's on a GPU, plain loops in tests without one. All on queue.stream, scratch from
// queue.allocate. n is below 2^31; inputs and outputs do not overlap unless said. sort_and_sum.cu lists the types.
// For .cu files alone.
#include "launch.h"

namespace pymetrics::cuda {

// How many bits of a key hold numbers up to `number`.
inline int bits_of(word_t number) {
    int n_bits = 0;
    while (n_bits < 64 && number >> n_bits) ++n_bits;
    return n_bits;
}

// Stable, ascending by the bits [begin_bit, end_bit) of the keys.
template <class Key, class Value>
void sort_pairs(const Queue& queue, const Key* keys, Key* keys_out, const Value* values, Value* values_out, index_t n,
                int begin_bit, int end_bit);

// out[i] = in[0] + ... + in[i - 1]; out may be in.
template <class In, class Out>
void exclusive_sum(const Queue& queue, const In* in, Out* out, index_t n);

}  // namespace pymetrics::cuda
