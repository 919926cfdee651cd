"""evaluate(): from whatever the user holds to a Result, in one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..formats.table_options import TableOptions
from . import stages
from .cells import group
from .data_warnings import warn_of_zero_ids
from .protocol import Protocol, as_protocol
from .read_sources import are_paths, read_columns
from .result import Result
from .shapes import as_shape


def evaluate(
    gt: Any,
    dt: Any,
    iou_type: str = "bbox",
    protocol: str | Protocol = "coco",
    box_format: str | None = None,
    normalized: bool = False,
    image_sizes: Any = None,
    *,
    keep_matches: bool | Sequence[str] = False,
    use_ignore: bool = False,
    class_map: Mapping[Any, Any] | None = None,
    max_dets: Iterable[int] | None = None,
    iou_thresholds: Iterable[float] | None = None,
    recall_thresholds: Iterable[float] | None = None,
    area_ranges: Mapping[str, tuple[float, float]] | None = None,
    sigmas: Iterable[float] | None = None,
    boundary_dilation_ratio: float | None = None,
    columns: str | Mapping[str, Any] | None = None,
    order: str | None = None,
    images: Any = None,
    categories: Any = None,
) -> Result:
    """How good are these detections? Ground truth comes first, as in COCOeval.

    gt and dt may each be any of these; none of them is changed:

    - a path of a COCO JSON file, which may be packed by gzip, its parsed content (a dict, a list of results) or a COCO
      object; boxes are xywh;
    - an array: gt (N, 6) of image, x, y, width, height, category; dt (N, 7) of image, x, y, width, height, score,
      category;
    - pymetrics.GroundTruths, pymetrics.Detections: columns, with a box_format of their own;
    - a list of dicts, one per image, of arrays or tensors: boxes (n, 4) as xyxy, labels (n,), and in dt scores (n,);
      gt may have image_id, iscrowd (n,), ignore (n,) and area (n,); or what detectors return of each image
      (supervision's Detections, Ultralytics' Results, detectron2's Instances, ...);
    - a table: Parquet (a file's path, a glob or a folder), or what has Arrow's interface (pyarrow, polars, pandas,
      DuckDB), with a row for each object or for each image; see docs/tables.md;
    - a path of another layout, which is recognised: a YOLO data set, a VOC folder, ... (docs/formats.md);
    - what `pymetrics.read` has read.

    In such a list masks stand as `masks` in place of boxes: (n, height, width) or (n, 1, height, width), set where
    integers are not 0 and floats above 0.5; or a list of n masks as COCO has them. Poses stand as `keypoints`,
    (n, keypoints, 3): x, y and in gt visibility, above 0 where visible; there `area` must be, and `boxes` may.

    Boxes are in pixels, areas in square pixels. Boxes in another layout are converted in their own dtype (integers in
    float64), then everything is computed in float64.

    protocol="lvis" needs a file of LVIS, or its content, as gt, and gives lvis-api's thirteen numbers (AP, ..., APr,
    APc, APf, AR@300, ...): of an image 300 detections over all categories, and only those of categories that were
    looked for there (`neg_category_ids`, `not_exhaustive_category_ids`); `ignore` is read, `iscrowd` is not.

    Images are those that a COCO dict lists, or `GroundTruths(images=)`; otherwise those of either side. Categories are
    those that a COCO dict lists, or `GroundTruths(categories=)`, and detections of others are left out; otherwise those
    of either side. Ids of categories are all integers or all strings; where integer ids have names, labels may be
    names. In lists per image dt[i] belongs to gt[i]; without image_id the images are numbered from 0.

    Args:
        gt: ground truth.
        dt: detections.
        iou_type: what is compared: "bbox", boxes; "obb", rotated boxes; "segm", masks; "boundary", masks by Boundary
            IoU; "keypoints", poses by object keypoint similarity; or "keypoints_crowd", the same as CrowdPose has it,
            by the boxes' sizes. Arrays (N, 6) and (N, 7) hold boxes alone. The area of a mask that has none is its
            pixels; of a detected pose, the box around its keypoints; of results whose first has a box, the boxes'.
        protocol: "coco", which for keypoints has the limit 20 and no area range "small"; "torchmetrics", its thresholds
            rounded to float32; "lvis"; or a pymetrics.Protocol with thresholds, area ranges and limits of your own.
        box_format: how both sides lay out their boxes: "xyxy" ("pascal_voc"), "xywh" ("coco"), "cxcywh"; or normalized:
            "yolo" (cxcywh), "albumentations" (xyxy). None: the default of each source. Of rotated boxes: "cxcywhr"
            (None), centre, width, height and angle, in radians from the x axis towards the y axis (clockwise on the
            screen); or "xyxyxyxy", the four corners of a rectangle in order, in either sense.
        normalized: the coordinates are parts of the image's width and height. Not of rotated boxes.
        image_sizes: height and width in pixels, for normalized boxes and polygons: one (height, width) for all images,
            a dict of them by image id, or one for each item of a list per image. None: those that a COCO dict lists.
        max_dets, iou_thresholds, recall_thresholds: in place of the protocol's, as `pymetrics.Protocol` takes them.
        area_ranges: in place of the protocol's: a dict of (lowest, highest) by name, in square pixels. The protocol's
            range "all" is added where none has that name.
        sigmas: of keypoints, how far off each one may be, in parts of the square root of the object's area (twice the
            sigma is one standard deviation). None: those of COCO's 17, of CrowdPose's 14.
        boundary_dilation_ratio: of Boundary IoU, how deep the boundary of a mask is, in parts of its image's diagonal.
            None: 0.02.
        keep_matches: also keep which ground truth each detection took, for `result.matches`: True for the area range
            "all", or the names of area ranges. It costs another matching, and 12 bytes for each detection, threshold
            and area range.
        use_ignore: read the key `ignore` of a COCO dict's annotations, which pycocotools overwrites: such a ground
            truth does not count, and a detection that takes it is neither right nor wrong.
        columns: of tables, what their columns are called: "coco" (None), "hf" (None, where there is a column named
            objects), "openimages", or a dict of names by COCO's names, {"image_id": "file"}; or {"gt": ..., "dt": ...}.
        order: of tables, which row of an image comes first, which equal scores and overlaps depend on: the name of a
            column; "rows", as the rows stand; "values", by falling score, category and box. None: "id" where both
            sides have it; else as the rows of files and the lists of images stand.
        images, categories: of tables, as in `pymetrics.GroundTruths`: further images; all categories, or their names.
        class_map: {category: category}, by ids or names: renames or merges categories of both sides before anything
            else, {"car": "vehicle", "truck": "vehicle"}. All entries hold at once. A new name for categories with
            integer ids takes the lowest of their ids.

    Returns:
        A Result: `print(result)` shows pycocotools' twelve lines, `result["map"]` is one number, -1 where nothing is
        defined.

    Raises:
        OSError: a path cannot be read; FileNotFoundError, IsADirectoryError.
        TypeError, ValueError: something cannot be evaluated: gt and dt swapped, a file that is not JSON, a missing
            key, a column of a wrong shape, dtype or length, a value that is not finite, a detection on an unknown
            image. The message names the argument, the index and the value.

    Warns:
        UserWarning: boxes that all lie in [0, 1] and are not said to be normalized; boxes that end before they begin;
            boxes of one side that end outside their images; annotations and detections that are left out; an `ignore`
            that is not read; data of LVIS; an annotation id 0 that changes the result, or one id on different images;
            image_sizes with boxes in pixels.

    >>> import numpy as np, pymetrics
    >>> gt = np.array([[1, 10, 10, 50, 50, 3]])
    >>> dt = np.array([[1, 10, 10, 50, 40, 0.9, 3]])
    >>> round(pymetrics.evaluate(gt, dt)["map"], 3)
    0.7
    """
    shape = as_shape(iou_type, sigmas=sigmas, boundary_dilation_ratio=boundary_dilation_ratio)
    protocol = as_protocol(protocol, max_dets, iou_thresholds, recall_thresholds, area_ranges, iou_type)
    areas: tuple[str, ...] = ()
    if keep_matches is not False:
        from .matches import areas_to_keep, match_rows

        areas = areas_to_keep(keep_matches, protocol)
    whole: dict[str, Any] | None = None
    given: set[str] | None = None
    if protocol.federated:
        from .federated import data_set

        use_ignore, given = True, {"lvis"}
        gt, whole = data_set(gt, class_map)
    tables = TableOptions(columns, order, images, categories)
    if whole is None and class_map is None and not areas and are_paths(gt, dt):
        from .evaluate_files import evaluate_files

        found = evaluate_files(gt, dt, shape, protocol, box_format, normalized, image_sizes, use_ignore, tables)
        if found is not None:
            return found
    data = read_columns(
        gt, dt, shape, protocol, box_format=box_format, normalized=normalized, image_sizes=image_sizes,
        use_ignore=use_ignore, class_map=class_map, given=given,
        tables=tables,
    )  # fmt: skip
    if whole is not None:
        from .federated import by_rule

        data = by_rule(data, whole["images"], whole["categories"], protocol.limit)
    cells = group(data, protocol.limit)
    outcomes, _ = stages.match(data, cells, protocol)
    warn_of_zero_ids(outcomes, data)
    matches = match_rows(data, cells, protocol, areas) if areas else None
    return Result(outcomes, data, matches=matches)
