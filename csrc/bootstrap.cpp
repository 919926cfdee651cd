#include "bootstrap.h"

#include <atomic>
#include <map>
#include <memory>
#include <numeric>
#include <vector>

#include "bootstrap_lanes.h"
#include "bootstrap_lists.h"
#include "bootstrap_sums.h"

namespace pymetrics::cpu {
namespace {

constexpr std::int32_t kNever = std::int32_t(1) << 30;  // true positives
constexpr index_t kTile = 1 << 15;                      // precisions: 256 KiB

struct Query {
    index_t place;  // in means
    bool is_recall;
    index_t threshold;  // or -1: all
    index_t group;
    bool by_class;
    bool at(index_t t) const { return threshold < 0 || threshold == t; }
};

struct Problem {
    std::vector<Part> parts;
    std::vector<std::vector<Query>> queries;  // of each part
    std::vector<Category> categories;
};

Problem parts_of(const ReplicateMeans& of) {
    Problem problem;
    for (index_t q = 0; q < of.queries.shape[0]; ++q) {
        const index_t* const row = of.queries.row(q);
        std::size_t p = 0;
        while (p < problem.parts.size() && !(problem.parts[p].area == row[2] && problem.parts[p].limit == row[3])) ++p;
        if (p == problem.parts.size()) {
            problem.parts.push_back({row[2], row[3], false});
            problem.queries.emplace_back();
        }
        problem.parts[p].needs_curves |= row[0] == 0;
        problem.queries[p].push_back({q, row[0] != 0, row[1], row[4], q < of.class_means.shape[2]});
    }
    problem.categories.resize(std::size_t(of.category_cells.shape[0] - 1));
    return problem;
}

// kLanes replicates at a time.
class Worker {
    const ReplicateMeans& of;
    const Problem& problem;
    const index_t K = of.category_cells.shape[0] - 1, R = of.recall_thresholds.shape[0], T = of.n_thresholds;
    const index_t N = of.weights.shape[1];
    struct Need {
        std::vector<std::int32_t> hits, reached_by;  // (R,) true positives needed, at least 1; their running maximum
    };
    std::map<index_t, Need> needs;                 // by number of ground truths
    std::map<index_t, SumPlan> plans;              // by number of values
    std::vector<std::uint8_t> weights;             // (N, kLanes)
    std::vector<std::int32_t> positives;           // (K, kLanes)
    std::vector<const Need*> need;                 // (K, kLanes), or null without ground truth
    std::vector<std::int32_t> seen, counted_at;    // (rows, kLanes)
    std::vector<std::uint8_t> own;                 // (rows, kLanes)
    std::vector<index_t> first_row;                // (K,)
    std::vector<double> envelopes;                 // (hits, kLanes) of each category, at one threshold
    std::vector<index_t> envelope_at;              // (K,) where each begins
    std::vector<char> is_read;                     // (K,) it is (R, kLanes), at the recall thresholds
    std::vector<std::int32_t> n_hits;              // (K, kLanes)
    std::vector<double> envelope, block, tile;     // the last; (R, kLanes); of one lane (recall thresholds, categories)
    std::vector<double> recall;                    // (T, K, kLanes)
    std::vector<PiecewiseSum> sums;                // (queries, kLanes)
    std::vector<std::vector<Sums>> class_sums;     // (queries, K)
    std::vector<std::vector<std::int32_t>> valid;  // of each lane the categories with ground truth
    std::vector<double> row;

  public:
    Worker(const ReplicateMeans& of, const Problem& problem) : of(of), problem(problem) {
        weights.resize(std::size_t(N * kLanes));
        positives.resize(std::size_t(K * kLanes));
        need.resize(std::size_t(K * kLanes));
        first_row.resize(std::size_t(K));
        block.resize(std::size_t(R * kLanes));
        envelope_at.resize(std::size_t(K));
        is_read.resize(std::size_t(K));
        n_hits.resize(std::size_t(K * kLanes));
        tile.resize(std::size_t(std::max(kTile, K)));
        recall.resize(std::size_t(T * K * kLanes));
        valid.resize(kLanes);
        row.resize(std::size_t(std::max(T, R) * std::max<index_t>(K, 1)));
    }

    void run(index_t first, index_t n) {
        for (index_t i = 0; i < N; ++i)
            for (int l = 0; l < kLanes; ++l)
                weights.data()[i * kLanes + l] = l < n ? of.weights(first + l, i) : std::uint8_t(0);
        for (std::size_t p = 0; p < problem.parts.size(); ++p) {
            count_truths(problem.parts[p].area);
            if (problem.parts[p].needs_curves) average_curves(p, first, n);
            else count_hits(p);
            average_recalls(p, first, n);
        }
    }

