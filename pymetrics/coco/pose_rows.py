"""Keypoints in COCO's dicts: to columns of poses, and overlaps of some of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..evaluation.cells import Cells
from ..evaluation.columns import Side
from ..evaluation.shapes.keypoints import Keypoints, PoseColumns, compare_poses
from ..formats.coco import where_of
from ..formats.keypoints import RawPoses, flat_points, pose_columns
from ..formats.source import Source
from ..formats.values import Where
from .params import Params

Ann = dict[str, Any]


class NoOverlaps(Keypoints):
    """Poses that are not compared: without categories pycocotools looks for them under the category -1 (BLACKOUT)."""

    def overlaps(self, dt: Side, gt: Side, cells: Cells, least: float = 0.0) -> Any:
        return np.full(int(cells.pair_offsets()[-1]), -np.inf)


def shape_of(sigmas: Any, use_cats: Any) -> Keypoints:
    """What is compared. Raises ValueError where sigmas are no positive numbers."""
    return (Keypoints if use_cats else NoOverlaps)(np.asarray(sigmas, np.float64).tolist())


def has_no_keypoints(gt: Ann) -> bool:
    """Whether an annotation says num_keypoints 0; where it says nothing, whether no keypoint is visible (NO_COUNT)."""
    if "num_keypoints" in gt:
        return bool(gt["num_keypoints"] == 0)
    return not any(visibility > 0 for visibility in gt["keypoints"][2::3])


def complete_poses(anns: Sequence[Ann]) -> None:
    """Write area, id and bbox, those of all keypoints, into results with keypoints, as pycocotools does."""
    columns = pose_columns(anns, ())
    extents: Any = [()] * len(anns)
    if columns is not None:
        points = columns["keypoints"].reshape(len(anns), -1, 3)[:, :, :2]
        extents = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
        is_wrong = ((extents == 0) | ~np.isfinite(extents)).any(axis=1)  # the sign of a zero
        extents = [() if wrong else extent for wrong, extent in zip(is_wrong.tolist(), extents, strict=True)]
    for i, (ann, extent) in enumerate(zip(anns, extents, strict=True)):
        keypoints = ann["keypoints"]
        if len(extent) and type(keypoints[0]) is float and type(keypoints[1]) is float:
            left, top, right, bottom = extent
        else:  # integers stay such
            x, y = keypoints[0::3], keypoints[1::3]
            left, right, top, bottom = np.min(x), np.max(x), np.min(y), np.max(y)
        ann["area"] = (right - left) * (bottom - top)
        ann["id"] = i + 1
        ann["bbox"] = [left, top, right - left, bottom - top]


def read_poses(rows: Sequence[Ann], where: Where, *, is_gt: bool) -> RawPoses:
    """The poses of annotations; of ground truth with boxes and areas, which distances are compared with.

    Raises:
        KeyError: a row has no keypoints, or a ground truth no bbox or area.
        TypeError, ValueError: keypoints are no list of numbers, three for each; or a box is not four numbers.
    """
    columns = pose_columns(rows, ("bbox", "area") if is_gt else ())
    if columns is not None:
        points = columns["keypoints"].reshape(len(rows), -1, 3)
        return RawPoses(points, columns["bbox"], None, columns["area"]) if is_gt else RawPoses(points)
    points = flat_points([row["keypoints"] for row in rows], where, is_gt=is_gt)
    if not is_gt:
        return RawPoses(points)
    boxes = [row["bbox"] for row in rows]
    wrong = next((box for box in boxes if len(box) != 4), None)
    if wrong is not None:
        raise ValueError(f"bbox of a ground truth must be x, y, width, height, got {wrong!r}")
    areas = np.array([row["area"] for row in rows], np.float64)
    return RawPoses(points, np.array(boxes, np.float64).reshape(-1, 4), None, areas)


def compute_oks(gts: Sequence[Ann], dts: Sequence[Ann], p: Params) -> Any:
    """What COCOeval.computeOks gives of the annotations of one image and category."""
    order = np.argsort([-dt["score"] for dt in dts], kind="stable")[: p.maxDets[-1]]
    if not gts or not dts:
        return []
    shape, dts = shape_of(p.kpt_oks_sigmas, True), [dts[i] for i in order]
    dt, gt = _columns(shape, dts, "dt", is_gt=False), _columns(shape, gts, "gt['annotations']", is_gt=True)
    out = np.empty((len(dts), len(gts)))
    dt_rows, gt_rows = (np.arange(len(rows), dtype=np.int32) for rows in (dts, gts))
    dt_ends, gt_ends, ends = (np.array([0, n], np.int64) for n in (len(dts), len(gts), out.size))
    compare_poses(dt, gt, dt_rows, gt_rows, shape.variances, dt_ends, gt_ends, ends, out.reshape(-1))
    return out


def _columns(shape: Keypoints, rows: Sequence[Ann], name: str, *, is_gt: bool) -> PoseColumns:
    where, nothing = where_of(name), np.empty(0)
    raw = read_poses(rows, where, is_gt=is_gt)
    found: PoseColumns = shape.read(Source(where, nothing, nothing, raw, None if is_gt else nothing), None)
    return found
