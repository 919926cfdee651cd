#pragma once
// The values of `keypoints` in a text that coco_json has read: it says where they stand.
#include "coco_json.h"

namespace pymetrics {

// N lists of as many numbers as `points` (N, width) has columns; spans: (N, 2), where each begins and ends. Throws
// Declined where a value is another.
void read_points(const char* text, View<const index_t, 2> spans, View<double, 2> points, const Threads& threads);

}  // namespace pymetrics
