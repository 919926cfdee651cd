#pragma once
// numpy arrays -> views, and calls without the interpreter's lock.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>
#include <type_traits>

#include "../common.h"
#include "../parallel.h"
#include "require.h"

namespace pymetrics::bindings {

namespace py = pybind11;

template <class T, int Rank>
View<T, Rank> view(py::handle object, const char* name) {
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

// Runs `call` without the interpreter's lock on n threads, and lets Ctrl-C stop it.
template <class Call>
void run(index_t n_threads, Call call) {
    require(n_threads >= 1, "n_threads: expected at least 1, got ", n_threads);
    bool interrupted = false;
    const Threads threads = {n_threads, [&] {
                                 py::gil_scoped_acquire lock;
                                 interrupted = PyErr_CheckSignals() != 0;
                                 return interrupted;
                             }};
    {
        py::gil_scoped_release unlocked;
        call(threads);
    }
    if (interrupted) throw py::error_already_set();
}

}  // namespace pymetrics::bindings
