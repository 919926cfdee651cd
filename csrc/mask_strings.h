#pragma once
#include "masks.h"

namespace pymetrics {

// A run in text: groups of 5 bits, the lowest first, as characters from "0" to "o".
namespace strings {

constexpr int kFirst = 48, kLast = 111;  // "0", "o"
constexpr index_t kMost = 12;            // characters of a number; 7 hold every difference of runs

// Reads a number at `at`, which then stands behind it; 0 where the text has ended.
inline index_t read_number(const std::uint8_t*& at, const std::uint8_t* end) {
    index_t number = 0, group = 32;
    int shift = 0;
    while ((group & 32) && at < end && shift < 5 * kMost) {
        group = index_t(*at) - kFirst;
        ++at;
        number |= (group & 31) << shift;
        shift += 5;
    }
    return group & 16 ? number | -(index_t(1) << shift) : number;
}

// The number that stands for run r: from the fourth on the difference to the run before the last.
inline index_t number_of(Runs runs, index_t r) {
    const index_t run = runs.data[r];
    return r > 2 ? run - index_t(runs.data[r - 2]) : run;
}

inline bool is_long(index_t number) { return number < -16 || number > 15; }

// The characters of a mask's text.
inline index_t length_of(Runs runs) {
    index_t length = runs.n;
    for (index_t r = 0; r < runs.n; ++r)
        for (index_t number = number_of(runs, r); is_long(number); number >>= 5) ++length;
    return length;
}

// The runs of the text [begin, end), or -1 where it is none.
index_t n_runs_of(const std::uint8_t* begin, const std::uint8_t* end);

// The runs of a text that has n_runs.
void read_runs(const std::uint8_t* begin, const std::uint8_t* end, run_t* runs, index_t n_runs);

// Writes a mask's text, at most seven characters a run; returns its end.
std::uint8_t* write_runs(Runs runs, std::uint8_t* at);

}  // namespace strings

struct CountRuns {
    View<const std::uint8_t, 1> text;
    View<const index_t, 1> begins, ends;
    View<index_t, 1> n_runs;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("text", text);
        f("begins", begins);
        f("ends", ends);
        f("n_runs", n_runs);
        f("begin", begin);
        f("end", end);
    }
};

struct ReadStrings {
    View<const std::uint8_t, 1> text;
    View<const index_t, 1> begins, ends, run_offsets;
    View<run_t, 1> counts;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("text", text);
        f("begins", begins);
        f("ends", ends);
        f("run_offsets", run_offsets);
        f("counts", counts);
        f("begin", begin);
        f("end", end);
    }
};

struct MeasureStrings {
    View<const run_t, 1> counts;
    View<const index_t, 1> offsets;
    View<index_t, 1> lengths;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("counts", counts);
        f("offsets", offsets);
        f("lengths", lengths);
        f("begin", begin);
        f("end", end);
    }
};

struct WriteStrings {
    View<const run_t, 1> counts;
    View<const index_t, 1> offsets, text_offsets;
    View<std::uint8_t, 1> text;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("counts", counts);
        f("offsets", offsets);
        f("text_offsets", text_offsets);
        f("text", text);
        f("begin", begin);
        f("end", end);
    }
};

namespace cpu {

void count_runs(const CountRuns& of, const Threads& threads);
void read_strings(const ReadStrings& of, const Threads& threads);
void measure_strings(const MeasureStrings& of, const Threads& threads);
void write_strings(const WriteStrings& of, const Threads& threads);

}  // namespace cpu
}  // namespace pymetrics
