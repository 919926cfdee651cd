#include "device_status.h"
#include "launch.h"

namespace pymetrics::cuda {

Status status() {
    int built = 0, offered = 0, n_devices = 0;
    cudaRuntimeGetVersion(&built);
    cudaDriverGetVersion(&offered);  // 0: no driver, of which cudaGetDeviceCount says that it is too old
    auto version = [](int v) { return std::to_string(v / 1000) + "." + std::to_string(v % 1000 / 10); };
    if (offered == 0) return {false, "no CUDA driver (built with CUDA " + version(built) + ")"};
    if (offered / 1000 < built / 1000)
        return {false, "the CUDA driver is too old: built with CUDA " + version(built) + ", the driver offers " +
                           version(offered)};
    const cudaError_t error = cudaGetDeviceCount(&n_devices);
    cudaGetLastError();  // forget it
    if (error != cudaSuccess) return {false, cudaGetErrorString(error)};
    if (n_devices == 0) return {false, "no CUDA device"};
    return {true, "CUDA " + version(built) + ", the driver offers " + version(offered) +
                      ", devices: " + std::to_string(n_devices)};
}

#ifdef PM_CUDA_EMU
std::string why_not_here() { return ""; }
#else
namespace {
__global__ void probe() {}
}  // namespace

std::string why_not_here() {
    cudaFuncAttributes attributes;
    const cudaError_t error = cudaFuncGetAttributes(&attributes, probe);
    cudaGetLastError();
    if (error != cudaSuccess) return std::string("the kernels cannot run on this GPU: ") + cudaGetErrorString(error);
    return "";
}
#endif

void set_device(int device) { check(cudaSetDevice(device), ("cudaSetDevice(" + std::to_string(device) + ")").c_str()); }

}  // namespace pymetrics::cuda