  private:
    const SumPlan& plan(index_t n) {
        SumPlan& found = plans[n];
        if (found.n != n) found.make(n);
        return found;
    }

    const Need* need_of(index_t n) {
        Need& found = needs[n];
        if (found.hits.empty()) {
            std::int32_t most = 1;
            for (index_t r = 0; r < R; ++r) {
                const index_t wanted = std::max<index_t>(1, hits_needed(of.recall_thresholds[r], n));
                found.hits.push_back(std::int32_t(std::min<index_t>(wanted, kNever)));
                most = std::max(most, found.hits.back());
                found.reached_by.push_back(most);
            }
        }
        return &found;
    }

    void count_truths(index_t area) {
        for (auto& list : valid) list.clear();
        for (index_t k = 0; k < K; ++k) {
            const Category& category = problem.categories.data()[k];
            const index_t begin = category.truth_starts[std::size_t(area)];
            const index_t end = category.truth_starts[std::size_t(area + 1)];
            std::int32_t* const n = positives.data() + k * kLanes;
            add_weights(category.truth_images.data() + begin, category.truth_counts.data() + begin, end - begin,
                        weights.data(), n);
            for (int l = 0; l < kLanes; ++l) {
                need.data()[k * kLanes + l] = n[l] ? need_of(n[l]) : nullptr;
                if (n[l]) valid.data()[l].push_back(std::int32_t(k));
            }
        }
    }

    // The rows' weights; room for a category's true positives. More of them than ground truths are possible.
    void see_rows(std::size_t p) {
        index_t n_rows = 0;
        for (index_t k = 0; k < K; ++k) {
            first_row.data()[k] = n_rows;
            n_rows += index_t(problem.categories.data()[k].curves[p].rows.size());
        }
        if (index_t(seen.size()) < n_rows * kLanes) {
            seen.resize(std::size_t(n_rows * kLanes));
            own.resize(std::size_t(n_rows * kLanes));
        }
        index_t most = 0;
        for (index_t k = 0; k < K; ++k) {
            const Curve& curve = problem.categories.data()[k].curves[p];
            const index_t at = first_row.data()[k] * kLanes;
            see(curve, weights.data(), seen.data() + at, own.data() + at);
            std::int32_t sum[kLanes] = {};
            for (std::size_t i = 0; i < curve.rows.size(); ++i)
                for (int l = 0; l < kLanes; ++l) sum[l] += own.data()[at + index_t(i) * kLanes + l];
            for (int l = 0; l < kLanes; ++l) most = std::max<index_t>(most, sum[l]);
        }
        const auto room = std::size_t((most + 1) * kLanes);
        if (counted_at.size() < room) {
            counted_at.assign(room, 0);
        }
    }

    void average_curves(std::size_t p, index_t first, index_t n) {
        see_rows(p);
        const std::vector<Query>& queries = problem.queries[p];
        sums.resize(std::max(sums.size(), queries.size() * kLanes));
        class_sums.resize(std::max(class_sums.size(), queries.size()));
        for (std::size_t q = 0; q < queries.size(); ++q) {
            const Query& query = queries[q];
            if (query.is_recall) continue;
            for (int l = 0; l < kLanes; ++l)
                sums[q * kLanes + std::size_t(l)].start(&plan(n_values(query) * n_members(query, l)));
            if (!query.by_class) continue;
            class_sums[q].resize(std::size_t(K));
            for (Sums& sum : class_sums[q]) sum.start(plan(n_values(query)));
        }
        for (index_t t = 0; t < T; ++t) {
            bool any = false, by_class = false;
            for (const Query& query : queries) {
                any |= !query.is_recall && query.at(t);
                by_class |= !query.is_recall && query.at(t) && query.by_class;
            }
            index_t used = 0;
            for (index_t k = 0; k < K; ++k) {
                std::int32_t* const hits = n_hits.data() + k * kLanes;
                const index_t at = first_row.data()[k] * kLanes;
                walk(problem.categories.data()[k].curves[p].lists.data()[t], seen.data() + at, own.data() + at,
                     counted_at.data(), hits);
                set_recall(t, k, hits);
                std::int32_t most = 0;
                for (int l = 0; l < kLanes; ++l) most = std::max(most, hits[l]);
                keep_envelope(k, most, used);
                const double* const at_recalls = by_class ? block_of(k) : nullptr;
                for (std::size_t q = 0; q < queries.size() && by_class; ++q)
                    if (!queries[q].is_recall && queries[q].at(t) && queries[q].by_class)
                        add_lanes(class_sums[q].data()[k], plan(n_values(queries[q])), at_recalls, R);
            }
            for (int l = 0; l < kLanes && any; ++l) add_rows(queries, t, l);
        }
        for (std::size_t q = 0; q < queries.size(); ++q) {
            const Query& query = queries[q];
            if (query.is_recall) continue;
            for (index_t l = 0; l < n; ++l) {
                of.means(first + l, query.place) = sums[q * kLanes + std::size_t(l)].mean();
                for (index_t k = 0; k < K && query.by_class; ++k)
                    class_mean(first + l, k, query) =
                        need.data()[k * kLanes + l] ? class_sums[q].data()[k].mean(plan(n_values(query)), int(l)) : -1;
            }
        }
    }

