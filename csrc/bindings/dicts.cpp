// Lists of COCO's dicts: to columns, completed as loadRes does, indexed as createIndex does. Only rows of plain values
// are taken (exact dicts, ints, floats, bools, lists); nothing else is an error here, for Python's own code goes on
// there. Everything runs under the interpreter's lock. Reading runs no Python code, so that it may borrow all that it
// sees. Writing and indexing may run some (the __eq__ of a key that is no str, a finalizer, a signal's handler): they
// hold what they use and ask for the length of the list again before each row.
#include <vector>

#include "readers.h"

namespace pymetrics::bindings {
namespace {

#ifdef Py_GIL_DISABLED
constexpr bool kTakesDicts = false;  // without that lock borrowed values are not safe
#else
constexpr bool kTakesDicts = true;
#endif

constexpr index_t kSignalRows = 1 << 16;  // rows between two looks at Ctrl-C
constexpr index_t kAhead = 32;            // rows; dicts may lie anywhere in memory

void fetch([[maybe_unused]] const void* address) {  // into the cache, soon; any address will do
#ifdef __GNUC__
    __builtin_prefetch(address);
#endif
}

py::object owned(PyObject* made) {  // a new reference, or the exception raised
    if (!made) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(made);
}

// Lets Ctrl-C raise, now and then. step: from one i to the next.
void look_at_signals(index_t i, index_t step) {
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

// The first four items of an exact list or tuple of at least (or exactly) four; borrowed, or null.
PyObject** four(PyObject* box, bool exactly) {
    if (!PyList_CheckExact(box) && !PyTuple_CheckExact(box)) return nullptr;
    const Py_ssize_t n = PySequence_Fast_GET_SIZE(box);
    return n == 4 || (n > 4 && !exactly) ? PySequence_Fast_ITEMS(box) : nullptr;
}

bool take_box(PyObject* value, double* out) {
    PyObject** const items = four(value, true);
    return items && take_float(items[0], out[0]) && take_float(items[1], out[1]) && take_float(items[2], out[2]) &&
           take_float(items[3], out[3]);
}

// One key of all rows, and where its values go: int64, float64 or uint8 (flags) of (N,), or boxes of (N, 4).
struct Field {
    py::object key;
    index_t* ints = nullptr;
    double *floats = nullptr, *boxes = nullptr;
    std::uint8_t *flags = nullptr, *seen = nullptr;  // seen: of optional fields

    Field(py::handle name, const py::object& column, index_t n) : key(py::reinterpret_borrow<py::object>(name)) {
        const std::string text = py::cast<std::string>(name);
        const char* const which = text.c_str();
        const auto array = py::cast<py::array>(column);
        const char kind = array.dtype().kind();
        if (array.ndim() == 2) {
            const auto out = view<double, 2>(column, which);
            require_length(out.shape[1], 4, which);
            boxes = out.data;
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
        if (value)
            return ints     ? take_int(value, ints[i])
                   : floats ? take_float(value, floats[i])
                   : flags  ? take_flag(value, flags[i])
                            : take_box(value, boxes + 4 * i);
        if (ints) ints[i] = 0;
        if (floats) floats[i] = 0;
        if (flags) flags[i] = 0;
        return seen;
    }
};

// Reads rows by blocks. They may lie anywhere in memory, and a block is fetched from there all at once instead of one
// object after the other: first the rows, then their values, then what those hold. No key is looked up: rows mostly
// have the same keys in the same order, the same objects even, so a row is walked through, and a key that stands where
// it stood in the row before is known by its address.
class Reader {
  public:
    static constexpr index_t kRows = 32, kFields = 8, kPlaces = 16;

    Reader(const RowList& rows, const std::vector<Field>& fields) : rows_(rows), fields_(fields) {}

    // -> the number of rows read of begin .. end, at most kRows.
    index_t read(index_t begin, index_t end) {
        index_t n = 0;
        while (n < end - begin && find(rows_.fetched(begin + n), n)) ++n;
        for (std::size_t f = 0; f < fields_.size(); ++f) {
            if (fields_[f].boxes) fetch_boxes(values_[f], n);
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
            if (f >= 0) fetch(values_[f][i] = value);
        }
        return true;
    }

    int field_of(PyObject* key, index_t place) {
        int field = int(fields_.size()) - 1;
        while (field >= 0 && PyUnicode_Compare(key, fields_[std::size_t(field)].key.ptr()) != 0) --field;
        if (place < kPlaces) places_[place] = {py::reinterpret_borrow<py::object>(key), field};
        return field;
    }

    static void fetch_boxes(PyObject* const* boxes, index_t n) {
        PyObject** items[kRows];
        for (index_t i = 0; i < n; ++i) {
            items[i] = boxes[i] ? four(boxes[i], true) : nullptr;
            fetch(items[i]);
        }
        for (index_t i = 0; i < n; ++i)
            for (index_t k = 0; items[i] && k < 4; ++k) fetch(items[i][k]);
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
        PyObject** const items = box ? four(box.ptr(), false) : nullptr;
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
