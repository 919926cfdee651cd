#pragma once
// For .cu files alone: the CUDA runtime, or in tests without a GPU its emulation (tests/cuda_emu/cuda_emu.h).
#include <string>

#include "queue.h"

#ifdef PM_CUDA_EMU
#include "cuda_emu.h"
#else
#include <cuda_runtime.h>
#define PM_LAUNCH(kernel, grid, block, stream, ...) kernel<<<grid, block, 0, stream>>>(__VA_ARGS__)
#endif

namespace pymetrics::cuda {

constexpr unsigned kWarp = 32, kAllLanes = 0xffffffffu;

// Threads of a block where nothing else decides. Small in emulation, so that small cases take several blocks.
#ifdef PM_CUDA_EMU
constexpr unsigned kBlock = 64;
#else
constexpr unsigned kBlock = 256;
#endif

inline void check(cudaError_t error, const char* what) {
    if (error == cudaSuccess) return;
    cudaGetLastError();  // else the next launch is blamed for it
    throw DeviceError(std::string(what) + ": " + cudaGetErrorString(error));
}

// Blocks of `block` threads for n units, one thread each; kernels stride over what more than `most` blocks would do.
inline unsigned blocks_for(index_t n, index_t block, index_t most = 65535) {
    const index_t blocks = (n + block - 1) / block;
    if (blocks < 1) return 1;
    return unsigned(blocks < most ? blocks : most);
}

// for (index_t i = thread_index(); i < n; i += thread_count()): one unit for each thread of the grid, and on.
__device__ __forceinline__ index_t thread_index() { return index_t(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ __forceinline__ index_t thread_count() { return index_t(gridDim.x) * blockDim.x; }

}  // namespace pymetrics::cuda

// Launches on queue.stream and throws DeviceError where the launch is refused.
#define PM_RUN(kernel, grid, block, queue, ...)                      \
    do {                                                             \
        PM_LAUNCH(kernel, grid, block, (queue).stream, __VA_ARGS__); \
        ::pymetrics::cuda::check(cudaGetLastError(), #kernel);       \
    } while (0)

// A thread for each of n units; the kernel strides.
#define PM_RUN_UNITS(kernel, n, queue, ...)                                                                       \
    PM_RUN(kernel, ::pymetrics::cuda::blocks_for(n, ::pymetrics::cuda::kBlock), ::pymetrics::cuda::kBlock, queue, \
           __VA_ARGS__)
