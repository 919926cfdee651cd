#include "mask_strings.h"

#include <cstring>

namespace pymetrics {

namespace strings {

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

}  // namespace

// Eight characters at a time; the slow way decides where one
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

void read_runs(const std::uint8_t* at, const std::uint8_t* end, run_t* runs, index_t n_runs) {
    auto next = [&]() -> index_t {  // most numbers have one or two characters
        if (end - at >= 2) {
            const auto first = std::uint32_t(at[0] - kFirst), second = std::uint32_t(at[1] - kFirst);
            if (!(first & 32)) {
                ++at;
                return std::int32_t(first << 27) >> 27;
            }
            if (!(second & 32)) {
                at += 2;
                return std::int32_t(((first & 31) | second << 5) << 22) >> 22;
            }
        }
        return read_number(at, end);
    };
    for (index_t r = 0; r < n_runs; ++r) {
        const index_t number = next();
        runs[r] = run_t(r > 2 ? number + index_t(runs[r - 2]) : number);
    }
}

std::uint8_t* write_runs(Runs runs, std::uint8_t* at) {
    for (index_t r = 0; r < runs.n; ++r) {
        index_t number = number_of(runs, r);
        for (; is_long(number); number >>= 5) {
            *at = std::uint8_t(kFirst + (number & 31) + 32);
            ++at;
        }
        *at = std::uint8_t(kFirst + (number & 31));
        ++at;
    }
    return at;
}

}  // namespace strings

namespace cpu {

using namespace strings;

void count_runs(const CountRuns& of, const Threads& threads) {
    for_each_unit(of.begin, of.end, 256, threads,
                  [&](index_t n) { of.n_runs[n] = n_runs_of(of.text.data + of.begins[n], of.text.data + of.ends[n]); });
}

void read_strings(const ReadStrings& of, const Threads& threads) {
    for_each_unit(of.begin, of.end, 256, threads, [&](index_t n) {
        const index_t first = of.run_offsets[n];
        read_runs(of.text.data + of.begins[n], of.text.data + of.ends[n], of.counts.data + first,
                  of.run_offsets[n + 1] - first);
    });
}

void measure_strings(const MeasureStrings& of, const Threads& threads) {
    for_each_unit(of.begin, of.end, 256, threads,
                  [&](index_t n) { of.lengths[n] = length_of(runs_of(of.counts, of.offsets, n)); });
}

void write_strings(const WriteStrings& of, const Threads& threads) {
    for_each_unit(of.begin, of.end, 256, threads,
                  [&](index_t n) { write_runs(runs_of(of.counts, of.offsets, n), of.text.data + of.text_offsets[n]); });
}

}  // namespace cpu
}  // namespace pymetrics
