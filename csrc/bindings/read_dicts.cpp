// Lists of dicts to columns. Reading runs no Python code, so that it may borrow all that it sees.
#include <algorithm>
#include <vector>

#include "dict_rows.h"

namespace pymetrics::bindings {
namespace {

bool take_int(PyObject* value, index_t& out) {
    if (!PyLong_CheckExact(value)) return false;
    int overflow;
    out = PyLong_AsLongLongAndOverflow(value, &overflow);
    return overflow == 0;
}

bool take_float(PyObject* value, double& out) {
    if (PyFloat_CheckExact(value)) {
        out = PyFloat_AS_DOUBLE(value);
        return true;
    }
    constexpr index_t limit = index_t(1) << 53;  // beyond, doubles do not hold every integer
    index_t whole;
    if (!take_int(value, whole) || whole <= -limit || whole >= limit) return false;
    out = double(whole);
    return true;
}

bool take_flag(PyObject* value, std::uint8_t& out) {
    index_t whole = 0;
    double number = 0;
    if (PyBool_Check(value)) {
        whole = value == Py_True;
    } else if (PyFloat_CheckExact(value)) {
        number = PyFloat_AS_DOUBLE(value);
        if (number != 0 && number != 1) return false;  // int(0.5) is 0, bool(0.5) is not
        whole = number != 0;
    } else if (!take_int(value, whole)) {
        return false;
    }
    if (whole != 0 && whole != 1) return false;
    out = std::uint8_t(whole);
    return true;
}

bool take_list(PyObject* value, double* out, index_t n) {
    PyObject** const items = exactly(value, n);
    if (!items) return false;
    for (index_t k = 0; k < n; ++k)
        if (!take_float(items[k], out[k])) return false;
    return true;
}

// One key of all rows, and where its values go: int64, float64 or uint8 (flags) of (N,), or lists of (N, width).
struct Field {
    py::object key;
    index_t* ints = nullptr;
    double *floats = nullptr, *lists = nullptr;
    index_t width = 0;
    std::uint8_t *flags = nullptr, *seen = nullptr;  // seen: of optional fields

    Field(py::handle name, const py::object& column, index_t n) : key(py::reinterpret_borrow<py::object>(name)) {
        const std::string text = py::cast<std::string>(name);
        const char* const which = text.c_str();
        const auto array = py::cast<py::array>(column);
        const char kind = array.dtype().kind();
        if (array.ndim() == 2) {
            const auto out = view<double, 2>(column, which);
            width = out.shape[1];
            lists = out.data;
        } else if (kind == 'i') {
            ints = view<index_t, 1>(column, which).data;
        } else if (kind == 'f') {
            floats = view<double, 1>(column, which).data;
        } else {
            flags = view<std::uint8_t, 1>(column, which).data;
        }
        require_length(array.shape(0), n, which);
    }

    // Value i, or null where the row has none.
    bool take(PyObject* value, index_t i) const {
        if (seen) {
            if (floats && value == Py_None) value = nullptr;  // an area may be None
            seen[i] = value != nullptr;
        }
        if (value) {
            if (ints) return take_int(value, ints[i]);
            if (floats) return take_float(value, floats[i]);
            if (flags) return take_flag(value, flags[i]);
            return take_list(value, lists + width * i, width);
        }
        if (ints) ints[i] = 0;
        if (floats) floats[i] = 0;
        if (flags) flags[i] = 0;
        if (lists) std::fill_n(lists + width * i, width, 0.0);
        return seen;
    }
};

// Reads rows by blocks. They may lie anywhere in memory, and a block is fetched from there all at once instead of one
// object after the other: first the rows, then their values, then what those hold. No key is looked up: rows mostly
// have the same keys in the same order, the same objects even, so a row is walked through, and a key that stands where
// it stood in the row before is known by its address.
class Reader {
  public:
    static constexpr index_t kRows = 32, kFields = 9, kPlaces = 16;

    Reader(const RowList& rows, const std::vector<Field>& fields) : rows_(rows), fields_(fields) {}

    // -> the number of rows read of begin .. end, at most kRows.
    index_t read(index_t begin, index_t end) {
        index_t n = 0;
        while (n < end - begin && find(rows_.fetched(begin + n), n)) ++n;
        for (std::size_t f = 0; f < fields_.size(); ++f) {
            if (fields_[f].lists) fetch_lists(values_[f], n, fields_[f].width);
            for (index_t i = 0; i < n; ++i)
                if (!fields_[f].take(values_[f][i], begin + i)) n = i;
        }
        return n;
    }

  private:
    struct Place {
        py::object key;  // held: its address stays its own
        int field;
    };

    const RowList& rows_;
    const std::vector<Field>& fields_;
    Place places_[kPlaces];
    PyObject* values_[kFields][kRows];

    // The values of row i of the block. False where it is no exact dict of exact strs.
    bool find(PyObject* row, index_t i) {
        if (!row || !PyDict_CheckExact(row)) return false;
        for (std::size_t f = 0; f < fields_.size(); ++f) values_[f][i] = nullptr;
        PyObject *key, *value;
        index_t place = 0;
        for (Py_ssize_t at = 0; PyDict_Next(row, &at, &key, &value); ++place) {
            if (!PyUnicode_CheckExact(key)) return false;
            const int f =
                place < kPlaces && places_[place].key.ptr() == key ? places_[place].field : field_of(key, place);
            if (f < 0) continue;
            values_[f][i] = value;
            fetch(value);
        }
        return true;
    }

    int field_of(PyObject* key, index_t place) {
        int field = int(fields_.size()) - 1;
        while (field >= 0 && PyUnicode_Compare(key, fields_[std::size_t(field)].key.ptr()) != 0) --field;
        if (place < kPlaces) places_[place] = {py::reinterpret_borrow<py::object>(key), field};
        return field;
    }

    static void fetch_lists(PyObject* const* lists, index_t n, index_t width) {
        PyObject** items[kRows];
        for (index_t i = 0; i < n; ++i) {
            items[i] = lists[i] ? exactly(lists[i], width) : nullptr;
            fetch(items[i]);
        }
        for (index_t i = 0; i < n; ++i)
            for (index_t k = 0; items[i] && k < width; ++k) fetch(items[i][k]);
    }
};

}  // namespace

index_t read_dicts(obj rows_, index_t n, const py::dict& required, const py::dict& optional) {
    const RowList rows(rows_);
    std::vector<Field> fields;
    for (const auto& [name, column] : required)
        fields.emplace_back(name, py::reinterpret_borrow<py::object>(column), n);
    for (const auto& [name, columns] : optional) {
        const auto [column, seen_] = columns.cast<std::pair<py::object, py::object>>();
        fields.emplace_back(name, column, n);
        const auto seen = view<std::uint8_t, 1>(seen_, "seen");
        require_length(seen.shape[0], n, "seen");
        fields.back().seen = seen.data;
    }
    require(index_t(fields.size()) <= Reader::kFields, "expected at most ", Reader::kFields, " columns");
    Reader reader(rows, fields);
    for (index_t begin = 0; begin < n; begin += Reader::kRows) {
        look_at_signals(begin, Reader::kRows);
        const index_t end = std::min(n, begin + Reader::kRows), taken = reader.read(begin, end);
        if (begin + taken < end) return begin + taken;
    }
    return n;
}

}  // namespace pymetrics::bindings
