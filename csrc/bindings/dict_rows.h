#pragma once
// Rows of a list of COCO's dicts, as read_dicts.cpp and write_dicts.cpp see them. Only rows of plain values are taken
// (exact dicts, ints, floats, bools, lists). Anything else is not an error here: Python's own code continues there.
// Everything runs under the interpreter's lock.
#include "readers.h"

namespace pymetrics::bindings {

#ifdef Py_GIL_DISABLED
constexpr bool kTakesDicts = false;  // without that lock borrowed values are not safe
#else
constexpr bool kTakesDicts = true;
#endif

constexpr index_t kSignalRows = 1 << 16;  // rows between two looks at Ctrl-C
constexpr index_t kAhead = 32;            // rows; dicts may lie anywhere in memory

inline void fetch([[maybe_unused]] const void* address) {  // into the cache, soon; any address will do
#ifdef __GNUC__
    __builtin_prefetch(address);
#endif
}

inline py::object owned(PyObject* made) {  // a new reference, or the exception raised
    if (!made) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(made);
}

// Lets Ctrl-C raise, now and then. step: from one i to the next.
inline void look_at_signals(index_t i, index_t step) {
    if (i % kSignalRows >= kSignalRows - step && PyErr_CheckSignals() != 0) throw py::error_already_set();
}

// The rows of an exact list or tuple; of anything else none.
class RowList {
  public:
    explicit RowList(obj rows) : rows_(rows) {
        plain_ = kTakesDicts && (PyList_CheckExact(rows.ptr()) || PyTuple_CheckExact(rows.ptr()));
    }

    index_t size() const { return plain_ ? index_t(PySequence_Fast_GET_SIZE(rows_.ptr())) : 0; }

    // Row i, borrowed; null where there is none. Rows further on are fetched into the cache.
    PyObject* fetched(index_t i) const {
        const index_t n = size();
        if (i >= n) return nullptr;
        if (i + 2 * kAhead < n) fetch(&at(i + 2 * kAhead)->ob_type);
        if (i + kAhead < n && PyDict_CheckExact(at(i + kAhead))) {
            const void* const keys = reinterpret_cast<PyDictObject*>(at(i + kAhead))->ma_keys;
            fetch(keys);
            fetch(static_cast<const char*>(keys) + 64);
        }
        return at(i);
    }

    // Row i, held, if it is there and an exact dict; else null. Looks at Ctrl-C.
    py::object row(index_t i) const {
        look_at_signals(i, 1);
        PyObject* const found = fetched(i);
        return found && PyDict_CheckExact(found) ? py::reinterpret_borrow<py::object>(found) : py::object();
    }

  private:
    py::object rows_;
    bool plain_;

    PyObject* at(index_t i) const { return PySequence_Fast_GET_ITEM(rows_.ptr(), i); }
};

// A key. Rows that were read from one file share their keys, which are found sooner than equal ones: the first row's
// own str is used where it has one.
class Key {
  public:
    Key(const char* name, const RowList& rows) : key_(owned(PyUnicode_InternFromString(name))) {
        const py::object first = rows.row(0);
        PyObject *key, *value;
        for (Py_ssize_t at = 0; first && PyDict_Next(first.ptr(), &at, &key, &value);)
            if (PyUnicode_CheckExact(key) && PyUnicode_Compare(key, key_.ptr()) == 0) {
                key_ = py::reinterpret_borrow<py::object>(key);
                break;
            }
        PyErr_Clear();
    }

    PyObject* ptr() const { return key_.ptr(); }

    // Borrowed, or null. Raises what the look-up did, in a dict with keys that are no str.
    PyObject* in(const py::object& row) const {
        PyObject* const value = PyDict_GetItemWithError(row.ptr(), key_.ptr());
        if (!value && PyErr_Occurred()) throw py::error_already_set();
        return value;
    }

  private:
    py::object key_;
};

// The items of an exact list or tuple of at least n; borrowed, or null.
inline PyObject** at_least(PyObject* list, index_t n) {
    if (!PyList_CheckExact(list) && !PyTuple_CheckExact(list)) return nullptr;
    return index_t(PySequence_Fast_GET_SIZE(list)) >= n ? PySequence_Fast_ITEMS(list) : nullptr;
}

// The same of exactly n.
inline PyObject** exactly(PyObject* list, index_t n) {
    PyObject** const items = at_least(list, n);
    return items && index_t(PySequence_Fast_GET_SIZE(list)) == n ? items : nullptr;
}

}  // namespace pymetrics::bindings
