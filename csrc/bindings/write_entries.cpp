// The dicts of COCOeval's evalImgs. Making them may run Python code (the cycle collector calls finalizers), so all that
// is used is held, and nothing is read from lists that others can reach.
#include "dict_rows.h"

namespace pymetrics::bindings {
namespace {

enum Place {
    kImage,
    kCategory,
    kRange,
    kLimit,
    kDtIds,
    kGtIds,
    kDtMatches,
    kGtMatches,
    kDtScores,
    kGtIgnore,
    kDtIgnore
};
constexpr const char* kKeys[] = {"image_id",  "category_id", "aRng",     "maxDet",   "dtIds",   "gtIds",
                                 "dtMatches", "gtMatches",   "dtScores", "gtIgnore", "dtIgnore"};
constexpr std::size_t kNumberOfKeys = std::size(kKeys);

// A new numpy array of T. Its values are not set.
template <class T>
class NewArrays {
  public:
    py::object operator()(std::initializer_list<Py_intptr_t> shape) const {
        auto& api = py::detail::npy_api::get();
        Py_INCREF(dtype_.ptr());  // the call takes it
        return owned(api.PyArray_NewFromDescr_(api.PyArray_Type_, dtype_.ptr(), int(shape.size()), shape.begin(),
                                               nullptr, nullptr, 0, nullptr));
    }

    static T* data(const py::object& array) { return reinterpret_cast<T*>(py::detail::array_proxy(array.ptr())->data); }

  private:
    py::dtype dtype_ = py::dtype::of<T>();
};

// n items as a list, not tracked by the cycle collector where they are numbers or texts: an epoch leaves hundreds of
// thousands of such lists and of the dicts that hold them, and every collection would walk through them.
template <class Item>
py::object list_of(index_t n, Item item) {
    py::object list = owned(PyList_New(Py_ssize_t(n)));
    bool is_plain = true;
    for (index_t i = 0; i < n; ++i) {
        PyObject* const value = item(i);
        is_plain &= !PyObject_IS_GC(value);
        Py_INCREF(value);
        PyList_SET_ITEM(list.ptr(), i, value);
    }
    if (is_plain) PyObject_GC_UnTrack(list.ptr());
    return list;
}

py::tuple held(obj items, const char* name, index_t length = -1) {
    const auto found = py::reinterpret_steal<py::tuple>(PySequence_Tuple(items.ptr()));
    if (!found) throw py::error_already_set();
    if (length >= 0) require_length(index_t(found.size()), length, name);
    return found;
}

PyObject* item(const py::tuple& items, index_t i) { return PyTuple_GET_ITEM(items.ptr(), i); }

struct Entries {
    py::tuple images, categories, ranges, dt_ids, dt_scores, gt_ids;
    py::object limit;
    View<const index_t, 1> category, dt_offsets, gt_offsets;
    View<const std::int32_t, 1> image, gt_rows;
    View<const std::int32_t, 2> gt_of;
    View<const word_t, 2> ignored;
    View<const double, 1> dt_numbers, gt_numbers, gt_area;
    View<const bool, 1> gt_ignore;
    View<const double, 2> bounds;

    index_t K() const { return index_t(categories.size()); }
    index_t A() const { return bounds.shape[0]; }
    index_t I() const { return index_t(images.size()); }
    index_t T() const { return A() ? gt_of.shape[1] / A() : 0; }

    void check() const {
        const index_t n_cells = image.shape[0], n_dt = gt_of.shape[0], n_gt = gt_numbers.shape[0];
        require_length(bounds.shape[1], 2, "bounds");
        require_length(gt_of.shape[1], A() * T(), "gt_of");
        require_length(category.shape[0], n_cells, "category");
        require_length(dt_offsets.shape[0], n_cells + 1, "dt_offsets");
        require_length(gt_offsets.shape[0], n_cells + 1, "gt_offsets");
        require_length(dt_numbers.shape[0], n_dt, "dt_numbers");
        require_length(ignored.shape[0], n_dt, "ignored");
        require(ignored.shape[1] * 64 >= gt_of.shape[1], "ignored: expected a bit for each column of gt_of");
        require_length(gt_area.shape[0], n_gt, "gt_area");
        require_length(gt_ignore.shape[0], n_gt, "gt_ignore");
        require_offsets(dt_offsets, n_dt, "dt_offsets");
        require_offsets(gt_offsets, gt_rows.shape[0], "gt_offsets");
        require_indices(gt_rows, 0, n_gt, "gt_rows");
        require_indices(image, 0, I(), "image");
        require_indices(category, 0, K(), "category");
        require_indices(View<const std::int32_t, 1>{gt_of.data, {n_dt * gt_of.shape[1]}}, -1, n_gt, "gt_of");
    }