    index_t n_values(const Query& query) const { return (query.threshold < 0 ? T : 1) * (query.is_recall ? 1 : R); }
    bool is_member(const Query& query, index_t k) const { return of.members(query.group, k) != 0; }
    index_t n_members(const Query& query, int lane) const {
        index_t n = 0;
        for (const std::int32_t k : valid.data()[lane]) n += is_member(query, k);
        return n;
    }
    double& class_mean(index_t b, index_t k, const Query& query) const {
        return of.class_means.data[(b * K + k) * of.class_means.shape[2] + query.place];
    }

    void set_recall(index_t t, index_t k, const std::int32_t* hits) {
        double* const to = recall.data() + (t * K + k) * kLanes;
        const std::int32_t* const n = positives.data() + k * kLanes;
        for (int l = 0; l < kLanes; ++l) to[l] = n[l] ? double(hits[l]) / double(n[l]) : -1;
    }

    // A category's envelope, as it is or, where that is shorter, at the recall thresholds.
    void keep_envelope(index_t k, index_t most, index_t& used) {
        const index_t n_rows = std::min(most + 1, R);
        envelope_at.data()[k] = used;
        is_read.data()[k] = false;
        if (index_t(envelopes.size()) < (used + n_rows) * kLanes)
            envelopes.resize(std::size_t(2 * (used + n_rows) * kLanes));
        double* const to = envelopes.data() + used * kLanes;
        used += n_rows;
        if (most < R) {
            envelop(most, counted_at.data(), to);
            return;
        }
        if (index_t(envelope.size()) < (most + 1) * kLanes) envelope.resize(std::size_t((most + 1) * kLanes));
        envelop(most, counted_at.data(), envelope.data());
        for (int l = 0; l < kLanes; ++l) read(envelope.data() + l, k, l, 0, R, to + l, kLanes);
        is_read.data()[k] = true;
    }

    // The envelope of a category at the recall thresholds [low, high), in one lane, `step` apart.
    void read(const double* from, index_t k, int l, index_t low, index_t high, double* to, index_t step) const {
        const Need* const needed = need.data()[k * kLanes + l];
        const std::int32_t hits = n_hits.data()[k * kLanes + l];
        index_t r = low;
        if (needed && hits) {
            const std::int32_t *const wanted = needed->hits.data(), *const reached_by = needed->reached_by.data();
            for (; r < high && reached_by[r] <= hits; ++r, to += step) *to = from[index_t(wanted[r]) * kLanes];
        }
        for (; r < high; ++r, to += step) *to = 0;
    }

    void read_kept(index_t k, int l, index_t low, index_t high, double* to, index_t step) const {
        const double* const from = envelopes.data() + envelope_at.data()[k] * kLanes + l;
        if (!is_read.data()[k]) return read(from, k, l, low, high, to, step);
        for (index_t r = low; r < high; ++r, to += step) *to = from[r * kLanes];
    }

    // (R, kLanes)
    const double* block_of(index_t k) {
        if (is_read.data()[k]) return envelopes.data() + envelope_at.data()[k] * kLanes;
        for (int l = 0; l < kLanes; ++l) read_kept(k, l, 0, R, block.data() + l, kLanes);
        return block.data();
    }

