#pragma once
#include "arrays.h"

namespace pymetrics::bindings {

// Adds the kernels behind matching: curves and means.
void bind_accumulate(py::module_& m);

}  // namespace pymetrics::bindings
