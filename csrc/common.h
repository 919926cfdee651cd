#pragma once
#include <cstdint>

#ifdef __CUDACC__
#define PM_HD __host__ __device__ __forceinline__
#else
#define PM_HD inline
#endif

#if defined(__GNUC__) && !defined(__CUDA_ARCH__)
#define PM_PREFETCH(address) __builtin_prefetch(address)
#else
#define PM_PREFETCH(address) static_cast<void>(address)
#endif

#if defined(__GNUC__)
#define PM_INLINE __attribute__((always_inline)) inline
#else
#define PM_INLINE inline
#endif

namespace pymetrics {

using index_t = std::int64_t;
using word_t = std::uint64_t;

// Non-owning, C-contiguous. The caller owns the memory and outlives the call.
template <typename T, int Rank>
struct View {
    T* data;
    index_t shape[Rank];

    PM_HD T& operator[](index_t i) const { return data[i]; }
    PM_HD T& operator()(index_t i, index_t j) const { return data[i * shape[1] + j]; }
    PM_HD T* row(index_t i) const { return data + i * shape[1]; }
};

}  // namespace pymetrics
