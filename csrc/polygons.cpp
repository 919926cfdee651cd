#include "polygons.h"

#include "scratch.h"

namespace pymetrics::cpu {

namespace {

struct Point {
    index_t x, y;
};

// A coordinate on the fine grid, cut towards zero.
index_t fine(double value) { return index_t(5.0 * value + 0.5); }

// The shorter side's coordinate after t steps along the longer one.
index_t fine_at(index_t start, double slope, index_t t) { return index_t(double(start) + slope * double(t) + 0.5); }

// Of a steep edge: the last step on the side of `column` where it starts; it ends on the other side.
index_t last_step_before(index_t x0, double slope, double inverse, index_t dy, index_t column) {
    const double guess = (double(column) + 0.5 - double(x0)) * inverse;
    index_t t = std::min(std::max<index_t>(index_t(guess), 0), dy - 1);
    auto is_before = [&](index_t step) { return (fine_at(x0, slope, step) <= column) == (slope > 0); };
    while (!is_before(t)) --t;
    while (is_before(t + 1)) ++t;
    return t;
}

// The turns of one polygon: those that fit are written, all are counted.
class Outline {
    index_t height_, width_, room_;
    run_t* columns_;

  public:
    run_t* turns;
    index_t n = 0;

    // columns: as much room as `out`.
    Outline(index_t height, index_t width, run_t* out, index_t room, run_t* columns)
        : height_(height), width_(width), room_(room), columns_(columns), turns(out) {}

    // Sorts the turns, all of which are there: by column, then by insertion, for a column has few.
    void sort(Scratch<run_t>& places, Scratch<run_t>& spare) {
        constexpr run_t few = 32;
        run_t first = ~run_t(0), last = 0;
        for (index_t i = 0; i < n; ++i) {
            first = std::min(first, columns_[i]);
            last = std::max(last, columns_[i]);
        }
        const index_t n_columns = n > 0 ? index_t(last - first) + 1 : 0;
        if (n_columns > 64 * n) {  // an image may be wider than there is memory for
            std::sort(turns, turns + n);
            return;
        }
        run_t* const next = places.take(n_columns + 1);
        std::fill_n(next, n_columns + 1, 0);
        for (index_t i = 0; i < n; ++i) ++next[columns_[i] - first + 1];
        run_t most = 0;
        for (index_t c = 1; c <= n_columns; ++c) {
            most = std::max(most, next[c]);
            next[c] += next[c - 1];
        }
        if (most > few) {
            std::sort(turns, turns + n);
            return;
        }
        run_t* const sorted = spare.take(n);
        for (index_t i = 0; i < n; ++i) {
            run_t& place = next[columns_[i] - first];
            sorted[place] = turns[i];
            ++place;
        }
        for (index_t i = 0; i < n; ++i) {
            index_t at = i;
            for (; at > 0 && turns[at - 1] > sorted[i]; --at) turns[at] = turns[at - 1];
            turns[at] = sorted[i];
        }
    }

    void add_edge(Point from, Point to) {
        const index_t dx = std::abs(to.x - from.x), dy = std::abs(to.y - from.y);
        if (dx == 0) return;
        const bool flat = dx >= dy;
        if (flat ? from.x > to.x : from.y > to.y) std::swap(from, to);
        const double slope = flat ? double(to.y - from.y) / double(dx) : double(to.x - from.x) / double(dy);
        const double inverse = 1.0 / slope;  // a guess only: no step depends on its last bits
        // The outline passes from each fine column in [low, high) to the next, or back.
        index_t low = flat ? from.x : fine_at(from.x, slope, 0), high = flat ? to.x : fine_at(from.x, slope, dy);
        if (low > high) std::swap(low, high);
        if (high < 3) return;
        const index_t first = low > 2 ? (low + 2) / 5 : 0, last = std::min(width_ - 1, (high - 3) / 5);
        for (index_t c = first; c <= last; ++c) {
            const index_t column = 5 * c + 2;
            index_t row;
            if (flat) {
                const index_t t = column - from.x;
                row = std::min(fine_at(from.y, slope, t), fine_at(from.y, slope, t + 1));
            } else {
                row = from.y + last_step_before(from.x, slope, inverse, dy, column);
            }
            const index_t y = std::min(std::max<index_t>(row + 2, 0) / 5, height_);
            if (n < room_) {
                turns[n] = run_t(c * height_ + y);
                columns_[n] = run_t(c);
            }
            ++n;
        }
    }
};

// Turns sorted turns into runs, in place, and returns their number: equal turns cancel in pairs.
index_t turns_to_runs(run_t* turns, index_t n_turns) {
    index_t n = 1, i = 1;
    run_t previous = turns[0];
    while (i < n_turns) {
        const run_t run = turns[i] - previous;
        previous = turns[i];
        ++i;
        if (run > 0) {
            turns[n] = run;
            ++n;
        } else if (i < n_turns) {  // a turn and back: the run before goes on
            turns[n - 1] += turns[i] - previous;
            previous = turns[i];
            ++i;
        }
    }
    return n;
}

}  // namespace

void draw_polygons(const DrawPolygons& of, const Threads& threads) {
    parallel_for(of.begin, of.end, 64, threads, [&](Interrupt&) {
        return [&, places = Scratch<run_t>(), columns = Scratch<run_t>(), spare = Scratch<run_t>()](
                   index_t low, index_t high) mutable {
            for (index_t p = low; p < high; ++p) {
                const index_t first = of.offsets[p], last = of.offsets[p + 1], height = of.sizes(p, 0);
                const index_t room = of.room[p + 1] - of.room[p];
                Outline outline(height, of.sizes(p, 1), of.counts.data + of.room[p], room, columns.take(room));
                auto point = [&](index_t i) { return Point{fine(of.points(i, 0)), fine(of.points(i, 1))}; };
                if (last > first) {
                    const Point start = point(first);
                    Point from = start;
                    for (index_t i = first + 1; i < last; ++i) {
                        const Point to = point(i);
                        outline.add_edge(from, to);
                        from = to;
                    }
                    outline.add_edge(from, start);
                }
                const index_t n = outline.n + 1;
                of.n_runs[p] = n;
                if (n > room) continue;
                outline.sort(places, spare);
                outline.turns[n - 1] = run_t(height * of.sizes(p, 1));
                of.n_runs[p] = turns_to_runs(outline.turns, n);
            }
        };
    });
}

}  // namespace pymetrics::cpu
