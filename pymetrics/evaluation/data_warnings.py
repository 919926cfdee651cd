"""Warnings about data that has an answer, but probably not the one that the user wants."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from .._warnings import warn
from ..formats.ids import joined_ids, label_positions, positions
from ..formats.source import LVIS_KEYS, Source
from . import stages
from .cells import group
from .columns import ID_ZERO, Columns, Side
from .outcomes import Outcomes

SHARE_LISTED = 0.95  # of the detections: other labels are worth a hint
SHARE_OUTSIDE, SHARE_INSIDE = 0.5, 0.05  # of the boxes of the side that seems to be xyxy, at least; of the other, less
SHARE_CORNERS = 0.95  # of its boxes, at least: x1 <= x2 and y1 <= y2
SAMPLE, MARGIN = 4096, 0.1  # boxes that are looked at first; all are, where their shares are this near


def warn_of_scale(gt: Source, dt: Source) -> None:
    """Boxes that look normalized but are not said to be, or the other way round; corners in the wrong order."""
    looks = []
    for source in (gt, dt):
        in_unit, highest = source.shape.scale_seems_wrong()
        if highest is not None:
            warn(f"the boxes of {source.side} are said to be normalized, but reach {highest:g}")
        if in_unit:
            looks.append(source)
    if looks:
        names = " and ".join(source.side for source in looks)
        can_be = looks[0].shape.format.can_be_normalized
        remedy = "say normalized=True and image_sizes" if can_be else "convert them to pixels"
        warn(
            f"all boxes of {names} lie in [0, 1]: if they are parts of the image, {remedy}; in pixels they all count "
            "as small"
        )


def warn_of_misuse(gt: Source, dt: Source, columns: Columns, given: set[str] | None = None) -> None:
    """What users often get wrong, one warning each with counts and examples.

    columns: of both sources. given: the names of the warnings that are not to be given again; filled.
    """
    given = set() if given is None else given
    checks = {
        "ignore": _unread_ignore,
        "lvis": _lvis_keys,
        "categories": _unlisted_categories,
        "layout": _layout,
        "sizes": _sizes_of_masks,
    }
    for name, check in checks.items():
        if name not in given:
            message = check(gt, dt, columns)
            if message is not None:
                given.add(name)
                warn(message)


def _unread_ignore(gt: Source, dt: Source, columns: Columns) -> str | None:
    if gt.unread_ignore is None:
        return None
    is_set = gt.unread_ignore == 1
    n = int(np.count_nonzero(is_set if gt.crowd is None else is_set & (gt.crowd == 0)))
    return (
        f"{n} of {len(gt)} annotations of gt have a nonzero 'ignore', which is not read, as in pycocotools: "
        "they count; use_ignore=True (--use-ignore) ignores them"
        if n
        else None
    )


def _lvis_keys(gt: Source, dt: Source, columns: Columns) -> str | None:
    if not gt.axes.has_lvis_keys:
        return None
    return (
        f"gt['images'] has {' or '.join(map(repr, LVIS_KEYS))}, as LVIS has; these are not read: the numbers follow "
        "COCO's rule and are not LVIS AP, which protocol='lvis' (--protocol lvis) gives"
    )


def _unlisted_categories(gt: Source, dt: Source, columns: Columns) -> str | None:
    """Detections of categories that gt does not list; a hint where other labels would be listed."""
    if gt.axes.categories is None or gt.indexed or not len(dt) or columns.dt.category.min() >= 0:
        return None
    dt, known = dt.on_host(), joined_ids(gt.axes.categories)
    places = label_positions(dt.category, known, gt.axes.names, dt.where)
    examples = [repr(label) for label in joined_ids(dt.category[places < 0])[:4].tolist()]
    shown = ", ".join(examples[:3]) + (", ..." if len(examples) > 3 else "")
    n = int(np.count_nonzero(places < 0))
    message = f"{n} of {len(dt)} detections are of categories that gt does not list ({shown}): they are left out"
    labels, k = dt.category, len(known)
    if labels.dtype.kind != "i" or known.dtype.kind != "i" or n <= (1 - SHARE_LISTED) * len(dt):
        return message
    shares = {
        "adding 1 to the labels": np.mean(positions(labels + 1, known) >= 0),
        "subtracting 1 from the labels": np.mean(positions(labels - 1, known) >= 0),
        f"taking 0 to {k - 1} for gt's sorted ids": np.mean((labels >= 0) & (labels < k)),
        f"taking 1 to {k} for gt's sorted ids": np.mean((labels >= 1) & (labels <= k)),
    }
    best = max(shares, key=lambda how: shares[how])
    if shares[best] < SHARE_LISTED:
        return message
    return f"{message}; {best} would make {100 * shares[best]:.1f} % of them listed"


def _sizes_of_masks(gt: Source, dt: Source, columns: Columns) -> str | None:
    """Detected masks of another size than that of the ground truth in their image."""
    if columns.shape.iou_type != "segm" or not len(gt) or not len(dt):
        return None
    sizes = np.full((len(columns.axes.image_ids), 2), -1, np.int64)
    sizes[columns.gt.image] = columns.gt.shape.sizes
    of_image = sizes[columns.dt.image]
    differ = np.flatnonzero((columns.dt.shape.sizes != of_image).any(axis=1) & (of_image[:, 0] >= 0))
    if not len(differ):
        return None
    first = differ[0]
    image = columns.axes.image_ids[columns.dt.image[first]].tolist()
    (h, w), (gt_h, gt_w) = columns.dt.shape.sizes[first].tolist(), of_image[first].tolist()
    return (
        f"{len(differ)} of {len(columns.dt.image)} masks of dt have another size than the ground truth of their image "
        f"(in image {image!r} {h} x {w} and {gt_h} x {gt_w}, height x width): masks of different sizes match nothing"
    )


def _layout(gt: Source, dt: Source, columns: Columns) -> str | None:
    """Boxes of one side that end outside their images, and those of the other side do not."""
    sizes = columns.axes.image_sizes
    if sizes is None or columns.shape.iou_type != "bbox":
        return None
    sides = {"gt": columns.gt, "dt": columns.dt}
    for source, other in ((gt, "dt"), (dt, "gt")):
        if source.shape.format.layout != "xywh":
            continue
        name = source.side
        looks = _outside(sides[name], sizes, SAMPLE)
        if looks.share < SHARE_OUTSIDE - MARGIN or _outside(sides[other], sizes, SAMPLE).share > SHARE_INSIDE + MARGIN:
            continue
        found, others = _outside(sides[name], sizes), _outside(sides[other], sizes)
        if found.share >= SHARE_OUTSIDE and others.n and others.share < SHARE_INSIDE and _may_be_corners(sides[name]):
            return (
                f"{found.n_outside} of {found.n} boxes of {name} end outside their image, of {other} "
                f"{others.n_outside} of {others.n}: if {name} holds x1, y1, x2, y2, say box_format='xyxy' where its "
                f"boxes are read, by pymetrics.read or {'GroundTruths' if name == 'gt' else 'Detections'}; on the "
                "command line, where --box-format is of all files, convert them to x, y, width, height"
            )
    return None


def _may_be_corners(side: Side) -> bool:
    """Whether the sizes of nearly all boxes could be their second corners: no x2 < x1, no y2 < y1."""
    boxes = side.shape[side.image >= 0]
    return bool(np.mean((boxes[:, 2] >= boxes[:, 0]) & (boxes[:, 3] >= boxes[:, 1])) >= SHARE_CORNERS)


class _Outside(NamedTuple):
    """n: boxes on images of known size. n_outside: those that end more than a pixel outside of theirs."""

    n: int
    n_outside: int

    @property
    def share(self) -> float:
        return self.n_outside / self.n if self.n else 0.0


def _outside(side: Side, sizes: Any, sample: int | None = None) -> _Outside:
    """sizes: float64 (images, 2). sample: look at about so many rows, evenly spread."""
    step = 1 if sample is None else max(1, len(side.image) // sample)
    image, boxes = side.image[::step], side.shape[::step]
    height, width = sizes[image, 0], sizes[image, 1]
    is_known = (image >= 0) & ~np.isnan(height) & ~np.isnan(width)
    with np.errstate(all="ignore"):
        is_outside = (boxes[:, 0] + boxes[:, 2] > width + 1) | (boxes[:, 1] + boxes[:, 3] > height + 1)
    return _Outside(int(np.count_nonzero(is_known)), int(np.count_nonzero(is_known & is_outside)))


def warn_of_zero_ids(outcomes: Outcomes, columns: Columns) -> None:
    """Match once more as if all ids were positive, where some are not, and warn if that comes out otherwise."""
    gt, dt = columns.gt, columns.dt
    if not isinstance(gt.flags, np.ndarray):  # on a GPU there are no ids: such data go to the host
        return
    kinds = []
    if gt.flags.size and (gt.flags & ID_ZERO).any():
        kinds.append("ground truths of id 0, whose detections count as unmatched")
    if dt.flags.size and dt.flags.any():
        kinds.append("detections of ids 0 and below, which leave their ground truths to others")
    if not kinds:
        return
    usual = replace(
        columns, dt=replace(dt, flags=dt.flags[:0]), gt=replace(gt, flags=gt.flags & np.uint8(255 - ID_ZERO))
    )
    other, _ = stages.match(usual, group(usual, outcomes.protocol.limit), outcomes.protocol)
    ours, theirs = ((o.matched & ~o.ignored, o.ignored) for o in (outcomes, other))
    if not all(map(np.array_equal, ours, theirs)):
        what = " and ".join(kinds)
        warn(f"the numbers follow pycocotools in a quirk: there are {what}. Remedy: number annotations from 1.")
