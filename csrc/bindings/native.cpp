// The module _native: the kernels on numpy arrays, and the readers of files and dicts. A kernel takes the arguments of
// its namesake in pymetrics/kernels; one over independent units also the number of threads.
#include "../reader/coco_json.h"
#include "arrays.h"
#include "bind.h"
#include "readers.h"
#include "require.h"

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
    bind(m, "index_ids", &cpu::index_ids, &require_index_ids);
    bind(m, "sort_rows", &cpu::sort_rows, &require_sort_rows);
    bind(m, "join_cells", &cpu::join_cells, &require_join_cells);
    bind(m, "rank_detections", &cpu::rank_detections, &require_rank_detections);
    bind(m, "place_cells", &cpu::place_cells, &require_place_cells);
    bind(m, "move_cells", &cpu::move_cells, &require_move_cells);
    bind(m, "box_iou", &cpu::box_iou, &require_box_iou);
    bind(m, "rotated_iou", &cpu::rotated_iou, &require_rotated_iou);
    bind(m, "keypoint_exponents", &cpu::keypoint_exponents, &require_keypoint_exponents);
    bind(m, "keypoint_overlaps", &cpu::keypoint_overlaps, &require_keypoint_overlaps);
    bind(m, "area_words", &cpu::area_words, &require_area_words);
    bind(m, "match_cells", &cpu::match_cells, &require_match_cells);
    bind(m, "match_boxes", &cpu::match_boxes, &require_match_boxes);
    bind(m, "accumulate", &cpu::accumulate, &require_accumulate);
    bind(m, "accumulate_replicates", &cpu::accumulate_replicates, &require_accumulate_replicates);
    bind(m, "mean_valid", &cpu::mean_valid, &require_mean_valid);
    bind(m, "match_across", &cpu::match_across, &require_match_across);
    bind(m, "measure_masks", &cpu::measure_masks, &require_measure_masks);
    bind(m, "encode_masks", &cpu::encode_masks, &require_encode_masks);
    bind(m, "decode_masks", &cpu::decode_masks, &require_decode_masks);
    bind(m, "merge_masks", &cpu::merge_masks, &require_merge_masks);
    bind(m, "mask_iou", &cpu::mask_iou, &require_mask_iou);
    bind(m, "boundary_masks", &cpu::boundary_masks, &require_boundary_masks);
    bind(m, "count_runs", &cpu::count_runs, &require_count_runs);
    bind(m, "read_strings", &cpu::read_strings, &require_read_strings);
    bind(m, "measure_strings", &cpu::measure_strings, &require_measure_strings);
    bind(m, "write_strings", &cpu::write_strings, &require_write_strings);
    bind(m, "draw_polygons", &cpu::draw_polygons, &require_draw_polygons);
    bind(m, "count_at", &cpu::count_at, &require_count_at);
    bind(m, "count_along_scores", &cpu::count_along_scores, &require_count_along_scores);
    bind(m, "join_along_scores", &cpu::join_along_scores, &require_join_along_scores);

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
}
