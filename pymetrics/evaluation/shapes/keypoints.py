"""Poses: keypoints, compared by object keypoint similarity (OKS)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ... import kernels
from ..._records import record, value_record
from ...formats.keypoints import NO_BOX, RawPoses, as_raw_poses
from ...formats.ranges import offsets_of, sums_of_ranges
from ...formats.source import Source
from ..cells import Cells
from ..columns import Side

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Of COCO's 17 keypoints: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles.
COCO_SIGMAS = tuple(
    value / 10.0
    for value in (
        0.26, 0.25, 0.25, 0.35, 0.35, 0.79, 0.79, 0.72, 0.72, 0.62, 0.62, 1.07, 1.07, 0.87, 0.87, 0.89, 0.89
    )
)  # fmt: skip
HIGHEST = 750.0  # exp of less than its negative is 0; numpy is slow there (SLOW_EXP)
# Of CrowdPose's 14: shoulders, elbows, wrists, hips, knees, ankles, head, neck.
CROWD_SIGMAS = tuple(
    value / 10.0 for value in (0.79, 0.79, 0.72, 0.72, 0.62, 0.62, 1.07, 1.07, 0.87, 0.87, 0.89, 0.89, 0.79, 0.79)
)
BODY = 0.53  # of its box: the part that a person fills
TERMS_AT_ONCE = 1 << 19  # in memory at one time, but for a cell that has more: 4 MiB, twice


@record
class PoseColumns:
    """N poses. On the host.

    points: float64 (N, J, 3), x, y and, of ground truth, visibility. Of ground truth alone, else None:
    boxes: float64 (N, 4), x, y, width, height, or NO_BOX. scales: float64 (N,), square pixels, what squared distances
    are compared with. n_terms: int64 (N,), the visible keypoints; J where none is.
    """

    points: NDArray[np.float64]
    boxes: NDArray[np.float64] | None = None
    scales: NDArray[np.float64] | None = None
    n_terms: NDArray[np.int64] | None = None


@value_record
class Keypoints:
    """Columns: PoseColumns. sigmas: how far off each keypoint may be, in parts of the square root of the area."""

    sigmas: tuple[float, ...] = COCO_SIGMAS
    iou_type: ClassVar[str] = "keypoints"
    unusual: ClassVar[None] = None
    match: ClassVar[None] = None

    def __post_init__(self) -> None:
        vars(self)["sigmas"] = _as_sigmas(self.sigmas)

    @property
    def params(self) -> Mapping[str, Any]:
        return {"sigmas": self.sigmas}

    @cached_property
    def variances(self) -> NDArray[np.float64]:
        """float64 (J,): (2 sigma)^2."""
        variances: NDArray[np.float64] = (np.array(self.sigmas) * 2) ** 2
        return variances

    def read(self, source: Source, image_sizes: Any) -> Any:
        raw = as_raw_poses(source.shape, self.iou_type, source.side)
        n, n_points = raw.points.shape[:2]
        if not n:
            points = np.empty((0, len(self.sigmas), 3))
            return PoseColumns(points, np.empty((0, 4)), np.empty(0), np.empty(0, np.int64))
        if n_points != len(self.sigmas):
            raise ValueError(
                f"{source.where('keypoints', 0)} has {n_points} keypoints, but there are {len(self.sigmas)} sigmas: "
                "give one for each keypoint, sigmas= (--sigmas)"
            )
        if source.side == "dt":
            return PoseColumns(raw.points)
        boxes = np.tile(NO_BOX, (n, 1)) if raw.boxes is None else raw.boxes
        n_visible = raw.n_visible()
        n_terms = np.where(n_visible > 0, n_visible, n_points)
        return PoseColumns(raw.points, boxes, self._scales(source, raw), n_terms)

    def _scales(self, source: Source, raw: RawPoses) -> Any:
        """float64 (N,): the areas of the annotations."""
        if raw.scales is not None:
            return raw.scales
        if source.area is None or (source.no_area is not None and source.no_area.any()):
            row = 0 if source.no_area is None else int(np.argmax(source.no_area))
            raise ValueError(
                f"{source.where('area', row)} is missing: distances of keypoints are compared with the area of the "
                "ground truth"
            )
        return source.area

    def area(self, columns: Any) -> Any:
        """Of the smallest box around all keypoints."""
        areas = np.empty(len(columns.points))
        kernels.keypoint_areas(columns.points, areas, 0, len(areas))
        return areas

    def take(self, columns: Any, rows: Any) -> Any:
        found: dict[str, Any] = {
            name: None if values is None else values[rows] for name, values in vars(columns).items()
        }
        return PoseColumns(**found)

    def on_host(self, columns: Any) -> Any:
        return columns

    def overlaps(self, dt: Side, gt: Side, cells: Cells, least: float = 0.0) -> Any:
        out = np.empty(cells.pair_offsets()[-1])
        at = 0
        for part, _, _ in cells.blocks(max(1, TERMS_AT_ONCE // len(self.sigmas))):
            offsets = part.pair_offsets()
            compare_poses(
                dt.shape, gt.shape, part.dt_rows, part.gt_rows, self.variances, part.dt_offsets, part.gt_offsets,
                offsets, out[at : at + offsets[-1]],
            )  # fmt: skip
            at += int(offsets[-1])
        return out


@value_record
class CrowdKeypoints(Keypoints):
    """Poses as CrowdPose compares them: distances are compared with a part of the ground truth's box."""

    sigmas: tuple[float, ...] = CROWD_SIGMAS
    iou_type: ClassVar[str] = "keypoints_crowd"

    def _scales(self, source: Source, raw: RawPoses) -> Any:
        """float64 (N,): BODY of the boxes' width * height."""
        boxes = np.tile(NO_BOX, (len(raw), 1)) if raw.boxes is None else raw.boxes
        is_missing = np.all(boxes == NO_BOX, axis=1)
        if is_missing.any():
            raise ValueError(
                f"{source.where('boxes', int(np.argmax(is_missing)))} is missing: CrowdPose compares distances of "
                "keypoints with the box of the ground truth"
            )
        return boxes[:, 3] * boxes[:, 2] * BODY


