#pragma once
// numpy's pairwise sums of numbers that come piece by piece. For bootstrap.cpp alone.
#include <algorithm>
#include <cstring>
#include <vector>

#include "means.h"

namespace pymetrics::cpu {

// The blocks of a sum of n numbers, in order, and after each how many pairs of sums are complete.
struct SumPlan {
    index_t n = 0;
    std::vector<std::uint8_t> size, merges;
    int depth = 0;  // the most sums that wait for another one at a time

    void make(index_t count) {
        n = count;
        size.clear();
        merges.clear();
        if (count > 0) split(count);
        depth = 0;
        int waiting = 0;
        for (const std::uint8_t merged : merges) {
            waiting += 1 - merged;
            depth = std::max(depth, waiting);
        }
    }

  private:
    void split(index_t m) {
        if (m <= 128) {
            size.push_back(std::uint8_t(m));
            merges.push_back(0);
            return;
        }
        index_t half = m / 2;
        half -= half % 8;
        split(half);
        split(m - half);
        ++merges.back();
    }
};

constexpr int kMaxDepth = 48;  // of sums that wait for another one

// One sum.
class PiecewiseSum {
    const SumPlan* plan = nullptr;
    std::size_t block = 0;
    index_t have = 0;
    int depth = 0;
    double stack[kMaxDepth], rest[128];

    void close(double sum) {
        for (int m = plan->merges.data()[block]; m; --m) sum = stack[--depth] + sum;
        stack[depth++] = sum;
        ++block;
    }

  public:
    void start(const SumPlan* of) {
        plan = of;
        block = 0;
        have = 0;
        depth = 0;
    }

    // n more numbers; never more than the plan's in all.
    void add(const double* x, index_t n) {
        while (n > 0) {
            const index_t size = plan->size.data()[block];
            index_t used = size;
            if (have == 0 && n >= size) {
                close(block_sum(x, size));
            } else {
                used = std::min(size - have, n);
                std::copy_n(x, used, rest + have);
                have += used;
                if (have == size) {
                    close(block_sum(rest, size));
                    have = 0;
                }
            }
            x += used;
            n -= used;
        }
    }

    double mean() const { return plan->n ? stack[0] / double(plan->n) : -1; }
};

// As many sums of equal plans beside each other as there are lanes.
template <int Lanes>
class LaneSums {
    std::size_t block = 0;
    int at = 0, depth = 0;
    double running[8 * Lanes], total[Lanes];
    std::vector<double> stack;  // (depth, Lanes)

  public:
    void start(const SumPlan& plan) {
        block = 0;
        at = 0;
        depth = 0;
        stack.resize(std::size_t(plan.depth) * Lanes);
    }

    // x: (n, Lanes).
    PM_INLINE void add_any(const SumPlan& plan, const double* x, index_t n) {
        for (index_t r = 0; r < n; ++r, x += Lanes) {
            const int size = plan.size.data()[block], full = size < 8 ? 0 : size - size % 8;
            if (at < full) {
                double* const s = running + at % 8 * Lanes;
                if (at < 8)
                    for (int l = 0; l < Lanes; ++l) s[l] = x[l];
                else
                    for (int l = 0; l < Lanes; ++l) s[l] += x[l];
                if (at + 1 == full) join();
            } else {
                if (at == 0)
                    for (int l = 0; l < Lanes; ++l) total[l] = 0;
                for (int l = 0; l < Lanes; ++l) total[l] += x[l];
            }
            if (++at == size) close(plan.merges.data()[block]);
        }
    }

    double mean(const SumPlan& plan, int lane) const { return plan.n ? stack.data()[lane] / double(plan.n) : -1; }

  private:
    PM_INLINE void join() {
        const double* const s = running;
        for (int l = 0; l < Lanes; ++l)
            total[l] = ((s[l] + s[Lanes + l]) + (s[2 * Lanes + l] + s[3 * Lanes + l])) +
                       ((s[4 * Lanes + l] + s[5 * Lanes + l]) + (s[6 * Lanes + l] + s[7 * Lanes + l]));
    }

    PM_INLINE void close(int merges) {
        for (; merges; --merges) {
            --depth;
            for (int l = 0; l < Lanes; ++l) total[l] = stack.data()[depth * Lanes + l] + total[l];
        }
        std::copy_n(total, Lanes, stack.data() + depth * Lanes);
        ++depth;
        ++block;
        at = 0;
    }
};

}  // namespace pymetrics::cpu
