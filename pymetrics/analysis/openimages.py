"""Open Images' average precision of boxes: groups, a hierarchy of categories, verified labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import kernels
from .._records import record
from ..evaluation.cells import Cells, group
from ..evaluation.columns import GROUP_OF, Columns, Side
from ..evaluation.result import Result
from ..evaluation.summary import UNDEFINED
from .confusion_rules import counts_for_tools
from .counted import require_data, require_number
from .hierarchy import Hierarchy, places_of_categories
from .voc import OneAverageEach

if TYPE_CHECKING:
    from .._arrays import F64, I64, Bool, Ids

RIGHT, IGNORED = 1, 2
TO_IGNORE, GROUP = 1, 2  # bits of the kind of a ground truth, as the kernel match_groups takes it


@record
class OpenImages(OneAverageEach):
    """Open Images' average precisions.

    category_ids: (K,). n_gt: float64 (K,), ground truths that count, groups by their weight. average: float64 (K,), -1
    without any.
    """

    iou: float
    group_of_weight: float
    category_ids: Ids
    category_names: Any
    n_gt: F64
    average: F64

    def __repr__(self) -> str:
        return (
            f"<OpenImages iou={self.iou:g} group_of_weight={self.group_of_weight:g} map={self.map:.4f} of "
            f"{int((self.n_gt > 0).sum())} categories>"
        )


def openimages(
    result: Result,
    hierarchy: Mapping[str, Any] | None = None,
    verified: Mapping[Any, Iterable[Any] | Mapping[Any, Any]] | None = None,
    group_of_weight: float = 1.0,
    iou: float = 0.5,
) -> OpenImages:
    """The average precision of the Open Images challenge.

    By falling score each detection points at the ground truth of its image and category with the highest overlap (of
    equals the first), taken or not; groups are none of these. From the overlap `iou` on it is right where that one was
    not found before, and ignored where it is to be ignored. What is not right then goes to the group of the category
    (`GroundTruths(group_of=)`) that covers most of its area, if this is the share `iou` at least, and is removed. A
    group that got any is one right detection of weight `group_of_weight`, at their highest score; one that got none is
    missed, with that weight. The area is that under the highest precisions; detections without an area are left out.

    Source: tensorflow/models, research/object_detection: OpenImagesDetectionChallengeEvaluator, and with
    `group_of_weight=0` and without `verified` OpenImagesDetectionEvaluator (V2); the hierarchy:
    dataset_tools/oid_hierarchical_labels_expansion.py. Of equal scores the earlier image and row comes first (their
    sort is not stable).

    Args:
        result: of `evaluate`, or of an Accumulator with keep_data=True: the data is beside the result.
        hierarchy: as Open Images' JSON file has it: {"LabelName": root, "Subcategory": [{"LabelName": ...}, ...]}.
            Labels are ids of categories, or names. Ground truths count for all ancestors of their category, too, but
            for the root. Detections do not.
        verified: categories by image that were judged there. Detections of categories that are neither judged nor
            boxed in their image are left out; None: none of them. The categories of an image are a list, or a dict that
            says whether each is there; then with a hierarchy the ancestors of those that are, and the descendants of
            those that are not, are judged, too. Images and categories that the result does not have are skipped.
        group_of_weight: of groups, at least 0. 0: they only remove detections.
        iou: the overlap, in [0, 1].

    Raises:
        TypeError: hierarchy or verified is no mapping of this form.
        ValueError: a number is out of range; the data is not at hand, or is no boxes; an ancestor of a ground truth's
            category is not one of the result's categories; verified has no image or no category of the result.
    """
    weight, iou = require_number("group_of_weight", group_of_weight, 0), require_number("iou", iou, 0, 1)
    columns, _ = require_data(result, "openimages")
    if columns.shape.iou_type != "bbox":
        raise ValueError(f"openimages needs boxes, got the IoU type {columns.shape.iou_type!r}")
    tree = None if hierarchy is None else Hierarchy(hierarchy, columns.axes)
    gt = columns.gt if tree is None else tree.with_ancestors(columns.gt)
    columns = replace(columns, gt=gt)
    dt, truth = (_corners(side.shape) for side in (columns.dt, gt))
    leaves_out = (dt[:, 2] <= dt[:, 0]) | (dt[:, 3] <= dt[:, 1])
    if verified is not None:
        leaves_out |= ~_is_judged(columns.dt, _judged(columns, verified, tree), len(columns.axes.category_ids))
    category = np.where(leaves_out, np.int32(-1), columns.dt.category)
    columns = replace(columns, dt=replace(columns.dt, category=category))
    cells, counts = group(columns, max(len(category), 1)), counts_for_tools(columns)
    is_group = gt.flags & GROUP_OF != 0 if len(gt.flags) else np.zeros(len(counts), np.bool_)
    kinds = (np.where(counts, 0, TO_IGNORE) | np.where(is_group, GROUP, 0)).astype(np.uint8)
    status, group_of = np.empty(len(cells.dt_rows), np.uint8), np.empty(len(cells.dt_rows), np.int32)
    kernels.match_groups(
        dt[cells.dt_rows], truth[cells.gt_rows], kinds[cells.gt_rows], cells.dt_offsets, cells.gt_offsets, iou, status,
        group_of, 0, len(cells),
    )  # fmt: skip
    worth = np.where(counts, np.where(is_group, weight, 1.0), 0.0)[cells.gt_rows]
    n_gt = np.zeros(len(columns.axes.category_ids))
    np.add.at(n_gt, gt.category[cells.gt_rows], worth)
    average = np.full(len(n_gt), UNDEFINED)
    weights, starts = _found(cells, status, group_of, worth)
    for k in np.flatnonzero(n_gt > 0).tolist():
        average[k] = _average_precision(weights[starts[k] : starts[k + 1]], n_gt[k])
    return OpenImages(iou, weight, columns.axes.category_ids, columns.axes.category_names, n_gt, average)


def _corners(boxes: Any) -> Any:
    """float64 (N, 4): x1, y1, x2, y2 of boxes x, y, width, height."""
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def _judged(columns: Columns, verified: Any, tree: Hierarchy | None) -> I64:
    """int64, places image * K + category that are judged: those with ground truths, and those that `verified` names."""
    if not isinstance(verified, Mapping):
        raise TypeError(f"verified must be a dict of categories by image, got {type(verified).__name__}")
    axes, gt, n_categories = columns.axes, columns.gt, len(columns.axes.category_ids)
    image_of = {id: i for i, id in enumerate(axes.image_ids.tolist())}
    category_of, found, any_image, any_category = places_of_categories(axes), [], False, False
    for image, categories in verified.items():
        if isinstance(categories, (str, bytes)) or not isinstance(categories, Iterable):
            raise TypeError(f"verified[{image!r}] must hold categories, got {categories!r}")
        place = image_of.get(image)
        any_image |= place is not None
        for category in categories:
            labels = {category}
            if tree is not None and isinstance(categories, Mapping):
                labels |= (tree.ancestors if categories[category] else tree.descendants).get(category, set())
            known = [category_of[label] for label in labels if label in category_of]
            any_category |= bool(known)
            found += [] if place is None else [place * n_categories + k for k in known]
    if any(True for _ in verified.values()) and not any_image:
        raise ValueError(f"verified has no image of the result: its first is {next(iter(verified))!r}")
    if any(len(list(categories)) for categories in verified.values()) and not any_category:
        raise ValueError("verified has no category of the result: categories are ids, or names where they have names")
    boxed = (gt.image.astype(np.int64) * n_categories + gt.category)[(gt.image >= 0) & (gt.category >= 0)]
    return np.concatenate([boxed, np.array(found, np.int64)])


def _is_judged(dt: Side, judged: I64, n_categories: int) -> Bool:
    return np.isin(dt.image.astype(np.int64) * n_categories + dt.category, judged)


def _found(cells: Cells, status: Any, group_of: Any, worth: F64) -> tuple[F64, I64]:
    """Weights of what counts as a detection, by category and falling score, and where each category begins.

    float64 (n,) and int64 (K + 1,). Of equal scores the earlier image comes first, and in it detections before groups.
    """
    cell_of = np.repeat(np.arange(len(cells)), np.diff(cells.dt_offsets))
    kept, taken = status != IGNORED, group_of >= 0
    highest = np.zeros(len(worth))
    np.maximum.at(highest, group_of[taken], cells.scores[taken])
    groups = np.flatnonzero((highest > 0) & (worth > 0))
    cell_of_group = np.repeat(np.arange(len(cells)), np.diff(cells.gt_offsets))[groups]
    scores = np.concatenate([cells.scores[kept], highest[groups]])
    weights = np.concatenate([(status[kept] == RIGHT).astype(np.float64), worth[groups]])
    cell = np.concatenate([cell_of[kept], cell_of_group])
    order = np.argsort(cell, kind="stable")
    order = order[np.argsort(-scores[order], kind="stable")]
    category = cells.category()[cell[order]]
    starts = np.zeros(len(cells.category_cells), np.int64)
    np.add.at(starts, category + 1, 1)
    return weights[order[np.argsort(category, kind="stable")]], np.cumsum(starts)


def _average_precision(weights: F64, n_gt: float) -> float:
    """The area under the falling envelope. weights: float64 (n,), 0 of what is wrong, by falling score."""
    right, wrong = np.cumsum(weights), np.cumsum((weights <= 0).astype(np.float64))
    recall = np.concatenate([[0.0], right / n_gt, [1.0]])
    precision = np.concatenate([[0.0], right / (right + wrong), [0.0]])
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    steps = np.flatnonzero(recall[1:] != recall[:-1]) + 1
    return float(((recall[steps] - recall[steps - 1]) * envelope[steps]).sum())
