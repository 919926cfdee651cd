#include "require.h"

namespace pymetrics::bindings {
namespace {

void require_areas(View<const double, 2> area_ranges, View<const word_t, 2> area_bits, index_t n_words) {
    require(area_ranges.shape[1] == 2, "area_ranges: expected 2 columns");
    require(area_bits.shape[0] == area_ranges.shape[0] && area_bits.shape[1] == n_words, "area_bits: expected ",
            n_words, " words for each area range");
}

// A flag for each of n rows, or none.
void require_flags(View<const std::uint8_t, 1> flags, index_t n, const char* name) {
    require(flags.shape[0] == 0 || flags.shape[0] == n, name, ": expected one for each row, or none");
}

// What both matchers share: thresholds, their bits, and the outputs for n detections.
template <class Arguments>
void require_outputs(const Arguments& of, index_t n_dt) {
    const index_t n_words = of.reached_bits.shape[1], n_thresholds = of.thresholds.shape[0];
    require(n_thresholds > 0, "thresholds: expected at least one");
    require_length(of.reached_bits.shape[0], n_thresholds + 1, "reached_bits");
    require(of.matched.shape[1] == n_words && of.ignored.shape[1] == n_words,
            "matched, ignored: expected as many words as reached_bits");
    require_length(of.matched.shape[0], n_dt, "matched");
    require_length(of.ignored.shape[0], n_dt, "ignored");
    require(of.match_of.shape[0] == 0 || of.match_of.shape[0] == n_dt,
            "match_of: expected one row for each detection, or none");
    require(of.match_of.shape[0] == of.match_iou.shape[0] && of.match_of.shape[1] == of.match_iou.shape[1],
            "match_iou: expected the shape of match_of");
    index_t n_bits = 0;
    for (index_t i = 0; i < of.reached_bits.shape[0]; ++i)
        for (index_t w = 0; w < n_words; ++w)
            for (index_t b = 0; b < 64; ++b)
                if (of.reached_bits(i, w) >> b & 1) n_bits = std::max(n_bits, w * 64 + b + 1);
    require(of.match_of.shape[0] == 0 || n_bits <= of.match_of.shape[1],
            "match_of: expected a column for each bit of reached_bits");
    for (index_t w = 0; w < n_words; ++w)
        for (index_t i = 0; i < n_thresholds; ++i)
            require((of.reached_bits(i, w) & ~of.reached_bits(i + 1, w)) == 0,
                    "reached_bits: a row must hold the bits of the rows before it");
}

// What kernels of overlaps share: boxes of n columns, and the offsets of problems.
template <class Arguments>
void require_problems(const Arguments& of, index_t n_columns) {
    require(of.dt.shape[1] == n_columns && of.gt.shape[1] == n_columns, "dt, gt: expected ", n_columns, " columns");
    require_length(of.crowd.shape[0], of.gt.shape[0], "crowd");
    require_pairs(of.out_offsets, of.out, of.dt_offsets, of.dt.shape[0], of.gt_offsets, of.gt.shape[0], "out_offsets",
                  "problem");
    require_range(of.begin, of.end, of.dt_offsets.shape[0] - 1);
}

}  // namespace

void require_box_iou(const BoxIou& of) {
    require_problems(of, 4);
    require(of.kind >= 0 && of.kind < 3, "kind: expected 0, 1 or 2, got ", of.kind);
}

void require_rotated_iou(const RotatedIou& of) { require_problems(of, 6); }

void require_area_words(const AreaWords& of) {
    const index_t n_cells = of.offsets.shape[0] - 1;
    require_flags(of.flags, of.area.shape[0], "flags");
    require_offsets(of.offsets, of.rows.shape[0], "offsets");
    require_length(of.words.shape[0], of.rows.shape[0], "words");
    require_areas(of.area_ranges, of.area_bits, of.words.shape[1]);
    require((of.n_inside.shape[0] == 0 || of.n_inside.shape[0] == n_cells) &&
                of.n_inside.shape[1] == of.area_ranges.shape[0],
            "n_inside: expected a count for each cell and area range, or no cell");
    require_range(of.begin, of.end, n_cells);
    require_indices(of.rows, 0, of.area.shape[0], "rows");
}

void require_match_cells(const MatchCells& of) {
    const index_t n_words = of.reached_bits.shape[1], n_dt = of.dt_rows.shape[0], n_gt = of.gt_rows.shape[0];
    require_pairs(of.overlap_offsets, of.overlaps, of.dt_offsets, n_dt, of.gt_offsets, n_gt, "overlap_offsets", "cell");
    require((of.dt_ignored.shape[0] == 0 || of.dt_ignored.shape[0] == n_dt) && of.dt_ignored.shape[1] == n_words,
            "dt_ignored: expected the words of each detection, or of none");
    require(of.gt_ignored.shape[0] == n_gt && of.gt_ignored.shape[1] == n_words,
            "gt_ignored: expected the words of each ground truth");
    require_outputs(of, n_dt);
    require_range(of.begin, of.end, of.dt_offsets.shape[0] - 1);
    if (of.dt_flags.shape[0]) require_indices(of.dt_rows, 0, of.dt_flags.shape[0], "dt_rows");
    require_indices(of.gt_rows, 0, of.gt_flags.shape[0], "gt_rows");
}

void require_match_boxes(const MatchBoxes& of) {
    const index_t n_cells = of.dt_offsets.shape[0] - 1;
    require(of.dt_boxes.shape[1] == 4 && of.gt_boxes.shape[1] == 4, "dt_boxes, gt_boxes: expected 4 columns");
    require(of.dt_area.shape[0] == 0 || of.dt_area.shape[0] == of.dt_boxes.shape[0],
            "dt_area: expected one for each row, or none");
    require_flags(of.dt_flags, of.dt_boxes.shape[0], "dt_flags");
    require_length(of.gt_area.shape[0], of.gt_boxes.shape[0], "gt_area");
    require_length(of.gt_flags.shape[0], of.gt_boxes.shape[0], "gt_flags");
    require_offsets(of.dt_offsets, of.dt_rows.shape[0], "dt_offsets");
    require_offsets(of.gt_offsets, of.gt_rows.shape[0], "gt_offsets");
    require_length(of.gt_offsets.shape[0], n_cells + 1, "gt_offsets");
    require_areas(of.area_ranges, of.area_bits, of.reached_bits.shape[1]);
    require(of.n_gt.shape[0] == n_cells && of.n_gt.shape[1] == of.area_ranges.shape[0],
            "n_gt: expected a row for each cell");
    require_outputs(of, of.dt_rows.shape[0]);
    require_range(of.begin, of.end, n_cells);
    require_indices(of.dt_rows, 0, of.dt_boxes.shape[0], "dt_rows");
    require_indices(of.gt_rows, 0, of.gt_boxes.shape[0], "gt_rows");
}

}  // namespace pymetrics::bindings
