#include "require.h"

namespace pymetrics::bindings {

void require_panoptic_pairs(const PanopticPairs& of) {
    const index_t n_images = of.preds.shape[0], room = of.colors.shape[1];
    require(of.preds.shape[2] == 2, "preds: expected category and instance, got ", of.preds.shape[2], " columns");
    for (int axis = 0; axis < 3; ++axis)
        require(of.target.shape[axis] == of.preds.shape[axis], "target: axis ", axis, " has another length than preds");
    require_length(of.colors.shape[0], n_images, "colors");
    require(of.colors.shape[2] == 4, "colors: expected four columns, got ", of.colors.shape[2]);
    require(room < index_t(1) << 40, "colors: expected less room");
    require_length(of.areas.shape[0], n_images, "areas");
    require(of.areas.shape[1] == room, "areas: expected the room of colors, ", room, ", got ", of.areas.shape[1]);
    require_length(of.n_pairs.shape[0], n_images, "n_pairs");
    require_range(of.begin, of.end, n_images);
}

}  // namespace pymetrics::bindings
