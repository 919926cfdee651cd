#pragma once
#include "arrays.h"

namespace pymetrics::bindings {

// Adds the functions that read and write lists of dicts.
void bind_dicts(py::module_& m);

}  // namespace pymetrics::bindings
