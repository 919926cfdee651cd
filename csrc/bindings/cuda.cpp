// The CUDA kernels for Python: the same names and arguments as in pymetrics/kernels. An array comes as (pointer, dtype,
// shape), C-contiguous and on the device of the stream; whoever calls has seen to that. Behind the kernel's arguments
// come the stream and a function that allocates scratch: bytes -> pointer.
#include <pybind11/functional.h>
#include <pybind11/pybind11.h>

#include <sstream>
#include <string>
#include <type_traits>

#include "../accumulate.h"
#include "../boxes.h"
#include "../cells.h"
#include "../device.h"
#include "../matching.h"

namespace py = pybind11;
using namespace pymetrics;

namespace pymetrics::cuda {
std::pair<bool, std::string> status();  // of the driver
void set_device(int device);
int get_device();
}  // namespace pymetrics::cuda

namespace {

using obj = const py::object&;
using i32 = std::int32_t;
using u8 = std::uint8_t;

template <class T>
const char* dtype_name() {
    using S = std::remove_const_t<T>;
    return std::is_same_v<S, double> ? "f8" : std::is_same_v<S, index_t> ? "i8" : std::is_same_v<S, i32> ? "i4"
           : std::is_same_v<S, word_t> ? "u8" : std::is_same_v<S, u8> ? "u1" : "?";
}

template <class T, int Rank>
View<T, Rank> view(obj array, const char* name) {
    const auto parts = array.cast<py::tuple>();
    const auto shape = parts[2].cast<py::tuple>();
    const auto dtype = parts[1].cast<std::string>();
    if (dtype != dtype_name<T>()) throw py::type_error(std::string(name) + ": expected " + dtype_name<T>() + ", got " + dtype);
    if (shape.size() != Rank)
        throw py::type_error(std::string(name) + ": expected " + std::to_string(Rank) + " dimensions, got " + std::to_string(shape.size()));
    View<T, Rank> out;
    out.data = reinterpret_cast<T*>(parts[0].cast<std::uintptr_t>());
    for (int i = 0; i < Rank; ++i) out.shape[i] = shape[std::size_t(i)].cast<index_t>();
    return out;
}
template <int Rank, class T> void view_into(View<T, Rank>& out, obj array, const char* name) { out = view<T, Rank>(array, name); }

Queue queue_of(std::uintptr_t stream, const py::function& allocate) {
    return {reinterpret_cast<CUstream_st*>(stream),
            [allocate](std::size_t bytes) { return reinterpret_cast<void*>(allocate(bytes).cast<std::uintptr_t>()); }};
}

}  // namespace