    bool is_ignored(index_t row, index_t a) const {
        return gt_ignore[row] || gt_area[row] < bounds(a, 0) || gt_area[row] > bounds(a, 1);
    }

    py::object write() const {
        py::object keys[kNumberOfKeys];
        const py::object pattern = owned(PyDict_New()), found = owned(PyList_New(Py_ssize_t(K() * A() * I())));
        for (std::size_t i = 0; i < kNumberOfKeys; ++i) {
            keys[i] = owned(PyUnicode_InternFromString(kKeys[i]));
            if (PyDict_SetItem(pattern.ptr(), keys[i].ptr(), Py_None) != 0) throw py::error_already_set();
        }
        for (index_t i = 0; i < K() * A() * I(); ++i) {
            Py_INCREF(Py_None);
            PyList_SET_ITEM(found.ptr(), i, Py_None);
        }
        // place[row]: where a ground truth of the present cell stands in its entry, or -1
        std::vector<index_t> place(std::size_t(gt_numbers.shape[0]), -1), order;
        for (index_t c = 0; c < image.shape[0]; ++c) {
            for (index_t a = 0; a < A(); ++a) {
                const index_t at = (category[c] * A() + a) * I() + image[c];
                py::object entry = entry_of(c, a, pattern, keys, place, order);
                if (PyList_SetItem(found.ptr(), Py_ssize_t(at), entry.release().ptr()) != 0)
                    throw py::error_already_set();
            }
            for (index_t g = gt_offsets[c]; g < gt_offsets[c + 1]; ++g) place[std::size_t(gt_rows[g])] = -1;
        }
        return found;
    }

  private:
    NewArrays<double> doubles_;
    NewArrays<std::int64_t> integers_;
    NewArrays<bool> bools_;