    // Precisions of one lane at threshold t, a few recall thresholds at a time: those of all categories stand in rows.
    void add_rows(const std::vector<Query>& queries, index_t t, int l) {
        const std::vector<std::int32_t>& categories = valid.data()[l];
        const index_t n = index_t(categories.size());
        if (n == 0) return;
        const index_t n_rows = std::max<index_t>(1, kTile / n);
        for (index_t low = 0; low < R; low += n_rows) {
            const index_t high = std::min(R, low + n_rows);
            for (index_t i = 0; i < n; ++i) read_kept(categories.data()[i], l, low, high, tile.data() + i, n);
            for (std::size_t q = 0; q < queries.size(); ++q)
                if (!queries[q].is_recall && queries[q].at(t))
                    add_tile(sums[q * kLanes + std::size_t(l)], queries[q], l, (high - low) * n);
        }
    }

    void add_tile(PiecewiseSum& sum, const Query& query, int l, index_t size) {
        const std::vector<std::int32_t>& categories = valid.data()[l];
        const index_t n = index_t(categories.size());
        if (n_members(query, l) == n) {
            sum.add(tile.data(), size);
            return;
        }
        for (const double* from = tile.data(); from < tile.data() + size; from += n) {
            index_t some = 0;
            for (index_t i = 0; i < n; ++i)
                if (is_member(query, categories.data()[i])) row.data()[some++] = from[i];
            sum.add(row.data(), some);
        }
    }

    void count_hits(std::size_t p) {
        for (index_t k = 0; k < K; ++k)
            for (index_t t = 0; t < T; ++t) {
                const auto& images = problem.categories.data()[k].found[p].data()[t];
                std::int32_t hits[kLanes];
                add_weights(images.data(), nullptr, index_t(images.size()), weights.data(), hits);
                set_recall(t, k, hits);
            }
    }

    void average_recalls(std::size_t p, index_t first, index_t n) {
        for (const Query& query : problem.queries[p]) {
            if (!query.is_recall) continue;
            const index_t t0 = std::max<index_t>(query.threshold, 0), t1 = query.threshold < 0 ? T : t0 + 1;
            for (index_t l = 0; l < n; ++l) {
                index_t some = 0;
                for (index_t t = t0; t < t1; ++t)
                    for (const std::int32_t k : valid.data()[l])
                        if (is_member(query, k)) row.data()[some++] = recall.data()[(t * K + k) * kLanes + l];
                of.means(first + l, query.place) = some ? pairwise_sum(row.data(), some) / double(some) : -1;
                for (index_t k = 0; k < K && query.by_class; ++k) {
                    for (index_t t = t0; t < t1; ++t) row.data()[t - t0] = recall.data()[(t * K + k) * kLanes + l];
                    class_mean(first + l, k, query) =
                        positives.data()[k * kLanes + l] ? pairwise_sum(row.data(), t1 - t0) / double(t1 - t0) : -1;
                }
            }
        }
    }
};

}  // namespace

void draw_weights(const DrawWeights& of, const Threads& threads) {
    for_each_unit(of.begin, of.end, 16, threads, [&](index_t b) {
        draw(of.hashes.data, of.hashes.shape[0], of.quantiles, word_t(b), of.weights.row(b));
    });
}

void replicate_means(const ReplicateMeans& of, const Threads& threads) {
    if (of.begin == of.end) return;
    Problem problem = parts_of(of);
    const index_t N = of.weights.shape[1], K = index_t(problem.categories.size());
    std::vector<std::uint8_t> most(std::size_t(N), std::uint8_t(0));
    for (index_t b = of.begin; b < of.end; ++b)
        for (index_t i = 0; i < N; ++i) most.data()[i] = std::max(most.data()[i], of.weights(b, i));
    std::atomic<bool> stopped{false};
    parallel_for(0, K, 1, threads, [&](Interrupt& interrupt) {
        return [&, compiler = Compiler(of, problem.parts, most.data())](index_t low, index_t high) mutable {
            for (index_t k = low; k < high; ++k) compiler.run(k, problem.categories.data()[k]);
            if (interrupt.stopped()) stopped = true;
        };
    });
    if (stopped) return;
    const index_t n_groups = (of.end - of.begin + kLanes - 1) / kLanes;
    parallel_for(0, n_groups, 1, threads, [&](Interrupt&) {
        return [&, worker = Worker(of, problem)](index_t low, index_t high) mutable {
            for (index_t g = low; g < high; ++g) {
                const index_t first = of.begin + g * kLanes;
                worker.run(first, std::min<index_t>(kLanes, of.end - first));
            }
        };
    });
}

}  // namespace pymetrics::cpu
