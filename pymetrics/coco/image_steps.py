"""pycocotools' steps for one image and category, which older evaluators call: _prepare, computeIoU, evaluateImg, ...

After _prepare one evaluation of all that it read answers the calls cell by cell, as long as no subclass overrides a
step, params and ious stay as they were, and _gts and _dts are not asked for. Otherwise each call computes its own cell.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from ..evaluation import stages
from ..evaluation.cells import Cells, group
from ..evaluation.columns import Columns
from ..formats.coco import where_of
from . import eval_imgs, evaluation_input
from .evaluation_input import by_cell, categories_of
from .lazy_dataset import Selection, as_loaded
from .params import OF_MASKS, Params
from .reading import images_of, names_of

Ann = dict[str, Any]
Key = tuple[Any, Any]
Rows = tuple[list[Ann] | Selection, list[Ann] | Selection]
STEPS = ("_prepare", "computeIoU", "computeOks", "evaluateImg")
_NOTHING: Any = []


class ImageSteps:
    """The steps. COCOeval adds what evaluates everything."""

    cocoGt: Any
    cocoDt: Any
    params: Params
    evalImgs: Any
    ious: Any
    eval: dict[str, Any]
    _rows: Rows
    _at_once: AtOnce | bool | None = None  # True: to be made at the first call after _prepare

    def _overrides(self, name: str) -> bool:
        return name in self.__dict__ or getattr(type(self), name) is not OWN_STEPS[name]

    def _load(self) -> tuple[list[Ann], list[Ann]]:
        gts, dts = (evaluation_input.load_rows(coco, self.params) for coco in (self.cocoGt, self.cocoDt))
        evaluation_input.mark_ignored(gts, self.params)
        return gts, dts

    def _columns_of(self, rows: Rows) -> tuple[Columns, tuple[Any, Any]]:
        """The columns of what was read, and the ids of both sides."""
        p = self.params
        images = images_of(self.cocoGt, p, rows[0]), images_of(self.cocoDt, p, rows[1])
        return evaluation_input.columns_of(rows, p, names_of(self.cocoGt), images)

    def _prepare(self) -> None:
        """Read the annotations that params name, by image and category, into _gts and _dts."""
        self._rows = self._load()
        for name in ("_gts", "_dts"):
            self.__dict__.pop(name, None)
        self._at_once = True
        self.evalImgs = defaultdict(list)
        self.eval = {}

    @cached_property
    def _gts(self) -> defaultdict[Key, list[Ann]]:
        return self._cells_of(0)

    @cached_property
    def _dts(self) -> defaultdict[Key, list[Ann]]:
        return self._cells_of(1)

    def _cells_of(self, side: int) -> defaultdict[Key, list[Ann]]:
        """The annotations of ground truth (0) or detections (1) by image and category; masks are written as RLEs."""
        rows = as_loaded(self._rows[side])
        if self.params.iouType in OF_MASKS:
            from .mask_rows import write_rles

            where = where_of(("gt['annotations']", "dt")[side])
            write_rles(rows, (self.cocoGt, self.cocoDt)[side].imgs, where)
        return by_cell(rows)

    def _cell(self, imgId: Any, catId: Any, p: Params) -> tuple[list[Ann], list[Ann]]:
        """The ground truths of one image and category, and the detections by falling score."""
        categories = [catId] if p.useCats else p.catIds
        gts, dts = ([row for c in categories for row in rows[imgId, c]] for rows in (self._gts, self._dts))
        order = np.argsort([-dt["score"] for dt in dts], kind="stable")
        return gts, [dts[i] for i in order]

    def _answers(self) -> AtOnce | None:
        """The evaluation of what _prepare read; None where a call has to compute its own cell."""
        found = self._at_once
        if found is None:
            return None
        if "_gts" in self.__dict__ or "_dts" in self.__dict__ or (found is True and any(map(self._overrides, STEPS))):
            self._at_once = found = None
        elif found is True:
            self._at_once = found = AtOnce.of(self)
        return found  # type: ignore[return-value]

    def computeIoU(self, imgId: Any, catId: Any) -> Any:
        """Overlaps of one image and category, (detections by falling score, ground truths); [] where one is empty."""
        known = None if self.params.iouType == "keypoints" else self._known_overlaps(imgId, catId)
        if known is not None:
            return known
        p, rows = self.params, self._cell(imgId, catId, self.params)
        if p.iouType == "boundary":
            images = images_of(self.cocoGt, p, rows[0]), images_of(self.cocoDt, p, rows[1])
            columns, _ = evaluation_input.columns_of(rows, p, {}, images)
            return overlaps_by_cell(columns, group(columns, p.maxDets[-1]), p).get((imgId, catId), [])
        return evaluation_input.compute_iou(*rows, p)

    def computeOks(self, imgId: Any, catId: Any) -> Any:
        """As computeIoU, of keypoints: object keypoint similarity."""
        from .pose_rows import compute_oks

        known = self._known_overlaps(imgId, catId) if self.params.iouType == "keypoints" else None
        if known is not None:
            return known
        return compute_oks(self._gts[imgId, catId], self._dts[imgId, catId], self.params)

    @property
    def _compute(self) -> Callable[[Any, Any], Any]:
        return self.computeOks if self.params.iouType == "keypoints" else self.computeIoU

    def _known_overlaps(self, imgId: Any, catId: Any) -> Any:
        """What the evaluation of all cells found; None where it cannot answer."""
        own = self.__dict__
        known = own.get("_at_once")
        if type(known) is not AtOnce or "_gts" in own or "_dts" in own:
            known = self._answers()
        if known is None or self.params.useCats is not known.use_cats:
            return None
        block = known.overlaps.get((imgId, catId))
        if block is None:
            return []
        return block.copy() if known.holds(self.params) else None

    def evaluateImg(self, imgId: Any, catId: Any, aRng: Any, maxDet: int) -> eval_imgs.Entry | None:
        """Match one image and category within one area range: an entry of evalImgs, or None where nothing is there."""
        own = self.__dict__
        known = own.get("_at_once")
        if type(known) is not AtOnce or "_gts" in own or "_dts" in own:
            known = self._answers()
        if known is not None and self.params.useCats is known.use_cats:
            entries = known.entries.get((imgId, catId))
            if entries is None:
                return None
            if known.holds(self.params):
                overlaps = self.__dict__.get("ious", {}).get((imgId, catId), _NOTHING)
                entry = known.taken(entries, imgId, catId, aRng, maxDet, overlaps)
                if entry is not None:
                    return entry
        return self._evaluated(imgId, catId, aRng, maxDet)

    def _evaluated(self, imgId: Any, catId: Any, aRng: Any, maxDet: int) -> eval_imgs.Entry | None:
        gts, dts = self._cell(imgId, catId, self.params)
        if not gts and not dts:
            return None
        known = self.__dict__.get("ious", {})
        ious = known[imgId, catId] if (imgId, catId) in known else self._compute(imgId, catId)
        for gt in gts:
            # NO_MARKS: this is the only place where it is written
            gt["_ignore"] = int(bool(gt["ignore"] or gt["area"] < aRng[0] or gt["area"] > aRng[1]))
        order = np.argsort([gt["_ignore"] for gt in gts], kind="stable")
        gts, dts = [gts[i] for i in order], dts[:maxDet]
        ignored = [gt["_ignore"] for gt in gts]
        thresholds = [float(t) for t in self.params.iouThrs]
        ious = ious[:, order] if len(ious) else np.zeros((0, 0))
        dt_matches, gt_matches, dt_ignored = eval_imgs.match_one(ious, gts, dts, ignored, thresholds)
        outside = np.array([dt["area"] < aRng[0] or dt["area"] > aRng[1] for dt in dts], bool)
        return eval_imgs.entry(
            imgId, catId, aRng, maxDet, [dt["id"] for dt in dts], [gt["id"] for gt in gts],
            dt_matches, gt_matches, [dt["score"] for dt in dts], np.array(ignored),
            dt_ignored | (outside & (dt_matches == 0)),
        )  # fmt: skip


class AtOnce:
    """One evaluation of all cells, to be asked cell by cell.

    overlaps: (detections, ground truths) by image and category, where there are both. entries: of evalImgs, one per
    area range, by image and category, where there is anything; each is given out once.
    """

    def __init__(self, p: Params, overlaps: dict[Key, Any], entries: dict[Key, list[eval_imgs.Entry | None]]) -> None:
        self.overlaps, self.entries, self.use_cats = overlaps, entries, p.useCats
        self._p, self._areas = p, [list(pair) for pair in p.areaRng]
        self._state = np.asarray(p.iouThrs).tobytes(), list(p.maxDets), len(p.catIds), p.iouType

    @classmethod
    def of(cls, steps: ImageSteps) -> AtOnce | None:
        """None where it could not answer every call: an id twice, limits that do not rise, data that are refused."""
        p = steps.params
        if len(set(p.imgIds)) < len(p.imgIds) or (p.useCats and len(set(p.catIds)) < len(p.catIds)):
            return None
        if not p.maxDets or p.maxDets[-1] != max(p.maxDets):
            return None
        if p.iouType == "keypoints" and not p.useCats:  # BLACKOUT
            return None
        try:
            protocol = evaluation_input.protocol_of(p)
            columns, ids = steps._columns_of(steps._rows)
        except (IndexError, KeyError, TypeError, ValueError):
            return None  # the cell that holds the cause raises its own exception
        cells = group(columns, protocol.limit)
        outcomes, matches = stages.match(columns, cells, protocol, keep_matches=True)
        assert matches is not None
        gts, dts = (evaluation_input.in_order(as_loaded(rows), p) for rows in steps._rows)
        categories = categories_of(p)
        found = eval_imgs.from_matches(outcomes, matches, columns, cells, (gts, dts), ids, p, categories)
        by_place: dict[Key, list[eval_imgs.Entry | None]] = {}
        n_areas, n_images = len(p.areaRng), len(p.imgIds)
        for k, image in zip(cells.category().tolist(), cells.image.tolist(), strict=True):
            entries = found[k * n_areas * n_images + image : (k + 1) * n_areas * n_images : n_images]
            by_place[p.imgIds[image], categories[k]] = entries
        return cls(p, overlaps_by_cell(columns, cells, p), by_place)

    def holds(self, p: Params) -> bool:
        """Whether the parameters are those that were evaluated."""
        thresholds, limits, n_categories, iou_type = self._state
        return (
            p is self._p
            and list(p.maxDets) == limits
            and len(p.catIds) == n_categories
            and p.iouType == iou_type
            and np.asarray(p.iouThrs).tobytes() == thresholds
        )

    def taken(
        self, entries: list[eval_imgs.Entry | None], image: Any, category: Any, area_range: Any, limit: int, ious: Any
    ) -> eval_imgs.Entry | None:
        """The entry, which is then given away; None where the call asks for something else, or has other overlaps."""
        if limit != self._p.maxDets[-1]:
            return None
        block = self.overlaps.get((image, category))
        if ious is not _NOTHING and not _is_equal(ious, block):
            return None
        for a, pair in enumerate(self._p.areaRng):
            if pair is area_range and list(pair) == self._areas[a]:
                entry, entries[a] = entries[a], None
                return entry
        return None


def _is_equal(ious: Any, block: Any) -> bool:
    if block is None:
        return len(ious) == 0
    return type(ious) is np.ndarray and ious.shape == block.shape and bool(ious.tobytes() == block.tobytes())


def overlaps_by_cell(columns: Columns, cells: Cells, p: Params) -> dict[Key, Any]:
    """The overlaps by (image id, category id), (detections by falling score, ground truths), where there are both."""
    categories = categories_of(p)
    values = columns.shape.overlaps(columns.dt, columns.gt, cells)
    offsets, n_dt = cells.pair_offsets(), np.diff(cells.dt_offsets)
    category = cells.category()
    places = zip(
        category.tolist(), cells.image.tolist(), n_dt.tolist(), offsets.tolist(), offsets[1:].tolist(), strict=False
    )
    return {
        (p.imgIds[image], categories[k]): values[begin:end].reshape(n, -1).copy()
        for k, image, n, begin, end in places
        if begin < end
    }


OWN_STEPS: Mapping[str, Any] = {name: getattr(ImageSteps, name) for name in STEPS}
