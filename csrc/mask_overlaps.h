#pragma once
// The overlaps of masks: for mask_iou, which has runs of both sides, and for text_iou, which reads those of detections.
#include <vector>

#include "masks.h"
#include "scratch.h"

namespace pymetrics {

// What the overlaps of a mask need to know of it.
struct Summed {
    Runs runs;
    index_t area;
    bool is_whole, has_empty;  // its runs sum to its pixels; one behind the first is of length 0
    const run_t* ends;         // (runs.n,), where each run ends, if it is whole
};

// ends: room for those of the mask.
Summed summed(Runs runs, index_t n_pixels, run_t* ends);

// Quotients of places by a height above 0, by a multiplication; exact for places below kMost.
struct Columns {
    static constexpr index_t kMost = index_t(1) << 30;
    word_t height, inverse;
    int shift;

    explicit Columns(index_t rows) : height(word_t(rows)), shift(31) {
        for (word_t left = height; left > 1; left >>= 1) ++shift;
        inverse = (word_t(1) << shift) / height + 1;
    }
    word_t of(run_t place) const { return place * inverse >> shift; }
};

// The pixels of a mask by columns. A piece is what a run of 1 has in one column, from row `top` to above `bottom`.
// Piece l of each column stands in layer l, which has a place for each column from its first piece's on; an empty one
// has the top kEmpty and the bottom 0. So two masks meet column by column, without branches.
class Layers {
  public:
    static constexpr int kMost = 12;
    static constexpr std::int16_t kEmpty = 32767;
    static constexpr index_t kFewColumns = 1 << 14;  // masks as wide as this may be built whatever their runs are
    struct Layer {
        index_t first, last;  // columns
        index_t at, length;   // tops from `at` on, bottoms `length` behind
    };

    bool is_built = false;
    int n = 0;  // 0 also of masks with too many pieces in a column, too high or too large for this
    Layer layer[kMost];

    // Of a mask that is whole and has no empty runs.
    void build(const Summed& mask, index_t height);
    const std::int16_t* rows() const { return rows_.data(); }

  private:
    std::vector<std::int16_t> rows_;
    index_t used_ = 0;

    void add_layer(index_t column, index_t last);
};

// A mask with its layers, which are built when they are first needed.
struct Layered {
    Summed mask;
    index_t height;
    Layers layers;

    void take(const Summed& of, index_t rows) {
        mask = of;
        height = rows;
        layers.is_built = false;
    }
};

// The overlap of two masks of one size, as pycocotools computes it.
double overlap_of(Layered& dt, Layered& gt, run_t dt_area, bool crowd);

// The most that the overlap can be of two masks whose boxes overlap, by these and their areas: a quotient of a larger
// intersection and a smaller union, and division keeps their order.
inline double most_overlap(const Box& dt, const Box& gt, run_t dt_area, run_t gt_area, bool crowd) {
    const double w = fmin_(gt.w + gt.x, dt.w + dt.x) - fmax_(gt.x, dt.x);
    const double h = fmin_(gt.h + gt.y, dt.h + dt.y) - fmax_(gt.y, dt.y);
    const double shared = fmin_(fmin_(double(dt_area), double(gt_area)), w * h);
    return shared / (crowd ? double(dt_area) : double(dt_area) + double(gt_area) - shared);
}

// The problems [of.begin, of.end) of mask_iou and text_iou. reader() -> read, for one thread; read(a): detection a.
template <class Of, class Reader>
void overlap_problems(const Of& of, const Threads& threads, Reader reader) {
    parallel_for(of.begin, of.end, 16, threads, [&](Interrupt& interrupt) {
        return [&, read = reader(), gts = std::vector<Layered>(), gt_ends = Scratch<run_t>(), dt = Layered()](
                   index_t low, index_t high) mutable {
            for (index_t p = low; p < high; ++p) {
                double* out = of.out.data + of.out_offsets[p];
                const index_t first_gt = of.gt_offsets[p], n_gt = of.gt_offsets[p + 1] - first_gt;
                const index_t n_dt = of.dt_offsets[p + 1] - of.dt_offsets[p];
                if (n_dt == 0 || n_gt == 0) continue;
                if (index_t(gts.size()) < n_gt) gts.resize(std::size_t(n_gt));
                index_t n_runs = 0;
                for (index_t g = 0; g < n_gt; ++g) {
                    const index_t b = of.gt_rows[first_gt + g];
                    n_runs += of.gt_runs[b + 1] - of.gt_runs[b];
                }
                run_t* ends = gt_ends.take(n_runs);
                for (index_t g = 0; g < n_gt; ++g) {
                    const index_t b = of.gt_rows[first_gt + g], height = of.gt_sizes(b, 0), width = of.gt_sizes(b, 1);
                    const Runs runs = runs_of(of.gt_counts, of.gt_runs, b);
                    gts[std::size_t(g)].take(summed(runs, height * width, ends), height);
                    ends += runs.n;
                }
                for (index_t d = of.dt_offsets[p]; d < of.dt_offsets[p + 1]; ++d, out += n_gt) {
                    const index_t a = of.dt_rows[d], height = of.dt_sizes(a, 0), width = of.dt_sizes(a, 1);
                    const Box box = load(of.dt_boxes, a);
                    bool is_read = false;
                    for (index_t g = 0; g < n_gt; ++g) {
                        const index_t b = of.gt_rows[first_gt + g];
                        const bool crowd = of.crowd[first_gt + g] != 0;
                        const Box gt_box = load(of.gt_boxes, b);
                        Layered& gt = gts[std::size_t(g)];
                        out[g] = 0;
                        if (!(iou(box, gt_box, crowd) > 0)) continue;
                        if (of.gt_sizes(b, 0) != height || of.gt_sizes(b, 1) != width) {
                            out[g] = of.least > 0 ? 0 : -1;  // DIFFERENT_SIZES
                            continue;
                        }
                        // Without empty runs on one side no walk ends early, so the areas bound what it finds.
                        if (of.least > 0 && gt.mask.is_whole && !gt.mask.has_empty &&
                            most_overlap(box, gt_box, of.dt_areas[a], of.gt_areas[b], crowd) < of.least)
                            continue;
                        if (!is_read) dt.take(read(a), height);
                        is_read = true;
                        const double overlap = overlap_of(dt, gt, of.dt_areas[a], crowd);
                        out[g] = overlap < of.least ? 0 : overlap;
                    }
                    if (interrupt.stopped_after(100 * n_gt)) return;
                }
            }
        };
    });
}

}  // namespace pymetrics
