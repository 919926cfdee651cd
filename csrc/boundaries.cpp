#include "boundaries.h"

#include <algorithm>
#include <cstring>

#include "scratch.h"
#include "vectors.h"

namespace pymetrics {

namespace {

// One column: `deep` counts for each row how many columns up to this one are set in `tall`; `out` are the pixels of the
// column in the middle of `side` columns, less those that are set in all of them.
PM_INLINE void step_any(const std::uint8_t* __restrict tall, const std::uint8_t* __restrict pixels, index_t n,
                        std::int32_t side, std::int32_t* __restrict deep, std::uint8_t* __restrict out) {
    for (index_t y = 0; y < n; ++y) {
        const std::int32_t now = tall[y] ? deep[y] + 1 : 0;
        deep[y] = now;
        out[y] = std::uint8_t(pixels[y] & std::uint8_t(now < side));
    }
}

PM_FOR_VECTORS(void, step,
               (const std::uint8_t* tall, const std::uint8_t* pixels, index_t n, std::int32_t side, std::int32_t* deep,
                std::uint8_t* out),
               (tall, pixels, n, side, deep, out))

// The runs that end where the value changes.
class RunWriter {
    run_t* out_;
    index_t room_, start_ = 0;

  public:
    index_t n = 0;
    bool value = false;

    RunWriter(run_t* out, index_t room) : out_(out), room_(room) {}

    void end(index_t at) {
        if (n < room_) out_[n] = run_t(at - start_);
        ++n;
        start_ = at;
        value = !value;
    }

    // Values 0 and 1 of pixels from the place `at` on.
    void column(const std::uint8_t* values, index_t count, index_t at) {
        for (index_t i = 0; i < count;) {
            if (i + 8 <= count) {
                word_t word;
                std::memcpy(&word, values + i, 8);
                if (word == (value ? word_t(0x0101010101010101) : 0)) {
                    i += 8;
                    continue;
                }
            }
            if ((values[i] != 0) != value) end(at + i);
            ++i;
        }
    }
};

// The part of an image that holds a mask's runs of 1: columns and rows, both ends included.
struct Part {
    index_t left, right, top, bottom;
};

template <class Stretch>  // stretch(x, first row, row behind the last)
void for_each_stretch(Runs runs, index_t height, index_t n_pixels, Stretch stretch) {
    index_t at = 0;
    for (index_t r = 1; r < runs.n && at < n_pixels; r += 2) {
        index_t begin = at + index_t(runs.data[r - 1]), end = begin + index_t(runs.data[r]);
        while (r + 2 < runs.n && runs.data[r + 1] == 0) {  // a run of length 0 parts nothing
            r += 2;
            end += index_t(runs.data[r]);
        }
        at = end = std::min(end, n_pixels);
        while (begin < end) {
            const index_t x = begin / height, next = std::min(end, (x + 1) * height);
            stretch(x, begin - x * height, next - x * height);
            begin = next;
        }
    }
}

class Eroder {
    Scratch<std::uint8_t> bytes_;
    Scratch<std::int32_t> numbers_;

  public:
    // -> the number of runs; the first `room` of them are written.
    index_t write(Runs runs, index_t height, index_t width, index_t distance, run_t* out, index_t room) {
        const index_t n_pixels = height * width;
        Part part{width, -1, height, -1};
        for_each_stretch(runs, height, n_pixels, [&](index_t x, index_t first, index_t last) {
            part.left = std::min(part.left, x);
            part.right = x;
            part.top = std::min(part.top, first);
            part.bottom = std::max(part.bottom, last - 1);
        });
        RunWriter writer(out, room);
        if (part.right >= 0) write_part(runs, height, n_pixels, distance, part, writer);
        writer.end(n_pixels);
        return writer.n;
    }

  private:
    void write_part(Runs runs, index_t height, index_t n_pixels, index_t distance, const Part& part,
                    RunWriter& writer) {
        const index_t n = part.bottom - part.top + 1, n_columns = part.right - part.left + 1;
        distance = std::min(distance, std::max(n, n_columns));  // from there on nothing is left
        std::uint8_t* const pixels = bytes_.take((2 * n_columns + 2) * n);
        std::uint8_t *const tall = pixels + n_columns * n, *const nothing = tall + n_columns * n, *out = nothing + n;
        std::memset(pixels, 0, std::size_t((2 * n_columns + 1) * n));
        std::int32_t* const deep = numbers_.take(n);
        std::fill_n(deep, n, 0);
        for_each_stretch(runs, height, n_pixels, [&](index_t x, index_t first, index_t last) {
            const index_t at = (x - part.left) * n - part.top;
            std::memset(pixels + at + first, 1, std::size_t(last - first));
            if (last - first > 2 * distance)
                std::memset(tall + at + first + distance, 1, std::size_t(last - first - 2 * distance));
        });
        const auto side = std::int32_t(std::min<index_t>(2 * distance + 1, 0x7FFFFFFF));
        for (index_t x = 0; x < n_columns + distance; ++x) {
            const index_t middle = x - distance;
            if (middle < 0) {  // only counts
                step(x < n_columns ? tall + x * n : nothing, nothing, n, side, deep, out);
                continue;
            }
            if (middle >= n_columns) break;
            step(x < n_columns ? tall + x * n : nothing, pixels + middle * n, n, side, deep, out);
            const index_t at = (part.left + middle) * height + part.top;
            writer.column(out, n, at);
            const bool ends_here = n < height || middle + 1 == n_columns;  // nothing is set right behind
            if (writer.value && ends_here && at + n < n_pixels) writer.end(at + n);
        }
    }
};

}  // namespace

namespace cpu {

void boundary_masks(const BoundaryMasks& of, const Threads& threads) {
    parallel_for(of.begin, of.end, 16, threads, [&](Interrupt& interrupt) {
        return [&, eroder = Eroder()](index_t low, index_t high) mutable {
            for (index_t n = low; n < high; ++n) {
                of.n_runs[n] = eroder.write(runs_of(of.counts, of.offsets, n), of.sizes(n, 0), of.sizes(n, 1),
                                            of.distances[n], of.bounds.data + of.room[n], of.room[n + 1] - of.room[n]);
                if (interrupt.stopped_after(10000)) return;
            }
        };
    });
}

}  // namespace cpu
}  // namespace pymetrics
