#include "mask_strings.h"

namespace pymetrics::cpu {

using namespace strings;

namespace {

template <class Unit>
void for_each_unit(index_t begin, index_t end, const Threads& threads, Unit unit) {
    parallel_for(begin, end, 256, threads, [&](Interrupt&) {
        return [&](index_t low, index_t high) {
            for (index_t i = low; i < high; ++i) unit(i);
        };
    });
}

}  // namespace

index_t n_runs_of(const std::uint8_t* begin, const std::uint8_t* end) {
    index_t n = 0, length = 0, longest = 0;
    unsigned wrong = 0;
    for (const std::uint8_t* at = begin; at < end; ++at) {
        const unsigned group = unsigned(*at) - kFirst;
        wrong |= unsigned(group > kLast - kFirst);
        ++length;
        longest = std::max(longest, length);
        const bool ends = (group & 32) == 0;
        n += ends;
        length = ends ? 0 : length;
    }
    return wrong || length > 0 || longest > kMost ? -1 : n;
}

void count_runs(const CountRuns& of, const Threads& threads) {
    for_each_unit(of.begin, of.end, threads, [&](index_t n) {
        of.n_runs[n] = n_runs_of(of.text.data + of.offsets[n], of.text.data + of.offsets[n + 1]);
    });
}

void read_strings(const ReadStrings& of, const Threads& threads) {
    for_each_unit(of.begin, of.end, threads, [&](index_t n) {
        const std::uint8_t *at = of.text.data + of.offsets[n], *const end = of.text.data + of.offsets[n + 1];
        run_t* const runs = of.counts.data + of.run_offsets[n];
        const index_t n_runs = of.run_offsets[n + 1] - of.run_offsets[n];
        for (index_t r = 0; r < n_runs; ++r) {
            const index_t number = read_number(at, end);
            runs[r] = run_t(r > 2 ? number + index_t(runs[r - 2]) : number);
        }
    });
}

void measure_strings(const MeasureStrings& of, const Threads& threads) {
    for_each_unit(of.begin, of.end, threads, [&](index_t n) {
        const Runs runs = runs_of(of.counts, of.offsets, n);
        index_t length = runs.n;
        for (index_t r = 0; r < runs.n; ++r)
            for (index_t number = number_of(runs, r); is_long(number); number >>= 5) ++length;
        of.lengths[n] = length;
    });
}

void write_strings(const WriteStrings& of, const Threads& threads) {
    for_each_unit(of.begin, of.end, threads, [&](index_t n) {
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
