#include "keypoint_values.h"

#include "json_scan.h"

namespace pymetrics {

void read_points(const char* text, View<const index_t, 2> spans, View<double, 2> points, const Threads& threads) {
    const index_t width = points.shape[1];
    for_each_unit(0, points.shape[0], 256, threads, [&](index_t row) {
        Scanner s{text + spans(row, 0)};
        double* const to = points.row(row);
        index_t n = 0;
        auto keep = [&](const Number& number) {
            if (n == width) return s.fail("more keypoints than the first pose has");
            to[n++] = number.value;
            return true;
        };
        if (!read_array(s, keep) || (n < width && !s.fail("fewer keypoints than the first pose has")))
            throw Declined{s.p - text, s.why};
    });
}

}  // namespace pymetrics
