"""Marks: the objects of an image as an evaluation judged them, to be drawn or to be listed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from .._records import record
from ..analysis.confidence import BestThreshold, best_threshold
from ..analysis.counted import require_data, require_number, single_threshold
from ..evaluation.cells import sort_rows
from ..evaluation.columns import Columns, Side
from ..evaluation.matches import areas_to_keep, is_set, match_rows
from ..evaluation.result import Result
from .names import labels_of
from .outlines import outlines_of

DT_STATUS = ("fp", "tp", "ignored")


@record
class Mark:
    """One object of one image.

    side: "dt", a detection, or "gt", a ground truth. status: of detections "tp", "fp" or "ignored" (counts neither for
    nor against); of ground truths "found", "missed" or "ignored" (a crowd, for instance).
    category: its id. name: its category's, told apart from others of the same name.
    box: x1, y1, x2, y2 in pixels (of a rotated box, a mask or a pose, the smallest upright one around it).
    score: of a detection its own; of a ground truth that of the detection that took it, None where none did.
    iou: with the ground truth, or detection, that it was matched to; None without one.
    row: the row of the object on its side of the data (see `Result.matches`).
    corners: of a rotated box its four corners x1, y1, ... x4, y4; else empty.
    points: of a pose (x, y, visibility) of each keypoint; else empty. Detections have no visibility: 2 stands there.
    mask: its runs, where masks were evaluated; else None.
    """

    side: Literal["dt", "gt"]
    status: str
    category: Any
    name: str
    box: tuple[float, float, float, float]
    score: float | None
    iou: float | None
    row: int
    corners: tuple[float, ...] = ()
    points: tuple[tuple[float, float, float], ...] = ()
    mask: Any = None

    def bitmap(self) -> Any:
        """bool (height, width), of the mask; None where masks were not evaluated."""
        return None if self.mask is None else self.mask.pixels()[0].T != 0

    @cached_property
    def polygons(self) -> list[list[float]]:
        """The outlines of the mask along the edges of pixels, holes too, or of the rotated box: x1, y1, x2, y2, ..."""
        if self.mask is not None:
            return outlines_of(self.bitmap())
        return [list(self.corners)] if self.corners else []


class Marks:
    """The marks of all images of a result, at one score and IoU threshold.

    Args:
        result: of an evaluation whose data is at hand.
        score: detections below it are left out, and what they took is missed; None for the score of the highest macro
            F1. -math.inf leaves out none.
        iou: the IoU threshold, 0 to 1; one that was not evaluated is matched anew.
        class_names: name by category id; None for those of the data.

    Raises:
        ValueError: the data is not at hand; score or iou is out of range.
        TypeError: class_names is no mapping.
    """

    def __init__(
        self, result: Result, score: float | None = None, iou: float = 0.5, class_names: Mapping[Any, str] | None = None
    ) -> None:
        self._columns, _ = require_data(result, "a picture of an image")
        self.iou = require_number("iou", iou, 0, 1)
        if score is None:
            best = best_threshold(result, "f1", self.iou)
            assert isinstance(best, BestThreshold)
            score = -math.inf if best.threshold is None else best.threshold
        self.score = require_number("score", score) if score != -math.inf else score
        self._result = result
        axes = self._columns.axes
        names = axes.category_names if class_names is None else class_names
        self.name_of = labels_of(axes.category_ids.tolist(), names)
        self._place = {id: i for i, id in enumerate(axes.image_ids.tolist())}

    def of(self, image_id: Any) -> list[Mark]:
        """The marks of an image: ground truths in the order of the data, then detections by falling score.

        Raises:
            KeyError: there is no such image.
        """
        if image_id not in self._place:
            raise KeyError(f"no image {image_id!r} was evaluated")
        gt_rows, dt_rows = (rows[slice(*starts[self._place[image_id]].tolist())] for rows, starts in self._of_images)
        return [*self._marks("gt", gt_rows), *self._marks("dt", dt_rows)]

    def extent(self, image_id: Any) -> tuple[int, int]:
        """Height and width, at least 1 pixel, of the smallest canvas from (0, 0) that holds all boxes of an image."""
        boxes = np.array([mark.box for mark in self.of(image_id)] or [(0, 0, 1, 1)])
        width, height = np.ceil(boxes.max(axis=0)[2:]).clip(1).tolist()
        return int(height), int(width)

    @cached_property
    def _table(self) -> dict[str, dict[str, Any]]:
        """status, score and iou of every row of both sides; rows that no image's cell holds have the status ""."""
        columns, cells = _with_own_rows(self._columns), self._result.cells
        assert cells is not None
        protocol = single_threshold(self._result.protocol, self.iou)
        found = match_rows(columns, cells, protocol, areas_to_keep(True, protocol))
        dt, gt = found.dt_row, found.gt_row
        cell = np.repeat(np.arange(len(found.cell_image)), np.diff(found.dt_offsets))
        took, shown = found.gt_of[:, 0] >= 0, found.scores >= self.score
        status = np.where(is_set(found.ignored, 0), 2, is_set(found.matched, 0).astype(np.int64))
        sides = {
            name: {"status": np.full(n, "", "<U7"), "score": np.full(n, np.nan), "iou": np.full(n, np.nan)}
            for name, n in (("gt", len(columns.gt.image)), ("dt", len(columns.dt.image)))
        }
        sides["dt"]["status"][dt[shown]] = np.array(DT_STATUS)[status[shown]]
        sides["dt"]["score"][dt] = found.scores
        sides["dt"]["iou"][dt[took]] = found.overlap[took, 0]
        sides["gt"]["status"][gt] = np.where(is_set(found.gt_ignored, 0), "ignored", "missed")
        partner = found.gt_offsets[cell[took]] + found.gt_of[took, 0]
        # of several detections that take one crowd, the first, with the highest score, stays
        partner, first = np.unique(partner, return_index=True)
        taker = np.flatnonzero(took)[first]
        sides["gt"]["score"][gt[partner]] = found.scores[taker]
        sides["gt"]["iou"][gt[partner]] = found.overlap[taker, 0]
        is_found = (sides["gt"]["status"][gt[partner]] == "missed") & shown[taker]
        sides["gt"]["status"][gt[partner[is_found]]] = "found"
        return sides

    @cached_property
    def _of_images(self) -> list[tuple[Any, Any]]:
        """For ground truths and detections: the rows shown, by image, and (images, 2), where each image's begin."""
        found, n_images = [], len(self._columns.axes.image_ids)
        for name, side in (("gt", self._columns.gt), ("dt", self._columns.dt)):
            table = self._table[name]
            rows = np.flatnonzero(table["status"] != "")
            if name == "dt":
                rows = rows[np.argsort(-table["score"][rows], kind="stable")]
            order, begins = sort_rows(side.image[rows], np.zeros(len(rows), np.int32), n_images, 1)
            found.append((rows[order], np.stack([begins[:-1], begins[1:]], axis=1)))
        return found

    def _marks(self, name: Literal["gt", "dt"], rows: Any) -> list[Mark]:
        side, ids = getattr(self._columns, name), self._columns.axes.category_ids.tolist()
        table = {key: values[rows].tolist() for key, values in self._table[name].items()}
        own = rows if side.source_row is None else side.source_row[rows]
        drawn = _drawn(self._columns.shape.iou_type, side, rows)
        return [
            Mark(
                name, status, ids[category], self.name_of[ids[category]], tuple(box),
                None if math.isnan(score) else score, None if math.isnan(iou) else iou, row, **rest,
            )
            for status, category, score, iou, row, (box, rest) in zip(
                table["status"], side.category[rows].tolist(), table["score"], table["iou"], own.tolist(), drawn,
                strict=True,
            )
        ]  # fmt: skip


