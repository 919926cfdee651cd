#include "require.h"

namespace pymetrics::bindings {

void require_index_ids(const IndexIds& of) {
    require_length(of.out.shape[0], of.ids.shape[0], "out");
    for (index_t i = 0; i + 1 < of.known.shape[0]; ++i)
        require(of.known[i] < of.known[i + 1], "known: ids must rise, at index ", i + 1);
}

void require_sort_rows(const SortRows& of) {
    constexpr index_t least = -(index_t(1) << 31);
    require_length(of.image.shape[0], of.category.shape[0], "image");
    require_length(of.order.shape[0], of.category.shape[0], "order");
    require(of.starts.shape[0] > 0, "starts: expected at least one");
    require_indices(of.category, least, of.starts.shape[0] - 1, "category");
    require_indices(of.image, least, of.n_images, "image");
}

void require_join_cells(const JoinCells& of) {
    require(of.limit >= 0, "limit: expected at least 0, got ", of.limit);
    require_length(of.gt_starts.shape[0], of.dt_starts.shape[0], "gt_starts");
    require_length(of.category_cells.shape[0], of.dt_starts.shape[0], "category_cells");
    require_length(of.cell_dt.shape[0], of.cell_image.shape[0] + 1, "cell_dt");
    require_length(of.cell_gt.shape[0], of.cell_image.shape[0] + 1, "cell_gt");
    require_length(of.offsets.shape[0], of.cell_image.shape[0] + 1, "offsets");
    require_offsets(of.dt_starts, of.dt_order.shape[0], "dt_starts");
    require_offsets(of.gt_starts, of.gt_order.shape[0], "gt_starts");
    require_indices(of.dt_order, 0, of.dt_image.shape[0], "dt_order");
    require_indices(of.gt_order, 0, of.gt_image.shape[0], "gt_order");
}

void require_rank_detections(const RankDetections& of) {
    require_offsets(of.cell_dt, of.dt_order.shape[0], "cell_dt");
    require_offsets(of.offsets, of.rows.shape[0], "offsets");
    require_length(of.offsets.shape[0], of.cell_dt.shape[0], "offsets");
    require_length(of.ranked.shape[0], of.rows.shape[0], "ranked");
    for (index_t c = 0; c + 1 < of.offsets.shape[0]; ++c)
        require(of.offsets[c + 1] - of.offsets[c] <= of.cell_dt[c + 1] - of.cell_dt[c],
                "offsets: a cell keeps more than it has");
    require_range(of.begin, of.end, of.offsets.shape[0] - 1);
    require_indices(of.dt_order, 0, of.scores.shape[0], "dt_order");
}

void require_place_cells(const PlaceCells& of) {
    const index_t n_cells = of.cell_image.shape[0];
    require_length(of.category_cells.shape[0], of.categories.shape[0] + 1, "category_cells");
    require_offsets(of.category_cells, n_cells, "category_cells");
    require_indices(of.cell_image, 0, of.images.shape[0], "cell_image");
    require_length(of.offsets.shape[0], n_cells + 1, "offsets");
    require_length(of.out_category.shape[0], n_cells, "out_category");
    require_length(of.out_image.shape[0], n_cells, "out_image");
    require_length(of.starts.shape[0], n_cells, "starts");
    require_length(of.counts.shape[0], n_cells, "counts");
}

void require_move_cells(const MoveCells& of) {
    const index_t n_old = of.cell_image.shape[0], n_new = of.order.shape[0];
    const index_t n_dt = of.scores.shape[0], n_words = of.matched.shape[1];
    require_indices(of.order, 0, n_old, "order");
    require_length(of.starts.shape[0], n_old, "starts");
    require_length(of.counts.shape[0], n_old, "counts");
    require_length(of.n_gt.shape[0], n_old, "n_gt");
    for (index_t c = 0; c < n_old; ++c)
        require(of.starts[c] >= 0 && of.counts[c] >= 0 && of.counts[c] <= n_dt - of.starts[c],
                "starts, counts: a cell ends after the last detection");
    require(of.matched.shape[0] == n_dt && of.ignored.shape[0] == n_dt && of.ignored.shape[1] == n_words,
            "matched, ignored: expected one row for each score");
    require_length(of.new_offsets.shape[0], n_new + 1, "new_offsets");
    require_length(of.new_cell_image.shape[0], n_new, "new_cell_image");
    require(of.new_n_gt.shape[0] == n_new && of.new_n_gt.shape[1] == of.n_gt.shape[1],
            "new_n_gt: expected one row for each cell");
    index_t total = 0;
    for (index_t c = 0; c < n_new; ++c) total += of.counts[of.order[c]];
    require(of.new_scores.shape[0] >= total && of.new_matched.shape[0] >= total && of.new_ignored.shape[0] >= total &&
                of.new_matched.shape[1] == n_words && of.new_ignored.shape[1] == n_words,
            "new_scores, new_matched, new_ignored: expected room for ", total, " detections");
}

}  // namespace pymetrics::bindings
