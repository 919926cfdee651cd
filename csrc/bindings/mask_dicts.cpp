// pymetrics.coco.mask on dicts and lists of usual kinds, without an array in between: a call on one mask is short.
// Whatever else there is comes back as None, and Python's own code says what is wrong with it. Everything but long
// computations runs under the interpreter's lock.
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "../mask_strings.h"
#include "../masks.h"
#include "../polygons.h"
#include "dict_rows.h"

namespace pymetrics::bindings {
namespace {

constexpr index_t kMostSide = 1 << 15, kShort = 1 << 16;

// Whether these functions may answer: no other backend is asked for.
bool is_asked() {
    const char* const backend = std::getenv("PYMETRICS_BACKEND");
    return kTakesDicts && (!backend || !*backend || std::strcmp(backend, "native") == 0);
}

// call(threads), which takes `steps` of some nanoseconds: long ones without the lock.
template <class Call>
void compute(index_t steps, index_t n_threads, Call call) {
    if (steps < kShort) call(Threads{1, {}});
    else run(n_threads, call);
}

template <class T>
View<T, 1> column(std::vector<std::remove_const_t<T>>& values) {
    return {values.data(), {index_t(values.size())}};
}

template <class T>
View<T, 2> table(std::vector<std::remove_const_t<T>>& values, index_t n_columns) {
    return {values.data(), {index_t(values.size()) / n_columns, n_columns}};
}

// A whole number in [0, kMostSide), or -1.
index_t side_of(PyObject* value) {
    if (!PyLong_CheckExact(value)) return -1;
    int overflow = 0;
    const long side = PyLong_AsLongAndOverflow(value, &overflow);
    return overflow == 0 && side >= 0 && side < kMostSide ? side : -1;
}

// Masks as columns: what RunColumns and its measures hold.
struct Masks {
    std::vector<run_t> counts;
    std::vector<index_t> offsets{0}, sizes, totals;
    std::vector<run_t> areas;
    std::vector<double> boxes;

    index_t n() const { return index_t(offsets.size()) - 1; }
    index_t height(index_t i) const { return sizes[std::size_t(2 * i)]; }
    index_t width(index_t i) const { return sizes[std::size_t(2 * i + 1)]; }

    // The masks of an exact list of exact dicts; false where one is of another kind.
    bool read(obj rles) {
        if (!PyList_CheckExact(rles.ptr())) return false;
        static const auto counts_key = new py::object(owned(PyUnicode_InternFromString("counts")));
        static const auto size_key = new py::object(owned(PyUnicode_InternFromString("size")));
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(rles.ptr()); ++i) {
            const auto rle = py::reinterpret_borrow<py::object>(PyList_GET_ITEM(rles.ptr(), i));  // a key may run code
            if (!PyDict_CheckExact(rle.ptr())) return false;
            const auto text = item(rle.ptr(), *counts_key), size = item(rle.ptr(), *size_key);
            if (!text || !size || !add(text.ptr(), size.ptr())) return false;
        }
        return true;
    }

    void measure() {
        areas.resize(std::size_t(n()));
        totals.resize(std::size_t(n()));
        boxes.resize(std::size_t(4 * n()));
        cpu::measure_masks({column<const run_t>(counts), column<const index_t>(offsets), table<const index_t>(sizes, 2),
                            column<run_t>(areas), column<index_t>(totals), table<double>(boxes, 4), 0, n()},
                           Threads{1, {}});
    }

    // After measure(): whether the runs of all masks sum to height * width.
    bool are_whole() const {
        bool whole = true;
        for (index_t i = 0; i < n(); ++i) whole &= totals[std::size_t(i)] == height(i) * width(i);
        return whole;
    }

  private:
    static py::object item(PyObject* dict, const py::object& key) {
        PyObject* const value = PyDict_GetItemWithError(dict, key.ptr());
        if (!value && PyErr_Occurred()) throw py::error_already_set();
        return py::reinterpret_borrow<py::object>(value);
    }

