#pragma once
// For .cu files alone: the CUDA runtime, or in tests without a GPU what stands for it (tests/cuda_emu/cuda_emu.h).
#include <string>

#include "device.h"

#ifdef PM_CUDA_EMU
#include "cuda_emu.h"
#else
#include <cuda_runtime.h>
#define PM_LAUNCH(kernel, grid, block, smem, stream, ...) kernel<<<grid, block, smem, stream>>>(__VA_ARGS__)
#define PM_DYNAMIC_SHARED(T, name)             \
    extern __shared__ double pm_dynamic_##name[]; \
    T* const name = reinterpret_cast<T*>(pm_dynamic_##name)
#endif

namespace pymetrics::cuda {

constexpr unsigned kWarp = 32, kAllLanes = 0xffffffffu;

inline void check(cudaError_t error, const char* what) {
    if (error != cudaSuccess) throw DeviceError(std::string(what) + ": " + cudaGetErrorString(error));
}

// Blocks of `block` threads for n units, one thread each; kernels stride over what more than `most` blocks would do.
inline unsigned blocks_for(index_t n, index_t block, index_t most = 65535) {
    const index_t blocks = (n + block - 1) / block;
    return unsigned(blocks < 1 ? 1 : blocks < most ? blocks : most);
}

}  // namespace pymetrics::cuda

// Launches on queue.stream and throws DeviceError where the launch is refused.
#define PM_RUN(kernel, grid, block, smem, queue, ...)                            \
    do {                                                                         \
        PM_LAUNCH(kernel, grid, block, smem, (queue).stream, __VA_ARGS__);       \
        ::pymetrics::cuda::check(cudaGetLastError(), #kernel);                   \
    } while (0)
