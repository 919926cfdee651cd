#include "cells.h"
#include "launch.h"
#include "prim.h"

namespace pymetrics::cuda {
namespace {

__global__ void index_kernel(View<const index_t, 1> ids, View<const index_t, 1> known, View<std::int32_t, 1> out) {
    for (index_t i = thread_index(); i < ids.shape[0]; i += thread_count()) {
        const index_t id = ids[i];
        index_t low = 0, high = known.shape[0];
        while (low < high) {
            const index_t middle = (low + high) / 2;
            if (known[middle] < id) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        out[i] = low < known.shape[0] && known[low] == id ? std::int32_t(low) : -1;
    }
}

}  // namespace

void index_ids(View<const index_t, 1> ids, View<const index_t, 1> known, View<std::int32_t, 1> out,
               const Queue& queue) {
    if (ids.shape[0] == 0) return;
    PM_RUN_UNITS(index_kernel, ids.shape[0], queue, ids, known, out);
}

}  // namespace pymetrics::cuda
