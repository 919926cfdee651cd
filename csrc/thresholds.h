#pragma once
// Counts at a score, and along all scores; see kernels/thresholds.py.
#include "common.h"
#include "parallel.h"

namespace pymetrics {

// The arguments of each kernel, in the order of its Python namesake; `each` gives their names and members.
struct CountAt {
    View<const double, 1> scores;
    View<const word_t, 2> matched, ignored;
    View<const index_t, 1> offsets;
    index_t bit;
    double score;
    View<std::int32_t, 1> n_dt, tp, fp;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("scores", scores);
        f("matched", matched);
        f("ignored", ignored);
        f("offsets", offsets);
        f("bit", bit);
        f("score", score);
        f("n_dt", n_dt);
        f("tp", tp);
        f("fp", fp);
        f("begin", begin);
        f("end", end);
    }
};

struct CountAlongScores {
    View<const double, 1> scores;
    View<const word_t, 2> matched, ignored;
    View<const index_t, 1> offsets, category_cells;
    index_t bit, limit, each_detection;
    View<double, 1> point_scores;
    View<index_t, 1> tp, fp, n_points;
    index_t begin, end;

    template <class F>
    void each(F f) {
        f("scores", scores);
        f("matched", matched);
        f("ignored", ignored);
        f("offsets", offsets);
        f("category_cells", category_cells);
        f("bit", bit);
        f("limit", limit);
        f("each", each_detection);
        f("point_scores", point_scores);
        f("tp", tp);
        f("fp", fp);
        f("n_points", n_points);
        f("begin", begin);
        f("end", end);
    }
};

struct JoinAlongScores {
    View<const double, 1> scores;
    View<const index_t, 1> tp, fp, starts, n_gt;
    double beta_squared;
    View<double, 1> point_scores;
    View<index_t, 1> sum_tp, sum_fp;
    View<double, 2> means;
    View<index_t, 1> counts;

    template <class F>
    void each(F f) {
        f("scores", scores);
        f("tp", tp);
        f("fp", fp);
        f("starts", starts);
        f("n_gt", n_gt);
        f("beta_squared", beta_squared);
        f("point_scores", point_scores);
        f("sum_tp", sum_tp);
        f("sum_fp", sum_fp);
        f("means", means);
        f("counts", counts);
    }
};

namespace cpu {

void count_at(const CountAt& of, const Threads& threads);
void count_along_scores(const CountAlongScores& of, const Threads& threads);
void join_along_scores(const JoinAlongScores& of);

}  // namespace cpu
}  // namespace pymetrics
