#include "mask_texts.h"

#include <algorithm>
#include <cstring>

#include "mask_overlaps.h"
#include "mask_strings.h"
#include "vectors.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace pymetrics::cpu {

using namespace strings;

namespace {

constexpr index_t kBlock = 64;  // characters that are looked at together
constexpr index_t kAround = 8;  // readable behind them, so that a number is one word

// Which of 64 characters go on with their number, as bits; `odd`: not 0 where one is no character of runs.
PM_INLINE word_t going_on(const std::uint8_t* text, word_t& odd) {
    word_t found = 0;
#if defined(__SSE2__)
    __m128i wrong = _mm_setzero_si128();
    for (int i = 0; i < 4; ++i) {
        const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text) + i);
        found |= word_t(_mm_movemask_epi8(_mm_cmpgt_epi8(x, _mm_set1_epi8(kFirst + 31)))) << 16 * i;
        wrong = _mm_or_si128(
            wrong, _mm_or_si128(_mm_cmpgt_epi8(_mm_set1_epi8(kFirst), x), _mm_cmpgt_epi8(x, _mm_set1_epi8(kLast))));
    }
    odd |= word_t(_mm_movemask_epi8(wrong));
#else
    for (int i = 0; i < kBlock; ++i) {
        const unsigned group = unsigned(text[i]) - kFirst;
        found |= word_t(group >> 5 & 1) << i;
        odd |= group > kLast - kFirst;
    }
#endif
    return found;
}

// The number of the `length` characters from `text` on, 8 at most.
PM_INLINE index_t number_at(const std::uint8_t* text, index_t length) {
    word_t x = word_t(text[0] - kFirst) & 31;  // characters behind the number are shifted out
    x |= (word_t(text[1] - kFirst) & 31) << 5;
    if (length > 2)
        for (int i = 2; i < length; ++i) x |= (word_t(text[i] - kFirst) & 31) << 5 * i;
    const auto unused = int(64 - 5 * length);
    return index_t(x << unused) >> unused;
}

// The sums of a text's runs. n: how many, or -1 where it is none.
struct Sums {
    index_t n, total, area, n_empty;
};

// The runs of a text and where each ends, into room for one for each character. A block of characters begins with a
// number. Its last characters may be those of the next block's first number.
PM_INLINE Sums read_text_quickly_any(const std::uint8_t* at, const std::uint8_t* end, run_t* runs, run_t* ends) {
    std::uint8_t last[kBlock + kAround];
    Sums sums = {0, 0, 0, 0};
    run_t* to = runs;
    run_t before = 0, before_last = 0;  // the last run, and the one before it
    int first = 3;                      // numbers that are no differences
    while (at < end) {
        const std::uint8_t* block = at;
        word_t valid = ~word_t(0), odd = 0;
        if (end - at < kBlock + kAround) {
            const index_t n = std::min<index_t>(end - at, kBlock);
            std::memset(last, kFirst, sizeof last);
            std::memcpy(last, at, std::size_t(end - at));
            block = last;
            valid = n < kBlock ? (word_t(1) << n) - 1 : valid;
        }
        const word_t more = going_on(block, odd) & valid;
        const word_t two = more & more >> 1, four = two & two >> 2;
        word_t stops = ~more & valid;
        if (odd || (four & four >> 3) || !stops) return {-1, 0, 0, 0};  // maybe; slowly then
        index_t from = 0;
        for (; stops; stops &= stops - 1) {
            const index_t behind = lowest_bit(stops) + 1;
            auto run = run_t(number_at(block + from, behind - from));
            from = behind;
            if (first > 0) --first;
            else run += before_last;
            before_last = before;
            before = run;
            sums.total += run;
            *to++ = run;
            *ends++ = run_t(sums.total);
        }
        at += from;
    }
    const index_t n = sums.n = to - runs;
    for (index_t r = 1; r < n; r += 2) sums.area += runs[r];
    std::uint32_t n_empty = 0;
    for (index_t r = 1; r < n; ++r) n_empty += runs[r] == 0;
    sums.n_empty = n_empty;
    return sums;
}

