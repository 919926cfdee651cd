#include "require.h"

namespace pymetrics::bindings {
namespace {

void require_sizes(View<const index_t, 2> sizes, index_t n, const char* name) {
    require(sizes.shape[0] == n && sizes.shape[1] == 2, name, ": expected height and width of each mask");
    bool fits = true;
    for (index_t i = 0; i < n; ++i) {
        const index_t height = sizes(i, 0), width = sizes(i, 1);
        constexpr index_t most = 0xFFFFFFFF;  // of pixels
        fits &= height >= 0 && width >= 0 && height <= most && width <= most && (width == 0 || height <= most / width);
    }
    require(fits, name, ": expected sides from 0 on, and fewer than 2**32 pixels");
}

// Texts within a text.
void require_texts(View<const std::uint8_t, 1> text, View<const index_t, 1> begins, View<const index_t, 1> ends) {
    require_length(ends.shape[0], begins.shape[0], "ends");
    bool within = true;
    for (index_t i = 0; i < begins.shape[0]; ++i)
        within &= 0 <= begins[i] && begins[i] <= ends[i] && ends[i] <= text.shape[0];
    require(within, "begins, ends: expected places in the text");
}

// What mask_iou and text_iou hold of n masks of one side, and the rows that point at them.
void require_measured(index_t n, View<const index_t, 2> sizes, View<const run_t, 1> areas, View<const double, 2> boxes,
                      View<const std::int32_t, 1> rows, const char* name) {
    require(
        sizes.shape[0] == n && sizes.shape[1] == 2 && areas.shape[0] == n && boxes.shape[0] == n && boxes.shape[1] == 4,
        name, ": expected a size, an area and a box of each mask");
    require_indices(rows, 0, n, name);
}

// The ground truths and the problems of mask_iou and text_iou.
template <class Of>
void require_mask_problems(const Of& of) {
    require_offsets(of.gt_runs, of.gt_counts.shape[0], "gt_rows");
    require_measured(of.gt_runs.shape[0] - 1, of.gt_sizes, of.gt_areas, of.gt_boxes, of.gt_rows, "gt_rows");
    require_length(of.crowd.shape[0], of.gt_rows.shape[0], "crowd");
    require_pairs(of.out_offsets, of.out, of.dt_offsets, of.dt_rows.shape[0], of.gt_offsets, of.gt_rows.shape[0],
                  "out_offsets", "problem");
    require_range(of.begin, of.end, of.dt_offsets.shape[0] - 1);
}

}  // namespace

void require_measure_masks(const MeasureMasks& of) {
    const index_t n = of.offsets.shape[0] - 1;
    require_offsets(of.offsets, of.counts.shape[0], "offsets");
    require_sizes(of.sizes, n, "sizes");
    require_length(of.areas.shape[0], n, "areas");
    require_length(of.totals.shape[0], n, "totals");
    require(of.boxes.shape[0] == n && of.boxes.shape[1] == 4, "boxes: expected 4 columns for each mask");
    require_range(of.begin, of.end, n);
}

void require_encode_masks(const EncodeMasks& of) {
    const index_t n = of.pixels.shape[0];
    require_length(of.counts.shape[0], n, "counts");
    require_length(of.n_runs.shape[0], n, "n_runs");
    require_range(of.begin, of.end, n);
}

void require_decode_masks(const DecodeMasks& of) {
    const index_t n = of.offsets.shape[0] - 1;
    require_offsets(of.offsets, of.counts.shape[0], "offsets");
    require_length(of.pixels.shape[0], n, "pixels");
    require_range(of.begin, of.end, n);
}

void require_merge_masks(const MergeMasks& of) {
    const index_t n = of.offsets.shape[0] - 1, n_groups = of.groups.shape[0] - 1;
    require_offsets(of.offsets, of.counts.shape[0], "offsets");
    require(of.sizes.shape[0] == n && of.sizes.shape[1] == 2, "sizes: expected height and width of each mask");
    require_offsets(of.groups, n, "groups");
    require_offsets(of.room, of.merged.shape[0], "room");
    require_length(of.room.shape[0], n_groups + 1, "room");
    for (index_t g = 0; g < n_groups; ++g)
        require(of.room[g + 1] - of.room[g] >= of.offsets[of.groups[g + 1]] - of.offsets[of.groups[g]], "room: group ",
                g, " needs room for all runs of its masks");
    require_length(of.n_runs.shape[0], n_groups, "n_runs");
    require(of.merged_sizes.shape[0] == n_groups && of.merged_sizes.shape[1] == 2,
            "merged_sizes: expected height and width of each group");
    require_range(of.begin, of.end, n_groups);
}

void require_mask_iou(const MaskIou& of) {
    require_offsets(of.dt_runs, of.dt_counts.shape[0], "dt_rows");
    require_measured(of.dt_runs.shape[0] - 1, of.dt_sizes, of.dt_areas, of.dt_boxes, of.dt_rows, "dt_rows");
    require_mask_problems(of);
}

void require_measure_texts(const MeasureTexts& of) {
    const index_t n = of.begins.shape[0];
    require_texts(of.text, of.begins, of.ends);
    require_sizes(of.sizes, n, "sizes");
    require_length(of.n_runs.shape[0], n, "n_runs");
    require_length(of.areas.shape[0], n, "areas");
    require_length(of.totals.shape[0], n, "totals");
    require(of.boxes.shape[0] == n && of.boxes.shape[1] == 4, "boxes: expected 4 columns for each mask");
    require_range(of.begin, of.end, n);
}

void require_text_iou(const TextIou& of) {
    require_texts(of.text, of.begins, of.ends);
    require_measured(of.begins.shape[0], of.dt_sizes, of.dt_areas, of.dt_boxes, of.dt_rows, "dt_rows");
    require_mask_problems(of);
}

void require_boundary_masks(const BoundaryMasks& of) {
    const index_t n = of.offsets.shape[0] - 1;
    require_offsets(of.offsets, of.counts.shape[0], "offsets");
    require_sizes(of.sizes, n, "sizes");
    require_length(of.distances.shape[0], n, "distances");
    bool positive = true;
    for (index_t i = 0; i < n; ++i) positive &= of.distances[i] > 0;
    require(positive, "distances: expected numbers of at least 1");
    require_offsets(of.room, of.bounds.shape[0], "room");
    require_length(of.room.shape[0], n + 1, "room");
    require_length(of.n_runs.shape[0], n, "n_runs");
    require_range(of.begin, of.end, n);
}

void require_count_runs(const CountRuns& of) {
    require_texts(of.text, of.begins, of.ends);
    require_length(of.n_runs.shape[0], of.begins.shape[0], "n_runs");
    require_range(of.begin, of.end, of.begins.shape[0]);
}

void require_read_strings(const ReadStrings& of) {
    require_texts(of.text, of.begins, of.ends);
    require_offsets(of.run_offsets, of.counts.shape[0], "run_offsets");
    require_length(of.run_offsets.shape[0], of.begins.shape[0] + 1, "run_offsets");
    require_range(of.begin, of.end, of.begins.shape[0]);
}

void require_measure_strings(const MeasureStrings& of) {
    require_offsets(of.offsets, of.counts.shape[0], "offsets");
    require_length(of.lengths.shape[0], of.offsets.shape[0] - 1, "lengths");
    require_range(of.begin, of.end, of.offsets.shape[0] - 1);
}

void require_write_strings(const WriteStrings& of) {
    require_offsets(of.offsets, of.counts.shape[0], "offsets");
    require_offsets(of.text_offsets, of.text.shape[0], "text_offsets");
    require_length(of.text_offsets.shape[0], of.offsets.shape[0], "text_offsets");
    const index_t n = of.offsets.shape[0] - 1;
    for (index_t i = 0; i < n; ++i) {
        const index_t length = strings::length_of(runs_of(of.counts, of.offsets, i));
        require_length(of.text_offsets[i + 1] - of.text_offsets[i], length, "text_offsets: text");
    }
    require_range(of.begin, of.end, n);
}

void require_draw_polygons(const DrawPolygons& of) {
    const index_t n = of.offsets.shape[0] - 1;
    require(of.points.shape[1] == 2, "points: expected 2 columns");
    require_offsets(of.offsets, of.points.shape[0], "offsets");
    require_sizes(of.sizes, n, "sizes");
    require_offsets(of.room, of.counts.shape[0], "room");
    require_length(of.room.shape[0], n + 1, "room");
    require_length(of.n_runs.shape[0], n, "n_runs");
    bool can = true;
    for (index_t i = 0; i < 2 * of.points.shape[0]; ++i) can &= can_draw(of.points.data[i]);
    require(can, "points: expected coordinates below 2**27 in size");
    require_range(of.begin, of.end, n);
}

}  // namespace pymetrics::bindings
