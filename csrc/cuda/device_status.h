#pragma once
// What Python asks of the CUDA runtime besides kernels.
#include <string>

namespace pymetrics::cuda {

struct Status {
    bool works;
    std::string text;  // the versions; or why not
};
Status status();

// Why the current device cannot run the kernels (none may have been compiled for it); "" where it can.
std::string why_not_here();

void set_device(int device);

}  // namespace pymetrics::cuda