    bool add(PyObject* text, PyObject* size) {
        const bool is_list = PyList_CheckExact(size) || PyTuple_CheckExact(size);
        if (!is_list || PySequence_Fast_GET_SIZE(size) != 2) return false;
        for (int i = 0; i < 2; ++i) {
            sizes.push_back(side_of(PySequence_Fast_GET_ITEM(size, i)));
            if (sizes.back() < 0) return false;
        }
        const std::uint8_t* begin;
        index_t length;
        if (PyBytes_CheckExact(text)) {
            begin = reinterpret_cast<const std::uint8_t*>(PyBytes_AS_STRING(text));
            length = PyBytes_GET_SIZE(text);
        } else if (PyUnicode_CheckExact(text) && PyUnicode_IS_COMPACT_ASCII(text)) {
            begin = static_cast<const std::uint8_t*>(PyUnicode_DATA(text));
            length = PyUnicode_GET_LENGTH(text);
        } else {
            return false;
        }
        const index_t n_runs = strings::n_runs_of(begin, begin + length);
        if (n_runs < 0) return false;
        counts.resize(counts.size() + std::size_t(n_runs));
        strings::read_runs(begin, begin + length, counts.data() + offsets.back(), n_runs);
        offsets.push_back(offsets.back() + n_runs);
        return true;
    }
};

// {"size": [height, width], "counts": b"..."}; `text` is scratch.
py::object rle_of(Runs runs, index_t height, index_t width, std::vector<std::uint8_t>& text) {
    text.resize(std::size_t(7 * runs.n));
    const index_t length = strings::write_runs(runs, text.data()) - text.data();
    const py::object counts = owned(PyBytes_FromStringAndSize(reinterpret_cast<char*>(text.data()), length));
    const py::object size = owned(PyList_New(2)), rle = owned(PyDict_New());
    PyList_SET_ITEM(size.ptr(), 0, owned(PyLong_FromLongLong(height)).release().ptr());
    PyList_SET_ITEM(size.ptr(), 1, owned(PyLong_FromLongLong(width)).release().ptr());
    if (PyDict_SetItemString(rle.ptr(), "size", size.ptr()) || PyDict_SetItemString(rle.ptr(), "counts", counts.ptr()))
        throw py::error_already_set();
    return rle;
}

}  // namespace

py::object measure_rles(obj rles, bool boxes) {
    Masks masks;
    if (!is_asked() || !masks.read(rles)) return py::none();
    if (!boxes) {
        py::array_t<run_t> areas(masks.n());
        run_t* const out = areas.mutable_data();
        for (index_t i = 0; i < masks.n(); ++i) {
            const run_t* const runs = masks.counts.data();
            run_t area = 0;  // pycocotools adds in 32 bits
            for (index_t r = masks.offsets[std::size_t(i)] + 1; r < masks.offsets[std::size_t(i) + 1]; r += 2)
                area += runs[r];
            out[i] = area;
        }
        return std::move(areas);
    }
    masks.measure();
    return py::array_t<double>({masks.n(), index_t(4)}, masks.boxes.data());
}

py::object decode_rles(obj rles, index_t n_threads) {
    Masks masks;
    if (!is_asked() || !masks.read(rles) || masks.n() == 0) return py::none();
    masks.measure();
    const index_t n = masks.n(), height = masks.height(0), width = masks.width(0);
    for (index_t i = 1; i < n; ++i)
        if (masks.height(i) != height || masks.width(i) != width) return py::none();
    if (!masks.are_whole()) return py::none();
    py::array_t<std::uint8_t> pixels({n, width, height});
    const DecodeMasks of = {column<const run_t>(masks.counts),
                            column<const index_t>(masks.offsets),
                            {pixels.mutable_data(), {n, width * height}},
                            0,
                            n};
    compute(n * width * height / 32, n_threads, [&](const Threads& threads) { cpu::decode_masks(of, threads); });
    return std::move(pixels);
}

