// encode_masks: bitmaps to runs.
#include <cstring>
#include <vector>

#include "masks.h"
#include "matching.h"
#include "scratch.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace pymetrics::cpu {

namespace {

// The runs of one mask; the first `room` of them are written, all are counted.
class Turns {
    run_t* out_;
    index_t room_, n_ = 0, previous_ = 0;

  public:
    Turns(run_t* out, index_t room) : out_(out), room_(room) {}

    void add(index_t at) {
        if (n_ < room_) out_[n_] = run_t(at - previous_);
        ++n_;
        previous_ = at;
    }
    index_t n() const { return n_; }
};

// Which of 64 bytes differ, as bits.
PM_INLINE word_t differences(const std::uint8_t* a, const std::uint8_t* b) {
    word_t found = 0;
#if defined(__SSE2__)
    __m128i equal[4];
    for (int i = 0; i < 4; ++i)
        equal[i] = _mm_cmpeq_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(a) + i),
                                  _mm_loadu_si128(reinterpret_cast<const __m128i*>(b) + i));
    const __m128i all = _mm_and_si128(_mm_and_si128(equal[0], equal[1]), _mm_and_si128(equal[2], equal[3]));
    if (_mm_movemask_epi8(all) == 0xFFFF) return 0;
    for (int i = 0; i < 4; ++i) found |= word_t(_mm_movemask_epi8(equal[i]) ^ 0xFFFF) << 16 * i;
#else
    for (int i = 0; i < 64; ++i) found |= word_t(a[i] != b[i]) << i;
#endif
    return found;
}

// Calls turn(i) for each i in [0, n) where now[i] differs from before[i].
template <class Turn>
PM_INLINE void for_each_difference(const std::uint8_t* now, const std::uint8_t* before, index_t n, Turn turn) {
    index_t i = 0;
    for (; i + 64 <= n; i += 64)
        for (word_t left = differences(now + i, before + i); left; left &= left - 1) turn(i + lowest_bit(left));
    for (; i < n; ++i)
        if (now[i] != before[i]) turn(i);
}

PM_INLINE index_t encode_columns(const std::uint8_t* pixels, index_t n, run_t* out, index_t room) {
    Turns turns(out, room);
    if (n > 0 && pixels[0] != 0) turns.add(0);
    for_each_difference(pixels + 1, pixels, n > 0 ? n - 1 : 0, [&](index_t i) { turns.add(i + 1); });
    turns.add(n);
    return turns.n();
}

// Each row is compared with the row above; the turns, which are few, are then sorted by column.
class RowEncoder {
    struct Place {
        run_t x, y;
    };
    std::vector<Place> found_;  // the turns in the order of rows
    Scratch<index_t> next_;     // (width + 1,); where the next turn of each column goes
    Scratch<run_t> sorted_;

  public:
    index_t encode(const std::uint8_t* pixels, index_t height, index_t width, run_t* out, index_t room) {
        Turns turns(out, room);
        if (height == 0 || width == 0) {
            turns.add(0);
            return 1;
        }
        index_t* const next = next_.take(width + 1);
        std::fill_n(next, width + 1, 0);
        index_t n = 0;
        auto add = [&](index_t x, index_t y) {
            found_[std::size_t(n)] = {run_t(x), run_t(y)};
            ++n;
            ++next[x + 1];
        };
        for (index_t y = 0; y < height; ++y) {
            if (n + width > index_t(found_.size())) found_.resize(std::size_t(2 * (n + width)));
            const std::uint8_t* const row = pixels + y * width;
            if (y > 0) {
                for_each_difference(row, row - width, width, [&](index_t x) { add(x, y); });
                continue;
            }
            if (row[0] != 0) add(0, 0);  // before the first row comes the last, a column to the left
            const std::uint8_t* const last = pixels + (height - 1) * width;
            for_each_difference(row + 1, last, width - 1, [&](index_t x) { add(x + 1, 0); });
        }
        for (index_t x = 0; x < width; ++x) next[x + 1] += next[x];
        run_t* const sorted = sorted_.take(n);
        for (index_t i = 0; i < n; ++i) {
            const Place place = found_[std::size_t(i)];
            sorted[next[place.x]] = run_t(place.x * height + place.y);
            ++next[place.x];
        }
        for (index_t i = 0; i < n; ++i) turns.add(sorted[i]);
        turns.add(height * width);
        return turns.n();
    }
};

}  // namespace

void encode_masks(const EncodeMasks& of, const Threads& threads) {
    const index_t size = of.pixels.shape[1] * of.pixels.shape[2];
    parallel_for(of.begin, of.end, 64, threads, [&](Interrupt&) {
        return [&, rows = RowEncoder()](index_t low, index_t high) mutable {
            for (index_t n = low; n < high; ++n) {
                const std::uint8_t* const pixels = of.pixels.data + n * size;
                run_t* const out = of.counts.row(n);
                const index_t room = of.counts.shape[1];
                of.n_runs[n] = of.by_rows ? rows.encode(pixels, of.pixels.shape[1], of.pixels.shape[2], out, room)
                                          : encode_columns(pixels, size, out, room);
            }
        };
    });
}

}  // namespace pymetrics::cpu
