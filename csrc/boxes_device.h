#pragma once
// For .cu files alone.
#include "boxes.h"
#include "cuda/launch.h"

namespace pymetrics::cuda {

// As `load`, in two reads where the array begins at a multiple of 16 bytes: boxes lie anywhere, and each read counts.
__device__ __forceinline__ Box load_wide(View<const double, 2> boxes, index_t i) {
    if (reinterpret_cast<std::uintptr_t>(boxes.data) % sizeof(double2)) return load(boxes, i);
    const double2* const b = reinterpret_cast<const double2*>(boxes.data) + 2 * i;
    const double2 corner = b[0], size = b[1];
    return {corner.x, corner.y, size.x, size.y};
}

}  // namespace pymetrics::cuda
