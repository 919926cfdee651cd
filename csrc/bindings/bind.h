#pragma once
// From the argument struct of a kernel to a Python function of the same arguments; for both modules.
#include <pybind11/pybind11.h>

#include <string>
#include <type_traits>

#include "../common.h"

namespace pymetrics::bindings {

namespace py = pybind11;

inline index_t read_integer(py::handle value, const char* name) {
    py::detail::make_caster<index_t> caster;
    if (!caster.load(value, true))
        throw py::type_error(std::string(name) + ": expected an integer of 64 bits, got " +
                             py::repr(value).cast<std::string>());
    return caster;
}

inline double read_double(py::handle value, const char* name) {
    py::detail::make_caster<double> caster;
    if (!caster.load(value, true))
        throw py::type_error(std::string(name) + ": expected a number, got " + py::repr(value).cast<std::string>());
    return caster;
}

// The arguments of a kernel, behind which come `n_more` others. read(value, name, view) converts an array.
template <class Arguments, class Read>
Arguments read_arguments(const char* kernel, const py::args& given, index_t n_more, Read read) {
    Arguments out = {};
    index_t n = 0;
    out.each([&](const char*, auto&) { ++n; });
    if (index_t(given.size()) != n + n_more)
        throw py::type_error(std::string(kernel) + ": expected " + std::to_string(n + n_more) + " arguments, got " +
                             std::to_string(given.size()));
    index_t i = 0;
    out.each([&](const char* name, auto& member) {
        const py::handle value = PyTuple_GET_ITEM(given.ptr(), i);
        ++i;
        if constexpr (std::is_same_v<decltype(member), index_t&>) member = read_integer(value, name);
        else if constexpr (std::is_same_v<decltype(member), double&>) member = read_double(value, name);
        else read(value, name, member);
    });
    return out;
}

// Adds function(*arguments) to the module, and the names of the kernel's arguments to the module's ARGUMENTS.
template <class Arguments, class Function>
void add_kernel(py::module_& m, const char* name, Function function) {
    py::list names;
    Arguments().each([&](const char* argument, auto&) { names.append(argument); });
    if (!py::hasattr(m, "ARGUMENTS")) m.attr("ARGUMENTS") = py::dict();
    m.attr("ARGUMENTS")[name] = names;
    m.def(name, function);
}

}  // namespace pymetrics::bindings