    py::object entry_of(index_t c, index_t a, const py::object& pattern, const py::object* keys,
                        std::vector<index_t>& place, std::vector<index_t>& order) const {
        const index_t d0 = dt_offsets[c], n_d = dt_offsets[c + 1] - d0, g0 = gt_offsets[c], g1 = gt_offsets[c + 1];
        const index_t n_g = g1 - g0, n_t = T();
        order.clear();  // the rows of the ground truths, the ignored last
        for (const bool ignored_ones : {false, true})
            for (index_t g = g0; g < g1; ++g)
                if (is_ignored(gt_rows[g], a) == ignored_ones) order.push_back(gt_rows[g]);
        const py::object gt_ignored = n_g ? integers_({n_g}) : doubles_({0});
        for (index_t g = 0; g < n_g; ++g) {
            const index_t row = order[std::size_t(g)];
            place[std::size_t(row)] = g;
            integers_.data(gt_ignored)[g] = is_ignored(row, a);
        }
        const py::object dt_matches = doubles_({n_t, n_d}), gt_matches = doubles_({n_t, n_g});
        const py::object dt_ignored = bools_({n_t, n_d});
        double *const of_dt = doubles_.data(dt_matches), *const of_gt = doubles_.data(gt_matches);
        bool* const flags = bools_.data(dt_ignored);
        std::fill_n(of_gt, n_t * n_g, 0.0);
        for (index_t d = 0; d < n_d; ++d) {
            for (index_t t = 0; t < n_t; ++t) {
                const index_t bit = a * n_t + t, row = gt_of(d0 + d, bit);
                flags[t * n_d + d] = ignored(d0 + d, bit / 64) >> (bit % 64) & 1;
                of_dt[t * n_d + d] = row < 0 ? 0.0 : gt_numbers[row];
                if (row < 0) continue;
                require(place[std::size_t(row)] >= 0, "gt_of: a ground truth of another cell");
                of_gt[t * n_g + place[std::size_t(row)]] = dt_numbers[d0 + d];  // of several in a crowd the last
            }
        }
        const py::object dt_list = list_of(n_d, [&](index_t d) { return item(dt_ids, d0 + d); });
        const py::object score_list = list_of(n_d, [&](index_t d) { return item(dt_scores, d0 + d); });
        const py::object gt_list = list_of(n_g, [&](index_t g) { return item(gt_ids, order[std::size_t(g)]); });

        const py::object entry = owned(PyDict_Copy(pattern.ptr()));
        const auto put = [&](Place key, PyObject* value) {
            if (PyDict_SetItem(entry.ptr(), keys[key].ptr(), value) != 0) throw py::error_already_set();
        };
        put(kImage, item(images, image[c]));
        put(kCategory, item(categories, category[c]));
        put(kRange, item(ranges, a));
        put(kLimit, limit.ptr());
        put(kDtIds, dt_list.ptr());
        put(kGtIds, gt_list.ptr());
        put(kDtMatches, dt_matches.ptr());
        put(kGtMatches, gt_matches.ptr());
        put(kDtScores, score_list.ptr());
        put(kGtIgnore, gt_ignored.ptr());
        put(kDtIgnore, dt_ignored.ptr());
        if (!PyObject_IS_GC(item(images, image[c])) && !PyObject_IS_GC(item(categories, category[c])))
            PyObject_GC_UnTrack(entry.ptr());  // its lists hold numbers; what is put into it later tracks it again
        return entry;
    }
};

}  // namespace

py::object write_entries(obj images, obj categories, obj ranges, obj limit, obj dt_ids, obj dt_scores, obj gt_ids,
                         obj category, obj image, obj dt_offsets, obj gt_offsets, obj gt_rows, obj gt_of, obj ignored,
                         obj dt_numbers, obj gt_numbers, obj gt_area, obj gt_ignore, obj bounds) {
    Entries of;
    of.category = view<const index_t, 1>(category, "category");
    of.image = view<const std::int32_t, 1>(image, "image");
    of.dt_offsets = view<const index_t, 1>(dt_offsets, "dt_offsets");
    of.gt_offsets = view<const index_t, 1>(gt_offsets, "gt_offsets");
    of.gt_rows = view<const std::int32_t, 1>(gt_rows, "gt_rows");
    of.gt_of = view<const std::int32_t, 2>(gt_of, "gt_of");
    of.ignored = view<const word_t, 2>(ignored, "ignored");
    of.dt_numbers = view<const double, 1>(dt_numbers, "dt_numbers");
    of.gt_numbers = view<const double, 1>(gt_numbers, "gt_numbers");
    of.gt_area = view<const double, 1>(gt_area, "gt_area");
    of.gt_ignore = view<const bool, 1>(gt_ignore, "gt_ignore");
    of.bounds = view<const double, 2>(bounds, "bounds");
    of.images = held(images, "images");
    of.categories = held(categories, "categories");
    of.ranges = held(ranges, "ranges", of.A());
    of.dt_ids = held(dt_ids, "dt_ids", of.gt_of.shape[0]);
    of.dt_scores = held(dt_scores, "dt_scores", of.gt_of.shape[0]);
    of.gt_ids = held(gt_ids, "gt_ids", of.gt_numbers.shape[0]);
    of.limit = limit;
    of.check();
    return of.write();
}

py::object values_as_read(obj rows_, obj places_, const std::string& name, obj numbers_) {
    const auto numbers = view<const double, 1>(numbers_, "numbers");
    const bool in_order = places_.is_none();
    View<const std::int32_t, 1> places = {nullptr, {numbers.shape[0]}};
    if (!in_order) places = view<const std::int32_t, 1>(places_, "places");
    require_length(places.shape[0], numbers.shape[0], "places");
    const RowList rows(rows_);
    const Key key(name.c_str(), rows);
    const py::object found = owned(PyList_New(0));
    for (index_t i = 0; i < numbers.shape[0]; ++i) {
        const index_t at = in_order ? i : places[i];
        require(at >= 0, "places: expected 0 or more, got ", at);
        const py::object row = rows.row(at);
        PyObject* const value = row ? key.in(row) : nullptr;
        if (!value || !(PyFloat_CheckExact(value) || PyLong_CheckExact(value))) return py::none();
        const double number = PyFloat_AsDouble(value);
        if (number == -1 && PyErr_Occurred()) {  // an int beyond float64
            PyErr_Clear();
            return py::none();
        }
        if (number != numbers[i]) return py::none();
        if (PyList_Append(found.ptr(), value) != 0) throw py::error_already_set();
    }
    return found;
}

}  // namespace pymetrics::bindings
