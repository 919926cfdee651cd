#pragma once
// The values of `segmentation` in a text that coco_json has read: it says where they stand.
#include "coco_json.h"

namespace pymetrics {

enum : std::uint8_t { kCompressed = 0, kRunList = 1, kPolygons = 2 };

// N rows. spans: (N, 2), where each value begins and ends; then, of compressed runs, where their characters do.
// sizes: (N, 2), of runs. n_numbers, n_polygons: of lists of runs and of polygons.
struct MaskValues {
    View<index_t, 2> spans;
    View<std::uint8_t, 1> kinds;
    View<index_t, 2> sizes;
    View<index_t, 1> n_numbers, n_polygons;
};

// Escapes in compressed runs are undone in the text. Throws Declined where a value is of another kind, or is not read
// here.
void scan_masks(char* text, const MaskValues& values, const Threads& threads);

// After scan_masks: the numbers of row i from numbers[offsets[i]] on, how many each of its polygons has from
// lengths[polygon_offsets[i]] on.
void read_masks(const char* text, View<const index_t, 2> spans, View<const std::uint8_t, 1> kinds,
                View<const index_t, 1> offsets, View<const index_t, 1> polygon_offsets, View<double, 1> numbers,
                View<index_t, 1> lengths, const Threads& threads);

}  // namespace pymetrics
