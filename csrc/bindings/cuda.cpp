// The module _cuda: the CUDA kernels, with the names and arguments that they have in pymetrics/kernels. An array comes
// as (pointer, dtype, shape). The caller has made sure that it is C-contiguous and on the device of the stream. Behind
// the kernel's arguments come the stream and a function that allocates scratch: bytes -> pointer. Nothing here waits
// for the device, so that the interpreter's lock is kept.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "../accumulate.h"
#include "../boxes.h"
#include "../cells.h"
#include "../cuda/device_status.h"
#include "../matching.h"
#include "../means.h"
#include "bind.h"

#ifndef PM_BUILT_FOR
#define PM_BUILT_FOR ""
#endif
#ifndef PM_MODULE
#define PM_MODULE _cuda
#endif

using namespace pymetrics;
using namespace pymetrics::bindings;

namespace {

template <class T>
constexpr const char* dtype_of() {
    using Scalar = std::remove_const_t<T>;
    if (std::is_same_v<Scalar, double>) return "f8";
    if (std::is_same_v<Scalar, index_t>) return "i8";
    if (std::is_same_v<Scalar, std::int32_t>) return "i4";
    return std::is_same_v<Scalar, word_t> ? "u8" : "u1";
}

template <class T, int Rank>
void read_device_array(py::handle value, const char* name, View<T, Rank>& out) {
    auto refuse = [&](const std::string& wanted, const std::string& got) {
        throw py::type_error(std::string(name) + ": expected " + wanted + ", got " + got);
    };
    const auto [pointer, dtype, shape] = value.cast<std::tuple<std::uintptr_t, std::string, py::tuple>>();
    if (dtype != dtype_of<T>()) refuse(dtype_of<T>(), dtype);
    if (shape.size() != Rank) refuse(std::to_string(Rank) + " dimensions", std::to_string(shape.size()));
    out.data = reinterpret_cast<T*>(pointer);
    for (int i = 0; i < Rank; ++i) out.shape[i] = shape[std::size_t(i)].template cast<index_t>();
}

template <class Arguments>
void bind(py::module_& m, const char* name, void (*kernel)(const Arguments&, const Queue&)) {
    add_kernel<Arguments>(m, name, [=](const py::args& given) {
        const auto of = read_arguments<Arguments>(
            name, given, 2,
            [](py::handle value, const char* argument, auto& out) { read_device_array(value, argument, out); });
        const py::handle stream = PyTuple_GET_ITEM(given.ptr(), PyTuple_GET_SIZE(given.ptr()) - 2);
        const py::handle allocate = PyTuple_GET_ITEM(given.ptr(), PyTuple_GET_SIZE(given.ptr()) - 1);
        Queue queue;
        queue.stream = reinterpret_cast<CUstream_st*>(stream.cast<std::uintptr_t>());
        queue.allocate = [allocate](std::size_t bytes) {
            return reinterpret_cast<void*>(allocate(bytes).template cast<std::uintptr_t>());
        };
        kernel(of, queue);
    });
}

}  // namespace

PYBIND11_MODULE(PM_MODULE, m, py::mod_gil_not_used()) {
    m.attr("BUILT_FOR") = PM_BUILT_FOR;
    py::register_exception<DeviceError>(m, "DeviceError", PyExc_RuntimeError);
    m.def("status", [] {
        const auto [works, text] = cuda::status();
        return std::pair(works, text);
    });
    m.def("why_not_here", &cuda::why_not_here);
    m.def("set_device", &cuda::set_device);
    bind(m, "index_ids", &cuda::index_ids);
    bind(m, "sort_rows", &cuda::sort_rows);
    bind(m, "join_cells", &cuda::join_cells);
    bind(m, "rank_detections", &cuda::rank_detections);
    bind(m, "place_cells", &cuda::place_cells);
    bind(m, "move_cells", &cuda::move_cells);
    bind(m, "box_iou", &cuda::box_iou);
    bind(m, "area_words", &cuda::area_words);
    bind(m, "match_cells", &cuda::match_cells);
    bind(m, "match_boxes", &cuda::match_boxes);
    bind(m, "accumulate", &cuda::accumulate);
    bind(m, "mean_valid", &cuda::mean_valid);
}
