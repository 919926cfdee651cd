#include "masks.h"

#include <algorithm>
#include <cstring>

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

// What the overlaps of a mask need to know of it.
struct Summed {
    Runs runs;
    index_t area;
    bool is_whole, has_empty;  // its runs sum to its pixels; one behind the first is of length 0
    const run_t* ends;         // (runs.n,), where each run ends, if it is whole
};

// ends: room for those of the mask.
Summed summed(Runs runs, index_t n_pixels, run_t* ends) {
    index_t total = 0, area = 0, n_empty = 0;
    for (index_t r = 0; r < runs.n; ++r) {
        total += runs.data[r];
        area += r % 2 ? runs.data[r] : 0;
        n_empty += r > 0 && runs.data[r] == 0;
        ends[r] = run_t(total);
    }
    return {runs, area, total == n_pixels, n_empty > 0, ends};
}

// The first run of 1 that ends behind `at`; n or more where there is none.
index_t first_behind(const Summed& mask, run_t at) {
    return (std::upper_bound(mask.ends, mask.ends + mask.runs.n, at) - mask.ends) | 1;
}

// The pixels of both of two masks: one run of 1 after another, which halves the steps of Walk.
index_t shared_pixels(const Summed& a, const Summed& b) {
    if (a.runs.n < 2 || b.runs.n < 2) return 0;
    index_t i = first_behind(a, b.ends[0]), j = first_behind(b, a.ends[0]), shared = 0;
    if (i >= a.runs.n || j >= b.runs.n) return 0;
    index_t a_begin = a.ends[i - 1], b_begin = b.ends[j - 1], a_end = a.ends[i], b_end = b.ends[j];
    for (;;) {
        const index_t length = std::min(a_end, b_end) - std::max(a_begin, b_begin);
        shared += length > 0 ? length : 0;
        if (a_end <= b_end) {
            i += 2;
            if (i >= a.runs.n) return shared;
            a_begin = a.ends[i - 1];
            a_end = a.ends[i];
        } else {
            j += 2;
            if (j >= b.runs.n) return shared;
            b_begin = b.ends[j - 1];
            b_end = b.ends[j];
        }
    }
}

double overlap_of(const Summed& dt, const Summed& gt, run_t dt_area, bool crowd) {
    index_t shared = 0, union_ = 0;
    if (dt.is_whole && gt.is_whole && !(dt.has_empty && gt.has_empty)) {
        shared = shared_pixels(dt, gt);
        union_ = dt.area + gt.area - shared;
    } else {  // by pycocotools' own loop, which may end early
        Walk walk(dt.runs, gt.runs);
        do {
            const index_t length = walk.stretch();
            shared += walk.in_a && walk.in_b ? length : 0;
            union_ += walk.in_a || walk.in_b ? length : 0;
        } while (walk.step());
    }
    return shared > 0 ? double(shared) / double(crowd ? index_t(dt_area) : union_) : 0.0;
}

}  // namespace

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
        Extent extent = {width, height, 0, 0};
        if (height > 0)
            extent = total <= kLowHalf ? extent_of(runs, height, extent) : wrapped_extent(runs, height, extent);
        double* const box = of.boxes.row(n);
        box[0] = runs.n > 1 ? double(extent.x_low) : 0.0;
        box[1] = runs.n > 1 ? double(extent.y_low) : 0.0;
        box[2] = runs.n > 1 ? double((extent.x_high - extent.x_low + 1) & kLowHalf) : 0.0;
        box[3] = runs.n > 1 ? double((extent.y_high - extent.y_low + 1) & kLowHalf) : 0.0;
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
    auto gt_of = [&](index_t b, run_t* ends) {
        return summed(runs_of(of.gt_counts, of.gt_runs, b), of.gt_sizes(b, 0) * of.gt_sizes(b, 1), ends);
    };
    parallel_for(of.begin, of.end, 16, threads, [&](Interrupt& interrupt) {
        return [&, scratch = Scratch<Summed>(), gt_ends = Scratch<run_t>(), dt_ends = Scratch<run_t>()](
                   index_t low, index_t high) mutable {
            for (index_t p = low; p < high; ++p) {
                double* out = of.out.data + of.out_offsets[p];
                const index_t first_gt = of.gt_offsets[p], n_gt = of.gt_offsets[p + 1] - first_gt;
                const index_t n_dt = of.dt_offsets[p + 1] - of.dt_offsets[p];
                Summed* const gts = scratch.take(n_gt);
                index_t n_runs = 0;
                for (index_t g = 0; n_dt > 0 && g < n_gt; ++g) {
                    const index_t b = of.gt_rows[first_gt + g];
                    n_runs += of.gt_runs[b + 1] - of.gt_runs[b];
                }
                run_t* ends = gt_ends.take(n_runs);
                for (index_t g = 0; n_dt > 0 && g < n_gt; ++g) {
                    gts[g] = gt_of(of.gt_rows[first_gt + g], ends);
                    ends += gts[g].runs.n;
                }
                for (index_t d = of.dt_offsets[p]; n_gt > 0 && d < of.dt_offsets[p + 1]; ++d) {
                    const index_t a = of.dt_rows[d], height = of.dt_sizes(a, 0), width = of.dt_sizes(a, 1);
                    const Box box = load(of.dt_boxes, a);
                    Summed dt{};
                    for (index_t g = 0; g < n_gt; ++g) {
                        const index_t b = of.gt_rows[first_gt + g];
                        const bool crowd = of.crowd[first_gt + g] != 0;
                        out[g] = 0;
                        if (!(iou(box, load(of.gt_boxes, b), crowd) > 0)) continue;
                        if (of.gt_sizes(b, 0) != height || of.gt_sizes(b, 1) != width) {
                            out[g] = -1;  // DIFFERENT_SIZES
                            continue;
                        }
                        if (!dt.runs.data) {
                            const Runs runs = runs_of(of.dt_counts, of.dt_runs, a);
                            dt = summed(runs, height * width, dt_ends.take(runs.n));
                        }
                        out[g] = overlap_of(dt, gts[g], of.dt_areas[a], crowd);
                    }
                    out += n_gt;
                    if (interrupt.stopped_after(100 * n_gt)) return;
                }
            }
        };
    });
}

}  // namespace pymetrics::cpu
