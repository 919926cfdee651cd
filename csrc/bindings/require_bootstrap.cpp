#include <vector>

#include "require.h"
#include "require_outcomes.h"

namespace pymetrics::bindings {
namespace {

// Rows of a summary: the places that they name are there.
template <class Arguments>
void require_queries(const Arguments& of, index_t n_categories) {
    require(of.queries.shape[1] == 5, "queries: expected 5 columns");
    const index_t limits[] = {2, of.n_thresholds, of.n_gt.shape[1], of.max_dets.shape[0], of.members.shape[0]};
    for (index_t q = 0; q < of.queries.shape[0]; ++q)
        for (int i = 0; i < 5; ++i)
            require(of.queries(q, i) >= (i == 1 ? -1 : 0) && of.queries(q, i) < limits[i], "queries: row ", q,
                    ", column ", i, ": not below ", limits[i]);
    require_length(of.members.shape[1], n_categories, "members");
}

}  // namespace

void require_draw_weights(const DrawWeights& of) {
    require(of.quantiles.shape[0] < 256, "quantiles: expected fewer than 256");
    require_length(of.weights.shape[1], of.hashes.shape[0], "weights");
    require_range(of.begin, of.end, of.weights.shape[0]);
}

void require_replicate_means(const ReplicateMeans& of) {
    require_outcomes(of);
    const index_t n_categories = of.category_cells.shape[0] - 1, n_areas = of.n_gt.shape[1];
    const index_t n_replicates = of.weights.shape[0];
    require(of.n_thresholds >= 0 && of.n_thresholds * n_areas <= of.matched.shape[1] * 64,
            "n_thresholds: too few words for the bits");
    require_bits(of, of.n_thresholds * n_areas);
    require_length(of.cell_image.shape[0], of.offsets.shape[0] - 1, "cell_image");
    require_indices(of.cell_image, 0, of.weights.shape[1], "cell_image");
    require_queries(of, n_categories);
    require(of.means.shape[0] == n_replicates && of.means.shape[1] == of.queries.shape[0],
            "means: expected a number for each replicate and query");
    require(of.class_means.shape[0] == n_replicates && of.class_means.shape[1] == n_categories &&
                of.class_means.shape[2] <= of.queries.shape[0],
            "class_means: expected numbers for each replicate and category, of some queries");
    require_range(of.begin, of.end, n_replicates);
    index_t greatest = 0;
    for (index_t i = 0; i < n_replicates * of.weights.shape[1]; ++i)
        greatest = std::max<index_t>(greatest, of.weights.data[i]);
    for (index_t k = 0; k < n_categories; ++k) {
        index_t n = of.offsets[of.category_cells[k + 1]] - of.offsets[of.category_cells[k]];
        for (index_t c = of.category_cells[k]; c < of.category_cells[k + 1]; ++c) {
            index_t most = 0;
            for (index_t a = 0; a < n_areas; ++a) most = std::max<index_t>(most, of.n_gt(c, a));
            n += most;
        }
        require(n * std::max<index_t>(greatest, 1) < index_t(1) << 26,
                "weights: the detections and ground truths of category ", k, " times the greatest weight reach 2^26");
    }
}

void require_image_means(const ImageMeans& of) {
    const index_t n_dt = of.matched.shape[0], n_cells = of.offsets.shape[0] - 1, n_areas = of.n_gt.shape[1];
    require(of.ignored.shape[0] == n_dt && of.ignored.shape[1] == of.matched.shape[1],
            "matched, ignored: expected words of equal shape");
    require_offsets(of.offsets, n_dt, "offsets");
    require_offsets(of.image_cells, n_cells, "image_cells");
    require(of.n_gt.shape[0] == n_cells, "n_gt: expected a row for each cell");
    require(of.n_thresholds >= 0 && of.n_thresholds * n_areas <= of.matched.shape[1] * 64,
            "n_thresholds: too few words for the bits");
    require_length(of.cell_category.shape[0], n_cells, "cell_category");
    require_queries(of, of.members.shape[1]);
    require_indices(of.cell_category, 0, of.members.shape[1], "cell_category");
    const index_t n_images = of.image_cells.shape[0] - 1;
    require(of.means.shape[0] == n_images && of.means.shape[1] == of.queries.shape[0],
            "means: expected a number for each image and query");
    require_range(of.begin, of.end, n_images);
}

}  // namespace pymetrics::bindings