py::object merge_rles(obj rles, bool intersect) {
    Masks masks;
    if (!is_asked() || !masks.read(rles)) return py::none();
    const index_t n = masks.n();
    if (n == 0) return py::none();
    if (n > 1) {
        masks.measure();
        if (!masks.are_whole()) return py::none();
    }
    std::vector<run_t> merged(masks.counts.size());
    std::vector<index_t> groups{0, n}, room{0, index_t(merged.size())}, n_runs(1), sizes(2);
    cpu::merge_masks(
        {column<const run_t>(masks.counts), column<const index_t>(masks.offsets), table<const index_t>(masks.sizes, 2),
         column<const index_t>(groups), intersect, column<const index_t>(room), column<run_t>(merged),
         column<index_t>(n_runs), table<index_t>(sizes, 2), 0, 1},
        Threads{1, {}});
    std::vector<std::uint8_t> text;
    return rle_of({merged.data(), n_runs[0]}, sizes[0], sizes[1], text);
}

py::object iou_rles(obj dt_rles, obj gt_rles, obj crowd, index_t n_threads) {
    Masks dt, gt;
    if (!is_asked() || !dt.read(dt_rles) || !gt.read(gt_rles)) return py::none();
    const index_t n_dt = dt.n(), n_gt = gt.n();
    const auto crowds = view<const std::uint8_t, 1>(crowd, "crowd");
    if (n_dt == 0 || n_gt == 0 || crowds.shape[0] != n_gt) return py::none();
    dt.measure();
    gt.measure();
    if (!dt.are_whole() || !gt.are_whole()) return py::none();
    std::vector<std::int32_t> dt_rows(static_cast<std::size_t>(n_dt)), gt_rows(static_cast<std::size_t>(n_gt));
    for (index_t i = 0; i < n_dt; ++i) dt_rows[std::size_t(i)] = std::int32_t(i);
    for (index_t i = 0; i < n_gt; ++i) gt_rows[std::size_t(i)] = std::int32_t(i);
    std::vector<index_t> dt_ends{0, n_dt}, gt_ends{0, n_gt}, out_ends{0, n_dt * n_gt};
    std::vector<double> overlaps(static_cast<std::size_t>(n_dt * n_gt));
    const MaskIou of = {column<const run_t>(dt.counts),
                        column<const index_t>(dt.offsets),
                        table<const index_t>(dt.sizes, 2),
                        column<const run_t>(dt.areas),
                        table<const double>(dt.boxes, 4),
                        column<const std::int32_t>(dt_rows),
                        column<const run_t>(gt.counts),
                        column<const index_t>(gt.offsets),
                        table<const index_t>(gt.sizes, 2),
                        column<const run_t>(gt.areas),
                        table<const double>(gt.boxes, 4),
                        column<const std::int32_t>(gt_rows),
                        crowds,
                        column<const index_t>(dt_ends),
                        column<const index_t>(gt_ends),
                        column<const index_t>(out_ends),
                        0,
                        column<double>(overlaps),
                        0,
                        1};
    compute(n_dt * n_gt * 64, n_threads, [&](const Threads& threads) { cpu::mask_iou(of, threads); });
    py::array_t<double> out({n_dt, n_gt}, {index_t(8), 8 * n_dt});  // in Fortran order
    double* const to = out.mutable_data();
    for (index_t d = 0; d < n_dt; ++d)
        for (index_t g = 0; g < n_gt; ++g) to[g * n_dt + d] = overlaps[std::size_t(d * n_gt + g)];
    return std::move(out);
}

