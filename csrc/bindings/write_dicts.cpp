// Lists of dicts, completed as loadRes does and indexed as createIndex does. This may run Python code (the __eq__ of a
// key that is no str, a finalizer, a signal's handler): all that is used is held, and the length of the list is read
// again before each row.
#include "dict_rows.h"

namespace pymetrics::bindings {
namespace {

bool is_number(PyObject* value) { return PyFloat_CheckExact(value) || PyLong_CheckExact(value); }

// a + b or a * b as Python computes it, of two numbers; null where that is an OverflowError.
py::object result_of(PyObject* a, char sign, PyObject* b) {
    PyObject* made;
    if (PyFloat_CheckExact(a) && PyFloat_CheckExact(b)) {
        const double x = PyFloat_AS_DOUBLE(a), y = PyFloat_AS_DOUBLE(b);
        made = PyFloat_FromDouble(sign == '+' ? x + y : x * y);
    } else {
        made = sign == '+' ? PyNumber_Add(a, b) : PyNumber_Multiply(a, b);
    }
    if (!made && !PyErr_ExceptionMatches(PyExc_OverflowError)) throw py::error_already_set();  // Ctrl-C, say
    PyErr_Clear();
    return py::reinterpret_steal<py::object>(made);
}

// [items...], not tracked by the cycle collector: it holds numbers, or a list of numbers, and a million of them would
// have every collection walk through them.
py::object number_list(std::initializer_list<PyObject*> items) {
    py::object list = owned(PyList_New(Py_ssize_t(items.size())));
    Py_ssize_t i = 0;
    for (PyObject* item : items) {
        Py_INCREF(item);
        PyList_SET_ITEM(list.ptr(), i++, item);
    }
    PyObject_GC_UnTrack(list.ptr());
    return list;
}

void put(const py::object& row, const Key& key, const py::object& value) {
    if (PyDict_SetItem(row.ptr(), key.ptr(), value.ptr()) != 0) throw py::error_already_set();
}

}  // namespace

index_t complete_results(obj rows_, index_t begin) {
    require(begin >= 0, "begin: expected 0 or more, got ", begin);
    const RowList rows(rows_);
    const Key bbox("bbox", rows), segmentation("segmentation", rows), area("area", rows), id("id", rows),
        iscrowd("iscrowd", rows);
    const py::object zero = py::int_(0);
    index_t i = begin;
    for (;; ++i) {
        const py::object row = rows.row(i);
        if (!row) return i;
        const auto box = py::reinterpret_borrow<py::object>(bbox.in(row));
        PyObject** const items = box ? at_least(box.ptr(), 4) : nullptr;
        if (!items || !std::all_of(items, items + 4, is_number)) return i;
        const auto held = [&](int k) { return py::reinterpret_borrow<py::object>(items[k]); };
        const py::object x = held(0), y = held(1), w = held(2), h = held(3);
        const bool has_mask = segmentation.in(row);
        py::object x2, y2;
        const py::object size = result_of(w.ptr(), '*', h.ptr());
        if (size && !has_mask) x2 = result_of(x.ptr(), '+', w.ptr());
        if (x2) y2 = result_of(y.ptr(), '+', h.ptr());
        if (!size || (!has_mask && !y2)) return i;
        if (!has_mask) {
            const py::object corners =
                number_list({x.ptr(), y.ptr(), x.ptr(), y2.ptr(), x2.ptr(), y2.ptr(), x2.ptr(), y.ptr()});
            put(row, segmentation, number_list({corners.ptr()}));
        }
        put(row, area, size);
        put(row, id, owned(PyLong_FromLongLong(i + 1)));
        put(row, iscrowd, zero);
    }
}

namespace {

// Keys of dicts whose hash and equality run no Python code.
bool is_plain_id(PyObject* value) { return value && (PyLong_CheckExact(value) || PyUnicode_CheckExact(value)); }

// lists[id].append(value)
void append_at(const py::dict& lists, const py::object& id, const py::object& value) {
    PyObject* list = PyDict_GetItemWithError(lists.ptr(), id.ptr());
    if (!list) {
        if (PyErr_Occurred()) throw py::error_already_set();
        const py::object made = owned(PyList_New(0));
        if (PyDict_SetItem(lists.ptr(), id.ptr(), made.ptr()) != 0) throw py::error_already_set();
        list = made.ptr();
    }
    if (PyList_Append(list, value.ptr()) != 0) throw py::error_already_set();
}

}  // namespace

py::object index_dicts(obj rows_, bool with_categories) {
    const RowList rows(rows_);
    const index_t n = index_t(py::len(rows_));
    const Key id("id", rows), image_id("image_id", rows), category_id("category_id", rows);
    py::dict by_id, by_image, by_category;
    for (index_t i = 0; i < n; ++i) {
        const py::object row = rows.row(i);
        if (!row) return py::none();
        const auto plain = [&](const Key& key) {
            PyObject* const value = key.in(row);
            return is_plain_id(value) ? py::reinterpret_borrow<py::object>(value) : py::object();
        };
        const py::object own = plain(id), image = plain(image_id),
                         category = with_categories ? plain(category_id) : image;
        if (!own || !image || !category) return py::none();
        append_at(by_image, image, row);
        if (with_categories) append_at(by_category, category, image);
        if (PyDict_SetItem(by_id.ptr(), own.ptr(), row.ptr()) != 0) throw py::error_already_set();
    }
    return py::make_tuple(by_id, by_image, by_category);
}

}  // namespace pymetrics::bindings
