#include "mask_overlaps.h"

#include <algorithm>

#include "vectors.h"

namespace pymetrics {

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

void Layers::add_layer(index_t column, index_t last) {
    const index_t length = last - column + 1, end = used_ + 2 * length;
    if (index_t(rows_.size()) < end) rows_.resize(std::size_t(2 * end));
    std::fill_n(rows_.begin() + used_, length, kEmpty);
    std::fill_n(rows_.begin() + used_ + length, length, std::int16_t(0));
    layer[n++] = {column, column, used_, length};
    used_ = end;
}

void Layers::build(const Summed& mask, index_t height) {
    is_built = true;
    n = 0;
    used_ = 0;
    const index_t n_runs = mask.runs.n & ~index_t(1);
    if (n_runs < 2 || height < 1 || height > kEmpty || mask.ends[mask.runs.n - 1] >= Columns::kMost) return;
    const Columns columns(height);
    const auto first = index_t(columns.of(mask.ends[0])), last = index_t(columns.of(mask.ends[n_runs - 1] - 1));
    if (last - first >= 4 * mask.runs.n + kFewColumns) return;  // runs are the shorter way
    index_t previous = -1;
    int l = 0;
    auto put = [&](index_t column, index_t top, index_t bottom) {
        l = (l + 1) & -int(column == previous);
        previous = column;
        if (l >= n) {
            if (l >= kMost) return false;
            add_layer(column, last);
        }
        Layer& of = layer[l];
        std::int16_t* const to = rows_.data() + of.at + (column - of.first);
        to[0] = std::int16_t(top);
        to[of.length] = std::int16_t(bottom);
        of.last = column;
        return true;
    };
    for (index_t r = 0; r < n_runs; r += 2) {
        const run_t start = mask.ends[r];
        auto column = index_t(columns.of(start));
        index_t top = index_t(start) - column * height, bottom = top + index_t(mask.ends[r + 1] - start);
        bool fits = true;
        for (; bottom > height && fits; ++column, bottom -= height, top = 0) fits = put(column, top, height);
        if (fits && put(column, top, bottom)) continue;
        n = 0;
        return;
    }
}

namespace {

// Rows from top to above bottom that two layers share, in n columns.
PM_INLINE index_t shared_rows(const std::int16_t* a_top, const std::int16_t* a_bottom, const std::int16_t* b_top,
                              const std::int16_t* b_bottom, index_t n) {
    std::int32_t sum = 0;
    for (index_t i = 0; i < n; ++i) {
        const std::int16_t top = std::max(a_top[i], b_top[i]), bottom = std::min(a_bottom[i], b_bottom[i]);
        const auto rows = std::int16_t(bottom - top);
        sum += std::max(rows, std::int16_t(0));
    }
    return sum;
}

PM_INLINE index_t shared_by_layers_any(const Layers& a, const Layers& b) {
    index_t shared = 0;
    for (int i = 0; i < a.n; ++i) {
        const Layers::Layer& p = a.layer[i];
        for (int j = 0; j < b.n; ++j) {
            const Layers::Layer& q = b.layer[j];
            const index_t first = std::max(p.first, q.first), n = std::min(p.last, q.last) - first + 1;
            if (n <= 0) continue;
            const std::int16_t* const x = a.rows() + p.at + (first - p.first);
            const std::int16_t* const y = b.rows() + q.at + (first - q.first);
            shared += shared_rows(x, x + p.length, y, y + q.length, n);
        }
    }
    return shared;
}

PM_FOR_VECTORS(index_t, shared_by_layers, (const Layers& a, const Layers& b), (a, b))

// The first run of 1 that ends behind `at`; n or more where there is none.
index_t first_behind(const Summed& mask, run_t at) {
    return (std::upper_bound(mask.ends, mask.ends + mask.runs.n, at) - mask.ends) | 1;
}

// The pixels of both of two masks: one run of 1 after another, which halves the steps of Walk.
index_t shared_by_runs(const Summed& a, const Summed& b) {
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

// The same, by layers where these are the shorter way.
index_t shared_pixels(Layered& a, Layered& b) {
    if (!a.mask.has_empty && !b.mask.has_empty) {
        for (Layered* side : {&a, &b})
            if (!side->layers.is_built) side->layers.build(side->mask, side->height);
        const Layers &p = a.layers, &q = b.layers;
        if (p.n > 0 && q.n > 0) {
            const index_t columns = std::min(p.layer[0].length, q.layer[0].length);
            if (p.n * q.n * columns < 4 * (a.mask.runs.n + b.mask.runs.n)) return shared_by_layers(p, q);
        }
    }
    return shared_by_runs(a.mask, b.mask);
}

}  // namespace

double overlap_of(Layered& dt, Layered& gt, run_t dt_area, bool crowd) {
    index_t shared = 0, union_ = 0;
    const Summed &a = dt.mask, &b = gt.mask;
    if (a.is_whole && b.is_whole && !(a.has_empty && b.has_empty)) {
        shared = shared_pixels(dt, gt);
        union_ = a.area + b.area - shared;
    } else {  // by pycocotools' own loop, which may end early
        Walk walk(a.runs, b.runs);
        do {
            const index_t length = walk.stretch();
            shared += walk.in_a && walk.in_b ? length : 0;
            union_ += walk.in_a || walk.in_b ? length : 0;
        } while (walk.step());
    }
    return shared > 0 ? double(shared) / double(crowd ? index_t(dt_area) : union_) : 0.0;
}

}  // namespace pymetrics