py::object encode_rles(obj bitmap, index_t n_threads) {
    if (!is_asked() || !py::isinstance<py::array>(bitmap)) return py::none();
    const auto array = py::reinterpret_borrow<py::array>(bitmap);
    const char kind = array.dtype().kind();
    if (array.ndim() != 2 || array.itemsize() != 1 || (kind != 'u' && kind != 'b')) return py::none();
    const index_t height = array.shape(0), width = array.shape(1), down = array.strides(0), right = array.strides(1);
    if (height == 0 || width == 0 || height >= kMostSide || width >= kMostSide) return py::none();
    const bool by_rows = right == 1 && down == width;
    if (!by_rows && !(down == 1 && right == height)) return py::none();
    std::vector<run_t> counts;
    index_t n_runs = 0, room = std::min(height * width + 1, 4 * (height + width) + 64);
    const auto pixels = static_cast<const std::uint8_t*>(array.data());
    for (;;) {
        counts.resize(std::size_t(room));
        const EncodeMasks of = {{pixels, {1, by_rows ? height : width, by_rows ? width : height}},
                                by_rows,
                                {counts.data(), {1, room}},
                                {&n_runs, {1}},
                                0,
                                1};
        compute(height * width / 16, n_threads, [&](const Threads& threads) { cpu::encode_masks(of, threads); });
        if (n_runs <= room) break;
        room = n_runs;
    }
    std::vector<std::uint8_t> text;
    return rle_of({counts.data(), n_runs}, height, width, text);
}

py::object draw_rles(obj polygons, obj h, obj w, index_t n_threads) {
    const index_t height = side_of(h.ptr()), width = side_of(w.ptr());
    if (!is_asked() || height < 0 || width < 0 || !PyList_CheckExact(polygons.ptr())) return py::none();
    std::vector<double> points;
    std::vector<index_t> offsets{0}, sizes, room{0};
    for (Py_ssize_t p = 0; p < PyList_GET_SIZE(polygons.ptr()); ++p) {
        PyObject* const polygon = PyList_GET_ITEM(polygons.ptr(), p);
        // Of 4 numbers the first would be a box.
        if (!PyList_CheckExact(polygon) || PyList_GET_SIZE(polygon) < 5) return py::none();
        const Py_ssize_t n = PyList_GET_SIZE(polygon) / 2 * 2;
        index_t n_turns = 2;
        for (Py_ssize_t i = 0; i < n; ++i) {
            PyObject* const value = PyList_GET_ITEM(polygon, i);
            double number;
            if (PyFloat_CheckExact(value)) {
                number = PyFloat_AS_DOUBLE(value);
            } else if (PyLong_CheckExact(value)) {
                number = PyLong_AsDouble(value);
                if (number == -1.0 && PyErr_Occurred()) {
                    PyErr_Clear();
                    return py::none();
                }
            } else {
                return py::none();
            }
            if (!can_draw(number)) return py::none();
            points.push_back(number);
        }
        const double* const x = points.data() + 2 * offsets.back();
        for (Py_ssize_t i = 0; i < n; i += 2) {  // an edge has a turn in each column that it passes
            const double across = std::abs(x[(i + 2) % n] - x[i]) + 2;
            n_turns += index_t(across < double(width) ? across : double(width));
        }
        offsets.push_back(index_t(points.size()) / 2);
        sizes.push_back(height);
        sizes.push_back(width);
        room.push_back(room.back() + n_turns);
    }
    const index_t n = index_t(offsets.size()) - 1;
    if (n == 0) return py::none();
    std::vector<run_t> counts(static_cast<std::size_t>(room.back()));
    std::vector<index_t> n_runs(static_cast<std::size_t>(n));
    const DrawPolygons of = {table<const double>(points, 2),
                             column<const index_t>(offsets),
                             table<const index_t>(sizes, 2),
                             column<const index_t>(room),
                             column<run_t>(counts),
                             column<index_t>(n_runs),
                             0,
                             n};
    compute(8 * room.back(), n_threads, [&](const Threads& threads) { cpu::draw_polygons(of, threads); });
    py::list found(static_cast<std::size_t>(n));
    std::vector<std::uint8_t> text;
    for (index_t p = 0; p < n; ++p) {
        const Runs runs = {counts.data() + room[std::size_t(p)], n_runs[std::size_t(p)]};
        PyList_SET_ITEM(found.ptr(), p, rle_of(runs, height, width, text).release().ptr());
    }
    return std::move(found);
}

}  // namespace pymetrics::bindings
