#pragma once
// What the host side of a CUDA kernel gets besides its arguments, whose views are of device memory.
#include <cstddef>
#include <functional>
#include <stdexcept>
#include <string>

#include "../common.h"

struct CUstream_st;

namespace pymetrics {

struct Queue {
    CUstream_st* stream;
    // Bytes on the stream's device, aligned to 256; they are kept until the call is over.
    std::function<void*(std::size_t)> allocate;

    template <class T>
    T* take(index_t n) const {
        return n > 0 ? static_cast<T*>(allocate(std::size_t(n) * sizeof(T))) : nullptr;
    }
};

struct DeviceError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

}  // namespace pymetrics
