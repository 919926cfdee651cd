"""Arguments of kernels that would make memory unsafe: changes of a good call, and how the refusal begins."""

import numpy as np

# Arrays that may have rows that no index points at.
LOOSE = {
    ("rank_detections", "scores"),
    ("rank_detections", "dt_order"),
    ("join_cells", "dt_image"),
    ("join_cells", "gt_image"),
    ("place_cells", "images"),
    ("move_cells", "order"),
    ("mean_valid", "values"),
    ("index_ids", "known"),
    ("match_boxes", "gt_rows"),
    ("area_words", "area"),
    ("match_cells", "dt_flags"),
    ("match_cells", "gt_flags"),
    ("move_cells", "new_scores"),
    ("move_cells", "new_matched"),
    ("move_cells", "new_ignored"),
    ("draw_weights", "quantiles"),
    ("replicate_means", "max_dets"),
    ("replicate_means", "recall_thresholds"),
    ("average_precision", "recall_thresholds"),
    ("image_means", "max_dets"),
    ("image_means", "members"),
    ("image_means", "recall_thresholds"),
}


def change(name, at, value):
    def apply(args):
        args[name] = args[name].copy()
        args[name][at] = value

    return apply


def add_row(name):
    def apply(args):
        args[name] = np.concatenate([args[name], args[name][-1:]])

    return apply


def put(name, value):
    def apply(args):
        args[name] = value

    return apply


def columns(name, n):
    def apply(args):
        args[name] = np.zeros((len(args[name]), n), args[name].dtype)

    return apply


def cut(name):
    """One column less on the last axis."""

    def apply(args):
        args[name] = args[name][..., :-1].copy()

    return apply


def take_the_largest_cell(args):
    """As often as there are cells."""
    args["order"] = np.full_like(args["order"], args["counts"].argmax())


