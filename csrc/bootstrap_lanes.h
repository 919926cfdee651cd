#pragma once
// Loops over replicates side by side, compiled for several lengths of vectors. For bootstrap.cpp alone.
#include <vector>

#include "bootstrap_lists.h"
#include "bootstrap_sums.h"
#include "vectors.h"

namespace pymetrics::cpu {
namespace {

constexpr int kLanes = 16;  // replicates side by side

PM_INLINE word_t splitmix(word_t x) {
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

PM_INLINE void draw_any(const word_t* hashes, index_t n, View<const word_t, 1> quantiles, word_t b, std::uint8_t* out) {
    for (index_t i = 0; i < n; i += kLanes) {
        word_t drawn[kLanes], reached[kLanes] = {};
        const int some = int(std::min<index_t>(kLanes, n - i));
        for (int l = 0; l < kLanes; ++l) drawn[l] = splitmix(hashes[i + std::min(l, some - 1)] + b);
        for (index_t q = 0; q < quantiles.shape[0]; ++q)
            for (int l = 0; l < kLanes; ++l) reached[l] += drawn[l] >= quantiles[q];
        for (int l = 0; l < some; ++l) out[i + l] = std::uint8_t(reached[l]);
    }
}
PM_FOR_VECTORS(void, draw, (const word_t* hashes, index_t n, View<const word_t, 1> q, word_t b, std::uint8_t* out),
               (hashes, n, q, b, out))

// The weights (N, kLanes) of the rows' images, and the sums of all that counts at every threshold up to each row.
PM_INLINE void see_any(const Curve& curve, const std::uint8_t* weights, std::int32_t* seen, std::uint8_t* own) {
    std::int32_t sum[kLanes] = {};
    const std::uint32_t* const gaps = curve.gaps.data();
    std::uint32_t g = 0;
    const Row* const rows = curve.rows.data();
    for (std::size_t i = 0; i < curve.rows.size(); ++i, seen += kLanes, own += kLanes) {
        const Row& row = rows[i];
        for (; g < row.gap_end; ++g) {
            const std::uint8_t* const w = weights + index_t(gaps[g]) * kLanes;
            for (int l = 0; l < kLanes; ++l) sum[l] += w[l];
        }
        const std::uint8_t* const w = weights + index_t(row.image) * kLanes;
        if (row.copy)
            for (int l = 0; l < kLanes; ++l) own[l] = w[l] >= row.copy;
        else
            for (int l = 0; l < kLanes; ++l) own[l] = w[l];
        if (row.counted)
            for (int l = 0; l < kLanes; ++l) sum[l] += own[l];
        for (int l = 0; l < kLanes; ++l) seen[l] = sum[l];
    }
}
PM_FOR_VECTORS(void, see, (const Curve& curve, const std::uint8_t* weights, std::int32_t* seen, std::uint8_t* own),
               (curve, weights, seen, own))

// Where a lane has h true positives, counted_at (h, kLanes) says after how many that count. hits: (kLanes,) in all.
PM_INLINE void walk_any(const std::vector<entry_t>& list, const std::int32_t* seen, const std::uint8_t* own,
                        std::int32_t* counted_at, std::int32_t* hits) {
    std::int32_t h[kLanes], extra[kLanes] = {}, now[kLanes] = {};
    for (int l = 0; l < kLanes; ++l) h[l] = l;
    const entry_t* const entries = list.data();
    const std::size_t n = list.size();
    for (std::size_t i = 0; i < n; ++i) {
        constexpr std::size_t ahead = 12;
        const entry_t e = entries[i];
        const index_t later = index_t(entries[std::min(i + ahead, n - 1)] / kEntryFlags) * kLanes;
        PM_PREFETCH(seen + later);
        PM_PREFETCH(own + later);
        const index_t row = index_t(e / kEntryFlags) * kLanes;
        if (e & kExtra)
            for (int l = 0; l < kLanes; ++l) extra[l] += own[row + l];
        if (!(e & kHit)) continue;
        for (int l = 0; l < kLanes; ++l) {  // a lane without a copy keeps what it has, and writes it once more
            const std::int32_t w = own[row + l], none = -std::int32_t(w == 0);
            h[l] += w * kLanes;
            now[l] = (now[l] & none) | ((seen[row + l] + extra[l]) & ~none);
        }
        if (e & kLastHit)
            for (int l = 0; l < kLanes; ++l) counted_at[h[l]] = now[l];
    }
    for (int l = 0; l < kLanes; ++l) hits[l] = h[l] / kLanes;
}
PM_FOR_VECTORS(void, walk,
               (const std::vector<entry_t>& list, const std::int32_t* seen, const std::uint8_t* own,
                std::int32_t* counted_at, std::int32_t* hits),
               (list, seen, own, counted_at, hits))

// Precisions after h true positives, and their running maximum from the last on; counted_at becomes 0.
PM_INLINE void envelop_any(index_t most, std::int32_t* counted_at, double* envelope) {
    double highest[kLanes] = {};
    for (index_t h = most; h > 0; --h) {
        std::int32_t* const counted = counted_at + h * kLanes;
        double* const to = envelope + h * kLanes;
        const double hits = double(h);
        for (int l = 0; l < kLanes; ++l) {  // no condition around the division, so that it is one of vectors
            const double precision = (counted[l] ? hits : 0.0) / (double(counted[l]) + kSpacing);
            highest[l] = precision > highest[l] ? precision : highest[l];
            to[l] = highest[l];
        }
        for (int l = 0; l < kLanes; ++l) counted[l] = 0;
    }
}
PM_FOR_VECTORS(void, envelop, (index_t most, std::int32_t* counted_at, double* envelope), (most, counted_at, envelope))

PM_INLINE void add_weights_any(const std::uint32_t* images, const std::uint32_t* times, index_t n,
                               const std::uint8_t* weights, std::int32_t* sums) {
    std::int32_t s[kLanes] = {};
    for (index_t i = 0; i < n; ++i) {
        const std::uint8_t* const w = weights + index_t(images[i]) * kLanes;
        const std::int32_t factor = times ? std::int32_t(times[i]) : 1;
        for (int l = 0; l < kLanes; ++l) s[l] += factor * w[l];
    }
    std::copy_n(s, kLanes, sums);
}
PM_FOR_VECTORS(void, add_weights,
               (const std::uint32_t* images, const std::uint32_t* times, index_t n, const std::uint8_t* weights,
                std::int32_t* sums),
               (images, times, n, weights, sums))

using Sums = LaneSums<kLanes>;
PM_INLINE void add_lanes_any(Sums& sums, const SumPlan& plan, const double* x, index_t n) { sums.add_any(plan, x, n); }
PM_FOR_VECTORS(void, add_lanes, (Sums & sums, const SumPlan& plan, const double* x, index_t n), (sums, plan, x, n))

}  // namespace
}  // namespace pymetrics::cpu
