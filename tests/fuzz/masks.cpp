// Runs, their texts, polygons and values of `segmentation` at random, under sanitizers: make fuzz. Arguments: seconds,
// seed. Arrays are as long as they must be, so that a place too far is found.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "mask_strings.h"
#include "mask_texts.h"
#include "polygons.h"
#include "reader/mask_values.h"

using namespace pymetrics;

namespace {

std::mt19937_64 rng;
const Threads kOne = {1, Poll()};

index_t below(index_t n) { return index_t(rng() % word_t(n)); }

void require(bool ok, const char* what) {
    if (ok) return;
    std::printf("%s\n", what);
    std::abort();
}

template <class T>
View<T, 1> row(std::vector<std::remove_const_t<T>>& values) {
    return {values.data(), {index_t(values.size())}};
}
template <class T>
View<T, 2> table(std::vector<std::remove_const_t<T>>& values, index_t columns) {
    return {values.data(), {index_t(values.size()) / columns, columns}};
}

struct Masks {
    std::vector<run_t> counts, areas;
    std::vector<index_t> offsets, sizes, totals;
    std::vector<double> boxes;
};

// Runs of n masks of height x width, some of which sum to its pixels.
Masks any_masks(index_t n, index_t height, index_t width) {
    Masks found;
    found.offsets = {0};
    for (index_t i = 0; i < n; ++i) {
        index_t left = height * width;
        for (index_t r = below(12); r > 0; --r) {
            const index_t run = below(4) ? below(left + 1) : below(3) ? 0 : below(index_t(1) << 32);
            found.counts.push_back(run_t(run));
            left -= std::min(left, run);
        }
        if (below(4)) found.counts.push_back(run_t(left));
        found.offsets.push_back(index_t(found.counts.size()));
        found.sizes.push_back(height);
        found.sizes.push_back(width);
    }
    found.areas.resize(std::size_t(n));
    found.totals.resize(std::size_t(n));
    found.boxes.resize(std::size_t(4 * n));
    cpu::measure_masks(
        {row<const run_t>(found.counts), row<const index_t>(found.offsets), table<const index_t>(found.sizes, 2),
         row<run_t>(found.areas), row<index_t>(found.totals), table<double>(found.boxes, 4), 0, n},
        kOne);
    return found;
}

// Kernels on runs, right and wrong.
void try_runs() {
    const index_t n = 1 + below(5), height = 1 + below(20), width = 1 + below(20);
    Masks masks = any_masks(n, height, width);
    std::vector<std::uint8_t> pixels(std::size_t(n * height * width));
    cpu::decode_masks({row<const run_t>(masks.counts), row<const index_t>(masks.offsets),
                       table<std::uint8_t>(pixels, height * width), 0, n},
                      kOne);
    std::vector<index_t> groups = {0, n}, room = {0, index_t(masks.counts.size())}, n_runs(1), sizes(2);
    std::vector<run_t> merged(masks.counts.size());
    cpu::merge_masks(
        {row<const run_t>(masks.counts), row<const index_t>(masks.offsets), table<const index_t>(masks.sizes, 2),
         row<const index_t>(groups), below(2), row<const index_t>(room), row<run_t>(merged), row<index_t>(n_runs),
         table<index_t>(sizes, 2), 0, 1},
        kOne);
    require(n_runs[0] <= room[1], "merge_masks: more runs than there is room for");
    std::vector<std::int32_t> rows;
    for (index_t i = 0; i < n; ++i) rows.push_back(std::int32_t(i));
    std::vector<std::uint8_t> crowd(std::size_t(n), std::uint8_t(below(2)));
    std::vector<index_t> ends = {0, n}, out_ends = {0, n * n};
    std::vector<double> out(std::size_t(n * n));
    const auto counts = row<const run_t>(masks.counts);
    const auto offsets = row<const index_t>(masks.offsets);
    const auto areas = row<const run_t>(masks.areas);
    const auto boxes = table<const double>(masks.boxes, 4);
    const auto side_sizes = table<const index_t>(masks.sizes, 2);
    const auto masks_iou = [&](double least) {
        cpu::mask_iou({counts,
                       offsets,
                       side_sizes,
                       areas,
                       boxes,
                       row<const std::int32_t>(rows),
                       counts,
                       offsets,
                       side_sizes,
                       areas,
                       boxes,
                       row<const std::int32_t>(rows),
                       row<const std::uint8_t>(crowd),
                       row<const index_t>(ends),
                       row<const index_t>(ends),
                       row<const index_t>(out_ends),
                       least,
                       row<double>(out),
                       0,
                       1},
                      kOne);
    };
    masks_iou(double(below(2)) / 2);
    std::vector<run_t> encoded(std::size_t(n * below(30)));
    std::vector<index_t> n_encoded(static_cast<std::size_t>(n));
    for (const index_t by_rows : {0, 1})
        cpu::encode_masks({{pixels.data(), {n, height, width}},
                           by_rows,
                           {encoded.data(), {n, index_t(encoded.size()) / n}},
                           row<index_t>(n_encoded),
                           0,
                           n},
                          kOne);
    std::vector<index_t> lengths(static_cast<std::size_t>(n)), text_ends = {0};
    cpu::measure_strings({counts, offsets, row<index_t>(lengths), 0, n}, kOne);
    for (const index_t length : lengths) text_ends.push_back(text_ends.back() + length);
    std::vector<std::uint8_t> text(std::size_t(text_ends.back()));
    cpu::write_strings({counts, offsets, row<const index_t>(text_ends), row<std::uint8_t>(text), 0, n}, kOne);
    std::vector<index_t> begins(text_ends.begin(), text_ends.end() - 1), stops(text_ends.begin() + 1, text_ends.end());
    std::vector<index_t> n_read(static_cast<std::size_t>(n));
    const auto bytes = row<const std::uint8_t>(text);
    cpu::count_runs({bytes, row<const index_t>(begins), row<const index_t>(stops), row<index_t>(n_read), 0, n}, kOne);
    for (index_t i = 0; i < n; ++i)
        require(n_read[std::size_t(i)] == masks.offsets[std::size_t(i) + 1] - masks.offsets[std::size_t(i)],
                "count_runs: other runs than were written");
    std::vector<run_t> read(masks.counts.size());
    cpu::read_strings({bytes, row<const index_t>(begins), row<const index_t>(stops), offsets, row<run_t>(read), 0, n},
                      kOne);
    require(read == masks.counts, "read_strings: other runs than were written");
    std::vector<run_t> text_areas(masks.areas.size());
    std::vector<index_t> totals(masks.totals.size());
    std::vector<double> text_boxes(masks.boxes.size()), text_out(out.size());
    cpu::measure_texts({bytes, row<const index_t>(begins), row<const index_t>(stops), side_sizes, row<index_t>(n_read),
                        row<run_t>(text_areas), row<index_t>(totals), table<double>(text_boxes, 4), 0, n},
                       kOne);
    require(text_areas == masks.areas && totals == masks.totals && text_boxes == masks.boxes,
            "measure_texts: other than measure_masks");
    const auto texts_iou = [&](double least) {
        cpu::text_iou({bytes,
                       row<const index_t>(begins),
                       row<const index_t>(stops),
                       side_sizes,
                       areas,
                       boxes,
                       row<const std::int32_t>(rows),
                       counts,
                       offsets,
                       side_sizes,
                       areas,
                       boxes,
                       row<const std::int32_t>(rows),
                       row<const std::uint8_t>(crowd),
                       row<const index_t>(ends),
                       row<const index_t>(ends),
                       row<const index_t>(out_ends),
                       least,
                       row<double>(text_out),
                       0,
                       1},
                      kOne);
    };
    texts_iou(0.5);
    texts_iou(0);
    const std::vector<double> from_texts = text_out;
    masks_iou(0);
    require(std::memcmp(from_texts.data(), out.data(), 8 * out.size()) == 0, "text_iou: other than mask_iou");
}

// Texts of any bytes.
void try_text() {
    std::vector<std::uint8_t> text;
    for (index_t i = below(below(4) ? 60 : 400); i > 0; --i)
        text.push_back(std::uint8_t(below(20) ? 48 + below(64) : below(256)));
    std::vector<index_t> begins = {0}, ends = {index_t(text.size())}, n_runs(1);
    const auto bytes = row<const std::uint8_t>(text);
    cpu::count_runs({bytes, row<const index_t>(begins), row<const index_t>(ends), row<index_t>(n_runs), 0, 1}, kOne);
    const index_t n = n_runs[0] < 0 ? below(80) : n_runs[0];
    std::vector<index_t> offsets = {0, n};
    std::vector<run_t> counts(static_cast<std::size_t>(n));
    cpu::read_strings({bytes, row<const index_t>(begins), row<const index_t>(ends), row<const index_t>(offsets),
                       row<run_t>(counts), 0, 1},
                      kOne);
    std::vector<index_t> sizes = {1 + below(50), 1 + below(50)}, n_measured(1), totals(1);
    std::vector<run_t> areas(1);
    std::vector<double> boxes(4);
    cpu::measure_texts(
        {bytes, row<const index_t>(begins), row<const index_t>(ends), table<const index_t>(sizes, 2),
         row<index_t>(n_measured), row<run_t>(areas), row<index_t>(totals), table<double>(boxes, 4), 0, 1},
        kOne);
    require(n_measured == n_runs, "measure_texts: another number of runs than count_runs");
}

double any_coordinate(double side) {
    if (below(30) == 0) return (below(2) ? 1 : -1) * double(below((index_t(1) << 27)));
    const double value = double(below(1000)) / 1000 * (side + 8) - 4;
    return below(3) ? value : std::round(value * 5) / 5;
}

void try_polygon() {
    const index_t n = 1 + below(12), height = 1 + below(50), width = 1 + below(50);
    std::vector<double> points;
    for (index_t i = 0; i < n; ++i) {
        points.push_back(any_coordinate(double(width)));
        points.push_back(any_coordinate(double(height)));
    }
    index_t most = 2;  // as formats/runs.py
    for (index_t i = 0; i < n; ++i) {
        const double dx = std::fabs(points[std::size_t(2 * i)] - points[std::size_t(2 * ((i + 1) % n))]);
        most += index_t(std::min(dx + 2, double(width)));
    }
    const bool is_short = below(10) == 0;
    if (is_short) most = below(most + 1);
    std::vector<index_t> offsets = {0, n}, sizes = {height, width}, room = {0, most}, n_runs(1);
    std::vector<run_t> counts(static_cast<std::size_t>(most));
    cpu::draw_polygons({table<const double>(points, 2), row<const index_t>(offsets), table<const index_t>(sizes, 2),
                        row<const index_t>(room), row<run_t>(counts), row<index_t>(n_runs), 0, 1},
                       kOne);
    require(is_short || n_runs[0] <= most, "draw_polygons: more runs than the bound");
    if (n_runs[0] > most) return;
    index_t total = 0;
    for (index_t r = 0; r < n_runs[0]; ++r) total += counts[std::size_t(r)];
    require(total == height * width, "draw_polygons: runs that do not sum to the pixels");
}

// Values of `segmentation`, damaged.
void try_value() {
    static const std::string seeds[] = {R"([[1, 2.5, 3e1, 4, 5, 6], [10,20,30,40,50,60,7,8]])",
                                        R"({"size": [40, 50], "counts": "a\\7e0c\/000_Z1"})",
                                        R"({"counts": [1, 2, 3, 1994], "size": [40, 50]})"};
    static const char* const pieces[] = {"[", "]",  ",",     "\"",      "\\",        "{",
                                         "}", "-1", "1e400", "\\u0030", "\"size\":", "[]"};
    std::string value = seeds[below(3)];
    for (index_t i = below(4); i > 0; --i) {
        const auto at = std::size_t(below(index_t(value.size()) + 1));
        if (below(2)) value.erase(at, std::size_t(below(6)));
        else value.insert(at, pieces[below(12)]);
    }
    std::vector<char> text(value.begin(), value.end());
    text.resize(value.size() + std::size_t(kPad));
    std::vector<index_t> spans = {0, index_t(value.size())}, sizes(2), n_numbers(1), n_polygons(1);
    std::vector<std::uint8_t> kinds(1);
    try {
        scan_masks(text.data(),
                   {table<index_t>(spans, 2), row<std::uint8_t>(kinds), table<index_t>(sizes, 2),
                    row<index_t>(n_numbers), row<index_t>(n_polygons)},
                   kOne);
    } catch (const Declined&) {
        return;
    }
    std::vector<index_t> offsets = {0, n_numbers[0]}, polygon_offsets = {0, n_polygons[0]};
    std::vector<double> numbers(std::size_t(n_numbers[0]), -1);
    std::vector<index_t> lengths(std::size_t(n_polygons[0]), -1);
    read_masks(text.data(), table<const index_t>(spans, 2), row<const std::uint8_t>(kinds), row<const index_t>(offsets),
               row<const index_t>(polygon_offsets), row<double>(numbers), row<index_t>(lengths), kOne);
    index_t total = 0;
    for (const index_t length : lengths) total += length;
    require(kinds[0] != kPolygons || total == n_numbers[0], "read_masks: other numbers than were counted");
}

}  // namespace

int main(int n_arguments, char** arguments) {
    const auto seconds = std::chrono::seconds(n_arguments > 1 ? std::atoi(arguments[1]) : 10);
    rng.seed(n_arguments > 2 ? std::uint64_t(std::atoi(arguments[2])) : 1);
    long n = 0;
    for (const auto start = std::chrono::steady_clock::now(); std::chrono::steady_clock::now() - start < seconds; ++n) {
        try_runs();
        try_text();
        try_polygon();
        try_value();
    }
    std::printf("masks: %ld rounds\n", n);
    return 0;
}