PM_FOR_VECTORS(Sums, read_text_quickly, (const std::uint8_t* at, const std::uint8_t* end, run_t* runs, run_t* ends),
               (at, end, runs, ends))

Sums read_text(const std::uint8_t* begin, const std::uint8_t* end, run_t* runs, run_t* ends) {
    Sums sums = read_text_quickly(begin, end, runs, ends);
    if (sums.n >= 0) return sums;
    sums = {n_runs_of(begin, end), 0, 0, 0};
    read_runs(begin, end, runs, sums.n);
    for (index_t r = 0; r < sums.n; ++r) {
        sums.total += runs[r];
        sums.area += r % 2 ? runs[r] : 0;
        sums.n_empty += r > 0 && runs[r] == 0;
        ends[r] = run_t(sums.total);
    }
    return sums;
}

struct Rows {
    index_t low, high;
};

// The rows that runs of 1 reach, of which none is empty: the first one, and the one behind the last. ends: (n,), n
// even.
PM_INLINE Rows rows_of_any(const run_t* ends, index_t n, const Columns& columns) {
    const auto height = std::int32_t(columns.height);
    const word_t inverse = columns.inverse;
    const int shift = columns.shift;
    std::int32_t low = height, high = 0;
    for (index_t r = 0; r < n; r += 2) {
        const auto start = std::int32_t(ends[r]), length = std::int32_t(ends[r + 1]) - start;
        const std::int32_t top = start - std::int32_t(word_t(ends[r]) * inverse >> shift) * height;
        const std::int32_t bottom = top + length;
        low = std::min(low, bottom > height ? 0 : top);
        high = std::max(high, std::min(bottom, height));
    }
    return {low, high};
}

PM_FOR_VECTORS(Rows, rows_of, (const run_t* ends, index_t n, const Columns& columns), (ends, n, columns))

// As write_box.
void write_box_of(const Sums& sums, const run_t* runs, const run_t* ends, index_t height, index_t width, double* box) {
    const index_t n = sums.n & ~index_t(1);
    if (sums.n_empty > 0 || n < 2 || height < 1 || height >= Columns::kMost || sums.total >= Columns::kMost) {
        write_box({runs, sums.n}, sums.total, height, width, box);
        return;
    }
    const Columns columns(height);
    const Rows rows = rows_of(ends, n, columns);
    const auto first = index_t(columns.of(ends[0])), last = index_t(columns.of(ends[n - 1] - 1));
    const index_t found[4] = {std::min(first, width), rows.low, last - std::min(first, width) + 1,
                              rows.high - rows.low};
    for (int i = 0; i < 4; ++i) box[i] = double(found[i]);
}

}  // namespace

void measure_texts(const MeasureTexts& of, const Threads& threads) {
    parallel_for(of.begin, of.end, 64, threads, [&](Interrupt&) {
        return [&, scratch = Scratch<run_t>()](index_t low, index_t high) mutable {
            for (index_t i = low; i < high; ++i) {
                const index_t length = of.ends[i] - of.begins[i];
                run_t *const runs = scratch.take(2 * length), *const ends = runs + length;
                const std::uint8_t* const text = of.text.data + of.begins[i];
                const Sums sums = read_text(text, text + length, runs, ends);
                of.n_runs[i] = sums.n;
                of.areas[i] = run_t(sums.area);
                of.totals[i] = sums.total;
                write_box_of(sums, runs, ends, of.sizes(i, 0), of.sizes(i, 1), of.boxes.row(i));
            }
        };
    });
}

void text_iou(const TextIou& of, const Threads& threads) {
    overlap_problems(of, threads, [&] {
        return [&of, scratch = Scratch<run_t>()](index_t a) mutable {
            const index_t length = of.ends[a] - of.begins[a];
            run_t *const runs = scratch.take(2 * length), *const ends = runs + length;
            const std::uint8_t* const text = of.text.data + of.begins[a];
            const Sums sums = read_text(text, text + length, runs, ends);
            const Runs found = {runs, std::max<index_t>(sums.n, 0)};
            return Summed{found, sums.area, sums.total == of.dt_sizes(a, 0) * of.dt_sizes(a, 1), sums.n_empty > 0,
                          ends};
        };
    });
}

}  // namespace pymetrics::cpu
