// The CUDA kernels for Python: the same names and arguments as in pymetrics/kernels. An array comes as (pointer, dtype,
// shape), C-contiguous and on the device of the stream; whoever calls has seen to that. Behind the kernel's arguments
// come the stream and a function that allocates scratch: bytes -> pointer. Nothing here waits for the device, so that
// the interpreter's lock is kept.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "../accumulate.h"
#include "../boxes.h"
#include "../cells.h"
#include "../device.h"
#include "../matching.h"

#ifndef PM_MODULE
#define PM_MODULE _cuda
#endif

namespace py = pybind11;
using namespace pymetrics;

namespace {

template <class T>
constexpr const char* dtype_of() {
    using S = std::remove_const_t<T>;
    return std::is_same_v<S, double>         ? "f8"
           : std::is_same_v<S, index_t>      ? "i8"
           : std::is_same_v<S, std::int32_t> ? "i4"
           : std::is_same_v<S, word_t>       ? "u8"
                                             : "u1";
}

struct Argument {
    py::handle value;
    const char* name;

    [[noreturn]] void refuse(const std::string& wanted, const std::string& got) const {
        throw py::type_error(std::string(name) + ": expected " + wanted + ", got " + got);
    }
};

inline void read(const Argument& from, index_t& out) { out = from.value.cast<index_t>(); }

template <class T, int Rank>
void read(const Argument& from, View<T, Rank>& out) {
    const auto [pointer, dtype, shape] = from.value.cast<std::tuple<std::uintptr_t, std::string, py::tuple>>();
    if (dtype != dtype_of<T>()) from.refuse(dtype_of<T>(), dtype);
    if (shape.size() != Rank) from.refuse(std::to_string(Rank) + " dimensions", std::to_string(shape.size()));
    out.data = reinterpret_cast<T*>(pointer);
    for (int i = 0; i < Rank; ++i) out.shape[i] = shape[std::size_t(i)].template cast<index_t>();
}

template <class... Parameters, std::size_t... I>
void bind(py::module_& m, const char* name, void (*kernel)(Parameters...),
          const std::array<const char*, sizeof...(Parameters) - 1>& names, std::index_sequence<I...>) {
    m.def(name, [kernel, name, names](const py::args& given) {
        constexpr std::size_t n = sizeof...(I);
        if (given.size() != n + 2)
            throw py::type_error(std::string(name) + ": expected " + std::to_string(n + 2) + " arguments, got " +
                                 std::to_string(given.size()));
        std::tuple<std::decay_t<Parameters>...> arguments;
        (read({given[I], names[I]}, std::get<I>(arguments)), ...);
        const py::handle allocate = given[n + 1];
        Queue& queue = std::get<n>(arguments);
        queue.stream = reinterpret_cast<CUstream_st*>(given[n].template cast<std::uintptr_t>());
        queue.allocate = [allocate](std::size_t bytes) {
            return reinterpret_cast<void*>(allocate(bytes).template cast<std::uintptr_t>());
        };
        std::apply(kernel, arguments);
    });
}

template <class... Parameters>
void bind(py::module_& m, const char* name, void (*kernel)(Parameters...),
          const std::array<const char*, sizeof...(Parameters) - 1>& names) {
    bind(m, name, kernel, names, std::make_index_sequence<sizeof...(Parameters) - 1>());
}

}  // namespace

PYBIND11_MODULE(PM_MODULE, m, py::mod_gil_not_used()) {
    py::register_exception<DeviceError>(m, "DeviceError", PyExc_RuntimeError);
    m.def("status", [] {
        const auto [works, text] = cuda::status();
        return std::pair(works, text);
    });
    m.def("why_not_here", &cuda::why_not_here);
    m.def("get_device", &cuda::get_device);
    m.def("set_device", &cuda::set_device);
    bind(m, "index_ids", &cuda::index_ids, {"ids", "known", "out"});
    bind(m, "sort_rows", &cuda::sort_rows, {"category", "image", "n_images", "order", "starts"});
    bind(m, "join_cells", &cuda::join_cells,
         {"dt_image", "dt_order", "dt_starts", "gt_image", "gt_order", "gt_starts", "limit", "category_cells",
          "cell_image", "cell_dt", "cell_gt", "offsets"});
    bind(m, "rank_detections", &cuda::rank_detections,
         {"scores", "dt_order", "cell_dt", "offsets", "rows", "ranked", "begin", "end"});
    bind(m, "place_cells", &cuda::place_cells,
         {"category_cells", "categories", "cell_image", "images", "offsets", "first_dt", "out_category", "out_image",
          "starts", "counts"});
    bind(m, "move_cells", &cuda::move_cells,
         {"order", "starts", "counts", "cell_image", "n_gt", "scores", "matched", "ignored", "new_offsets",
          "new_cell_image", "new_n_gt", "new_scores", "new_matched", "new_ignored"});
    bind(m, "box_iou", &cuda::box_iou,
         {"dt", "gt", "crowd", "dt_offsets", "gt_offsets", "out_offsets", "kind", "out", "begin", "end"});
    bind(m, "match_boxes", &cuda::match_boxes,
         {"dt_boxes", "dt_area",  "dt_flags", "rows",       "offsets",   "gt_boxes",    "gt_area",
          "gt_flags", "gt_order", "cell_gt",  "thresholds", "reach",     "area_ranges", "area_words",
          "n_gt",     "matched",  "ignored",  "match_of",   "match_iou", "begin",       "end"});
    bind(m, "match_ious", &cuda::match_ious,
         {"ious", "iou_offsets", "dt_offsets", "gt_offsets", "gt_ignored", "gt_flags", "thresholds", "reach", "matched",
          "ignored", "match_of", "match_iou", "begin", "end"});
    bind(m, "accumulate", &cuda::accumulate,
         {"scores", "matched", "ignored", "offsets", "n_gt", "category_cells", "area_words", "max_dets",
          "recall_thresholds", "precision", "recall", "scores_at", "begin", "end"});
    bind(m, "accumulate_replicates", &cuda::accumulate_replicates,
         {"scores", "matched", "ignored", "offsets", "n_gt", "category_cells", "cell_image", "weights", "max_dets",
          "recall_thresholds", "precision", "recall", "begin", "end"});
    bind(m, "mean_valid", &cuda::mean_valid, {"values", "columns", "first_rows", "last_rows", "means", "begin", "end"});
}
