#pragma once
// numpy arrays -> views. What would be unsafe memory is refused here, by the argument's name.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <type_traits>

#include "../common.h"
#include "../parallel.h"

namespace pymetrics::bindings {

namespace py = pybind11;

template <class T, int Rank>
View<T, Rank> view(const py::object& object, const char* name) {
    using Scalar = std::remove_const_t<T>;
    auto refuse = [&](const std::string& why) -> void { throw py::type_error(std::string(name) + ": " + why); };
    if (!py::isinstance<py::array>(object)) refuse("expected a numpy array");
    const auto array = py::reinterpret_borrow<py::array>(object);
    const py::dtype wanted = py::dtype::of<Scalar>();
    if (!array.dtype().is(wanted) && !array.dtype().equal(wanted))
        refuse("expected " + py::str(wanted).cast<std::string>() + ", got " +
               py::str(array.dtype()).cast<std::string>());
    if (array.ndim() != Rank)
        refuse("expected " + std::to_string(Rank) + " dimensions, got " + std::to_string(array.ndim()));
    constexpr int contiguous = py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_,
                  aligned = py::detail::npy_api::NPY_ARRAY_ALIGNED_;
    if ((array.flags() & contiguous) != contiguous) refuse("expected a C-contiguous array");
    if ((array.flags() & aligned) != aligned) refuse("expected an aligned array");
    if (!std::is_const_v<T> && !array.writeable()) refuse("expected a writeable array");
    View<T, Rank> out;
    out.data = static_cast<T*>(const_cast<void*>(array.data()));
    for (int i = 0; i < Rank; ++i) out.shape[i] = array.shape(i);
    return out;
}

// The words of the message are put together only when it is needed.
template <class... Words>
void require(bool ok, const Words&... words) {
    if (ok) return;
    std::ostringstream text;
    (text << ... << words);
    throw py::value_error(text.str());
}

// A length that another argument dictates.
inline void require_length(index_t length, index_t wanted, const char* name) {
    require(length == wanted, name, ": expected length ", wanted, ", got ", length);
}

// Offsets: at least one, from 0 or above, never falling, up to `last` at most.
template <class T>
void require_offsets(View<T, 1> offsets, index_t last, const char* name) {
    require(offsets.shape[0] > 0 && offsets[0] >= 0, name, ": expected offsets from 0 on");
    bool rises = true;
    for (index_t i = 0; i + 1 < offsets.shape[0]; ++i) rises &= offsets[i] <= offsets[i + 1];
    require(rises, name, ": offsets must not fall");
    require(offsets[offsets.shape[0] - 1] <= last, name, ": offsets must end at ", last, " at most");
}

// Indices below `limit`; from `least` on.
template <class T>
void require_indices(View<const T, 1> indices, index_t least, index_t limit, const char* name) {
    if (indices.shape[0] == 0) return;
    T low = indices[0], high = indices[0];
    for (index_t i = 0; i < indices.shape[0]; ++i) low = std::min(low, indices[i]), high = std::max(high, indices[i]);
    require(low >= least && high < limit, name, ": an index is not in [", least, ", ", limit, ")");
}

inline void require_range(index_t begin, index_t end, index_t n) {
    require(0 <= begin && begin <= end && end <= n, "begin, end: expected a range within ", n, " units");
}

// Runs `call` without the lock on n threads, and lets Ctrl-C stop it.
template <class Call>
void run(int n_threads, Call call) {
    require(n_threads >= 1, "n_threads: expected at least 1, got ", n_threads);
    bool interrupted = false;
    const Threads threads = {n_threads, [&] {
                                 py::gil_scoped_acquire lock;
                                 return interrupted = PyErr_CheckSignals() != 0;
                             }};
    {
        py::gil_scoped_release unlocked;
        call(threads);
    }
    if (interrupted) throw py::error_already_set();
}

}  // namespace pymetrics::bindings
