// The host kernels for Python. Each function takes the arguments of its namesake in pymetrics/kernels, checks what
// would make memory unsafe, and lets the interpreter's lock go.
#include "../boxes.h"
#include "../cells.h"
#include "../matching.h"
#include "accumulate.h"
#include "arrays.h"
#include "dicts.h"
#include "files.h"

using namespace pymetrics;
using namespace pymetrics::bindings;
using obj = const py::object&;
using i32 = std::int32_t;
using u8 = std::uint8_t;

namespace {

void index_ids(obj ids_, obj known_, obj out_) {
    const auto ids = view<const index_t, 1>(ids_, "ids"), known = view<const index_t, 1>(known_, "known");
    const auto out = view<i32, 1>(out_, "out");
    require_length(out.shape[0], ids.shape[0], "out");
    for (index_t i = 0; i + 1 < known.shape[0]; ++i)
        require(known[i] < known[i + 1], "known: ids must rise, at index ", i + 1);
    py::gil_scoped_release unlocked;
    cpu::index_ids(ids, known, out);
}

void sort_rows(obj category_, obj image_, index_t n_images, obj order_, obj starts_) {
    const auto category = view<const i32, 1>(category_, "category"), image = view<const i32, 1>(image_, "image");
    const auto order = view<i32, 1>(order_, "order");
    const auto starts = view<index_t, 1>(starts_, "starts");
    require_length(image.shape[0], category.shape[0], "image");
    require_length(order.shape[0], category.shape[0], "order");
    require(starts.shape[0] > 0, "starts: expected at least one");
    py::gil_scoped_release unlocked;
    {
        constexpr index_t least = -(index_t(1) << 31);
        require_indices(category, least, starts.shape[0] - 1, "category");
        require_indices(image, least, n_images, "image");
    }
    cpu::sort_rows(category, image, n_images, order, starts);
}

void join_cells(obj dt_image_, obj dt_order_, obj dt_starts_, obj gt_image_, obj gt_order_, obj gt_starts_,
                index_t limit, obj category_cells_, obj cell_image_, obj cell_dt_, obj cell_gt_, obj offsets_) {
    const auto dt_image = view<const i32, 1>(dt_image_, "dt_image"),
               gt_image = view<const i32, 1>(gt_image_, "gt_image");
    const auto dt_order = view<const i32, 1>(dt_order_, "dt_order"),
               gt_order = view<const i32, 1>(gt_order_, "gt_order");
    const auto dt_starts = view<const index_t, 1>(dt_starts_, "dt_starts"),
               gt_starts = view<const index_t, 1>(gt_starts_, "gt_starts");
    const auto category_cells = view<index_t, 1>(category_cells_, "category_cells");
    const auto cell_image = view<i32, 1>(cell_image_, "cell_image");
    const auto cell_dt = view<index_t, 1>(cell_dt_, "cell_dt"), cell_gt = view<index_t, 1>(cell_gt_, "cell_gt");
    const auto offsets = view<index_t, 1>(offsets_, "offsets");
    require(limit >= 0, "limit: expected at least 0, got ", limit);
    require_length(gt_starts.shape[0], dt_starts.shape[0], "gt_starts");
    require_length(category_cells.shape[0], dt_starts.shape[0], "category_cells");
    for (const auto& [cells, name] : {std::pair{cell_dt, "cell_dt"}, {cell_gt, "cell_gt"}, {offsets, "offsets"}})
        require_length(cells.shape[0], cell_image.shape[0] + 1, name);
    py::gil_scoped_release unlocked;
    require_offsets(dt_starts, dt_order.shape[0], "dt_starts");
    require_offsets(gt_starts, gt_order.shape[0], "gt_starts");
    require_indices(dt_order, 0, dt_image.shape[0], "dt_order");
    require_indices(gt_order, 0, gt_image.shape[0], "gt_order");
    const bool fits = cpu::join_cells(dt_image, dt_order, dt_starts, gt_image, gt_order, gt_starts, limit,
                                      category_cells, cell_image, cell_dt, cell_gt, offsets);
    require(fits, "cell_image: there are more than ", cell_image.shape[0], " cells");
}

void rank_detections(obj scores_, obj dt_order_, obj cell_dt_, obj offsets_, obj rows_, obj ranked_, index_t begin,
                     index_t end, int n_threads) {
    const auto scores = view<const double, 1>(scores_, "scores");
    const auto dt_order = view<const i32, 1>(dt_order_, "dt_order");
    const auto cell_dt = view<const index_t, 1>(cell_dt_, "cell_dt"),
               offsets = view<const index_t, 1>(offsets_, "offsets");
    const auto rows = view<i32, 1>(rows_, "rows");
    const auto ranked = view<double, 1>(ranked_, "ranked");
    require_offsets(cell_dt, dt_order.shape[0], "cell_dt");
    require_offsets(offsets, rows.shape[0], "offsets");
    require_length(offsets.shape[0], cell_dt.shape[0], "offsets");
    require_length(ranked.shape[0], rows.shape[0], "ranked");
    for (index_t c = 0; c + 1 < offsets.shape[0]; ++c)
        require(offsets[c + 1] - offsets[c] <= cell_dt[c + 1] - cell_dt[c], "offsets: a cell keeps more than it has");
    require_range(begin, end, offsets.shape[0] - 1);
    run(n_threads, [&](const Threads& threads) {
        require_indices(dt_order, 0, scores.shape[0], "dt_order");
        cpu::rank_detections(scores, dt_order, cell_dt, offsets, rows, ranked, begin, end, threads);
    });
}

void place_cells(obj category_cells_, obj categories_, obj cell_image_, obj images_, obj offsets_, index_t first_dt,
                 obj out_category_, obj out_image_, obj starts_, obj counts_) {
    const auto category_cells = view<const index_t, 1>(category_cells_, "category_cells");
    const auto categories = view<const i32, 1>(categories_, "categories"),
               images = view<const i32, 1>(images_, "images");
    const auto cell_image = view<const i32, 1>(cell_image_, "cell_image");
    const auto offsets = view<const index_t, 1>(offsets_, "offsets");
    const auto out_category = view<i32, 1>(out_category_, "out_category"),
               out_image = view<i32, 1>(out_image_, "out_image");
    const auto starts = view<index_t, 1>(starts_, "starts"), counts = view<index_t, 1>(counts_, "counts");
    const index_t n_cells = cell_image.shape[0];
    require_length(category_cells.shape[0], categories.shape[0] + 1, "category_cells");
    require_offsets(category_cells, n_cells, "category_cells");
    require_indices(cell_image, 0, images.shape[0], "cell_image");
    require_length(offsets.shape[0], n_cells + 1, "offsets");
    require_length(out_category.shape[0], n_cells, "out_category");
    require_length(out_image.shape[0], n_cells, "out_image");
    require_length(starts.shape[0], n_cells, "starts");
    require_length(counts.shape[0], n_cells, "counts");
    py::gil_scoped_release unlocked;
    cpu::place_cells(category_cells, categories, cell_image, images, offsets, first_dt, out_category, out_image, starts,
                     counts);
}

void move_cells(obj order_, obj starts_, obj counts_, obj cell_image_, obj n_gt_, obj scores_, obj matched_,
                obj ignored_, obj new_offsets_, obj new_cell_image_, obj new_n_gt_, obj new_scores_, obj new_matched_,
                obj new_ignored_) {
    const auto order = view<const i32, 1>(order_, "order"), cell_image = view<const i32, 1>(cell_image_, "cell_image");
    const auto starts = view<const index_t, 1>(starts_, "starts"), counts = view<const index_t, 1>(counts_, "counts");
    const auto n_gt = view<const i32, 2>(n_gt_, "n_gt");
    const auto scores = view<const double, 1>(scores_, "scores");
    const auto matched = view<const word_t, 2>(matched_, "matched"),
               ignored = view<const word_t, 2>(ignored_, "ignored");
    const auto new_offsets = view<index_t, 1>(new_offsets_, "new_offsets");
    const auto new_cell_image = view<i32, 1>(new_cell_image_, "new_cell_image");
    const auto new_n_gt = view<i32, 2>(new_n_gt_, "new_n_gt");
    const auto new_scores = view<double, 1>(new_scores_, "new_scores");
    const auto new_matched = view<word_t, 2>(new_matched_, "new_matched"),
               new_ignored = view<word_t, 2>(new_ignored_, "new_ignored");
    const index_t n_old = cell_image.shape[0], n_new = order.shape[0], n_dt = scores.shape[0],
                  n_words = matched.shape[1];
    require_indices(order, 0, n_old, "order");
    require_length(starts.shape[0], n_old, "starts");
    require_length(counts.shape[0], n_old, "counts");
    require_length(n_gt.shape[0], n_old, "n_gt");
    for (index_t c = 0; c < n_old; ++c)
        require(starts[c] >= 0 && counts[c] >= 0 && counts[c] <= n_dt - starts[c],
                "starts, counts: a cell ends after the last detection");
    require(matched.shape[0] == n_dt && ignored.shape[0] == n_dt && ignored.shape[1] == n_words,
            "matched, ignored: expected one row for each score");
    require_length(new_offsets.shape[0], n_new + 1, "new_offsets");
    require_length(new_cell_image.shape[0], n_new, "new_cell_image");
    require(new_n_gt.shape[0] == n_new && new_n_gt.shape[1] == n_gt.shape[1],
            "new_n_gt: expected one row for each cell");
    index_t total = 0;
    for (index_t c = 0; c < n_new; ++c) total += counts[order[c]];
    require(new_scores.shape[0] >= total && new_matched.shape[0] >= total && new_ignored.shape[0] >= total &&
                new_matched.shape[1] == n_words && new_ignored.shape[1] == n_words,
            "new_scores, new_matched, new_ignored: expected room for ", total, " detections");
    py::gil_scoped_release unlocked;
    cpu::move_cells(order, starts, counts, cell_image, n_gt, scores, matched, ignored, new_offsets, new_cell_image,
                    new_n_gt, new_scores, new_matched, new_ignored);
}

void box_iou(obj dt_, obj gt_, obj crowd_, obj dt_offsets_, obj gt_offsets_, obj out_offsets_, index_t kind, obj out_,
             index_t begin, index_t end, int n_threads) {
    const auto dt = view<const double, 2>(dt_, "dt"), gt = view<const double, 2>(gt_, "gt");
    const auto crowd = view<const u8, 1>(crowd_, "crowd");
    const auto dt_offsets = view<const index_t, 1>(dt_offsets_, "dt_offsets"),
               gt_offsets = view<const index_t, 1>(gt_offsets_, "gt_offsets");
    const auto out_offsets = view<const index_t, 1>(out_offsets_, "out_offsets");
    const auto out = view<double, 1>(out_, "out");
    require(dt.shape[1] == 4 && gt.shape[1] == 4, "dt, gt: expected 4 columns");
    require_length(crowd.shape[0], gt.shape[0], "crowd");
    require_offsets(dt_offsets, dt.shape[0], "dt_offsets");
    require_offsets(gt_offsets, gt.shape[0], "gt_offsets");
    require_offsets(out_offsets, out.shape[0], "out_offsets");
    require_length(gt_offsets.shape[0], dt_offsets.shape[0], "gt_offsets");
    require_length(out_offsets.shape[0], dt_offsets.shape[0], "out_offsets");
    require(kind >= 0 && kind < 3, "kind: expected 0, 1 or 2, got ", kind);
    for (index_t p = 0; p + 1 < dt_offsets.shape[0]; ++p)
        require(out_offsets[p + 1] - out_offsets[p] ==
                    (dt_offsets[p + 1] - dt_offsets[p]) * (gt_offsets[p + 1] - gt_offsets[p]),
                "out_offsets: problem ", p, " has another size");
    require_range(begin, end, dt_offsets.shape[0] - 1);
    run(n_threads, [&](const Threads& threads) {
        cpu::box_iou(dt, gt, crowd, dt_offsets, gt_offsets, out_offsets, kind, out, begin, end, threads);
    });
}

// What both matchers share: the words of thresholds and of detections, and the optional matches.
void require_words(View<const double, 1> thresholds, View<const word_t, 2> reach, View<word_t, 2> matched,
                   View<word_t, 2> ignored, View<i32, 2> match_of, View<double, 2> match_iou) {
    const index_t n_words = reach.shape[1];
    require(thresholds.shape[0] > 0, "thresholds: expected at least one");
    require_length(reach.shape[0], thresholds.shape[0] + 1, "reach");
    require(matched.shape[1] == n_words && ignored.shape[1] == n_words,
            "matched, ignored: expected as many words as reach");
    require_length(ignored.shape[0], matched.shape[0], "ignored");
    require(match_of.shape[0] == 0 || match_of.shape[0] == matched.shape[0],
            "match_of: expected one row for each detection, or none");
    require(match_of.shape[0] == match_iou.shape[0] && match_of.shape[1] == match_iou.shape[1],
            "match_iou: expected the shape of match_of");
    index_t highest = 0;
    for (index_t i = 0; i < reach.shape[0]; ++i)
        for (index_t w = 0; w < n_words; ++w)
            for (index_t b = 0; b < 64; ++b)
                if (reach(i, w) >> b & 1) highest = std::max(highest, w * 64 + b + 1);
    require(match_of.shape[0] == 0 || highest <= match_of.shape[1],
            "match_of: expected a column for each bit of reach");
    for (index_t w = 0; w < n_words; ++w)
        for (index_t i = 0; i < thresholds.shape[0]; ++i)
            require((reach(i, w) & ~reach(i + 1, w)) == 0, "reach: a row must hold the bits of the rows before it");
}

void match_boxes(obj dt_boxes_, obj dt_area_, obj dt_flags_, obj rows_, obj offsets_, obj gt_boxes_, obj gt_area_,
                 obj gt_flags_, obj gt_order_, obj cell_gt_, obj thresholds_, obj reach_, obj area_ranges_,
                 obj area_words_, obj n_gt_, obj matched_, obj ignored_, obj match_of_, obj match_iou_, index_t begin,
                 index_t end, int n_threads) {
    const auto dt_boxes = view<const double, 2>(dt_boxes_, "dt_boxes"),
               gt_boxes = view<const double, 2>(gt_boxes_, "gt_boxes");
    const auto dt_area = view<const double, 1>(dt_area_, "dt_area"),
               gt_area = view<const double, 1>(gt_area_, "gt_area");
    const auto dt_flags = view<const u8, 1>(dt_flags_, "dt_flags"), gt_flags = view<const u8, 1>(gt_flags_, "gt_flags");
    const auto rows = view<const i32, 1>(rows_, "rows"), gt_order = view<const i32, 1>(gt_order_, "gt_order");
    const auto offsets = view<const index_t, 1>(offsets_, "offsets"),
               cell_gt = view<const index_t, 1>(cell_gt_, "cell_gt");
    const auto thresholds = view<const double, 1>(thresholds_, "thresholds");
    const auto reach = view<const word_t, 2>(reach_, "reach"),
               area_words = view<const word_t, 2>(area_words_, "area_words");
    const auto area_ranges = view<const double, 2>(area_ranges_, "area_ranges");
    const auto n_gt = view<i32, 2>(n_gt_, "n_gt"), match_of = view<i32, 2>(match_of_, "match_of");
    const auto matched = view<word_t, 2>(matched_, "matched"), ignored = view<word_t, 2>(ignored_, "ignored");
    const auto match_iou = view<double, 2>(match_iou_, "match_iou");
    require(dt_boxes.shape[1] == 4 && gt_boxes.shape[1] == 4, "dt_boxes, gt_boxes: expected 4 columns");
    require(dt_area.shape[0] == 0 || dt_area.shape[0] == dt_boxes.shape[0],
            "dt_area: expected one for each box, or none");
    require(dt_flags.shape[0] == 0 || dt_flags.shape[0] == dt_boxes.shape[0],
            "dt_flags: expected one for each box, or none");
    require_length(gt_area.shape[0], gt_boxes.shape[0], "gt_area");
    require_length(gt_flags.shape[0], gt_boxes.shape[0], "gt_flags");
    require_offsets(offsets, rows.shape[0], "offsets");
    require_offsets(cell_gt, gt_order.shape[0], "cell_gt");
    const index_t n_cells = offsets.shape[0] - 1;
    require_length(cell_gt.shape[0], n_cells + 1, "cell_gt");
    require(area_ranges.shape[1] == 2, "area_ranges: expected 2 columns");
    require(area_words.shape[0] == area_ranges.shape[0] && area_words.shape[1] == reach.shape[1],
            "area_words: expected the words of each area range");
    require(n_gt.shape[0] == n_cells && n_gt.shape[1] == area_ranges.shape[0], "n_gt: expected a row for each cell");
    require_length(matched.shape[0], rows.shape[0], "matched");
    require_words(thresholds, reach, matched, ignored, match_of, match_iou);
    require_range(begin, end, n_cells);
    run(n_threads, [&](const Threads& threads) {
        require_indices(rows, 0, dt_boxes.shape[0], "rows");
        require_indices(gt_order, 0, gt_boxes.shape[0], "gt_order");
        cpu::match_boxes(dt_boxes, dt_area, dt_flags, rows, offsets, gt_boxes, gt_area, gt_flags, gt_order, cell_gt,
                         thresholds, reach, area_ranges, area_words, n_gt, matched, ignored, match_of, match_iou, begin,
                         end, threads);
    });
}

void match_ious(obj ious_, obj iou_offsets_, obj dt_offsets_, obj gt_offsets_, obj gt_ignored_, obj gt_flags_,
                obj thresholds_, obj reach_, obj matched_, obj ignored_, obj match_of_, obj match_iou_, index_t begin,
                index_t end, int n_threads) {
    const auto ious = view<const double, 1>(ious_, "ious"),
               thresholds = view<const double, 1>(thresholds_, "thresholds");
    const auto iou_offsets = view<const index_t, 1>(iou_offsets_, "iou_offsets"),
               dt_offsets = view<const index_t, 1>(dt_offsets_, "dt_offsets");
    const auto gt_offsets = view<const index_t, 1>(gt_offsets_, "gt_offsets");
    const auto gt_ignored = view<const word_t, 2>(gt_ignored_, "gt_ignored"),
               reach = view<const word_t, 2>(reach_, "reach");
    const auto gt_flags = view<const u8, 1>(gt_flags_, "gt_flags");
    const auto matched = view<word_t, 2>(matched_, "matched"), ignored = view<word_t, 2>(ignored_, "ignored");
    const auto match_of = view<i32, 2>(match_of_, "match_of");
    const auto match_iou = view<double, 2>(match_iou_, "match_iou");
    require_offsets(iou_offsets, ious.shape[0], "iou_offsets");
    require_offsets(dt_offsets, matched.shape[0], "dt_offsets");
    require_offsets(gt_offsets, gt_flags.shape[0], "gt_offsets");
    require_length(gt_offsets.shape[0], dt_offsets.shape[0], "gt_offsets");
    require_length(iou_offsets.shape[0], dt_offsets.shape[0], "iou_offsets");
    require(gt_ignored.shape[0] == gt_flags.shape[0] && gt_ignored.shape[1] == reach.shape[1],
            "gt_ignored: expected the words of each ground truth");
    for (index_t p = 0; p + 1 < dt_offsets.shape[0]; ++p)
        require(iou_offsets[p + 1] - iou_offsets[p] ==
                    (dt_offsets[p + 1] - dt_offsets[p]) * (gt_offsets[p + 1] - gt_offsets[p]),
                "iou_offsets: problem ", p, " has another size");
    require_words(thresholds, reach, matched, ignored, match_of, match_iou);
    require_range(begin, end, dt_offsets.shape[0] - 1);
    run(n_threads, [&](const Threads& threads) {
        cpu::match_ious(ious, iou_offsets, dt_offsets, gt_offsets, gt_ignored, gt_flags, thresholds, reach, matched,
                        ignored, match_of, match_iou, begin, end, threads);
    });
}

}  // namespace

PYBIND11_MODULE(_native, m, py::mod_gil_not_used()) {
    bind_files(m);
    bind_dicts(m);
    m.def("index_ids", &index_ids);
    m.def("sort_rows", &sort_rows);
    m.def("join_cells", &join_cells);
    m.def("rank_detections", &rank_detections);
    m.def("place_cells", &place_cells);
    m.def("move_cells", &move_cells);
    m.def("box_iou", &box_iou);
    m.def("match_boxes", &match_boxes);
    m.def("match_ious", &match_ious);
    bind_accumulate(m);
}
