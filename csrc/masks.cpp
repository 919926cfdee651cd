#include "masks.h"

#include <algorithm>
#include <cstring>

#include "mask_overlaps.h"
#include "scratch.h"

namespace pymetrics::cpu {

namespace {

// Writes the runs of the union or the intersection, and returns their number. `out` has room for the runs of both.
index_t merge_two(Runs a, Runs b, bool intersect, run_t* out) {
    if (a.n + b.n == 0) return 0;
    Walk walk(a, b);
    index_t n = 0, run = 0;
    bool inside = false;
    for (bool goes_on = true; goes_on;) {
        run += walk.stretch();
        goes_on = walk.step();
        const bool was_inside = inside;
        inside = intersect ? walk.in_a && walk.in_b : walk.in_a || walk.in_b;
        if (inside == was_inside && goes_on) continue;
        out[n++] = run_t(run);
        run = 0;
    }
    return n;
}

constexpr index_t kLowHalf = 0xFFFFFFFF;  // pycocotools counts pixels in 32 bits

struct Extent {
    index_t x_low, y_low, x_high, y_high;
};

// Where the runs of 1 lie, by pycocotools' rule; `found` where there is none.
Extent wrapped_extent(Runs runs, index_t height, Extent found) {
    index_t total = 0;
    for (index_t r = 0; r < runs.n; ++r) {
        const index_t start = total & kLowHalf, run = runs.data[r];
        total += run;
        if (r % 2 == 0 || run == 0) continue;
        const index_t last = (total - 1) & kLowHalf, x = start / height, x_last = last / height;
        found.x_low = std::min(found.x_low, x);
        found.x_high = std::max(found.x_high, x_last);
        found.y_low = x < x_last ? 0 : std::min(found.y_low, start - x * height);
        found.y_high = x < x_last ? height - 1 : std::max(found.y_high, last - x_last * height);
    }
    return found;
}

// The same of fewer than 2^32 pixels: a division only where columns are skipped, and for the first and last column.
Extent extent_of(Runs runs, index_t height, Extent found) {
    index_t at = 0, column = 0, first = -1, end = 0;  // column: the place of its first pixel
    for (index_t r = 1; r < runs.n; r += 2) {
        const index_t start = at + runs.data[r - 1], run = runs.data[r];
        at = start + run;
        if (run == 0) continue;
        if (first < 0) first = start;
        end = at;
        if (start - column >= 8 * height) column = start / height * height;
        while (start - column >= height) column += height;
        const bool crosses = at - column > height;
        found.y_low = crosses ? 0 : std::min(found.y_low, start - column);
        found.y_high = crosses ? height - 1 : std::max(found.y_high, at - 1 - column);
    }
    if (first < 0) return found;
    found.x_low = std::min(found.x_low, first / height);
    found.x_high = std::max(found.x_high, (end - 1) / height);
    return found;
}

}  // namespace

void write_box(Runs runs, index_t total, index_t height, index_t width, double* box) {
    Extent extent = {width, height, 0, 0};
    if (height > 0) extent = total <= kLowHalf ? extent_of(runs, height, extent) : wrapped_extent(runs, height, extent);
    box[0] = runs.n > 1 ? double(extent.x_low) : 0.0;
    box[1] = runs.n > 1 ? double(extent.y_low) : 0.0;
    box[2] = runs.n > 1 ? double((extent.x_high - extent.x_low + 1) & kLowHalf) : 0.0;
    box[3] = runs.n > 1 ? double((extent.y_high - extent.y_low + 1) & kLowHalf) : 0.0;
}

void measure_masks(const MeasureMasks& of, const Threads& threads) {
    for_each_unit(of.begin, of.end, 64, threads, [&](index_t n) {
        const Runs runs = runs_of(of.counts, of.offsets, n);
        const index_t height = of.sizes(n, 0), width = of.sizes(n, 1);
        index_t area = 0, total = 0;
        for (index_t r = 0; r < runs.n; ++r) {
            total += runs.data[r];
            area += r % 2 ? runs.data[r] : 0;
        }
        of.areas[n] = run_t(area);
        of.totals[n] = total;
        write_box(runs, total, height, width, of.boxes.row(n));
    });
}

void decode_masks(const DecodeMasks& of, const Threads& threads) {
    for_each_unit(of.begin, of.end, 64, threads, [&](index_t n) {
        const Runs runs = runs_of(of.counts, of.offsets, n);
        std::uint8_t* const pixels = of.pixels.row(n);
        const index_t size = of.pixels.shape[1];
        index_t at = 0;
        for (index_t r = 0; r < runs.n; ++r) {
            const index_t length = std::min<index_t>(runs.data[r], size - at);
            std::memset(pixels + at, int(r % 2), std::size_t(length));
            at += length;
        }
        std::memset(pixels + at, 0, std::size_t(size - at));
    });
}

void merge_masks(const MergeMasks& of, const Threads& threads) {
    parallel_for(of.begin, of.end, 64, threads, [&](Interrupt&) {
        return [&, scratch = Scratch<run_t>()](index_t low, index_t high) mutable {
            for (index_t g = low; g < high; ++g) {
                const index_t first = of.groups[g];
                index_t last = of.groups[g + 1], height = 0, width = 0, found = 0;
                if (last > first) {
                    height = of.sizes(first, 0);
                    width = of.sizes(first, 1);
                }
                for (index_t n = first; n < last; ++n) {
                    if (of.sizes(n, 0) == height && of.sizes(n, 1) == width) continue;
                    height = width = 0;  // DIFFERENT_SIZES
                    last = first;
                }
                run_t* const out = of.merged.data + of.room[g];
                if (last > first) {
                    const Runs runs = runs_of(of.counts, of.offsets, first);
                    std::copy_n(runs.data, runs.n, out);
                    found = runs.n;
                }
                for (index_t n = first + 1; n < last; ++n) {
                    run_t* const before = scratch.take(found);
                    std::copy_n(out, found, before);
                    found = merge_two({before, found}, runs_of(of.counts, of.offsets, n), of.intersect, out);
                }
                of.n_runs[g] = found;
                of.merged_sizes(g, 0) = height;
                of.merged_sizes(g, 1) = width;
            }
        };
    });
}

void mask_iou(const MaskIou& of, const Threads& threads) {
    overlap_problems(of, threads, [&] {
        return [&of, ends = Scratch<run_t>()](index_t a) mutable {
            const Runs runs = runs_of(of.dt_counts, of.dt_runs, a);
            return summed(runs, of.dt_sizes(a, 0) * of.dt_sizes(a, 1), ends.take(runs.n));
        };
    });
}

}  // namespace pymetrics::cpu
