#pragma once
// What the host side of a CUDA kernel is given beside its views, which lie on the device.
#include <cstddef>
#include <functional>
#include <stdexcept>
#include <string>

#include "common.h"

struct CUstream_st;

namespace pymetrics {

struct Queue {
    CUstream_st* stream;
    // Bytes on the stream's device, aligned to 256; they stay until the call that they are for is over.
    std::function<void*(std::size_t)> allocate;

    template <class T>
    T* take(index_t n) const {
        return n > 0 ? static_cast<T*>(allocate(std::size_t(n) * sizeof(T))) : nullptr;
    }
};

struct DeviceError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

namespace cuda {

struct Status {
    bool works;
    std::string text;  // the versions; or why not
};
Status status();

// Why the current device cannot run the kernels, for which no code may have been compiled; "" where it can.
std::string why_not_here();

void set_device(int device);

}  // namespace cuda
}  // namespace pymetrics
