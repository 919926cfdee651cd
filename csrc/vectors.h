#pragma once
// How long the vectors of this processor are, for the loops that are compiled for several lengths. (The compilers'
// target_clones would do it, where there are the GNU C library's loader and a run-time library of the compiler's own.)
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "common.h"

#if defined(__x86_64__) && (defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 11))
#include <cpuid.h>
#define PM_AVX2 __attribute__((target("avx2,bmi,bmi2")))
#define PM_AVX512 __attribute__((target("avx2,bmi,bmi2,avx512f,avx512bw,avx512dq,avx512vl")))
#endif

namespace pymetrics {

#ifdef PM_AVX512
// 512 where PM_AVX512 runs, 256 where PM_AVX2 does, else 128: what the processor has and the system saves.
inline int bits_of_processor() {
    constexpr unsigned in_use = 3u << 27;                      // XSAVE by the system; AVX
    constexpr unsigned avx2 = 1u << 5 | 1u << 3 | 1u << 8;     // AVX2, BMI1, BMI2
    constexpr unsigned avx512 = 3u << 16 | 3u << 30;           // F, DQ; BW, VL
    constexpr unsigned saved_avx = 0x06, saved_avx512 = 0xE6;  // XMM, YMM; masks, ZMM
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & in_use) != in_use) return 128;
    unsigned saved = 0;
    __asm__ volatile("xgetbv" : "=a"(saved), "=d"(d) : "c"(0));
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & avx2) != avx2 || (saved & saved_avx) != saved_avx) return 128;
    return (b & avx512) == avx512 && (saved & saved_avx512) == saved_avx512 ? 512 : 256;
}

// The same, or fewer where PYMETRICS_ISA says so (sse2, avx2), as tests do.
inline int vector_bits() {
    const char* const asked = std::getenv("PYMETRICS_ISA");
    const int most = !asked ? 512 : std::strcmp(asked, "sse2") == 0 ? 128 : std::strcmp(asked, "avx2") == 0 ? 256 : 512;
    return std::min(most, bits_of_processor());
}
#endif

}  // namespace pymetrics

// Defines the function name(parameters), which calls name_any, a PM_INLINE function of the same arguments, compiled for
// vectors of the processor's length.
#ifdef PM_AVX512
#define PM_FOR_VECTORS(type, name, parameters, arguments)                        \
    PM_AVX2 static type name##_256 parameters { return name##_any arguments; }   \
    PM_AVX512 static type name##_512 parameters { return name##_any arguments; } \
    type name parameters {                                                       \
        static const int bits = vector_bits();                                   \
        if (bits == 512) return name##_512 arguments;                            \
        if (bits == 256) return name##_256 arguments;                            \
        return name##_any arguments;                                             \
    }
#else
#define PM_FOR_VECTORS(type, name, parameters, arguments) \
    type name parameters { return name##_any arguments; }
#endif
