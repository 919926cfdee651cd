// The module _native: the kernels on numpy arrays, and the readers of files and dicts. A kernel takes the arguments of
// its namesake in pymetrics/kernels; one over independent units also the number of threads.
#include "../reader/coco_json.h"
#include "arrays.h"
#include "bind.h"
#include "kernels.h"
#include "readers.h"

using namespace pymetrics;
using namespace pymetrics::bindings;

namespace {

template <class Arguments>
Arguments read_arrays(const char* kernel, const py::args& given, index_t n_more) {
    return read_arguments<Arguments>(kernel, given, n_more, [](py::handle value, const char* name, auto& out) {
        out = view<std::remove_pointer_t<decltype(out.data)>, std::extent_v<decltype(out.shape)>>(value, name);
    });
}

template <class Arguments>
void bind(py::module_& m, const char* name, void (*kernel)(const Arguments&), void (*require)(const Arguments&)) {
    add_kernel<Arguments>(m, name, [=](const py::args& given) {
        const auto of = read_arrays<Arguments>(name, given, 0);
        const py::gil_scoped_release unlocked;
        require(of);
        kernel(of);
    });
}

template <class Arguments>
void bind(py::module_& m, const char* name, void (*kernel)(const Arguments&, const Threads&),
          void (*require)(const Arguments&)) {
    add_kernel<Arguments>(m, name, [=](const py::args& given) {
        const auto of = read_arrays<Arguments>(name, given, 1);
        run(read_integer(given[given.size() - 1], "n_threads"), [&](const Threads& threads) {
            require(of);
            kernel(of, threads);
        });
    });
}

}  // namespace

PYBIND11_MODULE(_native, m, py::mod_gil_not_used()) {
    each_kernel([&](const char* name, auto kernel, auto require) { bind(m, name, kernel, require); });

    m.attr("BUILT_FOR") = PM_BUILT_FOR;
    m.attr("TEXT_PAD") = kPad;
    m.def("read_text", &read_text);
    m.def("read_results", &bindings::read_results, py::arg("file"), py::arg("size"), py::arg("chunk"), py::arg("image"),
          py::arg("category"), py::arg("boxes"), py::arg("scores"), py::arg("n_threads"), py::arg("text") = py::none(),
          py::arg("masks") = py::none(), py::arg("points") = py::none());
    m.def("read_ground_truth", &bindings::read_ground_truth);
    m.def("scan_masks", &bindings::scan_masks);
    m.def("read_masks", &bindings::read_masks);
    m.def("read_number", &bindings::read_number);

    m.def("read_dicts", &read_dicts);
    m.def("complete_results", &complete_results);
    m.def("index_dicts", &index_dicts);
    m.def("write_entries", &write_entries);
    m.def("values_as_read", &values_as_read);

    m.def("measure_rles", &measure_rles);
    m.def("decode_rles", &decode_rles);
    m.def("merge_rles", &merge_rles);
    m.def("iou_rles", &iou_rles);
    m.def("encode_rles", &encode_rles);
    m.def("draw_rles", &draw_rles);
}
