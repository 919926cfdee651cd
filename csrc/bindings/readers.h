#pragma once
// The functions of the module _native that read and write files, lists of dicts and masks: files.cpp, read_dicts.cpp,
// write_dicts.cpp, write_entries.cpp, mask_dicts.cpp.
#include "arrays.h"

namespace pymetrics::bindings {

using obj = const py::object&;

// Files. What they do not take comes back as (where, why) in place of the result.

// Fills text, an array of TEXT_PAD bytes more than the file has. -> None.
py::object read_text(int file, obj text, index_t n_threads);

// file: the number of an open file; or bytes; or an array of text, TEXT_PAD zero bytes behind it. size: of the text.
// text: None, or an array that the file is copied to. masks: None; or int64 (N, 2), where each value of `segmentation`
// begins and ends; then `file` is text. points: None; or float64 (N, width), the numbers of `keypoints`. With either
// boxes are NaN where there is none. -> the number of rows.
py::object read_results(obj file, index_t size, index_t chunk, obj image, obj category, obj boxes, obj scores,
                        index_t n_threads, obj text, obj masks, obj points);

// masks, points: as above; with masks boxes are None. labelled: None; or float64 (N,), num_keypoints, NaN where there
// is none. -> the numbers of images and of rows, the text of the categories, and (key, begin, end) of every value of
// the data set.
py::object read_ground_truth(obj file, index_t size, index_t chunk, obj images, obj image_sizes, obj image_names,
                             obj image_flags, obj image, obj category, obj boxes, obj area, obj ids, obj flags,
                             index_t n_threads, obj masks, obj points, obj labelled);

// The values of `segmentation` that stand at spans, int64 (N, 2), in a text. kinds: uint8 (N,), of compressed runs (0),
// of lists of runs (1), of polygons (2). spans: then of the characters of compressed runs, whose escapes are undone in
// the text. sizes: int64 (N, 2), of runs. n_numbers, n_polygons: int64 (N,), of lists of runs and of polygons. -> None.
py::object scan_masks(obj text, obj spans, obj kinds, obj sizes, obj n_numbers, obj n_polygons, index_t n_threads);

// The numbers of lists of runs and of polygons, float64, those of row i from numbers[offsets[i]] on; and how many
// numbers each polygon has, int64, those of row i from lengths[polygon_offsets[i]] on. After scan_masks.
void read_masks(obj text, obj spans, obj kinds, obj offsets, obj polygon_offsets, obj numbers, obj lengths,
                index_t n_threads);

// The double nearest to a JSON number, or None. way: 0 as the readers do, 1 std::from_chars or what stands for it,
// 2 what stands for it.
py::object read_number(const std::string& text, int way);

// Lists of dicts. What they do not take is left to Python.

// required: column by key. optional: (column, seen) by key; None counts as missing where the column holds floats.
// Every column has n rows. -> the number of rows read, n at most.
index_t read_dicts(obj rows, index_t n, const py::dict& required, const py::dict& optional);

// Writes segmentation (where it is missing), area, id (the row's number, from 1 on) and iscrowd into the rows from
// `begin` on. -> the row that is left to Python, unchanged.
index_t complete_results(obj rows, index_t begin);

// The dicts of evalImgs, by category, then area range, then image; None where there is no cell. As from_matches in
// pymetrics/coco/eval_imgs.py: ids, scores and area ranges as they are to stand in the dicts, dt_ids and dt_scores
// (D,), gt_ids (G,) by row. category: int64 (C,). image: int32 (C,). dt_offsets, gt_offsets: int64 (C + 1,). gt_rows:
// int32, the rows of the cells' ground truths. gt_of: int32 (D, A * T), rows, or -1. ignored: uint64 (D, W).
// dt_numbers: float64 (D,), the detections' ids. gt_numbers, gt_area: float64 (G,). gt_ignore: bool (G,). bounds:
// float64 (A, 2). -> a list.
py::object write_entries(obj images, obj categories, obj ranges, obj limit, obj dt_ids, obj dt_scores, obj gt_ids,
                         obj category, obj image, obj dt_offsets, obj gt_offsets, obj gt_rows, obj gt_of, obj ignored,
                         obj dt_numbers, obj gt_numbers, obj gt_area, obj gt_ignore, obj bounds);

// The values of a key in the rows at some places (int32; None: in all, in their order), if each of them is the int or
// float that was read as this number, float64. -> a list; None where they are left to Python.
py::object values_as_read(obj rows, obj places, const std::string& key, obj numbers);

// Masks as dicts of size and counts. What is not regular, or asked of another backend, gives None and is left to
// Python.

// A list of masks. -> their areas, uint32 (N,), or boxes, float64 (N, 4).
py::object measure_rles(obj rles, bool boxes);

// -> uint8 (N, width, height).
py::object decode_rles(obj rles, index_t n_threads);

// -> a mask.
py::object merge_rles(obj rles, bool intersect);

// crowd: uint8 (len(gt),). -> float64 (len(dt), len(gt)), in Fortran order.
py::object iou_rles(obj dt_rles, obj gt_rles, obj crowd, index_t n_threads);

// bitmap: uint8 or bool (height, width). -> a mask.
py::object encode_rles(obj bitmap, index_t n_threads);

// polygons: a list of lists of numbers. -> a list of masks.
py::object draw_rles(obj polygons, obj h, obj w, index_t n_threads);

// -> (rows by id, rows by image, images by category), in the order of the rows; None where they are left to Python.
py::object index_dicts(obj rows, bool with_categories);

}  // namespace pymetrics::bindings
