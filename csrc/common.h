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

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
constexpr bool kLittleEndian = false;
#else
constexpr bool kLittleEndian = true;
#endif

// The place of the lowest bit that is not 0.
PM_HD index_t lowest_bit(word_t word) {
#if defined(__CUDA_ARCH__)
    return __ffsll(static_cast<long long>(word)) - 1;
#elif defined(__GNUC__)
    return __builtin_ctzll(word);
#else
    index_t place = 0;
    while (!(word >> place & 1)) ++place;
    return place;
#endif
}

// Non-owning, C-contiguous. The caller owns the memory and outlives the call.
template <typename T, int Rank>
struct View {
    T* data;
    index_t shape[Rank];

    PM_HD T& operator[](index_t i) const { return data[i]; }
    PM_HD T& operator()(index_t i, index_t j) const { return data[i * shape[1] + j]; }
    PM_HD T* row(index_t i) const { return data + i * shape[1]; }
};

// Places in precision and scores (T, R, K, A, M) and in recall (T, K, A, M): overlap thresholds, recall thresholds,
// categories, area ranges, limits.
struct CurveShape {
    index_t T, R, K, A, M;

    PM_HD index_t n_bits() const { return A * T; }
    PM_HD index_t place_of_precision(index_t t, index_t r, index_t k, index_t a, index_t m) const {
        return (((t * R + r) * K + k) * A + a) * M + m;
    }
    PM_HD index_t place_of_recall(index_t t, index_t k, index_t a, index_t m) const {
        return ((t * K + k) * A + a) * M + m;
    }
};

}  // namespace pymetrics
