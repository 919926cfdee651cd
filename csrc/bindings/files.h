#pragma once
#include "arrays.h"

namespace pymetrics::bindings {

// Adds the functions that read files.
void bind_files(py::module_& m);

}  // namespace pymetrics::bindings
