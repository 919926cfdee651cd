#include "mask_strings.h"

#include <cstring>

namespace pymetrics::cpu {

using namespace strings;

namespace {

// Character by character.
index_t n_runs_slowly(const std::uint8_t* begin, const std::uint8_t* end) {
    index_t n = 0, length = 0;
    for (const std::uint8_t* at = begin; at < end; ++at) {
        const unsigned group = unsigned(*at) - kFirst;
        ++length;
        if (group > kLast - kFirst || length > kMost) return -1;
        if (group & 32) continue;
        ++n;
        length = 0;
    }
    return length > 0 ? -1 : n;
}

// The runs of the text [begin, end), or -1 where it is none. Eight characters at a time; the slow way decides where one
// is none, or a number may have five characters or more.
index_t n_runs_of(const std::uint8_t* begin, const std::uint8_t* end) {
    constexpr word_t ones = 0x0101010101010101, tops = 0x80 * ones, half = 0x20202020;
    index_t n = 0;
    word_t odd = 0;
    const std::uint8_t* at = begin;
    for (; end - at >= 8; at += 8) {
        word_t text;
        std::memcpy(&text, at, 8);
        const word_t groups = (text | tops) - 0x30 * ones;  // of characters from "0" on their top bits stay
        odd |= (text | (text + 0x10 * ones) | ~groups) & tops;
        const word_t more = groups & (0x20 * ones);
        odd |= word_t((more & 0xFFFFFFFF) == half) | word_t(more >> 32 == half);
        n += 8 - index_t((more >> 5) * ones >> 56);
    }
    const index_t rest = n_runs_slowly(at, end);
    const bool joins = at > begin && ((unsigned(at[-1]) - kFirst) & 32);  // the last number begins before the rest
    return odd || rest < 0 || (joins && at == end) ? n_runs_slowly(begin, end) : n + rest;
}

}  // namespace

void count_runs(const CountRuns& of, const Threads& threads) {
    for_each_unit(of.begin, of.end, 256, threads,
                  [&](index_t n) { of.n_runs[n] = n_runs_of(of.text.data + of.begins[n], of.text.data + of.ends[n]); });
}

void read_strings(const ReadStrings& of, const Threads& threads) {
    for_each_unit(of.begin, of.end, 256, threads, [&](index_t n) {
        const std::uint8_t *at = of.text.data + of.begins[n], *const end = of.text.data + of.ends[n];
        run_t* const runs = of.counts.data + of.run_offsets[n];
        const index_t n_runs = of.run_offsets[n + 1] - of.run_offsets[n];
        for (index_t r = 0; r < n_runs; ++r) {
            const index_t number = read_number(at, end);
            runs[r] = run_t(r > 2 ? number + index_t(runs[r - 2]) : number);
        }
    });
}

void measure_strings(const MeasureStrings& of, const Threads& threads) {
    for_each_unit(of.begin, of.end, 256, threads,
                  [&](index_t n) { of.lengths[n] = length_of(runs_of(of.counts, of.offsets, n)); });
}

void write_strings(const WriteStrings& of, const Threads& threads) {
    for_each_unit(of.begin, of.end, 256, threads, [&](index_t n) {
        const Runs runs = runs_of(of.counts, of.offsets, n);
        std::uint8_t* at = of.text.data + of.text_offsets[n];
        for (index_t r = 0; r < runs.n; ++r) {
            index_t number = number_of(runs, r);
            for (; is_long(number); number >>= 5) {
                *at = std::uint8_t(kFirst + (number & 31) + 32);
                ++at;
            }
            *at = std::uint8_t(kFirst + (number & 31));
            ++at;
        }
    });
}

}  // namespace pymetrics::cpu