BIG, TOP = 2**31 - 1, np.uint64(1 << 63)
BAD_VALUES = {
    "index_ids": [
        (change("known", -1, -(2**63)), "known: ids must rise, at index"),
        (add_row("known"), "known: .*rise"),
    ],
    "sort_rows": [
        (change("category", 0, BIG), "category: an index is not in"),
        (change("image", -1, BIG), "image: an index"),
        (put("starts", np.empty(0, np.int64)), "starts: expected at least one"),
        (put("n_images", 0), "image: an index"),
        (put("n_images", -1), "image: an index|n_images"),
        (add_row("order"), "order: expected length"),
    ],
    "join_cells": [
        (put("limit", -1), "limit: expected at least 0, got -1"),
        (change("dt_starts", 1, BIG), "dt_starts: offsets must"),
        (change("gt_starts", 0, BIG), "gt_starts: offsets must not fall"),
        (change("dt_starts", 0, -1), "dt_starts: expected"),
        (change("dt_order", 0, BIG), "dt_order: an index"),
        (change("gt_order", 0, -1), "gt_order: an index is not in"),
        (add_row("gt_starts"), "gt_starts: expected length"),
        (add_row("cell_dt"), "cell_dt: expected length"),
    ],
    "rank_detections": [
        (change("cell_dt", -1, BIG), "cell_dt: offsets must end at"),
        (change("cell_dt", 1, -5), "cell_dt: .*fall"),
        (change("offsets", 1, BIG), "offsets: offsets must not fall"),
        (change("offsets", 0, -1), "offsets: expected"),
        (change("dt_order", 0, -1), "dt_order: an index"),
        (change("dt_order", 0, BIG), "dt_order: an index"),
        (put("end", BIG), "begin, end: expected a range within"),
        (put("begin", -1), "begin, end: expected a range"),
        (change("cell_dt", slice(None), 0), "offsets: a cell keeps more than it has"),
    ],
    "place_cells": [
        (change("category_cells", 0, BIG), "category_cells: .*fall"),
        (change("cell_image", 0, BIG), "cell_image: an index"),
        (change("category_cells", -1, BIG), "category_cells: .*end"),
        (change("cell_image", 0, -1), "cell_image: an index"),
    ],
    "move_cells": [
        (change("order", 0, BIG), "order: an index"),
        (change("order", 0, -1), "order: an index"),
        (change("starts", 0, -1), "starts, counts: "),
        (change("counts", 0, BIG), "starts, counts: "),
        (change("counts", 0, -1), "starts, counts: "),
        (columns("new_n_gt", 99), "new_n_gt: expected one row"),
        (change("starts", 0, 2**63 - 1), "starts, counts: "),
        (take_the_largest_cell, "new_scores.*room"),
        (columns("ignored", 99), "matched, ignored: "),
        (columns("new_matched", 99), "new_scores, new_matched"),
    ],
    "box_iou": [
        (columns("dt", 5), "dt, gt: expected 4 columns"),
        (columns("gt", 3), "dt, gt: expected 4 columns"),
        (change("dt_offsets", 1, BIG), "dt_offsets: offsets must"),
        (change("gt_offsets", 0, -1), "gt_offsets: expected"),
        (change("out_offsets", -1, BIG), "out_offsets: offsets must end"),
        (put("kind", 3), "kind: expected 0, 1 or 2, got 3"),
        (change("out_offsets", slice(None), 0), "out_offsets: problem . has another size"),
        (put("end", 99), "begin, end:"),
    ],
    "rotated_iou": [
        (columns("dt", 5), "dt, gt: expected 6 columns"),
        (columns("gt", 8), "dt, gt: expected 6 columns"),
        (change("dt_offsets", 1, BIG), "dt_offsets: offsets must"),
        (change("gt_offsets", 0, -1), "gt_offsets: expected"),
        (change("out_offsets", -1, BIG), "out_offsets: offsets must end"),
        (change("out_offsets", slice(None), 0), "out_offsets: problem . has another size"),
        (add_row("crowd"), "crowd: expected length"),
        (put("end", 99), "begin, end:"),
    ],
    "measure_texts": [
        (change("begins", 0, -1), "begins, ends: expected places"),
        (change("ends", -1, BIG), "begins, ends: expected places"),
        (add_row("ends"), "ends: expected length"),
        (columns("sizes", 3), "sizes: expected height and width"),
        (add_row("n_runs"), "n_runs: expected length"),
        (add_row("areas"), "areas: expected length"),
        (add_row("totals"), "totals: expected length"),
        (columns("boxes", 3), "boxes: expected 4 columns"),
        (put("end", 99), "begin, end:"),
    ],
    "text_iou": [
        (change("begins", 0, -1), "begins, ends: expected places"),
        (columns("dt_sizes", 3), "dt_rows: expected a size"),
        (add_row("gt_areas"), "gt_rows: expected a size"),
        (change("gt_runs", -1, BIG), "gt_rows: offsets must end"),
        (change("dt_rows", 0, BIG), "dt_rows: an index"),
        (change("gt_rows", -1, -1), "gt_rows: an index"),
        (add_row("crowd"), "crowd: expected length"),
        (change("dt_offsets", 1, BIG), "dt_offsets: offsets must"),
        (change("out_offsets", slice(None), 0), "out_offsets: problem . has another size"),
        (put("end", 99), "begin, end:"),
    ],
    "boundary_masks": [
        (change("offsets", -1, BIG), "offsets: offsets must end"),
        (columns("sizes", 3), "sizes: expected height and width"),
        (change("sizes", (0, 0), -1), "sizes: expected sides"),
        (change("distances", 0, 0), "distances: expected numbers of at least 1"),
        (add_row("distances"), "distances: expected length"),
        (change("room", -1, BIG), "room: offsets must end"),
        (add_row("n_runs"), "n_runs: expected length"),
        (put("end", 99), "begin, end:"),
    ],
    "keypoint_areas": [
        (put("points", np.empty((60, 0, 3))), "points: expected keypoints of 3 numbers"),
        (put("points", np.empty((60, 2, 2))), "points: expected keypoints of 3 numbers"),
        (add_row("areas"), "areas: expected length"),
        (put("end", 99), "begin, end:"),
    ],
    "keypoint_exponents": [
        (put("variances", np.empty(2)), "dt_points, gt_points: expected a keypoint for each"),
        (put("dt_points", np.empty((6, 17, 2))), "dt_points, gt_points: expected"),
        (columns("gt_boxes", 5), "gt_boxes: expected 4 columns"),
        (add_row("gt_scales"), "gt_scales: expected length"),
        (change("dt_rows", 0, BIG), "dt_rows: an index"),
        (change("gt_rows", -1, -1), "gt_rows: an index"),
        (change("dt_offsets", 1, BIG), "dt_offsets: offsets must"),
        (change("gt_offsets", 0, -1), "gt_offsets: expected"),
        (change("term_offsets", -1, BIG), "term_offsets: offsets must end"),
        (change("term_offsets", slice(None), 0), "term_offsets: problem . has another size"),
        (put("end", 99), "begin, end:"),
    ],
    "keypoint_overlaps": [
        (change("n_terms", slice(None), 1000), "term_offsets: problem . has another size"),
        (change("n_terms", 0, -1), "term_offsets: problem . has another size"),
        (change("n_terms", slice(None), BIG), "term_offsets: problem . has another size"),
        (change("dt_offsets", 1, 2**40), "dt_offsets: offsets must"),
        (change("gt_offsets", -1, BIG), "gt_offsets: offsets must end"),
        (change("term_offsets", -1, BIG), "term_offsets: offsets must end"),
        (change("out_offsets", -1, BIG), "out_offsets: offsets must end"),
        (change("out_offsets", slice(None), 0), "out_offsets: problem . has another size"),
        (put("end", 99), "begin, end:"),
    ],
    "area_words": [
        (change("rows", 0, BIG), "rows: an index"),
        (change("rows", 0, -1), "rows: an index"),
        (change("offsets", -1, BIG), "offsets: offsets must end"),
        (change("offsets", 0, -2), "offsets: expected"),
        (add_row("flags"), "flags: expected one"),
        (add_row("words"), "words: expected length"),
        (columns("words", 9), "area_bits: expected 9 words"),
        (columns("area_ranges", 3), "area_ranges: expected 2"),
        (columns("area_bits", 9), "area_bits: expected"),
        (columns("n_inside", 99), "n_inside: expected a count"),
        (add_row("n_inside"), "n_inside: expected a count"),
        (put("end", 99), "begin, end: "),
    ],
    "match_cells": [
        (change("overlap_offsets", -1, BIG), "overlap_offsets: offsets must end"),
        (change("dt_offsets", 0, BIG), "dt_offsets: .*fall"),
        (change("gt_offsets", -1, BIG), "gt_offsets: offsets must end"),
        (change("dt_rows", 0, BIG), "dt_rows: an index"),
        (change("gt_rows", 0, BIG), "gt_rows: an index"),
        (change("gt_rows", -1, -1), "gt_rows: an index"),
        (put("thresholds", np.empty(0)), "thresholds: "),
        (change("overlap_offsets", slice(None), 0), "overlap_offsets: cell . has another size"),
        (put("end", 99), "begin, end: "),
        (change("reached_bits", (-1, -1), ~np.uint64(0)), "match_of: expected a column"),
        (columns("gt_ignored", 9), "gt_ignored: "),
        (columns("dt_ignored", 9), "dt_ignored: "),
        (add_row("dt_ignored"), "dt_ignored: "),
        (columns("ignored", 9), "matched, ignored: "),
        (columns("match_of", 1), "match_iou: expected the shape"),
    ],
    "match_boxes": [
        (columns("dt_boxes", 5), "dt_boxes, gt_boxes: expected 4 columns"),
        (change("dt_rows", 0, BIG), "dt_rows: an index"),
        (change("dt_rows", 0, -1), "dt_rows: an index"),
        (change("gt_rows", 0, BIG), "gt_rows: an index"),
        (change("dt_offsets", -1, BIG), "dt_offsets: offsets must end"),
        (change("gt_offsets", -1, BIG), "gt_offsets: offsets must end"),
        (change("gt_offsets", 0, BIG), "gt_offsets: offsets must not fall"),
        (change("dt_offsets", 0, -2), "dt_offsets: expected"),
        (change("reached_bits", 0, ~np.uint64(0)), "reached_bits: |match_of: "),
        (columns("area_ranges", 3), "area_ranges: expected 2"),
        (change("reached_bits", (-1, -1), ~np.uint64(0)), "match_of: expected a column for each bit of reached_bits"),
        (columns("match_of", 1), "match_iou: expected the shape"),
        (columns("area_bits", 9), "area_bits: "),
        (columns("n_gt", 99), "n_gt: expected a row"),
        (columns("matched", 99), "matched, ignored: "),
        (add_row("dt_area"), "dt_area: expected one"),
        (add_row("dt_flags"), "dt_flags: expected one"),
        (put("thresholds", np.empty(0)), "thresholds: expected at least one"),
        (put("begin", 99), "begin, end: "),
    ],
    "accumulate": [
        (change("offsets", -1, BIG), "offsets: offsets must end"),
        (change("category_cells", 0, BIG), "category_cells: "),
        (change("max_dets", 0, BIG), "max_dets: limits must not fall"),
        (add_row("recall"), "precision, recall, scores_at: axis 0"),
        (change("matched", (0, -1), TOP), "matched, ignored: a bit beyond"),
        (columns("ignored", 9), "matched, ignored: "),
        (change("ignored", (-1, -1), TOP), "matched, ignored: a bit beyond"),
        (columns("n_gt", 99), "n_gt: expected a row"),
        (put("max_dets", np.zeros(255, np.int64)), "max_dets: expected fewer|precision, recall, scores_at: axis 4"),
        (put("end", 99), "begin, end: "),
        (put("begin", -1), "begin, end: "),
    ],
    "accumulate_range": [
        (columns("ignored", 9), "matched, ignored: expected the words"),
        (add_row("limit_index"), "limit_index: expected length"),
        (put("needed", np.zeros((0, 1), np.int64)), "needed: expected a row"),
        (put("hits_before", np.zeros((2880, 1), np.int64)), "hits_before: too few words"),
        (columns("counted_before", 99), "counted_before: expected the shape"),
        (columns("hits", 99), "hits, counted: expected the shape"),
        (add_row("counted"), "hits, counted: expected the shape"),
        (add_row("highest"), "highest, scores_at: expected"),
        (put("scores_at", np.zeros((1, 1, 99))), "highest, scores_at: expected"),
        (put("top", np.zeros(99, np.int64)), "top: expected length"),
        (change("matched", (0, -1), TOP), "matched, ignored: a bit beyond"),
    ],
    "draw_weights": [
        (add_row("hashes"), "weights: expected length"),
        (put("quantiles", np.zeros(256, np.uint64)), "quantiles: expected fewer"),
        (put("end", 99), "begin, end: "),
    ],
    "replicate_means": [
        (change("offsets", -1, BIG), "offsets: offsets must end"),
        (change("cell_image", 0, BIG), "cell_image: an index"),
        (change("cell_image", -1, -1), "cell_image: an index"),
        (add_row("cell_image"), "cell_image: expected length"),
        (put("n_thresholds", 9999), "n_thresholds: too few words"),
        (put("n_thresholds", -1), "n_thresholds: too few words"),
        (columns("queries", 4), "queries: expected 5 columns"),
        (change("queries", (0, 0), 2), "queries: row 0, column 0"),
        (change("queries", (0, 1), -2), "queries: row 0, column 1"),
        (change("queries", (0, 1), BIG), "queries: row 0, column 1"),
        (change("queries", (0, 2), BIG), "queries: row 0, column 2"),
        (change("queries", (0, 3), -1), "queries: row 0, column 3"),
        (change("queries", (0, 4), BIG), "queries: row 0, column 4"),
        (columns("members", 99), "members: expected length"),
        (columns("means", 99), "means: expected a number"),
        (add_row("class_means"), "class_means: expected numbers"),
        (change("matched", (0, -1), TOP), "matched, ignored: a bit beyond"),
        (change("n_gt", (0, 0), 2**30), "weights: the detections"),
        (put("end", 99), "begin, end: "),
    ],
    "image_means": [
        (change("offsets", -1, BIG), "offsets: offsets must end"),
        (change("image_cells", -1, BIG), "image_cells: offsets must end"),
        (change("cell_category", 0, BIG), "cell_category: an index"),
        (add_row("cell_category"), "cell_category: expected length"),
        (put("n_thresholds", 9999), "n_thresholds: too few words"),
        (columns("ignored", 9), "matched, ignored: "),
        (change("queries", (0, 3), BIG), "queries: row 0, column 3"),
        (columns("means", 99), "means: expected a number"),
        (put("end", 99), "begin, end: "),
    ],
    "corner_iou": [
        (columns("dt", 5), "dt, gt: expected 4 columns"),
        (put("kind", 2), "kind: expected 0 or 1, got 2"),
        (change("out_offsets", -1, BIG), "out_offsets: offsets must end"),
        (change("gt_offsets", -1, BIG), "gt_offsets: offsets must end"),
        (put("end", 99), "begin, end:"),
    ],
    "match_pointing": [
        (columns("gt", 5), "dt, gt: expected 4 columns"),
        (change("dt_offsets", -1, BIG), "dt_offsets: offsets must end"),
        (change("gt_offsets", -1, BIG), "gt_offsets: offsets must end"),
        (add_row("gt_ignored"), "gt_ignored: expected length"),
        (add_row("status"), "status: expected length"),
        (put("end", 99), "begin, end:"),
    ],
    "match_groups": [
        (columns("dt", 5), "dt, gt: expected 4 columns"),
        (change("dt_offsets", -1, BIG), "dt_offsets: offsets must end"),
        (change("gt_offsets", -1, BIG), "gt_offsets: offsets must end"),
        (add_row("gt_kind"), "gt_kind: expected length"),
        (add_row("status"), "status: expected length"),
        (add_row("group_of"), "group_of: expected length"),
        (put("end", 99), "begin, end:"),
    ],
    "match_unclaimed": [
        (change("dt_offsets", 0, -1), "dt_offsets: expected"),
        (change("overlap_offsets", slice(None), 0), "overlap_offsets: cell . has another size"),
        (add_row("match_of"), "match_of: expected length"),
        (put("end", 99), "begin, end:"),
    ],
    "match_overlap_first": [
        (change("gt_offsets", -1, BIG), "gt_offsets: offsets must end"),
        (change("overlap_offsets", slice(None), 0), "overlap_offsets: cell . has another size"),
        (add_row("match_of"), "match_of: expected length"),
        (put("end", 99), "begin, end:"),
    ],
    "match_pairs": [
        (change("gt_offsets", -1, BIG), "gt_offsets: offsets must end"),
        (change("overlap_offsets", slice(None), 0), "overlap_offsets: cell . has another size"),
        (add_row("match_of"), "match_of: expected length"),
        (put("end", 99), "begin, end:"),
    ],
    "find_errors": [
        (change("overlap_offsets", -1, BIG), "overlap_offsets: offsets must end"),
        (change("dt_offsets", 0, -1), "dt_offsets: expected"),
        (change("gt_offsets", -1, BIG), "gt_offsets: offsets must end"),
        (change("overlap_offsets", slice(None), 0), "overlap_offsets: image . has another size"),
        (add_row("kind"), "kind: expected length"),
        (add_row("gt_state"), "gt_state: expected length"),
        (put("end", 99), "begin, end:"),
    ],
    "average_precision": [
        (change("starts", -1, BIG), "starts: offsets must end"),
        (change("starts", 0, -1), "starts: expected"),
        (add_row("hits"), "hits: expected length"),
        (add_row("n_gt"), "n_gt: expected length"),
        (put("end", 99), "begin, end:"),
    ],
    "lowest_lrp": [
        (change("offsets", -1, BIG), "offsets: offsets must end"),
        (change("category_cells", 0, -1), "category_cells: expected"),
        (put("bit", 64 * 9), "bit: expected a bit of the words"),
        (columns("ignored", 9), "matched, ignored: "),
        (columns("lowest", 4), "lowest: expected five"),
        (add_row("overlap"), "overlap: expected length"),
        (put("end", 99), "begin, end: "),
    ],
    "match_across": [
        (change("overlap_offsets", -1, BIG), "overlap_offsets: offsets must end"),
        (change("dt_offsets", 0, -1), "dt_offsets: expected"),
        (change("gt_offsets", -1, BIG), "gt_offsets: offsets must end"),
        (change("overlap_offsets", slice(None), 0), "overlap_offsets: cell . has another size"),
        (add_row("match_of"), "match_of: expected length"),
        (add_row("match_iou"), "match_iou: expected length"),
        (put("end", 99), "begin, end: "),
    ],
    "panoptic_pairs": [
        (cut("preds"), "preds: expected category and instance, got 1"),
        (cut("target"), "target: axis 2"),
        (add_row("target"), "target: axis 0"),
        (cut("colors"), "colors: expected four columns, got 3"),
        (add_row("colors"), "colors: expected length"),
        (cut("areas"), "areas: expected the room of colors"),
        (add_row("areas"), "areas: expected length"),
        (add_row("n_pairs"), "n_pairs: expected length"),
        (put("end", 99), "begin, end: "),
    ],
    "count_at": [
        (change("offsets", -1, BIG), "offsets: offsets must end"),
        (change("offsets", 0, -1), "offsets: expected"),
        (put("bit", 64 * 9), "bit: expected a bit of the words"),
        (put("bit", -1), "bit: expected"),
        (columns("ignored", 9), "matched, ignored: "),
        (add_row("tp"), "tp: expected length"),
        (put("end", BIG), "begin, end: "),
    ],
    "count_along_scores": [
        (change("category_cells", -1, BIG), "category_cells: offsets must end"),
        (change("offsets", 1, BIG), "offsets: offsets must not fall"),
        (put("bit", 64 * 9), "bit: expected a bit of the words"),
        (put("limit", -1), "limit: expected a number from 0 on, got -1"),
        (columns("ignored", 9), "matched, ignored: "),
        (add_row("n_points"), "n_points: expected length"),
        (put("end", 99), "begin, end: "),
    ],
    "join_along_scores": [
        (change("starts", -1, BIG), "starts: offsets must end"),
        (change("starts", 0, 1), "starts: "),
        (change("starts", slice(None), 0), "starts: expected the places"),
        (columns("means", 4), "means: expected three"),
        (add_row("counts"), "counts: expected length"),
        (add_row("tp"), "tp: expected length"),
    ],
    "mean_valid": [
        (change("columns", 0, BIG), "columns: an index"),
        (change("columns", 0, -1), "columns: an index"),
        (change("first_rows", 0, -1), "first_rows: an index"),
        (change("last_rows", 0, BIG), "last_rows: an index"),
        (put("end", 99), "begin, end: "),
    ],
}