def compare_poses(
    dt: PoseColumns,
    gt: PoseColumns,
    dt_rows: NDArray[np.int32],
    gt_rows: NDArray[np.int32],
    variances: NDArray[np.float64],
    dt_offsets: NDArray[np.int64],
    gt_offsets: NDArray[np.int64],
    out_offsets: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:
    """Object keypoint similarity of the pairs of P problems, all at once.

    dt_rows, gt_rows: int32, rows. dt_offsets, gt_offsets, out_offsets: int64 (P + 1,). out: float64, filled.
    """
    n_terms, n = np.asarray(gt.n_terms)[gt_rows], len(dt_offsets) - 1
    # No exponent is below 0, so that no term is above 1, unless an area is.
    highest, most = (HIGHEST, 1.0) if (np.asarray(gt.scales) >= 0).all() else (np.inf, np.inf)
    term_offsets = offsets_of(sums_of_ranges(n_terms, gt_offsets) * np.diff(dt_offsets))
    exponents = np.empty(term_offsets[-1])
    kernels.keypoint_exponents(
        dt.points, dt_rows, gt.points, gt.boxes, gt.scales, gt_rows, variances, highest, dt_offsets, gt_offsets,
        term_offsets, exponents, 0, n,
    )  # fmt: skip
    with np.errstate(all="ignore"):
        terms = np.exp(np.negative(exponents, out=exponents), out=exponents)
    kernels.keypoint_overlaps(terms, most, n_terms, dt_offsets, gt_offsets, term_offsets, out_offsets, out, 0, n)


def _as_sigmas(values: Any) -> tuple[float, ...]:
    """Raises ValueError where they are not positive numbers."""
    try:
        sigmas = tuple(float(value) for value in values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"sigmas must hold one number for each keypoint, got {values!r}") from error
    if not sigmas:
        raise ValueError("sigmas must hold one number for each keypoint, got none")
    for i, sigma in enumerate(sigmas):
        if not (math.isfinite(sigma) and sigma > 0):
            raise ValueError(f"sigmas[{i}] must be a finite number above 0, got {sigma}")
    return sigmas
