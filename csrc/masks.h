#pragma once
#include "boxes.h"
#include "common.h"
#include "parallel.h"

namespace pymetrics {

using run_t = std::uint32_t;

struct Runs {
    const run_t* data;
    index_t n;

    index_t operator[](index_t i) const { return i < n ? index_t(data[i]) : 0; }
};

inline Runs runs_of(View<const run_t, 1> counts, View<const index_t, 1> offsets, index_t n) {
    return {counts.data + offsets[n], offsets[n + 1] - offsets[n]};
}

// Two masks side by side, one stretch of equal pixels after another. pycocotools' loop: two runs of length 0 that are
// reached at once end it (EMPTY_RUNS_END), as do runs that sum to less than the other mask's.
class Walk {
    Runs a_, b_;
    index_t left_a_, left_b_, next_a_ = 1, next_b_ = 1;

  public:
    bool in_a = false, in_b = false;

    Walk(Runs a, Runs b) : a_(a), b_(b), left_a_(a[0]), left_b_(b[0]) {}

    index_t stretch() const { return std::min(left_a_, left_b_); }

    // Goes to the next stretch; false: there is none.
    bool step() {
        const index_t length = stretch();
        left_a_ -= length;
        left_b_ -= length;
        bool moves = length > 0;
        if (left_a_ == 0 && next_a_ < a_.n) {
            left_a_ = a_[next_a_++];
            in_a = !in_a;
            moves = true;
        }
        if (left_b_ == 0 && next_b_ < b_.n) {
            left_b_ = b_[next_b_++];
            in_b = !in_b;
            moves = true;
        }
        return moves && left_a_ + left_b_ > 0;
    }
};

// The arguments of each kernel, in the order of its Python namesake; `each` gives their names and members.
struct MeasureMasks {
    View<const run_t, 1> counts;
    View<const index_t, 1> offsets;
    View<const index_t, 2> sizes;
    View<run_t, 1> areas;
    View<index_t, 1> totals;
    View<double, 2> boxes;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("counts", counts);
        f("offsets", offsets);
        f("sizes", sizes);
        f("areas", areas);
        f("totals", totals);
        f("boxes", boxes);
        f("begin", begin);
        f("end", end);
    }
};

struct EncodeMasks {
    View<const std::uint8_t, 3> pixels;
    index_t by_rows;
    View<run_t, 2> counts;
    View<index_t, 1> n_runs;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("pixels", pixels);
        f("by_rows", by_rows);
        f("counts", counts);
        f("n_runs", n_runs);
        f("begin", begin);
        f("end", end);
    }
};

struct DecodeMasks {
    View<const run_t, 1> counts;
    View<const index_t, 1> offsets;
    View<std::uint8_t, 2> pixels;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("counts", counts);
        f("offsets", offsets);
        f("pixels", pixels);
        f("begin", begin);
        f("end", end);
    }
};

struct MergeMasks {
    View<const run_t, 1> counts;
    View<const index_t, 1> offsets;
    View<const index_t, 2> sizes;
    View<const index_t, 1> groups;
    index_t intersect;
    View<const index_t, 1> room;
    View<run_t, 1> merged;
    View<index_t, 1> n_runs;
    View<index_t, 2> merged_sizes;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("counts", counts);
        f("offsets", offsets);
        f("sizes", sizes);
        f("groups", groups);
        f("intersect", intersect);
        f("room", room);
        f("merged", merged);
        f("n_runs", n_runs);
        f("merged_sizes", merged_sizes);
        f("begin", begin);
        f("end", end);
    }
};

struct MaskIou {
    View<const run_t, 1> dt_counts;
    View<const index_t, 1> dt_runs;
    View<const index_t, 2> dt_sizes;
    View<const run_t, 1> dt_areas;
    View<const double, 2> dt_boxes;
    View<const std::int32_t, 1> dt_rows;
    View<const run_t, 1> gt_counts;
    View<const index_t, 1> gt_runs;
    View<const index_t, 2> gt_sizes;
    View<const run_t, 1> gt_areas;
    View<const double, 2> gt_boxes;
    View<const std::int32_t, 1> gt_rows;
    View<const std::uint8_t, 1> crowd;
    View<const index_t, 1> dt_offsets, gt_offsets, out_offsets;
    double least;
    View<double, 1> out;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("dt_counts", dt_counts);
        f("dt_runs", dt_runs);
        f("dt_sizes", dt_sizes);
        f("dt_areas", dt_areas);
        f("dt_boxes", dt_boxes);
        f("dt_rows", dt_rows);
        f("gt_counts", gt_counts);
        f("gt_runs", gt_runs);
        f("gt_sizes", gt_sizes);
        f("gt_areas", gt_areas);
        f("gt_boxes", gt_boxes);
        f("gt_rows", gt_rows);
        f("crowd", crowd);
        f("dt_offsets", dt_offsets);
        f("gt_offsets", gt_offsets);
        f("out_offsets", out_offsets);
        f("least", least);
        f("out", out);
        f("begin", begin);
        f("end", end);
    }
};

namespace cpu {

// The bounding box of a mask whose runs sum to `total`: x, y, width, height.
void write_box(Runs runs, index_t total, index_t height, index_t width, double* box);

void measure_masks(const MeasureMasks& of, const Threads& threads);
void encode_masks(const EncodeMasks& of, const Threads& threads);
void decode_masks(const DecodeMasks& of, const Threads& threads);
void merge_masks(const MergeMasks& of, const Threads& threads);
void mask_iou(const MaskIou& of, const Threads& threads);

}  // namespace cpu
}  // namespace pymetrics
