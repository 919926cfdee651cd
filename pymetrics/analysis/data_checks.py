"""What may be wrong with the data of an evaluation: other ids, another layout, another scale, missing images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .._records import record
from ..evaluation.cells import group
from ..evaluation.columns import Axes, Columns, Side
from ..evaluation.shapes.boxes import Boxes
from ..formats.boxes import LAYOUTS, to_xywh
from ..formats.ids import joined_ids, positions
from ..formats.source import Source
from .rule_overlaps import best_ground_truths

PER_IMAGE = 20  # detections of an image that are looked at, those of the highest scores
OVERLAP = 0.5
LEAST_SHARE, LEAST_GAIN, LEAST_COUNT = 0.1, 2, 5  # a cure must make so many fit, and so many times those that fit now
LARGEST_PART = 1.5  # of boxes in parts of the image
STRIDE, NEAR = 32, 1.02  # detectors resize images to multiples of it


@record
class DataCheck:
    """Something that is likely wrong with the data.

    kind: "category_ids", "image_ids", "layout", "scale" or "missing_images". message: what was seen, with counts. cure:
    what to do, in words. rules: fields of `pymetrics.analysis.Rules` that have the effect of the cure; empty where the
    data must be changed.
    """

    kind: str
    message: str
    cure: str
    rules: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dict(vars(self))


def data_checks(gt: Source, dt: Source) -> list[DataCheck]:
    """What is likely wrong with ground truth and detections, on the host, boxes in pixels.

    Where boxes are in parts of the images, or no row can be compared, only ids and images are looked at.
    """
    if not len(gt) or not len(dt) or gt.image.dtype.kind != dt.image.dtype.kind:
        return []
    known = joined_ids(gt.image if gt.axes.images is None else gt.axes.images)
    if not len(known):
        return []
    checks = list(_missing_images(gt, dt, known))
    if gt.shape.needs_sizes or dt.shape.needs_sizes:
        return checks
    scene = _Scene(gt, dt, known)
    image = positions(dt.image, known)
    now = scene.located(scene.gt_boxes, scene.dt_boxes, image)
    found = [
        *_image_ids(scene, dt, known, now),
        *_layouts(scene, gt, dt, image, now),
        *_scales(scene, gt, image, now),
        *_category_ids(gt, dt, now),
    ]
    if found and found[0].kind == "image_ids":
        return found[:1]  # no image is missing
    return found[:1] + checks  # one at a time: what is wrong hides other faults, and looks like them


class _Located:
    """rows, gt_rows: detections that overlap a ground truth of any category by half, and these. n: those looked at."""

    def __init__(self, rows: Any, gt_rows: Any, n: int) -> None:
        self.rows, self.gt_rows, self.n = rows, gt_rows, n

    @property
    def share(self) -> float:
        return len(self.rows) / self.n if self.n else 0.0


class _Scene:
    """Boxes of both sides, and which detections lie on ground truths under some assumption."""

    def __init__(self, gt: Source, dt: Source, known: Any) -> None:
        self.gt_boxes, self.dt_boxes = (to_xywh(side.shape.values, side.shape.format.layout) for side in (gt, dt))
        self.scores = np.asarray(dt.scores, np.float64)
        self.gt_image, self.known = positions(gt.image, known), known
        self.axes = Axes(known, np.zeros(1, np.int64))

    def located(self, gt_boxes: Any, dt_boxes: Any, dt_image: Any) -> _Located:
        """dt_image: int32 (N,), places of images, negative: none."""
        gt, dt = (
            Side(image, np.minimum(image, 0), boxes, np.empty(0), np.zeros(len(image), np.uint8), scores)
            for image, boxes, scores in (
                (self.gt_image, gt_boxes, np.empty(0)),
                (dt_image.astype(np.int32), dt_boxes, self.scores),
            )
        )
        columns = Columns(gt, dt, self.axes, Boxes())
        cells, rows, gt_rows = group(columns, PER_IMAGE), [], []
        for part, _, _ in cells.blocks():
            best, place = best_ground_truths(columns.shape.overlaps(columns.dt, columns.gt, part), part)
            hit = np.flatnonzero(best >= OVERLAP)
            rows.append(part.dt_rows[hit])
            gt_rows.append(part.gt_rows[place[hit]])
        none = np.empty(0, np.int32)
        n = int(min(len(dt_boxes), PER_IMAGE * len(self.known)))
        return _Located(np.concatenate([none, *rows]), np.concatenate([none, *gt_rows]), n)


def _is_better(now: int, then: int, n: int) -> bool:
    return then >= LEAST_COUNT and then >= LEAST_GAIN * now and then >= LEAST_SHARE * n


def _missing_images(gt: Source, dt: Source, known: Any) -> Iterator[DataCheck]:
    with_objects = np.unique(positions(gt.image, known))
    missing = np.setdiff1d(with_objects[with_objects >= 0], positions(dt.image, known))
    if len(missing):
        shown = ", ".join(repr(id) for id in known[missing[:3]].tolist()) + (", ..." if len(missing) > 3 else "")
        yield DataCheck(
            "missing_images",
            f"{len(missing)} of {len(with_objects)} images with ground truth have no detection ({shown})",
            "if the detector has not seen them, leave them out: images='with_detections' in Rules",
            {"images": "with_detections"},
        )


def _image_ids(scene: _Scene, dt: Source, known: Any, now: _Located) -> Iterator[DataCheck]:
    if known.dtype.kind != "i":
        return
    n = len(known)
    hows = {
        "add 1 to the image ids of dt": positions(dt.image + 1, known),
        "subtract 1 from the image ids of dt": positions(dt.image - 1, known),
        f"take 0 to {n - 1} for gt's sorted image ids": np.where((dt.image >= 0) & (dt.image < n), dt.image, -1),
        f"take 1 to {n} for gt's sorted image ids": np.where((dt.image > 0) & (dt.image <= n), dt.image - 1, -1),
    }
    found = {how: len(scene.located(scene.gt_boxes, scene.dt_boxes, image).rows) for how, image in hows.items()}
    best = max(found, key=lambda how: found[how])
    if _is_better(len(now.rows), found[best], now.n):
        message = f"{len(now.rows)} of {now.n} detections lie on an object of their image"
        yield DataCheck("image_ids", message, f"{best}, which makes it {found[best]}", {})


def _layouts(scene: _Scene, gt: Source, dt: Source, image: Any, now: _Located) -> Iterator[DataCheck]:
    best, count = None, 0
    for side in (dt, gt):
        for layout in LAYOUTS["bbox"]:
            if layout == side.shape.format.layout:
                continue
            boxes = to_xywh(side.shape.values, layout)
            pair = (scene.gt_boxes, boxes) if side is dt else (boxes, scene.dt_boxes)
            n = len(scene.located(*pair, image).rows)
            if n > count:
                best, count = (side.side, layout, side.shape.format.layout), n
    if best and _is_better(len(now.rows), count, now.n):
        name, layout, read = best
        yield DataCheck(
            "layout",
            f"{len(now.rows)} of {now.n} detections lie on an object; with the boxes of {name} read as {layout} in "
            f"place of {read} it is {count}",
            f"say box_format={layout!r} where {name} is read"
            + (f", or dt_layout={layout!r} in Rules" if name == "dt" else ""),
            {"dt_layout": layout} if name == "dt" else {},
        )


def _scales(scene: _Scene, gt: Source, image: Any, now: _Located) -> Iterator[DataCheck]:
    """Detections in the pixels of images that were resized."""
    found = []
    for how, boxes in _rescaled(scene, _sizes(gt, scene.known), image):
        found.append((len(scene.located(scene.gt_boxes, boxes, image).rows), how))
    count, how = max(found, key=lambda one: one[0], default=(0, ""))
    if _is_better(len(now.rows), count, now.n):
        yield DataCheck(
            "scale",
            f"{len(now.rows)} of {now.n} detections lie on an object; if they are {how} it is {count}",
            "scale the boxes of dt back to the pixels of gt's images",
            {},
        )


def _rescaled(scene: _Scene, sizes: Any, image: Any) -> Iterator[tuple[str, Any]]:
    """What the boxes of the detections may be, and these boxes in the pixels of gt. sizes: (images, 2) or None."""
    boxes = scene.dt_boxes
    ends, gt_ends = (side[:, :2] + side[:, 2:] for side in (boxes, scene.gt_boxes))
    reach, gt_reach = ends.max(axis=0), gt_ends.max(axis=0)
    if not ((reach > 0) & (gt_reach > 0)).all():
        return
    for of, gt_of in ((reach, gt_reach), (np.median(ends, axis=0), np.median(gt_ends, axis=0))):
        if ((of > 0) & (gt_of > 0)).all():
            factors = of / gt_of
            yield f"larger or smaller by a factor of about {factors[0]:.2g}", boxes / np.tile(factors, 2)
    if sizes is None:
        return
    size = sizes[image][:, ::-1]  # width, height
    if reach.max() <= LARGEST_PART:
        yield "in parts of the image", boxes * np.tile(size, 2)
    width, height = (_side(value) for value in reach)
    yield f"of images resized to {width} x {height}", boxes * np.tile(size / np.array([width, height], np.float64), 2)
    longer = max(width, height)
    factor = size.max(axis=1, keepdims=True) / float(longer)
    yield f"of images whose longer side was resized to {longer}", boxes * factor
    margin = (float(longer) - size / factor) / 2
    low = (boxes[:, :2] - margin) * factor
    yield f"of images resized into the middle of {longer} x {longer}", np.concatenate([low, boxes[:, 2:] * factor], 1)


def _side(reach: float) -> int:
    """The likely length of a side that boxes reach up to: the next multiple of 32, if it is near."""
    multiple = STRIDE * int(np.ceil(reach / STRIDE - 1e-3))
    return multiple if multiple <= reach * NEAR else int(np.ceil(reach))


def _sizes(gt: Source, known: Any) -> Any:
    """float64 (images, 2): height and width of the images in ascending order of ids; or None."""
    if gt.axes.sizes is None or gt.axes.images is None or np.isnan(gt.axes.sizes).any():
        return None
    sizes = np.empty((len(known), 2))
    sizes[positions(gt.axes.images, known)] = gt.axes.sizes
    return sizes


def _category_ids(gt: Source, dt: Source, now: _Located) -> Iterator[DataCheck]:
    """Labels of detections that lie on objects, beside the labels of these."""
    known = joined_ids(gt.category if gt.axes.categories is None else gt.axes.categories)
    are_integers = all(ids.dtype.kind == "i" for ids in (known, dt.category, gt.category))
    if not are_integers or not len(known) or not len(now.rows):
        return
    want, labels, k = gt.category[now.gt_rows], dt.category[now.rows], len(known)
    padded = np.append(known, known.min() - 1)
    hows = {
        "add_1": ("add 1 to the category ids of dt", labels + 1),
        "subtract_1": ("subtract 1 from the category ids of dt", labels - 1),
        "from_0": (
            f"take 0 to {k - 1} for gt's sorted category ids",
            padded[np.where((labels < 0) | (labels >= k), k, labels)],
        ),
        "from_1": (
            f"take 1 to {k} for gt's sorted category ids",
            padded[np.where((labels < 1) | (labels > k), k, labels - 1)],
        ),
    }
    same = int(np.count_nonzero(labels == want))
    found = {rule: int(np.count_nonzero(other == want)) for rule, (_, other) in hows.items()}
    best = max(found, key=lambda rule: found[rule])
    if _is_better(same, found[best], len(labels)):
        yield DataCheck(
            "category_ids",
            f"{same} of {len(labels)} detections that lie on an object have its category",
            f"{hows[best][0]}, which makes it {found[best]}: category_map={best!r} in Rules",
            {"category_map": best},
        )