def _with_own_rows(columns: Columns) -> Columns:
    """The same columns, whose matches are in rows of the sides."""
    return replace(
        columns, gt=replace(columns.gt, source_row=None), dt=replace(columns.dt, source_row=None)
    )  # fmt: skip


def _drawn(iou_type: str, side: Side, rows: Any) -> list[tuple[list[float], dict[str, Any]]]:
    """For each row: box x1, y1, x2, y2, and what a Mark has beside it."""
    shape = side.shape
    if iou_type == "bbox":
        return [(box, {}) for box in _corners(shape[rows])]
    if iou_type == "obb":
        centre, half, (cosine, sine) = shape[rows, :2], shape[rows, 2:4] / 2, shape[rows, 4:].T
        along = half[:, :1] * np.stack([cosine, sine], axis=1)
        across = half[:, 1:] * np.stack([-sine, cosine], axis=1)
        corners = np.stack(
            [centre + along + across, centre - along + across, centre - along - across, centre + along - across], axis=1
        )
        boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
        flat = corners.reshape(-1, 8).tolist()
        return [(box, {"corners": tuple(c)}) for box, c in zip(boxes.tolist(), flat, strict=True)]
    if iou_type in ("segm", "boundary"):
        masks = (shape.masks if iou_type == "boundary" else shape).take(rows).decoded()
        around = _corners(masks.measures.boxes)
        return [(box, {"mask": masks.take(np.array([i]))}) for i, box in enumerate(around)]
    points = shape.points[rows]
    if shape.boxes is None:
        points = points.copy()
        points[:, :, 2] = 2
    poses: list[tuple[list[float], dict[str, Any]]] = []
    for i, pose in enumerate(points):
        seen = pose[pose[:, 2] > 0] if (pose[:, 2] > 0).any() else pose
        box = [*seen[:, :2].min(axis=0).tolist(), *seen[:, :2].max(axis=0).tolist()]
        if shape.boxes is not None and shape.boxes[rows[i], 2] > 0:
            box = _corners(shape.boxes[rows[i : i + 1]])[0]
        poses.append((box, {"points": tuple(map(tuple, pose.tolist()))}))
    return poses


def _corners(boxes: Any) -> list[list[float]]:
    """x1, y1, x2, y2 of x, y, width, height, (N, 4)."""
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1).tolist()  # type: ignore[no-any-return]
